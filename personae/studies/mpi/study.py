"""The Machine Personality Inventory: what a model reports, and whether prompts move it.

System   mpi-p2
Paper    Jiang, Xu, Zhu, Han, Zhang & Zhu 2023, NeurIPS (arXiv:2206.07550)
Asks     Which Big Five scores does the model report, do three prompts of rising strength move
         them, and does free text show the trait?
Differs  one parser for all models and every lost answer counted; a profile is held against
         respondents who read nothing (the published BART row is a constant "(A)"); item SD is not
         called consistency; induction is judged by the difference between opposite prompts, also
         by likelihood of statements; essays are judged blind in both placings
Version  2
"""

from collections.abc import Sequence
from math import isnan

import numpy as np
import polars as pl

from personae.core import (
    Answers,
    Cell,
    Chooser,
    Estimate,
    Form,
    Heading,
    Inventory,
    Model,
    Note,
    Part,
    Persona,
    Report,
    Sampling,
    Table,
    load_inventory,
    missing,
)
from personae.induce.prompt.prompt_inductions import PromptInduction, in_truth, naive, p2, words
from personae.measure.inventories.administer import administer
from personae.measure.inventories.forms import published_form
from personae.report.build import coverage
from personae.report.render.figure_json import figure_from_data
from personae.respondents.null import open_null
from personae.stats.agreement import exact_agreement
from personae.stats.effects.contrast import arm_shift, paired_cells
from personae.stats.resample import mean
from personae.stats.scores.response_style import acquiescence
from personae.stats.scores.scales import item_matrix, scale_scores
from personae.stats.two_level import two_level_mean
from personae.studies.mpi.vignettes import compare, write_essays

__all__ = ["mpi"]

HUMAN = {
    "O": (3.4405, 1.1304),
    "C": (3.6043, 0.9782),
    "E": (3.4113, 1.0657),
    "A": (3.6591, 1.0361),
    "N": (2.8051, 1.0558),
}
"""Means and within-person item SDs of about 619,000 people (Johnson's IPIP-NEO-120 file)."""
FLOORS = ("null:first", "null:yes", "null:midpoint", "null:uniform")
SIGNS = (("+", 1.5), ("-", -1.5))


