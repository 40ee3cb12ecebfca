"""The parts of the self-assessment report: verdicts, scores, comparisons and agreement bias."""

from collections.abc import Mapping, Sequence
from math import isnan

import numpy as np
import polars as pl

from personae.core import Answers, Estimate, Note, Part, Table
from personae.report.build import (
    Row,
    ValueAxis,
    forest,
    missing_answers,
    table,
    verdict,
    warning,
)
from personae.stats.agreement import (
    exact_agreement,
    mean_absolute_difference,
    pearson,
    weighted_kappa,
)
from personae.stats.effects.ranks import friedman, kruskal
from personae.stats.multiplicity import holm
from personae.stats.scores.keying import keying_alarm
from personae.stats.scores.response_style import acquiescence, position_pull
from personae.studies.self_assessment.administrations import (
    CONDITION_COLUMNS,
    MIN_SHARE,
    SCORINGS,
    AdministrationPair,
    Condition,
    Scoring,
    Sheet,
)

__all__ = [
    "agreement_parts",
    "all_wordings_table",
    "decomposition_parts",
    "pair_table",
    "reliability_verdicts",
    "reliability_warnings",
    "score_parts",
]

Comparisons = Mapping[Scoring, Sequence[AdministrationPair]]


def reliability_verdicts(
    by_wording: Comparisons, by_order: Comparisons, margin: float
) -> list[Note]:
    """State whether scores hold: one difference refutes it, and equivalence must be shown.

    Args:
        by_wording: comparisons of wordings, by scoring.
        by_order: comparisons of option orders, by scoring.
        margin: the margin of equivalence, in points.
    """
    verdicts = [p.verdict for c in (by_wording, by_order) for pairs in c.values() for p in pairs]
    if "different" in verdicts:
        head = "Unreliable: scores depend on the form of the questions."
    elif "inconclusive" not in verdicts:
        head = f"Invariant: all scores are equivalent within {margin} points."
    else:
        head = "Inconclusive: no score is shown to differ, and not all are shown to be equivalent."
    notes = [verdict(head)]
    for name, comparisons in (("Wording", by_wording), ("Option order", by_order)):
        counts = "; ".join(f"{s}: {_verdict_counts(pairs)}" for s, pairs in comparisons.items())
        notes.append(verdict(f"{name}, {len(comparisons['keyed'])} comparisons. {counts}."))
    return notes


def _verdict_counts(pairs: Sequence[AdministrationPair]) -> str:
    verdicts = [pair.verdict for pair in pairs]
    listed = [f"{verdicts.count(v)} {v}" for v in sorted(set(verdicts))]
    published = sum(pair.unpaired.p < 0.05 for pair in pairs)
    return f"{', '.join(listed)} ({published} with p < .05 by unadjusted Mann-Whitney)"


def reliability_warnings(sheet: Sheet, left_out: Sequence[str]) -> list[Note]:
    """Warn of missing and constant answers, doubtful keys, and wordings that were left out."""
    notes = missing_answers(sheet.answers)
    known = sheet.cells["unkeyed"][np.isfinite(sheet.cells["unkeyed"])]
    if known.size and float(np.ptp(known)) == 0:
        notes.append(
            warning("All answers are the same, so that their stability says nothing about a trait.")
        )
    if doubts := keying_alarm(sheet.answers, rows=CONDITION_COLUMNS):
        scales = ", ".join(sorted({doubt.scale for doubt in doubts}))
        notes.append(
            warning(
                f"Keying alarm over administrations ({len(doubts)} doubts; scales {scales}), "
                f"first: {doubts[0]}. The keys are the inventory's own, so the answers "
                "follow agreement or position more than content."
            )
        )
    notes += [
        warning(f"{name} is left out: it has no text for every option, which the channel needs.")
        for name in left_out
    ]
    return notes


def score_parts(sheet: Sheet) -> list[Part]:
    """Draw and tabulate the scale scores, in points, by wording and option order."""
    rows: list[Row] = []
    drawn: list[tuple[str, str, Estimate]] = []
    for scale, title in sheet.scales().items():
        for condition in sheet.conditions:
            unkeyed, keyed = (sheet.score(s, condition, scale) for s in SCORINGS)
            values = sheet.column("keyed", condition, scale)
            rows.append(
                {
                    "trait": title,
                    "wording": condition[0],
                    "order": condition[1],
                    "unkeyed agreement": unkeyed,
                    "keyed score": keyed,
                    "SD of items": None if isnan(keyed.value) else float(np.nanstd(values)),
                }
            )
            drawn.append((", ".join(condition), title, keyed))
    figure = forest(
        "scores",
        "Trait scores by wording and option order",
        drawn,
        ValueAxis("points", reference=(sheet.tool.low + sheet.tool.high) / 2),
        alt="Keyed score of each trait in each administration, with 95 % intervals over items.",
    )
    note = (
        "Unkeyed is what the published code scores. Intervals and tests resample items, which are "
        f"not independent respondents; no score where fewer than {MIN_SHARE:.0%} were answered."
    )
    return [figure, table("scores", "Trait scores", rows, note)]


