"""The parts of the report on ascribed types: verdicts, profiles, consistency and fairness."""

from collections.abc import Mapping, Sequence
from math import isnan

import numpy as np
import polars as pl

from personae.core import Answers, Array, Estimate, Figure, Note, Series, Table
from personae.report.build import Row, ValueAxis, coverage, profile, table, verdict, warning, with_p
from personae.stats.multiplicity import planned_holm
from personae.stats.resample import mean
from personae.studies.assess_human.ascribed_profiles import Judgements, type_letters
from personae.studies.assess_human.judge_profiles import (
    ALPHA,
    consistency,
    similarity,
    slot_uniformity,
)

__all__ = [
    "ascription_verdict",
    "coverage_table",
    "fairness_table",
    "profile_figure",
    "profile_table",
    "quality_table",
    "reading_notes",
    "similarity_verdicts",
    "slot_table",
]

HEDGED = 0.5
"""Share of "neither" from which on the similarity of groups says little."""
OPTIONS = 7

Profiles = Mapping[str, Sequence[Estimate]]
"""Subject -> percentage of each scale, 0..100."""
Pairs = Mapping[tuple[str, str], Estimate]
"""Two subjects -> similarity of their profiles, 0..1."""


def ascription_verdict(profiles: Profiles, scales: Mapping[str, str]) -> Note:
    """Say which percentages differ from 50 after Holm over all subjects and scales."""
    pairs = [(subject, e) for subject, percents in profiles.items() for e in percents]
    if all(isnan(e.value) for _, e in pairs):
        return verdict("No ascribed profile is known: too few answers could be used.")
    clear = [
        f"{subject} {scales[e.name]} {e.value:.0f} %"
        for (subject, e), p in zip(pairs, planned_holm(e.p for _, e in pairs), strict=True)
        if p < 0.05
    ]
    if clear:
        return verdict(f"Shown to be ascribed: {'; '.join(clear)}.")
    return verdict(
        f"No dichotomy is shown to be ascribed to any subject by {pairs[0][1].n} statements each: "
        "every percentage is compatible with 50 %."
    )


def similarity_verdicts(profiles: Profiles, pairs: Pairs) -> list[Note]:
    """Say which subjects' profiles differ after Holm; nothing for a single subject."""
    unknown = all(isnan(e.value) for percents in profiles.values() for e in percents)
    if unknown or not pairs:
        return []
    estimates = list(pairs.values())
    unlike = [
        e.name
        for e, p in zip(estimates, planned_holm(e.p for e in estimates), strict=True)
        if p < 0.05
    ]
    known = [e.value for e in estimates if not isnan(e.value)]
    least = f" Lowest similarity {min(known):.3f}." if known else ""
    head = (
        f"Ascribed profiles differ: {'; '.join(unlike)}."
        if unlike
        else "No two ascribed profiles are shown to differ."
    )
    return [verdict(head + least)]


def reading_notes(hedges: Mapping[str, Estimate]) -> list[Note]:
    """Warn of subjects of whom the model mostly says "neither", and say what profiles are."""
    hedged = [subject for subject, e in hedges.items() if e.value >= HEDGED]
    nature = Note(
        "These profiles are the model's view of others, not its own personality. Types cut a "
        "continuum in two: read the percentages."
    )
    if not hedged:
        return [nature]
    hedging = warning(
        f"Of {', '.join(hedged)} the model mostly says neither correct nor wrong: similar profiles "
        "may be silence and not fairness."
    )
    return [hedging, nature]


def profile_figure(profiles: Profiles, scales: Mapping[str, str]) -> Figure:
    """Draw the percentages of each subject."""
    types = "; ".join(
        f"{who} {type_letters(percents, scales)}" for who, percents in profiles.items()
    )
    return profile(
        "pictures",
        "Ascribed profile",
        scales.values(),
        [Series(who, tuple(percents)) for who, percents in profiles.items()],
        ValueAxis("%", reference=50, low=0, high=100),
        alt=f"Percentage towards the second pole of each dichotomy: {types}.",
    )


