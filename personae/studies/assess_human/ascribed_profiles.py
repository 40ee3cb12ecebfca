"""What answers about a subject ascribe to it: percentages by run, by scale, and the type.

The type is named as by Rao, Leung & Miao 2023 (arXiv 2303.01248), who leave the scoring to a web
site; the percentage is our own, linear in the mean keyed answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan

import numpy as np

from personae.core import Answers, Array, Estimate
from personae.stats.arrays import row_means
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.effects.proportions import rate
from personae.stats.scores.scales import item_matrix

__all__ = ["Judgements", "ascribed", "neither_rate", "run_percents", "type_letters"]

NEITHER = 4.0
"""The middle of the seven options, "neither correct nor wrong"."""
LEAST_ANSWERED = 0.8
"""Share of a scale's items that a run must answer for its percentage to be given."""


@dataclass(frozen=True, slots=True, eq=False)
class Judgements:
    """Answers about one subject, with permuted options and with options in a fixed order."""

    subject: str
    permuted: Answers
    fixed: Answers


def run_percents(answers: Answers, scales: Iterable[str]) -> Array:
    """Return the mean keyed answer of each run and scale as a percentage of the way from 1 to 7.

    100 (mean - 1) / 6. Source: our own; the published scores come from a web site whose formula is
    not known.

    Args:
        answers: answers from wrong (1) to correct (7), where a run is a repeat.
        scales: the scales' codes.

    Returns:
        Percentages, shape (runs, scales): 50 for "neither", 100 for the high pole throughout; NaN
        where a run answered less than 80 % of a scale's items.
    """
    columns = []
    for scale in scales:
        cells, _, _ = item_matrix(answers.where(scale=scale), ("repeat",))
        enough = (~np.isnan(cells)).mean(axis=1) >= LEAST_ANSWERED
        columns.append(np.where(enough, 100 * (row_means(cells) - 1) / 6, np.nan))
    return np.column_stack(columns)


def ascribed(answers: Answers, scale: str, seed: int) -> Estimate:
    """Estimate the mean percentage over a scale's items, each averaged over runs.

    In 0..100, 50 for "neither" throughout. BCa interval over items (Efron 1987); p against 50 by
    sign flips (Fisher 1935). Undefined without answers.
    """
    scores, _, _ = item_matrix(answers.where(scale=scale), ("arm",))
    shift = paired_permutation(
        100 * (scores.ravel() - NEITHER) / 6, name=scale, unit="%", seed=seed
    )
    return replace(shift, value=shift.value + 50, low=shift.low + 50, high=shift.high + 50)


def neither_rate(answers: Answers) -> Estimate:
    """Estimate the share, 0..1, of answers that say "neither", with Wilson's interval (1927).

    Undefined without answers.
    """
    values = answers.rows["value"].drop_nulls().to_numpy()
    return rate((values == NEITHER).astype(float), name="neither", of="answer")


def type_letters(profile: Sequence[Estimate], scales: Mapping[str, str]) -> str:
    """Name the type by the published rule: the high pole from 50 % on.

    "?" stands for an unknown percentage; "-" for an inventory whose scales name no letters.

    Args:
        profile: the percentage of each scale, 0..100.
        scales: code -> title; a code of two letters names the low pole, then the high one.
    """
    if any(len(code) != 2 for code in scales):
        return "-"
    return "".join(
        "?" if isnan(e.value) else code[1] if e.value >= 50 else code[0]
        for code, e in zip(scales, profile, strict=True)
    )
