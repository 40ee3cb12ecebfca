"""Two runs compared scale by scale: differences, equivalence, and the detectable difference.

Items are the sampling unit: forms, orders, repeats and respondents are averaged within an item
first, since ten answers to one question are not ten questions. Where respondents are the unit,
items are averaged within each respondent. All single scales are one family, whole sets of problems
another; equivalence is adjusted as difference is, since it too can be found by chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import nan
from typing import Literal

import numpy as np
import polars as pl

from personae.analyses.pairing import Pairing
from personae.core import Array, BadValue, Estimate, Table
from personae.report.build import Row, table
from personae.stats.effects.effect_sizes import paired_d, paired_permutation
from personae.stats.effects.equivalence import tost_paired, verdict
from personae.stats.effects.families import (
    LEAST_PAIRS,
    PairedShift,
    adjust_family,
    difference_spread,
)
from personae.stats.multiplicity import holm

__all__ = ["MARGINS", "Comparison", "ComparisonRules", "compare_pairs", "comparison_table"]

ALL = "all"
"""The scale of a comparison over all problems of a set."""
MARGINS: Mapping[str, float] = {"correct": 0.05, "points": 0.25, "share": 0.05}
"""By unit, the difference below which two runs count as alike, unless another is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRules:
    """How runs are compared.

    Args:
        unit: the sampling unit.
        each: whether each respondent is compared by itself, not all together.
        margins: by unit of the answers, the largest difference that counts as equivalent.
        seed: seed of the resampling.

    Raises:
        BadValue: respondents as the unit of a single respondent, or a margin that isn't positive.
    """

    unit: Literal["item", "respondent"] = "item"
    each: bool = False
    margins: Mapping[str, float] = field(default_factory=lambda: dict(MARGINS))
    seed: int = 0

    def __post_init__(self) -> None:
        if self.unit == "respondent" and self.each:
            raise BadValue("one respondent by itself has no spread of respondents: use unit=item")
        for unit, margin in self.margins.items():
            if not 0 < margin < float("inf"):
                raise BadValue(f"the margin for {unit!r} is a positive number, not {margin}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(PairedShift):
    """One scale under one arm, second run minus first; adjusted over all comparisons.

    `cell` is (arm, instrument, scale, unit) and, where each is compared by itself, the respondent;
    `levels` the two means in that unit, NaN where an inventory's range isn't known; `shift` the
    mean paired difference with its sign-flip p; `size` the shift over the SD of the differences;
    `equivalence` the equivalence test and `equivalence_holm` its adjusted p; `lost` the number of
    pairs that one run or both didn't answer.
    """

    cell: tuple[str, ...]
    levels: tuple[float, float]
    size: Estimate
    equivalence: Estimate | None
    equivalence_holm: float = nan
    lost: int

    @property
    def verdict(self) -> str:
        """Different, different but within margin, equivalent, inconclusive, or not tested."""
        if np.isnan(self.holm):
            return "not tested"
        difference = replace(self.shift, p=self.holm)
        equivalence = self.equivalence or self.shift
        return verdict(difference, replace(equivalence, p=self.equivalence_holm))


def compare_pairs(
    pairing: Pairing, judging: ComparisonRules = ComparisonRules()
) -> list[Comparison]:
    """Compare two runs' paired answers, arm by arm and scale by scale.

    Where the unit is `correct` a lost answer is wrong. Elsewhere a pair counts where both runs
    answered, by the mean under the option probabilities if both have it throughout a scale, else by
    the option chosen; reversed items are keyed. Sets of problems are also compared as a whole.
    Fewer than six pairs are shown and not tested.
    """
    rows = pairing.rows.with_columns(pl.col("inventory").str.split("@").list.first().alias("tool"))
    by = ["arm", "tool", "scale", "unit"] + (["respondent"] if judging.each else [])
    whole = rows.filter(pl.col("unit") == "correct").with_columns(pl.lit(ALL).alias("scale"))
    return _family(whole, by, judging) + _family(rows, by, judging)


def _family(rows: pl.DataFrame, by: Sequence[str], judging: ComparisonRules) -> list[Comparison]:
    """Compare every cell; difference and equivalence are adjusted over the cells tested."""
    cells = [
        _comparison(part, tuple(map(str, cell)), judging)
        for cell, part in rows.group_by(by, maintain_order=True)
    ]
    compared = adjust_family(cells, least=LEAST_PAIRS)
    tests = [c.equivalence if c.shift.n >= LEAST_PAIRS else None for c in compared]
    adjusted = holm([test.p if test else nan for test in tests]).tolist()
    return [replace(c, equivalence_holm=p) for c, p in zip(compared, adjusted, strict=True)]


def _comparison(part: pl.DataFrame, cell: tuple[str, ...], judging: ComparisonRules) -> Comparison:
    unit, of = cell[3], judging.unit
    name = f"{cell[2] or cell[1]}, {cell[0]}"
    first, second, lost = _scores(part, unit)
    sign = part["key"].to_numpy().astype(np.float64)
    pairs = pl.DataFrame(
        {
            "of": part[of],
            "shift": sign * (second - first),
            "first": sign * first,
            "second": sign * second,
            "mirror": _mirror(part, unit),
        }
    ).filter(pl.col("shift").is_finite())
    means = pairs.group_by("of", maintain_order=True).agg(
        pl.col("shift", "first", "second", "mirror").mean()
    )
    shift = means["shift"].to_numpy()
    levels = [
        float((means[run] + means["mirror"]).to_numpy().mean()) if means.height else nan
        for run in ("first", "second")
    ]
    margin = judging.margins.get(unit)
    equivalence = None
    if margin is not None:
        equivalence = tost_paired(shift, np.zeros_like(shift), margin, name=name, of=of, unit=unit)
    return Comparison(
        cell=cell,
        levels=(levels[0], levels[1]),
        shift=paired_permutation(shift, name=name, of=of, unit=unit, seed=judging.seed),
        spread=difference_spread(shift),
        size=paired_d(shift, name=name, of=of, seed=judging.seed),
        equivalence=equivalence,
        lost=lost,
    )


def _scores(part: pl.DataFrame, unit: str) -> tuple[Array, Array, int]:
    """Return both runs' scores, (pairs,), NaN where an answer is lost, and how many are."""
    ok = [part[f"status_{i}"] == "ok" for i in (1, 2)]
    lost = part.height - int((ok[0] & ok[1]).sum())
    if unit == "correct":
        right = [part[f"value_{i}"].fill_null(0.0).to_numpy() for i in (1, 2)]
        return right[0], right[1], lost
    weighed = all(
        part[f"expected_{i}"].filter(ok[i - 1]).is_finite().fill_null(False).all() for i in (1, 2)
    )
    use = "expected" if weighed else "value"
    scores = [
        np.where(ok[i - 1].to_numpy(), part[f"{use}_{i}"].fill_null(np.nan).to_numpy(), np.nan)
        for i in (1, 2)
    ]
    return scores[0], scores[1], lost


def _mirror(part: pl.DataFrame, unit: str) -> Array:
    """Return what a reversed item's answer is subtracted from, (pairs,): low + high, else 0."""
    if unit != "points":
        return np.zeros(part.height)
    span = part["low"] + part["high"]
    return np.where(part["key"] < 0, span.fill_null(np.nan), 0.0)


def comparison_table(comparisons: Sequence[Comparison], judging: ComparisonRules) -> Table:
    """Tabulate comparisons: levels, shift, size, p raw and adjusted, equivalence, verdict."""
    margins = ", ".join(f"{m:g} {u}" for u, m in sorted(judging.margins.items()))
    note = (
        f"Shift: second run minus first, paired by {judging.unit}, with a sign-flip p; "
        f"size: shift over the SD of the differences; equivalence: within {margins}; "
        "detectable: found in 4 of 5 such runs; lost: pairs without two answers (wrong, where "
        f"the unit is correct). Below {LEAST_PAIRS} pairs nothing is tested."
    )
    rows = [_row(comparison, judging) for comparison in comparisons]
    return table("comparison", "Scale by scale", rows, note)


def _row(comparison: Comparison, judging: ComparisonRules) -> Row:
    arm, instrument, scale, _, *respondent = comparison.cell
    row: Row = {"respondent": respondent[0]} if judging.each else {}
    first, second = comparison.levels
    return row | {
        "arm": arm,
        "instrument": instrument,
        "scale": scale,
        f"{judging.unit}s": comparison.shift.n,
        "first": _or_none(first),
        "second": _or_none(second),
        "shift": comparison.shift,
        "size (d)": comparison.size,
        "p": _or_none(comparison.shift.p),
        "p (Holm)": _or_none(comparison.holm),
        "p (BH)": _or_none(comparison.bh),
        "p (equivalence, Holm)": _or_none(comparison.equivalence_holm),
        "detectable": _or_none(comparison.detectable),
        "lost": comparison.lost,
        "verdict": comparison.verdict,
    }


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value
