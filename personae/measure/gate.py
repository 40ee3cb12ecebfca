"""The content gate: in which channels does a model read the items? It precedes every score.

Small models choose lettered options by position, and the result looks like a calm profile. The
model without persona is therefore given opposite items in two option orders. It passes the
channels `label` and `option` if opposite items get opposite answers (r > 0 after mirroring one of
them), if answers are stable when the options are reversed (r > 0), and if the items' means differ,
both in points (SD > 0.1) and as a share of variance beside that of the order (share > 0). It passes
the channel `statement` if the contrasts of pairs agree between wordings and listings (r > 0,
share > 0) and depend on the scales: either pairs within a scale are more alike than pairs of
different scales (Kruskal-Wallis, p < .025), or, for a model with a flat profile of its own, pairs
follow a statement in the context (`context_sensitivity`). All checks but Kruskal-Wallis use the
lower limit of the 95 % interval. The order of channels and the limits are fixed in advance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import isnan

import numpy as np

from personae.core import (
    Answers,
    Array,
    Channel,
    Chooser,
    Estimate,
    Form,
    Inventory,
    Part,
    missing,
)
from personae.measure.inventories.administer import administer
from personae.measure.inventories.context_sensitivity import context_sensitivity
from personae.measure.inventories.statements import StatementPair, statement_pairs
from personae.report.build import Row, table
from personae.stats.agreement import pearson
from personae.stats.effects.ranks import kruskal
from personae.stats.resample import bootstrap
from personae.stats.scores.scales import item_matrix
from personae.stats.scores.variance_shares import variance_shares

__all__ = ["CHANNEL_ORDER", "ChannelCheck", "GateResult", "content_gate"]

CHANNEL_ORDER: tuple[Channel, ...] = ("label", "option", "statement")
LEAST_SPREAD = 0.1
"""SD in points. Item means that differ less are one answer given many times."""
WORDINGS = ("plain", "mpi", "whois")
_WEIGHED: Mapping[Channel, str] = {
    "label": "the options' letters",
    "option": "the options' texts",
    "statement": "opposite statements",
}
"""What a channel weighs, in words."""

Check = tuple[Estimate, str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelCheck:
    """One channel's checks: for each its estimate, its limit in words, and whether it holds.

    All of `checks` must hold, and at least one of `either`, if there are any. `answered`: whether
    any question was, as a server can't be asked in every channel.
    """

    channel: Channel
    checks: tuple[Check, ...]
    either: tuple[Check, ...] = ()
    answered: bool = True

    @property
    def passed(self) -> bool:
        """Whether the model reads the items in this channel."""
        one_of_either = any(holds for _, _, holds in self.either) or not self.either
        return one_of_either and all(holds for _, _, holds in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GateResult:
    """The gate's result: the checks by channel, and the answers they rest on (arm `unchanged`)."""

    checks: tuple[ChannelCheck, ...]
    answers: Answers

    @property
    def main(self) -> Channel | None:
        """The first channel, in the order fixed in advance, in which the model reads the items."""
        return next((c.channel for c in self.checks if c.passed), None)

    @property
    def channel(self) -> Channel:
        """The channel to ask in: the main one, else the last one that was answered at all."""
        answered = [c.channel for c in self.checks if c.answered] or list(CHANNEL_ORDER)
        return self.main or answered[-1]

    @property
    def sentence(self) -> str:
        """The result in one sentence, for the first line of a report."""
        failed = [c.channel for c in self.checks if not c.passed]
        if self.main is None:
            asked = [c.channel for c in self.checks if c.answered]
            unanswered = [c.channel for c in self.checks if not c.answered]
            rest = f"; nothing was answered by {' or '.join(unanswered)}" if unanswered else ""
            return (
                "This model does not show that it reads the items in any channel "
                f"({', '.join(asked or failed)}{rest if asked else ''}): no score below describes "
                "a personality."
            )
        earlier = failed[: CHANNEL_ORDER.index(self.main)]
        result = (
            f"Scores come from weighing {_WEIGHED[self.main]} (channel {self.main}), where the "
            "model reads the items."
        )
        if not earlier:
            return result
        return f"{result} It does not read them in the channel {' or '.join(earlier)}."

    def parts(self) -> list[Part]:
        """Tabulate the checks of every channel."""
        rows: list[Row] = [
            {
                "channel": check.channel,
                "check": estimate.name,
                "estimate": estimate,
                "p": estimate.p,
                "must be": limit,
                "holds": holds,
                "channel passes": check.passed,
            }
            for check in self.checks
            for estimate, limit, holds in (*check.checks, *check.either)
        ]
        note = (
            "Asked of the model without persona. A channel passes if all its checks hold; of those "
            'marked "or", one is enough.'
        )
        return [table("gate", "Content gate", rows, note)]


def content_gate(
    model: Chooser, inventory: Inventory, *, pairs_per_scale: int = 6, seed: int = 0
) -> GateResult:
    """Check every channel on opposite items: up to `pairs_per_scale` pairs a scale, in order.

    Our own criteria, as the head of this module states them. `seed` is that of all resampling.

    Raises:
        InputError: the inventory has no texts, or no two items of a scale are opposite.
    """
    pairs = statement_pairs(inventory)
    selected_pairs = [
        pair
        for scale in inventory.scales
        for pair in [p for p in pairs if p.scale == scale][:pairs_per_scale]
    ]
    subset, opposites = _opposites(inventory, selected_pairs)
    checks, answers = [], []
    for channel in CHANNEL_ORDER:
        if channel == "statement":
            channel_answers = _statements(model, inventory)
            required, alike = _statement_checks(channel_answers, seed)
            either = [alike]
            if all(holds for *_, holds in required) and not alike[-1]:
                sensitivity = context_sensitivity(model, inventory, seed=seed)
                either.append((sensitivity, "or > 0", sensitivity.low > 0))
        else:
            channel_answers, either = _both_orders(model, subset, channel), []
            required = _option_checks(channel_answers, subset, opposites, seed)
        answered = "ok" in set(channel_answers.rows["status"])
        checks.append(
            ChannelCheck(channel=channel, checks=required, either=tuple(either), answered=answered)
        )
        answers.append(channel_answers)
    return GateResult(checks=tuple(checks), answers=Answers.concat(answers))


