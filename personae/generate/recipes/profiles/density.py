"""Draws from a crowd by how crowded it is where somebody stands.

After the profile sampler of USP (Wang et al. 2025, arXiv 2502.18968): embeddings, a projection
(here the first principal components in place of UMAP), a Gaussian kernel density (Scott's rule);
dense regions hold the majority, thin ones the minority; a virtual member joins one half of a
profile with the other half of a neighbour's.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.stats import gaussian_kde

from personae.core import Array, BadValue

__all__ = ["Crowd", "draw_members", "draw_virtual_pairs"]

Crowd = Literal["population", "majority", "minority"]
DIMENSIONS = 2
THINNEST = 0.1
"""Share of members in the thinnest regions, who are the minority."""
NEIGHBOURS = 5
LEAST = 6
"""Members below which no density can be told."""


def _densities(vectors: Array) -> Array:
    """Estimate how dense it is around each member, shape (n,); equal for fewer than six.

    Vectors (n, width) are projected on their first two principal components. Members who don't
    differ are equally dense.
    """
    points = _projected(vectors)
    if len(points) < LEAST or not points.shape[1]:
        return np.ones(len(points))
    return np.asarray(gaussian_kde(points.T)(points.T))


def _projected(vectors: Array) -> Array:
    centred = vectors - vectors.mean(axis=0, keepdims=True)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    kept = int((sizes[:DIMENSIONS] > 1e-9 * max(sizes[0], 1e-300)).sum()) if len(sizes) else 0
    return np.asarray(left[:, :kept] * sizes[:kept])


def draw_members(vectors: Array, count: int, crowd: Crowd, seed: int = 0) -> list[int]:
    """Draw members with replacement: all alike, the denser the likelier, or the thinnest tenth.

    `population` keeps the crowd's own proportions. `majority` draws by density. `minority` draws
    evenly among the tenth that stands in the thinnest regions.

    Raises:
        BadValue: nobody to draw from.
    """
    if not len(vectors):
        raise BadValue("there is nobody to draw from")
    random, dense = np.random.default_rng(seed), _densities(vectors)
    weights = np.ones(len(dense))
    if crowd == "majority":
        weights = dense
    elif crowd == "minority":
        few = max(1, int(np.ceil(THINNEST * len(dense))))
        weights = np.zeros(len(dense))
        weights[np.argsort(dense, kind="stable")[:few]] = 1.0
    drawn = random.choice(len(dense), count, p=weights / weights.sum())
    return [int(member) for member in drawn]


def draw_virtual_pairs(
    halves: Sequence[tuple[str, str]], vectors: Array, count: int, seed: int = 0
) -> list[tuple[int, int]]:
    """Draw pairs (whose first half, whose second half) that join into nobody who exists.

    The first is drawn like `population`, the second among its five nearest with whom the join is
    new, else the nearest such one.

    Raises:
        BadValue: no two members join into somebody new.
    """
    known = set(halves)
    random = np.random.default_rng(seed)
    apart = vectors @ vectors.T
    new: dict[int, list[int]] = {}
    for i, (first, _) in enumerate(halves):
        near = np.argsort(-apart[i], kind="stable").tolist()
        new[i] = [j for j in near if j != i and (first, halves[j][1]) not in known][:NEIGHBOURS]
    able = [i for i, others in new.items() if others]
    if not able:
        raise BadValue(f"{len(halves)} profiles join into nobody new; give more, or other, ones")
    pairs = []
    for _ in range(count):
        i = able[int(random.integers(len(able)))]
        pairs.append((i, new[i][int(random.integers(len(new[i])))]))
    return pairs
