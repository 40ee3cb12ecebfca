"""The Machine Personality Inventory: what a model reports, and whether prompts move it.

System   mpi-p2
Paper    Jiang, Xu, Zhu, Han, Zhang & Zhu 2023, NeurIPS (arXiv:2206.07550)
Asks     Which Big Five scores does the model report, do three prompts of rising strength shift
         them, and does free text show the trait?
Differs  one parser for all models, and every missing answer is counted; the profile stands beside
         those of null respondents (the published BART row is a constant "(A)"); the SD over items
         is not called consistency; an induction is judged by the difference between opposite
         prompts, also by the likelihood of statements; essays are judged blind, in both orders
Version  3
"""

from collections.abc import Mapping, Sequence

import numpy as np

from personae.core import (
    Answers,
    BadValue,
    Chooser,
    Estimate,
    Form,
    Heading,
    Inventory,
    Model,
    Persona,
    Report,
    Sampling,
    load_inventory,
)
from personae.designs.arms import Arm
from personae.induce.prompt.prompt_inductions import (
    PromptInduction,
    naive,
    p2,
    with_truth_layout,
    words,
)
from personae.measure.inventories.administer import administer
from personae.measure.inventories.forms import published_form
from personae.report.build import coverage
from personae.respondents.null import open_null
from personae.stats.effects.contrast import arm_shift, paired_cells
from personae.stats.two_level import two_level_mean
from personae.studies.mpi.mpi_report import (
    constant_verdicts,
    profile_parts,
    prompt_table,
    shift_parts,
    shift_verdicts,
    vignette_parts,
    vignette_verdict,
)
from personae.studies.mpi.vignettes import JudgedEssay, hit_rates, judge_essays, write_essays

__all__ = ["mpi"]

FLOORS = ("null:first", "null:yes", "null:midpoint", "null:uniform")
POLES = {"+": 1.5, "-": -1.5}
"""The standing of a persona on its trait, in z units, under the prompt for either pole."""
FORMS = {"label": published_form("mpi"), "statement": Form(wording="mpi", channel="statement")}


def mpi(
    model: Chooser,
    judge: Model | None = None,
    inventory: str = "mpi-120",
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Administer the inventory, induce every trait in both directions, and have vignettes judged.

    Args:
        model: who is asked; likelihoods are needed.
        judge: who compares essays; without it, the model itself.
        inventory: name of the inventory.
        seed: seed of the essays and of the resampling.
        quick: two traits, two inductions, short essays; about two minutes on the embedded model.

    Raises:
        BadValue: an inventory without scales of the Big Five.
    """
    tool = load_inventory(inventory)
    domains = _domains(tool, quick)
    inductions = (naive, words) if quick else (naive, words, p2())
    people = [_persona(domain, pole) for domain, pole in _sides(domains)]
    for induction in inductions:
        induction.prepare(model, people)
    sheets = {"the model": administer(model, tool, FORMS["label"]).tag(respondent=model.name)}
    sheets |= {name: administer(open_null(name), tool, FORMS["label"]) for name in FLOORS}
    neutral = sheets["the model"]
    arms = [arm for induction in inductions for arm in _arms(induction, domains)]
    induced = {channel: _induced(model, arms, tool, form) for channel, form in FORMS.items()}
    names = [induction.name for induction in inductions]
    shifts = {c: {n: _shifts(a, n, domains, seed) for n in names} for c, a in induced.items()}
    count, tokens = (2, 60) if quick else (5, 400)
    sampling = Sampling(max_tokens=tokens, temperature=0.7, top_p=0.95, seed=seed)
    essays = _essays((model, judge or model), inductions[-1], domains, count, sampling)
    rates = hit_rates(essays)
    answers = Answers.concat([neutral, *induced.values()])
    return Report(
        title=f"Machine Personality Inventory: {model.name}",
        parts=(
            *constant_verdicts(neutral),
            *shift_verdicts(shifts),
            vignette_verdict(rates["all"]),
            Heading("What the model reports"),
            *profile_parts(sheets, tool, seed),
            Heading("Do prompts shift it?"),
            *shift_parts(shifts, tool),
            prompt_table(model, inductions, people),
            Heading("Does free text show it?"),
            *vignette_parts(rates, essays),
            Heading("Coverage"),
            coverage(answers, ("channel", "arm")),
        ),
        answers=answers,
    )


# Arms and administration ------------------------------------------------------------------------


def _domains(tool: Inventory, quick: bool) -> list[str]:
    """List the inventory's Big Five domains; in a quick run E and N alone."""
    domains = [scale for scale in (("E", "N") if quick else tool.scales) if scale in tool.scales]
    if not domains or not set(domains) <= set("OCEAN"):
        raise BadValue(
            f"inventory {tool.name!r} has the scales {', '.join(tool.scales)}: prompts and "
            f"vignettes need scales of the Big Five ({'E, N' if quick else 'O, C, E, A, N'})"
        )
    return domains


def _sides(domains: Sequence[str]) -> list[tuple[str, str]]:
    return [(domain, pole) for domain in domains for pole in POLES]


def _persona(domain: str, pole: str) -> Persona:
    return Persona(id=f"{domain}{pole}", traits={domain: POLES[pole]})


def _arms(induction: PromptInduction, domains: Sequence[str]) -> list[Arm]:
    """Put both personas of each domain into MPI's layout, "Truth:" first."""
    carrier = with_truth_layout(induction)
    return [
        Arm(
            name=f"{induction.name}{pole}",
            induction=carrier,
            persona=_persona(domain, pole),
            group=domain,
        )
        for domain, pole in _sides(domains)
    ]


def _induced(model: Chooser, arms: Sequence[Arm], tool: Inventory, form: Form) -> Answers:
    """Ask the items of each arm's own domain."""
    sheets = []
    for arm in arms:
        with arm.induction(model, arm.persona) as speaker:
            sheet = administer(speaker, tool.where(scale=arm.group), form)
        sheets.append(sheet.tag(arm=arm.name, respondent=arm.persona.id))
    return Answers.concat(sheets)


def _essays(
    models: tuple[Chooser, Model],
    induction: PromptInduction,
    domains: Sequence[str],
    count: int,
    sampling: Sampling,
) -> list[JudgedEssay]:
    """Let the first model write essays with and without each persona, and the second judge them."""
    model, judge = models
    sides = _sides(domains)
    blocks = [(domain, induction.text(model, _persona(domain, pole))) for domain, pole in sides]
    bare = [(domain, "") for domain in domains]
    replies = write_essays(model, [*bare, *blocks], count, sampling)
    texts = [[reply.text for reply in draws] for draws in replies]
    plain = dict(zip(domains, texts, strict=False))
    essays: list[JudgedEssay] = []
    for (domain, pole), written in zip(sides, texts[len(bare) :], strict=True):
        pairs = list(zip(written, plain[domain], strict=True))
        essays += judge_essays(judge, domain, pairs, high=pole == "+")
    return essays


# Estimates --------------------------------------------------------------------------------------


def _shifts(
    answers: Answers, induction: str, domains: Sequence[str], seed: int
) -> Mapping[str, Estimate]:
    """Estimate (+) minus (-) of an induction, in the answers' unit, by domain and over "all"."""
    arms = (f"{induction}-", f"{induction}+")
    parts = {domain: answers.where(scale=domain) for domain in domains}
    shifts = {d: arm_shift(part, arms, d, seed=seed) for d, part in parts.items()}
    cells = [paired_cells(part, arms)[0] for part in parts.values()]
    unit = shifts[domains[0]].unit
    return {**shifts, "all": two_level_mean(np.vstack(cells), name="all", unit=unit, seed=seed)}
