"""Context sensitivity: does a statement in the context shift answers to others of its scale?

A flat profile cannot show that a respondent reads the items; its response to context can. Each pair
of opposite statements is weighed twice: with the positive and with the negative statement of the
scale's next pair asserted of the model in the system message. The two contexts share their topic
and most of their words, which therefore cancel in the difference; only the direction remains.
"""

from collections.abc import Sequence

import numpy as np

from personae.core import Choice, Chooser, Estimate, Inventory, Request, missing, say
from personae.measure.blank_question import per_token
from personae.measure.inventories.forms import wording
from personae.measure.inventories.statements import StatementPair, pair_texts, statement_pairs
from personae.stats.resample import mean

__all__ = ["context_sensitivity"]

_ASSERTION = "This is true of you: {}"


def context_sensitivity(model: Chooser, inventory: Inventory, *, seed: int = 0) -> Estimate:
    """Estimate how far statement pairs follow a statement of another pair, in nats per token.

    Mean over pairs of the contrast in the positive context minus that in the negative one, with a
    BCa interval; above 0 the model follows the direction of the context. Pairs without an answer
    are left out and counted. Missing where no scale has two pairs. Our own measure.
    """
    name = "context sensitivity of statement pairs"
    neighbours = [
        (pair, _after(pairs, index))
        for pairs in _by_scale(inventory)
        for index, pair in enumerate(pairs)
        if len(pairs) > 1
    ]
    if not neighbours:
        return missing(name, "no scale has two pairs of opposite items", n=0, of="pair")
    request = wording("plain")["request"]["user"]
    questions = [
        Request(
            chat=say(request, system=_ASSERTION.format(statement)),
            options=tuple((text,) for text in pair_texts(inventory, pair)),
        )
        for pair, neighbour in neighbours
        for statement in pair_texts(inventory, neighbour)
    ]
    contrasts = np.array([_contrast(choice) for choice in model.choose(questions)])
    with np.errstate(invalid="ignore"):
        shifts = contrasts[::2] - contrasts[1::2]
    shifts[~np.isfinite(shifts)] = np.nan
    return mean(shifts, name=name, of="pair", unit="nats/token", seed=seed)


def _by_scale(inventory: Inventory) -> list[list[StatementPair]]:
    pairs = statement_pairs(inventory)
    return [[pair for pair in pairs if pair.scale == scale] for scale in inventory.scales]


def _after(pairs: Sequence[StatementPair], index: int) -> StatementPair:
    return pairs[(index + 1) % len(pairs)]


def _contrast(choice: Choice) -> float:
    if choice.status != "ok":
        return float("nan")
    positive, negative = per_token(choice)
    return float(positive - negative)
