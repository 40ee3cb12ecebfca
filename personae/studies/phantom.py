"""Whether a personality changes what a model infers about other people's knowledge.

System   phantom
Paper    Tan, Yeo, Wu, Xu, Jain, Chadha, Jaidka, Liu & Ng 2024 (arXiv:2403.02246)
Asks     Do Big Five and dark-triad personas change theory-of-mind answers, and do the same
         personas move the model's own choices?
Differs  the protocol is fixed here, as no code was published: one system text a pole, of
         behaviours; low poles and personas without content as controls; problems weighed by
         likelihood, so that a change of format is no loss of reasoning; accuracy counts a lost
         answer as wrong (weighted F1 rewards losing it); true and false belief apart and together;
         the personality test shares no words with the prompts; lists of characters are left out
Version  1
"""

from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path

import numpy as np
import polars as pl

from personae.core import (
    CONTROL,
    Answers,
    Chooser,
    Estimate,
    Heading,
    Note,
    Persona,
    Report,
    Table,
)
from personae.designs.ability import Ability, ability
from personae.designs.arms import CONTROL_ARM, NEUTRAL, Arm
from personae.designs.grid import Asking, ask_grid
from personae.designs.question_effects import Effect, effects, effects_table, question_scores
from personae.induce.prompt.prompt_inductions import own_text
from personae.measure.situations.situation_bank import ask_bank, load_bank, pole_text
from personae.measure.tasks.problems import ProblemSet
from personae.measure.tasks.theory_of_mind import belief_problems, by_scene, fantom, load_scenes
from personae.report.build import Row, coverage, forest, table, verdict
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.multiplicity import planned_holm
from personae.stats.prediction.classification import weighted_f1
from personae.stats.resample import mean

__all__ = ["phantom"]

BIG = ("Openness", "Conscientiousness", "Extraversion", "Agreeableness", "Neuroticism")
DARK = ("Machiavellianism", "Narcissism", "Psychopathy")


