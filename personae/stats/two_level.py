"""The mean of a table whose rows and columns are both samples, such as items and administrations.

Two-level draws follow Owen (2007, Ann. Appl. Stat. 1) and are rescaled here, since as published
they overestimate the variance.
"""

from dataclasses import replace
from math import nan, sqrt

import numpy as np
import scipy
from numpy.typing import ArrayLike

from personae.core import Array, Estimate, missing
from personae.stats.arrays import table
from personae.stats.resample import DRAWS, LEVEL
from personae.stats.resampled_counts import CHUNK_DRAWS, resampled_counts

__all__ = ["two_level_mean"]


def two_level_mean(
    matrix: ArrayLike,
    *,
    name: str = "mean",
    of: str = "item",
    unit: str = "points",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate the mean of crossed rows x columns, each a sample from a population of its own.

    Rows are items and columns administrations, or respondents and items. Rows and columns are
    resampled independently; the draws' deviations are then rescaled to the unbiased variance of
    the mean with t in place of z (Satterthwaite 1946, Biometrics Bull. 2), since plain two-level
    draws count the residual three times (Owen 2007, Ann. Appl. Stat. 1).

    Args:
        matrix: shape (rows, columns), in `unit`, NaN for missing cells, which are left out.
        name: what the estimate is called.
        of: what a row is; the estimate's `n` counts rows that have a value.
        unit: of the cells.
        seed: of the bootstrap.
        draws: bootstrap draws.

    Conservative where neither rows nor columns differ, as negative components are set to 0.
    With one row or one column only the other level is resampled, and the method says so.
    Undefined without values; without interval where neither level has two members.

    >>> two_level_mean([[3, 3], [3, 3], [3, 3]]).high
    3.0
    """
    cells, _ = table(matrix, complete=False)
    present = ~np.isnan(cells)
    cells, present = cells[present.any(axis=1)], present[present.any(axis=1)]
    cells, present = cells[:, present.any(axis=0)], present[:, present.any(axis=0)]
    rows, columns = cells.shape
    if not cells.size:
        return missing(name, "no values", n=0, of=of, unit=unit)
    value = float(cells[present].mean())
    reason = "one row and one column: nothing to resample"
    without_interval = Estimate(
        name=name, value=value, low=nan, high=nan, n=rows, of=of, unit=unit, why_missing=reason
    )
    if rows == 1 and columns == 1:
        return without_interval
    centred = np.where(present, cells - value, 0.0)
    variance, df = _variance_of_mean(centred, present)
    drawn = _two_level_draws(centred, present, draws, seed)
    spread = float(drawn.std())
    widen = scipy.special.stdtrit(df, 0.5 + LEVEL / 2) / scipy.special.ndtri(0.5 + LEVEL / 2)
    low, high = np.quantile(drawn, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2]) * (
        sqrt(variance) / spread * widen if spread > 0 else 0.0
    )
    levels = "two-level" if min(rows, columns) > 1 else "one-level"
    method = (
        f"{levels} bootstrap over {rows} rows x {columns} columns, rescaled, "
        f"df {df:.1f}, {draws} draws"
    )
    return replace(
        without_interval,
        low=value + float(low),
        high=value + float(high),
        method=method,
        why_missing="",
    )


def _two_level_draws(centred: Array, present: Array, draws: int, seed: int) -> Array:
    """Return the deviations of the mean under independent draws of rows and columns."""
    random = np.random.default_rng(seed)
    rows, columns = centred.shape
    drawn = []
    for start in range(0, draws, CHUNK_DRAWS):
        size = min(CHUNK_DRAWS, draws - start)
        over_rows = resampled_counts(random, size, rows) if rows > 1 else np.ones((size, 1))
        over_columns = np.ones((size, 1))
        if columns > 1:
            over_columns = resampled_counts(random, size, columns)
        weight = ((over_rows @ present) * over_columns).sum(axis=1)
        total = ((over_rows @ centred) * over_columns).sum(axis=1)
        drawn.append(total[weight > 0] / weight[weight > 0])
    return np.concatenate(drawn)


def _variance_of_mean(centred: Array, present: Array) -> tuple[float, float]:
    """Return the variance of the mean of crossed effects and its degrees of freedom.

    Components by the method of moments for any pattern of missing cells (Gao & Owen 2017,
    Electron. J. Stat. 11), negative ones set to 0.
    """
    rows, columns = centred.shape
    per_row, per_column = present.sum(axis=1), present.sum(axis=0)
    n = int(present.sum())
    squares = float((centred**2).sum())
    within_rows = squares - float((centred.sum(axis=1) ** 2 / per_row).sum())
    within_columns = squares - float((centred.sum(axis=0) ** 2 / per_column).sum())
    row_share = float((per_row**2).sum()) / n**2
    column_share = float((per_column**2).sum()) / n**2
    system = np.array(
        [
            [0.0, n - rows, n - rows],
            [n - columns, 0.0, n - columns],
            [n * (1 - row_share), n * (1 - column_share), n - 1],
        ]
    )
    observed = np.array([within_rows, within_columns, squares])
    if rows == 1 or columns == 1:
        return squares / (n - 1) / n, float(n - 1)
    row, column, residual = np.maximum(np.linalg.lstsq(system, observed)[0], 0.0)
    squares_row = residual + row * n / rows
    squares_column = residual + column * n / columns
    variance = row * row_share + column * column_share + residual / n
    parts = (
        squares_row**2 / (rows - 1)
        + squares_column**2 / (columns - 1)
        + residual**2 / max((rows - 1) * (columns - 1), 1)
    ) / n**2
    return float(variance), float(variance**2 / parts) if parts > 0 else float(rows - 1)
