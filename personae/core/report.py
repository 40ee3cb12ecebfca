"""The result of a study: parts in reading order, all plain data, and their provenance."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl

from personae.core.answers import Answers
from personae.core.display import FrameResult, brief, html_form, save_form, text_form
from personae.core.errors import BadValue
from personae.core.estimate import Estimate, counted
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
    """A sentence or two. Verdicts are shown first, warnings are highlighted."""

    text: str
    level: Literal["verdict", "warning", "info"] = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(FrameResult):
    """Rows of cells under named columns; a cell may be an Estimate. `name` is its key in JSON."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise BadValue(f"table {self.name!r}: every row has {len(self.columns)} cells")

    def __repr__(self) -> str:
        size = f"{counted(len(self.rows), 'row')} of {counted(len(self.columns), 'column')}"
        return brief(self, self.name, size)

    def frame(self) -> pl.DataFrame:
        """Return the table as a frame; an estimate fills five columns: value, low, high, n and p.

        >>> shift = Estimate(name="d", value=0.5, low=0.2, high=0.8, n=9, of="item")
        >>> table = Table(name="t", title="", columns=("arm", "d"), rows=(("P2", shift),))
        >>> table.frame().columns
        ['arm', 'd', 'd low', 'd high', 'd n', 'd p']
        """
        columns: dict[str, list[str | float | None]] = {}
        for index, name in enumerate(self.columns):
            cells = [row[index] for row in self.rows]
            head = f"{name} {index + 1}" if name in columns else name
            columns[head] = _plain_cells(cells)
            if any(isinstance(cell, Estimate) for cell in cells):
                for key in ("low", "high", "n", "p"):
                    columns[f"{head} {key}"] = [getattr(cell, key, None) for cell in cells]
        return pl.DataFrame(columns, nan_to_null=True)


Part = Heading | Note | Table | Figure | Estimate


def _plain_cells(cells: Sequence[Cell]) -> list[str | float | None]:
    """Replace estimates by their values, and all cells by texts if any is a text."""
    values = [cell.value if isinstance(cell, Estimate) else cell for cell in cells]
    if any(isinstance(value, str) for value in values):
        return [None if value is None else str(value) for value in values]
    return list(values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Usage of a run: requests answered, tokens read and written, money in `currency`."""

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

    @property
    def tables(self) -> dict[str, Table]:
        """The tables by name: `report.tables["domains"].frame()`."""
        return {part.name: part for part in self.parts if isinstance(part, Table)}

    @property
    def figures(self) -> dict[str, Figure]:
        """The figures by name: `report.figures["profile"].to_altair()`."""
        return {part.name: part for part in self.parts if isinstance(part, Figure)}

    def show(self, *, full: bool = False) -> None:
        """Print the report: warnings, verdicts and the first rows in 40 lines, or all of it."""
        sys.stdout.write(text_form(self, full=full))

    def save(self, folder: str | Path) -> list[Path]:
        """Write report.html, report.json and answers.parquet, as the commands do.

        Raises:
            BadFile: the folder can't be written.
        """
        return save_form(self, Path(folder))

    def __repr__(self) -> str:
        counts = (("table", len(self.tables)), ("figure", len(self.figures)))
        answers = 0 if self.answers is None else len(self.answers)
        sizes = (counted(n, noun) for noun, n in (*counts, ("answer", answers)) if n)
        return brief(self, self.title, *sizes)

    def _repr_html_(self) -> str:
        return html_form(self)
