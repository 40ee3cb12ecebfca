"""Whether an expert persona makes answers more accurate.

System   expert-personas
Paper    Basil, Shapiro, Shapiro, Mollick, Mollick & Meincke 2025 (arXiv:2512.05858)
Asks     Does "you are an expert" help in the expert's own field, an adjacent or an unrelated one,
         and does a persona that knows little hurt?
Differs  questions, not trials, are the sampling unit; the probability of the right option replaces
         25 draws where there are likelihoods; results are adjusted over all comparisons; a
         paragraph without content of the same length and an arm without any system text are
         controls, since the published baseline is itself a persona; options rotate
Version  2
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import scipy

from personae.core import (
    CONTROL,
    Answers,
    Chooser,
    Estimate,
    Heading,
    Part,
    Persona,
    Report,
    Sampling,
    Table,
    nobody,
)
from personae.designs.ability import Ability, ability
from personae.designs.arms import CONTROL_ARM, NEUTRAL, Arm
from personae.designs.grid import Asking, ask_grid
from personae.designs.question_effects import (
    Effect,
    counts_table,
    effects,
    effects_table,
    question_scores,
)
from personae.induce.prompt.prompt_inductions import PromptInduction, unchanged
from personae.measure.tasks.problems import ProblemSet, load_problems
from personae.report.build import Row, coverage, forest, table, verdict, with_p
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.effects.families import adjust_family
from personae.studies.expert_personas.experts import EXPERTS, FIT, LOW, expert

__all__ = ["expert_personas"]

SYSTEM = "You are a very able assistant. You do what you are told, directly."
"""The system text of every condition but the one without, as published; our wording."""
TRIALS = 25
LEVELS = (("100 %", 25), ("90 %", 23), ("51 %", 13))
BEFORE = PromptInduction("before-question", lambda _, persona: persona.text, layout="user")


def expert_personas(
    model: Chooser,
    problems: str = "plain-knowledge",
    trials: int = 5,
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Ask problems as experts, as people who know little, and as nobody; compare by question.

    Args:
        model: who is asked; likelihoods are needed.
        problems: a shipped or published set, or a JSONL file; its fields determine the experts.
        trials: number of written answers per question and persona, at temperature 1.
        seed: seed of the draws and of the resampling.
        quick: four fields, four problems each, one written answer to one problem per field.
    """
    asked = _problems(problems, quick=quick)
    sampling = Sampling(max_tokens=32 if quick else 512, temperature=1.0, seed=seed)
    drawing = Asking(
        channel="reply", repeats=1 if quick else trials, system=SYSTEM, sampling=sampling
    )
    gate = ability(model, asked, tokens=sampling.max_tokens)
    weighed = _weighed(model, asked, _asking(gate, drawing, quick=quick))
    written = ask_grid(model, _arms(asked), asked.per_field(1) if quick else asked, drawing)
    shifts = effects(weighed, CONTROL, use="expected", seed=seed)
    fitted = _fit(weighed, asked, seed)
    return Report(
        title=f"Expert personas: {model.name}",
        parts=(
            *_verdicts(gate, shifts, fitted),
            Heading("Experts, people who know little, and nobody"),
            forest(
                "experts",
                "Change against no persona",
                [(e.condition, _kind(e.condition), e.shift) for e in shifts if not e.scale],
                "probability of the right option",
                form="+.1%",
            ),
            effects_table(shifts, "effects", "Probability of the right option", CONTROL),
            _levels(weighed),
            Heading("Does the expert's field matter?"),
            _fit_table(fitted),
            Heading("Written answers"),
            counts_table(written),
            Heading("Before any persona"),
            gate.table(),
            coverage(weighed, ("respondent", "channel"), note="A lost answer is wrong."),
        ),
        answers=Answers.concat([gate.answers.tag(respondent="bare"), weighed, written]),
    )


def _problems(name: str, *, quick: bool) -> ProblemSet:
    """Load a set, or a few problems of four of its fields."""
    problems = load_problems(name)
    if not quick:
        return problems
    few = problems.per_field(4).problems
    fields = problems.fields[1:5]
    return replace(problems, problems=tuple(p for p in few if p.field in fields) or few)


def _arms(problems: ProblemSet) -> list[Arm]:
    fields = [f for f in EXPERTS if f in problems.fields] or list(EXPERTS)
    personas = [expert(name) for name in (*fields, *LOW)]
    personas.append(Persona(id="neutral-paragraph", text=NEUTRAL, facts={"level": "control"}))
    return [
        CONTROL_ARM,
        *(
            Arm(name=BEFORE.name, induction=BEFORE, persona=p, group=p.facts["level"])
            for p in personas
        ),
    ]


def _asking(gate: Ability, drawing: Asking, *, quick: bool) -> Asking:
    """Weigh options in the gate's channel; where that is the written reply, draw replies."""
    if gate.channel == "reply":
        return drawing
    orders = 2 if gate.channel == "label" and not quick else 1
    return Asking(channel=gate.channel, system=SYSTEM, orders=orders)


