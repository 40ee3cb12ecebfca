"""A report on the terminal: in forty lines, or whole with --full."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from personae.core import Report

__all__ = ["FULL", "report_page", "show_report", "takes_full"]

_HELP = "Print the whole report instead of 40 lines."
FULL = click.Option(["--full"], is_flag=True, help=_HELP)
takes_full = click.option("--full", is_flag=True, help=_HELP)
"""Gives a command's function the option --full."""


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
