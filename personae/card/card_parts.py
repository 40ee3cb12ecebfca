"""The card's tables, figures and sentences; every number comes from `analysis`."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf, isnan

import numpy as np
import polars as pl

from personae.card.analysis import GROUP, MARGIN, ChannelScores, ScaleShift
from personae.core import CONTROL, Estimate, Note, Part, ProfileFigure, Series, Table
from personae.measure.gate import GateResult
from personae.report.build import (
    Row,
    ValueAxis,
    estimate_words,
    forest,
    list_words,
    missing_answers,
    profile,
    table,
    verdict,
    warning,
)
from personae.stats.effects.contrast import paired_cells
from personae.stats.effects.verdicts import SHIFTED
from personae.stats.resample import mean
from personae.stats.scores.variance_shares import variance_shares
from personae.traits.norms import norm_standing

__all__ = ["PLACEBO", "arms", "domains", "facets", "steadiness", "verdicts", "warnings"]

PLACEBO = "placebo"
WIDEST = 4.0
"""Most SD units that a figure shows; the intervals of facets of two items are wider."""
BAND = ValueAxis("SD", 0.0, (-MARGIN, MARGIN))


def verdicts(gate: GateResult, scores: ChannelScores, names: Sequence[str]) -> list[Note]:
    """State the results in plain sentences, doubts first."""
    shifts = scores.shifts(names[0])
    requested = [s for s in shifts if s.requested]
    notes = [verdict(gate.sentence)]
    if requested:
        notes.append(verdict(_outcome(requested, names[0], scores)))
    else:
        notes.append(verdict("No trait was requested: the card shows what was measured."))
    for outcome, words in (
        ("against the request", "Shifted against the request"),
        ("shifted unrequested", "Shifted without a request"),
    ):
        shifted = [s for s in shifts if s.verdict == outcome]
        if shifted:
            listed = ", ".join(f"{_title(scores, s)} {_signed(s.standard)}" for s in shifted)
            notes.append(verdict(f"{words}: {listed} SD."))
    if requested and any(not isnan(scores.aligned(name).value) for name in names):
        notes += [verdict(_best(scores, names)), verdict(_stable(scores, names[0], requested))]
    return notes


def _outcome(requested: Sequence[ScaleShift], arm: str, scores: ChannelScores) -> str:
    aligned = scores.aligned(arm)
    if isnan(aligned.value):
        return f"Whether {arm} shifted the requested traits is not known: {aligned.why_missing}."
    shifted = sum(s.verdict == "as requested" for s in requested)
    if not shifted and not isnan(aligned.low) and aligned.low <= 0 <= aligned.high:
        head = f"No effect of the persona was shown (induced by {arm})"
    else:
        asked = f"{len(requested)} requested traits"
        head = f"{shifted} of {asked} shifted as requested (induced by {arm})"
    return f"{head}: mean shift towards the request {_shift_words(aligned)}, SD of {scores.sd_of}."


def _best(scores: ChannelScores, names: Sequence[str]) -> str:
    ranked = sorted(names, key=lambda n: -_value(scores.aligned(n)))
    if len(ranked) < 2:
        return f"Only one induction was tried: {ranked[0]}."
    lead = scores.aligned(ranked[0], control=ranked[1])
    floor = scores.aligned(PLACEBO)
    clear = not isnan(lead.low) and lead.low > 0 and lead.p < 0.05
    words = "better than" if clear else "not distinguishable from"
    return (
        f"Of {len(ranked)} inductions, {ranked[0]} shifted most, {words} the next, {ranked[1]} "
        f"(difference {_shift_words(lead)}). A persona without content shifted "
        f"{_signed(floor)} SD."
    )


def _stable(scores: ChannelScores, arm: str, requested: Sequence[ScaleShift]) -> str:
    groups: dict[str, list[str]] = {}
    for shift in requested:
        outcome = _stability(scores, arm, shift)[0]
        groups.setdefault(outcome, []).append(_title(scores, shift))
    listed = "; ".join(f"{outcome}: {', '.join(titles)}" for outcome, titles in groups.items())
    return f"Over wordings and option orders: {listed}."


def _stability(
    scores: ChannelScores, arm: str, shift: ScaleShift
) -> tuple[str, Estimate | None, str]:
    """Return the stability verdict; a shift that was not shown is neither stable nor unstable."""
    stability = scores.steadiness(arm, shift.scale)
    between = " against ".join(stability.between) if stability.widest else ""
    outcome = stability.verdict if shift.verdict in SHIFTED else "not shown"
    return outcome, stability.widest, between


def warnings(scores: ChannelScores, skipped: Sequence[str]) -> list[Note]:
    """Name what limits the card: inductions left out, answers missing."""
    notes = []
    if skipped:
        names = ", ".join(skipped)
        notes.append(warning(f"Left out, as the persona lacks what they use: {names}."))
    return [*notes, *missing_answers(scores.answers)]


def domains(scores: ChannelScores, arm: str) -> list[Part]:
    """Draw and tabulate the domains (SD): requested and measured, with norms if there are any."""
    shifts = scores.shifts(arm)
    titles = [_title(scores, s) for s in shifts]
    unit = scores.answers.rows["unit"][0]
    with_norms = scores.in_points and bool(scores.tool.norms)
    named = list(zip(titles, shifts, strict=True))
    rows = []
    for title, shift in named:
        row = _shift_row("trait", title, shift, f"measured ({unit})")
        if with_norms:
            row["T without persona"] = _t_score(scores, CONTROL, shift.scale)
            row[f"T under {arm}"] = _t_score(scores, arm, shift.scale)
        rows.append(row)
    norms = f" T scores compare with people, {GROUP}." if with_norms else ""
    note = (
        f"Shift of the mean keyed item score from the arm without persona. SD unit: "
        f"{scores.sd_of}. Intervals resample items and administrations; p: sign-flip permutation "
        f"over items, Holm-adjusted over the domains.{norms}"
    )
    return [
        _profile("profile", "Requested and measured traits", named, arm, scores),
        table("domains", "Domains", rows, note),
    ]


def facets(scores: ChannelScores, arm: str) -> list[Part]:
    """Draw and tabulate the facets (SD): requested and measured."""
    shifts = scores.shifts(arm, "facet")
    if not shifts:
        return []
    named = [(f"{s.scale}: {s.facet}", s) for s in shifts]
    rows = [_shift_row("facet", name, s, "measured") for name, s in named]
    note = "Few items each, hence wide intervals; a requested domain requests none of its facets."
    return [
        _profile("facet_profile", "Facets", named, arm, scores),
        table("facets", "Facets", rows, note),
    ]


def _shift_row(head: str, name: str, shift: ScaleShift, raw: str) -> Row:
    return {
        head: name,
        "requested (z)": shift.requested,
        raw: shift.raw,
        "measured (SD)": shift.standard,
        "p (Holm)": shift.adjusted_p,
        "verdict": shift.verdict,
    }


def _profile(
    name: str,
    title: str,
    named: Sequence[tuple[str, ScaleShift]],
    arm: str,
    scores: ChannelScores,
) -> ProfileFigure:
    shifts = [s for _, s in named]
    ends = [v for s in shifts for v in (s.standard.low, s.standard.high, s.requested or 0.0)]
    largest = max([0.5, *(abs(v) for v in ends if not isnan(v))])
    reach = min(float(np.ceil(2 * largest) / 2), WIDEST)
    listed = list_words([(scale, s.standard) for scale, s in named])
    return profile(
        name,
        title,
        [scale for scale, _ in named],
        [
            Series("requested (z)", tuple(s.requested for s in shifts), "requested"),
            Series(f"measured ({arm})", tuple(s.standard for s in shifts), "measured"),
            Series("without persona", (0.0,) * len(shifts), "baseline"),
        ],
        ValueAxis(f"SD of {scores.sd_of}", low=-reach, high=reach),
        alt=f"Shift from the model without persona, in SD units, beside the request. {listed}.",
    )


def _t_score(scores: ChannelScores, arm: str, scale: str) -> Estimate:
    """Estimate the T score (people: mean 50, SD 10) of an arm's mean, its interval over items."""
    rows = scores.part(scale).where(arm=arm).rows.filter(pl.col("status") == "ok")
    mirrored = scores.tool.low + scores.tool.high - pl.col("expected")
    keyed = pl.when(pl.col("key") == -1).then(mirrored).otherwise(pl.col("expected"))
    items = rows.with_columns(keyed.alias("score")).group_by("item", maintain_order=True)
    points = items.agg(pl.col("score").mean())["score"].to_numpy()
    score = mean(points, name=f"T {scale}", of="item", seed=scores.seed)
    if isnan(score.value):
        return score
    value, low, high = (
        end if isnan(end) else norm_standing(end, scores.tool, scale, group=GROUP).T
        for end in (score.value, score.low, score.high)
    )
    return replace(score, value=value, low=low, high=high, unit="T")


