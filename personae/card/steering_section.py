"""The card's comparison of prompting with steering: effects, side effects and costs.

Steering adds the sum of the requested traits' vectors, each times its z units, at a block and
strength chosen on statements that are in no inventory, under a limit on damage. Prompted, steered
and both, the model then answers the same items. Effects are in the unit of the card's channel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan, nan

import numpy as np

from personae.card.analysis import MARGIN, ChannelScores
from personae.card.section import CardContext, Section
from personae.core import (
    BIG_FIVE,
    Answers,
    Array,
    Edit,
    Estimate,
    ForestFigure,
    Form,
    Heading,
    HeatmapFigure,
    Note,
    OpenModel,
    Part,
    Table,
    missing,
)
from personae.designs.steering_bench import repetition, shipped_bench
from personae.designs.steering_calibration import (
    Calibration,
    Scan,
    SweepPoint,
    calibrate,
    specificity,
)
from personae.induce.combined import combine
from personae.induce.steer.steer_inductions import SteerInduction
from personae.measure.inventories.administer_arms import administer_arms
from personae.measure.inventories.forms import fitting_wordings
from personae.report.build import (
    Row,
    ValueAxis,
    estimate_words,
    forest,
    heatmap,
    table,
    verdict,
    warning,
)
from personae.stats.resample import bootstrap, mean

__all__ = ["steering"]

TITLE = "Prompting or steering?"
WORDINGS = ("plain", "mpi")
STEER, BOTH = "steering", "both"


def steering(context: CardContext) -> Section:
    """Compare the main induction with steering and with both, on an open model."""
    goal = {t: z for t, z in context.persona.traits.items() if z and ":" not in t}
    goal = {t: z for t, z in goal.items() if t in context.tool.scales and t in BIG_FIVE}
    if not isinstance(context.model, OpenModel):
        why = f"Steering: not tried, as {context.model.name} is not an open model."
        return Section(parts=(Heading(TITLE), Note(why)))
    if not goal:
        why = "Steering: not tried, as the persona requests no Big Five domain."
        return Section(parts=(Heading(TITLE), Note(why)))
    middle = (context.model.anatomy.blocks // 2,) if context.quick else ()
    scan = Scan(blocks=middle, strengths=(1.0, 2.0, 4.0), nulls=20)
    calibration = calibrate(context.model, goal, scan, context.seed)
    if calibration.chosen is None:
        why = (
            "Steering: no block and strength moved the tuning statements towards the request "
            f"within the damage limit (perplexity +{scan.damage:.0%})."
        )
        return Section(parts=(Heading(TITLE), warning(why), _scan_table(calibration)))
    return _compared(context, context.model, calibration, calibration.chosen)


def _compared(
    context: CardContext, model: OpenModel, calibration: Calibration, point: SweepPoint
) -> Section:
    main = context.arm
    steer = SteerInduction(STEER, lambda *_: calibration.edits)
    both = combine(main, steer, name=BOTH)
    answers = administer_arms(model, [steer, both], context.persona, context.tool, _forms(context))
    prompted = context.scores.answers.rows
    shared = prompted["form"].is_in(answers.rows["form"].unique().to_list())
    scores = replace(
        context.scores, answers=Answers.concat([Answers(prompted.filter(shared)), answers])
    )
    arms = [main.name, STEER, BOTH]
    unedited, steered = _damage(model, calibration.edits)
    with main(model, context.persona) as carrier:
        induced, combined = _damage(carrier, calibration.edits)
    damage = dict(zip(arms, (induced, steered, combined), strict=True))
    cost = {name: _costs(measured, unedited, context.seed) for name, measured in damage.items()}
    parts: list[Part] = [
        Heading(TITLE),
        _verdict(scores, arms),
        _figure(scores, arms),
        _table(scores, calibration, point, cost),
        _scan_table(calibration),
        _specificity(specificity(model, point, calibration.vectors, context.seed)),
    ]
    return Section(parts=tuple(parts), answers=answers)


def _forms(context: CardContext) -> list[Form]:
    if context.channel == "statement":
        return [Form(wording=w, channel="statement") for w in WORDINGS]
    fitting = fitting_wordings(context.tool, WORDINGS)
    return [
        Form(wording=w, order=order, channel=context.channel, layout="options-first")
        for w, order in zip((fitting[0], fitting[-1]), ("forward", "reverse"), strict=True)
    ]


def _damage(model: OpenModel, edits: Sequence[Edit]) -> list[tuple[Array, Array]]:
    """Measure right answers (questions,) and repetition (prompts,), without edits and with them."""
    variants = [(), tuple(edits)]
    right = shipped_bench((), choices=12).measure(model, variants).right
    return list(zip(right, repetition(model, variants, tokens=24), strict=True))


def _costs(
    damage: tuple[Array, Array], control: tuple[Array, Array], seed: int
) -> tuple[Estimate, Estimate]:
    """Estimate the changes (shares) of right answers, and of repetition in replies."""
    changes = [values - base for values, base in zip(damage, control, strict=True)]
    right = mean(changes[0], name="right answers", of="question", unit="share", seed=seed)
    repeated = mean(changes[1], name="repetition", of="reply", unit="share", seed=seed)
    return right, repeated


def _verdict(scores: ChannelScores, names: Sequence[str]) -> Note:
    aligned = {name: scores.aligned(name) for name in names}
    known = [n for n in names if not isnan(aligned[n].value)]
    if len(known) < 2:
        return warning("Prompting or steering: too little was answered to compare them.")
    ordered = sorted(known, key=lambda n: -aligned[n].value)
    lead = scores.aligned(ordered[0], control=ordered[1])
    listed = ", ".join(f"{n} {_signed(aligned[n])}" for n in ordered)
    if lead.low > 0 and aligned[ordered[0]].low > 0:
        outcome = (
            f"{ordered[0]} moved the requested traits most, {_signed(lead)} beyond {ordered[1]}"
        )
    elif aligned[ordered[0]].low > 0:
        outcome = (
            f"no induction was shown to be best; {ordered[0]} leads {ordered[1]} by "
            f"{_signed(lead)}, which may be chance"
        )
    else:
        outcome = "no induction is shown to move the requested traits"
    return verdict(f"Prompting or steering: {outcome} (SD towards the request: {listed}).")


def _signed(estimate: Estimate) -> str:
    return estimate_words(estimate)


def _figure(scores: ChannelScores, names: Sequence[str]) -> ForestFigure:
    rows = [(n, "towards the request", scores.aligned(n)) for n in names]
    listed = "; ".join(f"{n} {_signed(e)} SD" for n, _, e in rows)
    for shifts in zip(*(scores.shifts(name) for name in names), strict=True):
        titled = zip(names, shifts, strict=True)
        rows += [(n, scores.tool.scales[s.scale], s.standard) for n, s in titled]
    return forest(
        "asking_or_steering",
        "Shift by prompting, steering and both",
        rows,
        ValueAxis("SD", 0.0, (-MARGIN, MARGIN)),
        alt=f"Towards the request: {listed}",
    )


def _table(
    scores: ChannelScores,
    calibration: Calibration,
    point: SweepPoint,
    cost: Mapping[str, tuple[Estimate, Estimate]],
) -> Table:
    prompting = next(iter(cost))
    rows = [
        {
            "induction": name,
            "towards the request (SD)": scores.aligned(name),
            "leak (SD)": _leak(scores, name),
            "perplexity": None if name == prompting else calibration.perplexity,
            "right answers": right,
            "repetition": repeated,
            **_stability_and_losses(scores, name),
        }
        for name, (right, repeated) in cost.items()
    ]
    effect = calibration.effect
    note = (
        f"Steered at block {point.block}, strength {point.strength:g} per z unit, chosen on other "
        f"statements; on held-out ones the shift is {effect}, p = {effect.p:.3f} by "
        f"rank among {len(calibration.nulls)} shuffled vectors of the same length. Leak: mean "
        "absolute shift of domains not requested, in SD; where all are requested, see the shifts "
        "under each trait's vector. Perplexity: ratio on neutral text, which is read without a "
        "chat and so without a prompt. Costs are changes from the unchanged model."
    )
    return table("steering", "Effects and costs by induction", rows, note)


def _stability_and_losses(scores: ChannelScores, arm: str) -> Row:
    """Count the requested traits by stability, and the answers that are missing."""
    traits = [s for s in scores.persona.traits if s in scores.tool.scales]
    outcomes = [scores.steadiness(arm, trait).verdict for trait in traits]
    status = scores.answers.where(arm=arm).rows["status"]
    return {
        "stable traits": f"{outcomes.count('stable')} of {len(outcomes)}",
        "unstable": outcomes.count("unstable"),
        "refused": int((status == "refused").sum()),
        "unparsed": int((status == "unparsed").sum()),
    }


def _leak(scores: ChannelScores, arm: str) -> Estimate:
    """Estimate the mean absolute shift (SD) of the domains not requested, over items."""
    groups = []
    for scale in scores.tool.scales:
        if not scores.requested(scale):
            cells = scores.cells(arm, scale)
            known = ~np.isnan(cells).all(axis=1)
            if known.any():
                groups.append(np.nanmean(cells[known], axis=1))
    if not groups:
        return missing("leak", "every domain was requested", n=0, of="item", unit="SD")
    ends = np.cumsum([len(g) for g in groups])[:-1]

    def absolute(weights: Array) -> Array:
        parts = np.split(weights, ends, axis=1)
        means = [w @ g / w.sum(axis=1) for w, g in zip(parts, groups, strict=True)]
        return np.asarray(np.mean(np.abs(means), axis=0))

    leak = bootstrap(absolute, [len(g) for g in groups], seed=scores.seed, kind="percentile")
    return replace(leak, name="leak", of="item", unit="SD", p=nan)


def _scan_table(calibration: Calibration) -> Table:
    rows: list[Row] = [
        {
            "block": p.block,
            "strength": p.strength,
            "shift (nats per token)": p.effect,
            "perplexity (ratio)": p.perplexity,
            "chosen": p == calibration.chosen,
        }
        for p in calibration.points
    ]
    note = "On the tuning statements, against strength 0. Beyond a peak, the effect falls again."
    return table("steering_scan", "Where and how strongly to steer", rows, note)


def _specificity(slopes: Mapping[str, Mapping[str, Estimate]]) -> HeatmapFigure:
    listed = "; ".join(
        f"{s} moves {t} by {estimate_words(e.value)}"
        for s, row in slopes.items()
        for t, e in row.items()
    )
    return heatmap(
        "specificity",
        "Shift of every trait under each trait's vector",
        {BIG_FIVE[s]: {BIG_FIVE[t]: e for t, e in row.items()} for s, row in slopes.items()},
        "nats per token",
        alt=f"Rows are steered by one z unit, columns measured. {listed}.",
    )
