"""The JSON form of figures: a kind and its data, with fields that are empty left out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from personae.core import (
    BadValue,
    BarsFigure,
    Figure,
    ForestFigure,
    ForestRow,
    HeatmapFigure,
    LinesFigure,
    ProfileFigure,
    Series,
)

__all__ = ["figure_data", "figure_from_data"]

FIELDS: Mapping[type[Figure], tuple[str, ...]] = {
    ProfileFigure: ("scales", "groups", "low", "high", "reference", "band", "unit", "series"),
    ForestFigure: ("unit", "reference", "band", "rows"),
    LinesFigure: ("x", "x_label", "y_label", "reference", "series"),
    HeatmapFigure: ("rows", "columns", "values", "unit", "top"),
    BarsFigure: (
        "categories",
        "groups",
        "unit",
        "low",
        "high",
        "reference",
        "band",
        "series",
    ),
}
"""The fields of each kind, in the order in which files hold them."""
OPTIONAL = ("groups", "low", "high", "reference", "band", "top")


def figure_data(figure: Figure) -> dict[str, object]:
    """Return a figure's data as plain values and Estimates, as report files hold it.

    >>> figure = HeatmapFigure(
    ...     name="h", title="", alt="", rows=("a",), columns=("b",), values=((1.0,),), unit="SD"
    ... )
    >>> figure_data(figure)
    {'rows': ('a',), 'columns': ('b',), 'values': ((1.0,),), 'unit': 'SD'}
    """
    data: dict[str, object] = {}
    for name in FIELDS[type(figure)]:
        value = getattr(figure, name)
        if name not in OPTIONAL or value not in (None, ()):
            data[name] = value
    if isinstance(figure, ForestFigure):
        data["rows"] = [
            {"name": row.name, "group": row.group, "estimate": row.estimate} for row in figure.rows
        ]
    elif isinstance(figure, ProfileFigure | LinesFigure | BarsFigure):
        key = "y" if isinstance(figure, LinesFigure) else "values"
        data["series"] = [_series_data(series, key) for series in figure.series]
    return data


def _series_data(series: Series, key: str) -> dict[str, object]:
    optional = {"role": series.role, "low": series.low, "high": series.high}
    filled_fields = {name: value for name, value in optional.items() if value}
    role = {"role": filled_fields.pop("role")} if "role" in filled_fields else {}
    return {"name": series.name, **role, key: series.values, **filled_fields}


def figure_from_data(
    *, name: str, title: str, kind: str, data: Mapping[str, Any], alt: str
) -> Figure:
    """Build a figure from its kind and data.

    Raises:
        BadValue: the kind is unknown, a field is absent, or its value has the wrong shape.
    """
    kinds = {figure.kind: figure for figure in FIELDS}
    if kind not in kinds:
        raise BadValue(f"figure {name!r}: no kind {kind!r}; known: {', '.join(kinds)}")
    known_fields = {f.name: f for f in fields(kinds[kind]) if f.name in FIELDS[kinds[kind]]}
    required = [key for key, field in known_fields.items() if field.default is MISSING]
    absent = [key for key in required if data.get(key) is None]
    if absent:
        raise BadValue(f"figure {name!r} ({kind}) lacks {absent[0]!r}")
    try:
        values = {
            k: _field(kind, k, v) for k, v in data.items() if k in known_fields and v is not None
        }
        make: Callable[..., Figure] = kinds[kind]
        return make(name=name, title=title, alt=alt, **values)
    except KeyError as error:
        raise BadValue(f"figure {name!r} ({kind}) lacks {error}") from error
    except TypeError as error:
        raise BadValue(f"figure {name!r} ({kind}) has data of the wrong shape: {error}") from error


def _field(kind: str, key: str, value: Any) -> object:  # noqa: ANN401  (any JSON)
    if key == "rows" and kind == "intervals":
        return tuple(map(_forest_row, _list(value)))
    if key in ("scales", "groups", "columns", "categories", "rows"):
        return tuple(v if isinstance(v, str) else f"{v:g}" for v in _list(value))
    if key == "series":
        return tuple(_series(series, "y" if kind == "lines" else "values") for series in value)
    if key == "values":
        return tuple(tuple(map(_point, _list(row))) for row in _list(value))
    return tuple(_list(value)) if key in ("x", "band") else _point(value)


def _forest_row(row: Mapping[str, Any]) -> ForestRow:
    return ForestRow(str(row["name"]), _point(row["estimate"]), str(row.get("group") or ""))


def _series(series: Mapping[str, Any], key: str) -> Series:
    low, high = (tuple(map(_point, series.get(end) or ())) for end in ("low", "high"))
    values = tuple(map(_point, _list(series[key])))
    return Series(str(series["name"]), values, str(series.get("role", "")), low, high)


def _point(value: Any) -> Any:  # noqa: ANN401  (checked by the figure itself)
    return float(value) if value in ("inf", "-inf") else value


def _list(value: object) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return value
    raise TypeError(f"a list belongs where {type(value).__name__} stands")
