"""Directions that tell two sets of activations apart, and the algebra of directions.

Every method returns a vector whose length is the gap between the two means along it, so that
strength 1 moves a state by that gap. The mean difference is the default: a principal component of
differences is only right if the pairs' own centres are taken out, never the mean difference.
"""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from personae.core import Array, BadValue
from personae.stats.prediction.linear_probes import logistic_probes, ridge_probes

__all__ = ["Method", "cosines", "direction", "orthogonal_to", "shuffled"]

Floats = NDArray[np.floating[Any]]
Method = Literal["mean", "pca", "logistic", "ridge"]


def direction(positive: Array, negative: Array, method: Method = "mean") -> Array:
    """Find the direction from negative to positive activations, (width,).

    `mean` is the difference of means; `pca` the first principal component of pairs after taking
    out each pair's centre, which needs row i of both to belong together; `logistic` and `ridge`
    the weights of a probe.

    Args:
        positive: activations, (n, width).
        negative: activations, (m, width).
        method: one of the four.

    Raises:
        BadValue: an unknown method, shapes that don't fit, or no rows.

    >>> direction(np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[0.0, 5.0]])).tolist()
    [2.0, 0.0]
    """
    if method not in get_args(Method):
        raise BadValue(f"a method is one of {get_args(Method)}, not {method!r}")
    if positive.ndim != 2 or positive.shape[1:] != negative.shape[1:] or not len(negative):
        raise BadValue(f"activations are (n, width), not {positive.shape} and {negative.shape}")
    gap = positive.mean(axis=0) - negative.mean(axis=0)
    if method == "mean":
        return np.asarray(gap)
    if method == "pca":
        axis = _paired_component(positive, negative)
    else:
        x = np.concatenate([positive, negative])[:, None, :]
        labels = np.repeat([1.0, 0.0], [len(positive), len(negative)])
        axis = _probe(x, labels, method)
    length = np.linalg.norm(axis)
    axis = axis / length if length > 0 else axis
    return np.asarray(axis * (axis @ gap))


def _probe(x: Array, labels: Array, method: Method) -> Array:
    scale = float(x.std()) or 1.0  # a penalty of 1 means the same at every site
    if method == "ridge":
        return np.asarray(ridge_probes(x / scale, 2 * labels - 1).weights[0])
    return np.asarray(logistic_probes(x / scale, labels).weights[0])


def _paired_component(positive: Array, negative: Array) -> Array:
    if positive.shape != negative.shape:
        raise BadValue(
            f"the method 'pca' takes pairs: {len(positive)} positive rows, {len(negative)} negative"
        )
    # a pair, its centre taken out, is plus and minus half its difference: no mean is left to remove
    return np.asarray(np.linalg.svd(positive - negative, full_matrices=False)[2][0])


def cosines(vectors: Sequence[Floats]) -> Array:
    """Give all cosines between vectors, (k, k); NaN beside a zero vector.

    >>> cosines([np.array([1.0, 0.0]), np.array([1.0, 1.0])]).round(3).tolist()
    [[1.0, 0.707], [0.707, 1.0]]
    """
    stack = np.stack(vectors)
    lengths = np.linalg.norm(stack, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(stack @ stack.T / np.outer(lengths, lengths))


def orthogonal_to(vector: Floats, others: Sequence[Floats]) -> Array:
    """Take the span of other vectors out of a vector.

    >>> orthogonal_to(np.array([1.0, 2.0]), [np.array([0.0, 3.0])]).tolist()
    [1.0, 0.0]
    """
    if not len(others):
        return np.asarray(vector, dtype=np.float64)
    rows = np.stack(others).astype(np.float64)
    _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
    basis = basis[sizes > 1e-9 * sizes.max()] if sizes.max() > 0 else basis[:0]
    return np.asarray(vector - (basis @ vector) @ basis)


def shuffled(positive: Array, negative: Array, count: int, seed: int = 0) -> Array:
    """Make mean differences of pairs whose sides are swapped at random, (count, width).

    As many pairs are swapped as are kept (to one), so none is the real difference in disguise. A
    null is then made orthogonal to the real vector and as long as it: random directions alone are
    too easy to beat, as activations fill few of the directions there are.

    >>> pairs = np.ones((4, 1)) * [[3.0, 1.0]]
    >>> shuffled(pairs, -pairs, 3).tolist()
    [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    random = np.random.default_rng(seed)
    half = np.arange(len(positive)) % 2 * 2 - 1
    signs = np.stack([random.permutation(half) for _ in range(count)])
    return np.asarray(signs @ (positive - negative) / len(positive))
