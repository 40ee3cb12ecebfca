"""Input of the statistics: checked float arrays, with a note on what was left out.

NaN (also None) means a missing answer and is never imputed. A case is left out only where a
statistic needs it complete; the note that is returned goes into the estimate's method.
"""

import numpy as np
from numpy.typing import ArrayLike

from personae.core import Array, BadValue, Estimate, missing

__all__ = [
    "differences",
    "merge_ties",
    "paired",
    "quotient",
    "row_means",
    "sample",
    "scale_table",
    "spread",
    "table",
]


def _floats(values: ArrayLike, dimensions: int, label: str) -> Array:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadValue(f"{label} must be numbers in rows of equal length: {error}") from error
    if array.size == 0:
        array = array.reshape((0,) * dimensions)
    if array.ndim != dimensions:
        raise BadValue(f"{label} must have {dimensions} dimension(s), not shape {array.shape}")
    if np.isinf(array).any():
        raise BadValue(f"{label} hold an infinite number; use NaN for a missing answer")
    return array


def _note(complete: int, total: int, cases: str) -> str:
    return "" if complete == total else f"; {complete} of {total} {cases} complete"


def sample(values: ArrayLike, label: str = "values") -> tuple[Array, str]:
    """Return the values that aren't missing, shape (n,), and a note on those that are.

    Args:
        values: numbers, shape (m,), NaN or None for missing.
        label: what the values are called in errors.

    Source: available cases (Little & Rubin 2002, Statistical Analysis with Missing Data, ch. 3).

    Raises:
        BadValue: not a row of finite or missing numbers.

    >>> sample([1, None, 3])
    (array([1., 3.]), '; 2 of 3 values complete')
    """
    array = _floats(values, 1, label)
    present = array[~np.isnan(array)]
    return present, _note(present.size, array.size, "values")


def paired(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array, str]:
    """Return the complete pairs of two rows, each of shape (n,), and a note on the others.

    Args:
        x: numbers, shape (n,), NaN or None for missing.
        y: the partner of each, shape (n,).

    Source: complete cases (Little & Rubin 2002, Statistical Analysis with Missing Data, ch. 3).

    Raises:
        BadValue: not rows of numbers, or of different length.
    """
    first, second = _floats(x, 1, "x"), _floats(y, 1, "y")
    if first.size != second.size:
        raise BadValue(f"pairs need rows of one length, not {first.size} and {second.size}")
    complete = ~(np.isnan(first) | np.isnan(second))
    return first[complete], second[complete], _note(int(complete.sum()), first.size, "pairs")


def table(matrix: ArrayLike, *, complete: bool = True) -> tuple[Array, str]:
    """Return a matrix of shape (n, k), by default its complete rows only, and a note.

    Args:
        matrix: numbers, shape (m, k), NaN or None for missing.
        complete: whether to leave out rows with a missing number.

    Source: complete cases (Little & Rubin 2002, Statistical Analysis with Missing Data, ch. 3).

    Raises:
        BadValue: not a matrix of finite or missing numbers.
    """
    array = _floats(matrix, 2, "the matrix")
    if not complete:
        return array, ""
    rows = array[~np.isnan(array).any(axis=1)]
    return rows, _note(len(rows), len(array), "rows")


def row_means(matrix: Array) -> Array:
    """Return the mean of the values that are there in each row, shape (n,); NaN where none is.

    Args:
        matrix: numbers, shape (n, k), NaN for missing.

    Source: the textbook mean over available cases.

    >>> row_means(np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]])).tolist()
    [2.0, nan]
    """
    known = ~np.isnan(matrix)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, matrix, 0.0).sum(axis=1) / known.sum(axis=1))


