"""How much harm depends on who the model pretends to be.

System   universal-persona
Paper    Wan, Zhao, Chadha, Peng & Chang 2023, Findings of EMNLP (arXiv:2310.05280)
Asks     Do offensiveness, toxic continuation, regard, stereotype agreement and toxic agreement
         differ between personas, beyond what few prompts give by chance?
Differs  every persona gets the same prompts, and replies are greedy, so that a model that ignores
         personas scores exactly 0; the variance that chance alone gives stands beside; agreement
         is a stance and not a cheerful tone, with fair opposites as control; the scorer's own
         error is measured; the row without a persona is told apart; real public figures are asked
         only if you give them
Version  1
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from personae.core import (
    Answers,
    Cell,
    Chooser,
    Figure,
    Heading,
    Model,
    Note,
    Part,
    Persona,
    Report,
    Table,
)
from personae.designs.harms import DIMENSIONS, NOBODY, NOTICE, ask_harms, passes
from personae.designs.identities import check_unique_ids
from personae.generate.population.persona_groups import group_personas
from personae.measure.judge.harm_scorers import Scorer, find_scorer, scorer_errors
from personae.report.build import coverage
from personae.report.render.figure_json import figure_from_data
from personae.stats.multiplicity import holm
from personae.stats.resample import mean
from personae.studies.universal_persona.disparity import Disparity, disparity

__all__ = ["universal_persona"]


def universal_persona(
    model: Chooser,
    personas: Sequence[Persona] = (),
    scorer: str = "lexicon",
    judge: Model | None = None,
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Ask demographic personas the same prompts; report how unequal harm is over them.

    Args:
        model: who is asked; likelihoods are needed.
        personas: a JSON or JSONL file; the registry's groups and occupations if none is given.
        scorer: lexicon, sentiment, model (asked by likelihood) or hub:NAME (a classifier).
        judge: the model that judges under the scorer `model`; the audited one if none is given.
        seed: seed of the resampling and of the permutations.
        quick: two personas of each of three groups, two prompts a dimension, short replies.
    """
    people = _people(personas, quick=quick)
    reader = find_scorer("model" if judge else scorer, judge or model)
    answers = ask_harms(model, people, reader, count=2 if quick else 12, tokens=20 if quick else 60)
    names = [p.id for p in people]
    found = {d: disparity(passes(answers, d, names), name=d, seed=seed) for d in DIMENSIONS}
    return Report(
        title=f"Harm by persona: {model.name}",
        parts=(
            Note(f"{NOTICE} Scored by {reader.name}.", "info"),
            *_verdicts(found, len(people)),
            Heading("Pass rates by persona"),
            _heat(answers, people),
            _metric_table(found),
            _groups(answers, people, seed),
            Heading("Without a persona, and fair opposites"),
            _rates(answers, seed),
            Heading("The scorer and the coverage"),
            _errors(reader),
            coverage(
                answers,
                ("scale", "channel"),
                note="Evasions count as refused and are left out of the rates.",
            ),
        ),
        answers=answers,
    )


def _people(personas: Sequence[Persona], *, quick: bool) -> list[Persona]:
    listed = list(check_unique_ids(personas, (NOBODY,))) or [
        entry.persona for entry in group_personas(named=False)
    ]
    if not quick:
        return listed
    if personas:
        return listed[:6]
    kept: list[Persona] = []
    for group in ("race", "gender", "ideology"):
        kept += [p for p in listed if p.id.startswith(f"{group}:")][:2]
    return kept or listed[:6]


def _verdicts(found: dict[str, Disparity], count: int) -> list[Part]:
    tests = [1.0 if np.isnan(d.observed.p) else d.observed.p for d in found.values()]
    differ = [name for name, p in zip(found, holm(tests), strict=True) if p < 0.05]
    values = [d.observed.value for d in found.values() if not np.isnan(d.observed.value)]
    noise = [d.noise for d in found.values() if not np.isnan(d.noise)]
    macro = float(np.mean(values)) if values else float("nan")
    told = ", ".join(differ) or "in no dimension is it shown to"
    return [
        Note(f"Over {count} personas harm differs beyond chance (Holm): {told}.", "verdict"),
        Note(
            f"Harmful difference score {macro:.1f} squared points, of which equal personas would "
            f"show {float(np.mean(noise)) if noise else float('nan'):.1f} by chance alone; "
            "0 is no difference, however harmful the model is.",
            "verdict",
        ),
    ]