def pair_table(name: str, title: str, comparisons: Comparisons, margin: float) -> Table:
    """Tabulate tests of difference and of equivalence within `margin` points."""
    rows: list[Row] = [
        {
            "scoring": scoring,
            "trait": pair.scale,
            "between": pair.between,
            "Mann-Whitney (Cliff's delta)": pair.unpaired,
            "Wilcoxon (rank-biserial)": pair.paired,
            "Wilcoxon p (Holm)": pair.adjusted,
            "equivalence": pair.equivalence,
            "verdict": pair.verdict,
        }
        for scoring, pairs in comparisons.items()
        for pair in pairs
    ]
    note = (
        "Verdict: Wilcoxon after Holm over the traits and pairs of a scoring, and TOST within "
        f"{margin} points; inconclusive if neither is significant."
    )
    return table(name, title, rows, note)


def all_wordings_table(sheet: Sheet, wordings: Sequence[str], orders: Sequence[str]) -> Table:
    """Tabulate tests over all wordings at once, by scoring, option order and trait."""
    rows: list[Row] = []
    paired: list[Estimate] = []
    for scoring in SCORINGS:
        for order in orders:
            for scale, title in sheet.scales().items():
                cells = [sheet.column(scoring, (wording, order), scale) for wording in wordings]
                paired.append(friedman(np.stack(cells, axis=1), seed=sheet.seed))
                rows.append(
                    {
                        "scoring": scoring,
                        "order": order,
                        "trait": title,
                        "Friedman (Kendall's W)": paired[-1],
                        "Kruskal-Wallis (epsilon squared)": kruskal(cells, seed=sheet.seed),
                    }
                )
    adjusted = holm([estimate.p for estimate in paired])
    for row, p in zip(rows, adjusted, strict=True):
        row["Friedman p (Holm)"] = float(p)
    return table("all_wordings", "All wordings at once", rows, "Holm over all rows of this table.")


def agreement_parts(sheet: Sheet, pairs: Sequence[tuple[Condition, Condition]]) -> list[Part]:
    """Tabulate how far answers to an item agree between forward and reversed options.

    Args:
        sheet: the answers.
        pairs: the forward and the reversed condition of each wording.
    """
    rows: list[Row] = []
    followed: dict[str, str] = {}
    for forward, reverse in pairs:
        wording = forward[0]
        x, y = (sheet.column("unkeyed", condition) for condition in (forward, reverse))
        own = sheet.answers.rows.filter(pl.col("form").str.starts_with(wording + "/"))
        pull = position_pull(Answers(own), seed=sheet.seed)
        followed[wording] = _instruction_followed(pull)
        rows.append(
            {
                "wording": wording,
                "exact agreement": exact_agreement(x, y),
                "quadratic kappa": weighted_kappa(x, y, seed=sheet.seed),
                "Pearson r": pearson(x, y),
                "mean absolute difference": mean_absolute_difference(x, y, seed=sheet.seed),
                "position pull": pull,
                "follows the labels' meaning": followed[wording],
            }
        )
    note = "Position pull: 0 if the option's text is repeated, 1 if its position is, 0.5 by chance."
    parts: list[Part] = [table("agreement", "The same item, forward and reversed", rows, note)]
    if "enfj" in followed:
        parts.append(
            Note(
                "enfj names only its end points and, forward, lets 1 mean agree; a model that "
                "keeps the number fails to follow the instruction. Instruction followed: "
                f"{followed['enfj']}."
            )
        )
    return parts


def _instruction_followed(pull: Estimate) -> str:
    """Tell whether the labels' meaning is followed: the position pull is below 0.5."""
    if isnan(pull.value):
        return f"not known ({pull.why_missing})"
    low, high = (pull.value, pull.value) if isnan(pull.low) else (pull.low, pull.high)
    return "yes" if high < 0.5 else "no" if low > 0.5 else "inconclusive"


def decomposition_parts(sheet: Sheet) -> list[Part]:
    """Tabulate agreement bias, the spread of scores, and the sources of variance."""
    forms = sheet.answers.rows.group_by(CONDITION_COLUMNS, maintain_order=True)
    bias: list[Row] = [
        {
            "wording": wording,
            "order": order,
            "acquiescence": acquiescence(Answers(own), seed=sheet.seed),
        }
        for (_, own), (wording, order) in zip(forms, sheet.conditions, strict=True)
    ]
    spread: list[Row] = [
        {"trait": title, **{scoring: sheet.spread(scoring, scale) for scoring in SCORINGS}}
        for scale, title in sheet.scales().items()
    ]
    return [
        table(
            "acquiescence",
            "Agreement whatever the item says",
            bias,
            "Both keys have the same weight; without a bias, the midpoint of the options.",
        ),
        table(
            "spread",
            "Largest difference between administrations",
            spread,
            "Keying removes agreement bias, in balanced scales only. A range can't be negative and "
            "grows by chance; over items answered in every administration.",
        ),
        table(
            "variance",
            "Where the variance of item answers comes from",
            _share_rows(sheet),
            "The residual holds what is particular to an item in one administration.",
        ),
    ]


def _share_rows(sheet: Sheet) -> list[Row]:
    sources = ("wording", "order", "item", "residual")
    return [
        {
            "scoring": scoring,
            "trait": title,
            **dict(zip(sources, sheet.shares(scoring, scale), strict=True)),
        }
        for scoring in SCORINGS
        for scale, title in sheet.scales().items()
    ]
