"""What a study returns: parts in reading order, all plain data, and where they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from personae.core.answers import Answers
from personae.core.errors import BadValue
from personae.core.estimate import Estimate
from personae.core.figures import Figure

__all__ = [
    "Cell",
    "Heading",
    "Note",
    "Part",
    "Provenance",
    "Report",
    "Table",
    "Usage",
]

Cell = str | int | float | bool | None | Estimate


@dataclass(frozen=True, slots=True)
class Heading:
    """Begins a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence or two. Verdicts are shown first; warnings and null results stand out."""

    text: str
    level: Literal["verdict", "warning", "info"] = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of cells under named columns; a cell may be an Estimate. `name` is its key in JSON."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise BadValue(f"table {self.name!r}: every row has {len(self.columns)} cells")


Part = Heading | Note | Table | Figure | Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What it cost: requests answered, tokens read and written, money in `currency`."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    money: float = 0.0
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a report comes from; filled in by the run, not by the study. `date` is ISO."""

    version: str
    study: str
    study_version: str
    model: str
    fingerprint: str
    instruments: tuple[str, ...]
    seed: int
    date: str
    options: Mapping[str, object] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A title, parts in reading order, the answers they rest on, and their provenance."""

    title: str
    parts: tuple[Part, ...]
    answers: Answers | None = None
    provenance: Provenance | None = None
