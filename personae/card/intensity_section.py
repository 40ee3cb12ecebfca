"""The card's section on intensity: does the strongest requested trait follow its level?

Graded adjectives of that trait alone, from "extremely" low to "extremely" high; dose and response
as in Chittem et al. 2025 (arXiv 2506.20993), ladder after Serapio-García et al. 2023
(arXiv 2307.00184).
"""

from dataclasses import replace
from math import isnan

from personae.card.section import CardContext, Section
from personae.core import (
    Answers,
    Estimate,
    Form,
    Heading,
    Inventory,
    Note,
    Part,
    Persona,
    Series,
)
from personae.induce.prompt.prompt_inductions import adjectives
from personae.measure.inventories.administer import administer
from personae.report.build import Row, estimate_words, lines, table, verdict
from personae.stats.effects.dose_response import Dose, dose_response, level_cells
from personae.traits.trait_words import graded, trait_side

__all__ = ["intensity"]

STEPS = (1, 3, 5, 7, 9)
LEVELS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Requested standings of the steps of the adjective ladder, in z units."""
PAIRS = 8
"""With fewer than six no sign-flip test could be significant."""


def intensity(context: CardContext) -> Section:
    """Ask for the strongest requested trait at five levels; report the slope of the answers."""
    domains = {t: z for t, z in context.persona.traits.items() if z and ":" not in t}
    known = [trait for trait in domains if trait in context.tool.scales]
    if not known:
        why = "Intensity: not tested, as the persona requests no trait of this inventory."
        return Section(parts=(Heading("Does intensity follow?"), Note(why)))
    trait = max(known, key=lambda t: abs(domains[t]))
    count = 2 * PAIRS if context.channel == "statement" else PAIRS
    tool = context.tool.where(scale=trait).few(count)
    answers = Answers.concat([_asked(context, tool, trait, index) for index in range(len(STEPS))])
    cells = level_cells(answers, LEVELS)
    title = tool.scales[trait]
    dose = dose_response(LEVELS, cells, name=title, seed=context.seed)
    unit = str(answers.rows["unit"][0])
    return Section(
        parts=(Heading("Does intensity follow?"), *_parts(dose, title, trait, unit)),
        answers=answers,
    )


def _asked(context: CardContext, tool: Inventory, trait: str, index: int) -> Answers:
    """Ask a few items of the trait at one step of the ladder, in the card's channel."""
    arm = adjectives(STEPS[index])
    persona = Persona(id=context.persona.id, traits={trait: 1.0})
    form = Form(channel=context.channel)
    if context.channel != "statement":
        form = replace(form, layout="options-first")
    with arm(context.model, persona) as speaker:
        sheet = administer(speaker, tool, form)
    return sheet.tag(arm=arm.name, respondent=persona.id, level=LEVELS[index])


def _parts(dose: Dose, title: str, trait: str, unit: str) -> list[Part]:
    slope = replace(dose.slope, unit=f"{unit} a z unit")
    ends = trait_side(trait, -1).plain, trait_side(trait, 1).plain
    levels: list[Row] = [
        {
            "requested, z": f"{level:+g}",
            "adjectives, for example": graded(*ends, step),
            "measured": mean,
        }
        for level, step, mean in zip(LEVELS, STEPS, dose.means, strict=True)
    ]
    response: list[Row] = [
        {"what": "slope", "value": slope},
        {"what": "p", "value": None if isnan(slope.p) else slope.p},
        {"what": "Spearman rho, mean over items", "value": dose.rho},
        {"what": "steps that rise", "value": dose.rising},
        {"what": "least distinguishable distance, z units", "value": dose.step},
    ]
    return [
        verdict(_outcome(replace(slope, name=f"slope of {title}"), dose, title)),
        lines(
            "intensity",
            f"{title}: requested and measured",
            ("requested, z units", LEVELS),
            [Series(title, tuple(dose.means), "measured")],
            f"measured, {unit}",
            alt=f"Mean score of {title} at five levels; slope "
            f"{estimate_words(slope.value, '+.3f')}.",
        ),
        table(
            "intensity",
            "Response to the level",
            response,
            "Items are the sampling unit, each asked at every level.",
        ),
        table("intensity_levels", "Level by level", levels),
    ]


def _outcome(slope: Estimate, dose: Dose, title: str) -> str:
    if isnan(slope.low):
        return f"Intensity: whether {title} follows its level is not known, {slope.why_missing}."
    up = round(dose.rising.value * dose.rising.n)
    verb = "follows" if slope.low > 0 and slope.p < 0.05 else "is not shown to follow"
    verb = "runs against" if slope.high < 0 and slope.p < 0.05 else verb
    return (
        f"Intensity: {title} {verb} the requested level, "
        f"{slope.words('+.3f', unit=slope.unit, bounds='.3f')}; "
        f"{up} of {dose.rising.n} steps rise."
    )
