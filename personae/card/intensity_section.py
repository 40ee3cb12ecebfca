"""The card's intensity control: does the strongest requested trait follow the level asked for?

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
    Table,
)
from personae.induce.prompt.prompt_inductions import adjectives
from personae.measure.inventories.administer import administer
from personae.report.render.figure_json import figure_from_data
from personae.stats.effects.dose_response import Dose, dose_response, level_cells
from personae.traits.trait_words import graded, trait_side

__all__ = ["intensity"]

STEPS = (1, 3, 5, 7, 9)
LEVELS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""What the steps of the adjective ladder ask for, in z units."""
PAIRS = 8
"""With fewer than six no sign-flip test could be significant."""


def intensity(setting: CardContext) -> Section:
    """Ask for the strongest requested trait at five levels; report the slope of the answers."""
    domains = {t: z for t, z in setting.persona.traits.items() if z and ":" not in t}
    known = [trait for trait in domains if trait in setting.tool.scales]
    if not known:
        why = "Intensity: the persona requests no trait of this inventory to be graded."
        return Section(parts=(Heading("Does intensity follow?"), Note(why)))
    trait = max(known, key=lambda t: abs(domains[t]))
    count = 2 * PAIRS if setting.channel == "statement" else PAIRS
    tool = setting.tool.where(scale=trait).few(count)
    answers = Answers.concat([_asked(setting, tool, trait, place) for place in range(len(STEPS))])
    cells = level_cells(answers, LEVELS)
    title = tool.scales[trait]
    dose = dose_response(LEVELS, cells, name=title, seed=setting.seed)
    unit = str(answers.rows["unit"][0])
    return Section(
        parts=(Heading("Does intensity follow?"), *_parts(dose, title, trait, unit)),
        answers=answers,
    )


def _asked(setting: CardContext, tool: Inventory, trait: str, place: int) -> Answers:
    """Ask a few items of the trait at one step of the ladder, in the card's channel."""
    arm = adjectives(STEPS[place])
    persona = Persona(id=setting.persona.id, traits={trait: 1.0})
    form = Form(channel=setting.channel)
    if setting.channel != "statement":
        form = replace(form, layout="options-first")
    with arm(setting.model, persona) as speaker:
        sheet = administer(speaker, tool, form)
    return sheet.tag(arm=arm.name, respondent=persona.id, level=LEVELS[place])


def _parts(dose: Dose, title: str, trait: str, unit: str) -> list[Part]:
    slope = replace(dose.slope, unit=f"{unit} a z unit")
    said = _verdict(replace(slope, name=f"slope of {title}"), dose, title)
    ends = trait_side(trait, -1).plain, trait_side(trait, 1).plain
    rows = tuple(
        (f"{level:+g}", graded(*ends, step), mean)
        for level, step, mean in zip(LEVELS, STEPS, dose.means, strict=True)
    )
    return [
        Note(said, "verdict"),
        figure_from_data(
            name="intensity",
            title=f"{title}: asked for and measured",
            kind="lines",
            data={
                "x": list(LEVELS),
                "x_label": "asked for, z units",
                "y_label": f"measured, {unit}",
                "series": [{"name": title, "role": "measured", "y": list(dose.means)}],
            },
            alt=f"Mean score of {title} at five levels; slope {slope.value:+.3f}.",
        ),
        Table(
            name="intensity",
            title="Response to the level",
            columns=("what", "found"),
            rows=(
                ("slope", slope),
                ("p", None if isnan(slope.p) else slope.p),
                ("Spearman rho, mean over items", dose.rho),
                ("steps that rise", dose.rising),
                ("z units told apart", dose.step),
            ),
            note="Items are the sampling unit, each asked at every level.",
        ),
        Table(
            name="intensity_levels",
            title="Level by level",
            columns=("asked for, z", "adjectives, for example", "measured"),
            rows=rows,
        ),
    ]


def _verdict(slope: Estimate, dose: Dose, title: str) -> str:
    if isnan(slope.low):
        return f"Intensity: whether {title} follows its level isn't known, {slope.why_missing}."
    up = round(dose.rising.value * dose.rising.n)
    how = "follows" if slope.low > 0 and slope.p < 0.05 else "is not shown to follow"
    how = "runs against" if slope.high < 0 and slope.p < 0.05 else how
    return (
        f"Intensity: {title} {how} the level asked for, {slope.value:+.3f} {slope.unit} "
        f"[{slope.low:.3f}, {slope.high:.3f}]; {up} of {dose.rising.n} steps rise."
    )
