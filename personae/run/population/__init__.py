"""Generates populations into files: shards, rounds of regeneration, the result."""
