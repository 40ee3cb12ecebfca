"""SAC: does a trait follow the level that was asked for, and what else moves with it?

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
import polars as pl

from personae.core import (
    CONTROL,
    Answers,
    Array,
    Chooser,
    Estimate,
    Form,
    Heading,
    Inventory,
    LinesFigure,
    Note,
    Part,
    Report,
    Table,
    UnknownName,
    load_inventory,
)
from personae.measure.inventories.administer import administer
from personae.measure.inventories.forms import published_form
from personae.report.build import (
    Row,
    coverage,
    heatmap,
    lines,
    matrix_table,
    table,
    verdict,
    with_p,
)
from personae.respondents.null import open_null
from personae.stats.effects.contrast import arm_shift
from personae.stats.effects.dose_response import Dose, dose_response, level_cells, level_slope
from personae.stats.multiplicity import holm
from personae.stats.resample import mean
from personae.stats.scores.scales import item_matrix
from personae.studies.sac.intensity_ladders import (
    LEVELS,
    expected_sign,
    intensity_text,
    toggle_text,
)
from personae.studies.sac.level_arms import LADDERS, Graded, ask_graded, ask_ladders, ask_toggled

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
    """Ask for factors at rising levels; report slopes, ladders, and what else moved.

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
    tool = load_inventory("ipip-16pf")
    targets = tuple(factors) or (QUICK if quick else tuple(tool.scales))
    for target in targets:
        if target not in tool.scales:
            raise UnknownName("factor", target, tool.scales)
    form = replace(published_form("mpi"), person="second", channel=channel)
    design = _design(targets[:2] if quick else targets, tool, form, quick=quick)
    graded = ask_graded(model, design)
    neutral = administer(model, design.battery(design.targets), form)
    toggles = ask_toggled(model, design)
    ladders = ask_ladders(model, design, threshold)
    cells = {
        (t, s): level_cells(graded.where(target=t, scale=s), design.levels_of(t, s), use=design.use)
        for t in design.targets
        for s in tool.scales
    }
    doses = {
        t: dose_response(design.levels, cells[t, t], name=t, seed=seed) for t in design.targets
    }
    answers = Answers.concat([neutral, graded, toggles, ladders]).tag(respondent=model.name)
    return Report(
        title=f"Traits at levels: {model.name}",
        parts=(
            *_verdicts(doses, cells, design, seed),
            _curves(doses, design),
            _control_table(doses, answers, design, seed),
            _neutral_table(neutral, design, seed),
            Heading("What else moves?"),
            *_entanglement(cells, design, seed),
            Heading("Ladders of intensity"),
            _ladder_table(ladders, design, threshold, seed),
            Heading("Levels or a toggle?"),
            _consistency(answers, design),
            Heading("Coverage"),
            coverage(answers, ["form"], "Nothing is imputed."),
        ),
        answers=answers,
    )


def _design(targets: tuple[str, ...], tool: Inventory, form: Form, *, quick: bool) -> Graded:
    if quick:
        return Graded(
            tool=tool,
            targets=targets,
            form=form,
            levels=LEVELS[::2],
            wide=LEVELS[::4],
            laddered=LEVELS[::4],
            own=8,
            rungs=3,
        )
    return Graded(
        tool=tool,
        targets=targets,
        form=form,
        levels=LEVELS,
        wide=LEVELS,
        laddered=LEVELS[::2],
        own=13,
        rungs=13,
    )


def _related(cells: Mapping[tuple[str, str], Array], design: Graded, seed: int) -> Estimate:
    """Slope of the factors that go with the target in people, each in the direction expected."""
    parts = [
        sign * cells[target, scale]
        for target in design.targets
        for scale in design.tool.scales
        if scale != target and (sign := expected_sign(target, scale))
    ]
    stacked = np.vstack(parts) if parts else np.empty((0, len(design.wide)))
    return level_slope(design.wide, stacked, name="related factors", seed=seed)


def _whole(cells: Mapping[tuple[str, str], Array], design: Graded, seed: int) -> Estimate:
    stacked = np.vstack([cells[t, t] for t in design.targets])
    return level_slope(design.levels, stacked, name="all targets", seed=seed)


def _verdicts(
    doses: Mapping[str, Dose], cells: Mapping[tuple[str, str], Array], design: Graded, seed: int
) -> list[Part]:
    whole, related = _whole(cells, design, seed), _related(cells, design, seed)
    if isnan(whole.value):
        return [verdict(f"Whether levels are followed isn't known: {whole.why_missing}.")]
    ps = holm([1.0 if isnan(d.slope.p) else d.slope.p for d in doses.values()])
    up = [t for (t, d), p in zip(doses.items(), ps, strict=True) if p < 0.05 and d.slope.value > 0]
    follows = whole.low > 0 and whole.p < 0.05
    said = (
        f"The level asked for {'is' if follows else 'is not shown to be'} followed: "
        f"{whole.value:+.3f} points a level [{whole.low:.3f}, {whole.high:.3f}], "
        f"{len(up)} of {len(doses)} factors rise (Holm)."
    )
    notes: list[Part] = [verdict(said)]
    if not isnan(related.value):
        moved = related.p < 0.05
        how = "move" if moved and related.value > 0 else "are not shown to move"
        how = "move against each other" if moved and related.value < 0 else how
        notes.append(
            verdict(
                f"Factors that go together in people {how} together here: {related.value:+.3f} "
                f"points a level [{related.low:.3f}, {related.high:.3f}] in the expected direction."
            )
        )
    notes.append(Note("Scores of public analogues of sixteen factors, by self-report only."))
    return notes


