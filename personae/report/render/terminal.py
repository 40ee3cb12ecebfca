"""A report in a terminal: whole, or in forty lines.

Whole, it has verdicts first, then pictures drawn with characters, then tables. In short it has
every warning, the verdicts, and the first rows of the first pictures and tables of each section.
"""

from collections.abc import Callable, Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.segment import Segment, Segments
from rich.table import Table as Grid
from rich.text import Text

from personae.core import Estimate, Figure, Note, Part, Report, Table, counted
from personae.report.render.outline import Outline, outline
from personae.report.render.terminal_parts import is_plain, plain_text, short_part, whole_part
from personae.report.render.values import visible

__all__ = ["print_report", "print_summary"]

LINES = 40
"""The most lines of a summary."""
WARNINGS, BANNERS, VERDICTS, FOOT = 10, 4, 27, 5
"""The most lines of warnings, banners, verdicts and counts in a summary; others are counted."""
FEW, SEVERAL = 3, 5
"""The fewest and the most rows of a part in a summary."""
LEAST = 2
"""Lines that no part is shorter than, with the blank line before it."""

Lines = list[list[Segment]]


def print_report(report: Report, console: Console) -> None:
    """Print a whole report to a terminal of any width; without UTF-8, in plain characters.

    Raises:
        BadValue: a figure's data has the wrong shape.

    >>> print_report(Report(title="Empty", parts=()), Console(width=40, color_system=None))
    Empty
    """
    _print(console, lambda: console.print(Group(*_whole(outline(report), console))))


def print_summary(report: Report, console: Console, source: str = "") -> None:
    """Print a report in at most 40 lines, whole if it is that short.

    Warnings come first and are never left out: where they are many, each takes one line. Parts that
    don't fit are counted.

    Args:
        report: what is printed.
        console: where; without UTF-8, in plain characters.
        source: how a reader gets the whole report, such as "--full, or out/card/report.html".

    Raises:
        BadValue: a figure's data has the wrong shape.

    >>> notes = (Note("So it is.", "verdict"), Note("Few answers.", "warning"))
    >>> report = Report(title="A study", parts=(*notes, *[Note("By the way.")] * 40))
    >>> print_summary(report, Console(width=60, color_system=None), "--full")
    A study
    Warning: Few answers.
    • So it is.
    Not shown: 40 notes. All: --full
    """
    page = outline(report)
    is_long = sum(map(_least_lines, report.parts)) > LINES
    whole = [] if is_long else _lines(console, *_whole(page, console))
    is_long |= len(whole) > LINES
    lines = _summary(page, console, source) if is_long else whole
    _print(console, lambda: console.print(_segments(lines), end=""))


def _least_lines(part: Part) -> int:
    """Count the lines that a part takes at least, without laying it out."""
    return len(part.rows) if isinstance(part, Table) else 1


def _print(console: Console, write: Callable[[], object]) -> None:
    if not is_plain(console):
        write()
        return
    with console.capture() as capture:
        write()
    text = capture.get().replace("−", "-").replace("…", "...").encode(console.encoding, "replace")
    console.file.write(text.decode(console.encoding))


def _whole(page: Outline, console: Console) -> Iterable[RenderableType]:
    yield plain_text(page.title, "bold")
    yield from _banners(page)
    if page.verdicts:
        yield ""
    yield from _verdicts(page, console)
    for section in page.sections:
        yield ""
        if section.title:
            yield plain_text(section.title, "bold underline")
        for part in section.parts:
            yield whole_part(part, console)
    if page.counts:
        yield ""
    yield from _counts(page)


def _banners(page: Outline) -> Iterable[Text]:
    for lead, explanation in page.banners:
        yield Text.assemble((f"{lead} ", "bold yellow"), (visible(explanation), "yellow"))


def _verdicts(page: Outline, console: Console) -> Iterable[Grid]:
    for i, verdict in enumerate(page.verdicts):
        grid = Grid.grid(padding=(0, 1))
        grid.add_row("-" if is_plain(console) else "•", plain_text(verdict, "" if i else "bold"))
        yield grid


