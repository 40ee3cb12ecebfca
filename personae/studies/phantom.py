"""Whether a personality changes who the model thinks knows what.

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

from collections.abc import Sequence
from math import isnan
from pathlib import Path

import numpy as np
import polars as pl

from personae.core import (
    CONTROL,
    Answers,
    Cell,
    Chooser,
    Estimate,
    Figure,
    Heading,
    Note,
    Part,
    Persona,
    Report,
    Table,
)
from personae.designs.ability import Ability, ability
from personae.designs.arms import CONTROL_ARM, Arm
from personae.designs.grid import Asking, ask_grid
from personae.designs.identities import NEUTRAL
from personae.designs.question_effects import Effect, effects, effects_table, question_scores
from personae.induce.prompt.prompt_inductions import own_text
from personae.measure.situations.situation_bank import ask_bank, load_bank, pole_text
from personae.measure.tasks.problems import ProblemSet
from personae.measure.tasks.theory_of_mind import belief_problems, by_scene, fantom, load_scenes
from personae.report.build import coverage
from personae.report.render.figure_json import figure_from_data
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.multiplicity import holm
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
    """Ask who knows what under eight personalities; test the same personalities by choices.

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
    found = effects(by_scene(answers), CONTROL, seed=seed, of="scene")
    choices = _choices(model, arms, 2 if quick else 10)
    steered = _controllability(choices, seed)
    return Report(
        title=f"Personality and theory of mind: {model.name}",
        parts=(
            *_verdicts(gate, found, steered),
            Heading("Who knows what, by personality"),
            _picture(found),
            effects_table(found, "effects", "Accuracy", CONTROL),
            _beliefs(answers, seed),
            *_published_measure(answers, problems),
            Heading("Do the same personas move the model's own choices?"),
            _control_table(steered),
            _spread_table(found, steered),
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
    sides = (True,) if quick else (True, False)
    people = [
        Persona(id=trait if high else f"low {trait}", text=pole_text(trait, high))
        for trait in (*BIG, *DARK)
        for high in sides
    ]
    people.append(Persona(id="ordinary", text="You are an ordinary person."))
    people.append(Persona(id="page", text=NEUTRAL))
    return [CONTROL_ARM, *(Arm(name="system", induction=own_text, persona=p) for p in people)]


def _choices(model: Chooser, arms: Sequence[Arm], count: int) -> Answers:
    """Let each high pole, and the model itself, choose in situations of that pole's trait."""
    bank = load_bank()
    sheets = []
    for trait in (*BIG, *DARK):
        part = bank.of(trait).first(count)
        for arm in arms:
            if arm.persona.id in (trait, CONTROL_ARM.persona.id):
                with arm.induction(model, arm.persona) as speaker:
                    sheet = ask_bank(speaker, part, "bare", ("0123", "3210"), channel="option")
                sheets.append(sheet.tag(respondent=arm.persona.id, arm=arm.name))
    return Answers.concat(sheets)


def _controllability(choices: Answers, seed: int) -> list[tuple[str, Estimate, float]]:
    """Estimate, for each trait, the rise of its high choices under its own persona."""
    found = []
    for trait in (*BIG, *DARK):
        part = choices.where(scale=trait, status="ok")
        table, _ = question_scores(part, "respondent", [CONTROL, trait], use="expected")
        known = table[:, ~np.isnan(table).any(axis=0)]
        found.append(
            paired_permutation(
                known[1] - known[0], name=trait, of="situation", unit="share", seed=seed
            )
        )
    adjusted = holm([1.0 if isnan(e.p) else e.p for e in found])
    return [(e.name, e, float(p)) for e, p in zip(found, adjusted, strict=True)]


def _moves(found: Sequence[Effect], names: Sequence[str]) -> list[float]:
    """Give the shifts over all questions of some conditions."""
    whole = {e.condition: e.shift.value for e in found if not e.scale}
    return [whole[n] for n in names if n in whole and not isnan(whole[n])]


def _verdicts(
    gate: Ability, found: Sequence[Effect], steered: Sequence[tuple[str, Estimate, float]]
) -> list[Part]:
    whole = [e for e in found if not e.scale]
    traits = [e for e in whole if e.condition in (*BIG, *DARK)]
    changed = [f"{e.condition} ({e.verdict})" for e in traits if e.verdict in ("worse", "better")]
    noise = max(map(abs, _moves(found, ("ordinary", "page"))), default=float("nan"))
    dark, big = (np.mean(np.abs(_moves(found, names))) for names in (DARK, BIG))
    moved = [name for name, e, p in steered if p < 0.05 and e.value > 0]
    return [
        Note(gate.sentence, "verdict"),
        Note(
            f"Of {len(traits)} personalities these change who knows what (Holm): "
            f"{', '.join(changed) or 'none is shown to'}. A persona without content moves accuracy "
            f"by up to {noise:.1%}; dark traits by {dark:.1%} on average, Big Five by {big:.1%}.",
            "verdict",
        ),
        Note(
            f"Their own trait's choices rise (Holm) under {len(moved)} of {len(steered)} personas"
            f"{': ' + ', '.join(moved) if moved else ''}.",
            "verdict",
        ),
    ]


def _picture(found: Sequence[Effect]) -> Figure:
    def group(name: str) -> str:
        bare = name.removeprefix("low ")
        return "Big Five" if bare in BIG else "dark triad" if bare in DARK else "control"

    whole = [e for e in found if not e.scale]
    rows = [{"name": e.condition, "group": group(e.condition), "estimate": e.shift} for e in whole]
    told = "; ".join(f"{e.condition} {e.shift.value:+.1%}" for e in whole)
    return figure_from_data(
        name="minds",
        title="Change of accuracy against no persona",
        kind="intervals",
        data={"unit": "rate", "reference": 0.0, "rows": rows},
        alt=told,
    )


def _beliefs(answers: Answers, seed: int) -> Table:
    """Tabulate true belief, false belief, and both right in the same scene."""
    names = list(dict.fromkeys(answers.rows["respondent"].to_list()))
    scene = pl.col("item").str.replace("/(true|false) belief/", "/", literal=False)
    kept = answers.rows.filter(pl.col("scale").is_in(["true belief", "false belief"]))
    rows: list[tuple[Cell, ...]] = []
    for name in names:
        own = kept.filter(pl.col("respondent") == name).with_columns(
            scene.alias("scene"), pl.col("value").fill_null(0.0).alias("right")
        )
        cells: list[Cell] = [name]
        for scale in ("true belief", "false belief"):
            values = own.filter(pl.col("scale") == scale)["right"].to_numpy()
            cells.append(float(values.mean()) if values.size else None)
        both = own.group_by("scene", maintain_order=True).agg(pl.col("right").min())["right"]
        cells.append(mean(both.to_numpy(), name="both right", of="scene", unit="rate", seed=seed))
        rows.append(tuple(cells))
    note = "Both right: a scene counts where the true and the false belief are answered rightly."
    columns = ("personality", "true belief", "false belief", "both right")
    return Table(
        name="beliefs", title="True and false belief", columns=columns, rows=tuple(rows), note=note
    )


def _published_measure(answers: Answers, problems: ProblemSet) -> list[Part]:
    """Give the weighted F1 of yes/no tasks beside, as it was published."""
    gold = {p.id: p.answer for p in problems.problems if set(p.options) == {"Yes", "No"}}
    if not gold:
        return []
    rows: list[tuple[Cell, ...]] = []
    for name in dict.fromkeys(answers.rows["respondent"].to_list()):
        own = answers.where(respondent=name).rows.filter(pl.col("item").is_in(list(gold)))
        said = [raw if status == "ok" else "" for raw, status in own["raw", "status"].rows()]
        rows.append((name, weighted_f1([gold[i] for i in own["item"]], said)))
    return [
        Table(
            name="weighted_f1",
            title="Weighted F1 of yes and no",
            rows=tuple(rows),
            columns=("personality", "weighted F1"),
            note="As published; a lost reply costs less than a wrong one.",
        )
    ]


def _control_table(steered: Sequence[tuple[str, Estimate, float]]) -> Table:
    rows: list[tuple[Cell, ...]] = [(name, e, e.p, p) for name, e, p in steered]
    note = (
        "Rise of the probability of choosing what a person high in the trait would do, under that "
        "trait's persona, against no persona; situations share no words with the prompts."
    )
    return Table(
        name="controllability",
        title="Controllability",
        rows=tuple(rows),
        note=note,
        columns=("trait", "rise", "p", "p (Holm)"),
    )


def _spread_table(found: Sequence[Effect], steered: Sequence[tuple[str, Estimate, float]]) -> Table:
    values = _moves(found, (*BIG, *DARK))
    rises = [e.value for _, e, _ in steered if not isnan(e.value)]
    rows: list[tuple[Cell, ...]] = [
        ("SD of accuracy over the eight", float(np.std(values, ddof=1)) if values else None),
        ("range over the eight", float(np.ptp(values)) if values else None),
        ("mean rise of own choices", float(np.mean(rises)) if rises else None),
    ]
    return Table(
        name="spread",
        title="Spread over personalities",
        columns=("what", "value"),
        rows=tuple(rows),
        note="To compare models, put their rows side by side.",
    )
