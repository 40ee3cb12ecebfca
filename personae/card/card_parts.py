"""The card's tables, pictures and sentences; every number comes from `analysis`."""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

import numpy as np
import polars as pl

from personae.card.analysis import GROUP, MARGIN, ChannelScores, ScaleShift
from personae.core import CONTROL, Cell, Estimate, Figure, Note, Part, Table
from personae.measure.gate import GateResult
from personae.report.render.figure_json import figure_from_data
from personae.stats.effects.contrast import paired_cells
from personae.stats.resample import mean
from personae.stats.scores.variance_shares import variance_shares
from personae.traits.norms import norm_standing

__all__ = ["PLACEBO", "arms", "domains", "facets", "steadiness", "verdicts", "warnings"]

PLACEBO = "placebo"
WIDEST = 4.0
"""SD units; a picture of facets of two items would otherwise be all interval."""


def verdicts(gate: GateResult, reading: ChannelScores, names: Sequence[str]) -> list[Part]:
    """Say in plain sentences what came out, the doubts first."""
    said: list[Part] = [Note(gate.sentence, "verdict")]
    shifts = reading.shifts(names[0])
    asked = [s for s in shifts if s.asked]
    if not asked:
        said.append(Note("No trait was requested: the card shows what came out.", "verdict"))
    else:
        came = [s for s in asked if s.verdict == "as asked"]
        said.append(Note(_outcome(asked, came, names[0], reading), "verdict"))
    for verdict, words in (
        ("the other way", "Moved against the request"),
        ("moved unasked", "Not asked for, and moved"),
    ):
        strays = [s for s in shifts if s.verdict == verdict]
        if strays:
            listed = ", ".join(f"{_title(reading, s)} {_signed(s.standard)}" for s in strays)
            said.append(Note(f"{words}: {listed} SD.", "verdict"))
    if asked:
        said.append(Note(_best(reading, names), "verdict"))
        said.append(Note(_still(reading, names[0], asked), "verdict"))
    return said


def _outcome(
    asked: Sequence[ScaleShift], came: Sequence[ScaleShift], arm: str, reading: ChannelScores
) -> str:
    found = reading.aligned(arm)
    if not came and not isnan(found.low) and found.low <= 0 <= found.high:
        head = f"No effect of the persona was shown (asked by {arm})"
    else:
        head = f"{len(came)} of {len(asked)} requested traits moved as asked (asked by {arm})"
    return (
        f"{head}: mean shift towards the request {_signed(found)} SD "
        f"[{found.low:.2f}, {found.high:.2f}], SD of {reading.sd_of}."
    )


def _best(reading: ChannelScores, names: Sequence[str]) -> str:
    ranked = sorted(names, key=lambda n: -_value(reading.aligned(n)))
    if len(ranked) < 2:
        return f"Only one induction was tried: {ranked[0]}."
    lead = reading.aligned(ranked[0], control=ranked[1])
    floor = reading.aligned(PLACEBO)
    gap = f"{_signed(lead)} SD [{lead.low:.2f}, {lead.high:.2f}]"
    clear = not isnan(lead.low) and lead.low > 0 and lead.p < 0.05
    words = "better than" if clear else "not distinguishable from"
    return (
        f"Of {len(ranked)} inductions {ranked[0]} shifted most, {words} the next, "
        f"{ranked[1]} (difference {gap}). A persona without content shifted {_signed(floor)} SD."
    )


def _still(reading: ChannelScores, arm: str, asked: Sequence[ScaleShift]) -> str:
    groups: dict[str, list[str]] = {}
    for shift in asked:
        groups.setdefault(_held(reading, arm, shift)[0], []).append(_title(reading, shift))
    return (
        "Over wordings and option orders: "
        + "; ".join(f"{verdict}: {', '.join(titles)}" for verdict, titles in groups.items())
        + "."
    )


def _held(reading: ChannelScores, arm: str, shift: ScaleShift) -> tuple[str, Estimate | None, str]:
    """Give the stability verdict; a shift that was not shown has nothing to hold still."""
    found = reading.steadiness(arm, shift.scale)
    between = " against ".join(found.between) if found.widest else ""
    shown = shift.verdict in ("as asked", "the other way", "moved unasked")
    return (found.verdict if shown else "not shown"), found.widest, between


def warnings(reading: ChannelScores, skipped: Sequence[str]) -> list[Part]:
    """Name what limits the card: inductions left out, answers missing."""
    said: list[Part] = []
    if skipped:
        said.append(
            Note(
                f"Left out, as the persona gives them nothing to work with: {', '.join(skipped)}.",
                "warning",
            )
        )
    rows = reading.answers.rows
    lost = rows.filter(pl.col("status") != "ok").height
    if lost:
        said.append(Note(f"{lost} of {rows.height} answers are missing; see coverage.", "warning"))
    return said


