"""Injection of a character: the effect by block and strength, and the dose at one block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personae.core import Array, Edit, Estimate, Figure, OpenModel, Part, Site
from personae.designs.steering_bench import shipped_bench
from personae.designs.steering_calibration import HELD_OUT, Calibration
from personae.induce.steer.contrasts import trait_vectors
from personae.report.build import Row, ValueAxis, estimate_words, heatmap, lines, table
from personae.stats.resample import mean
from personae.studies.soul_engine.sliders import slide

__all__ = ["InjectionDose", "dose_parts", "measured_dose", "scan_figure"]

SHARES = (-0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2)
"""Strengths, in shares of the states' mean length."""


@dataclass(frozen=True, slots=True, eq=False)
class InjectionDose:
    """Effects of each strength of `SHARES` at a block.

    Args:
        block: where the vector is added.
        shifts: shifts towards the character against strength 0, in nats per token.
        losses: growth of the loss on plain text, (strengths,), in nats per token.
    """

    block: int
    shifts: Sequence[Estimate]
    losses: Array


def measured_dose(
    model: OpenModel, calibration: Calibration, goal: Mapping[str, float], seed: int
) -> InjectionDose:
    """Add the sum of sliders at the chosen block, in both directions, and measure its effects.

    Without a chosen block, at the middle one. Shifts and losses are in nats per token. After the
    scan of Wang 2025 (arXiv 2512.07092); strengths relative to the states' length are our own.

    Args:
        model: the frozen model.
        calibration: the scan, with the block it chose, if any.
        goal: wanted standings in -1..1, where z stands for a slider at (z + 1) / 2.
        seed: seed of the resampling.
    """
    block = calibration.chosen.block if calibration.chosen else model.anatomy.blocks // 2
    site = Site(block)
    vectors = trait_vectors(model, tuple(goal), [site])
    sliders = {trait: (z + 1) / 2 for trait, z in goal.items()}
    unit = slide({t: np.asarray(v.by_site[site], float) for t, v in vectors.items()}, sliders)
    length = float(np.mean([v.quality[site].residual for v in vectors.values()]))
    bench = shipped_bench(tuple(goal), HELD_OUT, texts=6)
    scores = bench.measure(model, [(Edit(site, unit * length, share),) for share in SHARES])
    towards, zero = scores.towards(goal), SHARES.index(0.0)
    shifts = [
        mean(row - towards[zero], name=f"{share:g}", of="pair", unit="nats per token", seed=seed)
        for share, row in zip(SHARES, towards, strict=True)
    ]
    return InjectionDose(block, shifts, (scores.nats - scores.nats[zero]).mean(axis=1))


def scan_figure(calibration: Calibration) -> Figure:
    """Draw the shift towards the character by block and strength."""
    points = sorted(calibration.points, key=lambda p: (p.block, p.strength))
    matrix: dict[str, dict[str, float]] = {}
    for point in points:
        matrix.setdefault(f"block {point.block}", {})[f"{point.strength:g}"] = point.effect
    return heatmap(
        "scan",
        "Shift towards the character by block and strength",
        matrix,
        "nats per token",
        alt="; ".join(
            f"block {p.block} at {p.strength:g}: {p.effect:.3f}, perplexity {p.perplexity:.2f}"
            for p in calibration.points
        ),
    )


def dose_parts(dose: InjectionDose) -> list[Part]:
    """Draw and tabulate a dose: shift towards the character, and damage to plain text."""
    figure = lines(
        "dose",
        f"Effect and damage at block {dose.block}",
        ("strength, share of the states' length", SHARES),
        {"shift towards the character": dose.shifts, "loss on plain text": dose.losses.tolist()},
        ValueAxis("nats per token", reference=0.0),
        alt="; ".join(
            f"{shift.name}: {estimate_words(shift.value, '.3f')}" for shift in dose.shifts
        ),
    )
    rows: list[Row] = [
        {"strength": share, "shift": shift, "perplexity ratio": float(np.exp(loss))}
        for share, shift, loss in zip(SHARES, dose.shifts, dose.losses, strict=True)
    ]
    note = (
        "Measured on held-out statements. The vector is the sum of sliders at unit length; its "
        "strength is a share of the states' mean length."
    )
    return [figure, table("dose", "Dose", rows, note)]
