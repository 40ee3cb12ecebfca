"""A classifier's output relative to the class shares in its training set.

A classifier that ignores its input gives every text the training share; so a mean output says
something about texts only relative to that share. Log-odds relative to it are 0 for such a
classifier; the share of a class in new texts is estimated by EM (Saerens, Latinne & Decaestecker
2002, Neural Comput. 14).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from personae.core import Array, BadValue, Estimate, missing
from personae.stats.resample import cluster_bootstrap, labelled

__all__ = ["log_odds", "shifted_share"]

ROUNDS = 200
EDGE = 1e-6


def log_odds(probabilities: ArrayLike, share: float) -> Array:
    """Return the log-odds of class 1 beyond those of the training share, in nats.

    log(p / (1 − p)) − log(share / (1 − share)), p kept within 1e-6 of 0 and 1.

    Args:
        probabilities: a classifier's outputs, 0..1, any shape.
        share: class 1's share among the training cases, between 0 and 1.

    Source: Bayes' rule, as in Saerens, Latinne & Decaestecker (2002, Neural Comput. 14).

    Raises:
        BadValue: a share that isn't between 0 and 1, or outputs outside 0..1.

    >>> log_odds([0.743, 0.5], 0.743).round(3)
    array([ 0.   , -1.062])
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if not 0 < share < 1:
        raise BadValue(f"a training share lies between 0 and 1, not {share}")
    if ((p < 0) | (p > 1)).any():
        raise BadValue("a classifier's outputs are probabilities, 0..1")
    p = np.clip(p, EDGE, 1 - EDGE)
    return np.asarray(np.log(p / (1 - p)) - np.log(share / (1 - share)))


def shifted_share(
    probabilities: ArrayLike,
    share: float,
    groups: Sequence[object],
    *,
    name: str = "share high",
    of: str = "prompt",
    seed: int = 0,
) -> Estimate:
    """Estimate the share of class 1 among new texts (rate), whole groups resampled.

    Args:
        probabilities: a calibrated classifier's outputs, 0..1, shape (n,), NaN for none.
        share: class 1's share among the training texts.
        groups: what each of the n texts belongs to, such as its prompt.
        name: what the estimate is called.
        of: what a group is.
        seed: of the bootstrap.

    It assumes that texts of a class have the same distribution here as in training, which no
    statistic can check. Where a classifier hardly separates the classes, the interval is nearly
    0 to 1.
    Undefined without texts. Source: Saerens, Latinne & Decaestecker (2002, Neural Comput. 14).
    """
    p = np.asarray(probabilities, dtype=np.float64)
    known = ~np.isnan(p)
    if not known.any():
        return missing(name, "no text was read", n=0, of=of, unit="rate")
    ratio = np.exp(log_odds(p[known], share))
    known_groups = [group for group, ok in zip(groups, known, strict=True) if ok]

    def statistic(weights: Array) -> Array:
        total = weights.sum(axis=1)
        current = np.full(total.size, 0.5)
        for _ in range(ROUNDS):
            odds = ratio * (current / (1 - current))[:, None]
            expected = (weights * (odds / (1 + odds))).sum(axis=1)
            current = np.clip(expected / total, EDGE, 1 - EDGE)
        return np.where(total > 0, current, np.nan)

    estimate = cluster_bootstrap(statistic, known_groups, draws=500, seed=seed, kind="percentile")
    note = f"{int(known.sum())} texts"
    return labelled(estimate, name, of, "rate", test="EM for the class share", note=note)