def domains(reading: ChannelScores, arm: str) -> list[Part]:
    """Draw and tabulate the domains: requested, measured, without persona, with norms."""
    shifts = reading.shifts(arm)
    titles = [_title(reading, s) for s in shifts]
    figure = _profile("profile", "Requested and measured traits", titles, shifts, arm, reading)
    columns = [
        "trait",
        "asked (z)",
        f"came out ({reading.answers.rows['unit'][0]})",
        "came out (SD)",
        "p (Holm)",
        "verdict",
    ]
    standings = reading.in_points and bool(reading.tool.norms)
    if standings:
        columns += ["T without persona", f"T under {arm}"]
    rows: list[tuple[Cell, ...]] = []
    for shift, title in zip(shifts, titles, strict=True):
        row: list[Cell] = [
            title,
            shift.asked,
            shift.raw,
            shift.standard,
            shift.adjusted_p,
            shift.verdict,
        ]
        if standings:
            row += [_t_score(reading, a, shift.scale) for a in (CONTROL, arm)]
        rows.append(tuple(row))
    norms = f" T scores compare with people, {GROUP}." if standings else ""
    note = (
        f"Shift of the mean keyed item score from the arm without persona. SD unit: "
        f"{reading.sd_of}. Intervals resample items and administrations; p: sign-flip permutation "
        f"over items, Holm-adjusted over the domains.{norms}"
    )
    return [
        figure,
        Table(name="domains", title="Domains", columns=tuple(columns), rows=tuple(rows), note=note),
    ]


def facets(reading: ChannelScores, arm: str) -> list[Part]:
    """Draw and tabulate the facets the same way."""
    shifts = reading.shifts(arm, "facet")
    if not shifts:
        return []
    names = [f"{s.scale}: {s.facet}" for s in shifts]
    figure = _profile("facet_profile", "Facets", names, shifts, arm, reading)
    rows = tuple(
        (name, s.asked, s.raw, s.standard, s.adjusted_p, s.verdict)
        for name, s in zip(names, shifts, strict=True)
    )
    columns = ("facet", "asked (z)", "came out", "came out (SD)", "p (Holm)", "verdict")
    note = "Few items each, so wide intervals; a request for a domain is not one for its facets."
    return [figure, Table(name="facets", title="Facets", columns=columns, rows=rows, note=note)]


def _profile(
    name: str,
    title: str,
    scales: list[str],
    shifts: Sequence[ScaleShift],
    arm: str,
    reading: ChannelScores,
) -> Figure:
    finite = [
        abs(v)
        for s in shifts
        for v in (s.standard.low, s.standard.high, s.asked or 0.0)
        if not isnan(v)
    ]
    reach = min(float(np.ceil(2 * max([*finite, 0.5])) / 2), WIDEST)
    series = [
        {"name": "requested (z)", "role": "requested", "values": [s.asked for s in shifts]},
        {"name": f"measured ({arm})", "role": "measured", "values": [s.standard for s in shifts]},
        {"name": "without persona", "role": "baseline", "values": [0.0 for _ in shifts]},
    ]
    data = {
        "scales": scales,
        "low": -reach,
        "high": reach,
        "unit": f"SD of {reading.sd_of}",
        "series": series,
    }
    told = "; ".join(f"{n}: {_signed(s.standard)}" for n, s in zip(scales, shifts, strict=True))
    alt = f"Shift from the model without persona, in SD units, beside the request. {told}."
    return figure_from_data(name=name, title=title, kind="profile", data=data, alt=alt)


def _t_score(reading: ChannelScores, arm: str, scale: str) -> Estimate:
    """Estimate the T score of an arm's mean, its interval over items."""
    rows = reading.part(scale).where(arm=arm).rows.filter(pl.col("status") == "ok")
    low, high = reading.tool.low, reading.tool.high
    keyed = pl.when(pl.col("key") == -1).then(low + high - pl.col("expected"))
    items = rows.with_columns(keyed.otherwise(pl.col("expected")).alias("score"))
    scores = items.group_by("item", maintain_order=True).agg(pl.col("score").mean())["score"]
    found = mean(scores.to_numpy(), name=f"T {scale}", of="item", seed=reading.seed)
    if isnan(found.value):
        return found

    def to_t(points: float) -> float:
        return norm_standing(points, reading.tool, scale, group=GROUP).T

    ends = [v if isnan(v) else to_t(v) for v in (found.value, found.low, found.high)]
    return replace(found, value=ends[0], low=ends[1], high=ends[2], unit="T")


