"""Paired designs with and without a persona: what it breaks, and by how much."""
