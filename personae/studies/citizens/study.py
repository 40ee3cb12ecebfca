"""Whether made-up citizens answer a survey as a country's people do.

System   deeppersona
Paper    Wang, Zhou et al. 2025, NeurIPS LAW workshop (arXiv:2511.07338), section 4.2
Asks     Are the answers of deep personas of a country nearer to its people's than those of a model
         that is only told the nationality, or nothing?
Differs  all of the people's answers are compared, not the first as many rows as there are personas;
         each persona's distribution over the options is kept, not a mean of repeats; every
         question has as many options as people had; Jensen-Shannon is the divergence in bits over
         the options, not a distance over 19 bins; questions are in our own words; distances have
         intervals and stand beside what people drawn at random would get
Version  1
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan

import numpy as np

from personae.core import (
    CONTROL,
    Answers,
    BadValue,
    Cell,
    Chooser,
    Estimate,
    Figure,
    Note,
    Part,
    Persona,
    Report,
    Table,
)
from personae.generate.recipe import Order
from personae.generate.recipes.deeppersona.recipe import Depth, deeppersona
from personae.induce.prompt.prompt_inductions import persona_text
from personae.personas import frame_personas
from personae.report.build import coverage
from personae.report.render.figure_json import figure_from_data
from personae.stats.effects.effect_sizes import total_variation
from personae.studies.citizens.distances import (
    DISTANCES,
    distribution_distances,
    expected_distance,
    mean_distance,
)
from personae.studies.citizens.survey import (
    Survey,
    ask_survey,
    load_survey,
    order_shares,
    respondent_shares,
)

__all__ = ["citizens"]

ARMS = (CONTROL, "nationality", "citizens")
FEW = 6
ROUNDING = 1e-9
PLACE = 0.25
"""Shares that move so far with the option order (total variation) answer the place."""


def citizens(
    model: Chooser,
    survey: str = "canada",
    personas: Sequence[Persona] | None = None,
    n: int = 40,
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Put a survey to citizens of a country, to its nationality, and to no persona.

    Args:
        model: who is asked; likelihoods are needed.
        survey: a survey that ships (canada), or a JSON file of the same form.
        personas: the citizens; by default deep personas anchored in the country are drawn.
        n: citizens drawn.
        seed: seed of the drawing and of the resampling.
        quick: six citizens; about a minute on the embedded model.
    """
    asked = load_survey(survey)
    people = tuple(personas) if personas else _drawn(asked, FEW if quick else n, seed)
    answers = Answers.concat(
        [
            ask_survey(model, asked, "nobody", ARMS[0]),
            *_told(model, asked, [_nationality(asked)], ARMS[1]),
            *_told(model, asked, people, ARMS[2]),
        ]
    )
    whole = _whole(answers, asked, seed)
    return Report(
        title=f"Citizens of {asked.country}: {model.name}",
        parts=(
            *_verdicts(whole, answers, asked, len(people)),
            _by_place(answers, asked, seed),
            _figure(whole, asked, len(people)),
            _means(whole, asked, len(people)),
            _by_question(answers, asked, seed),
            _shares_table(answers, asked),
            coverage(answers, ("arm", "item")),
            Note(f"People: {asked.source}."),
        ),
        answers=answers,
    )


def _drawn(survey: Survey, n: int, seed: int) -> tuple[Persona, ...]:
    if n < 2:
        raise BadValue(f"a survey of citizens needs 2 personas or more, not {n}")
    population = deeppersona(
        Order(n=n, seed=seed), f"country={survey.country}", Depth(depth=36, words=120)
    )
    return tuple(frame_personas(population.make(population.slots(0, n)).rows))


def _nationality(survey: Survey) -> Persona:
    return Persona(id="nationality", text=f"You are {survey.people}, from {survey.country}.")


def _told(model: Chooser, survey: Survey, people: Sequence[Persona], arm: str) -> list[Answers]:
    sheets = []
    for persona in people:
        with persona_text(model, persona) as speaker:
            sheets.append(ask_survey(speaker, survey, persona.id, arm))
    return sheets


def _arm(answers: Answers, arm: str) -> tuple[Answers, list[str]]:
    part = answers.where(arm=arm)
    return part, part.rows["respondent"].unique(maintain_order=True).to_list()


def _whole(answers: Answers, survey: Survey, seed: int) -> dict[str, dict[str, Estimate]]:
    """Estimate each distance over the questions whose shares are held, arm by arm."""
    held = [q for q in survey.questions if q.shares]
    found: dict[str, dict[str, Estimate]] = {}
    for arm in ARMS:
        part, who = _arm(answers, arm)
        given = [respondent_shares(part, q, who) for q in held]
        found[arm] = {
            name: replace(
                mean_distance(
                    name,
                    given,
                    [q.shares for q in held],
                    [q.levels for q in held],
                    of="persona",
                    seed=seed,
                ),
                name=arm,
            )
            for name in DISTANCES
        }
    return found


def _floor(survey: Survey, name: str, n: int) -> float:
    held = [q for q in survey.questions if q.shares]
    return float(np.mean([expected_distance(name, q.shares, q.levels, n) for q in held]))


def _verdicts(
    whole: Mapping[str, Mapping[str, Estimate]], answers: Answers, survey: Survey, n: int
) -> list[Part]:
    made, nation = whole["citizens"]["KS"], whole["nationality"]["KS"]
    if isnan(made.value) or isnan(nation.value):
        why = made.why_missing or nation.why_missing
        return [Note(f"Nothing can be said about {survey.country}: {why}.", "verdict")]
    said = [Note(_nearer(made, nation, "the nationality alone, one prompt"), "verdict")]
    if not isnan(whole[CONTROL]["KS"].value):
        said.append(Note(_nearer(made, whole[CONTROL]["KS"], "no persona, one prompt"), "verdict"))
    spread = _differences(answers, survey)
    if spread < 0.01:
        said.append(
            Note(
                f"The citizens answer alike (a share differs by {spread:.4f} between two of them "
                "on average): whatever they were told about themselves hardly reaches the "
                "answers.",
                "warning",
            )
        )
    floor = _floor(survey, "KS", n)
    said.append(Note(f"{n} people drawn at random from the country would get KS {floor:.3f}."))
    return list(said)


