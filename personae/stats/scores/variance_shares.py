"""Components of the variance of scores: wording, order, paraphrase, seed, and residual.

Random-effects components by Type II sums of squares (Henderson's method 3; Searle, Casella &
McCulloch 1992, Variance Components, ch. 5), for any pattern of missing combinations. Intervals
are generalised confidence intervals (Weerahandi 1993, JASA 88), since three wordings or two orders
are too few for a bootstrap; benchmarks/coverage.py measures how well they cover.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from personae.core import Array, BadValue, Estimate, missing
from personae.stats.arrays import table
from personae.stats.resample import DRAWS

__all__ = ["variance_shares"]

RESIDUAL = "residual"


def variance_shares(
    scores: ArrayLike,
    factors: Mapping[str, Sequence[object]],
    *,
    of: str = "score",
    seed: int = 0,
    draws: int = DRAWS,
) -> tuple[Estimate, ...]:
    """Estimate each factor's share (0..1) of the scores' variance, and the residual's.

    Model: score = mean + one random effect per factor + residual. An interaction is a factor whose
    labels combine two others' (`"plain/reverse"`). A negative component counts as 0 and its raw
    value stands in the method.

    Args:
        scores: shape (n,), NaN for missing.
        factors: name -> n labels; each factor is a sample of its levels (wordings, orders).
        of: what a score is; `n` counts levels for a factor and scores for the residual.
        seed: of the intervals' simulation.
        draws: of that simulation.

    Source: Searle, Casella & McCulloch (1992, Variance Components, ch. 5) for the components,
    Weerahandi (1993, JASA 88) for the intervals.

    All shares are undefined where scores don't vary or nothing is left for the residual; a single
    share where its factor has one level or is confounded with others.

    Raises:
        BadValue: no factor, one named "residual", or not one label per score.

    >>> shares = variance_shares([1, 2, 3, 4, 5, 6.5], {"wording": "aabbcc"})
    >>> [(share.name, round(share.value, 2), share.n) for share in shares]
    [('variance share wording', 0.85, 3), ('variance share residual', 0.15, 6)]
    """
    y, designs = _checked(scores, factors)
    designs = {name: part for name, part in designs.items() if part.size}
    names = [*designs, RESIDUAL]
    counts = [part.shape[1] for part in designs.values()] + [y.size]
    units = [*designs, of]
    reason = ""
    if y.size < 3 or float(np.ptp(y)) <= 1e-12 * float(np.abs(y).max()):
        reason = "the scores do not vary" if y.size > 2 else f"needs 3 scores, not {y.size}"
    else:
        squares, df, expected = _sums_of_squares(y - y.mean(), list(designs.values()))
        if df[-1] < 1:
            reason = "as many effects as scores: nothing is left for the residual"
    if reason:
        return tuple(
            missing(f"variance share {name}", reason, n=n, of=unit)
            for name, n, unit in zip(names, counts, units, strict=True)
        )
    known = df > 0
    raw = _solved(squares[None, known], expected[np.ix_(known, known)])[0]
    random = np.random.default_rng(seed)
    chi2 = random.chisquare(df[known], (draws, int(known.sum())))
    drawn = _shares(_solved(squares[known] * df[known] / chi2, expected[np.ix_(known, known)]))
    return tuple(_estimates(names, list(zip(counts, units, strict=True)), known, raw, drawn))


def _checked(
    scores: ArrayLike, factors: Mapping[str, Sequence[object]]
) -> tuple[Array, dict[str, Array]]:
    """Return the scores that aren't missing and each factor's 0/1 design matrix, (n, levels)."""
    column = np.asarray(scores, dtype=np.float64)
    y = table(column[:, None] if column.ndim == 1 else column, complete=False)[0]
    if y.shape[1:] != (1,) and y.size:
        raise BadValue(f"scores are one row of numbers, not shape {y.shape}")
    y = y.reshape(-1)
    if not factors or RESIDUAL in factors:
        raise BadValue(f"give one factor or more, none of them called {RESIDUAL!r}")
    present = ~np.isnan(y)
    designs = {}
    for name, labels in factors.items():
        if len(labels) != y.size:
            raise BadValue(f"factor {name!r} has {len(labels)} labels for {y.size} scores")
        known_labels = [str(label) for label, ok in zip(labels, present, strict=True) if ok]
        levels, level_of = np.unique(known_labels, return_inverse=True)
        designs[name] = np.eye(levels.size)[level_of]
    return y[present], designs


def _basis(columns: Array) -> Array:
    """Return an orthonormal basis of the columns' span, constant removed, shape (n, rank)."""
    centred = columns - columns.mean(axis=0)
    eigenvalues, vectors = np.linalg.eigh(centred.T @ centred)
    nonzero = eigenvalues > 1e-10 * max(1.0, float(eigenvalues.max(initial=0.0)))
    return np.asarray(centred @ (vectors[:, nonzero] / np.sqrt(eigenvalues[nonzero])))


