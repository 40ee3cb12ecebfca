"""Does what is said of one item move another of the same scale?

A respondent without a profile of its own can't show by its profile that it reads; what it is told
can. Each pair of opposite statements is weighed twice: after the positive, and after the negative
statement of the scale's next pair has been said to be true of the model. Both speak of the same
thing, so that what they share in words and topic cancels, and only their direction is left.
"""

from collections.abc import Sequence

import numpy as np

from personae.core import Choice, Chooser, Estimate, Inventory, Request, missing, say
from personae.measure.blank_question import per_token
from personae.measure.inventories.forms import wording
from personae.measure.inventories.statements import StatementPair, pair_texts, statement_pairs
from personae.stats.resample import mean

__all__ = ["context_sensitivity"]

_SAID = "This is true of you: {}"


def context_sensitivity(model: Chooser, inventory: Inventory, *, seed: int = 0) -> Estimate:
    """Estimate how far opposite statements follow what was said of another pair, in nats a token.

    Mean over pairs of the contrast after the positive statement minus that after the negative
    one, with a BCa interval; above 0 the model takes the direction of what is said. Pairs that
    lack an answer are left out and counted. Undefined where no scale has two pairs.
    """
    name = "what is said of one pair moves the next"
    asked = [
        (pair, _after(pairs, at))
        for pairs in _by_scale(inventory)
        for at, pair in enumerate(pairs)
        if len(pairs) > 1
    ]
    if not asked:
        return missing(name, "no scale has two pairs of opposite items", n=0, of="pair")
    request = wording("plain")["request"]["user"]
    questions = [
        Request(
            chat=say(request, system=_SAID.format(said)),
            options=tuple((text,) for text in pair_texts(inventory, pair)),
        )
        for pair, other in asked
        for said in pair_texts(inventory, other)
    ]
    contrasts = np.array([_contrast(choice) for choice in model.choose(questions)])
    with np.errstate(invalid="ignore"):
        moved = contrasts[::2] - contrasts[1::2]
    moved[~np.isfinite(moved)] = np.nan
    return mean(moved, name=name, of="pair", unit="nats/token", seed=seed)


def _by_scale(inventory: Inventory) -> list[list[StatementPair]]:
    pairs = statement_pairs(inventory)
    return [[pair for pair in pairs if pair.scale == scale] for scale in inventory.scales]


def _after(pairs: Sequence[StatementPair], at: int) -> StatementPair:
    return pairs[(at + 1) % len(pairs)]


def _contrast(choice: Choice) -> float:
    if choice.status != "ok":
        return float("nan")
    positive, negative = per_token(choice)
    return float(positive - negative)
