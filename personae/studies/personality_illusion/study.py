"""Whether what a model reports of itself goes together with how it acts.

System   personality-illusion
Paper    Han, Kocielnik, Song, Debnath, Mobbs, Anandkumar & Alvarez 2025 (arXiv:2509.03730)
Asks     Do personas move questionnaire scores, do they move behaviour in four tasks, and does the
         behaviour move in the directions known from people?
Differs  own tasks, questions and self-regulation scale; opposite personas in place of persona
         against default; answers keyed by name (a lost answer shifts nothing) and never filled in;
         both option orders; slopes within and between models apart; thirty tests corrected; the
         share of expected signs has clusters of acts under one prompt; sycophancy is the pull of
         both opinions (its floor is 0; who answers at random turns half of all answers)
Version  1
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

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
    Table,
    load_behaviour_task,
    load_inventory,
)
from personae.designs.report_behaviour import BehaviourMeasure, Profile, movement, profiles
from personae.measure.gate import content_gate
from personae.studies.personality_illusion.coupling import coupling
from personae.studies.personality_illusion.floors import floors
from personae.studies.personality_illusion.illusion_parts import (
    acts_table,
    contexts,
    moved,
    persona_odds,
    regressions,
    stages,
    verdicts,
)
from personae.studies.personality_illusion.injected import TRAITS, Session, conditions, run_session

__all__ = ["personality_illusion"]

INVENTORY = "ipip-neo-120"
TASKS = ("cards", "opinions", "associations", "honesty")
QUICK_TRAITS = ("A", "N", "SR")
Context = Literal["separate", "shared", "both"]


def personality_illusion(
    model: Chooser,
    others: tuple[str, ...] = (),
    context: Context = "separate",
    srq: str | None = None,
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Ask questionnaires and tasks under opposite personas; report whether they go together.

    Args:
        model: who is asked; likelihoods are needed.
        others: answers.parquet of earlier runs of this study with other models or training
            stages, each as NAME=PATH, to be compared with this one.
        context: separate, shared (the tasks follow the questionnaires in one conversation), both.
        srq: CSV (item,text) with your own copy of the 63-item Self-Regulation Questionnaire;
            without it Personae's open scale is asked.
        seed: seed of the resampling.
        quick: three traits in one wording, short questionnaires and tasks.

    Raises:
        InputError: an unknown context, or files that are not what they should be.
    """
    if context not in ("separate", "shared", "both"):
        raise InputError(f"context is separate, shared or both, not {context!r}")
    traits = QUICK_TRAITS if quick else tuple(TRAITS)
    tools, acts = _instruments(srq, traits, quick=quick)
    pairs = 4 if quick else 6
    gated = load_inventory(INVENTORY).few(2 * pairs)
    gate = content_gate(model, gated, pairs_per_scale=pairs, seed=seed)
    asked = _ask(model, tools, acts, gate.main or "statement", (context, traits, quick))
    whole = Answers.concat([asked, *(_other(text, asked) for text in others)])
    people = profiles(whole, tools, acts)
    main = "shared" if context == "shared" else "separate"
    kept = [p for p in people if p.context == main]
    own = [p for p in kept if p.model == model.name]
    found = movement(own, acts, traits, seed=seed)
    return Report(
        title=f"Self-report and behaviour: {model.name}",
        parts=(
            Note(gate.sentence, "verdict"),
            *verdicts(found, seed),
            *moved(found, acts, seed),
            Heading("Behaviour without a persona"),
            *floors(asked.where(context=main), acts, model.name, seed),
            acts_table(found, acts),
            Heading("Do reports predict acts over conditions?"),
            coupling(own, acts, traits, seed=seed),
            *regressions(kept, acts, traits),
            persona_odds(kept, seed),
            *_compared(people, acts, traits, (main, seed)),
            Heading("Coverage"),
            *gate.parts(),
            *_coverage(whole),
        ),
        answers=Answers.concat([gate.answers.tag(model=model.name), whole]),
    )


