"""One inventory under several conditions: scores, differences and equivalence between them.

The tests of Gupta, Song & Anumanchipalli (2024, arXiv 2309.08163), unpaired as published and,
better suited, paired by item; beyond the source: Holm's correction, a test of equivalence, and
scores with and without the key side by side. Items are the sampling unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Literal

import numpy as np

from personae.core import Answers, Array, Estimate, Inventory, missing
from personae.stats.effects.equivalence import Verdict, tost_paired, verdict
from personae.stats.effects.ranks import mann_whitney, wilcoxon
from personae.stats.multiplicity import holm
from personae.stats.resample import bootstrap, mean
from personae.stats.scores.scales import item_matrix
from personae.stats.scores.variance_shares import variance_shares

__all__ = [
    "CONDITION_COLUMNS",
    "MIN_SHARE",
    "SCORINGS",
    "AdministrationPair",
    "Condition",
    "Scoring",
    "Sheet",
    "lay_out",
]

CONDITION_COLUMNS = ("form", "order")
"""The columns of answers that tell one administration from another."""
MIN_SHARE = 0.8
"""The least share of a scale's items that must be answered for a score."""
Scoring = Literal["unkeyed", "keyed"]
SCORINGS: tuple[Scoring, ...] = ("unkeyed", "keyed")
Condition = tuple[str, str]
"""Wording and option order of an administration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdministrationPair:
    """Two administrations compared on one scale.

    Args:
        scale: the scale's title.
        between: the two conditions.
        unpaired: Cliff's delta with the Mann-Whitney test, as published.
        paired: rank-biserial correlation with the Wilcoxon test.
        equivalence: mean difference in points with TOST.
        adjusted: p of the paired test after Holm.
    """

    scale: str
    between: str
    unpaired: Estimate
    paired: Estimate
    equivalence: Estimate
    adjusted: float = nan

    @property
    def verdict(self) -> Verdict:
        """The joint verdict of the adjusted paired test and the test of equivalence."""
        return verdict(replace(self.paired, p=self.adjusted), self.equivalence)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sheet:
    """One respondent's answers to an inventory under several conditions.

    Args:
        tool: the inventory.
        answers: the answers.
        conditions: the condition of each administration.
        cells: scoring -> item scores in points, shape (items, administrations), NaN where missing.
        seed: seed of the resampling.
    """

    tool: Inventory
    answers: Answers
    conditions: tuple[Condition, ...]
    cells: Mapping[Scoring, Array]
    seed: int

    def block(self, scoring: Scoring, scale: str = "") -> Array:
        """Return item scores (points) of one scale, or of all: (items, administrations)."""
        rows = [i for i, item in enumerate(self.tool.items) if not scale or item.scale == scale]
        return self.cells[scoring][rows]

    def column(self, scoring: Scoring, condition: Condition, scale: str = "") -> Array:
        """Return the item scores (points) of one administration, shape (items,)."""
        return self.block(scoring, scale)[:, self.conditions.index(condition)]

    def scales(self) -> dict[str, str]:
        """Map the code of each scale that was asked to its title."""
        asked = {item.scale for item in self.tool.items}
        return {code: title for code, title in self.tool.scales.items() if code in asked}

    def score(self, scoring: Scoring, condition: Condition, scale: str) -> Estimate:
        """Estimate a scale's mean item score in points, with a BCa interval over items.

        Undefined if fewer than 80 % of its items were answered.
        """
        values = self.column(scoring, condition, scale)
        n, name = int(np.isfinite(values).sum()), f"{scoring} {scale}, {', '.join(condition)}"
        if n < MIN_SHARE * values.size:
            why = f"{n} of {values.size} items answered, {MIN_SHARE:.0%} needed"
            return missing(name, why, n=n, of="item", unit="points")
        return mean(values, name=name, of="item", unit="points", seed=self.seed)

    def comparisons(
        self, scoring: Scoring, pairs: Sequence[tuple[Condition, Condition]], margin: float
    ) -> list[AdministrationPair]:
        """Test all pairs of conditions on all scales.

        Mann-Whitney (1947), Wilcoxon (1945) with the correction of Holm (1979) over pairs and
        scales, and TOST (Schuirmann 1987).

        Args:
            scoring: keyed or unkeyed.
            pairs: the conditions to compare.
            margin: the difference, in points, within which two scores are equivalent.
        """
        tests = []
        for scale, title in self.scales().items():
            for a, b in pairs:
                x, y = self.column(scoring, a, scale), self.column(scoring, b, scale)
                tests.append(
                    AdministrationPair(
                        scale=title,
                        between=f"{' '.join(a)} - {' '.join(b)}",
                        unpaired=mann_whitney(x, y, seed=self.seed),
                        paired=wilcoxon(x, y, seed=self.seed),
                        equivalence=tost_paired(x, y, margin),
                    )
                )
        adjusted = holm([test.paired.p for test in tests])
        return [replace(test, adjusted=float(p)) for test, p in zip(tests, adjusted, strict=True)]

    def spread(self, scoring: Scoring, scale: str) -> Estimate:
        """Estimate the largest difference between two administrations' means, in points.

        Percentile bootstrap over the items that were answered in every administration; undefined
        without any.
        """
        cells = self.block(scoring, scale)
        x = cells[np.isfinite(cells).all(axis=1)]

        def widest(weights: Array) -> Array:
            return np.asarray(np.ptp(weights @ x / weights.sum(axis=1, keepdims=True), axis=1))

        estimate = bootstrap(widest, len(x), seed=self.seed, kind="percentile")
        return replace(estimate, name="spread over administrations", of="item", unit="points")

    def shares(self, scoring: Scoring, scale: str) -> tuple[Estimate, ...]:
        """Estimate the shares, 0..1, of wording, order, item and residual in the variance.

        The components of `variance_shares` (Searle, Casella & McCulloch 1992). Undefined where no
        item was answered.
        """
        block = self.block(scoring, scale)
        if not np.isfinite(block).any():
            return (missing("variance share", "no item was answered", n=0, of="answer"),) * 4
        labels = {
            "wording": [wording for wording, _ in self.conditions] * len(block),
            "order": [order for _, order in self.conditions] * len(block),
            "item": [str(item) for item in range(len(block)) for _ in self.conditions],
        }
        return variance_shares(block.ravel(), labels, of="answer", seed=self.seed)


def lay_out(tool: Inventory, answers: Answers, seed: int = 0) -> Sheet:
    """Arrange one respondent's answers to an inventory, a column for each form and order.

    >>> answer = {"item": "1", "scale": "N", "key": 1, "form": "mpi/label", "value": 2.0}
    >>> from personae.core import load_inventory
    >>> lay_out(load_inventory("ipip-neo-120"), Answers.of([answer])).conditions
    (('mpi', 'forward'),)
    """
    raw, labels, _ = item_matrix(answers, CONDITION_COLUMNS, raw=True)
    scored = item_matrix(answers, CONDITION_COLUMNS)[0]
    conditions = tuple((str(form).split("/")[0], str(order)) for form, order in labels)
    cells: dict[Scoring, Array] = {"unkeyed": raw.T, "keyed": scored.T}
    return Sheet(tool=tool, answers=answers, conditions=conditions, cells=cells, seed=seed)
