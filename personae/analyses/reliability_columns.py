"""Reliability of a scale over respondents, as columns of a table."""

from personae.core import Array, Estimate, missing
from personae.stats.scores.factor_models import omega_total
from personae.stats.scores.reliability import (
    alpha,
    lambda6,
    reliable_change,
    sem,
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
    return {
        "alpha": alpha(matrix, seed=seed),
        "standardized alpha": standardized_alpha(matrix, seed=seed),
        "omega": omega_total(matrix, seed=seed),
        "lambda 6": _lambda6(matrix, seed),
        "split-half": split_half(matrix, seed=seed),
        "SEM": sem(matrix, seed=seed),
        "reliable change": reliable_change(matrix, seed=seed),
    }


def _lambda6(matrix: Array, seed: int) -> Estimate:
    """Estimate Guttman's λ6 where there are enough respondents to regress each item on the others.

    Undefined below five respondents per item. Source: Guttman (1945, Psychometrika 10).
    """
    respondents, items = matrix.shape
    if respondents < RESPONDENTS_PER_ITEM * items:
        why = (
            f"needs {RESPONDENTS_PER_ITEM} respondents per item, here {respondents} for {items} "
            "items"
        )
        return missing("Guttman lambda 6", why, n=respondents, of="respondent")
    return lambda6(matrix, seed=seed)
