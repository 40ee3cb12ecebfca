"""The result of a study: parts in reading order, all plain data, and their provenance."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Literal

import polars as pl

from personae.core.answers import Answers
from personae.core.argument_types import checks_types, require_type
from personae.core.display import FrameResult, brief, save_form, text_form
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

CELL_COLUMNS = {
    "part": pl.String,
    "row": pl.Int64,
    "label": pl.String,
    "column": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "level": pl.Float64,
    "n": pl.Int64,
    "of": pl.String,
    "unit": pl.String,
    "p": pl.Float64,
    "text": pl.String,
}
"""The columns of a report's frame."""

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

    def __str__(self) -> str:
        money = f", {self.money:.4f} {self.currency}" if self.money else ""
        read = counted(self.tokens_in, "token")
        return (
            f"{counted(self.requests, 'request')}, {read} read, {self.tokens_out:,} written{money}"
        )


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
class Report(FrameResult):
    """A title, parts in reading order, the answers they rest on, and their provenance."""

    title: str
    parts: tuple[Part, ...]
    answers: Answers | None = None
    provenance: Provenance | None = None

    def __post_init__(self) -> None:
        require_type("title", self.title, str)
        require_type("parts", self.parts, tuple | list)
        for part in self.parts:
            require_type("a part of a report", part, Heading | Note | Table | Estimate | Figure)

    @property
    def tables(self) -> dict[str, Table]:
        """The tables by name: `report.tables["domains"].frame()`."""
        return {part.name: part for part in self.parts if isinstance(part, Table)}

    @property
    def figures(self) -> dict[str, Figure]:
        """The figures by name: `report.figures["profile"].to_altair()`."""
        return {part.name: part for part in self.parts if isinstance(part, Figure)}

    def frame(self) -> pl.DataFrame:
        """Return all tables and single estimates as one long frame, a row a cell.

        `part` names the table and `column` the column (the estimate, for one that stands alone);
        `row` counts from 1, and `label` joins the texts that a table's rows begin with. A number is
        in `value`, with true as 1; an estimate fills `value`, `low`, `high`, `level`, `n`, `of`,
        `unit` and `p` too, null where it has none; a text is in `text`, as is the reason of an
        estimate without a value. Empty cells, headings, notes and figures are left out: a figure is
        a chart by `to_altair()`, and answers are a frame of their own, `report.answers.frame()`.

        >>> shift = Estimate(name="d", value=0.5, low=0.2, high=0.8, n=9, of="item", unit="SD")
        >>> table = Table(name="arms", title="", columns=("arm", "d"), rows=(("P2", shift),))
        >>> report = Report(title="", parts=(table,))
        >>> cells = report.frame().filter(pl.col("column") == "d")
        >>> cells.select("part", "label", "value", "low", "high", "unit").rows()
        [('arms', 'P2', 0.5, 0.2, 0.8, 'SD')]
        """
        parts = (part for part in self.parts if isinstance(part, Table | Estimate))
        cells = [cell for part in parts for cell in _cells(part)]
        return pl.DataFrame(cells, schema=CELL_COLUMNS, orient="row").fill_nan(None)

    @checks_types
    def show(self, *, full: bool = False) -> None:
        """Print the report: warnings, verdicts and the first rows in 40 lines, or all of it."""
        sys.stdout.write(text_form(self, full=full))

    @checks_types
    def save(self, path: str | Path) -> list[Path]:
        """Write report.html, report.json and answers.parquet into a folder, as the commands do.

        A path that ends in .html or .json is one file: the page, or the data without the answers.

        Returns:
            The files written.

        Raises:
            BadFile: they can't be written, or the path ends as another kind of file.
            BadValue: no path.
        """
        if not str(path):
            raise BadValue("path names a folder, or a file in .html or .json; it is empty")
        return save_form(self, Path(path))

    def __repr__(self) -> str:
        counts = (("table", len(self.tables)), ("figure", len(self.figures)))
        answers = 0 if self.answers is None else len(self.answers)
        sizes = (counted(n, noun) for noun, n in (*counts, ("answer", answers)) if n)
        return brief(self, self.title, *sizes)


def _cells(part: Table | Estimate) -> Iterator[dict[str, object]]:
    """Yield the filled cells of a part, each by the columns of a report's frame that it has."""
    if isinstance(part, Estimate):
        yield {"part": part.name, "row": 1, "label": "", "column": part.name} | _contents(part)
        return
    columns = list(zip(*part.rows, strict=True))
    kinds = [all(isinstance(cell, str) for cell in column) for column in columns]
    leading = len([*takewhile(bool, kinds)])
    leading = 1 if leading in (0, len(kinds)) else leading
    for number, row in enumerate(part.rows, start=1):
        texts = [str(cell) for cell in row[:leading] if isinstance(cell, str | int | float)]
        row_cells = {"part": part.name, "row": number, "label": ", ".join(texts)}
        for column, cell in zip(part.columns, row, strict=True):
            if cell is not None:
                yield row_cells | {"column": column} | _contents(cell)


def _contents(cell: str | float | Estimate) -> dict[str, object]:
    if isinstance(cell, str):
        return {"text": cell}
    if not isinstance(cell, Estimate):
        return {"value": float(cell)}
    fields = ("value", "low", "high", "level", "n", "of", "unit", "p")
    return {name: getattr(cell, name) for name in fields} | {"text": cell.why_missing or None}
