"""Figures as altair charts: the same rows, series and intervals as in every other drawing."""

from importlib import import_module
from math import isfinite
from typing import Any

from personae.core import Figure, MissingExtra, chart_form
from personae.report.render.figure_data import FigurePoint, Grid, LinePlot, RowPlot, read_figure

__all__: list[str] = []

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
LEFT_ALONE = {"sort": None}

Spec = dict[str, Any]


@chart_form.register(Figure)
def _chart(figure: Figure) -> Any:  # noqa: ANN401  (altair is no dependency)
    try:
        altair = import_module("altair")
    except ModuleNotFoundError as error:
        raise MissingExtra("altair", "altair", "a chart") from error
    return altair.Chart.from_dict(_vega_lite(figure))


def _vega_lite(figure: Figure) -> Spec:
    """Describe a figure as a Vega-Lite chart with its data.

    Raises:
        BadValue: a figure that is of none of the five kinds.
    """
    plot = read_figure(figure)
    spec: Spec = {"$schema": SCHEMA, "title": figure.title, "description": figure.alt}
    if isinstance(plot, Grid):
        return spec | _heatmap(plot)
    return spec | (_lines(plot) if isinstance(plot, LinePlot) else _rows(plot))


def _rows(plot: RowPlot) -> Spec:
    """Draw one line per row of a figure; rows of several groups stand in a panel each."""
    values = [
        {"row": label, "group": group, "series": series.name, **_numbers(series.points[i])}
        for i, (label, group) in enumerate(zip(plot.labels, plot.groups, strict=True))
        for series in plot.series
    ]
    scale = {"domain": [plot.low, plot.high]}
    along = {"field": "value", "type": "quantitative", "title": plot.unit, "scale": scale}
    encoding: Spec = {
        "y": {"field": "row", "type": "nominal", "title": None, **LEFT_ALONE},
        "color": _color(len(plot.series)),
    }
    if any(plot.groups):
        encoding["row"] = {"field": "group", "type": "nominal", "title": None, **LEFT_ALONE}
    mark: Spec = {"type": "bar"} if plot.kind == "bars" else {"type": "point", "filled": True}
    if plot.kind == "bars":
        encoding["yOffset"] = {"field": "series", "type": "nominal"}
    point = {"mark": mark | {"tooltip": True}, "encoding": encoding | {"x": along}}
    span = encoding | {"x": along | {"field": "low"}, "x2": {"field": "high"}}
    return _with_intervals(values, point, span)


def _lines(plot: LinePlot) -> Spec:
    values = [
        {"x": x if plot.numeric else name, "series": series.name, **_numbers(series.points[i])}
        for i, (x, name) in enumerate(zip(plot.x, plot.names, strict=True))
        for series in plot.series
    ]
    kind = {"type": "quantitative"} if plot.numeric else {"type": "nominal", **LEFT_ALONE}
    up = {"field": "value", "type": "quantitative", "title": plot.y_label}
    encoding = {
        "x": {"field": "x", "title": plot.x_label, **kind},
        "color": _color(len(plot.series)),
    }
    mark = {"type": "line", "point": True, "tooltip": True}
    span = encoding | {"y": up | {"field": "low"}, "y2": {"field": "high"}}
    return _with_intervals(values, {"mark": mark, "encoding": encoding | {"y": up}}, span)


def _heatmap(plot: Grid) -> Spec:
    values = [
        {"row": row, "column": column, "value": point.value if isfinite(point.value) else None}
        for row, points in zip(plot.rows, plot.points, strict=True)
        for column, point in zip(plot.columns, points, strict=True)
    ]
    colors = {"domain": [-plot.top, plot.top], "scheme": "blueorange"}
    return {
        "data": {"values": values},
        "mark": {"type": "rect", "tooltip": True},
        "encoding": {
            "x": {"field": "column", "type": "nominal", "title": None, **LEFT_ALONE},
            "y": {"field": "row", "type": "nominal", "title": None, **LEFT_ALONE},
            "color": {
                "field": "value",
                "type": "quantitative",
                "title": plot.unit,
                "scale": colors,
            },
        },
    }


def _with_intervals(values: list[Spec], drawing: Spec, span: Spec) -> Spec:
    has_intervals = any(row["low"] is not None for row in values)
    intervals = [{"mark": "rule", "encoding": span}] if has_intervals else []
    if "row" not in drawing["encoding"]:
        return {"data": {"values": values}, "layer": [*intervals, drawing]}
    facet = drawing["encoding"].pop("row")
    span.pop("row")
    return {
        "data": {"values": values},
        "facet": {"row": facet},
        "spec": {"layer": [*intervals, drawing]},
        "resolve": {"scale": {"y": "independent"}},
    }


def _color(series: int) -> Spec:
    legend = {} if series > 1 else {"legend": None}
    return {"field": "series", "type": "nominal", "title": None, **LEFT_ALONE, **legend}


def _numbers(point: FigurePoint) -> Spec:
    ends = {"value": point.value, "low": point.low, "high": point.high}
    return {name: end if isfinite(end) else None for name, end in ends.items()}
