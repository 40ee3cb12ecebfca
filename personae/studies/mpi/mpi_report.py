"""The parts of the MPI report: verdicts, the neutral profile, shifts and vignettes."""

from collections.abc import Mapping, Sequence
from math import isnan

import polars as pl

from personae.core import (
    Answers,
    Estimate,
    Inventory,
    Model,
    Note,
    Part,
    Persona,
    Series,
    Table,
)
from personae.induce.prompt.prompt_inductions import PromptInduction
from personae.report.build import (
    Row,
    ValueAxis,
    estimate_words,
    estimates_table,
    forest,
    frame_table,
    list_words,
    matrix_table,
    profile,
    table,
    verdict,
)
from personae.stats.resample import mean
from personae.stats.scores.response_style import acquiescence
from personae.stats.scores.scales import item_matrix, scale_scores
from personae.studies.mpi.vignettes import JudgedEssay

__all__ = [
    "constant_verdicts",
    "profile_parts",
    "prompt_table",
    "shift_parts",
    "shift_verdicts",
    "vignette_parts",
    "vignette_verdict",
]

PEOPLE = {
    "O": (3.4405, 1.1304),
    "C": (3.6043, 0.9782),
    "E": (3.4113, 1.0657),
    "A": (3.6591, 1.0361),
    "N": (2.8051, 1.0558),
}
"""Means and within-person SDs over items, 1..5 points, of about 619,000 people (Johnson 2014)."""
CONSTANT = 0.95
"""Share of one option from which on the answers are called constant."""

Shifts = Mapping[str, Mapping[str, Mapping[str, Estimate]]]
"""Channel -> induction -> domain, or "all" -> (+) minus (-)."""


def constant_verdicts(neutral: Answers) -> list[Note]:
    """State that answers are constant where one option makes up at least 95 % of them."""
    given = neutral.rows.filter(pl.col("status") == "ok")
    counts = given.group_by("raw").len().sort("len", "raw", descending=[True, False])
    if not counts.height or counts["len"][0] < CONSTANT * given.height:
        return []
    return [
        verdict(
            f"The model answers {counts['raw'][0]!r} to {counts['len'][0]} of {given.height} "
            "items, whatever they say: its profile reflects the key, not a personality."
        )
    ]


def shift_verdicts(shifts: Shifts) -> list[Note]:
    """Say by channel which inductions shift the self-report: those with an interval above 0."""
    notes = []
    for channel, by_induction in shifts.items():
        overall = {name: by_domain["all"] for name, by_domain in by_induction.items()}
        if all(isnan(e.value) for e in overall.values()):
            why = next(iter(overall.values())).why_missing
            notes.append(verdict(f"Self-report by {channel}: not known, {why}."))
            continue
        clauses = [_shift_clause(name, e) for name, e in overall.items()]
        unit = next(iter(overall.values())).unit
        notes.append(
            verdict(f"Self-report by {channel}, {unit}, (+) minus (−): {'; '.join(clauses)}.")
        )
    return notes


def _shift_clause(induction: str, shift: Estimate) -> str:
    if isnan(shift.value):
        return f"whether {induction} shifts it is {estimate_words(shift)}"
    shown = "shifts it" if shift.low > 0 else "is not shown to shift it"
    return f"{induction} {shown} ({estimate_words(shift, '+.3f')})"


def vignette_verdict(rate: Estimate) -> Note:
    """Say whether more than half of the essays were judged as intended."""
    if isnan(rate.value):
        return verdict(f"Vignettes: not known, {rate.why_missing}.")
    shown = "show" if rate.low > 0.5 else "are not shown to express"
    return verdict(
        f"Vignettes {shown} the induced trait: {estimate_words(rate, '.0%')} are judged as "
        "intended; chance is 50 %."
    )


