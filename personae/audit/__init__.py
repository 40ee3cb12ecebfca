"""Paired designs with and without a persona: what it breaks, what it moves, and by how much."""