def _curves(doses: Mapping[str, Dose], design: Graded) -> LinesFigure:
    slopes = "; ".join(f"{t} {d.slope.value:+.2f} a level" for t, d in doses.items())
    return lines(
        "levels",
        "Requested and reported level",
        ("level asked for", design.levels),
        {design.tool.scales[t]: dose.means for t, dose in doses.items()},
        "mean keyed score",
        alt=f"Mean keyed score by level: {slopes}.",
    )


def _control_table(doses: Mapping[str, Dose], answers: Answers, design: Graded, seed: int) -> Table:
    top = design.levels[-1]
    rows: list[Row] = []
    for target, dose in doses.items():
        part = Answers(
            answers.rows.filter((pl.col("scale") == target) & (pl.col("form") == design.form.name))
        )
        shift = arm_shift(
            part,
            (CONTROL, f"{target}@{top}"),
            "against no persona",
            use=design.use,
            seed=seed,
        )
        rows.append(
            {
                "factor": design.tool.scales[target],
                **with_p("points a level", dose.slope),
                "Spearman rho": dose.rho,
                "steps that rise": dose.rising,
                "R² linear": None if isnan(dose.linear) else dose.linear,
                "R² rising": None if isnan(dose.isotonic) else dose.isotonic,
                "least distance told apart": dose.step,
                f"level {top} less no persona": shift,
            }
        )
    note = (
        "Over items, each at every level; p by sign flips, not corrected here. An item that never "
        "changes has rho 0."
    )
    return table("control", "Does the score follow the level?", rows, note)


def _neutral_table(neutral: Answers, design: Graded, seed: int) -> Table:
    """The profile without a persona, beside that of who always takes the first option."""
    sheets = (
        neutral,
        administer(open_null("null:first"), design.battery(design.targets), design.form),
    )
    rows: list[Row] = []
    for scale, title in design.tool.scales.items():
        own, constant = (
            item_matrix(sheet.where(scale=scale), ("arm",), design.use)[0] for sheet in sheets
        )
        score = mean(own.ravel(), name=title, seed=seed)
        rows.append(
            {"factor": title, "mean keyed score": score, "null:first": float(constant.mean())}
        )
    return table("neutral", "Without a persona", rows)


def _entanglement(cells: Mapping[tuple[str, str], Array], design: Graded, seed: int) -> list[Part]:
    scales = design.tool.scales
    slopes = {
        target: {
            scale: level_slope(
                design.levels_of(target, scale),
                cells[target, scale],
                name=f"{scale} on {target}",
                seed=seed,
            )
            for scale in scales
        }
        for target in design.targets
    }
    largest = sum(_largest(row) == target for target, row in slopes.items())
    matrix = {scales[target]: row for target, row in slopes.items()}
    alt = f"Slope of sixteen factors on the level of {len(design.targets)}; "
    alt += f"the factor asked for moves most in {largest} rows."
    return [
        heatmap(
            "entanglement",
            "Points a level: asked for (rows), moved (columns)",
            matrix,
            "points a level",
            alt=alt,
        ),
        matrix_table(
            "entanglement",
            "Points a level, by factor asked for and factor moved",
            matrix,
            "asked for",
            f"The factor asked for moves most in {largest} of {len(design.targets)} rows. "
            f"{design.others} items of each other factor: single cells are rough.",
        ),
        Note(f"In the expected direction, where people have one: {_related(cells, design, seed)}."),
    ]


def _largest(slopes: Mapping[str, Estimate]) -> str:
    """Name the factor with the steepest slope, the first of equals; unknown slopes count least."""
    sizes = {scale: -1.0 if isnan(e.value) else abs(e.value) for scale, e in slopes.items()}
    return max(sizes, key=lambda scale: sizes[scale])


def _ladder_table(ladders: Answers, design: Graded, threshold: str, seed: int) -> Table:
    rows: list[Row] = []
    for (arm, scale), own in ladders.rows.group_by(["arm", "scale"], maintain_order=True):
        matrix, labels, _ = item_matrix(Answers(own), ("ladder",), design.use)
        means = {
            str(label[0]): mean(row, name=str(label[0]), seed=seed)
            for label, row in zip(labels, matrix, strict=True)
        }
        rows.append(
            {
                "factor": design.tool.scales[str(scale)],
                "arm": str(arm),
                "intensity": mean(matrix.mean(axis=0), name="intensity", seed=seed),
                **{ladder: means[ladder] for ladder in LADDERS},
            }
        )
    easy = "reversed: an easy threshold counts high"
    if threshold != "reversed":
        easy = "as answered: an easy threshold counts low"
    note = f"Keyed, 1 to 5. Intensity: mean over items and ladders. Threshold {easy}."
    return table("ladders", "Intensity", rows, note)


def _consistency(answers: Answers, design: Graded) -> Table:
    """SD over items under each prompt, beside the prompt's length."""
    rows: list[Row] = []
    for target in design.targets:
        texts = {f"{target}@{level}": intensity_text({target: level}) for level in design.levels}
        texts |= {f"toggle:{target}{s}": toggle_text(target, high=s == "+") for s in "+-"}
        for arm, text in texts.items():
            part = answers.rows.filter(
                (pl.col("scale") == target)
                & (pl.col("form") == design.form.name)
                & (pl.col("arm") == arm)
            )
            matrix, _, _ = item_matrix(Answers(part), ("arm",), design.use)
            known = matrix[~np.isnan(matrix)]
            rows.append(
                {
                    "factor": design.tool.scales[target],
                    "prompt": arm,
                    "mean": float(known.mean()) if known.size else None,
                    "SD of items": float(known.std()) if known.size else None,
                    "words in the prompt": len(text.split()),
                }
            )
    note = (
        "A toggle switches a factor on (+) or off (-) without levels; it is shorter, so that a "
        "difference may be one of length."
    )
    return table("consistency", "Mean and SD over items, by prompt", rows, note)
