"""Random draws that depend on a persona's slot, never on the batch in which it is made.

A slot is a persona's index, 0..n-1. Every draw is a hash of (seed, name of the draw, slot,
attempt), so that any part of a population can be made alone, again, or anywhere, with the same
bytes; a slot that must be regenerated gets the next attempt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import scipy
from numpy.typing import NDArray

from personae.core import Array, BadValue

__all__ = ["REGENERATED", "IndexArray", "Slots", "mix_bits"]

REGENERATED = 1 << 16

IndexArray = NDArray[np.int64]
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix_bits(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix the 64 bits of each number, same shape (SplitMix64: Steele, Lea & Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """Indices of a population's slots (n,) under a seed, and how often each was tried before (n,).

    >>> all_of, some = Slots.span(7, 0, 5), Slots.span(7, 3, 5)
    >>> bool((all_of.uniform("age")[3:] == some.uniform("age")).all())
    True
    """

    seed: int
    indices: IndexArray
    attempts: IndexArray

    def __post_init__(self) -> None:
        if self.indices.shape != self.attempts.shape or self.indices.ndim != 1:
            raise BadValue("slots have one attempt per index")

    @classmethod
    def span(cls, seed: int, start: int, stop: int) -> "Slots":
        """Return the slots start..stop-1 at their first attempt."""
        indices = np.arange(start, stop, dtype=np.int64)
        return cls(seed, indices, np.zeros_like(indices))

    def __len__(self) -> int:
        return len(self.indices)

    def take(
        self, selection: NDArray[np.bool_] | IndexArray, *, extra_attempts: int = 0
    ) -> "Slots":
        """Select some of the slots, with their attempts raised by `extra_attempts`.

        A redraw of what breaks a rule raises them by 1; regeneration of a persona that resembles
        another raises them by `REGENERATED`, so that the two never collide.
        """
        return Slots(self.seed, self.indices[selection], self.attempts[selection] + extra_attempts)

    def bits(self, name: str) -> NDArray[np.uint64]:
        """Draw 64 random bits for each slot, (n,)."""
        digest = sha256(f"{self.seed}\0{name}".encode()).digest()
        key = np.uint64(int.from_bytes(digest[:8], "little"))
        tries = mix_bits(self.attempts.astype(np.uint64) * GOLDEN + key)
        return mix_bits(mix_bits(self.indices.astype(np.uint64) * GOLDEN + tries) ^ key)

    def uniform(self, name: str) -> Array:
        """Draw a number in (0, 1) for each slot, (n,)."""
        return ((self.bits(name) >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53

    def normal(self, name: str) -> Array:
        """Draw a standard normal number for each slot, (n,), by the inverse of its distribution."""
        normal: Array = scipy.special.ndtri(self.uniform(name))
        return normal

    def pick(self, name: str, shares: Sequence[float] | Array) -> IndexArray:
        """Draw an index for each slot, (n,), by shares (values,) or a row per slot (n, values)."""
        weights = np.asarray(shares, dtype=np.float64)
        cumulative = np.cumsum(weights, axis=-1)
        thresholds = self.uniform(name) * cumulative[..., -1]
        if weights.ndim == 1:
            index = np.searchsorted(cumulative, thresholds, side="right")
        else:
            index = (cumulative <= thresholds[:, None]).sum(axis=1)
        indices: IndexArray = np.minimum(index, weights.shape[-1] - 1).astype(np.int64)
        return indices
