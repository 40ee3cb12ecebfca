"""Significant cells of Gupta, Song & Anumanchipalli (2024) from their own raw answers.

60 comparisons: 4 models x 5 traits x 3 pairs of prompts, or 3 prompts forward against reverse;
item scores are the sample, so the p-values take items as the sampling unit, as the paper did.
`unkeyed` is how the published code scores (no item is ever reversed).
"""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from personae.core import Array, Estimate
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.effects.ranks import kruskal, mann_whitney, wilcoxon
from personae.stats.multiplicity import holm

FEW = 50  # draws: only p-values are looked at
Cells = dict[tuple[str, str, str, str], Array]


@pytest.fixture(scope="module", params=["unkeyed", "keyed"])
def scored(request: pytest.FixtureRequest, test_data: Callable[[str], Path]) -> tuple[str, Cells]:
    rows = pl.read_csv(test_data("self-assessment-unreliable/ipip300_parsed_choices.csv"))
    value = pl.col("agreement_1to5").cast(pl.Float64)
    if request.param == "keyed":
        value = pl.when(pl.col("key") == -1).then(6 - value).otherwise(value)
    rows = rows.with_columns(score=value).sort("item")
    cells = {
        (str(m), str(p), str(o), str(d)): part["score"].to_numpy().astype(np.float64)
        for (m, p, o, d), part in rows.group_by(
            ["model", "prompt", "option_order", "domain"], maintain_order=True
        )
    }
    assert len(cells) == 4 * 3 * 2 * 5
    return request.param, cells


def names(cells: Cells, place: int) -> list[str]:
    return sorted({key[place] for key in cells})


def pairs(cells: Cells, which: str) -> list[tuple[Array, Array]]:
    found = []
    for model in names(cells, 0):
        for domain in names(cells, 3):
            if which == "order":
                found += [
                    (cells[model, p, "forward", domain], cells[model, p, "reverse", domain])
                    for p in names(cells, 1)
                ]
            else:
                found += [
                    (cells[model, p, "forward", domain], cells[model, q, "forward", domain])
                    for p, q in combinations(names(cells, 1), 2)
                ]
    assert len(found) == 60
    return found


def significant(tests: list[Estimate]) -> tuple[int, int]:
    p = np.array([test.p for test in tests])
    return int((p < 0.05).sum()), int((holm(p) < 0.05).sum())


COUNTS = {  # Mann-Whitney, Wilcoxon, Wilcoxon after Holm
    ("unkeyed", "prompt"): (52, 51, 43),
    ("unkeyed", "order"): (46, 46, 29),
    ("keyed", "prompt"): (28, 30, 15),
    ("keyed", "order"): (31, 36, 21),
}


@pytest.mark.parametrize("which", ["prompt", "order"])
def test_significant_pairs(scored: tuple[str, Cells], which: str) -> None:
    keying, cells = scored
    compared = pairs(cells, which)
    unpaired = significant([mann_whitney(a, b, draws=FEW) for a, b in compared])
    matched = significant([wilcoxon(a, b, draws=FEW) for a, b in compared])
    assert (unpaired[0], *matched) == COUNTS[keying, which]


def test_kruskal_over_three_prompts(scored: tuple[str, Cells]) -> None:
    keying, cells = scored
    tests = [
        kruskal([cells[model, p, "forward", domain] for p in names(cells, 1)], draws=FEW)
        for model in names(cells, 0)
        for domain in names(cells, 3)
    ]
    assert (len(tests), significant(tests)[0]) == (20, {"unkeyed": 19, "keyed": 14}[keying])


def test_permutation_agrees_with_signed_ranks(scored: tuple[str, Cells]) -> None:
    """The two paired tests may differ on few of the 60 comparisons."""
    _, cells = scored
    compared = pairs(cells, "order")
    flipped = significant([paired_permutation(a - b, draws=FEW) for a, b in compared])
    ranked = significant([wilcoxon(a, b, draws=FEW) for a, b in compared])
    assert abs(flipped[0] - ranked[0]) <= 4
