"""The registry of studies: the listing of their directory, with a header as each one's record.

A study is a function of the same name as its file. Its module docstring begins with one sentence
and holds the lines Paper, Asks, Differs and Version; its signature is its command line.
"""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import cast

from personae.core import Report
from personae.core.files.headers import Header, find_header, function_of, read_header, read_headers

__all__ = ["find_study", "load_function", "studies"]

FIELDS = ("System", "Paper", "Asks", "Differs", "Version")


def studies() -> tuple[Header, ...]:
    """Read the headers of all studies in alphabetical order, the persona card before them."""
    card = Path(str(files("personae.card"))) / "card.py"
    return (
        read_header(card, "personae.card", "study", FIELDS),
        *read_headers("personae.studies", "study", FIELDS),
    )


def find_study(name: str) -> Header:
    """Find a study by name; hyphens and underscores are alike.

    Raises:
        UnknownName: no study is called so; carries near matches.
    """
    return find_header("study", name, studies())


def load_function(study: Header) -> Callable[..., Report]:
    """Import a study's function.

    Raises:
        BadFile: the study's module defines no function of its name.
    """
    return cast("Callable[..., Report]", function_of(study))
