"""Draws figures: rows of points (profiles, forest plots, bars), lines, and heat maps.

Every figure is drawn twice, wide for a screen or paper and narrow for a phone; the style sheet
shows the one that fits, so that text keeps its size.
"""

from collections.abc import Iterator
from math import isfinite, isinf, isnan

from personae.core import Figure
from personae.report.render.figure_data import (
    DrawnSeries,
    FigurePoint,
    Grid,
    LinePlot,
    RowPlot,
    finite,
    focus_of,
    read_figure,
)
from personae.report.render.svg import COLOURS, Axis, Canvas, dot, path, text_width, wrapped
from personae.report.render.values import decimals_for, displayed, number

__all__ = ["drawings"]

WIDE, NARROW = 720, 350
SIZE = 13  # of labels, as in the style sheet
LEADING = 16
LANE = 11  # between the series of a row
ROW = 34  # of a heat map
TALL = 14  # rows from which the axis is also named at the top


def drawings(figure: Figure) -> dict[str, Canvas]:
    """Draw a figure, `wide` and `narrow`; a drawing that is also `free` keeps its size and scrolls.

    Raises:
        BadValue: its data has the wrong shape.
    """
    plot = read_figure(figure)
    if isinstance(plot, Grid):
        return {"wide free": _heatmap(plot, WIDE), "narrow free": _heatmap(plot, NARROW)}
    if isinstance(plot, LinePlot):
        return {"wide": _line_plot(plot, WIDE), "narrow": _line_plot(plot, NARROW)}
    return {"wide": _row_plot(plot, WIDE), "narrow": _row_plot(plot, NARROW)}


def _row_plot(plot: RowPlot, width: int) -> Canvas:
    """Draw rows from top to bottom: a group's name where it changes, a label and its points."""
    is_wide = width == WIDE
    focus = focus_of(plot)
    label_width = _label_width(plot) if is_wide else width - (140.0 if focus else 10.0)
    start, end = (
        (label_width + 16, width - (150.0 if focus else 14.0)) if is_wide else (12, width - 12)
    )
    high = plot.high if plot.high > plot.low else plot.low + 1
    axis = Axis(plot.low, high, start, end)
    canvas, front = Canvas(width), Canvas(width)
    is_tall = len(plot.labels) > TALL
    top = 24.0 if is_tall else 8.0
    y, group = top, ""
    for i, label in enumerate(plot.labels):
        if plot.groups[i] != group:
            group = plot.groups[i]
            front.words(2, y + 20, wrapped(group, width - 8, SIZE, 1)[0], "group", tip=group)
            y += 28
        lines = wrapped(label, label_width, SIZE, 2)
        text_height = LEADING * len(lines)
        lanes = LANE * (len(plot.series) - 1)
        height = max(text_height + 10, lanes + 24) if is_wide else text_height + lanes + 26
        text_top = y + (height - text_height) / 2 if is_wide else y + 4
        if len(plot.series) > 1 and i and plot.groups[i] == plot.groups[i - 1]:
            front.line((0, y, width, y), "rule")
        for k, line in enumerate(lines):
            front.words(2, text_top + 12 + LEADING * k, line, tip=label)
        middle = y + height / 2 if is_wide else y + text_height + 6 + (lanes + 14) / 2
        if focus:
            baseline = middle + 4 if is_wide else text_top + 12
            front.words(width - 2, baseline, _value_text(focus.points[i]), "beside", "end")
        _points(front, plot, axis, i, middle - lanes / 2)
        y += height
    _axis(canvas, plot, axis, (top - 6, y))
    canvas.marks.extend(front.marks)
    canvas.height = y + 40
    return canvas


def _label_width(plot: RowPlot) -> float:
    longest = max((text_width(label, SIZE) for label in plot.labels), default=0.0)
    return min(210.0, max(70.0, longest + 4))


def _value_text(point: FigurePoint) -> str:
    words = displayed(point.cell)
    return f"{words.text} {words.interval}".strip()


