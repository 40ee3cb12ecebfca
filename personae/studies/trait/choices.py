"""Scores from choices between actions, and their sensitivity to the form of a question.

Scoring after TRAIT (Lee et al. 2024, arXiv 2406.14703): probabilities are averaged over the option
orders, and the likeliest action decides the item. Unlike there, ties count half: a respondent that
answers by position alone scores 50, where the published rule can give it 100. The paper defines
its three sensitivities briefly; the definitions used here are in the docstrings.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from personae.core import Answers, Array, Estimate, missing
from personae.stats.effects.proportions import rate
from personae.stats.effects.ranks import sign_test
from personae.stats.resample import mean

__all__ = [
    "LEAST_MASS",
    "Choices",
    "change_rate",
    "item_credits",
    "lay_out_choices",
    "order_sensitivity",
    "pole_difference",
    "trait_score",
]

LEAST_MASS = 0.5
"""If the labels' median probability is below this, whole options are weighed instead."""
TIE = 1e-6
"""Probabilities closer than this are tied."""


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """Probabilities of actions by form.

    Args:
        items: the items' ids.
        scales: the scale of each item.
        orders: the option orders that were asked.
        chances: form -> probabilities, shape (items, orders, actions), 0..1, high actions first.
            NaN where there is no answer; a reply that names an action gives it the probability 1.
    """

    items: tuple[str, ...]
    scales: tuple[str, ...]
    orders: tuple[str, ...]
    chances: dict[str, Array]

    def where(self, scale: str) -> "Choices":
        """Keep the items of one scale."""
        rows = [i for i, own in enumerate(self.scales) if own == scale]
        return replace(
            self,
            items=tuple(self.items[i] for i in rows),
            scales=(scale,) * len(rows),
            chances={form: p[rows] for form, p in self.chances.items()},
        )


def lay_out_choices(answers: Answers, actions: int = 4) -> Choices:
    """Arrange answers to situations as probabilities by form, item, option order and action.

    Args:
        answers: answers of `ask_bank`; `action` and `logp` are in the stored order of actions.
        actions: the number of actions an item has.
    """
    rows = answers.rows
    listed = rows.select("item", "scale").unique(maintain_order=True)
    items, scales = tuple(listed["item"]), tuple(listed["scale"])
    orders = tuple(rows["order"].unique(maintain_order=True))
    index = {item: i for i, item in enumerate(items)}
    chances = {}
    for (form,), part in rows.group_by(["form"], maintain_order=True):
        table = np.full((len(items), len(orders), actions), np.nan)
        for item, order, status, action, logp in part.select(
            "item", "order", "status", "action", "logp"
        ).rows():
            if status == "ok":
                row = np.eye(actions)[action] if logp is None else np.exp(logp)
                table[index[item], orders.index(order)] = row
        chances[str(form)] = table
    return Choices(items, scales, orders, chances)


def item_credits(chances: Array) -> Array:
    """Score each item 1 if a high action is likeliest over all orders, 0 if not, 0.5 for a tie.

    After Lee et al. 2024 (arXiv 2406.14703), but for ties.

    Args:
        chances: probabilities, shape (..., orders, actions), high actions first.

    Returns:
        Credits, shape (...); NaN for an item that lacks an answer in some order, since the other
        orders alone aren't balanced.

    >>> forward, reverse = [0.6, 0.1, 0.2, 0.1], [0.3, 0.1, 0.5, 0.1]
    >>> item_credits(np.array([[forward, reverse]])).tolist()  # high .45, low .35
    [1.0]
    """
    averaged = chances.mean(axis=-2)
    half = averaged.shape[-1] // 2
    lead = averaged[..., :half].max(axis=-1) - averaged[..., half:].max(axis=-1)
    tie = np.abs(lead) <= TIE
    return np.where(np.isnan(lead), np.nan, np.where(tie, 0.5, (lead > 0).astype(float)))


