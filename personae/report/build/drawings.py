"""Builders of figures from rows, series and mappings.

Without an `alt` the alternative text lists the values drawn.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from personae.core import (
    BarsFigure,
    Estimate,
    ForestFigure,
    ForestRow,
    HeatmapFigure,
    LinesFigure,
    Point,
    ProfileFigure,
    Series,
)
from personae.report.build.notes import list_words

__all__ = ["ValueAxis", "bars", "forest", "heatmap", "lines", "profile"]

SeriesLike = Sequence[Series] | Mapping[str, Iterable[Point]]
"""Series, or values under their names."""


@dataclass(frozen=True, slots=True)
class ValueAxis:
    """The axis of a figure's values: its unit, a line at `reference`, a shaded `band`, its ends."""

    unit: str
    reference: float | None = None
    band: tuple[float, float] | None = None
    low: float | None = None
    high: float | None = None


def forest(
    name: str,
    title: str,
    rows: Iterable[Estimate | tuple[str, Point] | tuple[str, str, Point]],
    axis: ValueAxis | str,
    *,
    alt: str = "",
    form: str = "+.2f",
) -> ForestFigure:
    """Draw estimates with their intervals, one per row.

    Args:
        name: the figure's key in JSON.
        title: what is shown.
        rows: an estimate under its own name, or (name, estimate), or (name, group, estimate).
        axis: the axis, or its unit where the reference is 0.
        alt: the alternative text; by default the rows and their values.
        form: how a value is written in the alternative text.

    >>> shift = Estimate(name="E", value=0.5, low=0.2, high=0.8, n=9, of="item")
    >>> figure = forest("shifts", "Shifts", [("Extraversion", "high", shift)], "SD")
    >>> figure.alt, figure.reference
    ('Extraversion (high) +0.50', 0.0)
    """
    axis = ValueAxis(axis, 0.0) if isinstance(axis, str) else axis
    listed = tuple(_forest_row(row) for row in rows)
    grouped = len({row.group for row in listed}) > 1 or any(r.group for r in listed)
    pairs = [
        (f"{r.name} ({r.group})" if grouped and r.group else r.name, r.estimate) for r in listed
    ]
    return ForestFigure(
        name=name,
        title=title,
        rows=listed,
        unit=axis.unit,
        reference=axis.reference,
        band=axis.band,
        alt=alt or list_words(pairs, form),
    )


def _forest_row(row: Estimate | tuple[str, Point] | tuple[str, str, Point]) -> ForestRow:
    if isinstance(row, Estimate):
        return ForestRow(row.name, row)
    if len(row) == 2:
        return ForestRow(row[0], row[1])
    return ForestRow(row[0], row[2], row[1])


def profile(
    name: str,
    title: str,
    scales: Iterable[str | tuple[str, str]],
    series: SeriesLike,
    axis: ValueAxis,
    *,
    alt: str = "",
) -> ProfileFigure:
    """Draw one point per series and scale, which may be (group, name); the axis needs both ends.

    >>> profile("p", "Profile", ["E"], {"measured": [3.2]}, ValueAxis("points", low=1, high=5)).alt
    'measured: E 3.20'
    """
    (groups, names), drawn_series = _grouped(scales), _series_of(series)
    return ProfileFigure(
        name=name,
        title=title,
        scales=names,
        groups=groups,
        series=drawn_series,
        unit=axis.unit,
        reference=axis.reference,
        band=axis.band,
        low=float("nan") if axis.low is None else axis.low,
        high=float("nan") if axis.high is None else axis.high,
        alt=alt or _series_words(names, drawn_series),
    )


def bars(
    name: str,
    title: str,
    categories: Iterable[str | tuple[str, str]],
    series: SeriesLike,
    axis: ValueAxis | str,
    *,
    alt: str = "",
) -> BarsFigure:
    """Draw bars from zero, one per series and category; a category may be (group, name).

    >>> bars("made", "Made", ["women", "men"], {"share": [0.5, 0.5]}, "share of personas").alt
    'share: women 0.50; men 0.50'
    """
    axis = ValueAxis(axis) if isinstance(axis, str) else axis
    (groups, names), drawn_series = _grouped(categories), _series_of(series)
    return BarsFigure(
        name=name,
        title=title,
        categories=names,
        groups=groups,
        series=drawn_series,
        unit=axis.unit,
        low=axis.low,
        high=axis.high,
        reference=axis.reference,
        band=axis.band,
        alt=alt or _series_words(names, drawn_series),
    )


def _grouped(
    labels: Iterable[str | tuple[str, str]],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split (group, name) into groups, () where all are empty, and names."""
    pairs = [("", label) if isinstance(label, str) else label for label in labels]
    groups = tuple(group for group, _ in pairs)
    return groups if any(groups) else (), tuple(label for _, label in pairs)


def lines(
    name: str,
    title: str,
    x: tuple[str, Sequence[float | str]],
    series: SeriesLike,
    axis: ValueAxis | str,
    *,
    alt: str = "",
) -> LinesFigure:
    """Draw series over x, which is (label, positions).

    >>> lines("dose", "Dose", ("strength", [0, 1]), {"shift": [0.0, 0.4]}, "SD").alt
    'shift: 0 0.00; 1 0.40'
    """
    axis = ValueAxis(axis) if isinstance(axis, str) else axis
    drawn_series = _series_of(series)
    return LinesFigure(
        name=name,
        title=title,
        x=tuple(x[1]),
        x_label=x[0],
        y_label=axis.unit,
        series=drawn_series,
        reference=axis.reference,
        alt=alt or _series_words([str(position) for position in x[1]], drawn_series),
    )


def heatmap(
    name: str,
    title: str,
    matrix: Mapping[str, Mapping[str, Point]],
    unit: str,
    *,
    top: float | None = None,
    alt: str = "",
) -> HeatmapFigure:
    """Colour a matrix given as row -> column -> value; a column absent from a row is a gap.

    >>> heatmap("moved", "Moved", {"E": {"E": 0.9, "N": -0.2}, "N": {"N": 0.5}}, "SD").values
    ((0.9, -0.2), (None, 0.5))
    """
    columns = tuple(dict.fromkeys(column for row in matrix.values() for column in row))
    cells = [(f"{r}, {c}", value) for r, row in matrix.items() for c, value in row.items()]
    return HeatmapFigure(
        name=name,
        title=title,
        rows=tuple(matrix),
        columns=columns,
        values=tuple(tuple(row.get(column) for column in columns) for row in matrix.values()),
        unit=unit,
        top=top,
        alt=alt or list_words(cells),
    )


def _series_of(series: SeriesLike) -> tuple[Series, ...]:
    """Return series as they are, or named values as series."""
    if isinstance(series, Mapping):
        return tuple(Series(name, tuple(values)) for name, values in series.items())
    return tuple(series)


def _series_words(labels: Sequence[str], series: Sequence[Series]) -> str:
    return ". ".join(
        f"{run.name}: {list_words(list(zip(labels, run.values, strict=False)), '.2f')}"
        for run in series
    )
