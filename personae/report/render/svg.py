"""Pictures as plain marks, which the template writes as SVG.

This module computes geometry, the template escapes text, the style sheet sets colours. Lengths are
in pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, isfinite, log10
from unicodedata import east_asian_width

from personae.report.render.values import number, visible

__all__ = ["Axis", "Canvas", "Mark", "dot", "nice_ticks", "path", "swatch", "text_width", "wrapped"]

SHAPES = (
    "M-5 0A5 5 0 1 1 5 0A5 5 0 1 1-5 0Z",  # circle
    "M0-6.5L6.5 0L0 6.5L-6.5 0Z",  # diamond
    "M-4.5-4.5H4.5V4.5H-4.5Z",  # square, drawn hollow
    "M0-6L5.8 4.5H-5.8Z",  # triangle
    "M-1.8-5.5H1.8V-1.8H5.5V1.8H1.8V5.5H-1.8V1.8H-5.5V-1.8H-1.8Z",  # plus
    "M0 6L5.8-4.5H-5.8Z",  # triangle, point down
    "M-5.5-2.5H5.5V2.5H-5.5Z",  # bar
)
COLOURS = 6
WIDE_GLYPH, GLYPH = 1.0, 0.54


@dataclass(frozen=True, slots=True)
class Mark:
    """One SVG element: its tag, attributes and text, and a tip that is shown on hover."""

    tag: str
    attrs: Mapping[str, str]
    text: str = ""
    tip: str = ""


@dataclass(slots=True)
class Canvas:
    """A picture being drawn: marks in painting order, `width` by `height`."""

    width: int
    height: float = 0
    marks: list[Mark] = field(default_factory=list)

    def add(self, tag: str, text: str = "", *, tip: str = "", **attrs: str | float) -> None:
        """Add a mark; `class_` and `text_anchor` become `class` and `text-anchor`."""
        attributes = {
            k.rstrip("_").replace("_", "-"): v if isinstance(v, str) else _length(v)
            for k, v in attrs.items()
        }
        self.marks.append(Mark(tag, attributes, visible(text), visible(tip)))

    def line(self, ends: tuple[float, float, float, float], class_: str, tip: str = "") -> None:
        """Add a line from (x1, y1) to (x2, y2)."""
        x1, y1, x2, y2 = ends
        self.add("line", tip=tip, x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)

    def words(
        self,
        x: float,
        y: float,
        text: str,
        class_: str = "label",
        anchor: str = "start",
        tip: str = "",
    ) -> None:
        """Add a line of text; y is its baseline."""
        self.add("text", text, tip=tip, x=x, y=y, class_=class_, text_anchor=anchor)


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear map from `low`..`high` onto pixels `start`..`end`, with round ticks inside.

    >>> Axis(1.0, 5.0, 0.0, 400.0).at(2.0)
    100.0
    """

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the position of a value; one outside the range is put at the edge."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """List the positions and labels of the ticks."""
        values, decimals = nice_ticks(self.low, self.high, most)
        return [(self.at(v), number(v, decimals)) for v in values]


def nice_ticks(low: float, high: float, most: int = 6) -> tuple[list[float], int]:
    """Return at most `most` round values (steps of 1, 2 or 5) in a range, and their decimals.

    >>> nice_ticks(1.0, 5.0)
    ([1.0, 2.0, 3.0, 4.0, 5.0], 0)
    """
    rough = (high - low) / max(1, most - 1)
    power = 10.0 ** floor(log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.9999)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    values = [round(k * step, 12) for k in range(first, last + 1)]
    return values[:: ceil(len(values) / most)], max(0, -floor(log10(step) + 1e-9))


def dot(style: int) -> dict[str, str]:
    """Return the attributes of a series' marker, to be placed by `transform`."""
    hollow = " hollow" if style % len(SHAPES) == 2 else ""
    return {"d": SHAPES[style % len(SHAPES)], "class_": f"dot c{style % COLOURS}{hollow}"}


def swatch(index: int, style: int) -> dict[str, str]:
    """Return the attributes of a bar series' legend symbol; fills differ as well as colours."""
    return {"d": "M-7-4H7V4H-7Z", "class_": f"bar c{style % COLOURS} fill{index % 3}"}


def text_width(text: str, size: float) -> float:
    """Estimate the width of a text, in the unit of `size`."""
    glyphs = (WIDE_GLYPH if east_asian_width(c) in "WF" else GLYPH for c in text)
    return size * sum(glyphs)


def wrapped(text: str, width: float, size: float, most: int = 2) -> list[str]:
    """Break a text into at most `most` lines of a width; lines that are too long end in ….

    >>> wrapped("a rather long label", 90, 13), wrapped("a rather long label", 60, 13, 1)
    (['a rather', 'long label'], ['a rathe…'])
    """
    words = [part for word in visible(text, 300).split() for part in _parts(word, width, size)]
    lines = [""]
    for word in words if most > 1 else visible(text, 300).split():
        joined = f"{lines[-1]} {word}".strip()
        if text_width(joined, size) <= width or not lines[-1]:
            lines[-1] = joined
        else:
            lines.append(word)
    if lines[most:]:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
    return [_clipped(line, width, size) for line in lines]


def _parts(word: str, width: float, size: float) -> list[str]:
    """Cut a word that is wider than a line, with hyphens."""
    fit = max(3, int(width / text_width("n", size)))
    if len(word) <= fit:
        return [word]
    return [word[: fit - 1] + "-", *_parts(word[fit - 1 :], width, size)]


def _clipped(line: str, width: float, size: float) -> str:
    if text_width(line, size) <= width:
        return line
    while len(line) > 1 and text_width(line + "…", size) > width:
        line = line[:-1]
    return line.rstrip(" …") + "…"


def path(points: Sequence[tuple[float, float]]) -> str:
    """Join points into path data.

    >>> path([(0, 0), (3, 4.25)])
    'M0 0L3 4.2'
    """
    return "M" + "L".join(f"{_length(x)} {_length(y)}" for x, y in points)


def _length(value: float) -> str:
    if not isfinite(value):
        raise ValueError("a mark needs finite coordinates")
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")