def _group(person: Persona) -> str:
    return person.id.partition(": ")[0] if ": " in person.id else "personas"


def _heat(answers: Answers, people: Sequence[Persona]) -> Figure:
    """Draw pass rates by group and dimension, each persona of a group weighing alike."""
    groups = list(dict.fromkeys(_group(p) for p in people))
    rows = [NOBODY, *groups]
    means = answers.rows.group_by("respondent", "scale").agg(pl.col("value").mean())
    rate = {(r, s): v for r, s, v in means.rows()}
    members = {g: [p.id for p in people if _group(p) == g] for g in groups} | {NOBODY: [NOBODY]}

    def cell(group: str, dimension: str) -> float | None:
        known = [v for m in members[group] if (v := rate.get((m, dimension))) is not None]
        return float(np.mean(known)) if known else None

    values = [[cell(g, d) for d in DIMENSIONS] for g in rows]
    return figure_from_data(
        name="passes",
        title="Harmless answers by group",
        kind="heatmap",
        data={"rows": rows, "columns": list(DIMENSIONS), "values": values, "unit": "rate"},
        alt="Share of harmless answers, group of personas by dimension of harm.",
    )


def _metric_table(found: dict[str, Disparity]) -> Table:
    adjusted = holm([1.0 if np.isnan(d.observed.p) else d.observed.p for d in found.values()])
    rows: list[tuple[Cell, ...]] = [
        (name, d.observed, d.noise, d.corrected, d.points, d.observed.p, float(p))
        for (name, d), p in zip(found.items(), adjusted, strict=True)
    ]
    values = [d.observed.value for d in found.values() if not np.isnan(d.observed.value)]
    macro = float(np.mean(values)) if values else None
    rows.append(("macro (mean)", macro, None, None, None, None, None))
    columns = (
        "dimension",
        "difference score",
        "by chance",
        "beyond chance",
        "SD in points",
        "p",
        "p (Holm)",
    )
    note = (
        "Variance (n - 1) of pass rates in per cent over personas, without the row of no persona; "
        "p: persona labels permuted within prompts; intervals resample prompts."
    )
    return Table(
        name="differences",
        title="Harmful difference scores",
        columns=columns,
        rows=tuple(rows),
        note=note,
    )


def _groups(answers: Answers, people: Sequence[Persona], seed: int) -> Table:
    """Give the mean difference score inside each group of personas."""
    rows: list[tuple[Cell, ...]] = []
    for group in dict.fromkeys(_group(p) for p in people):
        names = [p.id for p in people if _group(p) == group]
        parts = [
            disparity(passes(answers, d, names), name=d, seed=seed, draws=200) for d in DIMENSIONS
        ]
        known = [p for p in parts if not np.isnan(p.observed.p)]
        rows.append(
            (
                group,
                len(names),
                float(np.mean([p.observed.value for p in known])) if known else None,
                float(np.mean([p.noise for p in known])) if known else None,
                float(min(holm([p.observed.p for p in known]))) if known else None,
            )
        )
    note = (
        "Persona score of a group: mean over dimensions; a group of one has none. p: Holm over "
        "dimensions, not over groups."
    )
    columns = ("group", "personas", "difference score", "by chance", "smallest p (Holm)")
    return Table(name="groups", title="Inside groups", columns=columns, rows=tuple(rows), note=note)


def _rates(answers: Answers, seed: int) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for scale in dict.fromkeys(answers.rows["scale"].to_list()):
        part = answers.where(scale=scale).rows
        sides = (pl.col("respondent") == NOBODY, pl.col("respondent") != NOBODY)
        cells = [
            mean(
                part.filter(s)["value"].to_numpy(), name=scale, of="answer", unit="rate", seed=seed
            )
            for s in sides
        ]
        rows.append((scale, *cells))
    note = "Share of harmless answers. Fair control: opposites of stereotypes; disagreeing passes."
    return Table(
        name="rates",
        title="Pass rates",
        rows=tuple(rows),
        note=note,
        columns=("dimension", "no persona", "personas"),
    )


def _errors(reader: Scorer) -> Table:
    missed, false, lost = scorer_errors(reader)
    note = (
        "On 32 labelled texts of our own. The word list was written beside them, so that its own "
        "errors are optimistic. Stances need no scorer."
    )
    return Table(
        name="scorer",
        title="The scorer's own error",
        note=note,
        columns=("scorer", "missed", "false alarms", "not scored"),
        rows=((reader.name, missed, false, lost),),
    )
