"""The effect of an induction: the same items in the same forms, with it and without it.

Each item is its own control in each administration (form, option order, repeat), so that the
position pull and acquiescence that both arms share cancel in the difference.
"""

from dataclasses import replace

import numpy as np

from personae.core import Answers, Array, Estimate, missing
from personae.stats.arrays import row_means
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.scores.scales import Use, item_matrix
from personae.stats.two_level import two_level_mean

__all__ = ["arm_shift", "paired_cells"]

ADMINISTRATION = ("form", "order", "repeat")


def paired_cells(
    answers: Answers,
    arms: tuple[str, str],
    use: Use = "expected",
) -> tuple[Array, list[str], list[tuple[str | int, ...]]]:
    """Return keyed scores of the second arm minus those of the first, by item and administration.

    Args:
        answers: of both arms, all in one unit.
        arms: the arm that is subtracted, then the one it is subtracted from.
        use: the option chosen, or the mean over the option probabilities.

    Returns:
        The differences, shape (items, administrations), in the answers' unit, NaN where either
        arm has no answer; the item ids; the administrations (form, order, repeat). Both are in
        order of first appearance in the first arm.

    Source: the keying rule of `keyed` (Johnson 2014, J. Research in Personality 51).
    """
    tables = [item_matrix(answers.where(arm=arm), ADMINISTRATION, use) for arm in arms]
    (control, labels, items), (treated, labels_t, items_t) = tables
    cells = np.full((len(items), len(labels)), np.nan)
    row = {item: i for i, item in enumerate(items_t)}
    column = {label: i for i, label in enumerate(labels_t)}
    for i, item in enumerate(items):
        for j, label in enumerate(labels):
            if item in row and label in column:
                cells[i, j] = treated[column[label], row[item]] - control[j, i]
    return cells, items, labels


def arm_shift(
    answers: Answers,
    arms: tuple[str, str],
    name: str,
    *,
    use: Use = "expected",
    seed: int = 0,
) -> Estimate:
    """Estimate the mean change of keyed item scores from the first arm to the second.

    The interval is that of `two_level_mean` over items and administrations (Owen 2007, Ann. Appl.
    Stat. 1); p is the paired sign-flip test of `paired_permutation` (Fisher 1935) over items, each
    averaged over its administrations.

    Args:
        answers: of both arms, in one channel and to the items of one scale or facet.
        arms: the control arm, then the treated one.
        name: what the estimate is called; its unit is that of the answers.
        use: the option chosen, or the mean over the option probabilities.
        seed: of resampling and sign flips.

    Undefined where no item was answered in both arms.
    """
    cells, _, _ = paired_cells(answers, arms, use)
    units = answers.rows["unit"].unique().to_list()
    unit = units[0] if len(units) == 1 else ""
    known = ~np.isnan(cells)
    answered = known.any(axis=1) if cells.size else np.zeros(0, dtype=bool)
    if not answered.any():
        return missing(name, "no item was answered in both arms", n=0, of="item", unit=unit)
    estimate = two_level_mean(cells, name=name, of="item", unit=unit, seed=seed)
    test = paired_permutation(row_means(cells[answered]), seed=seed)
    return replace(estimate, p=test.p)
