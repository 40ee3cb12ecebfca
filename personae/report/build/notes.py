"""Notes, and estimates in sentences."""

from collections.abc import Iterable, Mapping
from math import isnan

from personae.core import Answers, Estimate, Note, Point, rounded

__all__ = ["estimate_words", "list_words", "missing_answers", "verdict", "warning"]


def verdict(text: str) -> Note:
    """Make a note that is shown before everything else."""
    return Note(text, "verdict")


def warning(text: str) -> Note:
    """Make a note that is highlighted."""
    return Note(text, "warning")


def missing_answers(answers: Answers, noun: str = "answers") -> list[Note]:
    """Warn of answers whose status isn't ok; an empty list where there are none.

    >>> missing_answers(Answers.of([{"value": 1.0}, {"status": "refused"}]))[0].text
    '1 of 2 answers are missing.'
    """
    missing = int((answers.rows["status"] != "ok").sum())
    return [warning(f"{missing:,} of {len(answers):,} {noun} are missing.")] if missing else []


def estimate_words(estimate: Point, form: str = "+.2f") -> str:
    """Write an estimate and its interval inside a sentence, or why it isn't known.

    Negative numbers get their real minus sign when the report is rendered.

    >>> shift = Estimate(name="d", value=0.5, low=0.2, high=0.8, n=9, of="item")
    >>> estimate_words(shift), estimate_words(shift, ".0%"), estimate_words(None)
    ('+0.50 [+0.20, +0.80]', '50% [20%, 80%]', 'not known')
    """
    if estimate is None or (not isinstance(estimate, Estimate) and isnan(estimate)):
        return "not known"
    if not isinstance(estimate, Estimate):
        return rounded(estimate, form)
    return estimate.words(form)


def list_words(
    values: Mapping[str, Point] | Iterable[tuple[str, Point]], form: str = "+.2f", most: int = 24
) -> str:
    """List at most `most` named values without intervals, as alternative texts need them.

    >>> list_words({"openness": 0.5, "anger": None})
    'openness +0.50; anger not known'
    """
    pairs = list(values.items() if isinstance(values, Mapping) else values)
    listed = [f"{name} {_value(point, form)}" for name, point in pairs[:most]]
    remainder = [f"and {len(pairs) - most} more"] if pairs[most:] else []
    return "; ".join(listed + remainder)


def _value(point: Point, form: str) -> str:
    value = point.value if isinstance(point, Estimate) else point
    return "not known" if value is None or isnan(value) else rounded(value, form)