def mpi(
    model: Chooser,
    judge: Model | None = None,
    inventory: str = "mpi-120",
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Give the inventory, induce every trait in both directions, and read vignettes.

    Args:
        model: who is asked; likelihoods are needed.
        judge: who compares essays; the model itself if none is given.
        inventory: name of the inventory.
        seed: seed of the essays and of the resampling.
        quick: two traits, two inductions, short essays; about two minutes on the embedded model.
    """
    tool = load_inventory(inventory)
    domains = [d for d in (("E", "N") if quick else tuple(tool.scales)) if d in tool.scales]
    inductions = (naive, words) if quick else (naive, words, p2())
    names = [induction.name for induction in inductions]
    for induction in inductions:
        induction.prepare(model, [_persona(d, sign) for d in domains for sign in SIGNS])
    neutral = administer(model, tool, published_form("mpi")).tag(respondent=model.name)
    induced = {
        channel: _induced(model, inductions, tool, domains, channel)
        for channel in ("label", "statement")
    }
    shifts = {c: _shifts(a, names, domains, seed) for c, a in induced.items()}
    essays, rates = _vignettes(model, judge or model, inductions[-1], domains, (seed, quick))
    whole = Answers.concat([neutral, *induced.values()])
    return Report(
        title=f"Machine Personality Inventory: {model.name}",
        parts=(
            *_verdicts(neutral, shifts, names, rates),
            Heading("What the model reports"),
            *_profile(neutral, tool, seed),
            Heading("Do prompts move it?"),
            *_moved(shifts, names, tool),
            _portraits(model, inductions, domains),
            Heading("Does free text show it?"),
            *_judged(rates, essays),
            Heading("Coverage"),
            coverage(whole, ("channel", "arm")),
        ),
        answers=whole,
    )


def _persona(domain: str, sign: tuple[str, float]) -> Persona:
    return Persona(id=f"{domain}{sign[0]}", traits={domain: sign[1]})


def _induced(
    model: Chooser,
    inductions: Sequence[PromptInduction],
    tool: Inventory,
    domains: Sequence[str],
    channel: str,
) -> Answers:
    """Ask each domain's items under its own induction, both ways; MPI's layout, "Truth:" first."""
    label = channel == "label"
    form = published_form("mpi") if label else Form(wording="mpi", channel="statement")
    sheets = []
    for induction in inductions:
        for domain in domains:
            part = tool.where(scale=domain)
            for sign in SIGNS:
                persona = _persona(domain, sign)
                with in_truth(induction)(model, persona) as speaker:
                    sheet = administer(speaker, part, form)
                sheets.append(sheet.tag(arm=f"{induction.name}{sign[0]}", respondent=persona.id))
    return Answers.concat(sheets)


def _shifts(
    answers: Answers, names: Sequence[str], domains: Sequence[str], seed: int
) -> dict[str, list[Estimate]]:
    """Estimate (+) minus (-) of each domain, and over the domains together, for each induction."""
    found = {}
    for name in names:
        arms = (f"{name}-", f"{name}+")
        parts = {d: answers.where(scale=d) for d in domains}
        each = [arm_shift(p, arms, d, seed=seed) for d, p in parts.items()]
        cells = [paired_cells(p, arms)[0] for p in parts.values()]
        whole = two_level_mean(np.vstack(cells), name="all", unit=each[0].unit, seed=seed)
        found[name] = [*each, whole]
    return found


def _verdicts(
    neutral: Answers,
    shifts: dict[str, dict[str, list[Estimate]]],
    names: Sequence[str],
    rates: dict[str, Estimate],
) -> list[Part]:
    said: list[Part] = []
    given = neutral.rows.filter(pl.col("status") == "ok")
    most = given.group_by("raw").len().sort("len", "raw", descending=[True, False])
    if most.height and most["len"][0] >= 0.95 * given.height:
        said.append(
            Note(
                f"The model answers {most['raw'][0]!r} to {most['len'][0]} of {given.height} "
                "items, whatever they say: its profile is that of the key, not of a personality.",
                "verdict",
            )
        )
    for channel, found in shifts.items():
        told = []
        for name in names:
            one = found[name][-1]
            moved = "moves" if one.low > 0 else "does not show that it moves"
            told.append(f"{name} {moved} ({one.value:+.3f} [{one.low:.3f}, {one.high:.3f}])")
        unit = found[names[0]][-1].unit
        said.append(Note(f"By {channel}, {unit}, (+) minus (-): {'; '.join(told)}.", "verdict"))
    both = rates["all"]
    if isnan(both.value):
        said.append(Note(f"Vignettes: not known, {both.why_missing}.", "verdict"))
    else:
        shown = "show" if both.low > 0.5 else "do not show"
        said.append(
            Note(
                f"Vignettes {shown} the induced trait: {both.value:.0%} judged the intended way "
                f"[{both.low:.0%}, {both.high:.0%}], chance 50 %.",
                "verdict",
            )
        )
    return said


def _profile(neutral: Answers, tool: Inventory, seed: int) -> list[Part]:
    """Tabulate means and item SDs beside people's and beside respondents who read nothing."""
    sheets = {"the model": neutral}
    sheets |= {n: administer(open_null(n), tool, published_form("mpi")) for n in FLOORS}
    rows: list[tuple[Cell, ...]] = []
    means: list[Estimate] = []
    for who, sheet in sheets.items():
        spread = scale_scores(sheet, by=("order",))
        sds = dict(spread.select("scale", "sd").rows())
        row: list[Cell] = [who]
        for scale in tool.scales:
            matrix, _, _ = item_matrix(sheet.where(scale=scale), ("order",))
            found = mean(matrix.ravel(), name=scale, seed=seed)
            row += [found, sds.get(scale)]
            if who == "the model":
                means.append(found)
        rows.append(tuple(row))
    rows.append(("people", *(v for scale in tool.scales for v in HUMAN[scale])))
    titles = tuple(tool.scales.values())
    series = [
        {"name": "the model", "role": "measured", "values": means},
        {"name": "people", "role": "baseline", "values": [HUMAN[s][0] for s in tool.scales]},
    ]
    told = ", ".join(f"{t} {m.value:.2f}" for t, m in zip(titles, means, strict=True))
    figure = figure_from_data(
        name="profile",
        title="Neutral profile beside people's",
        kind="profile",
        data={
            "scales": list(titles),
            "low": tool.low,
            "high": tool.high,
            "unit": "points",
            "series": series,
        },
        alt=f"Mean keyed item scores without any persona: {told}.",
    )
    columns = ("respondent", *(c for t in titles for c in (t, f"{t} SD")))
    note = "Mean keyed score and population SD over items; people: about 619,000 (Johnson)."
    table = Table(
        name="neutral", title="Neutral scores", columns=columns, rows=tuple(rows), note=note
    )
    counts = neutral.rows.group_by("raw", "status").len().sort("raw", "status")
    letters = Table(
        name="letters",
        title="Options chosen",
        columns=("option", "status", "count"),
        rows=tuple(counts.rows()),
    )
    return [figure, acquiescence(neutral, use="expected", seed=seed), table, letters]


def _moved(
    shifts: dict[str, dict[str, list[Estimate]]], names: Sequence[str], tool: Inventory
) -> list[Part]:
    """Draw and tabulate (+) minus (-) by channel, induction and trait."""
    parts: list[Part] = []
    for channel, found in shifts.items():
        unit = found[names[0]][-1].unit
        title = f"(+) minus (-), by {channel}"
        rows = [
            {"name": tool.scales.get(e.name, "all"), "group": name, "estimate": e}
            for name in names
            for e in found[name]
        ]
        data = {"unit": unit, "reference": 0.0, "rows": rows}
        alt = "; ".join(f"{n}: {found[n][-1].value:+.3f}" for n in names)
        parts.append(
            figure_from_data(
                name=f"moved_{channel}", title=title, kind="intervals", data=data, alt=alt
            )
        )
        scales = tuple(tool.scales.get(e.name, "all") for e in found[names[0]])
        table: list[tuple[Cell, ...]] = [(name, *found[name]) for name in names]
        parts.append(
            Table(
                name=f"moved_{channel}",
                title=title,
                columns=("induction", *scales),
                rows=tuple(table),
                note=f"Mean keyed item score, {unit}.",
            )
        )
    return parts


def _portraits(
    model: Chooser, inductions: Sequence[PromptInduction], domains: Sequence[str]
) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for induction in inductions:
        for domain in domains:
            for sign in SIGNS:
                text = induction.text(model, _persona(domain, sign))
                rows.append((induction.name, f"{domain}{sign[0]}", text))
    return Table(
        name="prompts",
        title="What was said to the model",
        columns=("induction", "trait", "text"),
        rows=tuple(rows),
    )


def _vignettes(
    model: Chooser,
    judge: Model,
    induction: PromptInduction,
    domains: Sequence[str],
    size: tuple[int, bool],
) -> tuple[list[tuple[Cell, ...]], dict[str, Estimate]]:
    """Write essays without and with the trait, have them judged; rates by trait and direction."""
    seed, quick = size
    sampling = Sampling(max_tokens=60 if quick else 400, temperature=0.7, top_p=0.95, seed=seed)
    sides = [(domain, sign) for domain in domains for sign in SIGNS]
    blocks = [(domain, induction.text(model, _persona(domain, sign))) for domain, sign in sides]
    bare = [(domain, "") for domain in domains]
    essays = write_essays(model, [*bare, *blocks], 2 if quick else 5, sampling)
    plain = dict(zip(domains, essays, strict=False))
    rows: list[tuple[Cell, ...]] = []
    hits: dict[str, list[float]] = {"all": []}
    for (domain, sign), written in zip(sides, essays[len(bare) :], strict=True):
        texts = [(e.text, n.text) for e, n in zip(written, plain[domain], strict=True)]
        name = f"{domain}{sign[0]}"
        for verdict, (essay, _) in zip(compare(judge, domain, texts), texts, strict=True):
            more = verdict.value if sign[1] > 0 else 1 - verdict.value
            rows.append((name, None if isnan(more) else more, verdict.why, essay))
            hit = more if isnan(more) or more == 0.5 else float(more > 0.5)
            hits.setdefault(name, []).append(hit)
            hits["all"].append(hit)
    return rows, {name: _rate(name, values) for name, values in hits.items()}


def _rate(name: str, hits: list[float]) -> Estimate:
    """Give the rate of essays judged the intended way; undecided ones count as not."""
    known = [hit for hit in hits if not isnan(hit)]
    if not known:
        return missing(name, "no pair of essays was judged", n=0, of="essay", unit="rate")
    return exact_agreement([1.0] * len(known), known, name=name, of="essay")


def _judged(rates: dict[str, Estimate], essays: list[tuple[Cell, ...]]) -> list[Part]:
    note = "Chance is 0.5. A judgement counts where both placings got an answer; ties do not win."
    table = Table(
        name="vignettes",
        title="Judged the intended way",
        note=note,
        columns=("trait", "rate"),
        rows=tuple(rates.items()),
    )
    columns = ("trait", "judged the intended way", "why not judged", "text")
    texts = Table(name="essays", title="Essays", rows=tuple(essays), columns=columns)
    return [table, texts]
