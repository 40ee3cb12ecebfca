"""Draws users by the density of similar users.

After the profile sampler of USP (Wang et al. 2025, arXiv 2502.18968): embeddings, a projection
(here on the first principal components instead of UMAP), and a Gaussian kernel density (Scott's
rule); dense regions hold the majority, sparse ones the minority; a virtual member combines one half
of a profile with the other half of a neighbour's.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import scipy

from personae.core import Array, BadValue

__all__ = ["Crowd", "draw_members", "draw_virtual_pairs"]

Crowd = Literal["population", "majority", "minority"]
DIMENSIONS = 2
MINORITY_SHARE = 0.1
"""Share of members, in the sparsest regions, who are the minority."""
NEIGHBOURS = 5
FEWEST = 6
"""Members below which no density can be estimated."""


def _densities(vectors: Array) -> Array:
    """Estimate the density around each member, (n,).

    Vectors (n, width) are projected on their first two principal components. Fewer than six
    members, or members who don't differ, all get density 1.
    """
    points = _project(vectors)
    if len(points) < FEWEST or not points.shape[1]:
        return np.ones(len(points))
    return np.asarray(scipy.stats.gaussian_kde(points.T)(points.T))


def _project(vectors: Array) -> Array:
    centred = vectors - vectors.mean(axis=0, keepdims=True)
    left_vectors, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    rank = int((sizes[:DIMENSIONS] > 1e-9 * max(sizes[0], 1e-300)).sum()) if len(sizes) else 0
    return np.asarray(left_vectors[:, :rank] * sizes[:rank])


def draw_members(vectors: Array, count: int, crowd: Crowd, seed: int = 0) -> list[int]:
    """Draw `count` member indices with replacement; vectors have shape (members, width).

    `population` draws all with equal probability, `majority` in proportion to density, `minority`
    with equal probability among the tenth in the sparsest regions.

    Raises:
        BadValue: there are no members.
    """
    if not len(vectors):
        raise BadValue("there are no members to draw from")
    random, density = np.random.default_rng(seed), _densities(vectors)
    weights = np.ones(len(density))
    if crowd == "majority":
        weights = density
    elif crowd == "minority":
        size = max(1, int(np.ceil(MINORITY_SHARE * len(density))))
        weights = np.zeros(len(density))
        weights[np.argsort(density, kind="stable")[:size]] = 1.0
    members = random.choice(len(density), count, p=weights / weights.sum())
    return [int(member) for member in members]


def draw_virtual_pairs(
    halves: Sequence[tuple[str, str]], vectors: Array, count: int, seed: int = 0
) -> list[tuple[int, int]]:
    """Draw `count` pairs (first half's member, second half's member) that make a new profile.

    The first is drawn with equal probability, the second among the five nearest members, by the dot
    product of their vectors (members, width), with whom the combination is new.

    Raises:
        BadValue: no two members make a new profile.
    """
    existing = set(halves)
    random = np.random.default_rng(seed)
    similarity = vectors @ vectors.T
    partners: dict[int, list[int]] = {}
    for i, (first, _) in enumerate(halves):
        neighbours = np.argsort(-similarity[i], kind="stable").tolist()
        partners[i] = [j for j in neighbours if j != i and (first, halves[j][1]) not in existing][
            :NEIGHBOURS
        ]
    combinable = [i for i, others in partners.items() if others]
    if not combinable:
        raise BadValue(
            f"{len(halves)} profiles combine into no new one; give more, or other, profiles"
        )
    pairs = []
    for _ in range(count):
        i = combinable[int(random.integers(len(combinable)))]
        pairs.append((i, partners[i][int(random.integers(len(partners[i])))]))
    return pairs
