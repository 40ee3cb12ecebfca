"""The command line: here strings become objects, and nowhere else."""

from personae.cli.commands import main

__all__ = ["main"]
