"""Implementations of the model Protocols: local engine, server client, journal, wrappers."""
