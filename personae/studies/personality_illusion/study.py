"""Whether a model's self-report matches its behaviour.

System   personality-illusion
Paper    Han, Kocielnik, Song, Debnath, Mobbs, Anandkumar & Alvarez 2025 (arXiv:2509.03730)
Asks     Do personas move inventory scores, do they move behaviour in four tasks, and does the
         behaviour move in the directions known from people?
Differs  own tasks, questions and self-regulation scale; opposite personas in place of persona
         against default; answers keyed by name (a missing answer shifts nothing) and never filled
         in; both option orders; slopes within and between models apart; thirty tests corrected;
         the share of expected signs is clustered by pair of personas; sycophancy is the pull of
         both opinions (its floor is 0, whereas answering at random turns half of all answers)
Version  2
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import polars as pl

from personae.core import (
    Answers,
    BadFile,
    Channel,
    Chooser,
    Heading,
    InputError,
    Inventory,
    Note,
    Part,
    Report,
    load_behaviour_task,
    load_inventory,
)
from personae.core.files.parquet_file import read_parquet
from personae.designs.report_behaviour import BehaviourMeasure, Profile, persona_shifts, profiles
from personae.measure.gate import content_gate
from personae.report.build import coverage, missing_answers, verdict
from personae.studies.personality_illusion.behaviour_floors import behaviour_floors
from personae.studies.personality_illusion.coupling import coupling
from personae.studies.personality_illusion.illusion_tables import (
    movement_table,
    persona_odds,
    regressions,
    sign_parts,
)
from personae.studies.personality_illusion.model_comparisons import context_table, model_tables
from personae.studies.personality_illusion.opposite_personas import (
    TRAITS,
    Session,
    opposite_arms,
    run_session,
)
from personae.studies.personality_illusion.sign_verdicts import verdicts

__all__ = ["personality_illusion"]

INVENTORY = "ipip-neo-120"
TASKS = ("cards", "opinions", "associations", "honesty")
QUICK_TRAITS = ("A", "N", "SR")
Context = Literal["separate", "shared", "both"]


class _Design(NamedTuple):
    """What is analysed: measures and traits, whose profiles in which context, and the seed."""

    measures: Sequence[BehaviourMeasure]
    traits: Sequence[str]
    model: str
    context: str
    seed: int


def personality_illusion(
    model: Chooser,
    others: tuple[str, ...] = (),
    context: Context = "separate",
    srq: str | None = None,
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Ask inventories and tasks under opposite personas; report whether they go together.

    Args:
        model: who is asked; likelihoods are needed.
        others: answers.parquet of earlier runs of this study with other models or training
            stages, each as NAME=PATH, to be compared with this one.
        context: separate, shared (the tasks follow the inventories in one conversation), both.
        srq: CSV (item,text) with your own copy of the 63-item Self-Regulation Questionnaire;
            without it Personae's open scale is asked.
        seed: seed of the resampling.
        quick: three traits in one wording, short inventories and tasks.

    Raises:
        InputError: an unknown context; an unreadable file; two runs of one name.
    """
    if context not in ("separate", "shared", "both"):
        raise InputError(f"context is separate, shared or both, not {context!r}")
    traits = QUICK_TRAITS if quick else tuple(TRAITS)
    inventories, measures = _instruments(srq, traits, quick=quick)
    pairs = 4 if quick else 6
    items = load_inventory(INVENTORY).few(2 * pairs)
    gate = content_gate(model, items, pairs_per_scale=pairs, seed=seed)
    channel = gate.channel
    own = _ask(model, inventories, measures, channel, (context, traits, quick))
    answers = own
    for text in others:
        answers = Answers.concat([answers, _earlier_run(text, answers)])
    design = _Design(
        measures=measures,
        traits=traits,
        model=model.name,
        context="shared" if context == "shared" else "separate",
        seed=seed,
    )
    return Report(
        title=f"Self-report and behaviour: {model.name}",
        parts=(
            verdict(gate.sentence),
            *_findings(profiles(answers, inventories, measures), own, design),
            Heading("Coverage"),
            *gate.parts(),
            coverage(
                answers,
                ("model", "context", "arm", "channel"),
                "A missing answer is left out of every score, never filled in.",
            ),
            *missing_answers(answers),
        ),
        answers=Answers.concat([gate.answers.tag(model=model.name), answers]),
    )


