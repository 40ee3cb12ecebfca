"""What choices between actions say: trait scores, and whether they survive how they are put.

Scoring after TRAIT (Lee et al. 2024, arXiv 2406.14703): probabilities are averaged over the option
orders, the likeliest action decides the item. Departs in ties, which count half: a respondent that
answers by place alone scores 50, where the published rule lets it score 100. The published
definitions of the three sensitivities are short; ours stand in the docstrings.
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
    "Choices",
    "changed",
    "credits",
    "lay_out_choices",
    "order_sensitivity",
    "pole_difference",
    "trait_score",
]

TIE = 1e-6
"""Two probabilities closer than this are a tie."""


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """Action probabilities by form: arrays (items, orders, actions), high actions first.

    NaN where there is no answer; a reply that names an action gives it the probability 1.
    """

    items: tuple[str, ...]
    scales: tuple[str, ...]
    orders: tuple[str, ...]
    chances: dict[str, Array]

    def where(self, scale: str) -> "Choices":
        """Keep the items of one scale."""
        kept = [i for i, own in enumerate(self.scales) if own == scale]
        return replace(
            self,
            items=tuple(self.items[i] for i in kept),
            scales=(scale,) * len(kept),
            chances={form: p[kept] for form, p in self.chances.items()},
        )


def lay_out_choices(answers: Answers, actions: int = 4) -> Choices:
    """Lay answers to situations out; the columns `action` and `logp` are in stored order."""
    rows = answers.rows
    listed = rows.select("item", "scale").unique(maintain_order=True)
    items, scales = tuple(listed["item"]), tuple(listed["scale"])
    orders = tuple(rows["order"].unique(maintain_order=True))
    place = {item: i for i, item in enumerate(items)}
    chances = {}
    for (form,), part in rows.group_by(["form"], maintain_order=True):
        table = np.full((len(items), len(orders), actions), np.nan)
        for item, order, status, action, logp in part.select(
            "item", "order", "status", "action", "logp"
        ).rows():
            if status == "ok":
                one = np.eye(actions)[action] if logp is None else np.exp(logp)
                table[place[item], orders.index(order)] = one
        chances[str(form)] = table
    return Choices(items, scales, orders, chances)


def credits(chances: Array) -> Array:
    """Score items 1 (a high action is likeliest over all orders), 0, or 0.5 for a tie.

    NaN for an item that lacks an answer in some order: it would not be balanced.

    >>> forward, reverse = [0.6, 0.1, 0.2, 0.1], [0.3, 0.1, 0.5, 0.1]
    >>> credits(np.array([[forward, reverse]])).tolist()  # high .45, low .35
    [1.0]
    """
    averaged = chances.mean(axis=1)
    half = averaged.shape[-1] // 2
    lead = averaged[..., :half].max(axis=-1) - averaged[..., half:].max(axis=-1)
    tie = np.abs(lead) <= TIE
    return np.where(np.isnan(lead), np.nan, np.where(tie, 0.5, (lead > 0).astype(float)))


def trait_score(choices: Choices, name: str) -> Estimate:
    """Estimate the share, in 0..100, of situations in which a high action is preferred.

    The mean over forms of each item's credit; Wilson's interval over items; p of the sign test
    of items against 50. Undefined without an item that was answered in every order of a form.
    """
    found = np.stack([credits(p) for p in choices.chances.values()])
    known = ~np.isnan(found)
    answered = known.any(axis=0)
    if not answered.any():
        why = "no item was answered in all its orders"
        return missing(name, why, n=0, of="item", unit="of 100")
    total = np.where(known, found, 0.0).sum(axis=0)[answered]
    hits = total / known.sum(axis=0)[answered]
    share = rate(hits, name=name, of="item")
    test = sign_test(hits, np.full(hits.size, 0.5))
    return replace(
        share,
        value=100 * share.value,
        low=100 * share.low,
        high=100 * share.high,
        unit="of 100",
        p=test.p,
    )


def _picked(chances: Array) -> Array:
    """Give the likeliest action, NaN for a tie or where nothing was answered."""
    ordered = np.sort(chances, axis=-1)
    clear = ordered[..., -1] - ordered[..., -2] > TIE
    best = np.where(np.isnan(chances), -1.0, chances).argmax(axis=-1).astype(float)
    return np.where(clear, best, np.nan)


def order_sensitivity(choices: Choices, orders: Sequence[str] = ()) -> Estimate:
    """Estimate the rate at which the action chosen changes with the option order, over items.

    Mean over pairs of orders (of those named; all, if none) and over forms. An answer without a
    single likeliest action chooses nothing and is left out.
    """
    kept = [choices.orders.index(order) for order in orders or choices.orders]
    picks = [_picked(p[:, kept]) for p in choices.chances.values()]
    pairs = [(p[:, a], p[:, b]) for p in picks for a, b in combinations(range(len(kept)), 2)]
    return changed(pairs, "option order")


def changed(pairs: Sequence[tuple[Array, Array]], name: str, *, any_pair: bool = False) -> Estimate:
    """Estimate the rate at which two results of one item differ, over items; NaN is no result.

    An item counts with its share of differing pairs, or (`any_pair`) 1 if any pair differs.
    Undefined where no item has both results of a pair.
    """
    if not pairs:
        return missing(name, "only one way was asked", n=0, of="item", unit="rate")
    apart = np.stack(
        [np.where(np.isnan(a) | np.isnan(b), np.nan, (a != b).astype(float)) for a, b in pairs]
    )
    known = ~np.isnan(apart)
    answered = known.any(axis=0)
    if not answered.any():
        return missing(name, "no item has both results", n=0, of="item", unit="rate")
    total = np.where(known, apart, 0.0).sum(axis=0)[answered]
    share = np.minimum(total, 1.0) if any_pair else total / known.sum(axis=0)[answered]
    return rate(share, name=name, of="item")


def pole_difference(high: Choices, low: Choices, name: str, seed: int = 0) -> Estimate:
    """Estimate the score under a prompt for the high pole minus that for the low one, in points.

    Paired by item, BCa bootstrap over items. Undefined without an item answered under both.
    """
    if not high.chances or not low.chances:
        return missing(name, "nothing was asked", n=0, of="item", unit="points of 100")
    own = [credits(p) for p in high.chances.values()], [credits(p) for p in low.chances.values()]
    apart = 100 * (np.mean(own[0], axis=0) - np.mean(own[1], axis=0))
    return mean(apart, name=name, of="item", unit="points of 100", seed=seed)
