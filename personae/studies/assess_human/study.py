"""What a model thinks of groups of people: the type it ascribes, and whether it is fair.

System   assess-human-mbti
Paper    Rao, Leung & Miao 2023, Findings of EMNLP (arXiv:2303.01248)
Asks     Which personality type does the model ascribe to people, men, women or anybody named; is
         the profile consistent over runs, robust to the order of options, and alike for groups?
Differs  every subject is scored from its own answers (the published script scores the first one for
         all), and unparsed answers stay missing; answers are scored here, not by a web site, with
         balanced keys on statements of our own or yours; options are permuted for every question,
         from a seed; intervals over runs, permutation tests between groups, and the share of
         "neither", which can pass for fairness, beside it; percentages before types
Version  2
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from personae.core import (
    Answers,
    Array,
    BadValue,
    Channel,
    Chooser,
    Estimate,
    Form,
    Heading,
    Inventory,
    Model,
    Report,
    Sampling,
    load_inventory,
)
from personae.measure.listed_questions import administer_shuffled
from personae.studies.assess_human.ascribed_profiles import (
    Judgements,
    ascribed,
    neither_rate,
    run_percents,
)
from personae.studies.assess_human.assess_report import (
    ascription_verdict,
    coverage_table,
    fairness_table,
    profile_figure,
    profile_table,
    quality_table,
    reading_notes,
    similarity_verdicts,
    slot_table,
)
from personae.studies.assess_human.judge_profiles import similarity
from personae.studies.assess_human.subjects import inventory_about, parse_subject

__all__ = ["assess_human"]


def assess_human(
    model: Model,
    subjects: tuple[str, ...] = ("people", "men", "women"),
    inventory: str = "open-types",
    items: str = "",
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Ask how correct statements about groups of people are; report types and fairness.

    Args:
        model: who is asked: by likelihoods of labels where it gives them, else by replies.
        subjects: who is judged: groups, a member of one (a barber), names (Anna/she), he.
        inventory: name or JSON file of an inventory; scales of two letters name a type.
        items: your own item texts (CSV) for an inventory without, such as oejts.
        seed: seed of the option orders and of the resampling.
        quick: four statements per dichotomy and four runs; about a minute on the embedded model.

    Raises:
        BadValue: no subject, one twice, or one that is neither a name nor a group.
        InputError: an unknown inventory, or items that can't be rewritten about a subject.
    """
    if len(set(subjects)) < max(1, len(subjects)) or not subjects:
        raise BadValue(f"subjects are one or more different names, not {list(subjects)}")
    tool = load_inventory(inventory, items or None)
    tool, runs = (tool.few(4), 4) if quick else (tool, 15)
    channel: Channel = "label" if isinstance(model, Chooser) else "reply"
    form = Form(wording="correctness", channel=channel)
    judged = [_judgements(model, tool, name, form, (runs, seed)) for name in subjects]
    permuted = {j.subject: run_percents(j.permuted, tool.scales) for j in judged}
    fixed = {j.subject: _tiled(run_percents(j.fixed, tool.scales), runs) for j in judged}
    profiles = {j.subject: [ascribed(j.permuted, s, seed) for s in tool.scales] for j in judged}
    pairs = _similarities(permuted, seed)
    hedges = {j.subject: neither_rate(j.permuted) for j in judged}
    answers = Answers.concat([sheet for j in judged for sheet in (j.permuted, j.fixed)])
    return Report(
        title=f"What {model.name} thinks of {', '.join(subjects)}",
        parts=(
            ascription_verdict(profiles, tool.scales),
            *similarity_verdicts(profiles, pairs),
            *reading_notes(hedges),
            profile_figure(profiles, tool.scales),
            profile_table(profiles, tool.scales),
            Heading("Is the profile consistent, robust and fair?"),
            quality_table(permuted, fixed, hedges, seed),
            fairness_table(pairs, hedges, permuted),
            slot_table(judged),
            Heading("Coverage"),
            coverage_table(answers),
        ),
        answers=answers,
    )


def _judgements(
    model: Model, tool: Inventory, name: str, form: Form, design: tuple[int, int]
) -> Judgements:
    """Ask about one subject with options permuted for every question of every run, then fixed."""
    runs, seed = design
    sentences = inventory_about(tool, parse_subject(name))
    random = np.random.default_rng([seed, *name.encode()])
    permuted = [["".join(map(str, random.permutation(7))) for _ in tool.items] for _ in range(runs)]
    fixed = [["forward"] * len(tool.items)] * (1 if form.channel == "label" else runs)
    sampling = Sampling(max_tokens=40, temperature=1.0, seed=seed)
    sheets = [
        administer_shuffled(model, sentences, form, orders, sampling).tag(respondent=name, arm=arm)
        for arm, orders in (("permuted", permuted), ("fixed", fixed))
    ]
    return Judgements(name, *sheets)


def _tiled(percents: Array, runs: int) -> Array:
    """Repeat a single run (1, scales): likelihoods in a fixed order don't vary over runs."""
    return np.repeat(percents, runs, axis=0) if len(percents) == 1 else percents


def _similarities(permuted: Mapping[str, Array], seed: int) -> dict[tuple[str, str], Estimate]:
    """Estimate the similarity of each two subjects' profiles, from percentages (runs, scales)."""
    return {
        (a, b): similarity(permuted[a], permuted[b], name=f"{a} and {b}", seed=seed)
        for a, b in combinations(permuted, 2)
    }
