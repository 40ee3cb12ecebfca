"""What all groups of commands have in common: their help, and how they print a report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

if TYPE_CHECKING:
    from personae.core import Report

__all__ = [
    "ALIKE",
    "FULL",
    "WHOLE",
    "Commands",
    "WholeSentences",
    "report_page",
    "show_report",
    "takes_full",
]

ALIKE = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Whole(click.IntRange):
    """Counts and seeds; help shows no range, since nobody needs a seed that is larger."""

    name = "n"

    def convert(
        self,
        value: Any,  # noqa: ANN401
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """Convert to a number that every generator takes as its seed; the error names the range."""
        return int(click.IntRange(self.min, self.max).convert(value, param, ctx))

    def _describe_range(self) -> str:
        return ""


WHOLE = _Whole(0, 2**32 - 1)
MOST = 200
"""Characters of a sentence in a list of commands."""

_HELP = "Print the whole report instead of 40 lines."
FULL = click.Option(["--full"], is_flag=True, help=_HELP)
takes_full = click.option("--full", is_flag=True, help=_HELP)
"""Gives a command's function the option --full."""


class WholeSentences(click.Group):
    """A group whose help shows each command's first sentence whole, in sections if it has any."""

    sections: ClassVar[Mapping[str, Sequence[str]]] = {}
    """Section -> its commands; commands without a section are listed under Commands."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, unless --help is the only one, then the commands."""
        if self.params:
            super().format_options(ctx, formatter)
        else:
            self.format_commands(ctx, formatter)

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


def report_page(folder: Path | None) -> Path | str:
    """The page that `write_report` writes to a folder, or how to get one."""
    return "--out FOLDER" if folder is None else folder / "report.html"


def show_report(report: "Report", *, full: bool, page: Path | str = "") -> None:
    """Print a report; a summary names `page` as the place of the whole one."""
    from rich.console import Console

    from personae.report.render.terminal import print_report, print_summary

    if full:
        print_report(report, Console())
    else:
        print_summary(report, Console(), f"--full, or {page}" if page else "--full")
