"""Whether a questionnaire score of a model survives another wording and reversed options.

System   self-assessment-unreliable
Paper    Gupta, Song & Anumanchipalli 2024, BlackboxNLP (arXiv:2309.08163)
Asks     Do three accepted wordings, and two orders of the options, give the same trait scores?
Differs  the published scorer compares keys that are texts with a number, so that it reverses no
         item: here keyed and unkeyed scores stand side by side; one parser for all models; tests
         are named, corrected (Holm) and paired by item; "not different" needs a test of
         equivalence; missing answers are counted; agreement bias and content are told apart
Version  1
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import isnan
from typing import Literal

import numpy as np
import polars as pl

from personae.core import (
    Answers,
    Cell,
    Chooser,
    Estimate,
    Heading,
    Note,
    Part,
    Report,
    Sampling,
    Table,
    load_inventory,
)
from personae.measure.inventories.administer import administer
from personae.measure.inventories.forms import published_form
from personae.report.render.figure_json import figure_from_data
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
    MIN_SHARE,
    ROWS,
    SCORINGS,
    AdministrationPair,
    Place,
    Scoring,
    Sheet,
    lay_out,
)

__all__ = ["self_assessment"]

WORDINGS = ("mpi", "enfj", "whois")
ORDERS = ("forward", "reverse")
MARGIN = 0.25
QUICK_ITEMS = 10
"""Of each scale: with fewer, no paired rank test could be significant after correction."""


def self_assessment(
    model: Chooser,
    inventory: str = "ipip-neo-300",
    channel: Literal["label", "reply", "option"] = "label",
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Give an inventory in three wordings and two option orders; report whether scores hold.

    Args:
        model: who is asked; likelihoods are needed but for the channel reply.
        inventory: name of a five-point inventory of statements or adjectives.
        channel: how answers are read; option leaves out enfj, which names only its end points.
        seed: seed of the resampling, and of replies.
        quick: five items of each key per scale only (50 of the default inventory).

    Raises:
        InputError: an unknown inventory, or one that the wordings can't put.
    """
    tool = load_inventory(inventory)
    tool = tool.few(QUICK_ITEMS) if quick else tool
    wordings = tuple(w for w in WORDINGS if channel != "option" or w != "enfj")
    forms = [replace(published_form(w, order=o), channel=channel) for w in wordings for o in ORDERS]
    sampling = Sampling(max_tokens=120, seed=seed)
    answers = Answers.concat([administer(model, tool, f, sampling=sampling) for f in forms])
    sheet = lay_out(tool, answers.tag(respondent=model.name), seed)
    by_wording = {s: sheet.compared(s, _wording_pairs(wordings), MARGIN) for s in SCORINGS}
    by_order = {s: sheet.compared(s, _order_pairs(wordings), MARGIN) for s in SCORINGS}
    body: list[Part] = [
        *_verdicts(by_wording, by_order),
        *_warnings(sheet, wordings),
        *_scores(sheet),
        Heading("Does the wording matter?"),
        _pair_table("wordings", "Pairs of wordings, options forward", by_wording),
        _all_wordings(sheet, wordings),
        Heading("Does the order of the options matter?"),
        _pair_table("orders", "Options forward against reversed", by_order),
        *_agreement(sheet, wordings),
        Heading("Agreement bias or content?"),
        *_decomposition(sheet),
        Heading("Coverage"),
        _coverage(sheet),
    ]
    title = f"Self-assessment of {model.name}: wordings and option orders"
    return Report(title=title, parts=tuple(body), answers=sheet.answers)


def _wording_pairs(wordings: Sequence[str]) -> list[tuple[Place, Place]]:
    return [((a, ORDERS[0]), (b, ORDERS[0])) for a, b in combinations(wordings, 2)]


def _order_pairs(wordings: Sequence[str]) -> list[tuple[Place, Place]]:
    return [((w, ORDERS[0]), (w, ORDERS[1])) for w in wordings]


