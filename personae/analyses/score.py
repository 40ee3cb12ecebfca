"""Scores a table of answers from anywhere: what `personae score` reports.

Answers are split by arm and form, since a mean over them would mix conditions. Scores of one
respondent have a t interval over items; means over respondents, and reliabilities, a bootstrap over
respondents. Norms are shown only for a group that the user names.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import nan
from typing import Any

import numpy as np
import polars as pl
import scipy

from personae.analyses.conditions import conditions_of, counted
from personae.analyses.keying_remark import keying_remark, keying_table
from personae.analyses.reliability_columns import reliability_columns
from personae.core import (
    Answers,
    BadValue,
    Estimate,
    Figure,
    Heading,
    Inventory,
    Note,
    Part,
    ProfileFigure,
    Report,
    Table,
    UnknownName,
    missing,
)
from personae.report.build import (
    Row,
    ValueAxis,
    estimate_words,
    frame_table,
    profile,
    table,
    verdict,
    warning,
)
from personae.stats.grouping import GROUPED
from personae.stats.resample import mean
from personae.stats.scores.keying import KeyingDoubt, keying_alarm
from personae.stats.scores.response_style import (
    acquiescence,
    coverage,
    extremity,
    position_pull,
    straight_lining,
)
from personae.stats.scores.scales import item_matrix, scale_scores
from personae.traits.norms import has_norm, norm_groups, norm_standing

__all__ = ["score_report"]

LISTED = 100
"""Administrations whose scores a report lists."""


def score_report(
    answers: Answers,
    inventory: Inventory,
    *,
    norms_group: str | None = None,
    seed: int = 0,
    reading: str = "",
) -> Report:
    """Report scale and facet scores, reliability, response style and coverage of answers.

    `reading` says how the answers' file was read.

    Raises:
        UnknownName: a norm group that the inventory doesn't have.
        BadValue: no answers.
    """
    if not len(answers):
        raise BadValue("no answers to score")
    if norms_group is not None and norms_group not in norm_groups(inventory):
        raise UnknownName(f"norm group of {inventory.name}", norms_group, norm_groups(inventory))
    parts: list[Part] = []
    doubts: list[KeyingDoubt] = []
    conditions = conditions_of(answers)
    for number, (heading, condition) in enumerate(conditions.items(), start=1):
        part_answers = answers.where(**condition) if len(conditions) > 1 else answers
        doubted = keying_alarm(part_answers)
        doubts += doubted
        section = list(_section(part_answers, inventory, norms_group, seed))
        section += keying_table(doubted, inventory)
        if len(conditions) > 1:
            parts.append(Heading(heading))
            section = [_renamed(part, f"{number}", heading) for part in section]
        parts.extend(section)
    if norms_group is not None:
        if bare := _without_norms(inventory, norms_group):
            parts.append(warning(f"{norms_group} has no norms of: {bare}. They get no T."))
        parts.append(
            Note(
                f"T and percentile compare with people ({norms_group}; source: "
                f"{inventory.source}). A language model belongs to no such group: its standing "
                "is a comparison, not a norm."
            )
        )
    elif inventory.norms:
        listed = ", ".join(norm_groups(inventory))
        parts.append(Note(f"No norm group was named. {inventory.name} has norms for: {listed}."))
    people = answers.rows["respondent"].n_unique()
    verdicts = [_verdict(answers), *keying_remark(doubts, inventory, people)]
    verdicts += [verdict(f"Read as {reading}.")] if reading else []
    title = f"Scores: {inventory.title}"
    return Report(title=title, parts=(*verdicts, *parts), answers=answers)


def _without_norms(inventory: Inventory, group: str) -> str:
    """List the scales and facets that a group has no norm of."""
    parts = {(item.scale, facet) for item in inventory.items for facet in ("", item.facet)}
    bare = [
        f"{inventory.scales[scale]}{f', {facet}' if facet else ''}"
        for scale, facet in sorted(
            parts, key=lambda part: (list(inventory.scales).index(part[0]), part[1])
        )
        if not has_norm(inventory, scale, group=group, facet=facet)
    ]
    more = f" and {len(bare) - 8} more" if len(bare) > 8 else ""
    return "; ".join(bare[:8]) + more


def _renamed(part: Part, number: str, heading: str) -> Part:
    """Give a table or figure of one of several sections its own key, and a figure its condition."""
    if isinstance(part, Figure):
        return replace(part, name=f"{part.name}_{number}", title=f"{part.title}: {heading}")
    return replace(part, name=f"{part.name}_{number}") if isinstance(part, Table) else part


def _verdict(answers: Answers) -> Note:
    rows = answers.rows
    ok = sum(count for status, count in counted(answers, "status").rows() if status == "ok")
    people = rows["respondent"].n_unique()
    who = "1 respondent" if people == 1 else f"{people:,} respondents"
    lost = "" if ok == rows.height else f"; {rows.height - ok:,} are missing and not imputed"
    return verdict(f"{ok:,} of {rows.height:,} answers of {who} could be scored{lost}.")


def _section(
    answers: Answers, inventory: Inventory, group: str | None, seed: int
) -> Iterator[Part]:
    unit = str(answers.rows.head(1)["unit"][0])
    group = group if unit == "points" else None
    scores = scale_scores(answers)
    yield _profile(scores, inventory, unit, seed)
    over_respondents = [_scales(answers, scores, inventory, seed), _statuses(answers)]
    is_single = answers.rows["respondent"].n_unique() == 1
    if not is_single:
        yield from over_respondents
    listed = _administrations(scores)
    yield _scores(scores, listed, inventory, group)
    if any(item.facet for item in inventory.items):
        shown = listed.head(LISTED).drop("index")
        rows = answers.rows.join(shown, on=shown.columns, how="semi", maintain_order="left")
        yield _scores(scale_scores(Answers(rows), level="facet"), listed, inventory, group)
    if is_single:
        yield from reversed(over_respondents)
    yield _style(answers, inventory, seed)


def _mean_score(scores: pl.DataFrame, scale: str, unit: str, seed: int) -> Estimate:
    people = scores.filter(pl.col("scale") == scale).group_by("respondent", maintain_order=True)
    means = people.agg(pl.col("mean").mean())["mean"].fill_null(np.nan).to_numpy()
    return mean(means, name=scale, of="respondent", unit=unit, seed=seed)


def _item_interval(row: dict[str, Any], inventory: Inventory) -> Estimate:
    """Estimate one administration's scale score, with Student's t interval over its items.

    Undefined without an answer; no interval with fewer than three items, or where all are equal.
    """
    n, value, about = row["n_answered"], row["mean"], {"of": "item", "unit": row["unit"]}
    if value is None:
        return missing(row["scale"], row["why"], n=n, **about)
    half = float(scipy.special.stdtrit(n - 1, 0.975)) * row["sd"] / (n - 1) ** 0.5 if n > 2 else nan
    why = "an interval needs at least three items" if n < 3 else ""
    if half == 0:
        half, why = nan, "all items got the same score: nothing to base an interval on"
    low, high = value - half, value + half
    if row["unit"] == "points" and not why:
        low, high = max(low, float(inventory.low)), min(high, float(inventory.high))
    method = "" if why else "Student's t over items, within the options"
    return Estimate(
        name=row["scale"],
        value=value,
        low=low,
        high=high,
        n=n,
        method=method,
        why_missing=why,
        **about,
    )


def _profile(scores: pl.DataFrame, inventory: Inventory, unit: str, seed: int) -> ProfileFigure:
    scales = scores["scale"].unique(maintain_order=True).to_list()
    people = scores["respondent"].n_unique()
    if scores.height == len(scales):
        values = [_item_interval(row, inventory) for row in scores.iter_rows(named=True)]
    else:
        values = [_mean_score(scores, scale, unit, seed) for scale in scales]
    who = str(scores["respondent"][0]) if people == 1 else f"mean of {people:,} respondents"
    low, high = (inventory.low, inventory.high) if unit == "points" else (-1.0, 1.0)
    titles = [inventory.scales[scale] for scale in scales]
    pairs = zip(titles, values, strict=True)
    listed = ", ".join(f"{title} {estimate_words(mean.value, '.2f')}" for title, mean in pairs)
    return profile(
        "profile",
        "Profile",
        titles,
        {who: values},
        ValueAxis(unit, low=low, high=high),
        alt=f"Mean scale scores: {listed}.",
    )


def _scales(answers: Answers, scores: pl.DataFrame, inventory: Inventory, seed: int) -> Table:
    rows: list[Row] = []
    unit = str(scores["unit"][0])
    crowded = scores["respondent"].n_unique() > GROUPED
    grouped = f" Intervals resample {GROUPED:,} random groups of respondents." if crowded else ""
    for scale in scores["scale"].unique(maintain_order=True).to_list():
        matrix, _, items = item_matrix(answers.where(scale=scale))
        rows.append(
            {
                "scale": inventory.scales[scale],
                "items": len(items),
                "mean": _mean_score(scores, scale, unit, seed),
                **reliability_columns(matrix, seed),
            }
        )
    note = (
        "A respondent's several administrations are averaged first. Reliability needs at least "
        "three respondents who differ. SEM: standard error of one respondent's mean score, in "
        "points; a respondent's change is reliable from 1.96 √2 SEM on." + grouped
    )
    return table("scales", "Scales over respondents", rows, note)


def _administrations(scores: pl.DataFrame) -> pl.DataFrame:
    varying = [name for name in ("order", "repeat") if scores[name].n_unique() > 1]
    return scores.select("respondent", *varying).unique(maintain_order=True).with_row_index("index")


def _scores(
    scores: pl.DataFrame, listed: pl.DataFrame, inventory: Inventory, group: str | None
) -> Table:
    level, who = "facet" if "facet" in scores.columns else "scale", listed.columns[1:]
    shown = scores.join(listed.head(LISTED), on=who, maintain_order="left")
    order = {scale: index for index, scale in enumerate(inventory.scales)}
    rows = sorted(shown.iter_rows(named=True), key=lambda row: (row["index"], order[row["scale"]]))
    left = listed.height - LISTED
    return table(
        f"{level}_scores",
        "Facet scores" if level == "facet" else "Scale scores",
        [_score_row(row, who, inventory, group) for row in rows],
        f"{left:,} more administrations are scored but not listed." if left > 0 else "",
    )


def _score_row(
    score: dict[str, Any], who: Sequence[str], inventory: Inventory, group: str | None
) -> Row:
    """Tabulate one administration's score of a scale, or of a facet where there is one."""
    row: Row = {name: score[name] for name in who}
    row["scale"] = inventory.scales[score["scale"]]
    if "facet" in score:
        row["facet"] = score["facet"]
    row["score"] = _item_interval(score, inventory)
    row["sum"] = score["sum"]
    row["answered"] = f"{score['n_answered']} of {score['n_items']}"
    if group is not None:
        row["T"] = row["percentile"] = None
        facet = str(score.get("facet", ""))
        is_normed = has_norm(inventory, score["scale"], group=group, facet=facet)
        if score["mean"] is not None and is_normed:
            standing = norm_standing(
                score["mean"], inventory, score["scale"], group=group, facet=facet
            )
            row |= {"T": standing.T, "percentile": standing.percentile}
    return row


def _style(answers: Answers, inventory: Inventory, seed: int) -> Table:
    middle = (inventory.low + inventory.high) / 2
    neutral = f"{middle:g}" if answers.rows.head(1)["unit"][0] == "points" else "0"
    indices = [
        (coverage(answers, seed=seed), "share of questions with a usable answer"),
        (acquiescence(answers, seed=seed), f"agreement whatever the item says; neutral: {neutral}"),
        (extremity(answers, seed=seed), "share of answers at an end"),
        (straight_lining(answers, seed=seed), "longest run of one answer"),
    ]
    if counted(answers, "order").height > 1:
        pull = position_pull(answers, seed=seed)
        indices.append((pull, "0: the option's text decides; 1: its position"))
    rows: list[Row] = [
        {"index": estimate.name, "value": estimate, "meaning": meaning}
        for estimate, meaning in indices
    ]
    return table("style", "Response style", rows)


def _statuses(answers: Answers) -> Table:
    rows = counted(answers, "status", "why").sort(
        "len", "status", "why", descending=[True, False, False]
    )
    return frame_table("coverage", "Answers by status", rows, heads={"len": "answers"})
