"""Estimates from a reader's ratings of interviews: leans, trait activation, discrimination.

Values are log-odds (nats) from `read_interview`, logit(output) - logit(training share), our own
correction for the share of high labels that a classifier was trained on. The stem is the sampling
unit and is resampled with all its answers, so that draws of one question never count as several
questions.
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

__all__ = [
    "activation",
    "distinguishability",
    "from_persona_middle",
    "lean",
    "read_values",
    "reliability_of_stems",
]


def read_values(answers: Answers) -> tuple[Array, list[str]]:
    """Return log-odds (nats) of the answers that could be rated, shape (n,), and their stems.

    Each is logit(output) - logit(training share), so that 0 is the rating of a reader that ignores
    the text. Source: our own correction for the training share.
    """
    rows = answers.rows.filter(pl.col("status") == "ok")
    return rows["value"].to_numpy().astype(np.float64), rows["item"].to_list()


def lean(answers: Answers, scale: str, seed: int, *, cueing: bool = False) -> Estimate:
    """Estimate the mean log-odds (nats) against the training share; stems are resampled whole.

    Our own summary; the interval is the cluster bootstrap (Davison & Hinkley 1997, Bootstrap
    Methods, ch. 3.8). Undefined without an answer that could be rated.

    Args:
        answers: rows of one scale.
        scale: the scale, which names the estimate.
        seed: seed of the resampling.
        cueing: over the stems that cue a trait alone.
    """
    rows = answers.rows.filter(pl.col("facet") != "plain") if cueing else answers.rows
    values, items = read_values(Answers(rows))
    if not values.size:
        return missing(scale, "no answer could be rated", n=0, of="stem", unit="nats")
    estimate = cluster_mean(values, items, name=scale, of="stem", seed=seed)
    return replace(estimate, unit="nats")


def _stem_means(answers: Answers) -> dict[str, float]:
    values, items = read_values(answers)
    by_stem: dict[str, list[float]] = {}
    for item, value in zip(items, values, strict=True):
        by_stem.setdefault(item, []).append(float(value))
    return {item: float(np.mean(own)) for item, own in by_stem.items()}


def activation(own: Answers, scales: Sequence[str], seed: int) -> dict[str, tuple[Estimate, ...]]:
    """Compare each trait under the stems that cue it with those that cue another trait.

    After Hilliard et al. 2024 (arXiv 2402.08341). Undefined for a trait without answered stems of
    both kinds.

    Returns:
        By trait, the difference of means in nats (p by permutation of stems, Holm over traits) and
        Cliff's delta (Cliff 1993, Psychol. Bull. 114).
    """
    gaps = {}
    for scale in scales:
        cue = dict(own.where(scale=scale).rows.select("item", "facet").iter_rows())
        means = _stem_means(own.where(scale=scale))
        inside = [v for item, v in means.items() if cue[item] == scale]
        outside = [v for item, v in means.items() if cue[item] not in (scale, "plain")]
        if not inside or not outside:
            gap = missing(scale, "no stems of both kinds were answered", n=0, of="stem")
            gaps[scale] = (gap, gap)
            continue
        gap = group_permutation(inside, outside, name=scale, of="stem", unit="nats", seed=seed)
        gaps[scale] = (gap, cliffs_delta(inside, outside, of="stem", seed=seed))
    adjusted = holm([gap.p for gap, _ in gaps.values()])
    return {
        scale: (replace(gap, p=float(p)), delta)
        for (scale, (gap, delta)), p in zip(gaps.items(), adjusted, strict=True)
    }


def distinguishability(answers: Answers, scale: str, seed: int) -> Estimate:
    """Estimate the AUC of texts under the high against the low persona of a trait.

    In 0..1, 0.5 by chance (Hanley & McNeil 1982, Radiology 143). Stems are resampled whole.
    Undefined where no text of one of the two could be rated.
    """
    high, low = (answers.where(arm=f"persona {scale}{sign}") for sign in "+-")
    (a, items_a), (b, items_b) = read_values(high), read_values(low)
    if not min(a.size, b.size):
        return missing(scale, "no text under one of the personas could be rated", n=0, of="stem")
    truth = [1.0] * a.size + [0.0] * b.size
    estimate = auc(truth, np.concatenate([a, b]), groups=items_a + items_b, name=scale, seed=seed)
    return replace(estimate, of="stem")


def from_persona_middle(answers: Answers, scale: str, seed: int) -> Estimate:
    """Estimate the control's answers less the midpoint of the opposite personas' to the same stems.

    In nats, paired by stem, with a BCa interval (Efron 1987). Our own calibration: the register of
    this model's texts cancels. Undefined without a stem that all three answered.
    """
    own = _stem_means(answers.where(arm=CONTROL))
    high, low = (_stem_means(answers.where(arm=f"persona {scale}{sign}")) for sign in "+-")
    shared = [item for item in own if item in high and item in low]
    gaps = [own[item] - (high[item] + low[item]) / 2 for item in shared]
    return mean(gaps, name=scale, of="stem", unit="nats", seed=seed)


def reliability_of_stems(answers: Answers, seed: int) -> Estimate:
    """Estimate the split-half reliability of stem values over draws (Spearman 1910, Brown 1910).

    Undefined below ten stems with two draws each.
    """
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
