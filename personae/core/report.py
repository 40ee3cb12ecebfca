"""What a study returns: parts in reading order, all plain data, and where they come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from personae.core.answers import Answers
from personae.core.errors import BadValue
from personae.core.estimate import Estimate

__all__ = [
    "Cell",
    "Figure",
    "Heading",
    "Note",
    "Part",
    "Provenance",
    "Report",
    "Table",
    "Usage",
    "coverage_table",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A picture as data. `kind` picks the drawing; `alt` says in words what is to be seen.

    profile:   data = {"scales": [...], "low": x, "high": y, "unit": str,
                       "series": [{"name", "values": [Estimate or number or null ...]}]}
    intervals: data = {"unit": str, "reference": number or null, "band": [low, high] or null,
                       "rows": [{"name", "group", "estimate": Estimate}]}
    lines:     data = {"x": [...], "x_label", "y_label",
                       "series": [{"name", "y": [...], "low": [...], "high": [...]}]}
    heatmap:   data = {"rows": [...], "columns": [...], "values": [[...]], "unit": str}
    bars:      data = {"categories": [...], "unit": str, "series": [{"name", "values": [...]}]}

    Wherever a number stands, an Estimate or null may stand. Optional: `groups` (one a row) and
    `reference`, `band` in profile and bars, `low` and `high` of the axis in bars, `reference` in
    lines, `top` (magnitude of the strongest colour) in heatmap. Series called, or with a `role`,
    measured, requested or baseline look alike in all pictures.
    """

    name: str
    title: str
    kind: Literal["profile", "intervals", "lines", "heatmap", "bars"]
    data: Mapping[str, object]
    alt: str


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


def coverage_table(
    answers: Answers, by: Sequence[str], *, title: str = "Coverage", note: str = ""
) -> Table:
    """Count answers by status, one row a group of `by`: what every report owes its reader.

    >>> coverage_table(Answers.of([{"value": 1.0}, {"status": "refused"}]), ["arm"]).rows
    (('unchanged', 2, 1, 1, 0, 0, 0),)
    """
    counted = answers.missing(by=by)
    return Table(
        name=title.lower().replace(" ", "_"),
        title=title,
        columns=tuple(counted.columns),
        rows=tuple(counted.rows()),
        note=note,
    )
