"""A persona card's worth of report, with made-up numbers, for the tests of the renderings."""

from math import nan

import numpy as np

from personae.core import (
    Answers,
    Cell,
    Estimate,
    Figure,
    Heading,
    Note,
    Part,
    Provenance,
    Report,
    Table,
    Usage,
    missing,
)
from personae.report.render.figure_json import figure_from_data

DOMAINS = ("Neuroticism", "Extraversion", "Openness", "Agreeableness", "Conscientiousness")
FACETS = ("Anxiety", "Anger", "Friendliness", "Gregariousness", "Imagination", "Artistic interests")
WORDINGS = ("plain", "accuracy", "agreement")
ARMS = ("unchanged", "naive", "P2")


def mean(name: str, value: float, half: float, n: int = 24) -> Estimate:
    return Estimate(
        name=name,
        value=value,
        low=value - half,
        high=value + half,
        n=n,
        of="item",
        unit="points",
        method="two-level bootstrap, 2,000 draws",
    )


def profile(name: str, scales: tuple[str, ...], groups: tuple[str, ...] = ()) -> Figure:
    draw = np.random.default_rng(len(scales))
    measured: list[object] = [mean(s, float(draw.uniform(2, 4.4)), 0.34) for s in scales]
    baseline: list[object] = [mean(s, float(draw.uniform(2.6, 3.4)), 0.3) for s in scales]
    measured[-1] = missing(scales[-1], "fewer than 80 % answered", n=9, of="item", unit="points")
    return figure_from_data(
        name=name,
        title=f"Requested and measured, {name}",
        kind="profile",
        data={
            "scales": scales,
            "groups": groups,
            "low": 1,
            "high": 5,
            "reference": 3,
            "unit": "mean item score, points (1 to 5)",
            "series": [
                {"name": "requested", "values": [1.5, 4.5, *[None] * (len(scales) - 3), 3.0]},
                {"name": "measured", "values": measured},
                {"name": "baseline (unchanged)", "role": "baseline", "values": baseline},
            ],
        },
        alt="Each row is a scale. Extraversion was asked high and came out high; the last scale "
        "can't be scored.",
    )


def reliability() -> Figure:
    rows = [
        {"name": f"{w}, {o}", "group": d, "estimate": mean(d, 0.05 * i - 0.1 * j, 0.22)}
        for i, d in enumerate(DOMAINS[:3])
        for j, w in enumerate(WORDINGS)
        for o in ("forward", "reverse")
    ]
    none = missing("overall", "one respondent", n=1, of="respondent")
    rows.append({"name": "all wordings, all orders", "group": "Overall", "estimate": none})
    return figure_from_data(
        name="stability",
        title="Does the score hold under other wordings and orders?",
        kind="intervals",
        data={
            "unit": "difference from the main form, points",
            "reference": 0.0,
            "band": [-0.25, 0.25],
            "rows": rows,
        },
        alt="Differences from the main form. Inside the shaded band a score is called stable.",
    )


def lines() -> Figure:
    x = [-2, -1, -0.5, 0, 0.5, 1, 2]
    effect = [0.1 * v * 4 for v in x]
    return figure_from_data(
        name="strength",
        title="Strength, effect and damage",
        kind="lines",
        data={
            "x": x,
            "x_label": "steering strength",
            "y_label": "change, standard units",
            "reference": 0.0,
            "series": [
                {
                    "name": "trait",
                    "y": effect,
                    "low": [v - 0.15 for v in effect],
                    "high": [v + 0.15 for v in effect],
                },
                {"name": "fluency", "y": [-0.3 * v * v for v in x[:-1]] + [None]},
                {"name": "reasoning", "y": [mean("r", -0.05 * abs(v), 0.08) for v in x]},
            ],
        },
        alt="The trait rises with strength while fluency falls on both sides.",
    )


def heatmap() -> Figure:
    values = [
        [round(float(np.cos(i - j) - 0.2 * abs(i - j)), 2) for j in range(5)] for i in range(5)
    ]
    return figure_from_data(
        name="entanglement",
        title="Entanglement: one trait asked, all measured",
        kind="heatmap",
        data={
            "rows": [f"asked: {d}" for d in DOMAINS],
            "columns": DOMAINS,
            "values": [[None, *values[0][1:]], *values[1:]],
            "unit": "change, points",
        },
        alt="Rows are the trait asked for, columns what moved; off the diagonal is entanglement.",
    )


