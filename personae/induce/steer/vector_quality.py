"""The quality of a direction: its reliability, and how well it separates held-out rows."""

from dataclasses import dataclass

import numpy as np

from personae.core import Array
from personae.induce.steer.directions import Method, cosines, direction
from personae.stats.prediction.linear_probes import auc_values

__all__ = ["PERCENTS", "Quality", "vector_quality"]

PERCENTS = (1, 5, 25, 50, 75, 95, 99)
FOLDS, SPLITS, RANDOM = 4, 20, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How good a direction is.

    `norm` is its length and `residual` the mean length of the activations it was made from;
    `split_half` the mean cosine of vectors from two halves of the pairs; `auc` the probability,
    0..1, that a held-out positive lies above a held-out negative along it; `random_auc` the 95th
    percentile of that of random directions; `quantiles` the projections on its unit vector at
    PERCENTS. NaN where there are too few rows.
    """

    norm: float
    residual: float
    split_half: float
    auc: float
    random_auc: float
    quantiles: tuple[float, ...]


def vector_quality(
    positive: Array, negative: Array, vector: Array, method: Method, seed: int = 0
) -> Quality:
    """Measure how good a direction (width,) is on the activations (n, width) it was made from.

    Our own checks: split-half reliability over random halves (20 for `mean` and `pca`, else 4), the
    AUC in 4-fold cross-validation, and the AUC of 100 random directions.
    """
    random = np.random.default_rng(seed)
    rows = np.concatenate([positive, negative])
    length = float(np.linalg.norm(vector))
    along = rows @ (vector / length if length else vector)
    directions = random.normal(size=(vector.size, RANDOM))
    aucs = auc_values(positive @ directions, negative @ directions)
    return Quality(
        norm=length,
        residual=float(np.linalg.norm(rows, axis=1).mean()),
        split_half=_split_half(positive, negative, method, random),
        auc=_held_out_auc(positive, negative, method, random),
        random_auc=float(np.quantile(np.maximum(aucs, 1 - aucs), 0.95)),
        quantiles=tuple(float(q) for q in np.percentile(along, PERCENTS)),
    )


def _shuffled_rows(
    positive: Array, negative: Array, random: np.random.Generator
) -> tuple[Array, Array]:
    """Shuffle the rows of both sides; paired rows stay paired."""
    order = random.permutation(len(positive))
    is_paired = len(positive) == len(negative)
    return positive[order], negative[order if is_paired else random.permutation(len(negative))]


def _split_half(
    positive: Array, negative: Array, method: Method, random: np.random.Generator
) -> float:
    """Average the cosine between vectors from two halves; NaN below four rows a side."""
    if min(len(positive), len(negative)) < 4:
        return float("nan")
    similarities = []
    for _ in range(SPLITS if method in ("mean", "pca") else FOLDS):
        high, low = _shuffled_rows(positive, negative, random)
        a, b = len(high) // 2, len(low) // 2
        halves = (
            direction(high[:a], low[:b], method),
            direction(high[a : 2 * a], low[b : 2 * b], method),
        )
        similarities.append(float(cosines(halves)[0, 1]))
    return float(np.mean(similarities))


def _held_out_auc(
    positive: Array, negative: Array, method: Method, random: np.random.Generator
) -> float:
    """Average the AUC of each fold's rows along the direction made from the other folds."""
    if min(len(positive), len(negative)) < FOLDS:
        return float("nan")
    high, low = _shuffled_rows(positive, negative, random)
    aucs = []
    for fold in range(FOLDS):
        high_out, low_out = (np.arange(len(rows)) % FOLDS == fold for rows in (high, low))
        axis = direction(high[~high_out], low[~low_out], method)[:, None]
        aucs.append(auc_values(high[high_out] @ axis, low[low_out] @ axis)[0])
    return float(np.mean(aucs))