def _axis(canvas: Canvas, plot: RowPlot, axis: Axis, ends: tuple[float, float]) -> None:
    top, bottom = ends
    if plot.band:
        band_start, band_end = axis.at(plot.band[0]), axis.at(plot.band[1])
        tip = f"band from {number(plot.band[0])} to {number(plot.band[1])}"
        canvas.add(
            "rect",
            x=band_start,
            y=top,
            width=band_end - band_start,
            height=bottom + 4 - top,
            class_="band",
            tip=tip,
        )
    for x, text in axis.ticks(6 if canvas.width == WIDE else 5):
        canvas.line((x, top, x, bottom + 4), "grid")
        canvas.words(x, bottom + 18, text, "tick", "middle")
        if len(plot.labels) > TALL:
            canvas.words(x, 12, text, "tick", "middle")
    if isfinite(plot.reference):
        x = axis.at(plot.reference)
        canvas.line((x, top, x, bottom + 4), "reference", f"reference {number(plot.reference)}")
    if plot.unit:
        line = wrapped(plot.unit, axis.end - axis.start, 12, 1)[0]
        canvas.words((axis.start + axis.end) / 2, bottom + 34, line, "tick", "middle")


def _points(canvas: Canvas, plot: RowPlot, axis: Axis, row: int, y: float) -> None:
    for i, series in enumerate(plot.series):
        point, lane_y = series.points[row], y + LANE * i
        tip = f"{plot.labels[row]}, {series.name}: {point.words}"
        if isnan(point.value):
            if point.cell is not None and len(plot.series) == 1:
                room = axis.end - axis.start - 8
                why = wrapped(displayed(point.cell).why, room, 12, 1)[0]
                canvas.words(axis.start + 4, lane_y + 4, why, "gap", tip=tip)
            continue
        if plot.kind == "bars":
            zero, end = axis.at(0.0), axis.at(point.value)
            bar_start, length = min(zero, end), abs(end - zero)
            colour = f"bar c{series.style % COLOURS} fill{i % 3}"
            canvas.add(
                "rect", x=bar_start, y=lane_y - 4, width=length, height=8, class_=colour, tip=tip
            )
        _interval(canvas, axis, point, lane_y, series.style % COLOURS)
        if plot.kind != "bars":
            transform = f"translate({axis.at(point.value):.1f} {lane_y:.1f})"
            canvas.add("path", tip=tip, transform=transform, **dot(series.style))


def _interval(canvas: Canvas, axis: Axis, point: FigurePoint, y: float, colour: int) -> None:
    """Draw the interval; where it exceeds the axis, an arrow shows it."""
    if isnan(point.low) or isnan(point.high):
        return
    interval_start, interval_end = axis.at(point.low), axis.at(point.high)
    canvas.line((interval_start, y, interval_end, y), f"interval c{colour}")
    if point.low < axis.low or isinf(point.low):
        canvas.add("path", d=f"M{interval_start:.1f} {y:.1f}l6-4v8z", class_=f"arrow c{colour}")
    if point.high > axis.high or isinf(point.high):
        canvas.add("path", d=f"M{interval_end:.1f} {y:.1f}l-6-4v8z", class_=f"arrow c{colour}")


def _line_plot(plot: LinePlot, width: int) -> Canvas:
    canvas = Canvas(width, 330 if width == WIDE else 280)
    values = finite(p for s in plot.series for p in s.points)
    values += [plot.reference] if isfinite(plot.reference) else []
    low, high = min(values, default=0.0), max(values, default=1.0)
    spare = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    bottom = canvas.height - 48
    y = Axis(low - spare, high + spare, bottom, 26)
    ticks = y.ticks(6)
    start = 16 + max((text_width(text, 12) for _, text in ticks), default=0.0)
    x = Axis(min(plot.x, default=0.0), max(plot.x, default=1.0), start + 12, width - 18)
    x = x if x.high > x.low else Axis(x.low - 1, x.high + 1, x.start, x.end)
    for tick, text in ticks:
        canvas.line((start, tick, width - 6, tick), "grid")
        canvas.words(start - 6, tick + 4, text, "tick", "end")
    canvas.words(2, 13, wrapped(plot.y_label, width - 8, 12, 1)[0], "tick")
    if isfinite(plot.reference):
        tick = y.at(plot.reference)
        canvas.line(
            (start, tick, width - 6, tick), "reference", f"reference {number(plot.reference)}"
        )
    for tick, text in _x_ticks(plot, x):
        canvas.words(tick, bottom + 18, text, "tick", "middle")
    middle = (x.start + x.end) / 2
    canvas.words(middle, bottom + 38, wrapped(plot.x_label, width - 40, 12, 1)[0], "tick", "middle")
    for series in plot.series:
        _course(canvas, plot, series, x, y)
    return canvas