def arms(reading: ChannelScores, names: Sequence[str]) -> list[Part]:
    """Compare the inductions: shift towards the request, pull on what was not asked."""
    listed = [*names, PLACEBO]
    aligned = {name: reading.aligned(name) for name in listed}
    data = {
        "unit": "SD towards the request",
        "reference": 0.0,
        "band": [-MARGIN, MARGIN],
        "rows": [
            {"name": n, "group": "floor" if n == PLACEBO else "induction", "estimate": e}
            for n, e in aligned.items()
        ],
    }
    figure = figure_from_data(
        name="inductions",
        title="Shift towards the request, by induction",
        kind="intervals",
        data=data,
        alt="; ".join(f"{n}: {_signed(e)} SD" for n, e in aligned.items()),
    )
    rows: list[tuple[Cell, ...]] = []
    for name in listed:
        shifts = reading.shifts(name)
        came = sum(s.verdict == "as asked" for s in shifts)
        moved = sum(s.verdict in ("moved unasked", "the other way") for s in shifts)
        rows.append(
            (name, aligned[name], aligned[name].p, came, moved, *(s.standard for s in shifts))
        )
    columns = (
        "induction",
        "towards the request (SD)",
        "p",
        "as asked",
        "astray",
        *(_title(reading, s) for s in reading.shifts(names[0])),
    )
    note = (
        "Each induction against the arm without persona; `placebo` is a system message without "
        "traits. The best is chosen and judged on the same items: its lead is optimistic."
    )
    return [
        figure,
        Table(name="inductions", title="Inductions", columns=columns, rows=tuple(rows), note=note),
    ]


def steadiness(reading: ChannelScores, arm: str) -> list[Part]:
    """Show each administration's shift, and judge whether they agree."""
    drawn: list[dict[str, object]] = []
    rows: list[tuple[Cell, ...]] = []
    for shift in reading.shifts(arm):
        title = _title(reading, shift)
        cells, _, labels = paired_cells(reading.part(shift.scale), (CONTROL, arm))
        sd = reading.sd(shift.scale)
        for place, (form, order, _) in enumerate(labels):
            name = f"{str(form).split('/')[0]}, {order}"
            one = mean(cells[:, place] / sd, name=name, of="item", unit="SD", seed=reading.seed)
            drawn.append({"name": name, "group": title, "estimate": one})
        verdict, widest, between = _held(reading, arm, shift)
        rows.append((title, verdict, widest, between))
    figure = figure_from_data(
        name="steadiness",
        title="The same shift in every wording and order",
        kind="intervals",
        data={"unit": "SD", "reference": 0.0, "band": [-MARGIN, MARGIN], "rows": drawn},
        alt="Shift of each trait in each wording and option order, with 95 % intervals.",
    )
    note = (
        f"Stable: all pairs of administrations equivalent within {MARGIN} SD; unstable: some pair "
        "differs (Holm); not shown: no shift that could hold still; else inconclusive."
    )
    columns = ("trait", "verdict", "largest difference (SD)", "between")
    return [
        figure,
        Table(name="steadiness", title="Stability", columns=columns, rows=tuple(rows), note=note),
        _shares(reading, arm),
    ]


def _shares(reading: ChannelScores, arm: str) -> Table:
    """Say what the shift's variance is owed to: item, wording, option order, the rest."""
    rows: list[tuple[Cell, ...]] = []
    for scale, title in reading.tool.scales.items():
        cells, items, labels = paired_cells(reading.part(scale), (CONTROL, arm))
        factors = {
            "item": np.repeat(items, len(labels)).tolist(),
            "wording": [form for form, _, _ in labels] * len(items),
            "order": [order for _, order, _ in labels] * len(items),
        }
        found = variance_shares(cells.ravel(), factors, of="answer", seed=reading.seed)
        shares = {share.name.rsplit(" ", 1)[1]: share for share in found}
        rows.append((title, *(shares.get(name) for name in (*factors, "residual"))))
    note = (
        "Shares (0 to 1) of the variance of single shifts; a share by wording or order is one that "
        "another wording or order would have given otherwise."
    )
    return Table(
        name="variance",
        title="What the shift depends on",
        note=note,
        rows=tuple(rows),
        columns=("trait", "item", "wording", "order", "residual"),
    )


def _title(reading: ChannelScores, shift: ScaleShift) -> str:
    return str(reading.tool.scales.get(shift.scale, shift.scale))


def _signed(estimate: Estimate) -> str:
    return "not known" if isnan(estimate.value) else f"{estimate.value:+.2f}"


def _value(estimate: Estimate) -> float:
    return -np.inf if isnan(estimate.value) else estimate.value
