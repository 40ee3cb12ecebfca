"""The card's section on side effects: changes that nobody requested.

Each induction of the persona is compared with the same model without it, on the same questions.
A text without content is induced too: its shifts are the effect of a system message as such.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
import polars as pl

from personae.card.section import CardContext, Section
from personae.core import (
    Answers,
    Array,
    Chooser,
    Heading,
    Note,
    OpenModel,
    Part,
    Persona,
    Sampling,
    Table,
)
from personae.designs.ability import ability
from personae.designs.arms import CONTROL_ARM, NEUTRAL, Arm
from personae.designs.grid import Asking, ask_grid
from personae.designs.harms import stereotypes
from personae.designs.question_effects import question_scores
from personae.induce.prompt.prompt_inductions import persona_text
from personae.induce.steer.steer_inductions import steer_induction
from personae.measure.tasks.opinions import Opinion, ask_opinions, load_opinions
from personae.measure.tasks.problems import load_problems
from personae.measure.tasks.theory_of_mind import belief_problems, by_scene, load_scenes
from personae.report.build import Row, coverage, forest, table, verdict, with_p
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.effects.families import PairedShift, adjust_family, difference_spread

__all__ = ["side_effects"]

FLOOR = "a text without content"
MEASURES = (
    "reasoning",
    "theory of mind",
    "abstention",
    "agreement with the user",
    "agreement with stereotypes",
)
"""A fall of the first two, which are abilities, is damage; for the others a rise is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effect(PairedShift):
    """One measure's shift (rate) under an arm; `without` is its rate without persona."""

    arm: str
    measure: str
    without: float

    @property
    def verdict(self) -> str:
        """Rises, falls, not shown or not known; by the Holm-adjusted p."""
        if isnan(self.shift.value):
            return "not known"
        if self.holm >= 0.05 or self.shift.value == 0:
            return "not shown"
        return "rises" if self.shift.value > 0 else "falls"


def side_effects(context: CardContext) -> Section:
    """Compare abilities, abstention and agreement with and without the persona."""
    arms = _arms(context)
    gate, sheets = _ask(context, arms)
    effects = _effects(sheets, [a.name for a in arms], context.seed)
    parts: tuple[Part, ...] = (
        Heading("Side effects"),
        _verdict(effects),
        forest(
            "side_effects",
            "Change against the model without persona",
            [(e.arm, e.measure, e.shift) for e in effects],
            "rate",
            form="+.1%",
        ),
        _table(effects),
        Note(gate),
        coverage(
            Answers.concat([sheet.tag(measure=name) for name, sheet in sheets.items()]),
            ("measure", "arm"),
            name="side_effects_coverage",
            title="Coverage of the side effects",
        ),
    )
    return Section(parts=parts, answers=Answers.concat(list(sheets.values())))


def _verdict(effects: Sequence[_Effect]) -> Note:
    floor = {e.measure: e.shift.value for e in effects if e.arm == FLOOR}
    shown = ", ".join(
        f"{e.measure} {e.verdict} by {abs(e.shift.value):.0%} ({e.arm}; {FLOOR}: "
        f"{floor[e.measure]:+.0%})"
        for e in effects
        if e.verdict in ("rises", "falls") and e.arm != FLOOR
    )
    limits = [e.detectable for e in effects if e.measure == "reasoning" and not isnan(e.detectable)]
    least = f" A change of reasoning below {max(limits):.0%} would go undetected." if limits else ""
    return verdict(f"Side effects shown (Holm): {shown or 'none'}.{least}")


def _arms(context: CardContext) -> list[Arm]:
    arms = [CONTROL_ARM, Arm(name=context.arm.name, induction=context.arm, persona=context.persona)]
    goal = any(":" not in t for t in context.persona.traits)
    if isinstance(context.model, OpenModel) and goal:
        steer = steer_induction("steer")
        arms.append(Arm(name=steer.name, induction=steer, persona=context.persona))
    floor = Persona(id=FLOOR, text=NEUTRAL)
    return [*arms, Arm(name=FLOOR, induction=persona_text, persona=floor)]


def _ask(context: CardContext, arms: Sequence[Arm]) -> tuple[str, dict[str, Answers]]:
    """Ask every measure's questions under every arm; a sheet a measure."""
    model, quick = context.model, context.quick
    problems = load_problems("plain-knowledge").per_field(1 if quick else 2)
    gate = ability(model, problems, orders=1)
    asking = Asking(channel=gate.channel)
    scenes = belief_problems(
        load_scenes()[: 4 if quick else 8],
        variables=("forward belief",),
        shown=(False,),
        conditions=("true belief", "false belief"),
    )
    short = Asking(channel="reply", sampling=Sampling(max_tokens=24))
    claims = load_opinions(pairs=3 if quick else 6)
    return gate.sentence, {
        MEASURES[0]: ask_grid(model, arms, problems, asking),
        MEASURES[1]: by_scene(ask_grid(model, arms, scenes, asking)),
        MEASURES[2]: ask_grid(model, arms, problems.per_field(1), short),
        MEASURES[3]: _stances(model, arms, claims),
        MEASURES[4]: _stances(model, arms, stereotypes(6 if quick else 12)),
    }


def _stances(model: Chooser, arms: Sequence[Arm], opinions: Sequence[Opinion]) -> Answers:
    sheets = []
    for arm in arms:
        with arm.induction(model, arm.persona) as speaker:
            sheet = ask_opinions(speaker, arm.persona.id, opinions, "option")
        level = pl.col("expected") / 3
        sheets.append(Answers(sheet.tag(arm=arm.name).rows.with_columns(level.alias("expected"))))
    return Answers.concat(sheets)


def _effects(sheets: Mapping[str, Answers], names: Sequence[str], seed: int) -> list[_Effect]:
    shifts = []
    for measure, sheet in sheets.items():
        use = "expected" if measure in MEASURES[3:] else "value"
        scores, _ = question_scores(_counted(measure, sheet), "arm", names, use=use)
        for row, name in enumerate(names[1:], start=1):
            changes = scores[row] - scores[0]
            shifts.append(
                _Effect(
                    arm=name,
                    measure=measure,
                    without=_mean(scores[0]),
                    shift=paired_permutation(
                        changes, name=name, of="question", unit="rate", seed=seed
                    ),
                    spread=difference_spread(changes[~np.isnan(changes)]),
                )
            )
    return adjust_family(shifts)


def _mean(scores: Array) -> float:
    known = scores[~np.isnan(scores)]
    return float(known.mean()) if known.size else float("nan")


def _counted(measure: str, sheet: Answers) -> Answers:
    """Score abstentions as 1, and leave missing stances out; problems stay as they are."""
    if measure == MEASURES[2]:
        refused = (pl.col("status") == "refused").cast(pl.Float64).alias("value")
        answered = sheet.rows.filter(pl.col("status") != "error")
        return Answers(answered.with_columns(refused, pl.lit("ok").alias("status")))
    return sheet.where(status="ok") if measure in MEASURES[3:] else sheet


def _table(effects: Sequence[_Effect]) -> Table:
    rows: list[Row] = [
        {
            "measure": e.measure,
            "induction": e.arm,
            "without persona": e.without,
            **with_p("change", e.shift, e.holm),
            "detectable change": e.detectable,
            "verdict": e.verdict,
        }
        for e in effects
    ]
    note = (
        "Paired by question; a missing answer to a problem is wrong. Opinions are stated with "
        "their opposites, so that agreement is with the user. Detectable: in 4 of 5 such runs."
    )
    return table("side_effects", "Side effects", rows, note)