def arms(scores: ChannelScores, names: Sequence[str]) -> list[Part]:
    """Compare the inductions: shift (SD) towards the request, and on traits not requested."""
    aligned = {name: scores.aligned(name) for name in (*names, PLACEBO)}
    rows: list[Row] = []
    for name, shift in aligned.items():
        shifts = scores.shifts(name)
        rows.append(
            {
                "induction": name,
                "towards the request (SD)": shift,
                "p": shift.p,
                "as requested": sum(s.verdict == "as requested" for s in shifts),
                "not as requested": sum(s.verdict in SHIFTED[1:] for s in shifts),
                **{_title(scores, s): s.standard for s in shifts},
            }
        )
    note = (
        "Each induction against the arm without persona; `placebo` is a system message without "
        "traits. The best is chosen and judged on the same items: its lead is optimistic."
    )
    return [
        forest(
            "inductions",
            "Shift towards the request, by induction",
            [(n, "floor" if n == PLACEBO else "induction", e) for n, e in aligned.items()],
            replace(BAND, unit="SD towards the request"),
        ),
        table("inductions", "Inductions", rows, note),
    ]


def steadiness(scores: ChannelScores, arm: str) -> list[Part]:
    """Show each administration's shift (SD), and test whether they agree."""
    drawn: list[tuple[str, str, Estimate]] = []
    rows: list[Row] = []
    for shift in scores.shifts(arm):
        title = _title(scores, shift)
        cells, _, labels = paired_cells(scores.part(shift.scale), (CONTROL, arm))
        standard = cells / scores.sd(shift.scale)
        for column, (form, order, _) in enumerate(labels):
            name = f"{str(form).split('/')[0]}, {order}"
            values = standard[:, column]
            drawn.append(
                (name, title, mean(values, name=name, of="item", unit="SD", seed=scores.seed))
            )
        outcome, widest, between = _stability(scores, arm, shift)
        rows.append(
            {
                "trait": title,
                "verdict": outcome,
                "largest difference (SD)": widest,
                "between": between,
            }
        )
    note = (
        f"Stable: all pairs of administrations equivalent within {MARGIN} SD; unstable: some pair "
        "differs (Holm); not shown: no shift was shown; else inconclusive."
    )
    return [
        forest(
            "steadiness",
            "The same shift in every wording and order",
            drawn,
            BAND,
            alt="Shift of each trait in each wording and option order, with 95 % intervals.",
        ),
        table("steadiness", "Stability", rows, note),
        _shares(scores, arm),
    ]