def _nearer(made: Estimate, other: Estimate, than: str) -> str:
    span = f"KS {made.value:.3f} [{made.low:.3f}, {made.high:.3f}] against {other.value:.3f}"
    if isnan(made.low):
        return f"Citizens against {than}: {span}; no interval, {made.why_missing}."
    if made.high < other.value - ROUNDING:
        return f"Citizens are nearer to the people than {than}: {span}."
    if made.low > other.value + ROUNDING:
        return f"Citizens are farther from the people than {than}: {span}."
    return f"Not shown that citizens are nearer to the people than {than}: {span}."


def _differences(answers: Answers, survey: Survey) -> float:
    """Give the mean absolute difference of a share between two citizens."""
    part, who = _arm(answers, "citizens")
    found = []
    for question in survey.questions:
        rows = respondent_shares(part, question, who)
        rows = rows[~np.isnan(rows).any(axis=1)]
        if len(rows) > 1:
            pairs = np.abs(rows[:, None] - rows[None]).mean(axis=2)
            found.append(pairs.sum() / (len(rows) * (len(rows) - 1)))
    return float(np.mean(found)) if found else 0.0


def _by_place(answers: Answers, survey: Survey, seed: int) -> Note:
    """Say how far shares move when the same options are listed the other way round."""
    widest = max(len(q.options) for q in survey.questions)
    first, second = [], []
    for arm in ARMS:
        part, who = _arm(answers, arm)
        for question in survey.questions:
            both = order_shares(part, question, who)
            room = ((0, 0), (0, 0), (0, widest - both.shape[2]))
            forward, reverse = np.moveaxis(np.pad(both, room), 1, 0)
            first.append(forward)
            second.append(reverse)
    moved = total_variation(np.vstack(first), np.vstack(second), of="answer", seed=seed)
    if isnan(moved.value):
        return Note(f"Option order: {moved}.")
    said = f"Reversing the options moves the shares by {moved.value:.2f} on average (0 to 1)"
    if moved.value < PLACE:
        return Note(f"{said}.")
    return Note(
        f"{said} [{moved.low:.2f}, {moved.high:.2f}]: answers go by place to a large part, and "
        f"what is left after averaging both orders says little of the question.",
        "warning",
    )


def _figure(whole: Mapping[str, Mapping[str, Estimate]], survey: Survey, n: int) -> Figure:
    rows = [
        {"name": arm, "group": name, "estimate": whole[arm][name]}
        for name in ("KS", "Jensen-Shannon")
        for arm in ARMS
    ]
    told = ", ".join(f"{arm} {whole[arm]['KS'].value:.3f}" for arm in ARMS)
    return figure_from_data(
        name="distances",
        title="Distance from the people's answers",
        kind="intervals",
        data={"unit": "0 alike, 1 apart", "reference": _floor(survey, "KS", n), "rows": rows},
        alt=f"Mean KS distance over questions: {told}.",
    )


def _means(whole: Mapping[str, Mapping[str, Estimate]], survey: Survey, n: int) -> Table:
    rows: list[tuple[Cell, ...]] = [(arm, *(whole[arm][d] for d in DISTANCES)) for arm in ARMS]
    rows.append((f"{n} people at random", *(_floor(survey, d, n) for d in DISTANCES)))
    held = ", ".join(q.id for q in survey.questions if q.shares)
    return Table(
        name="distances",
        title="Mean distances",
        columns=("arm", *DISTANCES),
        rows=tuple(rows),
        note=f"Over {held}. Without a persona, and with the nationality, there is one respondent.",
    )


def _by_question(answers: Answers, survey: Survey, seed: int) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for question in survey.questions:
        for arm in ARMS:
            part, who = _arm(answers, arm)
            given = respondent_shares(part, question, who)
            known = given[~np.isnan(given).any(axis=1)]
            mean = float(known.mean(axis=0) @ np.array(question.levels)) if len(known) else None
            if question.shares:
                apart = distribution_distances(
                    given, question.shares, question.levels, of="persona", seed=seed
                )
                cells: tuple[Cell, ...] = tuple(apart[name] for name in DISTANCES)
            else:
                off = None if mean is None else mean - question.mean
                cells = (None, None, None, off)
            rows.append((question.id, question.title, arm, mean, question.mean, *cells))
    columns = ("question", "title", "arm", "mean", "people's mean", *DISTANCES)
    return Table(name="questions", title="Question by question", columns=columns, rows=tuple(rows))


def _shares_table(answers: Answers, survey: Survey) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for question in survey.questions:
        given = {}
        for arm in ARMS:
            part, who = _arm(answers, arm)
            known = respondent_shares(part, question, who)
            known = known[~np.isnan(known).any(axis=1)]
            given[arm] = known.mean(axis=0) if len(known) else None
        for i, option in enumerate(question.options):
            cells = (None if given[a] is None else float(given[a][i]) for a in ARMS)  # type: ignore[index]
            people = question.shares[i] if question.shares else None
            rows.append((question.id, option, people, *cells))
    return Table(
        name="shares",
        title="Shares of the options",
        rows=tuple(rows),
        columns=("question", "option", "people", *ARMS),
    )
