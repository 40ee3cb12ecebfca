"""A figure's data, read once and checked, for every drawing of it and for its table of numbers.

Profiles, forest plots and bars are all rows of points on one axis and share `RowPlot`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, isnan, nan
from typing import Literal

from personae.core import CONTROL, BadValue, Cell, Estimate, Figure, Table
from personae.report.render.values import displayed, number, with_interval

__all__ = [
    "FigurePoint",
    "Grid",
    "LinePlot",
    "Plot",
    "RowPlot",
    "Series",
    "figure_table",
    "finite",
    "focus_of",
    "legend_of",
    "read_figure",
]

ROLES = {"measured": 0, "requested": 1, "baseline": 2, CONTROL: 2}
FREE_STYLES = (3, 4, 5, 6)
HUGE = 1e100  # beyond it, differences of places on an axis overflow


@dataclass(frozen=True, slots=True)
class FigurePoint:
    """A value on an axis with its interval, and how it reads; NaN where not known."""

    value: float
    low: float
    high: float
    words: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class Series:
    """A named line of points; `style` picks one colour and shape in every drawing."""

    name: str
    style: int
    points: tuple[FigurePoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPlot:
    """Labelled rows, each with one point a series, on one horizontal axis."""

    kind: Literal["profile", "intervals", "bars"]
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    series: tuple[Series, ...]
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
    series: tuple[Series, ...]
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
    """Read a figure's data.

    Raises:
        BadValue: the data lacks a field, or lengths differ; the message names the figure.
    """
    try:
        return READERS[figure.kind](figure)
    except KeyError as error:
        raise BadValue(f"figure {figure.name!r} ({figure.kind}) lacks {error}") from error
    except (TypeError, ValueError) as error:
        raise BadValue(
            f"figure {figure.name!r} ({figure.kind}) has data of the wrong shape: {error}"
        ) from error


def figure_table(figure: Figure) -> Table:
    """Give the numbers that a figure draws, as a table."""
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


def legend_of(plot: Plot) -> tuple[Series, ...]:
    """Give the series that need a legend; one series alone is named by the title."""
    if isinstance(plot, Grid) or len(plot.series) < 2:
        return ()
    return plot.series


def focus_of(plot: RowPlot) -> Series | None:
    """Give the series whose numbers stand beside the rows: the measured, or the only one."""
    if len(plot.series) == 1:
        return plot.series[0]
    measured = (s for s in plot.series if s.style == 0 and plot.kind == "profile")
    return next(measured, None)


def finite(points: Iterable[FigurePoint], *, spans: bool = True) -> list[float]:
    """List the finite values of points, and with `spans` the ends of their intervals."""
    ends = [(p.value, p.low, p.high) if spans else (p.value,) for p in points]
    return [v for values in ends for v in values if isfinite(v) and abs(v) < HUGE]


def _point(value: object, low: object = None, high: object = None) -> FigurePoint:
    if isinstance(value, Estimate):
        return FigurePoint(value.value, value.low, value.high, str(displayed(value)), value)
    if value is None:
        return FigurePoint(nan, nan, nan, "no value", None)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{value!r} is neither a number, nor null, nor an Estimate")
    ends = [float(v) if isinstance(v, int | float) else nan for v in (low, high)]
    words = number(float(value))
    cell: Cell = value
    if not isnan(ends[0]) and not isnan(ends[1]):
        cell = words = " ".join(with_interval(float(value), *ends))
    return FigurePoint(float(value), ends[0], ends[1], words, cell)


def _list(value: object) -> Sequence[object]:
    if isinstance(value, list | tuple):
        return value
    raise TypeError(f"a list belongs where {type(value).__name__} stands")


def _names(value: object) -> tuple[str, ...]:
    return tuple(
        f"{v:.6g}".replace("-", "−") if isinstance(v, int | float) else str(v) for v in _list(value)
    )


def _dict(value: object) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return value
    raise TypeError(f"an object belongs where {type(value).__name__} stands")


def _float(value: object) -> float:
    if value is None:
        return nan
    if isinstance(value, int | float | str):
        return float(value)
    raise TypeError(f"{value!r} is not a number")


def _band(value: object) -> tuple[float, float] | None:
    if value is None:
        return None
    low, high = (_float(v) for v in _list(value))
    return low, high


def _series(listed: object, key: str, count: int) -> tuple[Series, ...]:
    """Read series; those with a role keep its style everywhere, the others take what is left."""
    given = [_dict(s) for s in _list(listed)]
    roles = [ROLES.get(str(s.get("role", s["name"])).lower()) for s in given]
    plain = not any(r is not None for r in roles)
    free = iter([*(range(3) if plain else ()), *FREE_STYLES, *range(7, 7 + len(given))])
    series = []
    for one, role in zip(given, roles, strict=True):
        values = _list(one[key])
        if len(values) != count:
            raise ValueError(f"series {one['name']!r} has {len(values)} values for {count} places")
        lows, highs = (one.get(k) or [None] * count for k in ("low", "high"))
        points = map(_point, values, _list(lows), _list(highs))
        style = next(free) if role is None else role
        series.append(Series(str(one["name"]), style, tuple(points)))
    return tuple(series)


def _rows(figure: Figure) -> RowPlot:
    data = figure.data
    profile = figure.kind == "profile"
    labels = _names(data["scales" if profile else "categories"])
    series = _series(data["series"], "values", len(labels))
    points = [p for s in series for p in s.points]
    values = finite(points, spans=not profile)
    low, high = (_float(data.get(k)) for k in ("low", "high"))
    if profile and not (isfinite(low) and isfinite(high) and low < high):
        raise ValueError("a profile has `low` and `high`, two different numbers")
    ends = [v for v in (low, high, nan if profile else 0.0) if isfinite(v)]
    groups = _names(data.get("groups") or [""] * len(labels))
    if len(groups) != len(labels):
        raise ValueError(f"{len(groups)} groups for {len(labels)} rows")
    reference = _float(data.get("reference"))
    return RowPlot(
        kind="profile" if profile else "bars",
        labels=labels,
        groups=groups,
        series=series,
        low=min(values + ends),
        high=max(values + ends),
        unit=str(data.get("unit", "")),
        reference=reference,
        band=_band(data.get("band")),
    )


def _intervals(figure: Figure) -> RowPlot:
    data = figure.data
    rows = [_dict(row) for row in _list(data["rows"])]
    points = tuple(_point(row["estimate"]) for row in rows)
    reference, band = _float(data.get("reference")), _band(data.get("band"))
    ends = [v for v in (reference, *(band or ())) if isfinite(v)]
    values = finite(points) + ends or [0.0]
    spare = (max(values) - min(values)) * 0.04
    return RowPlot(
        kind="intervals",
        labels=tuple(str(row["name"]) for row in rows),
        groups=tuple(str(row.get("group") or "") for row in rows),
        series=(Series("estimate", 0, points),),
        low=min(values) - spare,
        high=max(values) + spare,
        unit=str(data.get("unit", "")),
        reference=reference,
        band=band,
    )


def _lines(figure: Figure) -> LinePlot:
    data = figure.data
    given = _list(data["x"])
    numbers = [float(v) for v in given if isinstance(v, int | float)]
    numeric = len(numbers) == len(given) and len(set(numbers)) > 1
    return LinePlot(
        x=tuple(numbers if numeric else map(float, range(len(given)))),
        names=_names(given),
        numeric=numeric,
        x_label=str(data.get("x_label", "")),
        y_label=str(data.get("y_label", "")),
        series=_series(data["series"], "y", len(given)),
        reference=_float(data.get("reference")),
    )


def _grid(figure: Figure) -> Grid:
    data = figure.data
    rows, columns = _names(data["rows"]), _names(data["columns"])
    points = tuple(tuple(_point(v) for v in _list(line)) for line in _list(data["values"]))
    if len(points) != len(rows) or any(len(line) != len(columns) for line in points):
        raise ValueError(f"the values are not {len(rows)} rows of {len(columns)}")
    sizes = [abs(v) for line in points for v in finite(line, spans=False)]
    top = _float(data.get("top"))
    top = top if isfinite(top) else max(sizes, default=0.0)
    return Grid(rows=rows, columns=columns, points=points, unit=str(data.get("unit", "")), top=top)


READERS: Mapping[str, Callable[[Figure], Plot]] = {
    "profile": _rows,
    "intervals": _intervals,
    "lines": _lines,
    "heatmap": _grid,
    "bars": _rows,
}
