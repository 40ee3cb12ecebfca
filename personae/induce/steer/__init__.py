"""Inductions inside an open model: directions, vectors, edits."""
