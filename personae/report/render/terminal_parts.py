"""The parts of a report as text: tables, and pictures drawn with characters; whole or cut."""

from collections.abc import Iterable
from dataclasses import replace
from math import isfinite, isnan
from typing import TypeGuard

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from personae.core import Estimate, Figure, Note, Part, Table, counted
from personae.report.render.figure_data import (
    DrawnSeries,
    FigurePoint,
    Plot,
    RowPlot,
    figure_table,
    first_rows,
    focus_of,
    legend_of,
    read_figure,
)
from personae.report.render.svg import Axis, nice_ticks
from personae.report.render.values import (
    DisplayedCell,
    caption,
    displayed,
    displayed_rows,
    number,
    visible,
)

__all__ = ["is_plain", "plain_text", "short_part", "whole_part"]

GLYPHS, ASCII_GLYPHS = "●◆□▲+▼▬", "o*#^+v="
COLOURS = ("blue", "dark_orange3", "bright_black", "cyan", "magenta", "yellow")
LABEL, BESIDE, GAPS, LONGEST, SHORTEST = 26, 22, 6, 56, 16
CELL, FEWEST, GUTTER = 44, 2, 3
"""In short tables: the longest cell, the fewest columns, the characters between two columns."""


def plain_text(text: str, style: str = "") -> Text:
    """Make a text with its control characters visible."""
    return Text(visible(text), style=style)


def is_plain(console: Console) -> bool:
    """Tell whether a terminal shows plain characters only."""
    return not console.encoding.lower().startswith("utf")


def whole_part(part: Part, console: Console) -> Group:
    """Lay out a part with all its rows and columns.

    Raises:
        BadValue: a figure's data has the wrong shape.
    """
    if isinstance(part, Note):
        warning = part.level == "warning"
        return Group(
            plain_text(f"Warning: {part.text}" if warning else part.text, "yellow" * warning)
        )
    if isinstance(part, Table):
        lines = caption(part)
        return Group(_grid(part), *([plain_text(lines, "dim")] if lines else []))
    if isinstance(part, Figure):
        plot, room = read_figure(part), _room(console)
        alt = plain_text(part.alt, "dim")
        if not _is_drawn(plot, room):
            return Group(whole_part(figure_table(part), console), alt)
        glyphs = _glyphs(console)
        picture = Padding(_rows(plot, room, glyphs), (0, 0, 1, 0))
        return Group(_plot_title(part, plot), *_legend(plot, glyphs), picture, alt)
    return Group(_estimate(part) if isinstance(part, Estimate) else plain_text(part.text))


def short_part(part: Part, console: Console, rows: int) -> Group:
    """Lay out a part with its first rows, and the columns that fit, saying how many it leaves out.

    Raises:
        BadValue: a figure's data has the wrong shape.
    """
    if isinstance(part, Table):
        return _short_table(part, console, rows)
    if isinstance(part, Estimate):
        return Group(_one_line(_estimate(part)))
    if not isinstance(part, Figure):
        return whole_part(part, console)
    plot, room = read_figure(part), _room(console)
    if not _is_drawn(plot, room):
        return _short_table(figure_table(part), console, rows)
    glyphs = _glyphs(console)
    keys = Text("   ").join(_legend(plot, glyphs))
    more = _left_out(len(plot.labels) - rows, 0)
    return Group(
        _one_line(_plot_title(part, plot)),
        *([_one_line(keys)] if keys else []),
        _rows(first_rows(plot, rows), room, glyphs),
        *([plain_text(f"… {more}", "dim")] if more else []),
    )


def _short_table(table: Table, console: Console, rows: int) -> Group:
    """Lay out the first rows of a table, and as many columns as fit side by side."""
    start = replace(table, rows=table.rows[:rows])
    columns = _fitting_columns(start, console.width)
    more = _left_out(len(table.rows) - rows, len(table.columns) - columns)
    below = " ".join(text for text in (f"… {more}." if more else "", caption(table)) if text)
    title, grid = _one_line(plain_text(table.title, "bold")), _grid(start, columns, CELL)
    grid.title = None
    return Group(title, grid, *([_one_line(plain_text(below, "dim"))] if below else []))


def _fitting_columns(table: Table, width: int) -> int:
    """Count the columns that fit side by side; at least two."""
    rows = displayed_rows(table)
    end = -GUTTER
    for j, name in enumerate(table.columns):
        cells = [_cut(plain_text(name), CELL), *(_cut(_cell(row[j]), CELL) for row in rows)]
        end += GUTTER + max(cell.cell_len for cell in cells)
        if end > width:
            return max(j, min(FEWEST, len(table.columns)))
    return len(table.columns)


def _left_out(rows: int, columns: int) -> str:
    counts = [("more row", rows), ("more column", columns)]
    return ", ".join(counted(count, noun) for noun, count in counts if count > 0)


def _one_line(line: Text) -> Text:
    """Cut a text to one line."""
    line = Text(" ").join(line.split("\n"))
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _estimate(estimate: Estimate) -> Text:
    words = displayed(estimate)
    unit = f" {visible(estimate.unit)}" if estimate.unit and words.kind == "number" else ""
    line = Text.assemble((visible(estimate.name), "bold"), ": ", _cell(words), unit)
    return line.append(f"  {visible(words.detail)}", "dim")


