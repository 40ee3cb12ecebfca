"""Comparisons of contexts, models and training stages."""

from collections.abc import Mapping, Sequence

from personae.core import Part, Table
from personae.designs.report_behaviour import (
    BehaviourMeasure,
    Profile,
    persona_shifts,
    sign_agreement,
)
from personae.report.build import Row, table
from personae.studies.personality_illusion.coupling import coupling, trait_slopes
from personae.studies.personality_illusion.dispersion import (
    brown_forsythe,
    median_absolute_deviation,
)
from personae.studies.personality_illusion.opposite_personas import TRAITS
from personae.studies.personality_illusion.sign_verdicts import expected_shift, sign_verdict

__all__ = ["context_table", "model_tables"]

Measures = Sequence[BehaviourMeasure]


def context_table(
    people: Sequence[Profile], measures: Measures, traits: Sequence[str], seed: int
) -> Table:
    """Compare the contexts: expected signs, and mean shifts of behaviour and reports."""
    groups = {p.context: [q for q in people if q.context == p.context] for p in people}
    rows = [
        {"context": context, **_summary(group, context, (measures, traits, seed))}
        for context, group in groups.items()
    ]
    return table("contexts", "Questions alone and in one conversation", rows)


def model_tables(
    people: Sequence[Profile], measures: Measures, traits: Sequence[str], seed: int
) -> list[Part]:
    """Compare models or stages: shifts, spread of reports, slopes within and between them."""
    groups = {p.model: [q for q in people if q.model == p.model] for p in people}
    rows = [
        {"model": model, **_summary(group, model, (measures, traits, seed))}
        for model, group in groups.items()
    ]
    return [
        table("stages", "Models and training stages", rows),
        _spread_table(groups, traits, seed),
        _slope_table(people, measures, traits),
    ]


def _summary(
    people: Sequence[Profile], label: str, design: tuple[Measures, Sequence[str], int]
) -> Row:
    """Sum up one group of respondents; design = (measures, traits, seed)."""
    measures, traits, seed = design
    moves = persona_shifts(people, measures, traits, seed=seed)
    signs = sign_agreement(moves.shifts, label, seed=seed)
    return {
        "reports moved as asked": f"{len(moves.shifted_traits)} of {len(traits)}",
        "behaviour (SD)": expected_shift(moves.shifts, label, seed),
        "behaviour with predicted (r)": coupling(people, measures, traits, seed=seed),
        "expected signs": signs,
        "verdict": sign_verdict(signs),
    }


def _spread_table(
    groups: Mapping[str, Sequence[Profile]], traits: Sequence[str], seed: int
) -> Table:
    """Compare each model's spread of reports with the first model's."""
    first, *others = groups
    rows: list[Row] = []
    for other in others:
        for trait in traits:
            pair = [[p.mean(trait) for p in groups[model]] for model in (first, other)]
            rows.append(
                {
                    "report": TRAITS[trait],
                    "compared with": other,
                    f"MAD {first}": median_absolute_deviation(pair[0]),
                    "MAD of the other": median_absolute_deviation(pair[1]),
                    "spread ratio": brown_forsythe(pair, of="condition", seed=seed),
                }
            )
    note = "MAD: median absolute deviation; p: Brown-Forsythe."
    return table("spread", "Spread of reports over the same conditions", rows, note)


def _slope_table(people: Sequence[Profile], measures: Measures, traits: Sequence[str]) -> Table:
    rows: list[Row] = []
    for row in measures:
        for trait in traits:
            slopes = trait_slopes(people, row, trait)
            if not isinstance(slopes, str):
                rows.append(
                    {
                        "measure": row.measure.name,
                        "report": TRAITS[trait],
                        "pooled": slopes.pooled,
                        "within": slopes.within,
                        "between": slopes.between,
                    }
                )
    note = (
        "z scores. A pooled slope mixes differences between models with covariation within one; "
        "only the latter is about a model's personality."
    )
    title = "One behaviour on one report: pooled, within and between models"
    columns = ("measure", "report", "pooled", "within", "between")
    return table("slopes", title, rows, note, columns=columns)
