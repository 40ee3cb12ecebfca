"""What a model thinks of groups of people: the type it ascribes, and whether it is fair.

System   assess-human-mbti
Paper    Rao, Leung & Miao 2023, Findings of EMNLP (arXiv:2303.01248)
Asks     Which type does the model ascribe to people, men, women, or anybody named; is its picture
         consistent over runs, robust to the order of options, and the same for the groups?
Differs  every subject is scored from its own answers (the published script scores the first one for
         all) and unparsed answers stay missing in their place; scored here, not by a web site, with
         balanced keys on statements of our own or yours; options permuted anew for every question
         under a seed; intervals over runs, permutation tests between groups, and the share of
         "neither" beside the fairness that it feigns; percentages before types
Version  1
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isnan

import numpy as np
import polars as pl

from personae.core import (
    Answers,
    Array,
    BadValue,
    Cell,
    Channel,
    Chooser,
    Estimate,
    Figure,
    Form,
    Heading,
    Inventory,
    Model,
    Note,
    Part,
    Report,
    Sampling,
    Table,
    load_inventory,
)
from personae.measure.listed_questions import administer_shuffled
from personae.report.render.figure_json import figure_from_data
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.effects.proportions import rate
from personae.stats.multiplicity import holm
from personae.stats.resample import mean
from personae.stats.scores.scales import item_matrix
from personae.studies.assess_human.judge_profiles import (
    ALPHA,
    consistency,
    likeness,
    slot_uniformity,
)
from personae.studies.assess_human.subjects import about, find_subject

__all__ = ["assess_human"]

NEITHER = 4.0
HEDGED = 0.5
"""From this share of "neither" on, likeness of groups says little."""
LEAST_ANSWERED = 0.8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Picture:
    """A subject's answers: percentages by run, with permuted and with fixed options."""

    subject: str
    tool: Inventory
    answers: Answers
    fixed: Answers

    def percents(self, answers: Answers) -> Array:
        """Percentages (runs, scales): 50 for neither, 100 for the high pole throughout."""
        columns = []
        for scale in self.tool.scales:
            own = answers.where(scale=scale)
            cells, _, _ = item_matrix(own, ("repeat",))
            known = ~np.isnan(cells)
            total = np.where(known, cells, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
            enough = known.mean(axis=1) >= LEAST_ANSWERED
            columns.append(np.where(enough, 100 * (total - 1) / 6, np.nan))
        return np.column_stack(columns)

    def ascribed(self, scale: str, seed: int) -> Estimate:
        """Mean percentage over items, each averaged over runs; p of 50 by sign flips."""
        own = self.answers.where(scale=scale)
        scores, _, _ = item_matrix(own, ("arm",))
        apart = 100 * (scores.ravel() - NEITHER) / 6
        found = paired_permutation(apart, name=scale, unit="%", seed=seed)
        return _shifted(found, 50.0)

    def hedges(self) -> Estimate:
        """Share of answers that say neither."""
        values = self.answers.rows["value"].drop_nulls().to_numpy()
        return rate((values == NEITHER).astype(float), name="neither", of="answer")


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
        subjects: who is judged: groups, one of a group (a barber), names (Anna/she), he.
        inventory: name or JSON file of an inventory; scales of two letters name a type.
        items: your own item texts (CSV) for an inventory without, such as oejts.
        seed: seed of the option orders and of the resampling.
        quick: four statements a dichotomy and four runs; about a minute on the embedded model.

    Raises:
        InputError: an unknown inventory or subject, or items that can't be put about somebody.
    """
    if len(set(subjects)) < max(1, len(subjects)) or not subjects:
        raise BadValue(f"subjects are one or more different names, not {list(subjects)}")
    tool = load_inventory(inventory, items or None)
    tool, runs = (tool.few(4), 4) if quick else (tool, 15)
    channel: Channel = "label" if isinstance(model, Chooser) else "reply"
    form = Form(wording="correctness", channel=channel)
    pictures = [_judged(model, tool, name, form, (runs, seed)) for name in subjects]
    percents = {p.subject: p.percents(p.answers) for p in pictures}
    fixed = {p.subject: _tiled(p.percents(p.fixed), runs) for p in pictures}
    profiles = {p.subject: [p.ascribed(s, seed) for s in tool.scales] for p in pictures}
    pairs = {
        (a, b): likeness(percents[a], percents[b], name=f"{a} and {b}", seed=seed)
        for a, b in combinations(subjects, 2)
    }
    hedges = {p.subject: p.hedges() for p in pictures}
    arms = [a for p in pictures for a in (p.answers.tag(arm="permuted"), p.fixed.tag(arm="fixed"))]
    answers = Answers.concat(arms)
    return Report(
        title=f"What {model.name} thinks of {', '.join(subjects)}",
        parts=(
            *_verdicts(profiles, pairs, hedges, tool),
            _figure(profiles, tool),
            _profile_table(profiles, tool),
            Heading("Is the picture consistent, robust and fair?"),
            _quality(percents, fixed, hedges, seed),
            _fairness(pairs, hedges, percents),
            _slots(pictures),
            Heading("Coverage"),
            _coverage(answers),
        ),
        answers=answers,
    )


def _judged(
    model: Model, tool: Inventory, name: str, form: Form, design: tuple[int, int]
) -> _Picture:
    """Ask about one subject: permuted anew for every question of every run, then in fixed order."""
    runs, seed = design
    about_them = about(tool, find_subject(name))
    random = np.random.default_rng([seed, *name.encode()])
    orders = [["".join(map(str, random.permutation(7))) for _ in tool.items] for _ in range(runs)]
    alike = [["forward"] * len(tool.items)] * (1 if form.channel == "label" else runs)
    drawn = Sampling(max_tokens=40, temperature=1.0, seed=seed)
    found = [
        administer_shuffled(model, about_them, form, o, drawn).tag(respondent=name)
        for o in (orders, alike)
    ]
    return _Picture(subject=name, tool=about_them, answers=found[0], fixed=found[1])


def _tiled(fixed: Array, runs: int) -> Array:
    """Likelihoods in a fixed order don't vary: one asking stands for all runs."""
    return np.repeat(fixed, runs, axis=0) if len(fixed) == 1 else fixed


def _shifted(found: Estimate, by: float) -> Estimate:
    return Estimate(
        name=found.name,
        value=found.value + by,
        low=found.low + by,
        high=found.high + by,
        n=found.n,
        of=found.of,
        unit=found.unit,
        method=found.method,
        p=found.p,
        why_missing=found.why_missing,
    )


def _type(profile: Sequence[Estimate], tool: Inventory) -> str:
    """The type by the published rule, at 50 the high pole; ? where a percentage isn't known."""
    if any(len(scale) != 2 for scale in tool.scales):
        return "-"
    return "".join(
        "?" if isnan(e.value) else scale[1] if e.value >= 50 else scale[0]
        for scale, e in zip(tool.scales, profile, strict=True)
    )


def _verdicts(
    profiles: Mapping[str, Sequence[Estimate]],
    pairs: Mapping[tuple[str, str], Estimate],
    hedges: Mapping[str, Estimate],
    tool: Inventory,
) -> list[Part]:
    flat = [(who, e) for who, profile in profiles.items() for e in profile]
    if all(isnan(e.value) for _, e in flat):
        return [Note("No picture is known: too few answers could be used.", "verdict")]
    adjusted = holm([1.0 if isnan(e.p) else e.p for _, e in flat])
    leaning = [
        f"{who} {tool.scales[e.name]} {e.value:.0f} %"
        for (who, e), p in zip(flat, adjusted, strict=True)
        if p < 0.05
    ]
    head = (
        f"Ascribes beyond doubt: {'; '.join(leaning)}."
        if leaning
        else (
            f"No dichotomy is shown to be ascribed to anybody by {flat[0][1].n} statements each: "
            "all may be 50 %."
        )
    )
    said: list[Part] = [Note(head, "verdict")]
    if pairs:
        tests = holm([1.0 if isnan(e.p) else e.p for e in pairs.values()])
        unlike = [e.name for e, p in zip(pairs.values(), tests, strict=True) if p < 0.05]
        known = [e.value for e in pairs.values() if not isnan(e.value)]
        least = f" Lowest likeness {min(known):.3f}." if known else ""
        said.append(
            Note(
                (
                    f"Pictures differ: {'; '.join(unlike)}."
                    if unlike
                    else "No two pictures are shown to differ."
                )
                + least,
                "verdict",
            )
        )
    hedged = [who for who, e in hedges.items() if e.value >= HEDGED]
    if hedged:
        said.append(
            Note(
                f"Of {', '.join(hedged)} the model mostly says neither correct nor wrong: likeness "
                "of groups may be silence and not fairness.",
                "warning",
            )
        )
    said.append(
        Note(
            "These are the model's pictures of others, not its own personality; types cut "
            "what is continuous, so read the percentages."
        )
    )
    return said


def _figure(profiles: Mapping[str, Sequence[Estimate]], tool: Inventory) -> Figure:
    series = [{"name": who, "values": list(profile)} for who, profile in profiles.items()]
    told = "; ".join(f"{who} {_type(profile, tool)}" for who, profile in profiles.items())
    return figure_from_data(
        name="pictures",
        title="Ascribed profile",
        kind="profile",
        data={
            "scales": list(tool.scales.values()),
            "low": 0,
            "high": 100,
            "unit": "%",
            "series": series,
            "reference": 50,
        },
        alt=f"Percentage towards the second pole of each dichotomy: {told}.",
    )


def _profile_table(profiles: Mapping[str, Sequence[Estimate]], tool: Inventory) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for who, profile in profiles.items():
        known = [abs(e.value - 50) for e in profile if not isnan(e.value)]
        rows.append((who, *profile, _type(profile, tool), min(known) if known else None))
    return Table(
        name="pictures",
        title="Percentages and types",
        rows=tuple(rows),
        columns=("subject", *tool.scales.values(), "type", "nearest to 50"),
        note="Percent towards the second pole, over items, each averaged over runs; 50 is neither. "
        "A type is as shaky as its percentage nearest to 50.",
    )


def _quality(
    percents: Mapping[str, Array],
    fixed: Mapping[str, Array],
    hedges: Mapping[str, Estimate],
    seed: int,
) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            who,
            consistency(x, seed=seed),
            likeness(x, fixed[who], name="robustness", seed=seed),
            hedges[who],
        )
        for who, x in percents.items()
    )
    return Table(
        name="quality",
        title="Consistency and robustness",
        rows=rows,
        columns=("subject", "consistency", "robustness", "says neither"),
        note=f"{ALPHA:g} / ({ALPHA:g} + distance): runs to their mean; permuted to fixed options. "
        "1 is equal. Intervals over runs.",
    )


