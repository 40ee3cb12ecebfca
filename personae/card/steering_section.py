"""The card's comparison of asking with steering: what each did, to what else, and at what cost.

Steering adds the sum of the requested traits' vectors, each times its z units, at a block and
strength chosen on statements that are in no inventory, under a limit of damage. Words, edits and
both then answer the same items. Effects are likelihoods or points as the card's channel gives them.
"""

from collections.abc import Mapping, Sequence
from math import isnan

import numpy as np

from personae.card.analysis import MARGIN, ChannelScores
from personae.card.section import CardContext, Section
from personae.core import (
    BIG_FIVE,
    Answers,
    Array,
    Cell,
    Edit,
    Estimate,
    Figure,
    Form,
    Heading,
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
from personae.report.render.figure_json import figure_from_data
from personae.stats.resample import bootstrap, mean

__all__ = ["steering"]

TITLE = "Asking or steering?"
WORDINGS = ("plain", "mpi")
STEER, BOTH = "steering", "both"


def steering(setting: CardContext) -> Section:
    """Compare the main induction with steering and with both, on an open model."""
    goal = {t: z for t, z in setting.persona.traits.items() if z and ":" not in t}
    goal = {t: z for t, z in goal.items() if t in setting.tool.scales and t in BIG_FIVE}
    if not isinstance(setting.model, OpenModel):
        why = f"Steering: {setting.model.name} can't be opened, so nothing inside it was changed."
        return Section(parts=(Heading(TITLE), Note(why)))
    if not goal:
        why = "Steering: the persona requests no Big Five domain that could be steered towards."
        return Section(parts=(Heading(TITLE), Note(why)))
    middle = (setting.model.anatomy.blocks // 2,) if setting.quick else ()
    scan = Scan(blocks=middle, strengths=(1.0, 2.0, 4.0), nulls=20)
    found = calibrate(setting.model, goal, scan, setting.seed)
    if found.chosen is None:
        why = (
            "Steering: no block and strength moved the tuning statements towards the request "
            f"within the damage limit (perplexity +{scan.damage:.0%})."
        )
        return Section(parts=(Heading(TITLE), Note(why, "warning"), _scan_table(found)))
    return _compared(setting, setting.model, found, found.chosen)


def _compared(
    setting: CardContext, model: OpenModel, found: Calibration, point: SweepPoint
) -> Section:
    main = setting.arm
    steer = SteerInduction(STEER, lambda *_: found.edits)
    both = combine(main, steer, name=BOTH)
    answers = administer_arms(model, [steer, both], setting.persona, setting.tool, _forms(setting))
    before = setting.answers.rows
    asked = before["form"].is_in(answers.rows["form"].unique().to_list())
    reading = ChannelScores(
        tool=setting.tool,
        persona=setting.persona,
        seed=setting.seed,
        answers=Answers.concat([Answers(before.filter(asked)), answers]),
    )
    arms = [main.name, STEER, BOTH]
    with_none, steered = _damage(model, found.edits)
    with main(model, setting.persona) as carrier:
        asked_for, with_both = _damage(carrier, found.edits)
    damage = dict(zip(arms, (asked_for, steered, with_both), strict=True))
    cost = {name: _costs(own, with_none, setting.seed) for name, own in damage.items()}
    parts: list[Part] = [
        Heading(TITLE),
        _verdict(reading, arms),
        _figure(reading, arms),
        _table(reading, found, point, cost),
        _scan_table(found),
        *_specificity(specificity(model, point, found.vectors, setting.seed)),
    ]
    return Section(parts=tuple(parts), answers=answers)


def _forms(setting: CardContext) -> list[Form]:
    if setting.channel == "statement":
        return [Form(wording=w, channel="statement") for w in WORDINGS]
    return [
        Form(wording=w, order=order, channel=setting.channel, layout="options-first")
        for w, order in zip(WORDINGS, ("forward", "reverse"), strict=True)
    ]


def _damage(model: OpenModel, edits: Sequence[Edit]) -> list[tuple[Array, Array]]:
    """Measure right answers (questions,) and repetition (prompts,), without edits and with them."""
    variants = [(), tuple(edits)]
    right = shipped_bench((), choices=12).measure(model, variants).right
    return list(zip(right, repetition(model, variants, tokens=24), strict=True))


def _costs(
    own: tuple[Array, Array], none: tuple[Array, Array], seed: int
) -> tuple[Estimate, Estimate]:
    right = mean(own[0] - none[0], name="right answers", of="question", unit="share", seed=seed)
    again = mean(own[1] - none[1], name="repetition", of="reply", unit="share", seed=seed)
    return right, again


def _verdict(reading: ChannelScores, names: Sequence[str]) -> Note:
    aligned = {name: reading.aligned(name) for name in names}
    known = [n for n in names if not isnan(aligned[n].value)]
    if len(known) < 2:
        return Note("Asking or steering: too little was answered to compare them.", "warning")
    ordered = sorted(known, key=lambda n: -aligned[n].value)
    lead = reading.aligned(ordered[0], control=ordered[1])
    told = ", ".join(f"{n} {_signed(aligned[n])}" for n in ordered)
    if lead.low > 0 and aligned[ordered[0]].low > 0:
        says = f"{ordered[0]} moved the requested traits most, {_signed(lead)} beyond {ordered[1]}"
    elif aligned[ordered[0]].low > 0:
        says = (
            f"no way did clearly best; {ordered[0]} leads {ordered[1]} by {_signed(lead)}, which "
            "may be chance"
        )
    else:
        says = "no way is shown to move the requested traits"
    return Note(f"Asking or steering: {says} (SD towards the request: {told}).", "verdict")


def _signed(e: Estimate) -> str:
    return "unknown" if isnan(e.value) else f"{e.value:+.2f} [{e.low:+.2f}, {e.high:+.2f}]"


def _figure(reading: ChannelScores, names: Sequence[str]) -> Figure:
    aligned = {name: reading.aligned(name) for name in names}
    rows = [{"name": n, "group": "towards the request", "estimate": aligned[n]} for n in names]
    by_trait = zip(*(reading.shifts(name) for name in names), strict=True)
    rows += [
        {"name": n, "group": reading.tool.scales[s.scale], "estimate": s.standard}
        for shifts in by_trait
        for n, s in zip(names, shifts, strict=True)
    ]
    return figure_from_data(
        name="asking_or_steering",
        title="Shift by asking, steering and both",
        kind="intervals",
        data={"unit": "SD", "reference": 0.0, "band": [-MARGIN, MARGIN], "rows": rows},
        alt="Towards the request: " + "; ".join(f"{n} {_signed(aligned[n])} SD" for n in names),
    )


def _table(
    reading: ChannelScores,
    found: Calibration,
    point: SweepPoint,
    cost: Mapping[str, tuple[Estimate, Estimate]],
) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, (right, again) in cost.items():
        held = [
            reading.steadiness(name, s).verdict
            for s in reading.persona.traits
            if s in reading.tool.scales
        ]
        inside = name != next(iter(cost))
        rows.append(
            (
                name,
                reading.aligned(name),
                _leak(reading, name),
                found.perplexity if inside else None,
                right,
                again,
                f"{held.count('stable')} of {len(held)}",
                held.count("unstable"),
                *_coverage(reading.answers.where(arm=name)),
            )
        )
    note = (
        f"Steered at block {point.block}, strength {point.strength:g} per z unit, chosen on other "
        f"statements; on held-out ones the shift is {found.effect}, p = {found.effect.p:.3f} by "
        f"rank among {len(found.nulls)} shuffled vectors of the same length. Leak: mean absolute "
        "shift of domains not asked for, in SD; where all are asked for, the map of each "
        "trait's vector alone shows what it drags along. Perplexity: ratio on neutral text, "
        "which is read without a chat and so without the words. Costs are against the model "
        "as it is."
    )
    columns = (
        "way",
        "towards the request (SD)",
        "leak (SD)",
        "perplexity",
        "right answers",
        "repetition",
        "stable traits",
        "unstable",
        "refused",
        "unparsed",
    )
    return Table(
        name="steering",
        title="What each way did, and what it cost",
        columns=columns,
        rows=tuple(rows),
        note=note,
    )


def _coverage(answers: Answers) -> tuple[int, int]:
    status = answers.rows["status"]
    return int((status == "refused").sum()), int((status == "unparsed").sum())


def _leak(reading: ChannelScores, arm: str) -> Estimate:
    """Estimate the mean absolute shift of the domains that weren't asked for, over items."""
    groups = []
    for scale in reading.tool.scales:
        if not reading.asked(scale):
            cells = reading.cells(arm, scale)
            known = ~np.isnan(cells).all(axis=1)
            if known.any():
                groups.append(np.nanmean(cells[known], axis=1))
    if not groups:
        return missing("leak", "every domain was asked for", n=0, of="item", unit="SD")
    ends = np.cumsum([len(g) for g in groups])[:-1]

    def absolute(weights: Array) -> Array:
        parts = np.split(weights, ends, axis=1)
        means = [w @ g / w.sum(axis=1) for w, g in zip(parts, groups, strict=True)]
        return np.asarray(np.mean(np.abs(means), axis=0))

    found = bootstrap(absolute, [len(g) for g in groups], seed=reading.seed, kind="percentile")
    return Estimate(
        name="leak",
        value=found.value,
        low=found.low,
        high=found.high,
        n=found.n,
        of="item",
        unit="SD",
        why_missing=found.why_missing,
        method=found.method,
    )


def _scan_table(found: Calibration) -> Table:
    rows = tuple(
        (p.block, p.strength, p.effect, p.perplexity, p == found.chosen) for p in found.points
    )
    note = "On the tuning statements, against strength 0. Too strong a push turns back on itself."
    columns = ("block", "strength", "shift (nats a token)", "perplexity (ratio)", "chosen")
    return Table(
        name="steering_scan",
        title="Where and how strongly to steer",
        columns=columns,
        rows=rows,
        note=note,
    )


def _specificity(found: Mapping[str, Mapping[str, Estimate]]) -> list[Part]:
    traits = list(next(iter(found.values()), {}))
    values = [[own[t] for t in traits] for own in found.values()]
    told = "; ".join(
        f"{s} moves {t} by {e.value:+.2f}" for s, own in found.items() for t, e in own.items()
    )
    return [
        figure_from_data(
            name="specificity",
            title="What one trait's vector does to the others",
            kind="heatmap",
            data={
                "rows": [BIG_FIVE[s] for s in found],
                "columns": [BIG_FIVE[t] for t in traits],
                "values": values,
                "unit": "nats a token",
            },
            alt=f"Rows are steered by one z unit, columns measured. {told}.",
        )
    ]
