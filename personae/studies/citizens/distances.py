"""Four distances between distributions over ordered answers, with intervals.

Kolmogorov-Smirnov (largest difference of cumulative shares, 0..1), Wasserstein-1 (points), Jensen-
Shannon divergence (bits, 0..1; not its square root), and the difference of means (points). Answers
enter as they were given: averaging a respondent's repeats first would change the distribution, not
only its precision. All but the difference of means are 0 or more, and above 0 for two samples of
the same people, with a percentile interval that is biased with them: of 200 respondents drawn from
the reference none reached down to 0. Compare with `expected_distance`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from personae.core import Array, BadValue, Estimate, missing
from personae.stats.arrays import table
from personae.stats.resample import bootstrap

__all__ = [
    "DISTANCES",
    "distribution_distances",
    "expected_distance",
    "mean_distance",
]

Distance = Callable[[Array, Array, Array], Array]
"""Takes two arrays of shares (draws, levels) and the levels (levels,); returns (draws,)."""


def _ks(p: Array, q: Array, levels: Array) -> Array:
    return np.asarray(np.abs(np.cumsum(p - q, axis=1))[:, :-1].max(axis=1, initial=0.0))


def _wasserstein(p: Array, q: Array, levels: Array) -> Array:
    return np.asarray(np.abs(np.cumsum(p - q, axis=1))[:, :-1] @ np.diff(levels))


def _jensen_shannon(p: Array, q: Array, levels: Array) -> Array:
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(x > 0, x * np.log2(x / middle), 0.0) for x in (p, q)]
    return np.asarray(np.maximum((parts[0] + parts[1]).sum(axis=1) / 2, 0.0))


def _means(p: Array, q: Array, levels: Array) -> Array:
    return np.asarray((p - q) @ levels)


DISTANCES: Mapping[str, tuple[Distance, str]] = {
    "KS": (_ks, ""),
    "Wasserstein": (_wasserstein, "points"),
    "Jensen-Shannon": (_jensen_shannon, "bits"),
    "mean difference": (_means, "points"),
}
"""Each distance by name, with its unit."""


def _shares(given: ArrayLike, count: int) -> tuple[Array, int]:
    """Check rows of shares; return the complete ones and the number of all."""
    rows = table(np.atleast_2d(np.asarray(given, dtype=np.float64)), complete=False)[0]
    if rows.shape[1] != count:
        raise BadValue(f"{rows.shape[1]} shares a row for {count} levels")
    known = rows[~np.isnan(rows).any(axis=1)]
    if (known < -1e-9).any() or (np.abs(known.sum(axis=1) - 1) > 1e-6).any():
        raise BadValue("each row must hold shares that add up to 1")
    return known, rows.shape[0]


def distribution_distances(
    given: ArrayLike,
    reference: ArrayLike,
    levels: Sequence[float],
    *,
    of: str = "respondent",
    seed: int = 0,
) -> dict[str, Estimate]:
    """Estimate all four distances between respondents' answers and a reference.

    Args:
        given: one row per respondent, shares (0..1) over the levels, shape (n, levels); complete or
            NaN.
        reference: fixed shares (levels,), or rows of other respondents, resampled as well.
        levels: the answers' values, rising.
        of: what a row is.
        seed: of the percentile bootstrap over rows.

    `n` counts the given rows; rows with NaN are left out, and the method says how many. Undefined
    without rows. Source: Massey 1951 (KS), Vallender 1974 (Wasserstein), Lin 1991 (JS).

    Raises:
        BadValue: rows that aren't shares, or levels that don't rise.

    >>> distances = distribution_distances([[0, 1], [0, 1], [0, 1]], [0.5, 0.5], [1, 2])
    >>> {name: distance.value for name, distance in distances.items()}
    {'KS': 0.5, 'Wasserstein': 0.5, 'Jensen-Shannon': 0.31..., 'mean difference': 0.5}
    """
    return {
        name: mean_distance(name, [given], [reference], [levels], of=of, seed=seed)
        for name in DISTANCES
    }


def mean_distance(
    name: str,
    given: Sequence[ArrayLike],
    references: Sequence[ArrayLike],
    levels: Sequence[Sequence[float]],
    *,
    of: str = "respondent",
    seed: int = 0,
) -> Estimate:
    """Estimate a distance's mean over questions that the same respondents answered.

    Distances as in Massey 1951 (KS), Vallender 1974 (Wasserstein) and Lin 1991 (Jensen-Shannon);
    the percentile bootstrap over respondents as in Efron & Tibshirani 1993, chapter 13.

    Each sequence has one entry per question; respondents are resampled whole. A respondent who
    lacks the answer to a question counts only for the others. Mean differences enter with their
    sign for one question and as magnitudes for several. Undefined without questions or answers.
    Otherwise as `distribution_distances`.

    Raises:
        BadValue: rows that aren't shares, levels that don't rise, or, over several questions,
            references that aren't fixed shares.
    """
    distance_of, unit = DISTANCES[name]
    scales = [_rising(values) for values in levels]
    rows = [np.atleast_2d(np.asarray(shares, dtype=np.float64)) for shares in given]
    known = [_shares(shares, len(scale))[0] for shares, scale in zip(rows, scales, strict=True)]
    n = max((len(shares) for shares in rows), default=0)
    if not known or min(map(len, known)) == 0 or len({len(shares) for shares in rows}) != 1:
        return missing(name, f"no {'answers' if known else 'questions'}", n=0, of=of, unit=unit)
    answered = [(~np.isnan(shares).any(axis=1)).astype(np.float64) for shares in rows]
    filled = [np.nan_to_num(shares) for shares in rows]
    fixed = [np.ndim(reference) == 1 for reference in references]
    others = [
        _shares(reference, len(scale))[0]
        for reference, scale in zip(references, scales, strict=True)
    ]
    if not all(fixed) and len(given) > 1:
        raise BadValue("over several questions the references are fixed shares")

    def statistic(weights: Array) -> Array:
        total = np.zeros(len(weights))
        own, rest = weights[:, :n], weights[:, n:]
        for shares, known_rows, reference, is_fixed, scale in zip(
            filled, answered, others, fixed, scales, strict=True
        ):
            p = (own * known_rows) @ shares / (own @ known_rows)[:, None]
            q = reference if is_fixed else rest @ reference / rest.sum(axis=1, keepdims=True)
            distance = distance_of(p, np.broadcast_to(q, p.shape), scale)
            total += np.abs(distance) if len(filled) > 1 else distance
        return total / len(filled)

    sizes = (n,) if all(fixed) else (n, len(others[0]))
    estimate = bootstrap(statistic, sizes, seed=seed, kind="percentile")
    lost = sum(int(n - known_rows.sum()) for known_rows in answered)
    note = f"; {lost} answers missing" if lost else ""
    return replace(estimate, name=name, of=of, unit=unit, n=n, method=estimate.method + note)


def _rising(levels: Sequence[float]) -> Array:
    values = np.asarray(levels, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or (np.diff(values) <= 0).any():
        raise BadValue(f"levels are two or more rising values, not {list(levels)}")
    return values


def expected_distance(
    name: str, reference: ArrayLike, levels: Sequence[float], n: int, *, seed: int = 0
) -> float:
    """Return the mean distance of n respondents drawn from the reference itself: the floor.

    In the distance's unit, over 1,000 multinomial draws from the shares (levels,); a Monte Carlo
    estimate (Efron & Tibshirani 1993, chapter 6) without interval.

    Raises:
        BadValue: a reference that isn't shares, or levels that don't rise.

    >>> round(expected_distance("KS", [0.5, 0.5], [1, 2], 100), 2)
    0.04
    """
    scale = _rising(levels)
    (shares,), _ = _shares(reference, len(scale))
    drawn = np.random.default_rng(seed).multinomial(n, shares / shares.sum(), size=1000) / n
    distances = DISTANCES[name][0](drawn, np.broadcast_to(shares, drawn.shape), scale)
    return float(np.abs(distances).mean())
