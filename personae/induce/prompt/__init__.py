"""Inductions by words."""
