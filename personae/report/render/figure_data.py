"""A figure laid out once for every drawing of it and for its table of numbers.

Profiles, forest plots and bars are all rows of points on one axis and share `RowPlot`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite, isnan, nan
from typing import Literal

from personae.core import (
    CONTROL,
    BadValue,
    BarsFigure,
    Cell,
    Estimate,
    Figure,
    ForestFigure,
    HeatmapFigure,
    LinesFigure,
    Point,
    ProfileFigure,
    Series,
    Table,
)
from personae.report.render.values import displayed, number, with_interval

__all__ = [
    "DrawnSeries",
    "FigurePoint",
    "Grid",
    "LinePlot",
    "Plot",
    "RowPlot",
    "figure_table",
    "finite",
    "first_rows",
    "focus_of",
    "legend_of",
    "read_figure",
]

ROLES = {"measured": 0, "requested": 1, "baseline": 2, CONTROL: 2}
FREE_STYLES = (3, 4, 5, 6)
HUGE = 1e100  # beyond it, differences of positions on an axis overflow


@dataclass(frozen=True, slots=True)
class FigurePoint:
    """A value on an axis with its interval, NaN where unknown, and its text."""

    value: float
    low: float
    high: float
    words: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class DrawnSeries:
    """A named series of points; `style` selects one colour and shape in every drawing."""

    name: str
    style: int
    points: tuple[FigurePoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPlot:
    """Labelled rows, each with one point per series, on one horizontal axis."""

    kind: Literal["profile", "intervals", "bars"]
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    series: tuple[DrawnSeries, ...]
    low: float
    high: float
    unit: str
    reference: float
    band: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePlot:
    """Series over x: numbers, or names evenly spaced (`numeric` false)."""

    x: tuple[float, ...]
    names: tuple[str, ...]
    numeric: bool
    x_label: str
    y_label: str
    series: tuple[DrawnSeries, ...]
    reference: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A matrix of points; `top` is the magnitude of the strongest colour."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    points: tuple[tuple[FigurePoint, ...], ...]
    unit: str
    top: float


Plot = RowPlot | LinePlot | Grid


def read_figure(figure: Figure) -> Plot:
    """Lay out a figure: its points, their texts and the ends of its axis.

    Raises:
        BadValue: a figure that is of none of the five kinds.
    """
    match figure:
        case ProfileFigure() | BarsFigure():
            return _rows(figure)
        case ForestFigure():
            return _intervals(figure)
        case LinesFigure():
            return _lines(figure)
        case HeatmapFigure():
            return _grid(figure)
        case _:
            raise BadValue(f"figure {figure.name!r} is of none of the five kinds that can be drawn")


def figure_table(figure: Figure) -> Table:
    """Return the numbers of a figure as a table."""
    plot = read_figure(figure)
    if isinstance(plot, Grid):
        heads: tuple[str, ...] = ("", *plot.columns)
        rows = [
            (name, *(p.cell for p in line))
            for name, line in zip(plot.rows, plot.points, strict=True)
        ]
    else:
        lead = plot.x_label if isinstance(plot, LinePlot) else ""
        names = plot.names if isinstance(plot, LinePlot) else plot.labels
        heads = (lead, *(s.name for s in plot.series))
        rows = [(name, *(s.points[i].cell for s in plot.series)) for i, name in enumerate(names)]
        if isinstance(plot, RowPlot) and any(plot.groups):
            heads = ("group", *heads)
            rows = [(group, *row) for group, row in zip(plot.groups, rows, strict=True)]
    return Table(name=figure.name, title=figure.title, columns=heads, rows=tuple(rows))


def legend_of(plot: Plot) -> tuple[DrawnSeries, ...]:
    """Return the series that need a legend; one series alone is named by the title."""
    if isinstance(plot, Grid) or len(plot.series) < 2:
        return ()
    return plot.series


def focus_of(plot: RowPlot) -> DrawnSeries | None:
    """Select the series whose numbers stand beside the rows: the measured, or the only one."""
    if len(plot.series) == 1:
        return plot.series[0]
    measured = (s for s in plot.series if s.style == 0 and plot.kind == "profile")
    return next(measured, None)


def first_rows(plot: RowPlot, count: int) -> RowPlot:
    """Return a plot of the first rows alone, on the same axis."""
    return replace(
        plot,
        labels=plot.labels[:count],
        groups=plot.groups[:count],
        series=tuple(replace(s, points=s.points[:count]) for s in plot.series),
    )


def finite(points: Iterable[FigurePoint], *, spans: bool = True) -> list[float]:
    """List the finite values of points, and with `spans` the ends of their intervals."""
    ends = [(p.value, p.low, p.high) if spans else (p.value,) for p in points]
    return [v for values in ends for v in values if isfinite(v) and abs(v) < HUGE]


def _point(value: Point, low: float | None = None, high: float | None = None) -> FigurePoint:
    if isinstance(value, Estimate):
        return FigurePoint(value.value, value.low, value.high, str(displayed(value)), value)
    if value is None:
        return FigurePoint(nan, nan, nan, "no value", None)
    words = number(float(value))
    cell: Cell = value
    ends = _float(low), _float(high)
    if not isnan(ends[0]) and not isnan(ends[1]):
        cell = words = " ".join(with_interval(float(value), *ends))
    return FigurePoint(float(value), *ends, words, cell)


def _float(value: float | None) -> float:
    return nan if value is None else float(value)


def _styled(series: Sequence[Series]) -> tuple[DrawnSeries, ...]:
    """Assign styles: a role has the same one in every figure, other series take those left."""
    roles = [ROLES.get((s.role or s.name).lower()) for s in series]
    is_without_roles = all(role is None for role in roles)
    free_styles = iter(
        [*(range(3) if is_without_roles else ()), *FREE_STYLES, *range(7, 7 + len(series))]
    )
    styled = []
    for run, role in zip(series, roles, strict=True):
        gaps = (None,) * len(run.values)
        points = map(_point, run.values, run.low or gaps, run.high or gaps)
        style = next(free_styles) if role is None else role
        styled.append(DrawnSeries(run.name, style, tuple(points)))
    return tuple(styled)


def _rows(figure: ProfileFigure | BarsFigure) -> RowPlot:
    profile = isinstance(figure, ProfileFigure)
    labels = figure.scales if isinstance(figure, ProfileFigure) else figure.categories
    series = _styled(figure.series)
    values = finite([p for s in series for p in s.points], spans=not profile)
    values += [v for v in map(_float, (figure.low, figure.high)) if isfinite(v)]
    values += [] if profile else [0.0]
    return RowPlot(
        kind="profile" if profile else "bars",
        labels=labels,
        groups=figure.groups or ("",) * len(labels),
        series=series,
        low=min(values),
        high=max(values),
        unit=figure.unit,
        reference=_float(figure.reference),
        band=figure.band,
    )


def _intervals(figure: ForestFigure) -> RowPlot:
    points = tuple(_point(row.estimate) for row in figure.rows)
    reference = _float(figure.reference)
    ends = [v for v in (reference, *(figure.band or ())) if isfinite(v)]
    values = finite(points) + ends or [0.0]
    spare = (max(values) - min(values)) * 0.04
    return RowPlot(
        kind="intervals",
        labels=tuple(row.name for row in figure.rows),
        groups=tuple(row.group for row in figure.rows),
        series=(DrawnSeries("estimate", 0, points),),
        low=min(values) - spare,
        high=max(values) + spare,
        unit=figure.unit,
        reference=reference,
        band=figure.band,
    )


def _lines(figure: LinesFigure) -> LinePlot:
    numbers = [float(v) for v in figure.x if not isinstance(v, str)]
    numeric = len(numbers) == len(figure.x) and len(set(numbers)) > 1
    names = (v if isinstance(v, str) else f"{v:.6g}".replace("-", "−") for v in figure.x)
    return LinePlot(
        x=tuple(numbers if numeric else map(float, range(len(figure.x)))),
        names=tuple(names),
        numeric=numeric,
        x_label=figure.x_label,
        y_label=figure.y_label,
        series=_styled(figure.series),
        reference=_float(figure.reference),
    )


def _grid(figure: HeatmapFigure) -> Grid:
    points = tuple(tuple(map(_point, row)) for row in figure.values)
    sizes = [abs(v) for row in points for v in finite(row, spans=False)]
    top = max(sizes, default=0.0) if figure.top is None else figure.top
    return Grid(rows=figure.rows, columns=figure.columns, points=points, unit=figure.unit, top=top)