def _verdicts(
    by_wording: Mapping[Scoring, list[AdministrationPair]],
    by_order: Mapping[Scoring, list[AdministrationPair]],
) -> list[Part]:
    """Say what holds still; one difference is enough against it, and sameness must be shown."""
    every = [p.verdict for d in (by_wording, by_order) for pairs in d.values() for p in pairs]
    if "different" in every:
        head = "Unreliable: scores depend on how the questions are put."
    elif "inconclusive" not in every:
        head = f"Invariant: all scores are equivalent within {MARGIN} points."
    else:
        head = "Inconclusive: neither a difference nor equivalence is shown throughout."
    said: list[Part] = [Note(head, "verdict")]
    for name, groups in (("Wording", by_wording), ("Option order", by_order)):
        told = "; ".join(f"{s}: {_counted(pairs)}" for s, pairs in groups.items())
        said.append(Note(f"{name}, {len(groups['keyed'])} comparisons. {told}.", "verdict"))
    return said


def _counted(pairs: Sequence[AdministrationPair]) -> str:
    verdicts = [pair.verdict for pair in pairs]
    listed = [f"{verdicts.count(v)} {v}" for v in sorted(set(verdicts))]
    published = sum(pair.unpaired.p < 0.05 for pair in pairs)
    return f"{', '.join(listed)} ({published} with p < .05 by uncorrected Mann-Whitney)"


def _warnings(sheet: Sheet, wordings: Sequence[str]) -> list[Part]:
    said = []
    rows = sheet.answers.rows
    lost = rows.filter(pl.col("status") != "ok").height
    if lost:
        said.append(f"{lost} of {rows.height} answers are missing, hardly at random; see coverage.")
    known = sheet.cells["unkeyed"][np.isfinite(sheet.cells["unkeyed"])]
    if known.size and float(np.ptp(known)) == 0:
        said.append("All answers are the same: that they hold still says nothing of a trait.")
    if doubts := keying_alarm(sheet.answers, rows=ROWS):
        scales = ", ".join(sorted({doubt.scale for doubt in doubts}))
        said.append(
            f"Keying alarm over administrations ({len(doubts)} doubts; scales {scales}), first: "
            f"{doubts[0].text}. The keys are the inventory's own, so answers follow agreement "
            "or place more than content."
        )
    if len(wordings) < len(WORDINGS):
        said.append("enfj is left out: it has no text for each option, which the channel needs.")
    return [Note(text, "warning") for text in said]


def _scores(sheet: Sheet) -> list[Part]:
    rows: list[tuple[Cell, ...]] = []
    drawn = []
    for scale, title in sheet.scales().items():
        for place in sheet.places:
            raw, scored = (sheet.score(s, place, scale) for s in SCORINGS)
            values = sheet.column("keyed", place, scale)
            sd = None if isnan(scored.value) else float(np.nanstd(values))
            rows.append((title, *place, raw, scored, sd))
            drawn.append({"name": ", ".join(place), "group": title, "estimate": scored})
    middle = (sheet.tool.low + sheet.tool.high) / 2
    figure = figure_from_data(
        name="scores",
        title="Trait scores by wording and option order",
        kind="intervals",
        data={"unit": "points", "reference": middle, "band": None, "rows": drawn},
        alt="Keyed score of each trait in each administration, with 95 % intervals over items.",
    )
    columns = ("trait", "wording", "order", "unkeyed agreement", "keyed score", "SD of items")
    note = "Unkeyed is what the published code scores. Intervals and tests resample items, which "
    note += f"are no independent respondents; under {MIN_SHARE:.0%} answered there is no score."
    table = Table(name="scores", title="Trait scores", columns=columns, rows=tuple(rows), note=note)
    return [figure, table]


def _pair_table(name: str, title: str, groups: Mapping[Scoring, list[AdministrationPair]]) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (scoring, p.scale, p.between, p.unpaired, p.paired, p.adjusted, p.equal, p.verdict)
        for scoring, pairs in groups.items()
        for p in pairs
    )
    columns = (
        "scoring",
        "trait",
        "between",
        "Mann-Whitney (Cliff's delta)",
        "Wilcoxon (rank-biserial)",
        "Wilcoxon p (Holm)",
        "equivalence",
        "verdict",
    )
    note = "Verdict: Wilcoxon after Holm over the traits and pairs of a scoring, and TOST within "
    note += f"{MARGIN} points; neither significant is inconclusive."
    return Table(name=name, title=title, columns=columns, rows=rows, note=note)


