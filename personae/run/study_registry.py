"""The registry of studies: the listing of their directory, with a header as each one's record.

A study is a function of the same name as its file. Its module docstring begins with one sentence
and holds the lines Paper, Asks, Differs and Version; its signature is its command line.
"""

from importlib.resources import files
from pathlib import Path

from personae.core import Report
from personae.core.files.headers import Header, Registry, read_header, read_headers

__all__ = ["studies"]

FIELDS = ("System", "Paper", "Asks", "Differs", "Version")


def _headers() -> tuple[Header, ...]:
    """Read the headers of all studies, the persona card's first."""
    card = Path(str(files("personae"))) / "card" / "card.py"  # its package would import it
    return (
        read_header(card, "personae.card", "study", FIELDS),
        *read_headers("personae.studies", "study", FIELDS),
    )


studies: Registry[Report] = Registry("study", _headers)
"""The persona card, then the studies in alphabetical order."""
