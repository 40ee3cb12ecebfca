"""A report in a terminal: verdicts first, then pictures drawn with characters, then tables."""

from collections.abc import Iterable
from math import isfinite, isnan

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from personae.core import Estimate, Figure, Note, Part, Report, Table
from personae.report.render.figure_data import (
    DrawnSeries,
    FigurePoint,
    RowPlot,
    figure_table,
    focus_of,
    legend_of,
    read_figure,
)
from personae.report.render.outline import outline
from personae.report.render.svg import Axis, nice_ticks
from personae.report.render.values import (
    DisplayedCell,
    caption,
    displayed,
    displayed_rows,
    number,
    visible,
)

__all__ = ["print_report"]

GLYPHS, ASCII_GLYPHS = "●◆□▲+▼▬", "o*#^+v="
COLOURS = ("blue", "dark_orange3", "bright_black", "cyan", "magenta", "yellow")
LABEL, BESIDE, GAPS, LONGEST, SHORTEST = 26, 22, 6, 56, 16


def print_report(report: Report, console: Console) -> None:
    """Print a report to a terminal of any width; without UTF-8, in plain characters.

    Raises:
        BadValue: a figure's data has the wrong shape.

    >>> print_report(Report(title="Empty", parts=()), Console(width=40, color_system=None))
    Empty
    """
    if not _is_plain(console):
        _print(report, console)
        return
    with console.capture() as capture:
        _print(report, console)
    text = capture.get().replace("−", "-").encode(console.encoding, "replace")
    console.file.write(text.decode(console.encoding))


def _print(report: Report, console: Console) -> None:
    page = outline(report)
    console.print(_text(page.title, "bold"))
    for lead, explanation in page.banners:
        console.print(Text.assemble((f"{lead} ", "bold yellow"), (visible(explanation), "yellow")))
    for i, verdict in enumerate(page.verdicts):
        if i == 0:
            console.print()
        _listed(console, verdict, "bold" if i == 0 else "")
    for section in page.sections:
        console.print()
        if section.title:
            console.print(_text(section.title, "bold underline"))
        for part in section.parts:
            _print_part(part, console)
    if page.counts:
        console.print()
        console.print(_text(page.counts[0]))
    if page.costs:
        console.print(_text(", ".join(f"{name} {value}" for name, value in page.costs), "dim"))


def _text(text: str, style: str = "") -> Text:
    return Text(visible(text), style=style)


def _listed(console: Console, text: str, style: str) -> None:
    grid = Grid.grid(padding=(0, 1))
    grid.add_row("-" if _is_plain(console) else "•", _text(text, style))
    console.print(grid)


def _is_plain(console: Console) -> bool:
    return not console.encoding.lower().startswith("utf")


def _print_part(part: Part, console: Console) -> None:
    if isinstance(part, Note):
        warning = part.level == "warning"
        console.print(_text(f"Warning: {part.text}" if warning else part.text, "yellow" * warning))
    elif isinstance(part, Estimate):
        words = displayed(part)
        unit = f" {visible(part.unit)}" if part.unit and words.kind == "number" else ""
        line = Text.assemble((visible(part.name), "bold"), ": ", _cell(words), unit)
        console.print(line.append(f"  {visible(words.detail)}", "dim"))
    elif isinstance(part, Table):
        _print_table(part, console)
    elif isinstance(part, Figure):
        _print_figure(part, console)


def _print_table(table: Table, console: Console) -> None:
    grid = Grid(
        box=SIMPLE_HEAD, title=_text(table.title, "bold"), title_justify="left", pad_edge=False
    )
    rows = displayed_rows(table)
    for j, name in enumerate(table.columns):
        words = any(row[j].kind == "text" for row in rows)
        grid.add_column(_text(name), justify="left" if words else "right", overflow="fold")
    for row in rows:
        grid.add_row(*map(_cell, row))
    console.print(grid)
    if lines := caption(table):
        console.print(_text(lines, "dim"))


def _cell(words: DisplayedCell) -> Text:
    text = Text(visible(words.text), style="italic dim" if words.kind == "gap" else "")
    for detail in (words.interval, words.chance, f"({words.why})" if words.why else ""):
        if detail:
            text.append(f" {visible(detail)}", "dim")
    return text


def _print_figure(figure: Figure, console: Console) -> None:
    plot = read_figure(figure)
    room = min(LONGEST, console.width - LABEL - BESIDE - GAPS)
    crowded = isinstance(plot, RowPlot) and plot.kind == "bars" and len(plot.series) > 1
    if not isinstance(plot, RowPlot) or crowded or room < SHORTEST:
        _print_table(figure_table(figure), console)
    else:
        console.print(
            Text.assemble((visible(figure.title), "bold"), "  ", (visible(plot.unit), "dim"))
        )
        glyphs = ASCII_GLYPHS if _is_plain(console) else GLYPHS
        keys = [(f"{_glyph(s, glyphs)} ", _colour(s)) for s in legend_of(plot)]
        for key, series in zip(keys, legend_of(plot), strict=True):
            console.print(Text.assemble(key, visible(series.name)))
        console.print(_rows(plot, room, glyphs))
    console.print(_text(figure.alt, "dim"))


def _rows(plot: RowPlot, room: int, glyphs: str) -> Padding:
    """Draw one line per row: its label, its points on the axis, and the most important number."""
    high = plot.high if plot.high > plot.low else plot.low + 1
    axis = Axis(plot.low, high, 0, room - 1)
    grid = Grid.grid(padding=(0, 1))
    grid.add_column(width=LABEL, no_wrap=True, overflow="ellipsis")
    grid.add_column(width=room, no_wrap=True, overflow="crop")
    grid.add_column(width=BESIDE, no_wrap=True, overflow="ellipsis")
    focus, group = focus_of(plot), ""
    for i, label in enumerate(plot.labels):
        if plot.groups[i] != group:
            group = plot.groups[i]
            grid.add_row(_text(group, "bold"), "", "")
        words = displayed(focus.points[i].cell) if focus else DisplayedCell("text", "")
        value_words = f"{words.text} {words.interval}".strip()
        grid.add_row(_text(label), _strip(plot, axis, i, glyphs), _text(value_words, "dim"))
    grid.add_row("", _scale(axis, room), "")
    return Padding(grid, (0, 0, 1, 0))


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
