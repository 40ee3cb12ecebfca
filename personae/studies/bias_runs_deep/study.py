"""Whether an identity quietly harms a model's reasoning.

System   bias-runs-deep
Paper    Gupta, Shrivastava, Deshpande et al. 2024, ICLR (arXiv:2311.04892)
Asks     Given a socio-demographic identity, does the model solve fewer problems, and does it fail
         by declining or by reasoning?
Differs  wrong, abstained, protested and unparsed are four codes and not one; answers are also
         weighed by likelihood, where a persona can't decline; tests are paired by question and
         adjusted over all cells, with unadjusted counts beside them; neutral personas give the
         noise of the wording alone; the three instructions are reported apart; options rotate;
         generated programs are not run (the paper's MBPP is left out)
Version  2
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from personae.core import (
    CONTROL,
    Answers,
    Chooser,
    Heading,
    Note,
    Part,
    Persona,
    Report,
    Sampling,
    Table,
)
from personae.designs.ability import Ability, ability
from personae.designs.arms import CONTROL_ARM, Arm, check_unique_ids
from personae.designs.grid import Asking, ask_grid
from personae.designs.question_effects import Effect, counts_table, effects, effects_table
from personae.measure.tasks.problems import ProblemSet, load_problems
from personae.report.build import Row, ValueAxis, coverage, forest, heatmap, table, verdict
from personae.studies.bias_runs_deep.direct_questions import direct_question_table
from personae.studies.bias_runs_deep.identities import identities, instruction

__all__ = ["bias_runs_deep"]

INSTRUCTIONS = ("mirror", "adopt", "role")
MITIGATIONS = ("no-refusal", "no-stereotypes", "on-par", "field-expert")
REFERENCE = "human"
CONTROLS = ("reference", "neutral")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Design:
    """What is asked: the identities, the problems, and those that are also answered in writing."""

    personas: Sequence[Persona]
    problems: ProblemSet
    written: ProblemSet
    instructions: Sequence[str]
    tokens: int


def bias_runs_deep(
    model: Chooser,
    personas: Sequence[Persona] = (),
    problems: str = "plain-knowledge",
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Ask problems under identities and under neutral personas; report what changes, and how.

    Args:
        model: who is asked; likelihoods are needed.
        personas: identities to audit, a JSON or JSONL file; without it, 19 in five groups.
        problems: a shipped or published set, or a JSONL file; without options, answers are written.
        seed: seed of the resampling.
        quick: six identities, one instruction, 16 problems, 8 of them answered in writing.
    """
    design = _design(personas, load_problems(problems), quick=quick)
    gate = ability(model, design.problems, tokens=design.tokens)
    weighed = _weighed(model, design, gate)
    written = _written(model, design)
    shifts = effects(weighed, REFERENCE, seed=seed)
    worst, held_out = _worst_identity(weighed, design, seed)
    mitigated = _mitigated(model, design, held_out, gate, worst)
    return Report(
        title=f"Bias runs deep: {model.name}",
        parts=(
            *_verdicts(gate, shifts, written, design),
            Heading("Accuracy under each identity"),
            *_figures(shifts, design),
            effects_table(shifts, "effects", f"Accuracy by {gate.channel}", REFERENCE),
            _instructions_table(weighed, design, seed),
            Heading("How replies fail"),
            counts_table(written),
            effects_table(
                effects(written, REFERENCE, seed=seed),
                "written_effects",
                "Accuracy of written answers",
                REFERENCE,
            ),
            Heading("Mitigations, and what the model says when asked directly"),
            _mitigations_table(mitigated, worst, seed),
            direct_question_table(model, design.personas, design.problems.fields),
            Heading("Before any persona"),
            gate.table(),
            coverage(weighed, ("respondent", "channel"), note="A lost answer is wrong."),
        ),
        answers=Answers.concat([gate.answers.tag(respondent=CONTROL), weighed, written, mitigated]),
    )


