"""Trait steering: at which block and strength it works, what it costs, what else it moves.

System   Personae's own calibration of steering
Paper    Rimsky et al. 2024, ACL (arXiv:2312.06681); Zou et al. 2023 (arXiv:2310.01405)
Asks     Does adding a trait's vector move what the model says of itself, beyond vectors that mean
         nothing, at what damage, how specifically, and does an inventory show it?
Differs  block and strength are chosen under a limit of damage and judged on statements that chose
         neither; the nulls are the same pairs with sides swapped at random, orthogonal to the
         vector and as long as it, where random directions are too easy to beat; strengths are
         shown past the point at which the effect turns back; all domains are measured
Version  1
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from personae.core import (
    BIG_FIVE,
    CONTROL,
    Answers,
    Array,
    Cell,
    Edit,
    Estimate,
    Figure,
    Form,
    Heading,
    Inventory,
    Note,
    OpenModel,
    Part,
    Report,
    Site,
    Table,
    load_inventory,
    require_white_box,
)
from personae.designs.steering_bench import Measured, shipped_bench
from personae.designs.steering_calibration import (
    HELD_OUT,
    Calibration,
    Scan,
    calibrate,
    specificity,
)
from personae.induce.steer.contrasts import trait_vectors
from personae.induce.steer.steered import Steered
from personae.measure.inventories.administer import administer
from personae.report.render.figure_json import figure_from_data
from personae.stats.effects.contrast import arm_shift
from personae.stats.resample import mean

__all__ = ["steering"]

QUICK = (1.0, 2.0, 4.0, 8.0)
WHOLE = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
UP, DOWN = "steered up", "steered down"
UNIT = "nats a token"


def steering(
    model: OpenModel,
    trait: Literal["O", "C", "E", "A", "N"] = "E",
    inventory: str = "ipip-neo-120",
    damage: float = 0.1,
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Trait steering: at which block and strength it works, what it costs, what else it moves.

    Args:
        model: who is steered; its activations are read and changed.
        trait: the Big Five domain that is steered towards.
        inventory: Big Five inventory whose items, by likelihood of statements, show the effect.
        damage: most that the perplexity of neutral text may grow by, as a share.
        seed: seed of nulls and intervals.
        quick: three blocks, four strengths, 20 nulls, eight items a domain.
    """
    subject = require_white_box(model, "the study of steering")
    scan = _scan(subject.anatomy.blocks, damage, quick)
    found = calibrate(subject, {trait: 1.0}, scan, seed)
    tool = load_inventory(inventory)
    tool = tool.few(8) if quick else tool
    answers = _asked(subject, found, tool)
    return Report(
        title=f"Steering {BIG_FIVE[trait]}: {subject.name}",
        parts=(
            _verdict(found, scan),
            Heading("Where and how strongly"),
            _effects(found, scan),
            *_curve(subject, trait, found, scan, seed),
            Heading("On statements that chose nothing"),
            _judged(found),
            *_specific(subject, found, seed),
            Heading(f"By inventory: {tool.name}"),
            *_inventory(answers, tool, trait, seed),
        ),
        answers=answers,
    )