def _all_wordings(sheet: Sheet, wordings: Sequence[str]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for scoring in SCORINGS:
        for order in ORDERS:
            for scale, title in sheet.scales().items():
                cells = [sheet.column(scoring, (w, order), scale) for w in wordings]
                paired = friedman(np.stack(cells, axis=1), seed=sheet.seed)
                rows.append((scoring, order, title, paired, kruskal(cells, seed=sheet.seed)))
    adjusted = holm([row[3].p if isinstance(row[3], Estimate) else float("nan") for row in rows])
    return Table(
        name="all_wordings",
        title="All wordings at once",
        columns=(
            "scoring",
            "order",
            "trait",
            "Friedman (Kendall's W)",
            "Kruskal-Wallis (epsilon squared)",
            "Friedman p (Holm)",
        ),
        rows=tuple((*row, float(p)) for row, p in zip(rows, adjusted, strict=True)),
        note="Holm over all rows of this table.",
    )


def _agreement(sheet: Sheet, wordings: Sequence[str]) -> list[Part]:
    rows: list[tuple[Cell, ...]] = []
    for wording in wordings:
        x, y = (sheet.column("unkeyed", (wording, order)) for order in ORDERS)
        own = sheet.answers.rows.filter(pl.col("form").str.starts_with(wording + "/"))
        pull = position_pull(Answers(own), seed=sheet.seed)
        rows.append(
            (
                wording,
                exact_agreement(x, y),
                weighted_kappa(x, y, seed=sheet.seed),
                pearson(x, y),
                mean_absolute_difference(x, y, seed=sheet.seed),
                pull,
                _followed(pull),
            )
        )
    table = Table(
        name="agreement",
        title="The same item, forward and reversed",
        columns=(
            "wording",
            "exact agreement",
            "quadratic kappa",
            "Pearson r",
            "mean absolute difference",
            "position pull",
            "reads what labels mean",
        ),
        rows=tuple(rows),
        note="Position pull: 0 the text repeats, 1 the place does, 0.5 chance.",
    )
    told: dict[Cell, Cell] = {row[0]: row[-1] for row in rows}
    if "enfj" not in told:
        return [table]
    note = "enfj names only its end points and, forward, lets 1 mean agree; a model that keeps the "
    note += f"number fails to follow the instruction. Instruction followed: {told['enfj']}."
    return [table, Note(note)]


def _followed(pull: Estimate) -> str:
    if isnan(pull.value):
        return f"not known ({pull.why_missing})"
    low, high = (pull.value,) * 2 if isnan(pull.low) else (pull.low, pull.high)
    return "yes" if high < 0.5 else "no" if low > 0.5 else "inconclusive"


def _decomposition(sheet: Sheet) -> list[Part]:
    bias: list[tuple[Cell, ...]] = []
    forms = sheet.answers.rows.group_by(ROWS, maintain_order=True)
    for (_, own), place in zip(forms, sheet.places, strict=True):
        bias.append((*place, acquiescence(Answers(own), seed=sheet.seed)))
    spread: tuple[tuple[Cell, ...], ...] = tuple(
        (title, *(sheet.spread(s, scale) for s in SCORINGS))
        for scale, title in sheet.scales().items()
    )
    shares: tuple[tuple[Cell, ...], ...] = tuple(
        (scoring, title, *sheet.shares(scoring, scale))
        for scoring in SCORINGS
        for scale, title in sheet.scales().items()
    )
    return [
        Table(
            name="acquiescence",
            title="Agreement whatever the item says",
            columns=("wording", "order", "acquiescence"),
            rows=tuple(bias),
            note="Keys weigh alike; without a bias it is the midpoint of the options.",
        ),
        Table(
            name="spread",
            title="Largest difference between administrations",
            columns=("trait", "unkeyed", "keyed"),
            rows=spread,
            note="What the key removes is agreement bias; it cancels in a balanced scale only. "
            "A range can't be negative and grows by chance; items answered throughout.",
        ),
        Table(
            name="variance",
            title="Where the variance of item answers comes from",
            columns=("scoring", "trait", "wording", "order", "item", "residual"),
            rows=shares,
            note="The residual holds what an item does under one administration only.",
        ),
    ]


def _coverage(sheet: Sheet) -> Table:
    found = sheet.answers.missing(by=ROWS)
    return Table(
        name="coverage",
        title="Answers by status",
        columns=tuple(found.columns),
        rows=tuple(found.rows()),
        note="Nothing is imputed: a missing answer stays missing.",
    )