def _shares(scores: ChannelScores, arm: str) -> Table:
    """Divide the shift's variance between item, wording, option order and residual."""
    rows = []
    for scale, title in scores.tool.scales.items():
        cells, items, labels = paired_cells(scores.part(scale), (CONTROL, arm))
        factors = {
            "item": np.repeat(items, len(labels)).tolist(),
            "wording": [form for form, _, _ in labels] * len(items),
            "order": [order for _, order, _ in labels] * len(items),
        }
        estimates = variance_shares(cells.ravel(), factors, of="answer", seed=scores.seed)
        shares = {share.name.rsplit(" ", 1)[1]: share for share in estimates}
        row: Row = {"trait": title}
        rows.append(row | {name: shares.get(name) for name in (*factors, "residual")})
    note = (
        "Shares (0 to 1) of the variance of single shifts. What depends on wording or order would "
        "differ under another wording or order."
    )
    return table("variance", "What the shift depends on", rows, note)


def _title(scores: ChannelScores, shift: ScaleShift) -> str:
    return str(scores.tool.scales.get(shift.scale, shift.scale))


def _signed(estimate: Estimate) -> str:
    return estimate_words(estimate.value)


def _shift_words(estimate: Estimate) -> str:
    return estimate.words("+.2f", unit="SD", bounds=".2f")


def _value(estimate: Estimate) -> float:
    return -inf if isnan(estimate.value) else estimate.value
