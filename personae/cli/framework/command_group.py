"""The common base of all groups of commands."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import click

__all__ = ["ALIKE", "WHOLE", "Commands", "WholeSentences"]

ALIKE = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
WHOLE = click.IntRange(0, 2**32 - 1)
"""Counts and seeds: no generator takes a larger seed."""
MOST = 200
"""Characters of a sentence in a list of commands."""


class WholeSentences(click.Group):
    """A group whose help shows each command's first sentence whole, in sections if it has any."""

    sections: ClassVar[Mapping[str, Sequence[str]]] = {}
    """Section -> its commands; commands without a section are listed under Commands."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, section by section."""
        sectioned = {name for names in self.sections.values() for name in names}
        unsectioned = [name for name in self.list_commands(ctx) if name not in sectioned]
        for title, names in {**self.sections, "Commands": unsectioned}.items():
            commands = [(name, self.get_command(ctx, name)) for name in names]
            rows = [
                (name, command.get_short_help_str(MOST)) for name, command in commands if command
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


class Commands(WholeSentences):
    """A group whose unknown commands are answered with near matches."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command by name."""
        if cmd_name not in self.commands:
            from personae.core import UnknownName

            raise UnknownName("command", cmd_name, self.commands)
        return super().get_command(ctx, cmd_name)
