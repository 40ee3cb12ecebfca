"""Skill of a classifier: macro-F1, accuracy and AUC with intervals, and their floors.

Truth is 0 or 1. A prediction is 0, 1 or NaN: a case without a prediction counts as missed in every
measure. Several traits are columns; the value is then the mean over them, and cases are resampled
whole, so that the traits of a text stay together.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from personae.core import Array, BadValue, Estimate, missing
from personae.stats.arrays import merge_ties, quotient
from personae.stats.resample import Statistic, bootstrap, cluster_bootstrap, labelled

__all__ = ["accuracy", "auc", "floor_predictions", "macro_f1", "weighted_f1"]

Measure = Callable[[Array, Array], Statistic]


def macro_f1(
    truth: ArrayLike,
    predicted: ArrayLike,
    *,
    against: ArrayLike | None = None,
    groups: Sequence[object] | None = None,
    name: str = "macro-F1",
    seed: int = 0,
) -> Estimate:
    """Estimate the mean F1 of both classes (rate), or how much it exceeds that of `against`.

    Args:
        truth: 0 or 1, shape (n,) or (n, traits).
        predicted: 0, 1 or NaN, the same shape.
        against: other predictions of the same cases; the estimate is then the paired difference.
        groups: what each case belongs to; whole groups are then resampled, and `n` counts them.
        name: what the estimate is called.
        seed: of the BCa bootstrap over cases.

    A class that neither occurs nor is predicted has F1 0. Source: van Rijsbergen (1979, Information
    Retrieval, ch. 7), averaged over classes.

    Raises:
        BadValue: no cases, shapes that differ, or other values.

    >>> macro_f1([1] * 3 + [0] * 1, [1, 1, 1, 1]).value  # always the majority
    0.42857142857142855
    """
    return _scored(_f1, (truth, predicted, against), groups, name, seed)


def accuracy(
    truth: ArrayLike,
    predicted: ArrayLike,
    *,
    against: ArrayLike | None = None,
    groups: Sequence[object] | None = None,
    name: str = "accuracy",
    seed: int = 0,
) -> Estimate:
    """Estimate the share (0..1) of cases predicted right, hits / cases; a NaN counts as wrong.

    Args, interval and errors as `macro_f1`: shapes (n,) or (n, traits). Source: textbook.

    >>> accuracy([1, 0, 1, 0], [1, 0, float("nan"), 1]).value
    0.5
    """
    return _scored(_hits, (truth, predicted, against), groups, name, seed)


def auc(
    truth: ArrayLike,
    scores: ArrayLike,
    *,
    groups: Sequence[object] | None = None,
    name: str = "AUC",
    seed: int = 0,
) -> Estimate:
    """Estimate how often (0..1) a case of class 1 scores above one of class 0, ties counting half.

    Args:
        truth: 0 or 1, shape (n,).
        scores: any numbers, shape (n,), NaN for none; such cases are left out.
        groups: what each case belongs to; whole groups are then resampled, and `n` counts them.
        name: what the estimate is called.
        seed: of the BCa bootstrap.

    Undefined where a class has no case. Source: Hanley & McNeil (1982, Radiology 143).

    Raises:
        BadValue: shapes that differ, or a truth other than 0 and 1.

    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).value
    0.75
    """
    cases, values = _column(truth), np.asarray(scores, dtype=np.float64)
    if values.shape != cases.shape:
        raise BadValue(f"{cases.size} cases need as many scores, not {values.size}")
    known = ~np.isnan(values)
    cases, values = cases[known], values[known]
    if len(set(cases.tolist())) < 2:
        counts = f"{int(cases.sum())} high, {int((1 - cases).sum())} low"
        return missing(name, f"one class has no case: {counts}", n=cases.size, of="text")
    values = merge_ties(values)
    order = np.argsort(values, kind="stable")
    cases, values = cases[order], values[order]
    first = np.searchsorted(values, values, side="left")
    last = np.searchsorted(values, values, side="right")

    def ranked(weights: Array) -> Array:
        weights = weights[:, order]
        low, high = weights * (1 - cases), weights * cases
        below = np.pad(np.cumsum(low, axis=1), ((0, 0), (1, 0)))
        won = (high * (below[:, first] + below[:, last]) / 2).sum(axis=1)
        return quotient(won, high.sum(axis=1) * low.sum(axis=1), 1.0)

    known_groups = None if groups is None else [g for g, k in zip(groups, known, strict=True) if k]
    return _resampled(ranked, cases.size, known_groups, name, seed)


def floor_predictions(
    truth: ArrayLike, lengths: Sequence[float], *, seed: int = 0
) -> dict[str, Array]:
    """Predict without reading: the commoner class, a random one, or from length alone.

    `majority` gives the commoner class to all (1 if both are equally common); `chance` draws each
    case's class with the probability of its share; `length` gives each case the class whose other
    members' mean log length is nearer (the nearest centroid; Hastie, Tibshirani & Friedman 2009,
    Elements of Statistical Learning, §13.3), NaN where a class has no other member.

    Args:
        truth: 0 or 1, shape (n,).
        lengths: of each text, in words, n of them.
        seed: of `chance`.

    Raises:
        BadValue: a truth other than 0 and 1, or not one length per case.

    >>> floor_predictions([1, 1, 0], [10, 12, 3])["majority"]
    array([1., 1., 1.])
    """
    cases = _column(truth)
    if len(lengths) != cases.size:
        raise BadValue(f"{cases.size} cases need as many lengths, not {len(lengths)}")
    share = float(cases.mean()) if cases.size else 0.0
    random = np.random.default_rng(seed)
    return {
        "majority": np.full(cases.size, float(share >= 0.5)),
        "chance": (random.random(cases.size) < share).astype(np.float64),
        "length": _nearest(np.log1p(np.asarray(lengths, dtype=np.float64)), cases),
    }


def _nearest(values: Array, cases: Array) -> Array:
    """Return each case the class with the nearer mean, the case itself left out."""
    classes = np.full(cases.size, np.nan)
    for index in range(cases.size):
        others = np.arange(cases.size) != index
        groups = [values[others & (cases == side)] for side in (0, 1)]
        if all(group.size for group in groups):
            low, high = (abs(values[index] - group.mean()) for group in groups)
            classes[index] = float(high < low)
    return classes


def _scored(
    measure: Measure,
    tables: tuple[ArrayLike, ArrayLike, ArrayLike | None],
    groups: Sequence[object] | None,
    name: str,
    seed: int,
) -> Estimate:
    truth, *predictions = (_table(part) for part in tables if part is not None)
    for part in predictions:
        if part.shape != truth.shape:
            raise BadValue(f"predictions have the shape {part.shape}, the truth {truth.shape}")
    if not truth.size or np.isnan(truth).any():
        raise BadValue("every case has a true class, 0 or 1, and there is at least one case")
    statistics = [measure(truth, part) for part in predictions]

    def statistic(weights: Array) -> Array:
        first, *second = (weigh(weights) for weigh in statistics)
        return first - second[0] if second else first

    return _resampled(statistic, truth.shape[0], groups, name, seed)


def _resampled(
    statistic: Statistic, n: int, groups: Sequence[object] | None, name: str, seed: int
) -> Estimate:
    """Estimate a rate from n cases, resampled one by one or in whole groups."""
    if groups is None:
        return labelled(bootstrap(statistic, n, seed=seed), name, "text", "rate")
    if len(groups) != n:
        raise BadValue(f"{n} cases need as many groups, not {len(groups)}")
    estimate = cluster_bootstrap(statistic, groups, seed=seed)
    return labelled(estimate, name, "group", "rate", note=f"{n} texts")


def _f1(truth: Array, predicted: Array) -> Statistic:
    sides = [
        ((truth == side) & (predicted == side), truth == side, predicted == side) for side in (0, 1)
    ]
    parts = [tuple(p.astype(np.float64) for p in side) for side in sides]

    def weigh(weights: Array) -> Array:
        scores = []
        for hit, true_class, guess in parts:
            total = weights @ true_class + weights @ guess
            scores.append(
                np.where(total > 0, 2 * (weights @ hit) / np.where(total > 0, total, 1), 0)
            )
        return np.asarray(np.mean(scores, axis=(0, 2)))

    return weigh


def _hits(truth: Array, predicted: Array) -> Statistic:
    hit = (truth == predicted).mean(axis=1)
    return lambda weights: quotient(weights @ hit, weights.sum(axis=1), 1.0)


def _table(values: ArrayLike) -> Array:
    classes = np.asarray(values, dtype=np.float64)
    classes = classes[:, None] if classes.ndim == 1 else classes
    if classes.ndim != 2 or not np.isin(classes[~np.isnan(classes)], (0, 1)).all():
        raise BadValue("classes are 0 or 1, NaN for none, in one column a trait")
    return classes


def _column(values: ArrayLike) -> Array:
    classes = _table(values)
    if classes.shape[1] != 1 or np.isnan(classes).any():
        raise BadValue("one trait's true classes are needed, 0 or 1, without gaps")
    return classes[:, 0]


def weighted_f1(truth: Sequence[str], predicted: Sequence[str]) -> float:
    """Return the F1 of each true class, weighted by how often it is true; NaN without cases.

    A prediction that is no class, such as an unparsed reply, lowers recall alone: it costs less
    than a wrong one. Kept to compare with published figures; accuracy is the better measure.
    0..1; Σ over classes of n_c / n · 2 hits_c / (true_c + predicted_c). Source: scikit-learn's
    `f1_score(average="weighted")`.

    Args:
        truth: n class names.
        predicted: n names.

    >>> round(weighted_f1(["y", "y", "y", "n"], ["y", "n", "y", "n"]), 4)
    0.7667
    """
    if not truth:
        return float("nan")
    pairs = list(zip(truth, predicted, strict=True))
    total = 0.0
    for label in sorted(set(truth)):
        hits = sum(t == p == label for t, p in pairs)
        either = sum(t == label for t in truth) + sum(p == label for p in predicted)
        total += 2 * hits / either * sum(t == label for t in truth) / len(truth)
    return total