def _grid(table: Table, columns: int | None = None, longest: int | None = None) -> Grid:
    """Lay out a table, or its first columns with cells cut to the longest length allowed."""
    title = plain_text(table.title, "bold")
    grid = Grid(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    grid.show_edge = longest is None
    rows = displayed_rows(table)
    for j, name in enumerate(table.columns[:columns]):
        words = any(row[j].kind == "text" for row in rows)
        grid.add_column(
            _cut(plain_text(name), longest),
            justify="left" if words else "right",
            overflow="fold" if longest is None else "ellipsis",
            no_wrap=longest is not None,
        )
    for row in rows:
        grid.add_row(*(_cut(_cell(words), longest) for words in row[:columns]))
    return grid


def _cut(cell: Text, longest: int | None) -> Text:
    if longest is not None:
        cell = Text(" ").join(cell.split("\n"))
        cell.truncate(longest, overflow="ellipsis")
    return cell


def _cell(words: DisplayedCell) -> Text:
    text = Text(visible(words.text), style="italic dim" if words.kind == "gap" else "")
    for detail in (words.interval, words.chance, f"({words.why})" if words.why else ""):
        if detail:
            text.append(f" {visible(detail)}", "dim")
    return text


def _room(console: Console) -> int:
    """The columns that a picture may take."""
    return min(LONGEST, console.width - LABEL - BESIDE - GAPS)


def _is_drawn(plot: Plot, room: int) -> TypeGuard[RowPlot]:
    if not isinstance(plot, RowPlot) or room < SHORTEST:
        return False
    return plot.kind != "bars" or len(plot.series) < 2


def _glyphs(console: Console) -> str:
    return ASCII_GLYPHS if is_plain(console) else GLYPHS


def _plot_title(figure: Figure, plot: RowPlot) -> Text:
    return Text.assemble((visible(figure.title), "bold"), "  ", (visible(plot.unit), "dim"))


def _legend(plot: RowPlot, glyphs: str) -> list[Text]:
    return [
        Text.assemble((f"{_glyph(s, glyphs)} ", _colour(s)), visible(s.name))
        for s in legend_of(plot)
    ]


def _rows(plot: RowPlot, room: int, glyphs: str) -> Group:
    """Draw one line per row: its label, its points on the axis, and the most important number."""
    high = plot.high if plot.high > plot.low else plot.low + 1
    axis = Axis(plot.low, high, 0, room - 1)
    grid = _row_grid(room)
    lines: list[Grid | Text] = [grid]
    focus, group = focus_of(plot), ""
    for i, label in enumerate(plot.labels):
        if plot.groups[i] != group:
            group, grid = plot.groups[i], _row_grid(room)
            lines += [_one_line(plain_text(group, "bold")), grid]
        words = displayed(focus.points[i].cell) if focus else DisplayedCell("text", "")
        value_words = f"{words.text} {words.interval}".strip()
        grid.add_row(
            plain_text(label), _strip(plot, axis, i, glyphs), plain_text(value_words, "dim")
        )
    grid.add_row("", _scale(axis, room), "")
    return Group(*lines)


def _row_grid(room: int) -> Grid:
    """Make the columns of a picture: labels, axis, numbers."""
    grid = Grid.grid(padding=(0, 1))
    grid.add_column(width=LABEL, no_wrap=True, overflow="ellipsis")
    grid.add_column(width=room, no_wrap=True, overflow="crop")
    grid.add_column(width=BESIDE, no_wrap=True, overflow="ellipsis")
    return grid


def _strip(plot: RowPlot, axis: Axis, row: int, glyphs: str) -> Text:
    """Draw one row; the measured series comes last, so that it covers points that coincide."""
    is_ascii = glyphs == ASCII_GLYPHS
    cells = [(" ", "")] * (round(axis.end) + 1)
    if isfinite(plot.reference):
        cells[round(axis.at(plot.reference))] = (":" if is_ascii else "┊", "dim")
    focus = focus_of(plot)
    for series in sorted(plot.series, key=lambda s: (s is focus, -s.style)):
        point = series.points[row]
        if isnan(point.value):
            continue
        if series is focus or plot.kind == "bars":
            for column in _span(plot, axis, point):
                cells[column] = ("-" if is_ascii else "─", _colour(series))
        cells[round(axis.at(point.value))] = (_glyph(series, glyphs), _colour(series))
    return Text.assemble(*cells)


def _span(plot: RowPlot, axis: Axis, point: FigurePoint) -> Iterable[int]:
    """List the columns of an interval, or of a bar from zero."""
    low, high = sorted((0.0, point.value)) if plot.kind == "bars" else (point.low, point.high)
    if isnan(low) or isnan(high):
        return ()
    return range(round(axis.at(low)), round(axis.at(high)) + 1)


def _scale(axis: Axis, room: int) -> Text:
    cells = [" "] * room
    values, decimals = nice_ticks(axis.low, axis.high, 5)
    for value in values:
        text = number(value, decimals)
        start = min(max(0, round(axis.at(value)) - len(text) // 2), room - len(text))
        cells[start : start + len(text)] = text
    return Text("".join(cells), style="dim")


def _glyph(series: DrawnSeries, glyphs: str) -> str:
    return glyphs[series.style % len(glyphs)]


def _colour(series: DrawnSeries) -> str:
    return COLOURS[series.style % len(COLOURS)]
