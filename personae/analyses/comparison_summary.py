"""The answer to a comparison of two runs: how many scales differ, which most, which are alike."""

from collections.abc import Sequence
from math import isnan

from personae.analyses.run_differences import Comparison
from personae.core import Note, Part, Table, counted
from personae.report.build import Row, table, verdict, warning
from personae.stats.effects.families import LEAST_PAIRS

__all__ = ["comparison_summary", "largest_first"]

NAMED = 3
"""Scales that a sentence names."""
LISTED = 12
"""Rows of the table of the largest differences."""
VERDICTS = ("different", "different but within margin", "equivalent", "inconclusive", "not tested")


def comparison_summary(comparisons: Sequence[Comparison]) -> list[Part]:
    """Say how many comparisons differ and which most; tabulate the largest, and verdicts by arm."""
    by = {name: [c for c in comparisons if c.verdict == name] for name in VERDICTS}
    tested = len(comparisons) - len(by["not tested"])
    if not tested:
        text = f"Nothing could be tested: no scale has {LEAST_PAIRS} pairs of answers."
        return [warning(text), _largest(comparisons)]
    differ = largest_first(by["different"] + by["different but within margin"])
    equivalent = largest_first(by["equivalent"])[::-1]
    parts: list[Part] = [
        verdict(_difference(differ, tested)),
        verdict(_alike(equivalent, len(by["inconclusive"]))),
    ]
    if few := len(by["not tested"]):
        parts.append(Note(f"{counted(few, 'scale')} not tested: fewer than {LEAST_PAIRS} pairs."))
    return [*parts, _largest(comparisons), _by_arm(comparisons)]


def largest_first(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Sort by the absolute effect size, which compares scales of different units.

    Where an effect size isn't defined the absolute shift stands for it.
    """

    def size(comparison: Comparison) -> float:
        d = abs(comparison.size.value)
        return abs(comparison.shift.value) if isnan(d) else d

    return sorted(comparisons, key=size, reverse=True)


def _cell_name(comparison: Comparison) -> str:
    """Name a comparison by its scale, respondent and arm."""
    arm, instrument, scale, _, *respondent = comparison.cell
    return ", ".join([scale or instrument, *respondent, arm])


def _difference(differ: Sequence[Comparison], tested: int) -> str:
    verb = "differs" if len(differ) == 1 else "differ"
    count = f"{len(differ)} of {counted(tested, 'comparison')} {verb} after Holm's adjustment"
    if not differ:
        return f"{count}."
    shifts = [f"{_cell_name(c)} {c.shift.words('+.3g', unit=c.shift.unit)}" for c in differ[:NAMED]]
    lead = "most" if differ[NAMED:] else "in order of size" if differ[1:] else "namely"
    return f"{count}; {lead}: {'; '.join(shifts)}."


def _alike(equivalent: Sequence[Comparison], inconclusive: int) -> str:
    names = "; ".join(_cell_name(c) for c in equivalent[:NAMED])
    more = f"; and {len(equivalent) - NAMED} more" if equivalent[NAMED:] else ""
    listed = f" ({names}{more})" if names else ""
    return f"Equivalent within the margin: {len(equivalent)}{listed}. Inconclusive: {inconclusive}."


def _largest(comparisons: Sequence[Comparison]) -> Table:
    several = len({c.shift.unit for c in comparisons}) > 1
    rows: list[Row] = [
        {
            "scale and arm": _cell_name(c),
            "shift": c.shift,
            "size (d)": None if isnan(c.size.value) else c.size.value,
            "p (Holm)": None if isnan(c.holm) else c.holm,
            "verdict": c.verdict,
            **({"unit": c.shift.unit} if several else {}),
        }
        for c in largest_first(comparisons)[:LISTED]
    ]
    note = f"The {len(rows)} largest of {len(comparisons)} by size; second run minus first."
    return table("largest", "Largest differences", rows, note)


def _by_arm(comparisons: Sequence[Comparison]) -> Table:
    arms = dict.fromkeys(c.cell[0] for c in comparisons)
    rows: list[Row] = [
        {"arm": arm}
        | {
            name: sum(c.verdict == name for c in comparisons if c.cell[0] == arm)
            for name in VERDICTS
        }
        for arm in arms
    ]
    return table("verdicts", "Verdicts by arm", rows)
