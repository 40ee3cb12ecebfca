"""Pictures as data: five kinds of figure, each checked when it is made.

Wherever a figure shows a number, an Estimate (drawn with its interval) or None (a gap) may stand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from numbers import Real
from typing import Any, ClassVar, Literal

from personae.core.display import brief, chart_form, html_form
from personae.core.errors import BadValue
from personae.core.estimate import Estimate

__all__ = [
    "BarsFigure",
    "Figure",
    "ForestFigure",
    "ForestRow",
    "HeatmapFigure",
    "LinesFigure",
    "Point",
    "ProfileFigure",
    "Series",
]

Point = float | Estimate | None
"""A value in a figure: a number, an Estimate with its interval, or nothing."""

Band = tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Series:
    """A named run of values, one per scale, category or x; `low` and `high` bound bare numbers.

    A series whose role, or else whose name, is measured, requested or baseline has the same style
    in every figure.
    """

    name: str
    values: tuple[Point, ...]
    role: str = ""
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class ForestRow:
    """A named estimate; rows of one `group` are shown together under its name."""

    name: str
    estimate: Point
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Figure:
    """A picture as data; `name` is its key in JSON, `alt` describes it in words."""

    kind: ClassVar[Literal["", "profile", "intervals", "lines", "heatmap", "bars"]] = ""
    name: str
    title: str
    alt: str

    def __repr__(self) -> str:
        return brief(self, self.name, self.title)

    def to_altair(self) -> Any:  # noqa: ANN401  (altair is no dependency)
        """Return the figure as an altair chart, to look at in a notebook or to change.

        Raises:
            MissingExtra: altair isn't installed.
        """
        return chart_form(self)

    def _repr_html_(self) -> str:
        return html_form(self)

    def _check_points(self, points: Sequence[object]) -> None:
        for point in points:
            known = point is None or isinstance(point, Real | Estimate)
            if not known or isinstance(point, bool):
                self._refuse(f"{point!r} is neither a number, nor None, nor an Estimate")

    def _check_series(self, series: Sequence[Series], count: int) -> None:
        for part in series:
            for values in (part.values, part.low, part.high):
                self._check_points(values)
                if len(values) != count and (values or values is part.values):
                    size = f"{len(values)} values for {count} positions"
                    self._refuse(f"series {part.name!r} has {size}")

    def _check_groups(self, groups: Sequence[str], count: int) -> None:
        if groups and len(groups) != count:
            self._refuse(f"{len(groups)} groups for {count} rows")

    def _refuse(self, fault: str) -> None:
        raise BadValue(f"figure {self.name!r} ({self.kind}): {fault}")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ProfileFigure(Figure):
    """Scales from top to bottom on an axis from `low` to `high`; a point per series and scale."""

    kind = "profile"
    scales: tuple[str, ...]
    low: float
    high: float
    series: tuple[Series, ...]
    unit: str = ""
    groups: tuple[str, ...] = ()
    reference: float | None = None
    band: Band = None

    def __post_init__(self) -> None:
        self._check_series(self.series, len(self.scales))
        self._check_groups(self.groups, len(self.scales))
        if not (isfinite(self.low) and isfinite(self.high) and self.low < self.high):
            self._refuse("`low` and `high` are two different numbers, the lower first")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ForestFigure(Figure):
    """Estimates with their intervals, one per row; a line at `reference`, a shaded `band`."""

    kind = "intervals"
    rows: tuple[ForestRow, ...]
    unit: str = ""
    reference: float | None = None
    band: Band = None

    def __post_init__(self) -> None:
        self._check_points([row.estimate for row in self.rows])


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LinesFigure(Figure):
    """Series over x: numbers, or names evenly spaced."""

    kind = "lines"
    x: tuple[float | str, ...]
    series: tuple[Series, ...]
    x_label: str = ""
    y_label: str = ""
    reference: float | None = None

    def __post_init__(self) -> None:
        self._check_series(self.series, len(self.x))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HeatmapFigure(Figure):
    """A matrix (rows, columns) as colours; `top` is the magnitude of the strongest colour."""

    kind = "heatmap"
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[Point, ...], ...]
    unit: str = ""
    top: float | None = None

    def __post_init__(self) -> None:
        shape = (len(self.rows), len(self.columns))
        if len(self.values) != shape[0] or any(len(row) != shape[1] for row in self.values):
            self._refuse(f"the values are not {shape[0]} rows of {shape[1]}")
        for row in self.values:
            self._check_points(row)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BarsFigure(Figure):
    """Bars from zero, one per series and category; `low` and `high` extend the axis."""

    kind = "bars"
    categories: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str = ""
    groups: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    reference: float | None = None
    band: Band = None

    def __post_init__(self) -> None:
        self._check_series(self.series, len(self.categories))
        self._check_groups(self.groups, len(self.categories))