def _x_ticks(plot: LinePlot, x: Axis) -> list[tuple[float, str]]:
    if plot.numeric:
        return x.ticks(8 if x.end > NARROW else 5)
    step = (x.end - x.start) / max(1, len(plot.x) - 1)
    stride = max(1, round(28 / step)) if step < 28 else 1
    return [
        (x.at(position), wrapped(name, max(28.0, step * stride - 6), 12, 1)[0])
        for position, name in list(zip(plot.x, plot.names, strict=True))[::stride]
    ]


def _course(canvas: Canvas, plot: LinePlot, series: DrawnSeries, x: Axis, y: Axis) -> None:
    """Draw a series: its band, its line, interrupted where a value is missing, and its points."""
    colour = series.style % COLOURS
    positioned_points = list(zip(map(x.at, plot.x), series.points, strict=True))
    for run in _runs(positioned_points, ("value", "low", "high")):
        if len(run) > 1:
            edge = [(x_pixel, y.at(p.high)) for x_pixel, p in run]
            edge += [(x_pixel, y.at(p.low)) for x_pixel, p in reversed(run)]
            canvas.add("path", d=path(edge) + "Z", class_=f"area c{colour}")
    for run in _runs(positioned_points, ("value",)):
        if len(run) > 1:
            course = path([(x_pixel, y.at(p.value)) for x_pixel, p in run])
            canvas.add("path", d=course, class_=f"course c{colour} dash{series.style % 4}")
    for name, (x_pixel, point) in zip(plot.names, positioned_points, strict=True):
        if not isnan(point.value):
            transform = f"translate({x_pixel:.1f} {y.at(point.value):.1f})"
            tip = f"{series.name}, {name}: {point.words}"
            canvas.add("path", tip=tip, transform=transform, **dot(series.style))


def _runs(
    positioned_points: list[tuple[float, FigurePoint]], fields: tuple[str, ...]
) -> Iterator[list[tuple[float, FigurePoint]]]:
    run: list[tuple[float, FigurePoint]] = []
    for positioned_point in positioned_points:
        if any(isnan(getattr(positioned_point[1], name)) for name in fields):
            yield run
            run = []
        else:
            run.append(positioned_point)
    yield run


def _heatmap(grid: Grid, width: int) -> Canvas:
    """Draw cells: colour by sign, its strength by size; every cell also shows its number."""
    longest = max((text_width(name, SIZE) for name in grid.rows), default=0.0)
    label_width = min(190.0 if width == WIDE else 100.0, longest + 10)
    cell = min(110.0, max(48.0, (width - 10 - label_width) / max(1, len(grid.columns))))
    heads = [wrapped(name, cell - 6, 12, 3) for name in grid.columns]
    top = 12.0 + 15 * max(map(len, heads), default=0)
    canvas = Canvas(
        int(label_width + cell * len(grid.columns) + 4), top + ROW * len(grid.rows) + 26
    )
    for j, lines in enumerate(heads):
        for k, line in enumerate(lines):
            position = (label_width + cell * (j + 0.5), top - 8 - 15 * (len(lines) - 1 - k))
            canvas.words(*position, line, "tick", "middle", tip=grid.columns[j])
    for i, name in enumerate(grid.rows):
        y = top + ROW * i
        lines = wrapped(name, label_width - 8, SIZE, 2)
        for k, line in enumerate(lines):
            canvas.words(2, y + 23 - 7 * len(lines) + 14 * k + 5, line, tip=name)
        for j, point in enumerate(grid.points[i]):
            _cell(canvas, point, (label_width + cell * j, y, cell), grid.top)
    unit = wrapped(grid.unit, canvas.width - 4, 12, 1)[0]
    canvas.words(canvas.width - 4, canvas.height - 8, unit, "tick", "end")
    return canvas


def _cell(canvas: Canvas, point: FigurePoint, box: tuple[float, float, float], top: float) -> None:
    x, y, width = box
    is_known = isfinite(point.value)
    strength = min(1.0, abs(point.value) / top) if is_known and top else 0.0
    colour = "none" if not is_known else "minus" if point.value < 0 else "plus"
    canvas.add(
        "rect",
        tip=point.words,
        x=x + 1,
        y=y + 1,
        width=width - 2,
        height=32,
        rx=3,
        class_=f"cell {colour}",
        fill_opacity=f"{0.04 + 0.42 * strength:.2f}",
    )
    text = number(point.value, decimals_for(top)) if is_known else "–"
    canvas.words(x + width / 2, y + 21, text, "value", "middle")
