"""One inventory given in several ways: scores, differences and equivalence between the ways.

The tests of Gupta, Song & Anumanchipalli (2024, arXiv 2309.08163), unpaired as published and, more
fitting, paired by item; beyond the source: Holm's correction, a test of equivalence, and the
scoring with and without the key side by side. Items are the sampling unit.
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
    "MIN_SHARE",
    "ROWS",
    "SCORINGS",
    "AdministrationPair",
    "Place",
    "Scoring",
    "Sheet",
    "lay_out",
]

ROWS = ("form", "order")
MIN_SHARE = 0.8
Scoring = Literal["unkeyed", "keyed"]
SCORINGS: tuple[Scoring, ...] = ("unkeyed", "keyed")
Place = tuple[str, str]
"""A condition: wording and option order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdministrationPair:
    """One comparison of two administrations: difference by two rank tests, and equivalence.

    `adjusted` is Holm's p of the paired test.
    """

    scale: str
    between: str
    unpaired: Estimate
    paired: Estimate
    equal: Estimate
    adjusted: float = nan

    @property
    def verdict(self) -> Verdict:
        """What the paired test, corrected, and the test of equivalence show together."""
        return verdict(replace(self.paired, p=self.adjusted), self.equal)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sheet:
    """Answers laid out as (items, administrations), unkeyed and keyed, NaN where missing."""

    tool: Inventory
    answers: Answers
    places: tuple[Place, ...]
    cells: Mapping[Scoring, Array]
    seed: int

    def block(self, scoring: Scoring, scale: str = "") -> Array:
        """Give the item scores of one scale, or of all: shape (items, administrations)."""
        kept = [i for i, item in enumerate(self.tool.items) if not scale or item.scale == scale]
        return self.cells[scoring][kept]

    def column(self, scoring: Scoring, place: Place, scale: str = "") -> Array:
        """Give the item scores of one administration, shape (items,)."""
        return self.block(scoring, scale)[:, self.places.index(place)]

    def scales(self) -> dict[str, str]:
        """Map the code of each scale that was asked to its title."""
        asked = {item.scale for item in self.tool.items}
        return {code: title for code, title in self.tool.scales.items() if code in asked}

    def score(self, scoring: Scoring, place: Place, scale: str) -> Estimate:
        """Estimate a scale score in points; undefined if too few of its items were answered."""
        values = self.column(scoring, place, scale)
        n, name = int(np.isfinite(values).sum()), f"{scoring} {scale}, {', '.join(place)}"
        if n < MIN_SHARE * values.size:
            why = f"{n} of {values.size} items answered, {MIN_SHARE:.0%} needed"
            return missing(name, why, n=n, of="item", unit="points")
        return mean(values, name=name, of="item", unit="points", seed=self.seed)

    def compared(
        self, scoring: Scoring, pairs: Sequence[tuple[Place, Place]], margin: float
    ) -> list[AdministrationPair]:
        """Test all pairs on all scales; Holm's correction takes them as one family."""
        found = []
        for scale, title in self.scales().items():
            for a, b in pairs:
                x, y = self.column(scoring, a, scale), self.column(scoring, b, scale)
                found.append(
                    AdministrationPair(
                        scale=title,
                        between=f"{' '.join(a)} - {' '.join(b)}",
                        unpaired=mann_whitney(x, y, seed=self.seed),
                        paired=wilcoxon(x, y, seed=self.seed),
                        equal=tost_paired(x, y, margin),
                    )
                )
        adjusted = holm([pair.paired.p for pair in found])
        return [replace(one, adjusted=float(p)) for one, p in zip(found, adjusted, strict=True)]

    def spread(self, scoring: Scoring, scale: str) -> Estimate:
        """Estimate the largest difference between two administrations' means, in points.

        Only items answered in all of them count; undefined without any.
        """
        cells = self.block(scoring, scale)
        x = cells[np.isfinite(cells).all(axis=1)]

        def widest(weights: Array) -> Array:
            return np.asarray(np.ptp(weights @ x / weights.sum(axis=1, keepdims=True), axis=1))

        found = bootstrap(widest, len(x), seed=self.seed, kind="percentile")
        return replace(found, name="spread over administrations", of="item", unit="points")

    def shares(self, scoring: Scoring, scale: str) -> tuple[Estimate, ...]:
        """Estimate the variance shares of wording, order, item and the residual."""
        block = self.block(scoring, scale)
        if not np.isfinite(block).any():
            return (missing("variance share", "no item was answered", n=0, of="answer"),) * 4
        labels = {
            "wording": [wording for wording, _ in self.places] * len(block),
            "order": [order for _, order in self.places] * len(block),
            "item": [str(item) for item in range(len(block)) for _ in self.places],
        }
        return variance_shares(block.ravel(), labels, of="answer", seed=self.seed)


def lay_out(tool: Inventory, answers: Answers, seed: int = 0) -> Sheet:
    """Lay out one respondent's answers to an inventory, a column for each form and order.

    >>> one = {"item": "1", "scale": "N", "key": 1, "form": "mpi/label", "value": 2.0}
    >>> from personae.core import load_inventory
    >>> lay_out(load_inventory("ipip-neo-120"), Answers.of([one])).places
    (('mpi', 'forward'),)
    """
    raw, labels, _ = item_matrix(answers, ROWS, raw=True)
    scored = item_matrix(answers, ROWS)[0]
    places = tuple((str(form).split("/")[0], str(order)) for form, order in labels)
    cells: dict[Scoring, Array] = {"unkeyed": raw.T, "keyed": scored.T}
    return Sheet(tool=tool, answers=answers, places=places, cells=cells, seed=seed)
