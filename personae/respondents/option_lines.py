"""The options that a chat lists, one a line, with a label or a bullet, and their levels."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from personae.respondents.recognition import reading_cache, recognise
from personae.respondents.stimuli import AnswerScale, Prompt

__all__ = ["OptionLine", "displayed_options", "form_levels", "full_scale", "option_text"]

_LINE = re.compile(
    r"[ \t]*(?:\(?([A-Za-z]|\d{1,2})\)?[ \t]*[.):=][.):=]?|[-*•])[ \t]+(\S.*?)[ \t]*"
)
Levels = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class OptionLine:
    """An option line: its label (or ""), text, the whole line, and its level 0..1 or None."""

    label: str
    text: str
    line: str
    level: float | None


def displayed_options(users: Sequence[str], system: Sequence[str]) -> tuple[OptionLine, ...]:
    """Find the options that a chat lists; () where it lists none.

    After the first turn, the last turn's own list is taken if it has one; otherwise the last list
    on a known scale, or else that of the last turn.
    """
    if len(users) > 1 and (latest := _lists(users[-1])):
        return latest[-1]
    lists = [lines for text in (*system, *users) for lines in _lists(text)]
    for lines in reversed(lists):
        if lines[0].level is not None:
            return lines
    last_lists = _lists(users[-1]) if users else []
    return last_lists[-1] if last_lists else ()


@reading_cache
def _lists(text: str) -> tuple[tuple[OptionLine, ...], ...]:
    """Runs of two or more option lines: all with labels, or all with bullets."""
    runs: list[list[re.Match[str]]] = [[]]
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match and runs[-1] and bool(match[1]) != bool(runs[-1][-1][1]):
            runs.append([])
        if match:
            runs[-1].append(match)
        elif runs[-1]:
            runs.append([])
    return tuple(_lines(run) for run in runs if len(run) > 1)


def _lines(run: Sequence[re.Match[str]]) -> tuple[OptionLine, ...]:
    levels = _scale_levels(tuple(match[2] for match in run))
    return tuple(
        OptionLine(match[1] or "", match[2], match[0], level)
        for match, level in zip(run, levels, strict=True)
    )


def _scale_levels(texts: tuple[str, ...]) -> Levels:
    scale = recognise(AnswerScale, Prompt(options=texts))
    return (None,) * len(texts) if scale is None else scale.levels


def form_levels(options: Sequence[OptionLine], forms: Sequence[str]) -> Levels:
    """Return the level 0..1 of each option by its surface form; None where it is unknown.

    A label has the level of its line; a number between two labelled ends lies between theirs.
    """
    names = [form.strip(" (.)") for form in forms]
    by_label = {option.label: option.level for option in options if option.label}
    if any(name in by_label for name in names):
        return tuple(by_label.get(name, _between(name, by_label)) for name in names)
    return _scale_levels(tuple(names))


def _between(name: str, by_label: Mapping[str, float | None]) -> float | None:
    ends = [(int(k), v) for k, v in by_label.items() if k.isdigit() and v is not None]
    if not name.isdigit() or len(ends) < 2:
        return None
    (first, low), (last, high) = min(ends), max(ends)
    if not first < int(name) < last:
        return None
    return low + (high - low) * (int(name) - first) / (last - first)


def full_scale(options: Sequence[OptionLine]) -> Sequence[OptionLine]:
    """Add the numbers between two ends, where only the ends of a scale are named.

    >>> ends = [OptionLine("1", "no", "1 = no", 0.0), OptionLine("3", "yes", "3 = yes", 1.0)]
    >>> [option.label for option in full_scale(ends)]
    ['1', '2', '3']
    """
    numbers = [int(option.label) for option in options if option.label.isdigit()]
    if len(options) != 2 or len(numbers) != 2 or max(numbers) - min(numbers) < 2:
        return options
    inner = range(min(numbers) + 1, max(numbers))
    first, last = sorted(options, key=lambda option: int(option.label))
    return [first, *(OptionLine(str(n), "", str(n), None) for n in inner), last]


def option_text(options: Sequence[OptionLine], form: str) -> str:
    """Return the words that a surface form stands for: its line's text where it is a label."""
    by_label = {option.label: option.text for option in options if option.label}
    return by_label.get(form.strip(" (.)"), form)
