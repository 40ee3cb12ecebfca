"""Draws of a bootstrap: how often each case is drawn, as rows of counts."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from personae.core import Array

__all__ = ["CHUNK_CELLS", "CHUNK_DRAWS", "case_weights", "resampled_counts"]

CHUNK_CELLS = 1_000_000
CHUNK_DRAWS = 256
KEPT_CELLS = 4_000_000
"""Most counts of a bootstrap that are kept for the next one: 16 MB."""


def case_weights(sizes: tuple[int, ...], draws: int, seed: int) -> Iterator[Array]:
    """Yield how often each case is drawn, in chunks of shape (draws, sum of sizes).

    Args:
        sizes: number of cases of each group; groups are resampled separately, side by side.
        draws: bootstrap draws.
        seed: of the draws.

    Source: Efron (1979, Ann. Stat. 7).

    >>> [chunk.sum(axis=1) for chunk in case_weights((3, 2), 4, seed=0)]
    [array([5., 5., 5., 5.])]
    """
    kept = sum(sizes) * draws <= KEPT_CELLS
    for chunk in _kept_counts(sizes, draws, seed) if kept else _counts(sizes, draws, seed):
        yield chunk.astype(np.float64)


@lru_cache(maxsize=2)
def _kept_counts(sizes: tuple[int, ...], draws: int, seed: int) -> tuple[NDArray[np.int32], ...]:
    return tuple(chunk.astype(np.int32) for chunk in _counts(sizes, draws, seed))


def _counts(sizes: tuple[int, ...], draws: int, seed: int) -> Iterator[Array]:
    random = np.random.default_rng(seed)
    chunk = max(1, min(CHUNK_DRAWS, CHUNK_CELLS // sum(sizes)))
    for start in range(0, draws, chunk):
        rows = min(chunk, draws - start)
        yield np.hstack([resampled_counts(random, rows, size) for size in sizes])


def resampled_counts(random: np.random.Generator, rows: int, size: int) -> Array:
    """Draw cases with replacement: how often each is drawn, shape (rows, size).

    Args:
        random: the generator.
        rows: number of draws.
        size: number of cases, and of cases in each draw.

    Source: Efron (1979, Ann. Stat. 7).
    """
    drawn = random.integers(0, size, (rows, size)) + size * np.arange(rows)[:, None]
    counted = np.bincount(drawn.ravel(), minlength=rows * size)
    return counted.reshape(rows, size).astype(np.float64)