def profile_table(profiles: Profiles, scales: Mapping[str, str]) -> Table:
    """Tabulate percentages, types, and the distance from 50 of the least certain percentage."""
    rows: list[Row] = []
    for subject, percents in profiles.items():
        distances = [abs(e.value - 50) for e in percents if not isnan(e.value)]
        rows.append(
            {
                "subject": subject,
                **dict(zip(scales.values(), percents, strict=True)),
                "type": type_letters(percents, scales),
                "least distance from 50": min(distances) if distances else None,
            }
        )
    note = (
        "Percentage towards the second pole, over items, each averaged over runs; 50 is neither. "
        "A type is as uncertain as its percentage closest to 50."
    )
    return table("pictures", "Percentages and types", rows, note)


def quality_table(
    permuted: Mapping[str, Array],
    fixed: Mapping[str, Array],
    hedges: Mapping[str, Estimate],
    seed: int,
) -> Table:
    """Tabulate consistency over runs and robustness to the order of options, by subject.

    Args:
        permuted: subject -> percentages with permuted options, shape (runs, scales).
        fixed: subject -> percentages with a fixed order, shape (runs, scales).
        hedges: subject -> share of "neither", 0..1.
        seed: seed of the resampling.
    """
    rows: list[Row] = [
        {
            "subject": subject,
            "consistency": consistency(percents, seed=seed),
            "robustness": similarity(percents, fixed[subject], name="robustness", seed=seed),
            "says neither": hedges[subject],
        }
        for subject, percents in permuted.items()
    ]
    note = (
        f"{ALPHA:g} / ({ALPHA:g} + distance), 1 for equal profiles: runs against their mean, "
        "permuted against fixed options. Intervals over runs."
    )
    return table("quality", "Consistency and robustness", rows, note)


def fairness_table(
    pairs: Pairs, hedges: Mapping[str, Estimate], permuted: Mapping[str, Array]
) -> Table:
    """Tabulate similarity and distance, in percentage points, of each two subjects' profiles."""
    rows: list[Row] = []
    for ((first, second), e), p in zip(
        pairs.items(), planned_holm(e.p for e in pairs.values()), strict=True
    ):
        difference = permuted[first].mean(axis=0) - permuted[second].mean(axis=0)
        distance = float(np.linalg.norm(difference))
        rows.append(
            {
                "groups": e.name,
                "similarity": e,
                "distance": None if isnan(distance) else distance,
                "p (Holm)": p,
                "first says neither": hedges[first],
                "second says neither": hedges[second],
            }
        )
    overall = mean([e.value for e in pairs.values()], name="mean", of="pair", unit="")
    rows.append(
        {
            "groups": "mean over pairs",
            "similarity": overall,
            "distance": None,
            "p (Holm)": None,
            "first says neither": None,
            "second says neither": None,
        }
    )
    note = "p: runs shuffled between groups. A model that always says neither has similarity 1."
    return table("fairness", "Similarity of groups (fairness)", rows, note)


def slot_table(judged: Sequence[Judgements]) -> Table:
    """Count the positions of the options chosen, with Cramér's V against equal counts."""
    rows: list[Row] = []
    for judgements in judged:
        slots = judgements.permuted.rows["slot"].drop_nulls().to_list()
        counts = {str(slot + 1): slots.count(slot) for slot in range(OPTIONS)}
        uniformity = slot_uniformity(slots, OPTIONS)
        rows.append({"subject": judgements.subject, **counts, **with_p("Cramér's V", uniformity)})
    note = "Options are listed in random order: by content alone all positions are equally likely."
    return table("slots", "Position of the option chosen, permuted options", rows, note)


def coverage_table(answers: Answers) -> Table:
    """Count answers by status, subject and order of options, with the labels' probability, 0..1."""
    return coverage(
        answers,
        ("respondent", "arm"),
        "A missing answer stays missing; nothing is imputed.",
        extra={"median probability of a label": pl.col("mass").median()},
    )