def _design(personas: Sequence[Persona], problems: ProblemSet, *, quick: bool) -> _Design:
    references = [CONTROL_ARM.name, *(p.id for p in identities(*CONTROLS))]
    audited = check_unique_ids(personas, references) or tuple(
        p for p in identities() if p.facts["group"] not in CONTROLS
    )
    if quick:
        audited = audited[:6] if personas else tuple(identities("disability", "religion"))
    fields = len(problems.fields)
    return _Design(
        personas=audited,
        problems=problems.per_field(max(2, 16 // fields)) if quick else problems,
        written=problems.per_field(max(1, 8 // fields)) if quick else problems,
        instructions=INSTRUCTIONS[1:2] if quick else INSTRUCTIONS,
        tokens=48 if quick else 512,
    )


def _arms(design: _Design) -> list[Arm]:
    personas = [*identities(*CONTROLS), *design.personas]
    return [
        Arm(name=name, induction=instruction(name), persona=p, group=p.facts.get("group", ""))
        for name in design.instructions
        for p in personas
    ]


def _weighed(model: Chooser, design: _Design, gate: Ability) -> Answers:
    asking = _asking(design, gate, orders=2 if gate.channel == "label" else 1)
    return ask_grid(model, [CONTROL_ARM, *_arms(design)], design.problems, asking)


def _asking(design: _Design, gate: Ability, orders: int = 1) -> Asking:
    sampling = Sampling(max_tokens=design.tokens)
    return Asking(channel=gate.channel, orders=orders, sampling=sampling)


def _written(model: Chooser, design: _Design) -> Answers:
    asking = Asking(channel="reply", sampling=Sampling(max_tokens=design.tokens))
    return ask_grid(model, [CONTROL_ARM, *_arms(design)], design.written, asking)


def _worst_identity(weighed: Answers, design: _Design, seed: int) -> tuple[Persona, ProblemSet]:
    """Pick the identity with the largest loss on every other problem; return the problems between.

    On the problems by which it was picked, any other prompt would look like a remedy.
    """
    problems = design.problems.problems
    choosing = [problem.id for problem in problems[::2]]
    half = Answers(weighed.rows.filter(pl.col("item").is_in(choosing)))
    losses = {
        e.condition: e.shift.value for e in effects(half, REFERENCE, seed=seed) if not e.scale
    }
    worst = min(design.personas, key=lambda p: losses.get(p.id, 0.0))
    return worst, replace(design.problems, problems=problems[1::2] or problems)


def _mitigated(
    model: Chooser, design: _Design, problems: ProblemSet, gate: Ability, worst: Persona
) -> Answers:
    """Ask the held-out problems under the worst identity, without and with each mitigation."""
    asking = _asking(design, gate)
    answers = []
    for name in ("", *MITIGATIONS):
        arm = Arm(name="role", induction=instruction("role", mitigation=name), persona=worst)
        answers.append(ask_grid(model, [arm], problems, asking, name=name or "none"))
    return Answers.concat(answers)


def _mitigations_table(mitigated: Answers, worst: Persona, seed: int) -> Table:
    title = f"Mitigating sentences for {worst.id}, on held-out problems"
    shifts = effects(mitigated, "none", by="form", seed=seed)
    return effects_table(shifts, "mitigations", title, "none")


def _verdicts(
    gate: Ability, shifts: Sequence[Effect], written: Answers, design: _Design
) -> list[Note]:
    audited = {p.id for p in design.personas}
    overall = [e for e in shifts if not e.scale and e.condition in audited]
    worse = [e.condition for e in overall if e.verdict == "worse"]
    refused = written.where(status="refused").rows
    refusals = refused["respondent"].value_counts(sort=True).rows()
    most = f"most under {refusals[0][0]} ({refusals[0][1]})" if refusals else "none"
    return [
        verdict(gate.sentence),
        verdict(
            f"Of {len(overall)} identities, these solve fewer problems than 'a human' (Holm): "
            f"{', '.join(worse) or 'none is shown to'}. Neutral personas alone shift accuracy by "
            f"up to {_noise_band(shifts):.1%}."
        ),
        verdict(_single_cells(overall, [e for e in shifts if e.scale and e.condition in audited])),
        verdict(f"Written answers: {refused.height} of {len(written)} abstain, {most}."),
    ]


def _single_cells(overall: Sequence[Effect], cells: Sequence[Effect]) -> str:
    """Count single cells that are worse without adjustment, by chance, and after Holm."""
    tested = cells or overall
    raw = sum(e.shift.p < 0.05 and e.shift.value < 0 for e in tested)
    adjusted = sum(e.verdict == "worse" for e in tested)
    what = "Single cells (identity × field)"
    if not cells:
        what = "Identities over all fields, none of which has six questions"
    return (
        f"{what}: {raw} of {len(tested)} worse at p < 0.05 without adjustment, about "
        f"{0.025 * len(tested):.0f} by chance; {adjusted} after Holm."
    )


def _noise_band(shifts: Sequence[Effect]) -> float:
    """Return the largest shift (rate) of a persona without content: the effect of the wording."""
    neutral = {p.id for p in identities(*CONTROLS)}
    sizes = [abs(e.shift.value) for e in shifts if not e.scale and e.condition in neutral]
    return max((size for size in sizes if not np.isnan(size)), default=0.0)


def _figures(shifts: Sequence[Effect], design: _Design) -> list[Part]:
    band = _noise_band(shifts)
    personas = (*identities(*CONTROLS), *design.personas)
    groups = {p.id: p.facts.get("group", "") for p in personas}
    figures: list[Part] = [
        forest(
            "identities",
            "Change of accuracy against 'a human'",
            [
                (e.condition, groups.get(e.condition, "reference"), e.shift)
                for e in shifts
                if not e.scale
            ],
            ValueAxis("rate", 0.0, (-band, band)),
            form="+.1%",
        )
    ]
    cells = {(e.condition, e.scale): e.shift for e in shifts if e.scale}
    fields = [field for field in design.problems.fields if any(s == field for _, s in cells)]
    if fields:
        ids = [p.id for p in design.personas]
        figures.append(
            heatmap(
                "fields",
                "Change of accuracy by field",
                {id: {field: cells.get((id, field)) for field in fields} for id in ids},
                "rate",
                alt="Change of the rate of right answers against 'a human', identity by field.",
            )
        )
    return figures


def _instructions_table(weighed: Answers, design: _Design, seed: int) -> Table:
    """Tabulate each instruction by itself: its wording may matter as much as the identity."""
    rows: list[Row] = [
        {
            "instruction": name,
            "identity": effect.condition,
            "accuracy": effect.accuracy,
            "shift": effect.shift,
            "p": effect.shift.p,
        }
        for name in design.instructions
        for effect in effects(weighed.where(arm=name), REFERENCE, seed=seed)
        if not effect.scale
    ]
    heads = ("instruction", "identity", "accuracy", "shift", "p")
    return table("instructions", "Each instruction by itself", rows, columns=heads)