def _opposites(
    inventory: Inventory, pairs: Sequence[StatementPair]
) -> tuple[Inventory, list[tuple[str, str]]]:
    """Select the pairs' items; the mirrored twin of a bipolar item gets an id of its own."""
    items, ids = [], []
    for pair in pairs:
        twin = pair.negative
        if twin.id == pair.positive.id:
            twin = replace(twin, id=f"{twin.id}~")
        items += [pair.positive, twin]
        ids.append((pair.positive.id, twin.id))
    return replace(inventory, items=tuple(items)), ids


def _both_orders(model: Chooser, subset: Inventory, channel: Channel) -> Answers:
    forms = [Form(channel=channel, order=o, layout="options-first") for o in ("forward", "reverse")]
    return Answers.concat([administer(model, subset, form) for form in forms])


def _statements(model: Chooser, inventory: Inventory) -> Answers:
    orders = ("forward", "reverse", "forward")  # the listing alternates with the wording
    forms = [
        Form(wording=w, channel="statement", order=o) for w, o in zip(WORDINGS, orders, strict=True)
    ]
    return Answers.concat([administer(model, inventory, form) for form in forms])


def _option_checks(
    answers: Answers, subset: Inventory, opposites: Sequence[tuple[str, str]], seed: int
) -> tuple[Check, ...]:
    matrix, _, items = item_matrix(answers, ("order",), "expected", raw=True)
    index = {item: i for i, item in enumerate(items)}
    means = _means(matrix)
    positive = np.array([means[index[p]] for p, _ in opposites])
    negative = np.array([means[index[n]] for _, n in opposites])
    opposite = pearson(
        positive,
        subset.low + subset.high - negative,
        name="opposite items, opposite answers",
        of="pair",
    )
    stable = pearson(matrix[0], matrix[-1], name="same answer in both orders", of="item")
    spread, share = _spread(means, seed), _share(matrix, "item", seed)
    return (
        (opposite, "r > 0", opposite.low > 0),
        (stable, "r > 0", stable.low > 0),
        (spread, f"SD > {LEAST_SPREAD}", spread.low > LEAST_SPREAD),
        (share, "share > 0", share.low > 0),
    )


def _means(matrix: Array) -> Array:
    known = ~np.isnan(matrix)
    total = np.where(known, matrix, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _share(matrix: Array, unit: str, seed: int) -> Estimate:
    """Estimate the share of the answers' variance due to content, beside order and residual."""
    name = f"share of variance due to {unit}s"
    if np.isnan(matrix).all():
        return missing(name, "nothing was answered", n=0, of=unit)
    asking, content = np.indices(matrix.shape)
    factors = {unit: list(content.ravel()), "asking": list(asking.ravel())}
    shares = variance_shares(matrix.ravel(), factors, of="answer", seed=seed)
    return replace(shares[0], name=name)


def _spread(means: Array, seed: int) -> Estimate:
    """Estimate the SD of item means, in points, over items."""
    x = means[~np.isnan(means)]
    name = "items differ"
    if x.size < 3:
        return missing(name, "fewer than three items were answered", n=x.size, of="item")
    centred = x - x.mean()

    def sd(weights: Array) -> Array:
        total = weights.sum(axis=1)
        shift = weights @ centred / total
        return np.asarray(np.sqrt(np.maximum(weights @ centred**2 / total - shift**2, 0.0)))

    return replace(bootstrap(sd, x.size, seed=seed), name=name, of="item", unit="points")


def _statement_checks(answers: Answers, seed: int) -> tuple[tuple[Check, ...], Check]:
    matrix, _, items = item_matrix(answers, ("form",), "expected")
    scale = dict(answers.rows.select("item", "scale").unique().rows())
    means = _means(matrix)
    known = [i for i in range(len(items)) if not isnan(means[i])]
    worst, share = _least_alike(matrix), _share(matrix, "pair", seed)
    groups: dict[str, list[float]] = {}
    for i in known:
        groups.setdefault(scale[items[i]], []).append(float(means[i]))
    name = "pairs of one scale are alike"
    if len(groups) < 2:
        alike = missing(name, "fewer than two scales were answered", n=len(groups), of="scale")
    else:
        alike = replace(kruskal(list(groups.values()), seed=seed), name=name)
    required = ((worst, "r > 0", worst.low > 0), (share, "share > 0", share.low > 0))
    return required, (alike, "or p < .025", alike.p < 0.025)


def _least_alike(matrix: Array) -> Estimate:
    """Return the lowest correlation of pair contrasts between two wordings."""
    name = "same contrast in every wording"
    if len(matrix) < 2:
        return missing(name, "fewer than two wordings were answered", n=0, of="pair")
    correlations = [pearson(a, b, name=name, of="pair") for a, b in combinations(matrix, 2)]
    undefined = [e for e in correlations if isnan(e.low)]
    return undefined[0] if undefined else min(correlations, key=lambda e: e.low)
