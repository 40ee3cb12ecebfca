"""Executes studies: manifest, journal, resume."""