def _instruments(
    srq: str | None, traits: Sequence[str], *, quick: bool
) -> tuple[tuple[Inventory, ...], list[BehaviourMeasure]]:
    """Load questionnaires for the traits (short ones if quick) and the acts of all tasks."""
    big = load_inventory(INVENTORY).few(8 if quick else 12)
    big = replace(big, items=tuple(item for item in big.items if item.scale in traits))
    regulation = load_inventory("srq", srq) if srq else load_inventory("open-self-regulation")
    tools = (big, regulation.few(8) if quick else regulation)
    tasks = [load_behaviour_task(name).every(4 if quick else 1) for name in TASKS]
    return tools, [BehaviourMeasure(task, measure) for task in tasks for measure in task.measures]


def _ask(
    model: Chooser,
    tools: Sequence[Inventory],
    acts: Sequence[BehaviourMeasure],
    channel: Channel,
    size: tuple[Context, Sequence[str], bool],
) -> Answers:
    """Sit the model down under every condition, in one or both contexts."""
    context, traits, quick = size
    tasks = list({act.task.name: act.task for act in acts}.values())
    act: Channel = "option" if channel == "statement" else channel
    sheets = []
    for one in ("separate", "shared") if context == "both" else (context,):
        sitting = Session(tools=tools, tasks=tasks, report=channel, act=act, context=one)
        sheets += [run_session(model, c, sitting) for c in conditions(traits, 1 if quick else 3)]
    return Answers.concat(sheets)


def _other(text: str, asked: Answers) -> Answers:
    """Read an earlier run's answers, NAME=PATH; the name stands for the model.

    It must have asked the same questions, or its scores could not be compared.
    """
    name, equals, path = text.partition("=")
    if not equals or not name or not Path(path).is_file():
        raise BadFile(f"others are NAME=PATH of an answers.parquet that exists, not {text!r}")
    try:
        rows = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BadFile(f"{path}: not answers of a run ({error})") from error
    lacking = {"context", "trait", "sign", "strategy", "group"} - set(rows.columns)
    if lacking:
        raise BadFile(f"{path}: not answers of this study; it lacks {', '.join(sorted(lacking))}")
    found = Answers(rows.filter(pl.col("context").is_not_null())).tag(model=name)
    if name in asked.rows["model"].unique():
        raise InputError(f"{text!r}: {name!r} is the model asked now; give the other one its name")
    if set(found.rows["item"]) != set(asked.rows["item"]):
        raise InputError(
            f"{path}: that run asked other questions than this one; run both in full or both "
            "with --quick, with the same questionnaires and in the same channel"
        )
    return found


def _compared(
    people: Sequence[Profile],
    acts: Sequence[BehaviourMeasure],
    traits: Sequence[str],
    how: tuple[str, int],
) -> list[Part]:
    """Compare contexts and models, or say that there is only one."""
    main, seed = how
    parts: list[Part] = [Heading("Contexts, models and training stages")]
    if len({p.context for p in people}) > 1:
        parts += contexts(people, acts, traits, seed)
    else:
        parts.append(Note(f"One context was asked, {main}; --context both compares them."))
    kept = [p for p in people if p.context == main]
    if len({p.model for p in kept}) > 1:
        return [*parts, *stages(kept, acts, traits, seed)]
    parts.append(
        Note(
            "One model was asked: models and training stages can't be compared. Run this study "
            "with each, then once more with --others base=out/base/answers.parquet."
        )
    )
    return parts


def _coverage(whole: Answers) -> list[Part]:
    counted = whole.missing(by=("model", "context", "arm", "channel"))
    lost = whole.rows.filter(pl.col("status") != "ok").height
    note = "A missing answer is left out of every score, never filled in."
    parts: list[Part] = [
        Table(
            name="coverage",
            title="Coverage",
            columns=tuple(counted.columns),
            rows=tuple(counted.rows()),
            note=note,
        )
    ]
    if lost:
        parts.append(Note(f"{lost} of {len(whole)} answers are missing.", "warning"))
    return parts