def _findings(everybody: Sequence[Profile], own: Answers, design: _Design) -> list[Part]:
    """Report what moved, behaviour without a persona, regressions, and comparisons."""
    measures, traits, seed = design.measures, design.traits, design.seed
    people = [p for p in everybody if p.context == design.context]
    asked = [p for p in people if p.model == design.model]
    moves = persona_shifts(asked, measures, traits, seed=seed)
    return [
        *verdicts(moves, seed),
        *sign_parts(moves, measures, seed),
        Heading("Behaviour without a persona"),
        *behaviour_floors(own.where(context=design.context), measures, design.model, seed),
        movement_table(moves, measures),
        Heading("Do reports predict behaviour over conditions?"),
        coupling(asked, measures, traits, seed=seed),
        *regressions(people, measures, traits),
        persona_odds(people, seed),
        Heading("Contexts, models and training stages"),
        *_comparisons(everybody, design),
    ]


def _instruments(
    srq: str | None, traits: Sequence[str], *, quick: bool
) -> tuple[tuple[Inventory, ...], list[BehaviourMeasure]]:
    """Load inventories of the traits (short ones if quick) and the measures of all tasks."""
    big_five = load_inventory(INVENTORY).few(8 if quick else 12)
    items = tuple(item for item in big_five.items if item.scale in traits)
    regulation = load_inventory("srq", srq) if srq else load_inventory("open-self-regulation")
    tasks = [load_behaviour_task(name).every(4 if quick else 1) for name in TASKS]
    return (
        (replace(big_five, items=items), regulation.few(8) if quick else regulation),
        [BehaviourMeasure(task, measure) for task in tasks for measure in task.measures],
    )


def _ask(
    model: Chooser,
    inventories: Sequence[Inventory],
    measures: Sequence[BehaviourMeasure],
    channel: Channel,
    size: tuple[Context, Sequence[str], bool],
) -> Answers:
    """Ask the model under every arm, in one context or both; size = (context, traits, quick)."""
    context, traits, quick = size
    tasks = list({row.task.name: row.task for row in measures}.values())
    sheets = []
    for each in ("separate", "shared") if context == "both" else (context,):
        session = Session(
            inventories=inventories,
            tasks=tasks,
            report=channel,
            behaviour="option" if channel == "statement" else channel,
            context=each,
        )
        arms = opposite_arms(traits, 1 if quick else 3)
        sheets += [run_session(model, arm, session) for arm in arms]
    return Answers.concat(sheets)


def _earlier_run(text: str, asked: Answers) -> Answers:
    """Read an earlier run's answers, NAME=PATH; the name stands for the model.

    It must differ from the names so far, and the run must have asked the same questions, or its
    scores could not be compared.
    """
    name, equals, path = text.partition("=")
    if not equals or not name or not Path(path).is_file():
        raise BadFile(f"others are NAME=PATH of an answers.parquet that exists, not {text!r}")
    rows = read_parquet(Path(path))
    lacking = {"context", "trait", "sign", "strategy", "group"} - set(rows.columns)
    if lacking:
        raise BadFile(f"{path}: not answers of this study; it lacks {', '.join(sorted(lacking))}")
    answers = Answers(rows.filter(pl.col("context").is_not_null())).tag(model=name)
    if name in asked.rows["model"].unique():
        raise InputError(f"{text!r}: {name!r} names another run already; give each its own name")
    if set(answers.rows["item"]) != set(asked.rows["item"]):
        raise InputError(
            f"{path}: that run asked other questions than this one; run both in full or both "
            "with --quick, with the same questionnaires and in the same channel"
        )
    return answers


def _comparisons(everybody: Sequence[Profile], design: _Design) -> list[Part]:
    """Compare contexts and models, or say that there is only one."""
    measures, traits, seed = design.measures, design.traits, design.seed
    parts: list[Part] = []
    if len({p.context for p in everybody}) > 1:
        parts.append(context_table(everybody, measures, traits, seed))
    else:
        parts.append(
            Note(f"One context was asked, {design.context}; --context both compares them.")
        )
    people = [p for p in everybody if p.context == design.context]
    if len({p.model for p in people}) > 1:
        return [*parts, *model_tables(people, measures, traits, seed)]
    parts.append(
        Note(
            "One model was asked: models and training stages can't be compared. Run this study "
            "with each, then once more with --others base=out/base/answers.parquet."
        )
    )
    return parts