def phantom(
    model: Chooser,
    tasks: str = "",
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Ask theory-of-mind questions, and for choices in situations, under eight personalities.

    Args:
        model: who is asked; likelihoods are needed.
        tasks: BigToM's CSV or FANToM's JSON; fourteen scenes of our own if none is given.
        seed: seed of the resampling.
        quick: high poles only, beliefs reasoned forward, two situations a trait.
    """
    problems = _problems(tasks, quick=quick)
    gate = ability(model, problems)
    arms = _arms(quick=quick)
    answers = ask_grid(model, arms, problems, Asking(channel=gate.channel))
    shifts = effects(by_scene(answers), CONTROL, seed=seed, of="scene")
    choices = _choices(model, arms, 2 if quick else 10)
    rises = _choice_rises(choices, seed)
    return Report(
        title=f"Personality and theory of mind: {model.name}",
        parts=(
            *_verdicts(gate, shifts, rises),
            Heading("Theory of mind by personality"),
            forest(
                "minds",
                "Change of accuracy against no persona",
                [(e.condition, _family(e.condition), e.shift) for e in shifts if not e.scale],
                "rate",
                form="+.1%",
            ),
            effects_table(shifts, "effects", "Accuracy", CONTROL),
            _beliefs_table(answers, seed),
            *_weighted_f1_table(answers, problems),
            Heading("Do the same personas move the model's own choices?"),
            _rises_table(rises),
            _spread_table(shifts, rises),
            Heading("Before any persona"),
            gate.table(),
            coverage(Answers.concat([answers, choices]), ("respondent", "channel")),
        ),
        answers=Answers.concat([gate.answers.tag(respondent=CONTROL), answers, choices]),
    )


def _problems(tasks: str, *, quick: bool) -> ProblemSet:
    if Path(tasks).suffix == ".json":
        return fantom(tasks)
    scenes = load_scenes(tasks)
    if quick:
        return belief_problems(scenes[:12], variables=("forward belief",), shown=(False,))
    return belief_problems(scenes)


def _arms(*, quick: bool) -> list[Arm]:
    poles = (True,) if quick else (True, False)
    personas = [
        Persona(id=trait if high else f"low {trait}", text=pole_text(trait, high))
        for trait in (*BIG, *DARK)
        for high in poles
    ]
    personas.append(Persona(id="ordinary", text="You are an ordinary person."))
    personas.append(Persona(id="page", text=NEUTRAL))
    return [CONTROL_ARM, *(Arm(name="system", induction=own_text, persona=p) for p in personas)]


def _family(condition: str) -> str:
    trait = condition.removeprefix("low ")
    return "Big Five" if trait in BIG else "dark triad" if trait in DARK else "control"


def _choices(model: Chooser, arms: Sequence[Arm], count: int) -> Answers:
    """Ask each high pole, and the unchanged model, to choose in situations of that pole's trait."""
    bank = load_bank()
    answers = []
    for trait in (*BIG, *DARK):
        situations = bank.of(trait).first(count)
        for arm in arms:
            if arm.persona.id in (trait, CONTROL_ARM.persona.id):
                with arm.induction(model, arm.persona) as speaker:
                    chosen = ask_bank(
                        speaker, situations, "bare", ("0123", "3210"), channel="option"
                    )
                answers.append(chosen.tag(respondent=arm.persona.id, arm=arm.name))
    return Answers.concat(answers)


Rises = Mapping[str, tuple[Estimate, float]]
"""Trait -> the rise of its choices under its own persona, and p after Holm."""


def _choice_rises(choices: Answers, seed: int) -> Rises:
    """Estimate, for each trait, the rise of its high choices under its own persona."""
    rises = []
    for trait in (*BIG, *DARK):
        own = choices.where(scale=trait, status="ok")
        scores, _ = question_scores(own, "respondent", [CONTROL, trait], use="expected")
        known = scores[:, ~np.isnan(scores).any(axis=0)]
        gaps = known[1] - known[0]
        rises.append(paired_permutation(gaps, name=trait, of="situation", unit="share", seed=seed))
    adjusted = planned_holm(rise.p for rise in rises)
    return {rise.name: (rise, p) for rise, p in zip(rises, adjusted, strict=True)}


def _shifts_of(shifts: Sequence[Effect], conditions: Sequence[str]) -> list[float]:
    """List the known shifts of some conditions over all questions."""
    overall = {effect.condition: effect.shift.value for effect in shifts if not effect.scale}
    return [overall[c] for c in conditions if c in overall and not isnan(overall[c])]


def _verdicts(gate: Ability, shifts: Sequence[Effect], rises: Rises) -> list[Note]:
    traits = [e for e in shifts if not e.scale and e.condition in (*BIG, *DARK)]
    changed = [f"{e.condition} ({e.verdict})" for e in traits if e.verdict in ("worse", "better")]
    noise = max(map(abs, _shifts_of(shifts, ("ordinary", "page"))), default=float("nan"))
    dark, big = (np.mean(np.abs(_shifts_of(shifts, traits))) for traits in (DARK, BIG))
    risen = [trait for trait, (rise, p) in rises.items() if p < 0.05 and rise.value > 0]
    return [
        verdict(gate.sentence),
        verdict(
            f"Of {len(traits)} personalities these change theory of mind (Holm): "
            f"{', '.join(changed) or 'none is shown to'}. A persona without content moves accuracy "
            f"by up to {noise:.1%}; dark traits by {dark:.1%} on average, Big Five by {big:.1%}."
        ),
        verdict(
            f"Their own trait's choices rise (Holm) under {len(risen)} of {len(rises)} personas"
            f"{': ' + ', '.join(risen) if risen else ''}."
        ),
    ]


def _beliefs_table(answers: Answers, seed: int) -> Table:
    """Tabulate accuracy on true beliefs, on false ones, and on both of a scene."""
    scene = pl.col("item").str.replace("/(true|false) belief/", "/", literal=False)
    beliefs = answers.rows.filter(pl.col("scale").is_in(["true belief", "false belief"]))
    beliefs = beliefs.with_columns(
        scene.alias("scene"), pl.col("value").fill_null(0.0).alias("right")
    )
    rows: list[Row] = []
    for respondent in dict.fromkeys(answers.rows["respondent"].to_list()):
        own = beliefs.filter(pl.col("respondent") == respondent)
        row: Row = {"personality": respondent}
        for scale in ("true belief", "false belief"):
            values = own.filter(pl.col("scale") == scale)["right"].to_numpy()
            row[scale] = float(values.mean()) if values.size else None
        both = own.group_by("scene", maintain_order=True).agg(pl.col("right").min())["right"]
        row["both right"] = mean(
            both.to_numpy(), name="both right", of="scene", unit="rate", seed=seed
        )
        rows.append(row)
    note = (
        "Both right: a scene counts if its true and its false belief are both answered correctly."
    )
    return table("beliefs", "True and false belief", rows, note)


def _weighted_f1_table(answers: Answers, problems: ProblemSet) -> list[Table]:
    """Tabulate the published weighted F1 of yes/no tasks; no table without such tasks."""
    gold = {p.id: p.answer for p in problems.problems if set(p.options) == {"Yes", "No"}}
    if not gold:
        return []
    rows: list[Row] = []
    for respondent in dict.fromkeys(answers.rows["respondent"].to_list()):
        own = answers.where(respondent=respondent).rows.filter(pl.col("item").is_in(list(gold)))
        replies = [raw if status == "ok" else "" for raw, status in own["raw", "status"].rows()]
        score = weighted_f1([gold[item] for item in own["item"]], replies)
        rows.append({"personality": respondent, "weighted F1": score})
    note = "As published; a lost reply costs less than a wrong one."
    return [table("weighted_f1", "Weighted F1 of yes and no", rows, note)]


def _rises_table(rises: Rises) -> Table:
    note = (
        "Rise, against no persona, of the probability of choosing what a person high in the trait "
        "would do, under that trait's persona; situations share no words with the prompts."
    )
    rows: list[Row] = [
        {"trait": trait, "rise": rise, "p": rise.p, "p (Holm)": p}
        for trait, (rise, p) in rises.items()
    ]
    return table("controllability", "Controllability", rows, note)


def _spread_table(shifts: Sequence[Effect], rises: Rises) -> Table:
    moves = _shifts_of(shifts, (*BIG, *DARK))
    known = [rise.value for rise, _ in rises.values() if not isnan(rise.value)]
    rows: list[Row] = [
        {
            "what": "SD of accuracy over the eight",
            "value": float(np.std(moves, ddof=1)) if len(moves) > 1 else None,
        },
        {"what": "range over the eight", "value": float(np.ptp(moves)) if moves else None},
        {"what": "mean rise of own choices", "value": float(np.mean(known)) if known else None},
    ]
    note = "To compare models, put their rows side by side."
    return table("spread", "Spread over personalities", rows, note)
