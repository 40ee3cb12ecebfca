"""The choice of a person's attributes: near, middle and far ones (5 : 3 : 2).

Wang et al. 2025 (arXiv 2511.07338, section 3): within a category attributes are ranked by their
similarity to the person and cut into thirds, with more drawn from the nearer thirds; they are
filled breadth-first over the branches, small branches before large ones.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from personae.core import Array, BadValue
from personae.generate.population.quotas import largest_remainder
from personae.generate.taxonomy.attribute_tree import Attribute

__all__ = ["RATIO", "apportion_within_limits", "breadth_first", "stratified_choice"]

RATIO = (5, 3, 2)


def stratified_choice(
    likeness: Array,
    target: int,
    random: np.random.Generator,
    ratio: tuple[int, int, int] = RATIO,
) -> list[int]:
    """Choose `target` indices, by ratio from the nearest, middle and farthest third.

    `likeness` (n,) holds the similarities. A third that is too small is taken whole; the rest comes
    from the others, the nearest first. Ties keep their order. A target of n or more selects every
    index once.

    Raises:
        BadValue: a ratio with a negative part or without any positive one, or a negative target.

    >>> chosen = stratified_choice(np.arange(30.0)[::-1], 10, np.random.default_rng(0))
    >>> [sum(low <= index < low + 10 for index in chosen) for low in (0, 10, 20)]
    [5, 3, 2]
    """
    if min(ratio) < 0 or sum(ratio) <= 0 or target < 0:
        raise BadValue(f"ratio {ratio} and target {target} are 0 or more, the ratio not all 0")
    ranked = np.argsort(-likeness, kind="stable")
    thirds = np.array_split(ranked, 3)
    total = min(target, len(ranked))
    shares = apportion_within_limits(total, ratio, [len(third) for third in thirds])
    strata = [
        random.choice(third, k, replace=False) for third, k in zip(thirds, shares, strict=True)
    ]
    return [int(index) for part in strata for index in part]


def apportion_within_limits(
    total: int, shares: Sequence[float], limits: Sequence[int]
) -> list[int]:
    """Split units by shares into whole parts (largest remainders), none above its limit.

    The units beyond a limit go to the parts with room, by their shares, and to parts without a
    share only if all others are full. If the limits sum to less than `total`, all are reached. Our
    own extension of Hamilton's method.

    >>> apportion_within_limits(10, (5, 3, 2), (10, 2, 10))
    [6, 2, 2]
    """
    parts = [0] * len(shares)
    remainder = min(total, sum(limits))
    while remainder:
        room = [i for i, limit in enumerate(limits) if parts[i] < limit]
        weights = [shares[i] for i in room]
        counts = largest_remainder(remainder, weights if any(weights) else [1.0] * len(room))
        for i, count in zip(room, counts.tolist(), strict=True):
            added = min(count, limits[i] - parts[i])
            parts[i] += added
            remainder -= added
    return parts


def breadth_first(attributes: Sequence[Attribute], random: np.random.Generator) -> list[Attribute]:
    """Order attributes in rounds, one per branch, smaller branches first, ties at random."""
    branches: dict[tuple[str, ...], list[Attribute]] = {}
    for attribute in attributes:
        branches.setdefault(attribute.path[:-1], []).append(attribute)
    names = list(branches)
    tie_order = random.permutation(len(names))
    order = sorted(range(len(names)), key=lambda i: (len(branches[names[i]]), tie_order[i]))
    shuffled: Mapping[int, list[Attribute]] = {
        i: [branches[names[i]][k] for k in random.permutation(len(branches[names[i]]))]
        for i in order
    }
    longest = max((len(listed) for listed in shuffled.values()), default=0)
    return [shuffled[i][k] for k in range(longest) for i in order if k < len(shuffled[i])]