def _weighed(model: Chooser, problems: ProblemSet, asking: Asking) -> Answers:
    """Ask without any system text, since the published baseline is a persona; then in every arm.

    Where answers are written, right (1) or wrong (0) takes the place of the probability.
    """
    bare = Arm(name="no-system-text", induction=unchanged, persona=nobody(), group="control")
    answers = Answers.concat(
        [
            ask_grid(model, [bare], problems, replace(asking, system=None)).tag(
                respondent=bare.name
            ),
            ask_grid(model, _arms(problems), problems, asking),
        ]
    )
    probability = pl.coalesce("expected", "value").alias("expected")
    return Answers(answers.rows.with_columns(probability))


def _verdicts(
    gate: Ability, shifts: Sequence[Effect], fitted: Sequence[tuple[str, Effect]]
) -> list[Part]:
    overall = {e.condition: e for e in shifts if not e.scale}
    experts = [e for name, e in overall.items() if name.endswith("-expert")]
    better = [e.condition for e in experts if e.verdict == "better"]
    worse = [e.condition for e in overall.values() if e.verdict == "worse"]
    own = [e for fit, e in fitted if fit == "in-domain"]
    helped = sum(e.verdict == "better" for e in own)
    limits = [e.detectable for e in overall.values() if not np.isnan(e.detectable)]
    power = "can't say what it would have found: no question's answer varied"
    if limits:
        power = f"would have found a shift of {max(limits):.1%} over all questions in 4 of 5 cases"
    paragraph = overall["neutral-paragraph"].shift.value
    return [
        verdict(gate.sentence),
        verdict(
            f"{len(better)} of {len(experts)} experts are more often right than no persona (Holm)"
            f"{': ' + ', '.join(better) if better else ''}; less often right: "
            f"{', '.join(worse) or 'none'}. A paragraph without content shifts the rate by "
            f"{paragraph:+.1%}."
        ),
        verdict(
            f"In their own field {helped} of {len(own)} experts are shown to help (Holm). "
            f"This run {power}."
        ),
    ]


def _kind(name: str) -> str:
    return "expert" if name.endswith("-expert") else "knows little" if name in LOW else "control"


def _levels(weighed: Answers) -> Table:
    """Tabulate the average rate and the shares of questions right in 25, 23 and 13 of 25 draws.

    Computed from each question's probability: the count of right draws is binomial.
    """
    names = list(dict.fromkeys(weighed.rows["respondent"].to_list()))
    scores, _ = question_scores(weighed, "respondent", names, use="expected")
    rows: list[Row] = []
    for name, chances in zip(names, scores, strict=True):
        known = chances[~np.isnan(chances)]
        shares = {
            label: float(scipy.stats.binom.sf(k - 1, TRIALS, known).mean()) for label, k in LEVELS
        }
        rows.append({"condition": name, "average": float(known.mean()), **shares})
    note = (
        "Expected shares of questions right in at least 25, 23 and 13 of 25 draws, computed from "
        "the options' probabilities; no such draws were made."
    )
    return table("levels", "How strict a count", rows, note)


def _fit(weighed: Answers, problems: ProblemSet, seed: int) -> list[tuple[str, Effect]]:
    """Compare each field's in-domain, adjacent and unrelated expert with no persona; one family."""
    relations: list[str] = []
    shifts: list[Effect] = []
    present = set(weighed.rows["respondent"].to_list())
    for field in problems.fields:
        near, far = FIT.get(field, ("", ""))
        experts = {"in-domain": field, "adjacent": near, "unrelated": far}
        fits = {f"{e}-expert": fit for fit, e in experts.items() if f"{e}-expert" in present}
        answers = weighed.rows.filter(
            (pl.col("scale") == field) & pl.col("respondent").is_in([CONTROL, *fits])
        )
        for effect in effects(Answers(answers), CONTROL, use="expected", seed=seed):
            relations.append(fits[effect.condition])
            shifts.append(effect)
    return list(zip(relations, adjust_family(shifts), strict=True))


def _fit_table(fitted: Sequence[tuple[str, Effect]]) -> Table:
    rows = [
        _fit_row(effect.condition, fit, effect.shift, effect.holm, effect.verdict)
        for fit, effect in fitted
    ]
    for fit in ("in-domain", "adjacent", "unrelated"):
        values = [effect.shift.value for relation, effect in fitted if relation == fit]
        overall = paired_permutation(values, name=fit, of="field", unit="rate")
        rows.append(_fit_row("mean over fields", fit, overall, None, ""))
    note = "Shift against no persona on the questions of one field; Holm over all fields."
    return table("fit", "Fit of expert and field", rows, note)


def _fit_row(who: str, fit: str, shift: Estimate, adjusted: float | None, verdict: str) -> Row:
    return {
        "expert": who,
        "field of the questions": fit,
        **with_p("shift", shift),
        "p (Holm)": adjusted,
        "verdict": verdict,
    }