def _finer(factor: Array, other: Array) -> bool:
    """Whether the other factor is nested in this one and not identical to it."""
    cells = other.T @ factor > 0
    return bool((cells.sum(axis=1) <= 1).all() and (cells.sum(axis=0) > 1).any())


def _sums_of_squares(y: Array, designs: list[Array]) -> tuple[Array, Array, Array]:
    """Return sums of squares, degrees of freedom and their expectations, the residual last.

    Each factor is adjusted for all but the factors nested in it. Row i of the expectations
    holds the weights of each component (the residual's last) in the i-th sum of squares.
    """
    squares, df, expected = [], [], []
    for index, design in enumerate(designs):
        others = [
            d for position, d in enumerate(designs) if position != index and not _finer(design, d)
        ]
        without = _basis(np.hstack(others)) if others else np.zeros((y.size, 0))
        extra = design - design.mean(axis=0)
        basis = _basis(extra - without @ (without.T @ extra))
        squares.append(float(((basis.T @ y) ** 2).sum()))
        df.append(basis.shape[1])
        expected.append([float(((basis.T @ d) ** 2).sum()) for d in designs] + [basis.shape[1]])
    joint = _basis(np.hstack(designs))
    residual_df = y.size - 1 - joint.shape[1]
    squares.append(max(float((y**2).sum() - ((joint.T @ y) ** 2).sum()), 0.0))
    df.append(residual_df)
    expected.append([0.0] * len(designs) + [residual_df])
    return np.array(squares), np.array(df, dtype=np.float64), np.array(expected)


def _solved(squares: Array, expected: Array) -> Array:
    """Return components from sums of squares, both (draws, factors + 1)."""
    return np.asarray(np.linalg.solve(expected, squares.T).T)


def _shares(components: Array) -> Array:
    positive = np.maximum(components, 0.0)
    return np.asarray(positive / positive.sum(axis=1, keepdims=True))


def _estimates(
    names: list[str],
    counts: list[tuple[int, str]],
    known: NDArray[np.bool_],
    raw: Array,
    drawn: Array,
) -> list[Estimate]:
    shares = _shares(raw[None])[0]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    confounded = [
        name for name, (n, _), ok in zip(names, counts, known, strict=True) if n > 1 and not ok
    ]
    note = f"; the total leaves out {' and '.join(confounded)}" if confounded else ""
    estimates, position = [], 0
    for name, (n, unit), usable in zip(names, counts, known, strict=True):
        title = f"variance share {name}"
        if not usable:
            reason = "it has one level" if n == 1 else "it is confounded with the other factors"
            estimates.append(missing(title, reason, n=n, of=unit))
            continue
        negative = " (negative, counts as 0)" if raw[position] < 0 else ""
        method = (
            f"component {raw[position]:.4g}{negative}, Type II ANOVA; generalised interval{note}"
        )
        estimates.append(
            Estimate(
                name=title,
                value=float(shares[position]),
                low=float(low[position]),
                high=float(high[position]),
                n=n,
                of=unit,
                unit="share",
                method=method,
            )
        )
        position += 1
    return estimates
