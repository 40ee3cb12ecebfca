"""Readers of personality in texts, tested on authors that they never met."""
