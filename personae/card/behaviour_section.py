"""The card's section on acts: does behaviour move as the report does?"""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

import numpy as np
import polars as pl

from personae.card.analysis import ChannelScores
from personae.card.section import CardContext, Section
from personae.core import (
    CONTROL,
    Answers,
    Array,
    Cell,
    Channel,
    Estimate,
    Figure,
    Heading,
    Note,
    Part,
    Persona,
    Table,
    load_behaviour_task,
    missing,
    nobody,
)
from personae.designs.report_behaviour import (
    BehaviourMeasure,
    Profile,
    behaviour_shifts,
    unit_shifts,
)
from personae.induce.prompt.prompt_inductions import unchanged
from personae.measure.behaviour.administer_tasks import administer_tasks
from personae.measure.behaviour.behaviour_scores import scores
from personae.report.render.figure_json import figure_from_data
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.resample import bootstrap

__all__ = ["behaviour"]

TASKS = ("cards", "opinions", "associations", "honesty")
ASKED = "persona"
STEP = 4
"""Every fourth situation of a task: the section has to be quick."""


def behaviour(setting: CardContext) -> Section:
    """Let the model act with and without the persona; compare with people and with the report."""
    acts = _acts(setting.persona)
    answers = _asked(setting)
    people = [_profile(answers, acts, arm) for arm in (setting.arm.name, CONTROL)]
    shifts, cells = behaviour_shifts(people, acts, [ASKED], seed=setting.seed)
    toward = _toward(people, acts, setting.seed)
    reading = ChannelScores(
        tool=setting.tool, persona=setting.persona, answers=setting.answers, seed=setting.seed
    )
    report = reading.aligned(setting.arm.name)
    hits = [shift.hit for shift in shifts if not isnan(shift.hit)]
    parts: list[Part] = [
        Heading("Report and behaviour"),
        Note(_verdict(toward, report, (int(sum(hits)), len(shifts))), "verdict"),
        _picture(report, toward, acts, cells),
        _table(acts, cells, answers, setting),
    ]
    lost = answers.rows.filter(pl.col("status") != "ok").height
    if lost:
        parts.append(Note(f"{lost} of {len(answers)} answers to tasks are missing.", "warning"))
    return Section(parts=tuple(parts), answers=answers)


def _acts(persona: Persona) -> list[BehaviourMeasure]:
    """List the acts, each with the one direction that the requested traits together give it."""
    found = []
    for name in TASKS:
        task = load_behaviour_task(name).every(STEP)
        for measure in task.measures:
            push = sum(
                sign * persona.traits.get(trait, 0.0) for trait, sign in measure.signs.items()
            )
            signs = {ASKED: 1 if push > 0 else -1} if abs(push) > 1e-9 else {}
            found.append(BehaviourMeasure(task, replace(measure, signs=signs)))
    return found


def _asked(setting: CardContext) -> Answers:
    """Give the tasks in both option orders, with the persona and without."""
    channel: Channel = setting.channel if setting.channel in ("label", "reply") else "option"
    tasks = [load_behaviour_task(name).every(STEP) for name in TASKS]
    sheets = []
    for arm, persona in ((setting.arm, setting.persona), (unchanged, nobody())):
        with arm(setting.model, persona) as speaker:
            sheet = administer_tasks(speaker, tasks, channel)
        sheets.append(sheet.tag(arm=arm.name, respondent=persona.id))
    return Answers.concat(sheets)


def _profile(answers: Answers, acts: Sequence[BehaviourMeasure], arm: str) -> Profile:
    part = answers.where(arm=arm)
    scored = {act.measure.name: scores(act.task, part, act.measure) for act in acts}
    return Profile("", "separate", arm, ASKED, -1 if arm == CONTROL else 1, "", scored)