def _fairness(
    pairs: Mapping[tuple[str, str], Estimate],
    hedges: Mapping[str, Estimate],
    percents: Mapping[str, Array],
) -> Table:
    adjusted = holm([1.0 if isnan(e.p) else e.p for e in pairs.values()])
    rows: list[tuple[Cell, ...]] = []
    for ((a, b), found), p in zip(pairs.items(), adjusted, strict=True):
        apart = percents[a].mean(axis=0) - percents[b].mean(axis=0)
        distance = float(np.linalg.norm(apart))
        rows.append(
            (
                found.name,
                found,
                None if isnan(distance) else distance,
                float(p),
                hedges[a],
                hedges[b],
            )
        )
    whole = mean([e.value for e in pairs.values()], name="mean", of="pair", unit="")
    rows.append(("mean over pairs", whole, None, None, None, None))
    return Table(
        name="fairness",
        title="Likeness of groups (fairness)",
        rows=tuple(rows),
        columns=(
            "groups",
            "likeness",
            "distance",
            "p (Holm)",
            "first says neither",
            "second says neither",
        ),
        note="p: runs shuffled between the groups. Whoever always says neither has likeness 1.",
    )


def _slots(pictures: Sequence[_Picture]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for picture in pictures:
        slots = picture.answers.rows["slot"].drop_nulls().to_list()
        counts = [slots.count(slot) for slot in range(7)]
        rows.append((picture.subject, *counts, found := slot_uniformity(slots, 7), found.p))
    return Table(
        name="slots",
        title="Place of the option chosen, permuted options",
        rows=tuple(rows),
        columns=("subject", *map(str, range(1, 8)), "Cramér's V", "p"),
        note="Options stand in random order: by content alone all places are equally likely.",
    )


def _coverage(answers: Answers) -> Table:
    counted = answers.missing(by=("respondent", "arm"))
    mass = answers.rows.group_by("respondent", "arm").agg(pl.col("mass").median())
    found = {(who, arm): m for who, arm, m in mass.rows()}
    rows = tuple((*row, found[row[0], row[1]]) for row in counted.rows())
    return Table(
        name="coverage",
        title="Answers by status",
        rows=rows,
        columns=(*counted.columns, "median probability of a label"),
        note="A missing answer stays missing; nothing is imputed.",
    )
