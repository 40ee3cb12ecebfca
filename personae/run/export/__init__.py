"""Finished runs, opened and written for other tools."""
