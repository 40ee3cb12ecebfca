"""Attention heads and directions chosen by one person's answers; no weight is trained.

Each known item is recorded twice, with the highest and with the lowest option as its answer; the
heads' outputs at the answer are labelled by the person's own answer. Heads are ranked by a linear
probe, the direction of each chosen head is the difference of the two means, and strength counts
standard deviations along it.
Source: Zhu, Weng, Yang & Zhang 2024 (arXiv 2408.11779), section 4.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personae.core import Activations, Anatomy, Array, BadValue, Edit, InputError, Site
from personae.induce.steer.directions import direction
from personae.stats.prediction.linear_probes import logistic_probes

__all__ = ["HeadVectors", "fit_heads", "head_rows", "person_labels"]

KEEP, LEAST = 24, 8
FITTED = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class HeadVectors:
    """The chosen heads, best first, and the shift of each at strength 1.

    Args:
        heads: (block, head) of each chosen head.
        theta: unit directions, (k, head width).
        sigma: standard deviations along them, (k,).
        score: mean of fitted and held-out accuracy of each head's probe, (k,).
        held_out: held-out accuracy alone, (k,).
        chance: held-out accuracy of the answer letter alone, without the item.
        anatomy: that of the model.
    """

    heads: tuple[tuple[int, int], ...]
    theta: Array
    sigma: Array
    score: Array
    held_out: Array
    chance: float
    anatomy: Anatomy

    def edits(self, strength: float) -> tuple[Edit, ...]:
        """Add strength * sigma * theta to each chosen head, one edit a block, at all positions."""
        width = self.anatomy.head_width
        vectors: dict[int, Array] = {}
        for (block, head), theta, sigma in zip(self.heads, self.theta, self.sigma, strict=True):
            vector = vectors.setdefault(block, np.zeros(self.anatomy.heads * width))
            vector[head * width : (head + 1) * width] += sigma * theta
        return tuple(Edit(Site(b, "heads"), v, strength) for b, v in sorted(vectors.items()))


def head_rows(activations: Activations, anatomy: Anatomy) -> Array:
    """Lay recorded heads side by side: (n, blocks * heads, head width), blocks in order.

    One row of all heads' outputs a text, as Zhu et al. 2024 (arXiv 2408.11779), section 4, record
    them.
    """
    sites = sorted(activations, key=lambda site: site.block)
    parts = [activations[s].reshape(-1, anatomy.heads, anatomy.head_width) for s in sites]
    return np.concatenate(parts, axis=1)


def person_labels(answers: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Turn literal answers, 1 to 5, into labels: items used, and 1 where the person agreed.

    Items answered 3, or not at all (NaN or 0), are left out (Zhu et al. 2024, arXiv 2408.11779,
    section 4).

    Args:
        answers: a person's literal answers, (items,).

    Returns:
        Indices of the items used, (used,), and their labels, (used,), 1 or 0.

    >>> [x.tolist() for x in person_labels(np.array([5.0, 3.0, 1.0, np.nan, 0.0, 4.0]))]
    [[0, 2, 5], [1, 0, 1]]
    """
    used = np.flatnonzero(np.isfinite(answers) & (answers != 0) & (answers != 3))
    return used, (answers[used] > 3).astype(np.int64)


def fit_heads(
    rows: tuple[Array, Array], answers: Array, anatomy: Anatomy, keep: int = KEEP, seed: int = 0
) -> HeadVectors:
    """Choose a person's heads and directions (Zhu et al. 2024, arXiv 2408.11779, section 4).

    Args:
        rows: outputs of all heads where the items are answered with the highest option, and with
            the lowest, each (items, blocks * heads, head width).
        answers: the person's literal answers, (items,), NaN or 0 where missing.
        anatomy: that of the model.
        keep: number of heads.
        seed: seed of the split into fitted and held-out items; both rows of an item go together.

    Raises:
        InputError: fewer than 8 items are answered otherwise than 3.
        BadValue: shapes that don't fit.
    """
    highest, lowest = rows
    groups = anatomy.blocks * anatomy.heads
    if highest.shape != lowest.shape or highest.shape[:2] != (len(answers), groups):
        raise BadValue(f"rows are (items, {groups}, head width) twice, not {highest.shape}")
    used, agreed = person_labels(answers)
    if len(used) < LEAST:
        raise InputError(
            f"a person's heads take at least {LEAST} items answered otherwise than 3, not "
            f"{len(used)}"
        )
    x = np.concatenate([highest[used], lowest[used]])
    y = np.concatenate([agreed, 1 - agreed])
    fitted = _split(agreed, seed)
    both = np.concatenate([fitted, fitted])
    scale = float(x.std()) or 1.0
    probes = logistic_probes(x[both] / scale, y[both])
    held_out = probes.accuracy(x[~both] / scale, y[~both])
    score = (probes.accuracy(x[both] / scale, y[both]) + held_out) / 2
    best = np.argsort(-score, kind="stable")[:keep]
    theta = np.stack([_unit(direction(x[y == 1, g], x[y == 0, g])) for g in best])
    sigma = np.stack([(x[:, g] @ t).std() for g, t in zip(best, theta, strict=True)])
    chance = float(max(np.mean(agreed[~fitted]), 1 - np.mean(agreed[~fitted])))
    heads = tuple((int(g) // anatomy.heads, int(g) % anatomy.heads) for g in best)
    return HeadVectors(heads, theta, sigma, score[best], held_out[best], chance, anatomy)


def _split(agreed: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Choose 60 % of the items to fit, stratified by label; at least one of each is fitted."""
    random = np.random.default_rng(seed)
    fitted = np.zeros(len(agreed), dtype=bool)
    for side in (0, 1):
        own = random.permutation(np.flatnonzero(agreed == side))
        fitted[own[: max(1, round(FITTED * len(own)))]] = True
    if fitted.all():
        fitted[random.integers(len(fitted))] = False
    return fitted


def _unit(vector: Array) -> Array:
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector
