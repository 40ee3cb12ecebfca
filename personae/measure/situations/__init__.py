"""Situations with actions to choose from."""
