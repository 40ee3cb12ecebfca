"""Effects of steering: over strengths, on every trait, and on an inventory."""

from collections.abc import Sequence

import numpy as np

from personae.core import (
    BIG_FIVE,
    CONTROL,
    Answers,
    Edit,
    Estimate,
    Inventory,
    LinesFigure,
    Note,
    OpenModel,
    Part,
    Series,
    Site,
)
from personae.designs.steering_bench import BenchScores, shipped_bench
from personae.designs.steering_calibration import HELD_OUT, Calibration, Scan, specificity
from personae.induce.steer.contrasts import trait_vectors
from personae.report.build import (
    ValueAxis,
    estimate_words,
    forest,
    heatmap,
    lines,
    matrix_table,
    verdict,
)
from personae.stats.effects.contrast import arm_shift
from personae.stats.resample import mean

__all__ = ["DOWN", "UNIT", "UP", "dose_response_parts", "inventory_parts", "specificity_parts"]

UP, DOWN = "steered up", "steered down"
UNIT = "nats per token"


def dose_response_parts(
    model: OpenModel, trait: str, calibration: Calibration, scan: Scan, seed: int
) -> list[Part]:
    """Draw effect and damage by signed strength, at the chosen block or, without one, the best."""
    point = calibration.chosen or max(calibration.points, key=lambda p: p.effect)
    site = Site(point.block)
    vector = trait_vectors(model, [trait], [site], seed=seed)[trait].by_site[site]
    strengths = (*(-s for s in reversed(scan.strengths)), 0.0, *scan.strengths)
    bench = shipped_bench((trait,), HELD_OUT, texts=6)
    measured = bench.measure(model, [(Edit(site, vector, s),) for s in strengths])
    zero = strengths.index(0.0)
    effects = [
        mean(row, name="shift", of="pair", unit=UNIT, seed=seed)
        for row in measured.contrasts[trait] - measured.contrasts[trait][zero]
    ]
    growth = [
        mean(row, name="growth", of="text", unit=UNIT, seed=seed)
        for row in measured.nats - measured.nats[zero]
    ]
    where = f"by strength, block {point.block}"
    return [
        _curve("effect", ("Shift of held-out statements", where), strengths, effects),
        _curve("damage", ("Growth of neutral text's nats", where), strengths, growth),
        _peak(measured, trait, strengths),
    ]


def _curve(
    name: str, title: tuple[str, str], strengths: Sequence[float], estimates: Sequence[Estimate]
) -> LinesFigure:
    """Draw estimates over strengths with their intervals; title = (what is drawn, how)."""
    what, how = title
    points = zip(strengths, estimates, strict=True)
    series = Series(
        what,
        tuple(e.value for e in estimates),
        low=tuple(e.low for e in estimates),
        high=tuple(e.high for e in estimates),
    )
    return lines(
        name,
        f"{what} {how}",
        ("strength", strengths),
        [series],
        ValueAxis(UNIT, reference=0.0),
        alt=f"{what}: " + ", ".join(f"{estimate_words(e.value)} at {s:g}" for s, e in points),
    )


def _peak(measured: BenchScores, trait: str, strengths: Sequence[float]) -> Note:
    """State at which strength the effect peaks, and what remains of it at the last one."""
    contrasts = measured.contrasts[trait]
    shifts = (contrasts - contrasts[strengths.index(0.0)]).mean(1)
    upward = [(s, float(shift)) for s, shift in zip(strengths, shifts, strict=True) if s > 0]
    peak, largest = max(upward, key=lambda pair: pair[1])
    last, final = upward[-1]
    if largest <= 0:
        return Note("No strength moves the held-out statements towards the trait.")
    if peak == last:
        return Note(f"The effect still grows at strength {last:g}: no peak in the scan.")
    return Note(
        f"The effect peaks: {largest:+.3f} {UNIT} at strength {peak:g}, {final:+.3f} at {last:g}."
    )


def specificity_parts(model: OpenModel, calibration: Calibration, seed: int) -> list[Part]:
    """Steer towards every domain at the chosen point, and show the shift of each."""
    point = calibration.chosen
    if point is None:
        return [Note("Specificity: no point was chosen, so no other trait could be tested.")]
    site = Site(point.block)
    vectors = {
        trait: np.asarray(vector.by_site[site], float)
        for trait, vector in trait_vectors(model, tuple(BIG_FIVE), [site], seed=seed).items()
    }
    shifts = specificity(model, point, vectors, seed)
    matrix = {
        BIG_FIVE[steered]: {BIG_FIVE[t]: shift for t, shift in row.items()}
        for steered, row in shifts.items()
    }
    words = "; ".join(
        f"{steered} moves "
        + ", ".join(f"{t} {estimate_words(shift.value)}" for t, shift in row.items())
        for steered, row in shifts.items()
    )
    title = "Shift of every trait under each trait's vector"
    note = f"{UNIT.capitalize()} by which the high statement became likelier; held-out statements."
    return [
        heatmap(
            "specificity",
            title,
            matrix,
            UNIT,
            alt=f"Rows are steered, columns measured. {words}.",
        ),
        matrix_table("specificity", title, matrix, "steered", note),
    ]


def inventory_parts(answers: Answers, items: Inventory, trait: str, seed: int) -> list[Part]:
    """Show every scale's shift under steering up and down, the steered trait's in words."""
    shifts = {
        arm: {
            s: arm_shift(answers.where(scale=s), (CONTROL, arm), s, seed=seed) for s in items.scales
        }
        for arm in (UP, DOWN)
        if arm in set(answers.rows["arm"])
    }
    if not shifts:
        return [Note("Inventory: no point was chosen, so only the unsteered model was asked.")]
    words = "; ".join(
        f"{arm} {estimate_words(row[trait], '+.3f')}" for arm, row in shifts.items() if trait in row
    )
    unit = next(iter(shifts[UP].values())).unit
    title = "Shift of inventory scores"
    note = f"Keyed items by likelihood of statements, {unit}, against the unsteered model."
    matrix = {
        arm: {items.scales[s]: shift for s, shift in row.items()} for arm, row in shifts.items()
    }
    return [
        verdict(
            f"Inventory, {unit}: {words}." if words else "Inventory: it has no scale of this trait."
        ),
        forest(
            "inventory",
            title,
            [(arm, scale, shift) for arm, row in matrix.items() for scale, shift in row.items()],
            unit,
            alt=f"The steered trait: {words or 'not in this inventory'}.",
        ),
        matrix_table("inventory", title, matrix, "arm", note),
    ]
