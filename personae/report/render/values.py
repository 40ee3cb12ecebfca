"""The format of numbers, estimates and texts in every rendering.

An estimate shows as many decimals as its interval supports: two significant digits of its width.
Control characters become visible signs, so that no text can control a page or a terminal.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, isfinite, isinf, isnan, log10
from typing import Literal

from personae.core import Cell, Estimate, Table, counted

__all__ = [
    "DisplayedCell",
    "caption",
    "decimals_for",
    "displayed",
    "displayed_rows",
    "number",
    "visible",
    "with_interval",
    "with_minus",
]

LIMIT = 4000
MINUS = re.compile(r"(?<![\w.)\]-])-(?=\d|\.\d)")
"""A hyphen in place of a minus sign: before a number, and not inside a word or a range."""
CONTROLS = {
    **{c: chr(0x2400 + c) for c in range(32) if c not in (9, 10)},
    **{c: "\ufffd" for c in range(0x7F, 0xA0)},
    **{c: "\ufffd" for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))},
}


@dataclass(frozen=True, slots=True)
class DisplayedCell:
    """A cell as a reader sees it: text, interval, p-value (`chance`), reason for a gap, details."""

    kind: Literal["number", "text", "gap"]
    text: str
    interval: str = ""
    chance: str = ""
    why: str = ""
    label: str = ""
    detail: str = ""

    def __str__(self) -> str:
        details = (self.interval, self.chance, f"({self.why})" if self.why else "")
        return " ".join(part for part in (self.text, *details) if part)


def visible(text: str, limit: int = LIMIT) -> str:
    r"""Make control and direction-changing characters visible and cut very long texts, saying so.

    >>> visible("bell\a and \x1b[31mred")
    'bell␇ and ␛[31mred'
    """
    cut = text[:limit].encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    notice = f" … ({len(text) - limit:,} more characters in report.json)" if text[limit:] else ""
    return cut.replace("\r\n", "\n").translate(CONTROLS) + notice


def with_minus(text: str) -> str:
    """Write negative numbers inside a text with a real minus sign, as `number` does.

    >>> with_minus("shift -0.2 [-.5, 0.1] over 2020-2024, x-1")
    'shift −0.2 [−.5, 0.1] over 2020-2024, x-1'
    """
    return MINUS.sub("−", text)


def decimals_for(*values: float) -> int:
    """Return the decimals, 0 to 4, that leave three significant digits of the largest value.

    >>> decimals_for(0.5), decimals_for(3.2, 41.0), decimals_for(1200.0)
    (3, 1, 0)
    """
    size = max((abs(v) for v in values if isfinite(v)), default=0.0)
    return 2 if size == 0 else min(4, max(0, 2 - floor(log10(size))))


def number(value: float, decimals: int | None = None) -> str:
    """Write a number with a real minus sign and separated thousands; a NaN is a dash.

    >>> number(-0.5), number(1234567), number(2.0, 1)
    ('−0.500', '1,234,567', '2.0')
    """
    if isnan(value):
        return "–"
    if isinf(value):
        return "∞" if value > 0 else "−∞"
    if isinstance(value, int):
        text = f"{value:,}"
    elif decimals is None and value != 0 and abs(value) < 0.0005:
        text = f"{value:.2e}"
    else:
        text = f"{value:,.{decimals_for(value) if decimals is None else decimals}f}"
    if text.startswith("-") and not text.strip("-0.,"):
        text = text[1:]
    return text.replace("-", "−")


def _p_words(p: float) -> str:
    """Write a p-value; nothing for a NaN.

    >>> _p_words(0.0123), _p_words(1e-9), _p_words(float("nan"))
    ('p = 0.012', 'p < 0.001', '')
    """
    if isnan(p):
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def displayed(cell: Cell) -> DisplayedCell:
    """Format a cell.

    >>> shift = Estimate(name="d", value=0.5, low=0.21, high=0.8, n=9, of="item")
    >>> str(displayed(shift)), str(displayed(None)), str(displayed(True))
    ('0.50 [0.21, 0.80]', '–', 'yes')
    """
    if isinstance(cell, Estimate):
        return _estimate(cell)
    if cell is None:
        return DisplayedCell("gap", "–")
    if isinstance(cell, bool):
        return DisplayedCell("text", "yes" if cell else "no")
    if isinstance(cell, int | float):
        return DisplayedCell("gap" if isnan(cell) else "number", number(cell))
    return DisplayedCell("text", cell)


def _estimate(e: Estimate) -> DisplayedCell:
    label = f"{e.name}, in {e.unit}" if e.unit else e.name
    interval = "" if isnan(e.low) else f"{e.level * 100:g} % interval"
    parts = (f"n = {counted(e.n, e.of)}", _p_words(e.p), interval, e.method)
    detail = ", ".join(part for part in parts if part)
    if isnan(e.value):
        return DisplayedCell("gap", "not known", why=e.why_missing, label=label, detail=detail)
    chance = _p_words(e.p)
    if isnan(e.low) or isnan(e.high):
        why = f"no interval: {e.why_missing}"
        return DisplayedCell("number", number(e.value), "", chance, why, label, detail)
    text, span = with_interval(e.value, e.low, e.high)
    return DisplayedCell("number", text, span, chance, e.why_missing, label, detail)


def with_interval(value: float, low: float, high: float) -> tuple[str, str]:
    """Write a value and its interval with the decimals that the interval's width supports.

    >>> with_interval(0.5, 0.213, 0.801)
    ('0.50', '[0.21, 0.80]')
    """
    width = high - low
    if isfinite(width) and width > 0:
        decimals = min(4, max(0, ceil(-log10(width)) + 1))
    else:
        decimals = decimals_for(value)
    span = f"[{number(low, decimals)}, {number(high, decimals)}]"
    return number(value, decimals), span


def displayed_rows(table: Table) -> list[list[DisplayedCell]]:
    """Format a table's cells, bare numbers of a column with the same decimals.

    A column whose small numbers would be rounded to 0 keeps three digits of each instead. An
    estimate omits the p that its row shows in a column "p", and negative numbers inside texts get a
    real minus sign.

    >>> d = Estimate(name="d", value=-0.5, low=-0.8, high=-0.2, n=9, of="item", p=0.01)
    >>> table = Table(name="t", title="", columns=("sum", "d", "p"), rows=(("E -1", d, 0.01),))
    >>> [str(cell) for cell in displayed_rows(table)[0]]
    ['E −1', '−0.50 [−0.80, −0.20]', '0.0100']
    """
    columns = [[row[j] for row in table.rows] for j in range(len(table.columns))]
    decimals = [_shared_decimals(column) for column in columns]
    return [
        [
            _displayed_in_row(cell, d, dict(zip(table.columns, row, strict=True)).get("p"))
            for cell, d in zip(row, decimals, strict=True)
        ]
        for row in table.rows
    ]


def _displayed_in_row(cell: Cell, decimals: int | None, p: Cell) -> DisplayedCell:
    """Format a cell with its column's decimals, beside its row's p if there is one."""
    if isinstance(cell, float) and decimals is not None and isfinite(cell):
        return DisplayedCell("number", number(cell, decimals))
    if isinstance(cell, str):
        return displayed(with_minus(cell))
    if isinstance(cell, Estimate) and cell.p == p:
        return replace(displayed(cell), chance="")
    return displayed(cell)


def _shared_decimals(column: Sequence[Cell]) -> int | None:
    floats = [cell for cell in column if isinstance(cell, float) and isfinite(cell)]
    decimals = decimals_for(*floats)
    smallest = min((abs(f) for f in floats if f), default=1.0)
    return None if smallest < 0.5 * 10**-decimals else decimals


def caption(table: Table) -> str:
    """Return a table's note, then what its estimates have in common: intervals, methods and n.

    >>> e = Estimate(name="m", value=1.0, low=0.0, high=2.0, n=9, of="item", method="bootstrap")
    >>> caption(Table(name="t", title="T", columns=("a",), rows=((e,),), note="Without -1."))
    'Without −1. 95 % intervals; bootstrap; n = 9 items.'
    """
    return " ".join(text for text in (with_minus(table.note), _estimates_summary(table)) if text)


def _estimates_summary(table: Table) -> str:
    estimates = [cell for row in table.rows for cell in row if isinstance(cell, Estimate)]
    if not estimates:
        return ""
    levels = _distinct(f"{e.level * 100:g} % intervals" for e in estimates if not isnan(e.low))
    methods = _distinct(e.method for e in estimates if e.method)
    units = _distinct(e.of for e in estimates)
    sizes = [_range([e.n for e in estimates if e.of == of], of) for of in units]
    return "; ".join((*levels, *methods, "n = " + ", ".join(sizes))) + "."


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _range(sizes: Sequence[int], of: str) -> str:
    smallest, largest = min(sizes), max(sizes)
    return (
        counted(largest, of) if smallest == largest else f"{smallest:,} to {counted(largest, of)}"
    )
