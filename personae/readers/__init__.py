"""Trained readers: text in, Answers out."""
