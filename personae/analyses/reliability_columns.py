"""Reliability of a scale over respondents, as columns of a table."""

from personae.core import Array, Estimate, missing
from personae.stats.moments import Moments, scale_moments
from personae.stats.scores.factor_models import omega_total
from personae.stats.scores.measurement_error import reliable_change, sem
from personae.stats.scores.reliability import (
    alpha,
    lambda6,
    split_half,
    standardized_alpha,
)

__all__ = ["reliability_columns"]

RESPONDENTS_PER_ITEM = 5
"""Respondents per item below which lambda 6 is not estimated."""


def reliability_columns(matrix: Array, seed: int) -> dict[str, Estimate]:
    """Estimate the reliabilities of a scale, its SEM and the reliable change, by column head.

    Args:
        matrix: keyed answers, shape (respondents, items), NaN for missing.
        seed: seed of the bootstrap over respondents.
    """
    moments = scale_moments(("scale", "respondent"), matrix, seed=seed)
    scores = matrix if isinstance(moments, Estimate) else moments
    return {
        "alpha": alpha(scores, seed=seed),
        "standardized alpha": standardized_alpha(scores, seed=seed),
        "omega": omega_total(scores, seed=seed),
        "lambda 6": _lambda6(scores, matrix.shape, seed),
        "split-half": split_half(scores, seed=seed),
        "SEM": sem(matrix),
        "reliable change": reliable_change(matrix),
    }


def _lambda6(scores: Array | Moments, shape: tuple[int, ...], seed: int) -> Estimate:
    """Estimate Guttman's λ6 where there are enough respondents to regress each item on the others.

    Undefined below five respondents per item. Source: Guttman (1945, Psychometrika 10).
    """
    respondents, items = shape
    if respondents < RESPONDENTS_PER_ITEM * items:
        why = (
            f"needs {RESPONDENTS_PER_ITEM} respondents per item, here {respondents} for {items} "
            "items"
        )
        return missing("Guttman lambda 6", why, n=respondents, of="respondent")
    return lambda6(scores, seed=seed)