def _scan(depth: int, damage: float, quick: bool) -> Scan:
    eighths = (3, 4, 5) if quick else (1, 2, 3, 4, 5, 6, 7)
    blocks = tuple(dict.fromkeys(depth * k // 8 for k in eighths))
    strengths = QUICK if quick else WHOLE
    return Scan(blocks=blocks, strengths=strengths, damage=damage, nulls=20 if quick else 100)


def _verdict(found: Calibration, scan: Scan) -> Note:
    point = found.chosen
    if point is None:
        return Note(
            "Steering: no block and strength moved the tuning statements towards the trait within "
            f"the damage limit (perplexity +{scan.damage:.0%}).",
            "verdict",
        )
    effect, rank = found.effect, found.effect.p
    shown = effect.low > 0 and rank <= 0.05
    says = "moves" if shown else "is not shown to move"
    return Note(
        f"Steering at block {point.block}, strength {point.strength:g}, {says} held-out statements "
        f"towards the trait: {effect.value:+.3f} {UNIT} [{effect.low:+.3f}, {effect.high:+.3f}], "
        f"p = {rank:.3f} by rank among {len(found.nulls)} shuffled vectors of the same length (the "
        f"least possible is {1 / (1 + len(found.nulls)):.3f}). Perplexity of neutral text times "
        f"{found.perplexity.value:.2f}.",
        "verdict",
    )


def _effects(found: Calibration, scan: Scan) -> Figure:
    at = {(p.block, p.strength): p.effect for p in found.points}
    values = [[at[b, s] for s in scan.strengths] for b in scan.blocks]
    best = max(found.points, key=lambda p: p.effect)
    return figure_from_data(
        name="scan",
        title="Shift of the tuning statements",
        kind="heatmap",
        data={
            "rows": [f"block {b}" for b in scan.blocks],
            "columns": [f"{s:g}" for s in scan.strengths],
            "values": values,
            "unit": UNIT,
        },
        alt=f"Rows are blocks, columns strengths. The largest shift, {best.effect:+.3f} {UNIT}, is "
        f"at block {best.block}, strength {best.strength:g}, whatever the damage.",
    )


def _curve(model: OpenModel, trait: str, found: Calibration, scan: Scan, seed: int) -> list[Part]:
    """Show effect and damage at every strength, both ways, at the chosen block or the best."""
    point = found.chosen or max(found.points, key=lambda p: p.effect)
    site = Site(point.block)
    vector = trait_vectors(model, [trait], [site], seed=seed)[trait].by_site[site]
    strengths = (*(-s for s in reversed(scan.strengths)), 0.0, *scan.strengths)
    bench = shipped_bench((trait,), HELD_OUT, texts=6)
    measured = bench.measure(model, [(Edit(site, vector, s),) for s in strengths])
    none = strengths.index(0.0)
    effects = [
        _mean(row, "shift", "pair", seed)
        for row in measured.contrasts[trait] - measured.contrasts[trait][none]
    ]
    growth = [_mean(row, "growth", "text", seed) for row in measured.nats - measured.nats[none]]
    figures = [
        figure_from_data(
            name=name,
            title=f"{title} by strength, block {point.block}",
            kind="lines",
            data={
                "x": list(strengths),
                "x_label": "strength",
                "y_label": UNIT,
                "reference": 0.0,
                "series": [
                    {
                        "name": title,
                        "y": [e.value for e in curve],
                        "low": [e.low for e in curve],
                        "high": [e.high for e in curve],
                    }
                ],
            },
            alt=f"{title}: "
            + ", ".join(f"{e.value:+.2f} at {s:g}" for s, e in zip(strengths, curve, strict=True)),
        )
        for name, title, curve in (
            ("effect", "Shift of held-out statements", effects),
            ("damage", "Growth of neutral text's nats", growth),
        )
    ]
    return [*figures, _turn(measured, trait, strengths)]


def _mean(values: Array, name: str, of: str, seed: int) -> Estimate:
    return mean(values, name=name, of=of, unit=UNIT, seed=seed)


def _turn(measured: Measured, trait: str, strengths: Sequence[float]) -> Note:
    """Say whether the effect comes back as the strength grows."""
    shifts = (measured.contrasts[trait] - measured.contrasts[trait][strengths.index(0.0)]).mean(1)
    up = [(s, float(e)) for s, e in zip(strengths, shifts, strict=True) if s > 0]
    peak, most = max(up, key=lambda pair: pair[1])
    last, end = up[-1]
    if most <= 0:
        return Note("No strength moves the held-out statements towards the trait.")
    if peak == last:
        return Note(f"The effect still grows at strength {last:g}: no turning point in the scan.")
    return Note(
        f"The effect turns back: {most:+.3f} {UNIT} at strength {peak:g}, {end:+.3f} at {last:g}."
    )


def _judged(found: Calibration) -> Table:
    nulls = found.nulls
    rows: list[tuple[Cell, ...]] = [
        ("shift towards the trait", found.effect),
        ("perplexity of neutral text, ratio", found.perplexity),
        ("easy questions answered right, change", found.accuracy),
    ]
    if len(nulls):
        rows += [
            ("rank p among the nulls", found.effect.p),
            ("nulls: how many", len(nulls)),
            ("nulls: mean shift", float(nulls.mean())),
            ("nulls: 95th percentile", float(np.quantile(nulls, 0.95))),
            ("nulls: largest shift", float(nulls.max())),
        ]
    note = (
        f"Shifts in {UNIT}, against strength 0. Nulls are mean differences of the same pairs of "
        "descriptions with half of the sides swapped at random, made orthogonal to the vector and "
        "as long as it, at the same block and strength."
    )
    return Table(
        name="held_out",
        title="The chosen point",
        columns=("what", "value"),
        rows=tuple(rows),
        note=note,
    )


def _specific(model: OpenModel, found: Calibration, seed: int) -> list[Part]:
    """Steer towards every domain at the chosen point, and show what each moves."""
    point = found.chosen
    if point is None:
        return [Note("Specificity: nothing was chosen, so nothing could be moved along.")]
    site = Site(point.block)
    made = trait_vectors(model, tuple(BIG_FIVE), [site], seed=seed)
    moved = specificity(
        model, point, {t: np.asarray(v.by_site[site], float) for t, v in made.items()}, seed
    )
    rows: list[tuple[Cell, ...]] = [(BIG_FIVE[s], *own.values()) for s, own in moved.items()]
    told = "; ".join(
        f"{s} moves " + ", ".join(f"{t} {e.value:+.2f}" for t, e in own.items())
        for s, own in moved.items()
    )
    figure = figure_from_data(
        name="specificity",
        title="What each trait's vector does to the others",
        kind="heatmap",
        data={
            "rows": [BIG_FIVE[s] for s in moved],
            "columns": list(BIG_FIVE.values()),
            "values": [list(own.values()) for own in moved.values()],
            "unit": UNIT,
        },
        alt=f"Rows are steered, columns measured. {told}.",
    )
    note = f"{UNIT.capitalize()} by which the high statement became likelier; held-out statements."
    table = Table(
        name="specificity",
        title="What each trait's vector does to the others",
        columns=("steered", *BIG_FIVE.values()),
        rows=tuple(rows),
        note=note,
    )
    return [figure, table]


def _asked(model: OpenModel, found: Calibration, tool: Inventory) -> Answers:
    """Give the inventory to the model as it is and steered both ways; its items chose nothing."""
    form = Form(wording="plain", channel="statement")
    arms: dict[str, OpenModel] = {CONTROL: model}
    if found.edits:
        edit = found.edits[0]
        arms[UP] = Steered(model, found.edits)
        arms[DOWN] = Steered(model, [Edit(edit.site, edit.vector, -edit.strength)])
    sheets = [
        administer(who, tool, form).tag(arm=arm, respondent=model.name) for arm, who in arms.items()
    ]
    return Answers.concat(sheets)


def _inventory(answers: Answers, tool: Inventory, trait: str, seed: int) -> list[Part]:
    counted = answers.missing(by=("arm",))
    coverage = Table(
        name="coverage",
        title="Answers by status",
        columns=tuple(counted.columns),
        rows=tuple(counted.rows()),
        note="Nothing is imputed.",
    )
    shifts = {
        arm: [arm_shift(answers.where(scale=s), (CONTROL, arm), s, seed=seed) for s in tool.scales]
        for arm in (UP, DOWN)
        if arm in set(answers.rows["arm"])
    }
    if not shifts:
        why = "Inventory: nothing was chosen, so only the model as it is was asked."
        return [Note(why), coverage]
    rows = [
        {"name": arm, "group": tool.scales[e.name], "estimate": e}
        for arm, found in shifts.items()
        for e in found
    ]
    own = {arm: next((e for e in found if e.name == trait), None) for arm, found in shifts.items()}
    told = "; ".join(
        f"{arm} {e.value:+.3f} [{e.low:+.3f}, {e.high:+.3f}]" for arm, e in own.items() if e
    )
    unit = next(iter(shifts.values()))[0].unit
    figure = figure_from_data(
        name="inventory",
        title="Shift of inventory scores",
        kind="intervals",
        data={"unit": unit, "reference": 0.0, "rows": rows},
        alt=f"The steered trait: {told or 'not in this inventory'}.",
    )
    table = Table(
        name="inventory",
        title="Shift of inventory scores",
        columns=("arm", *tool.scales.values()),
        rows=tuple((arm, *found) for arm, found in shifts.items()),
        note=f"Keyed items by likelihood of statements, {unit}, against the model as it is.",
    )
    says = f"Inventory, {unit}: {told}." if told else "Inventory: it has no scale of this trait."
    return [Note(says, "verdict"), figure, table, coverage]