def _toward(people: Sequence[Profile], acts: Sequence[BehaviourMeasure], seed: int) -> Estimate:
    """Estimate the mean shift in the expected direction over these tasks, their units resampled.

    Two measures of one task are averaged unit by unit first. p: signs of units flipped. The tasks
    are what they are, not a sample of tasks.
    """
    turned: dict[str, list[Array]] = {}
    for act in acts:
        shifts = unit_shifts(people, ASKED, act.measure.name)
        if act.measure.signs and not isinstance(shifts, str):
            turned.setdefault(act.task.name, []).append(act.measure.signs[ASKED] * shifts)
    units = [np.ma.masked_invalid(found).mean(axis=0).compressed() for found in turned.values()]
    parts: list[Array] = [part for part in units if part.size]
    if not parts:
        return missing("acts", "no act with a known direction can be told", n=0, of="unit")
    values, ends = np.concatenate(parts), np.cumsum([part.size for part in parts])[:-1]

    def statistic(weights: Array) -> Array:
        split = zip(np.split(weights, ends, axis=1), parts, strict=True)
        means: list[Array] = [(w @ part) / w.sum(axis=1) for w, part in split]
        return np.asarray(np.mean(means, axis=0))

    found = bootstrap(statistic, [part.size for part in parts], seed=seed)
    tested = paired_permutation(values, draws=50, seed=seed)
    return replace(found, name="acts", of="unit", unit="SD", p=tested.p)


def _verdict(toward: Estimate, report: Estimate, hits: tuple[int, int]) -> str:
    if not hits[1]:
        return (
            "Behaviour: the persona asks for no trait of which it is known in which direction "
            "people's acts differ."
        )
    if isnan(toward.value) or isnan(toward.low):
        return f"Behaviour: not known, {toward.why_missing}."
    if toward.low > 0 and toward.p < 0.05:
        word = "acts move as in people with these traits"
    elif toward.high < 0 and toward.p < 0.05:
        word = "acts move against what is known of people with these traits"
    else:
        word = "that acts move as in people with these traits is not shown"
    said = "not known" if isnan(report.value) else f"{report.value:+.2f}"
    if not isnan(report.low):
        said += f" SD [{report.low:.2f}, {report.high:.2f}]"
    return (
        f"Behaviour: {word} ({hits[0]} of {hits[1]} acts the expected way, mean "
        f"{toward.value:+.2f} SD [{toward.low:.2f}, {toward.high:.2f}], p = {toward.p:.2g}); "
        f"the report moved {said} towards the request."
    )


def _picture(
    report: Estimate,
    toward: Estimate,
    acts: Sequence[BehaviourMeasure],
    cells: dict[tuple[str, str], Estimate],
) -> Figure:
    rows: list[dict[str, object]] = [
        {"name": "towards the request", "group": "report", "estimate": report},
        {"name": "all, expected direction", "group": "acts", "estimate": toward},
    ]
    for act in acts:
        found = cells[ASKED, act.measure.name]
        rows.append({"name": act.measure.name, "group": "acts (more or less)", "estimate": found})
    told = "; ".join(f"{e.name}: {e.value:+.2f}" for e in (report, toward))
    return figure_from_data(
        name="behaviour",
        title="What the persona moves: the report, and acts",
        kind="intervals",
        data={"unit": "SD", "reference": 0.0, "band": None, "rows": rows},
        alt=f"Shift from the model without persona, with 95 % intervals. {told}.",
    )


def _table(
    acts: Sequence[BehaviourMeasure],
    cells: dict[tuple[str, str], Estimate],
    answers: Answers,
    setting: CardContext,
) -> Table:
    rows: list[tuple[Cell, ...]] = []
    counted = answers.missing(by=("scale",))
    lost = {row["scale"]: row for row in counted.iter_rows(named=True)}
    for act in acts:
        sign = act.measure.signs.get(ASKED, 0)
        own = lost[act.task.name]
        rows.append(
            (
                act.measure.name,
                {1: "+", -1: "-", 0: "none known"}[sign],
                cells[ASKED, act.measure.name],
                own["asked"],
                own["refused"],
                own["unparsed"],
            )
        )
    note = (
        f"Under {setting.arm.name} minus without persona, in SDs of scenarios, dilemmas, word "
        "lists or questions, which intervals resample. Directions are those of people; that a "
        "system message as such changes acts is not taken out: the study personality_illusion "
        "compares opposite personas."
    )
    return Table(
        name="behaviour",
        title="Acts",
        rows=tuple(rows),
        note=note,
        columns=("act", "expected", "shift (SD)", "asked", "refused", "unparsed"),
    )
