"""Tables and the figure of traits at levels: slopes, no persona, ladders, prompts."""

from collections.abc import Mapping
from math import isnan

import numpy as np
import polars as pl

from personae.core import CONTROL, Answers, LinesFigure, Table
from personae.measure.inventories.administer import administer
from personae.report.build import Row, estimate_words, lines, table, with_p
from personae.respondents.null import open_null
from personae.stats.effects.contrast import arm_shift
from personae.stats.effects.dose_response import Dose
from personae.stats.resample import mean
from personae.stats.scores.scales import item_matrix
from personae.studies.sac.intensity_ladders import intensity_text, toggle_text
from personae.studies.sac.level_arms import LADDERS, LevelDesign

__all__ = [
    "consistency_table",
    "control_table",
    "ladder_table",
    "level_curves",
    "neutral_table",
]


def level_curves(doses: Mapping[str, Dose], design: LevelDesign) -> LinesFigure:
    """Draw the mean keyed score (points) of every factor asked for over its levels."""
    slopes = "; ".join(f"{t} {estimate_words(d.slope.value)} a level" for t, d in doses.items())
    return lines(
        "levels",
        "Requested and reported level",
        ("level asked for", design.levels),
        {design.tool.scales[t]: dose.means for t, dose in doses.items()},
        "mean keyed score",
        alt=f"Mean keyed score by level: {slopes}.",
    )


def control_table(
    doses: Mapping[str, Dose], answers: Answers, design: LevelDesign, seed: int
) -> Table:
    """Tabulate dose and response of every factor asked for, beside the control arm (points)."""
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
                "least distinguishable distance": dose.step,
                f"level {top} less no persona": shift,
            }
        )
    note = (
        "Over items, each asked at every level; p by sign flips, not corrected here. An item that "
        "never changes has rho 0."
    )
    return table("control", "Does the score follow the level?", rows, note)


def neutral_table(neutral: Answers, design: LevelDesign, seed: int) -> Table:
    """Tabulate the profile without a persona beside that of always taking the first option."""
    profiles = (
        neutral,
        administer(open_null("null:first"), design.battery(design.targets), design.form),
    )
    rows: list[Row] = []
    for scale, title in design.tool.scales.items():
        observed, constant = (
            item_matrix(answers.where(scale=scale), ("arm",), design.use)[0] for answers in profiles
        )
        score = mean(observed.ravel(), name=title, seed=seed)
        rows.append(
            {"factor": title, "mean keyed score": score, "null:first": float(constant.mean())}
        )
    return table("neutral", "Without a persona", rows)


def ladder_table(ladders: Answers, design: LevelDesign, threshold: str, seed: int) -> Table:
    """Tabulate the intensity of every factor and level: mean over items and ladders, points."""
    rows: list[Row] = []
    for (arm, scale), part in ladders.rows.group_by(["arm", "scale"], maintain_order=True):
        matrix, labels, _ = item_matrix(Answers(part), ("ladder",), design.use)
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
    scoring = "reversed: an easy threshold counts high"
    if threshold != "reversed":
        scoring = "as answered: an easy threshold counts low"
    note = f"Keyed, 1 to 5. Intensity: mean over items and ladders. Threshold {scoring}."
    return table("ladders", "Intensity", rows, note)


def consistency_table(answers: Answers, design: LevelDesign) -> Table:
    """Tabulate mean and SD over items (points) under each prompt, beside its length in words."""
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
        "A toggle switches a factor on (+) or off (−) without levels; it is shorter, so that a "
        "difference may be due to length."
    )
    return table("consistency", "Mean and SD over items, by prompt", rows, note)