def _counts(page: Outline) -> Iterable[Text]:
    if page.counts:
        yield plain_text(page.counts[0])
    if page.costs:
        yield plain_text(", ".join(f"{name} {value}" for name, value in page.costs), "dim")


def _summary(page: Outline, console: Console, source: str) -> Lines:
    """Lay out a long report in at most 40 lines."""
    parts = [part for section in page.sections for part in section.parts]
    warnings = [p for p in parts if isinstance(p, Note) and p.level == "warning"]
    head = _lines(console, plain_text(page.title, "bold"))[:2]
    head += _several(console, [whole_part(w, console) for w in warnings], WARNINGS, "warning")
    head += _several(console, list(_banners(page)), BANNERS, "remark")
    most = min(VERDICTS, LINES - len(head) - FOOT)
    head += _several(console, list(_verdicts(page, console)), most, "finding")
    foot = _lines(console, *_counts(page))[:3]
    shown = _fitting(page, console, LINES - len(head) - len(foot) - 2)
    body = [line for part in parts for line in shown.get(id(part), ())]
    omitted = [p for p in parts if id(p) not in shown and p not in warnings]
    closing = _lines(console, plain_text(_omissions(omitted, source), "dim"))[:2]
    return [*head, *body, *foot, *closing]


def _several(console: Console, texts: Sequence[RenderableType], most: int, noun: str) -> Lines:
    """Lay out texts, the first ones whole as far as they fit with a line for each of the others.

    Texts that find no line are counted.
    """
    wanting = len(texts) if len(texts) <= most else most - 1
    lines: Lines = []
    for text in texts[:wanting]:
        block, wanting = _lines(console, text), wanting - 1
        room = most - len(lines) - wanting - (len(texts) > most)
        lines += block if len(block) <= room else _first_line(console, text)
    rest = len(texts) - most + 1
    if len(texts) > most:
        lines += _lines(console, plain_text(f"… {counted(rest, f'more {noun}')}"))
    return lines


def _first_line(console: Console, text: RenderableType) -> Lines:
    """Give a text's first line, with an ellipsis if there are more."""
    first, *more = _lines(console, text)
    if more:
        line = Text.assemble(*((s.text, s.style or "") for s in first))
        line.rstrip()
        line.truncate(console.width - 2)
        first = _lines(console, line.append(" …"))[0]
    return [first]


def _fitting(page: Outline, console: Console, room: int) -> dict[int, Lines]:
    """Choose parts in turn from each section while they fit; map their identity to their lines."""
    columns = [
        [p for p in section.parts if isinstance(p, Figure | Table | Estimate)]
        for section in page.sections
    ]
    turns = [
        p for i in range(max(map(len, columns), default=0)) for c in columns for p in c[i : i + 1]
    ]
    shown: dict[int, Lines] = {}
    for part in turns:
        if room < LEAST:
            break
        for rows in (SEVERAL, FEW):
            lines = _lines(console, short_part(part, console, rows))
            gap = 0 if isinstance(part, Estimate) else 1
            if len(lines) + gap <= room:
                shown[id(part)] = [[]] * gap + lines
                room -= len(lines) + gap
                break
    return shown


def _omissions(omitted: Sequence[Part], source: str) -> str:
    nouns = {"table": Table, "figure": Figure, "estimate": Estimate, "note": Note}
    counts = {noun: sum(isinstance(p, kind) for p in omitted) for noun, kind in nouns.items()}
    left = ", ".join(counted(count, noun) for noun, count in counts.items() if count)
    closing = f"All: {source}" if source else ""
    return " ".join(text for text in (f"Not shown: {left}." if left else "", closing) if text)


def _lines(console: Console, *texts: RenderableType) -> Lines:
    return console.render_lines(Group(*texts), pad=False) if texts else []


def _segments(lines: Lines) -> Segments:
    return Segments([segment for line in lines for segment in (*line, Segment.line())])