def trait_score(choices: Choices, name: str) -> Estimate:
    """Estimate the share, 0..100, of situations in which a high action is preferred.

    The mean over items of each item's credit, itself averaged over forms (Lee et al. 2024, arXiv
    2406.14703); Wilson's interval over items, and p of the sign test of items against 50.
    Undefined where no item was answered in every order of a form.
    """
    credit = np.stack([item_credits(p) for p in choices.chances.values()])
    shares = _item_means(credit)
    if not shares.size:
        why = "no item was answered in all its orders"
        return missing(name, why, n=0, of="item", unit="of 100")
    share = rate(shares, name=name, of="item")
    test = sign_test(shares, np.full(shares.size, 0.5))
    return replace(
        share,
        value=100 * share.value,
        low=100 * share.low,
        high=100 * share.high,
        unit="of 100",
        p=test.p,
    )


def _item_means(values: Array) -> Array:
    """Average (repetitions, items) over known values; items without any are left out."""
    known = ~np.isnan(values)
    answered = known.any(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)[answered]
    return np.asarray(total / known.sum(axis=0)[answered])


def _likeliest(chances: Array) -> Array:
    """Give the likeliest action, NaN for a tie or where nothing was answered."""
    ordered = np.sort(chances, axis=-1)
    clear = ordered[..., -1] - ordered[..., -2] > TIE
    best = np.where(np.isnan(chances), -1.0, chances).argmax(axis=-1).astype(float)
    return np.where(clear, best, np.nan)


def order_sensitivity(choices: Choices, orders: Sequence[str] = ()) -> Estimate:
    """Estimate the rate, 0..1, at which the chosen action changes with the option order.

    Mean over pairs of orders (of those named; of all, if none) and over forms; the interval is
    over items. After the option-order sensitivity of Lee et al. 2024 (arXiv 2406.14703). Answers
    without a single likeliest action are left out.
    """
    columns = [choices.orders.index(order) for order in orders or choices.orders]
    picks = [_likeliest(p[:, columns]) for p in choices.chances.values()]
    pairs = [(p[:, a], p[:, b]) for p in picks for a, b in combinations(range(len(columns)), 2)]
    return change_rate(pairs, "option order")


def change_rate(
    pairs: Sequence[tuple[Array, Array]], name: str, *, any_pair: bool = False
) -> Estimate:
    """Estimate the rate, 0..1, at which two results of the same item differ, over items.

    After the prompt and paraphrase sensitivities of Lee et al. 2024 (arXiv 2406.14703).

    Args:
        pairs: two results by item, each of shape (items,); NaN where there is none.
        name: the estimate's name.
        any_pair: count an item as 1 if any of its pairs differs, instead of the share that differ.

    Undefined without a pair, and where no item has both results of one.
    """
    if not pairs:
        return missing(name, "only one form was asked", n=0, of="item", unit="rate")
    differs = np.stack(
        [np.where(np.isnan(a) | np.isnan(b), np.nan, (a != b).astype(float)) for a, b in pairs]
    )
    shares = _item_means(differs)
    if not shares.size:
        return missing(name, "no item has both results", n=0, of="item", unit="rate")
    return rate((shares > 0).astype(float) if any_pair else shares, name=name, of="item")


def pole_difference(high: Choices, low: Choices, name: str, seed: int = 0) -> Estimate:
    """Estimate the score under the high pole's prompt minus that under the low one's, in points.

    The mean over items of the paired differences of credits, averaged over forms, times 100; BCa
    bootstrap over items (Efron 1987). Undefined without an item answered under both prompts.
    """
    if not high.chances or not low.chances:
        return missing(name, "nothing was asked", n=0, of="item", unit="points of 100")
    above, below = (
        np.mean([item_credits(p) for p in side.chances.values()], axis=0) for side in (high, low)
    )
    return mean(100 * (above - below), name=name, of="item", unit="points of 100", seed=seed)