def merge_ties(values: Array) -> Array:
    """Return values of which those that differ by rounding alone, along the last axis, are equal.

    Means of the same numbers differ in their last bits with the order of summation, which depends
    on the processor; ranks and counts of ties must not. Neighbours closer than 1e-12 of their size
    count as one value.

    Args:
        values: numbers, shape (..., n), infinite ones too.

    Source: our own; the tolerance is about 5,000 times the precision of a float.

    >>> (merge_ties(np.array([0.3, 1.0, 0.1 + 0.2])) == 0.3).tolist()
    [True, False, True]
    >>> merge_ties(np.array([-np.inf, 2.0, np.inf, np.inf])).tolist()
    [-inf, 2.0, inf, inf]
    """
    order = np.argsort(values, axis=-1, kind="stable")
    ascending = np.take_along_axis(values, order, axis=-1)
    size = np.maximum(np.abs(ascending[..., 1:]), np.abs(ascending[..., :-1]))
    with np.errstate(invalid="ignore"):  # of equal infinities
        steps = np.diff(ascending, axis=-1)
        begins = (steps > 1e-12 * size) | (np.isinf(size) & (steps > 0))
    starts = np.zeros(values.shape, dtype=np.intp)
    starts[..., 1:] = np.where(begins, np.arange(1, values.shape[-1]), 0)
    level = np.take_along_axis(ascending, np.maximum.accumulate(starts, axis=-1), axis=-1)
    merged = np.empty_like(values)
    np.put_along_axis(merged, order, level, axis=-1)
    return merged


def differences(x: Array, y: Array) -> Array:
    """Return x - y, exactly 0 where the two differ by rounding alone (1e-12 of their size).

    Args:
        x: numbers of any shape.
        y: numbers of the same shape.

    Source: our own; the tolerance is that of `merge_ties`.
    """
    difference = x - y
    return np.where(np.abs(difference) > 1e-12 * np.maximum(np.abs(x), np.abs(y)), difference, 0.0)


def quotient(dividend: Array, divisor: Array, scale: float) -> Array:
    """Return dividend / divisor, NaN where the divisor is zero but for rounding, or negative.

    Args:
        dividend: numbers of any shape.
        divisor: numbers of the same shape.
        scale: a usual size of the divisor; up to 1e-12 of it counts as zero.

    Source: our own; the tolerance is that of `merge_ties`.
    """
    undefined = np.full(np.shape(divisor), np.nan)
    is_positive = divisor > 1e-12 * scale
    return np.asarray(np.divide(dividend, divisor, out=undefined, where=is_positive))


def spread(matrix: Array) -> float:
    """Return the variance of the rows' totals, 0 where that is mere rounding.

    Args:
        matrix: complete and centred by column, shape (n, k).

    Source: textbook, Σt² / n of centred totals t.
    """
    variance = float(np.var(matrix.sum(axis=1)))
    floor = 1e-12 * float((matrix**2).sum(axis=1).mean()) * matrix.shape[1]
    return variance if variance > floor else 0.0


def scale_table(
    named: tuple[str, str], matrix: ArrayLike, *, items: int = 2, vary: bool = False
) -> tuple[Array, str, Estimate | None]:
    """Return a scale's complete rows, centred, a note on the others, and an estimate if undefined.

    The estimate has no value and says why; it is None where the statistic is defined.

    Args:
        named: the estimate's name and what a row is.
        matrix: keyed item scores, shape (n, k), NaN for missing.
        items: how many items the statistic needs.
        vary: whether it needs every item to vary, as all that rests on correlations does.

    Source: our own conditions; three rows are the fewest that a bootstrap interval is given for.
    """
    name, of = named
    x, note = table(matrix)
    n, k = x.shape
    reason = ""
    if k < items:
        reason = f"needs {items} items, not {k}"
    elif n < 3:
        reason = f"needs 3 complete rows, not {n}"
    else:
        size = (x**2).sum()
        x = x - x.mean(axis=0)
        flat = np.flatnonzero((x**2).sum(axis=0) <= 1e-15 * size)
        if spread(x) == 0:
            reason = f"each {of} has the same total: nothing to tell apart"
        elif vary and flat.size:
            reason = f"{flat.size} of {k} items never vary, first the one in column {flat[0]}"
    return x, note, missing(name, reason, n=n, of=of) if reason else None