def profile_parts(sheets: Mapping[str, Answers], tool: Inventory, seed: int) -> list[Part]:
    """Draw and tabulate the neutral scores beside people's and those of null respondents.

    Args:
        sheets: respondent -> answers; the first is the model, which is drawn.
        tool: the inventory.
        seed: seed of the intervals.
    """
    who, neutral = next(iter(sheets.items()))
    means = {name: _scale_means(sheet, tool, seed) for name, sheet in sheets.items()}
    rows = [_score_row(name, tool, means[name], _item_sds(sheet)) for name, sheet in sheets.items()]
    people = {s: PEOPLE.get(s, (None, None)) for s in tool.scales}
    people_means = {scale: centre for scale, (centre, _) in people.items()}
    people_sds = {scale: spread for scale, (_, spread) in people.items()}
    rows.append(_score_row("people", tool, people_means, people_sds))
    titles = tuple(tool.scales.values())
    by_title = dict(zip(titles, means[who].values(), strict=True))
    figure = profile(
        "profile",
        "Neutral profile beside that of people",
        titles,
        [
            Series(who, tuple(means[who].values()), "measured"),
            Series("people", tuple(people_means.values()), "baseline"),
        ],
        ValueAxis("points", low=tool.low, high=tool.high),
        alt=f"Mean keyed item scores without any persona: {list_words(by_title, '.2f')}.",
    )
    note = "Mean keyed score and population SD over items; people: about 619,000 (Johnson)."
    counts = neutral.rows.group_by("raw", "status").len().sort("raw", "status")
    heads = {"raw": "option", "len": "count"}
    return [
        figure,
        acquiescence(neutral, use="expected", seed=seed),
        table("neutral", "Neutral scores", rows, note),
        frame_table("letters", "Options chosen", counts, heads=heads),
    ]


def _scale_means(sheet: Answers, tool: Inventory, seed: int) -> dict[str, Estimate]:
    means = {}
    for scale in tool.scales:
        matrix, _, _ = item_matrix(sheet.where(scale=scale), ("order",))
        means[scale] = mean(matrix.ravel(), name=scale, seed=seed)
    return means


def _item_sds(sheet: Answers) -> dict[str, float | None]:
    return dict(scale_scores(sheet, by=("order",)).select("scale", "sd").rows())


def _score_row(
    who: str,
    tool: Inventory,
    means: Mapping[str, Estimate | float | None],
    sds: Mapping[str, float | None],
) -> Row:
    row: Row = {"respondent": who}
    for scale, title in tool.scales.items():
        row |= {title: means[scale], f"{title} SD": sds.get(scale)}
    return row


def shift_parts(shifts: Shifts, tool: Inventory) -> list[Part]:
    """Draw and tabulate (+) minus (-) by channel, induction and trait."""
    parts: list[Part] = []
    for channel, by_induction in shifts.items():
        title = f"(+) minus (−), by {channel}"
        matrix = {
            name: {tool.scales.get(domain, "all"): e for domain, e in by_domain.items()}
            for name, by_domain in by_induction.items()
        }
        overall = {name: by_trait["all"] for name, by_trait in matrix.items()}
        unit = next(iter(overall.values())).unit
        rows = [(trait, n, e) for n, by_trait in matrix.items() for trait, e in by_trait.items()]
        alt = f"Over all traits: {list_words(overall, '+.3f')}."
        key, note = f"moved_{channel}", f"Mean keyed item score, {unit}."
        parts.append(forest(key, title, rows, unit, alt=alt))
        parts.append(matrix_table(key, title, matrix, "induction", note))
    return parts


def prompt_table(
    model: Model, inductions: Sequence[PromptInduction], people: Sequence[Persona]
) -> Table:
    """Quote what each induction says to the model for each persona."""
    rows = [
        {"induction": induction.name, "trait": p.id, "text": induction.text(model, p)}
        for induction in inductions
        for p in people
    ]
    return table("prompts", "What the prompts say", rows)


def vignette_parts(rates: Mapping[str, Estimate], essays: Sequence[JudgedEssay]) -> list[Part]:
    """Tabulate the rates (0..1) of essays judged as intended, and quote the essays."""
    title = "Judged as intended"
    note = "Chance is 0.5. A judgement counts if both orders got an answer; a tie is no success."
    rows: list[Row] = [
        {
            "trait": essay.persona,
            "judged as intended": None if isnan(essay.intended) else essay.intended,
            "why not judged": essay.why,
            "text": essay.text,
        }
        for essay in essays
    ]
    return [
        estimates_table("vignettes", title, rates, ("trait", "rate"), note),
        table("essays", "Essays", rows),
    ]
