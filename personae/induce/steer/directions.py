"""Directions that separate two sets of activations, and the algebra of directions.

Every method returns a vector whose length is the gap between the two means along it, so that
strength 1 moves a state by that gap. The default is the difference of means. The method `pca`
removes the centre of each pair, never the mean difference, which is what it is meant to find.
"""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from personae.core import Array, BadValue
from personae.stats.prediction.linear_probes import logistic_probes, ridge_probes

__all__ = ["Method", "cosines", "direction", "orthogonal_to", "shuffled_differences"]

Floats = NDArray[np.floating[Any]]
Method = Literal["mean", "pca", "logistic", "ridge"]


def direction(positive: Array, negative: Array, method: Method = "mean") -> Array:
    """Compute the direction from negative to positive activations, (width,).

    `mean` is the difference of means; `pca` the first principal component of pairs with each pair's
    centre removed, for which row i of both must belong together; `logistic` and `ridge` the weights
    of a probe. Textbook estimators; scaling the axis to the gap of the means is our own.

    Args:
        positive: activations, (n, width).
        negative: activations, (m, width).
        method: one of the four.

    Raises:
        BadValue: an unknown method, shapes that don't match, or no rows.

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
    # a centred pair is plus and minus half its difference, so that no mean is left to remove
    return np.asarray(np.linalg.svd(positive - negative, full_matrices=False)[2][0])


def cosines(vectors: Sequence[Floats]) -> Array:
    """Compute the cosines between k vectors (width,) as a matrix (k, k); NaN for a zero vector.

    >>> cosines([np.array([1.0, 0.0]), np.array([1.0, 1.0])]).round(3).tolist()
    [[1.0, 0.707], [0.707, 1.0]]
    """
    stack = np.stack(vectors)
    lengths = np.linalg.norm(stack, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(stack @ stack.T / np.outer(lengths, lengths))


def orthogonal_to(vector: Floats, others: Sequence[Floats]) -> Array:
    """Project a vector (width,) on the orthogonal complement of others (width,).

    >>> orthogonal_to(np.array([1.0, 2.0]), [np.array([0.0, 3.0])]).tolist()
    [1.0, 0.0]
    """
    if not len(others):
        return np.asarray(vector, dtype=np.float64)
    rows = np.stack(others).astype(np.float64)
    _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
    basis = basis[sizes > 1e-9 * sizes.max()] if sizes.max() > 0 else basis[:0]
    return np.asarray(vector - (basis @ vector) @ basis)


def shuffled_differences(positive: Array, negative: Array, count: int, seed: int = 0) -> Array:
    """Compute mean differences of pairs whose sides are swapped at random, (count, width).

    `positive` and `negative` have shape (pairs, width). Half the pairs are swapped (within one), so
    that no result is close to the real difference. They serve as null vectors, since directions
    drawn at random are too weak a null: activations lie in a small part of their space. Our own
    permutation scheme.

    >>> pairs = np.ones((4, 1)) * [[3.0, 1.0]]
    >>> shuffled_differences(pairs, -pairs, 3).tolist()
    [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    random = np.random.default_rng(seed)
    half = np.arange(len(positive)) % 2 * 2 - 1
    signs = np.stack([random.permutation(half) for _ in range(count)])
    return np.asarray(signs @ (positive - negative) / len(positive))
