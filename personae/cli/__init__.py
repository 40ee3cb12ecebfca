"""The command line, the only room that converts strings to objects."""

from personae.cli.commands import main

__all__ = ["main"]
