"""Requested traits with the correlations observed in people, and the means of their groups.

Correlations: see `personae/data/trait_correlations.json`. Means and SDs by sex and age: Johnson's
norms of the IPIP-NEO-120 (2014). Both are of self-selected internet samples, mostly from the USA.
"""

from functools import cache

import numpy as np
import polars as pl

from personae.core import BIG_FIVE, Array, BadValue, data_json, load_inventory
from personae.generate.slots import Slots

__all__ = ["correlation_matrix", "draw_correlated", "shift_to_group_norms"]

_LIMIT = 3.5
"""Largest requested standing, in z; no wording expresses more."""
REFERENCE = "sex-neutral 21-40"


@cache
def correlation_matrix() -> Array:
    """Return the correlations of the Big Five (5, 5), in the order O, C, E, A, N."""
    data = data_json("trait_correlations.json")
    return np.array(data["correlations"], dtype=np.float64)


def draw_correlated(slots: Slots, correlations: Array) -> Array:
    """Draw standard normal standings (slots, 5), in z units and the order O, C, E, A, N.

    Standings beyond 3.5 in absolute value are set to that limit.

    Raises:
        BadValue: the matrix is no correlation matrix of five traits.

    >>> z = draw_correlated(Slots.span(0, 0, 20_000), correlation_matrix())
    >>> print(f"{np.corrcoef(z.T)[2, 3]:.2f}")
    0.46
    """
    matrix = np.asarray(correlations, dtype=np.float64)
    if (
        matrix.shape != (5, 5)
        or not np.allclose(matrix, matrix.T)
        or (matrix.diagonal() != 1).any()
    ):
        raise BadValue("correlations of the Big Five are a symmetric 5 x 5 matrix with diagonal 1")
    try:
        root = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError as error:
        raise BadValue("these correlations contradict each other: not positive definite") from error
    free = np.column_stack([slots.normal(f"trait {code}") for code in BIG_FIVE])
    z: Array = np.clip(free @ root.T, -_LIMIT, _LIMIT)
    return z


@cache
def _norms() -> dict[tuple[str, str], tuple[float, float]]:
    tool = load_inventory("ipip-neo-120")
    return {(n.group, n.scale): (n.mean, n.sd) for n in tool.norms if not n.facet}


def shift_to_group_norms(z: Array, sex: pl.Series, age: pl.Series) -> Array:
    """Rescale standings (slots, 5) to the mean and SD of each slot's sex and age.

    The result is in z units of the sex-neutral norms of ages 21 to 40 (Johnson 2014), limited to
    3.5 in absolute value. `sex` (slots,) holds "F", "M", or anything else for the sex-neutral norm;
    `age` (slots,) whole years.
    """
    years = age.to_numpy()
    bands = np.array(["<21", "21-40", "41-60", ">60"])[np.digitize(years, [21, 41, 61])]
    groups = [
        f"{s if s in ('F', 'M') else 'sex-neutral'} {band}"
        for s, band in zip(sex, bands, strict=True)
    ]
    shifted = np.empty_like(z)
    labels = np.array(groups)
    for group in sorted(set(groups)):
        rows = labels == group
        for column, code in enumerate(BIG_FIVE):
            mean, sd = _norms()[group, code]
            centre, unit = _norms()[REFERENCE, code]
            shifted[rows, column] = (mean + sd * z[rows, column] - centre) / unit
    return np.clip(shifted, -_LIMIT, _LIMIT)
