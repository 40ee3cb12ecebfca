"""The shares of each option, and how far answers depend on the order of the options."""

from math import isnan

import numpy as np

from personae.core import Note, Table
from personae.report.build import Row, table, warning
from personae.stats.effects.effect_sizes import total_variation
from personae.studies.citizens.distance_tables import SurveyComparison
from personae.studies.citizens.survey import order_shares

__all__ = ["order_note", "shares_table"]

BY_POSITION = 0.25
"""Shift of the shares (total variation, 0..1) from which on answers follow an option's position."""


def order_note(comparison: SurveyComparison) -> Note:
    """Say how far the shares shift when the same options are listed in reverse."""
    widest = max(len(question.options) for question in comparison.survey.questions)
    forward, reverse = [], []
    for arm in comparison.arms:
        answers, respondents = comparison.of_arm(arm)
        for question in comparison.survey.questions:
            shares = order_shares(answers, question, respondents)
            padding = ((0, 0), (0, 0), (0, widest - shares.shape[2]))
            first, second = np.moveaxis(np.pad(shares, padding), 1, 0)
            forward.append(first)
            reverse.append(second)
    shift = total_variation(
        np.vstack(forward), np.vstack(reverse), of="answer", seed=comparison.seed
    )
    if isnan(shift.value):
        return Note(f"Option order: {shift}.")
    lead, average = "Reversing the options shifts the shares by", "on average (0 to 1)"
    if shift.value < BY_POSITION:
        return Note(f"{lead} {shift.value:.2f} {average}.")
    return warning(
        f"{lead} {shift.words('.2f', unit=average)}: answers largely follow the options' "
        "positions, and their mean over both orders says little about the question."
    )


def shares_table(comparison: SurveyComparison) -> Table:
    """Tabulate the mean shares of each question's options by arm, beside the people's."""
    rows: list[Row] = []
    for question in comparison.survey.questions:
        answered = {arm: comparison.answered_shares(question, arm) for arm in comparison.arms}
        for index, option in enumerate(question.options):
            by_arm: Row = {
                arm: float(shares[:, index].mean()) if len(shares) else None
                for arm, shares in answered.items()
            }
            people = question.shares[index] if question.shares else None
            rows.append({"question": question.id, "option": option, "people": people, **by_arm})
    return table("shares", "Shares of the options", rows)
