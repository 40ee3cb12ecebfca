"""Trait steering: at which block and strength it works, at what cost, with which side effects.

System   Personae's own calibration of steering
Paper    Rimsky et al. 2024, ACL (arXiv:2312.06681); Zou et al. 2023 (arXiv:2310.01405)
Asks     Does adding a trait's vector move what the model says of itself, beyond meaningless
         vectors, at what damage, how specifically, and does an inventory show it?
Differs  block and strength are chosen under a damage limit and tested on held-out statements; the
         nulls are vectors of the same pairs with sides swapped at random, orthogonal to the vector
         and of the same length, since random directions are too easy to beat; strengths are shown
         past the peak of the effect; all domains are measured
Version  1
"""

from typing import Literal

import numpy as np

from personae.core import (
    BIG_FIVE,
    CONTROL,
    Answers,
    Edit,
    Form,
    Heading,
    HeatmapFigure,
    Inventory,
    Note,
    OpenModel,
    Report,
    Table,
    load_inventory,
    require_white_box,
)
from personae.designs.steering_calibration import Calibration, Scan, calibrate
from personae.induce.steer.steered import Steered
from personae.measure.inventories.administer import administer
from personae.report.build import Row, coverage, heatmap, table, verdict
from personae.studies.steering.steering_effects import (
    DOWN,
    UNIT,
    UP,
    dose_response_parts,
    inventory_parts,
    specificity_parts,
)

__all__ = ["steering"]

QUICK_STRENGTHS = (1.0, 2.0, 4.0, 8.0)
STRENGTHS = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
Trait = Literal["O", "C", "E", "A", "N"]


def steering(
    model: OpenModel,
    trait: Trait = "E",
    inventory: str = "ipip-neo-120",
    damage: float = 0.1,
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Trait steering: at which block and strength it works, at what cost, with which side effects.

    Args:
        model: who is steered; its activations are read and changed.
        trait: the Big Five domain that is steered towards.
        inventory: Big Five inventory whose items, by likelihood of statements, show the effect.
        damage: most that the perplexity of neutral text may grow by, as a share.
        seed: seed of nulls and intervals.
        quick: three blocks, four strengths, 20 nulls, eight items a domain.
    """
    subject = require_white_box(model, "the study of steering")
    scan = _scan(subject.anatomy.blocks, damage, quick=quick)
    calibration = calibrate(subject, {trait: 1.0}, scan, seed)
    items = load_inventory(inventory)
    items = items.few(8) if quick else items
    answers = _inventory_answers(subject, calibration, items)
    return Report(
        title=f"Steering {BIG_FIVE[trait]}: {subject.name}",
        parts=(
            _verdict(calibration, scan),
            Heading("Block and strength"),
            _scan_figure(calibration, scan),
            *dose_response_parts(subject, trait, calibration, scan, seed),
            Heading("Held-out statements"),
            _held_out_table(calibration),
            *specificity_parts(subject, calibration, seed),
            Heading(f"By inventory: {items.name}"),
            *inventory_parts(answers, items, trait, seed),
            coverage(
                answers, ("arm",), "Nothing is imputed.", title="Answers by status", name="coverage"
            ),
        ),
        answers=answers,
    )


def _scan(depth: int, damage: float, *, quick: bool) -> Scan:
    """Lay out the scan: blocks at eighths of the depth, strengths, nulls."""
    eighths = (3, 4, 5) if quick else (1, 2, 3, 4, 5, 6, 7)
    return Scan(
        blocks=tuple(dict.fromkeys(depth * k // 8 for k in eighths)),
        strengths=QUICK_STRENGTHS if quick else STRENGTHS,
        damage=damage,
        nulls=20 if quick else 100,
    )


def _verdict(calibration: Calibration, scan: Scan) -> Note:
    point, effect, nulls = calibration.chosen, calibration.effect, len(calibration.nulls)
    if point is None:
        return verdict(
            "Steering: no block and strength moved the tuning statements towards the trait within "
            f"the damage limit (perplexity +{scan.damage:.0%})."
        )
    shown = effect.low > 0 and effect.p <= 0.05
    return verdict(
        f"Steering at block {point.block}, strength {point.strength:g}, "
        f"{'moves' if shown else 'is not shown to move'} held-out statements towards the trait: "
        f"{effect.words('+.3f', unit=UNIT)}, p = {effect.p:.3f} by rank among {nulls} shuffled "
        f"vectors of the same length (the least possible is {1 / (1 + nulls):.3f}). "
        f"Perplexity of neutral text times {calibration.perplexity.value:.2f}."
    )


def _scan_figure(calibration: Calibration, scan: Scan) -> HeatmapFigure:
    """Draw the shift of the tuning statements by block and strength."""
    effects = {(p.block, p.strength): p.effect for p in calibration.points}
    best = max(calibration.points, key=lambda p: p.effect)
    return heatmap(
        "scan",
        "Shift of the tuning statements",
        {
            f"block {block}": {f"{s:g}": effects[block, s] for s in scan.strengths}
            for block in scan.blocks
        },
        UNIT,
        alt=f"Rows are blocks, columns strengths. The largest shift, {best.effect:+.3f} {UNIT}, is "
        f"at block {best.block}, strength {best.strength:g}, whatever the damage.",
    )


def _held_out_table(calibration: Calibration) -> Table:
    nulls = calibration.nulls
    rows: list[Row] = [
        {"what": "shift towards the trait", "value": calibration.effect},
        {"what": "perplexity of neutral text, ratio", "value": calibration.perplexity},
        {"what": "easy questions answered right, change", "value": calibration.accuracy},
    ]
    if len(nulls):
        rows += [
            {"what": "rank p among the nulls", "value": calibration.effect.p},
            {"what": "nulls: how many", "value": len(nulls)},
            {"what": "nulls: mean shift", "value": float(nulls.mean())},
            {"what": "nulls: 95th percentile", "value": float(np.quantile(nulls, 0.95))},
            {"what": "nulls: largest shift", "value": float(nulls.max())},
        ]
    note = (
        f"Shifts in {UNIT}, against strength 0. Nulls are mean differences of the same pairs of "
        "descriptions with half of the sides swapped at random, made orthogonal to the vector and "
        "scaled to its length, at the same block and strength."
    )
    return table("held_out", "The chosen point", rows, note)


def _inventory_answers(model: OpenModel, calibration: Calibration, items: Inventory) -> Answers:
    """Administer the inventory without steering and steered both ways; its items chose nothing."""
    form = Form(wording="plain", channel="statement")
    arms: dict[str, OpenModel] = {CONTROL: model}
    if calibration.edits:
        edit = calibration.edits[0]
        arms[UP] = Steered(model, calibration.edits)
        arms[DOWN] = Steered(model, [Edit(edit.site, edit.vector, -edit.strength)])
    return Answers.concat(
        [
            administer(carrier, items, form).tag(arm=arm, respondent=model.name)
            for arm, carrier in arms.items()
        ]
    )
