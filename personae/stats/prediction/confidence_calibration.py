"""Calibration: does stated confidence match the rate of right answers?"""

import numpy as np
from numpy.typing import ArrayLike

from personae.core import Array, BadValue, Estimate, missing
from personae.stats.resample import DRAWS, bootstrap, labelled, mean

__all__ = ["brier_score", "calibration_error"]

BINS = 10


def calibration_error(
    confidence: ArrayLike,
    correct: ArrayLike,
    *,
    name: str = "calibration error",
    of: str = "question",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate the expected calibration error, 0..1, over ten bins of equal width.

    Bins are open below and closed above, the first closed at both ends, so that every confidence
    falls into one. The error of a finite sample is biased upwards: with few questions compare it
    with that of a calibrated respondent. The percentile interval is biased with it: of an error of
    0.2 it covers 94 %, of 0.05 it covers 97, 80 and 14 % with 1,000, 200 and 50 questions, and it
    never reaches down to the 0 of perfect calibration.

    Args:
        confidence: stated, 0..1, shape (n,).
        correct: 0, 1 or a probability of being right, shape (n,).
        name: what the estimate is called.
        of: what a question is.
        seed: of the bootstrap over questions.
        draws: bootstrap draws.

    Undefined without questions. Source: Naeini, Cooper & Hauskrecht (2015, AAAI).

    Raises:
        BadValue: values outside 0..1, or not as many of one as of the other.

    >>> round(calibration_error([1, 0.8, 0.8, 0, 0.5], [1, 1, 0, 0, 1]).value, 3)
    0.22
    """
    stated, right = _checked(confidence, correct)
    if not stated.size:
        return missing(name, "no question was answered", n=0, of=of)
    bin_of = np.clip(np.ceil(stated * BINS - 1e-9).astype(int) - 1, 0, BINS - 1)
    inside = (bin_of[:, None] == np.arange(BINS)).astype(np.float64)
    gaps = inside * (stated - right)[:, None]

    def error(weights: Array) -> Array:
        mean_gap: Array = np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1)
        return mean_gap

    estimate = bootstrap(error, stated.size, draws=draws, seed=seed, kind="percentile")
    return labelled(estimate, name, of, test=f"ten bins, biased upwards with few {of}s")


def brier_score(
    confidence: ArrayLike,
    correct: ArrayLike,
    *,
    name: str = "Brier score",
    of: str = "question",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate the mean squared difference of confidence and correctness, 0..1.

    Args, undefined cases and errors as `calibration_error`: shapes (n,); BCa interval. Source:
    Brier (1950, Mon. Weather Rev. 78).

    >>> round(brier_score([1, 0.8, 0.8, 0, 0.5], [1, 1, 0, 0, 1]).value, 3)
    0.186
    """
    stated, right = _checked(confidence, correct)
    return mean((stated - right) ** 2, name=name, of=of, unit="", seed=seed, draws=draws)


def _checked(confidence: ArrayLike, correct: ArrayLike) -> tuple[Array, Array]:
    stated, right = np.asarray(confidence, np.float64), np.asarray(correct, np.float64)
    inside = all(np.isfinite(v).all() and ((v >= 0) & (v <= 1)).all() for v in (stated, right))
    if stated.shape != right.shape or stated.ndim != 1 or not inside:
        raise BadValue(
            "calibration compares as many confidences as answers, each in 0..1 and none missing"
        )
    return stated, right
