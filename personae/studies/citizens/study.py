"""Whether generated citizens answer as real ones do.

System   deeppersona
Paper    Wang, Zhou et al. 2025, NeurIPS LAW workshop (arXiv:2511.07338), section 4.2
Asks     Are the answers of deep personas of a country closer to its people's than those of a model
         that is only told the nationality, or nothing?
Differs  all of the people's answers are compared, not only as many rows as there are personas; each
         persona's distribution over the options is used, not a mean of repeats; every question has
         as many options as people had; Jensen-Shannon is the divergence in bits over the options,
         not a distance over 19 bins; questions are in our own words; distances have intervals and
         stand beside those of people drawn at random
Version  1
"""

from collections.abc import Sequence

from personae.core import CONTROL, Answers, BadValue, Chooser, Note, Persona, Report
from personae.designs.arms import Arm, check_unique_ids
from personae.generate.recipe import Order
from personae.generate.recipes.deeppersona.recipe import Depth, deeppersona
from personae.induce.prompt.prompt_inductions import persona_text
from personae.personas import frame_personas
from personae.report.build import coverage
from personae.studies.citizens.distance_tables import SurveyComparison, distance_parts
from personae.studies.citizens.survey import Survey, ask_survey, load_survey
from personae.studies.citizens.survey_tables import order_note, shares_table

__all__ = ["citizens"]

NATIONALITY, CITIZENS = "nationality", "citizens"
QUICK_CITIZENS = 6


def citizens(
    model: Chooser,
    survey: str = "canada",
    personas: Sequence[Persona] = (),
    n: int = 40,
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Put a survey to citizens of a country, to its nationality alone, and to no persona.

    Args:
        model: who is asked; likelihoods are needed.
        survey: a survey that ships (canada), or a JSON file of the same form.
        personas: the citizens, a JSON or JSONL file; without it, deep personas anchored in the
            country are generated.
        n: number of citizens generated.
        seed: seed of the generation and of the resampling.
        quick: six citizens; about a minute on the embedded model.

    Raises:
        UnknownName, BadFile: no such survey.
        BadValue: an id stands twice, or fewer than two citizens are to be generated.
    """
    loaded = load_survey(survey)
    people = check_unique_ids(personas) or _drawn(loaded, QUICK_CITIZENS if quick else n, seed)
    arms = [
        Arm(name=arm, induction=persona_text, persona=persona)
        for arm, members in ((NATIONALITY, [_nationality(loaded)]), (CITIZENS, people))
        for persona in members
    ]
    answers = Answers.concat(
        [ask_survey(model, loaded, "nobody", CONTROL), *(_asked(model, loaded, a) for a in arms)]
    )
    comparison = SurveyComparison(answers, loaded, (CONTROL, NATIONALITY, CITIZENS), seed)
    verdicts, tables = distance_parts(comparison, len(people))
    return Report(
        title=f"Citizens of {loaded.country}: {model.name}",
        parts=(
            *verdicts,
            order_note(comparison),
            *tables,
            shares_table(comparison),
            coverage(answers, ("arm", "item")),
            Note(f"People: {loaded.source}."),
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


def _asked(model: Chooser, survey: Survey, arm: Arm) -> Answers:
    with arm.induction(model, arm.persona) as speaker:
        return ask_survey(speaker, survey, arm.persona.id, arm.name)
