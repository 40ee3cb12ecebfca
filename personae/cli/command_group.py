"""What all groups of commands have in common."""

import click

__all__ = ["ALIKE", "WHOLE", "Commands"]

ALIKE = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
WHOLE = click.IntRange(0, 2**32 - 1)
"""Counts and seeds: no generator takes a larger seed."""


class Commands(click.Group):
    """A group whose unknown commands are answered with near matches."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command by name."""
        if cmd_name not in self.commands:
            from personae.core import UnknownName

            raise UnknownName("command", cmd_name, self.commands)
        return super().get_command(ctx, cmd_name)