def bars() -> Figure:
    return figure_from_data(
        name="coverage",
        title="Answered, refused, unparsed",
        kind="bars",
        data={
            "categories": ARMS,
            "unit": "share of questions",
            "series": [
                {"name": "answered", "values": [mean("a", 0.98, 0.01), 0.95, 0.91]},
                {"name": "refused", "values": [0.01, 0.03, None]},
                {"name": "unparsed", "values": [0.01, 0.02, 0.05]},
            ],
        },
        alt="Almost every question was answered in each arm.",
    )


def tables() -> tuple[Table, Table]:
    def row(arm: str, shift: float, p: float) -> tuple[Cell, ...]:
        gap = Estimate(
            name="shift toward what was asked",
            value=shift,
            low=shift - 0.2,
            high=shift + 0.2,
            n=120,
            of="item",
            unit="points",
            p=p,
            method="paired permutation",
        )
        return (arm, gap, 120, 0.9812, p < 0.05)

    induction = Table(
        name="inductions",
        title="Which induction worked best",
        columns=("induction", "shift toward what was asked", "items", "answered", "holds (Holm)"),
        rows=(row("naive", 0.31, 0.004), row("words", -0.08, 0.42), row("P2", 0.84, 0.00002)),
        note="Positive is toward the request.",
    )
    keyed: tuple[tuple[Cell, ...], ...] = tuple(
        (d, mean("α", 0.7 + 0.04 * i, 0.09, 240), nan, None) for i, d in enumerate(DOMAINS)
    )
    alpha = Table(
        name="alpha",
        title="Internal consistency",
        rows=keyed,
        columns=("domain", "Cronbach α", "ω hierarchical", "remark"),
    )
    return induction, alpha


def answers() -> Answers:
    statuses = ("ok",) * 18 + ("refused", "unparsed")
    return Answers.of(
        {
            "respondent": "ada",
            "arm": arm,
            "item": str(i),
            "scale": DOMAINS[i % 5],
            "form": "plain",
            "channel": "label",
            "raw": "Agree",
            "value": 4.0 if status == "ok" else None,
            "status": status,
            "why": "" if status == "ok" else "said no",
            "logp": [-0.1 * i, -1.5, -2.25],
        }
        for arm in ARMS
        for i, status in enumerate(statuses)
    )


def provenance(model: str = "smollm2", quick: bool = True) -> Provenance:
    return Provenance(
        version="0.1.0",
        study="card",
        study_version="1",
        model=model,
        fingerprint="9b1f" * 16,
        instruments=("ipip-neo-120@1+4f2c", "mini-markers@1+77aa"),
        seed=7,
        date="2026-11-22",
        options={"quick": quick, "persona": "ada.json", "repeats": 2},
        usage=Usage(requests=1440, tokens_in=412_332, tokens_out=9120, money=0.42),
        notes=("Option text is read by likelihood.",),
    )


def example_report(model: str = "smollm2", quick: bool = True) -> Report:
    induction, alpha = tables()
    groups = tuple(DOMAINS[i // 2] for i in range(len(FACETS)))
    parts: tuple[Part, ...] = (
        Note("Asked to be outgoing and calm, the model became outgoing but no calmer.", "verdict"),
        Note("Its scores are not shown to be stable over wordings and option orders.", "verdict"),
        Note("The portrait (P²) was the best of three prompts.", "verdict"),
        Note("In the label channel the model answers by position: statements instead.", "warning"),
        Heading("Requested against measured"),
        Note("Each domain rests on 24 items of IPIP-NEO-120, asked in three wordings."),
        mean("Extraversion", 4.12, 0.3),
        missing("Conscientiousness", "fewer than 80 % answered", n=9, of="item"),
        profile("domains", DOMAINS),
        profile("facets", FACETS, groups),
        Heading("Stability"),
        reliability(),
        alpha,
        Heading("Inductions and side effects"),
        induction,
        lines(),
        heatmap(),
        bars(),
    )
    return Report(
        title="Ada, an outgoing astronomer",
        parts=parts,
        answers=answers(),
        provenance=provenance(model, quick),
    )
