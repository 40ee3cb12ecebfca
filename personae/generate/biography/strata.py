"""Which attributes a person gets: near to who they are, half-way, and far (5 : 3 : 2).

Wang et al. 2025 (arXiv 2511.07338, section 3): within a category attributes are ranked by their
likeness to the person and cut into thirds, and more are drawn from the nearer thirds; filling
goes breadth-first over the branches, seldom-visited branches before crowded ones.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from personae.core import Array, BadValue
from personae.generate.taxonomy.attribute_tree import Attribute

__all__ = ["RATIO", "apportion_within_limits", "breadth_first", "stratified_choice"]

RATIO = (5, 3, 2)


def stratified_choice(
    likeness: Array,
    target: int,
    random: np.random.Generator,
    ratio: tuple[int, int, int] = RATIO,
) -> list[int]:
    """Choose `target` places, by ratio from the nearest, middle and farthest third.

    A third that is too small gives all it has; what is then lacking comes from the others, nearest
    first. Ties rank in the order given. A target of all or more gives every place once.

    Raises:
        BadValue: a ratio with a negative part or without any positive one, or a negative target.

    >>> chosen = stratified_choice(np.arange(30.0)[::-1], 10, np.random.default_rng(0))
    >>> [sum(low <= place < low + 10 for place in chosen) for low in (0, 10, 20)]
    [5, 3, 2]
    """
    if min(ratio) < 0 or sum(ratio) <= 0 or target < 0:
        raise BadValue(f"ratio {ratio} and target {target} are 0 or more, the ratio not all 0")
    ranked = np.argsort(-likeness, kind="stable")
    thirds = np.array_split(ranked, 3)
    wanted = min(target, len(ranked))
    shares = apportion_within_limits(wanted, ratio, [len(third) for third in thirds])
    drawn = [
        random.choice(third, k, replace=False) for third, k in zip(thirds, shares, strict=True)
    ]
    return [int(place) for part in drawn for place in part]


def apportion_within_limits(
    total: int, shares: Sequence[float], limits: Sequence[int]
) -> list[int]:
    """Split a whole by shares into whole parts (largest remainders), none above its limit.

    What a limit cuts off goes to the parts with room, by their shares, and to parts without a
    share only when all others are full. With less room than `total` every part is at its limit.

    >>> apportion_within_limits(10, (5, 3, 2), (10, 2, 10))
    [6, 2, 2]
    """
    parts = [0] * len(shares)
    left = min(total, sum(limits))
    while left:
        room = [i for i, limit in enumerate(limits) if parts[i] < limit]
        weights = np.array([shares[i] for i in room], dtype=np.float64)
        weights = weights if weights.sum() > 0 else np.ones(len(room))
        exact = left * weights / weights.sum()
        given = np.floor(exact).astype(int)
        rest = np.argsort(-(exact - given), kind="stable")[: left - given.sum()]
        given[rest] += 1
        for i, more in zip(room, given, strict=True):
            added = min(int(more), limits[i] - parts[i])
            parts[i] += added
            left -= added
    return parts


def breadth_first(attributes: Sequence[Attribute], random: np.random.Generator) -> list[Attribute]:
    """Order attributes round by round, one a branch, smaller branches first, ties at random."""
    branches: dict[tuple[str, ...], list[Attribute]] = {}
    for one in attributes:
        branches.setdefault(one.path[:-1], []).append(one)
    names = list(branches)
    places = random.permutation(len(names))
    order = sorted(range(len(names)), key=lambda i: (len(branches[names[i]]), places[i]))
    shuffled: Mapping[int, list[Attribute]] = {
        i: [branches[names[i]][k] for k in random.permutation(len(branches[names[i]]))]
        for i in order
    }
    longest = max((len(listed) for listed in shuffled.values()), default=0)
    return [shuffled[i][k] for k in range(longest) for i in order if k < len(shuffled[i])]
