"""Readers of personality in texts, tested on held-out authors."""
