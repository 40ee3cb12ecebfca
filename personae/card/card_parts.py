"""The card's tables and figures; every number comes from `analysis`."""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

import numpy as np
import polars as pl

from personae.card.analysis import GROUP, MARGIN, PLACEBO, ChannelScores, ScaleShift
from personae.core import CONTROL, Estimate, Part, ProfileFigure, Series, Table
from personae.report.build import (
    Row,
    ValueAxis,
    forest,
    list_words,
    profile,
    table,
)
from personae.stats.effects.contrast import paired_cells
from personae.stats.effects.verdicts import SHIFTED
from personae.stats.resample import mean
from personae.stats.scores.variance_shares import variance_shares
from personae.traits.norms import norm_standing

__all__ = ["arms", "domains", "facets", "steadiness"]

WIDEST = 4.0
"""Most SD units that a figure shows; the intervals of facets of two items are wider."""
AGAINST = (
    "Each induction against the arm without persona; `placebo` is a system message without traits."
)
BAND = ValueAxis("SD", 0.0, (-MARGIN, MARGIN))


def domains(scores: ChannelScores, arm: str) -> list[Part]:
    """Draw and tabulate the domains (SD): requested and measured, with norms if there are any."""
    shifts = scores.shifts(arm)
    titles = [scores.title(s.scale) for s in shifts]
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
    any_requested = any(shift.requested is not None for shift in shifts)
    title = "Requested and measured traits" if any_requested else "Measured traits"
    return [
        _profile("profile", title, named, arm, scores),
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
    requested = tuple(s.requested for s in shifts)
    any_requested = any(z is not None for z in requested)
    beside = ", beside the request" if any_requested else ""
    ends = [v for s in shifts for v in (s.standard.low, s.standard.high, s.requested or 0.0)]
    largest = max([0.5, *(abs(v) for v in ends if not isnan(v))])
    reach = min(float(np.ceil(2 * largest) / 2), WIDEST)
    listed = list_words([(scale, s.standard) for scale, s in named])
    return profile(
        name,
        title,
        [scale for scale, _ in named],
        [
            *((Series("requested (z)", requested, "requested"),) if any_requested else ()),
            Series(f"measured ({arm})", tuple(s.standard for s in shifts), "measured"),
            Series("without persona", (0.0,) * len(shifts), "baseline"),
        ],
        ValueAxis(f"SD of {scores.sd_of}", low=-reach, high=reach),
        alt=f"Shift from the model without persona, in SD units{beside}. {listed}.",
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
    if not any(shift.requested for shift in scores.shifts(names[0])):
        return _arms_by_trait(scores, names)
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
                **{scores.title(s.scale): s.standard for s in shifts},
            }
        )
    note = f"{AGAINST} The best is chosen and judged on the same items: its lead is optimistic."
    return [
        forest(
            "inductions",
            "Shift towards the request, by induction",
            [(n, "floor" if n == PLACEBO else "induction", e) for n, e in aligned.items()],
            replace(BAND, unit="SD towards the request"),
        ),
        table("inductions", "Inductions", rows, note),
    ]


def _arms_by_trait(scores: ChannelScores, names: Sequence[str]) -> list[Part]:
    """Compare the inductions trait by trait, where no request gives them a common direction."""
    shifts = {name: scores.shifts(name) for name in (*names, PLACEBO)}
    rows: list[Row] = [
        {
            "induction": name,
            "shifted": sum(s.verdict in SHIFTED for s in by_trait),
            **{scores.title(s.scale): s.standard for s in by_trait},
        }
        for name, by_trait in shifts.items()
    ]
    drawn = [
        (name, scores.title(s.scale), s.standard) for name, traits in shifts.items() for s in traits
    ]
    return [
        forest("inductions", "Shift of each trait, by induction", drawn, BAND),
        table("inductions", "Inductions", rows, AGAINST),
    ]


def steadiness(scores: ChannelScores, arm: str) -> list[Part]:
    """Show each administration's shift (SD), and test whether they agree."""
    drawn: list[tuple[str, str, Estimate]] = []
    rows: list[Row] = []
    for shift in scores.shifts(arm):
        title = scores.title(shift.scale)
        cells, _, labels = paired_cells(scores.part(shift.scale), (CONTROL, arm))
        standard = cells / scores.sd(shift.scale)
        for column, (form, order, _) in enumerate(labels):
            name = f"{str(form).split('/')[0]}, {order}"
            values = standard[:, column]
            drawn.append(
                (name, title, mean(values, name=name, of="item", unit="SD", seed=scores.seed))
            )
        outcome, widest, between = scores.shift_stability(arm, shift)
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
