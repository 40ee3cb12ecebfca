"""Mean and covariance of activations over any number of tokens, in the memory of one chunk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personae.core import Array, BadValue, Chat, OpenModel, Pool, Site

__all__ = ["Moments", "moments"]

CHUNK = 64
"""Chats recorded at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Count, mean (width,) and sum of squared deviations (width, width) of rows.

    >>> rows = np.array([[1.0, 2.0], [3.0, 2.0], [8.0, 5.0]])
    >>> both = Moments.of(rows[:1]).joined(Moments.of(rows[1:]))
    >>> both.mean.tolist(), both.covariance.round(6).tolist()
    ([4.0, 3.0], [[13.0, 6.0], [6.0, 3.0]])
    """

    count: int
    mean: Array
    scatter: Array

    @classmethod
    def of(cls, rows: Array) -> "Moments":
        """Take the moments of rows (n, width), n at least 1."""
        mean = rows.mean(axis=0)
        return cls(len(rows), mean, (rows - mean).T @ (rows - mean))

    def joined(self, other: "Moments") -> "Moments":
        """Give the moments of both sets of rows together (Chan et al. 1983)."""
        count = self.count + other.count
        apart = other.mean - self.mean
        scatter = self.scatter + other.scatter
        scatter = scatter + np.outer(apart, apart) * (self.count * other.count / count)
        return Moments(count, self.mean + apart * (other.count / count), scatter)

    @property
    def covariance(self) -> Array:
        """The covariance (width, width), divisor n - 1; NaN for a single row."""
        if self.count < 2:
            return np.full_like(self.scatter, np.nan)
        return np.asarray(self.scatter / (self.count - 1))


def moments(
    model: OpenModel, chats: Sequence[Chat], sites: Sequence[Site], pool: Pool = "all"
) -> Mapping[Site, Moments]:
    """Stream chats through a model and keep only the moments of what is recorded at each site.

    Raises:
        BadValue: no chats, or as `OpenModel.record`.
    """
    if not chats:
        raise BadValue("moments take at least one chat")
    found: dict[Site, Moments] = {}
    for start in range(0, len(chats), CHUNK):
        for site, rows in model.record(chats[start : start + CHUNK], sites, pool).items():
            new = Moments.of(rows)
            found[site] = found[site].joined(new) if site in found else new
    return found
