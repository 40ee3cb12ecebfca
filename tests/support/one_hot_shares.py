"""Answers as shares over levels, as the distances of distributions take them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from personae.core import Array, BadValue


def one_hot(values: ArrayLike, levels: Sequence[float]) -> Array:
    """Give each answer as shares over the levels, shape (n, levels); NaN where there is none.

    Raises:
        BadValue: an answer that is none of the levels.

    >>> one_hot([1, 2], [1, 2, 3]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    x = np.asarray(values, dtype=np.float64)
    hit = x[:, None] == np.asarray(levels, dtype=np.float64)[None, :]
    strays = x[~hit.any(axis=1) & ~np.isnan(x)]
    if strays.size:
        raise BadValue(f"answers are among {list(levels)}, not {sorted(set(strays.tolist()))[:5]}")
    return np.where(np.isnan(x)[:, None], np.nan, hit.astype(np.float64))
