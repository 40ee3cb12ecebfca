"""SAC: does a trait follow the level asked for, and what else moves with it?

System   sac-16pf
Paper    Chittem, Shrivastava, Pendela, Challa & Kumar 2025, ICAART 2026 (arXiv:2506.20993)
Asks     Asked for one of sixteen factors at levels 1 to 5, does the model report rising scores,
         on which ladders of intensity, and which of the other fifteen factors move too?
Differs  no prompt, code or table of the authors is public: anchors and wording are our own; ladders
         ask about whole statements, as "how often do you am" is no question; a low threshold counts
         as a strong trait (a switch); slopes are paired by item, corrected (Holm), and stand beside
         the same model without a persona; a toggle without levels is compared with its length
         beside it; the scales are public analogues, never scores of the trademarked test
Version  1
"""

from collections.abc import Mapping
from dataclasses import replace
from math import isnan
from typing import Literal

import numpy as np

from personae.core import (
    Answers,
    Array,
    Chooser,
    Estimate,
    Heading,
    Inventory,
    Note,
    Part,
    Report,
    UnknownName,
    load_inventory,
)
from personae.measure.inventories.administer import administer
from personae.measure.inventories.forms import published_form
from personae.report.build import coverage, verdict
from personae.stats.effects.dose_response import Dose, dose_response, level_cells, level_slope
from personae.stats.multiplicity import planned_holm
from personae.studies.sac.entanglement import Cells, entanglement, related_slope
from personae.studies.sac.intensity_ladders import LEVELS
from personae.studies.sac.level_arms import LevelDesign, ask_ladders, ask_levels, ask_toggles
from personae.studies.sac.trait_level_tables import (
    consistency_table,
    control_table,
    ladder_table,
    level_curves,
    neutral_table,
)

__all__ = ["sac"]

QUICK = ("A", "E")


def sac(
    model: Chooser,
    factors: tuple[str, ...] = (),
    channel: Literal["label", "option", "reply"] = "label",
    threshold: Literal["reversed", "as-is"] = "reversed",
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Ask for factors at rising levels; report slopes, ladders, and what else moves.

    Args:
        model: who is asked; likelihoods are needed but for the channel reply.
        factors: letters of the factors asked for, such as A,E,Q1; all sixteen by default.
        channel: how answers are read.
        threshold: a low threshold counts as a strong trait, or as a low answer.
        seed: seed of the resampling.
        quick: two factors at three levels, few items; about a minute on the embedded model.

    Raises:
        UnknownName: a factor that the inventory doesn't have.
    """
    design = _design(factors, load_inventory("ipip-16pf"), channel, quick=quick)
    neutral = administer(model, design.battery(design.targets), design.form)
    graded = ask_levels(model, design)
    toggles = ask_toggles(model, design)
    ladders = ask_ladders(model, design, threshold)
    cells = _cells(graded, design)
    doses = {
        t: dose_response(design.levels, cells[t, t], name=t, seed=seed) for t in design.targets
    }
    answers = Answers.concat([neutral, graded, toggles, ladders]).tag(respondent=model.name)
    return Report(
        title=f"Traits at levels: {model.name}",
        parts=(
            *_verdicts(doses, cells, design, seed),
            level_curves(doses, design),
            control_table(doses, answers, design, seed),
            neutral_table(neutral, design, seed),
            Heading("What else moves?"),
            *entanglement(cells, design, seed),
            Heading("Ladders of intensity"),
            ladder_table(ladders, design, threshold, seed),
            Heading("Levels or a toggle?"),
            consistency_table(answers, design),
            Heading("Coverage"),
            coverage(answers, ["form"], "Nothing is imputed."),
        ),
        answers=answers,
    )


def _design(
    factors: tuple[str, ...],
    tool: Inventory,
    channel: Literal["label", "option", "reply"],
    *,
    quick: bool,
) -> LevelDesign:
    targets = factors or (QUICK if quick else tuple(tool.scales))
    for target in targets:
        if target not in tool.scales:
            raise UnknownName("factor", target, tool.scales)
    form = replace(published_form("mpi"), person="second", channel=channel)
    full = LevelDesign(
        tool=tool,
        targets=tuple(targets),
        form=form,
        levels=LEVELS,
        wide=LEVELS,
        laddered=LEVELS[::2],
        own=13,
        rungs=13,
    )
    if not quick:
        return full
    return replace(
        full,
        targets=full.targets[:2],
        levels=LEVELS[::2],
        wide=LEVELS[::4],
        laddered=LEVELS[::4],
        own=8,
        rungs=3,
    )


def _cells(graded: Answers, design: LevelDesign) -> dict[tuple[str, str], Array]:
    """Lay out scores by target and scale, each in points, shape (items, levels)."""
    return {
        (t, s): level_cells(graded.where(target=t, scale=s), design.levels_of(t, s), use=design.use)
        for t in design.targets
        for s in design.tool.scales
    }


def _overall_slope(cells: Cells, design: LevelDesign, seed: int) -> Estimate:
    stacked = np.vstack([cells[t, t] for t in design.targets])
    return level_slope(design.levels, stacked, name="all targets", seed=seed)


def _verdicts(
    doses: Mapping[str, Dose], cells: Cells, design: LevelDesign, seed: int
) -> list[Part]:
    overall, related = _overall_slope(cells, design, seed), related_slope(cells, design, seed)
    if isnan(overall.value):
        return [verdict(f"Whether levels are followed isn't known: {overall.why_missing}.")]
    ps = planned_holm(d.slope.p for d in doses.values())
    up = [t for (t, d), p in zip(doses.items(), ps, strict=True) if p < 0.05 and d.slope.value > 0]
    followed = overall.low > 0 and overall.p < 0.05
    outcome = (
        f"The level asked for {'is' if followed else 'is not shown to be'} followed: "
        f"{_slope_words(overall)}, "
        f"{len(up)} of {len(doses)} factors rise (Holm)."
    )
    notes: list[Part] = [verdict(outcome)]
    if not isnan(related.value):
        shown = related.p < 0.05
        movement = "move together" if shown and related.value > 0 else "are not shown to move"
        movement = "move against each other" if shown and related.value < 0 else movement
        notes.append(
            verdict(
                f"Factors that covary in people {movement} here: "
                f"{_slope_words(related)} in the expected direction."
            )
        )
    notes.append(Note("Scores of public analogues of sixteen factors, by self-report only."))
    return notes


def _slope_words(slope: Estimate) -> str:
    return slope.words("+.3f", unit="points a level", bounds=".3f")
