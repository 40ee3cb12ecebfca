"""Implicit profiles of users, found in conversations."""
