"""What a reader saw in interview answers, as estimates: leans, cues, personas told apart.

Values are log-odds (nats) from `read_interview`; the stem is the sampling unit, and is resampled
with all its answers, so that draws of one question are never taken for many questions.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from personae.core import CONTROL, Answers, Array, Estimate, missing
from personae.stats.effects.effect_sizes import cliffs_delta, group_permutation
from personae.stats.multiplicity import holm
from personae.stats.prediction.classification import auc
from personae.stats.resample import cluster_mean, mean
from personae.stats.scores.reliability import split_half

__all__ = ["activation", "between", "distinguishability", "lean", "read_values", "steadiness"]


def read_values(answers: Answers) -> tuple[Array, list[str]]:
    """Give the values of the answers that could be read, and their stems."""
    rows = answers.rows.filter(pl.col("status") == "ok")
    return rows["value"].to_numpy().astype(np.float64), rows["item"].to_list()


def lean(answers: Answers, scale: str, seed: int, *, cueing: bool = False) -> Estimate:
    """Estimate mean log-odds against the training share; stems are resampled whole."""
    rows = answers.rows.filter(pl.col("facet") != "plain") if cueing else answers.rows
    values, items = read_values(Answers(rows))
    if not values.size:
        return missing(scale, "no answer could be read", n=0, of="stem", unit="nats")
    found = cluster_mean(values, items, name=scale, of="stem", seed=seed)
    return replace(found, unit="nats")


def _stem_means(answers: Answers) -> dict[str, float]:
    values, items = read_values(answers)
    by_stem: dict[str, list[float]] = {}
    for item, value in zip(items, values, strict=True):
        by_stem.setdefault(item, []).append(float(value))
    return {item: float(np.mean(found)) for item, found in by_stem.items()}


def activation(own: Answers, scales: Sequence[str], seed: int) -> dict[str, tuple[Estimate, ...]]:
    """Compare each trait under the stems that cue it and those that cue another; Holm over all."""
    found = {}
    for scale in scales:
        cue = dict(own.where(scale=scale).rows.select("item", "facet").iter_rows())
        means = _stem_means(own.where(scale=scale))
        inside = [v for item, v in means.items() if cue[item] == scale]
        outside = [v for item, v in means.items() if cue[item] not in (scale, "plain")]
        if not inside or not outside:
            gap = missing(scale, "no stems of both kinds were answered", n=0, of="stem")
            found[scale] = (gap, gap)
            continue
        gap = group_permutation(inside, outside, name=scale, of="stem", unit="nats", seed=seed)
        found[scale] = (gap, cliffs_delta(inside, outside, of="stem", seed=seed))
    adjusted = holm([gap.p for gap, _ in found.values()])
    return {
        scale: (replace(gap, p=float(p)), delta)
        for (scale, (gap, delta)), p in zip(found.items(), adjusted, strict=True)
    }


def distinguishability(answers: Answers, scale: str, seed: int) -> Estimate:
    """AUC of texts under the high against the low persona of the trait, stems resampled."""
    high, low = (answers.where(arm=f"persona {scale}{sign}") for sign in "+-")
    (a, items_a), (b, items_b) = read_values(high), read_values(low)
    if not min(a.size, b.size):
        return missing(scale, "no text under one of the personas could be read", n=0, of="stem")
    truth = [1.0] * a.size + [0.0] * b.size
    found = auc(truth, np.concatenate([a, b]), groups=items_a + items_b, name=scale, seed=seed)
    return replace(found, of="stem")


def between(answers: Answers, scale: str, seed: int) -> Estimate:
    """Estimate plain answers less the middle of the opposite personas' to the same questions."""
    own = _stem_means(answers.where(arm=CONTROL))
    high, low = (_stem_means(answers.where(arm=f"persona {scale}{sign}")) for sign in "+-")
    shared = [item for item in own if item in high and item in low]
    gaps = [own[item] - (high[item] + low[item]) / 2 for item in shared]
    return mean(gaps, name=scale, of="stem", unit="nats", seed=seed)


def steadiness(answers: Answers, seed: int) -> Estimate:
    """How far two halves of the draws rank the stems alike."""
    rows = answers.rows.filter(pl.col("status") == "ok")
    items = sorted(set(rows["item"]))
    draws = sorted(set(rows["repeat"]))
    if len(items) < 10 or len(draws) < 2:
        return missing(
            "reliability", "ten stems with two draws each are needed", n=len(items), of="stem"
        )
    cells = np.full((len(items), len(draws)), np.nan)
    for item, draw, value in rows.select("item", "repeat", "value").iter_rows():
        cells[items.index(item), draws.index(draw)] = value
    return split_half(cells, name="reliability", of="stem", seed=seed)
