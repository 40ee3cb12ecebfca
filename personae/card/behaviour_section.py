"""The card's section on behaviour: does it shift as the self-report does?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan

import numpy as np

from personae.card.section import CardContext, Section
from personae.core import (
    CONTROL,
    Answers,
    Array,
    Channel,
    Estimate,
    ForestFigure,
    Heading,
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
from personae.report.build import Row, estimate_words, forest, missing_answers, table, verdict
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.resample import bootstrap

__all__ = ["behaviour"]

TASKS = ("cards", "opinions", "associations", "honesty")
ASKED = "persona"
STEP = 4
"""Every fourth trial of a task is asked, since the section has to be quick."""


def behaviour(context: CardContext) -> Section:
    """Administer tasks with and without the persona; compare with people and the self-report."""
    measures = _measures(context.persona)
    answers = _administered(context)
    people = [_profile(answers, measures, arm) for arm in (context.arm.name, CONTROL)]
    shifts, cells = behaviour_shifts(people, measures, [ASKED], seed=context.seed)
    toward, alone = _expected_shift(people, measures, context.seed)
    report = context.scores.aligned(context.arm.name)
    hits = [shift.hit for shift in shifts if not isnan(shift.hit)]
    parts: tuple[Part, ...] = (
        Heading("Report and behaviour"),
        verdict(_outcome(toward, alone, report, (int(sum(hits)), len(shifts)))),
        _figure(report, toward, measures, cells),
        _table(measures, cells, answers, context.arm.name),
        *missing_answers(answers, "answers to tasks"),
    )
    return Section(parts=parts, answers=answers)


def _measures(persona: Persona) -> list[BehaviourMeasure]:
    """List the measures, each with the direction expected from the requested traits."""
    measures = []
    for name in TASKS:
        task = load_behaviour_task(name).every(STEP)
        for measure in task.measures:
            direction = sum(
                sign * persona.traits.get(trait, 0.0) for trait, sign in measure.signs.items()
            )
            signs = {ASKED: 1 if direction > 0 else -1} if abs(direction) > 1e-9 else {}
            measures.append(BehaviourMeasure(task, replace(measure, signs=signs)))
    return measures


def _administered(context: CardContext) -> Answers:
    """Administer the tasks in both option orders, with the persona and without."""
    channel: Channel = context.channel if context.channel in ("label", "reply") else "option"
    tasks = [load_behaviour_task(name).every(STEP) for name in TASKS]
    sheets = []
    for arm, persona in ((context.arm, context.persona), (unchanged, nobody())):
        with arm(context.model, persona) as speaker:
            sheet = administer_tasks(speaker, tasks, channel)
        sheets.append(sheet.tag(arm=arm.name, respondent=persona.id))
    return Answers.concat(sheets)


def _profile(answers: Answers, measures: Sequence[BehaviourMeasure], arm: str) -> Profile:
    part = answers.where(arm=arm)
    scored = {entry.measure.name: scores(entry.task, part, entry.measure) for entry in measures}
    return Profile("", "separate", arm, ASKED, -1 if arm == CONTROL else 1, "", scored)


def _expected_shift(
    people: Sequence[Profile], measures: Sequence[BehaviourMeasure], seed: int
) -> tuple[Estimate, str]:
    """Estimate the mean shift (SD) in the expected direction over these tasks, units resampled.

    Two measures of one task are averaged unit by unit first. p: signs of units flipped. The tasks
    are fixed, not a sample of tasks. Undefined where no behaviour has a known direction. Also name
    the behaviour that carries the shift alone, if one does: without it, none is shown that way.
    """
    directed: dict[str, list[Array]] = {}
    names: dict[str, list[str]] = {}
    for entry in measures:
        shifts = unit_shifts(people, ASKED, entry.measure.name)
        if entry.measure.signs and not isinstance(shifts, str):
            directed.setdefault(entry.task.name, []).append(entry.measure.signs[ASKED] * shifts)
            names.setdefault(entry.task.name, []).append(entry.measure.name)
    parts: dict[str, Array] = {}
    for task, shifts_of_task in directed.items():
        units = np.ma.masked_invalid(shifts_of_task).mean(axis=0).compressed()
        if units.size:
            parts[" and ".join(names[task])] = units
    if not parts:
        return missing("behaviour", "no behaviour has a known direction", n=0, of="unit"), ""
    shift = _mean_over_tasks(list(parts.values()), seed)
    way = 1 if shift.value > 0 else -1
    largest = max(parts, key=lambda name: way * float(parts[name].mean()))
    others = [units for name, units in parts.items() if name != largest]
    is_shown_without = not others or _is_shown(_mean_over_tasks(others, seed), way)
    return shift, "" if is_shown_without else largest


def _mean_over_tasks(parts: Sequence[Array], seed: int) -> Estimate:
    ends = np.cumsum([part.size for part in parts])[:-1]

    def statistic(weights: Array) -> Array:
        split = zip(np.split(weights, ends, axis=1), parts, strict=True)
        means: list[Array] = [(w @ part) / w.sum(axis=1) for w, part in split]
        return np.asarray(np.mean(means, axis=0))

    estimate = bootstrap(statistic, [part.size for part in parts], seed=seed)
    test = paired_permutation(np.concatenate(parts), draws=50, seed=seed)
    return replace(estimate, name="behaviour", of="unit", unit="SD", p=test.p)


def _is_shown(shift: Estimate, way: int) -> bool:
    """Whether interval and test agree that a shift goes in a direction, 1 or -1."""
    return (shift.low > 0 if way > 0 else shift.high < 0) and shift.p < 0.05


def _outcome(toward: Estimate, alone: str, report: Estimate, hits: tuple[int, int]) -> str:
    if not hits[1]:
        return (
            "Behaviour: the persona requests no trait that is known to change people's behaviour, "
            "so that no direction is expected; the table has the shifts."
        )
    if isnan(toward.value) or isnan(toward.low):
        return f"Behaviour: not known, {toward.why_missing}."
    way = 1 if toward.value > 0 else -1
    movement = "it is not shown to shift as in people with these traits"
    if _is_shown(toward, way) and alone:
        movement += f": over the tasks other than {alone}, the mean shows none"
    elif _is_shown(toward, way):
        movement = "it shifts as in people with these traits"
        if way < 0:
            movement = "it shifts against what is known of people with these traits"
    self_report = f"shifted {_shift_words(report)} towards the request"
    if isnan(report.value):
        self_report = f"has no known shift, {report.why_missing}"
    return (
        f"Behaviour: {movement} ({hits[0]} of {hits[1]} measures in the expected direction, mean "
        f"{_shift_words(toward)}, p = {toward.p:.2g}); the self-report {self_report}."
    )


def _shift_words(estimate: Estimate) -> str:
    return estimate.words("+.2f", unit="SD", bounds=".2f")


def _figure(
    report: Estimate,
    toward: Estimate,
    measures: Sequence[BehaviourMeasure],
    cells: Mapping[tuple[str, str], Estimate],
) -> ForestFigure:
    summaries = [
        (name, source, estimate)
        for name, source, estimate in (
            ("towards the request", "report", report),
            ("all, expected direction", "behaviour", toward),
        )
        if any(entry.measure.signs for entry in measures) or not isnan(estimate.value)
    ]
    listed = "; ".join(f"{e.name}: {estimate_words(e.value)}" for _, _, e in summaries)
    names = [entry.measure.name for entry in measures]
    return forest(
        "behaviour",
        "Shift of self-report and behaviour",
        [
            *summaries,
            *((name, "behaviour (more or less)", cells[ASKED, name]) for name in names),
        ],
        "SD",
        alt="Shift from the model without persona, with 95 % intervals."
        + (f" {listed}." if listed else ""),
    )


def _table(
    measures: Sequence[BehaviourMeasure],
    cells: Mapping[tuple[str, str], Estimate],
    answers: Answers,
    arm: str,
) -> Table:
    counts = {row["scale"]: row for row in answers.missing(by=("scale",)).iter_rows(named=True)}
    rows: list[Row] = [
        {
            "behaviour": entry.measure.name,
            "expected": {1: "+", -1: "−", 0: "none known"}[entry.measure.signs.get(ASKED, 0)],
            "shift (SD)": cells[ASKED, entry.measure.name],
            **{head: counts[entry.task.name][head] for head in ("asked", "refused", "unparsed")},
        }
        for entry in measures
    ]
    note = (
        f"Under {arm} minus without persona, in SDs of scenarios, dilemmas, word "
        "lists or questions, which intervals resample. Directions are those of people. The effect "
        "of a system message as such is not removed: the study personality_illusion compares "
        "opposite personas."
    )
    return table("behaviour", "Behaviour", rows, note)
