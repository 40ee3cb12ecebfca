"""Pairs of answers of two runs: the same question, asked in the same way.

Answers are paired by respondent, arm, inventory with its hash, item, form, channel, option order
and repeat. A question that a respondent was asked several times in one way is paired in the order
asked, and only where both runs asked it equally often, so that no answer picks its own partner.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from personae.core import Answers, BadValue, Table
from personae.report.build import Row, table

__all__ = ["Pairing", "pair_answers"]

KEY = (
    "respondent",
    "arm",
    "inventory",
    "item",
    "scale",
    "form",
    "channel",
    "order",
    "repeat",
    "unit",
)
ITEM = ("key", "low", "high")
COMPARED = ("value", "expected", "status")
OCCURRENCE = ("_occurrence", "_occurrences")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairing:
    """Two runs' answers side by side.

    `rows` holds the matched ones: the columns of KEY and ITEM, then `value`, `expected` and
    `status` once as `_1` and once as `_2`. `counts` is how many answers each run has; `table`
    counts by inventory what was matched and what was not; `remarks` names what was paired across
    names, and whose answers have no partner.
    """

    rows: pl.DataFrame
    counts: tuple[int, int]
    table: Table
    remarks: tuple[str, ...]


def pair_answers(first: Answers, second: Answers) -> Pairing:
    """Pair two runs' answers; one respondent a run, or one arm a run, are paired across names.

    Raises:
        BadValue: the runs were made with different instruments or versions, or nothing matches.
    """
    _check_instruments(first, second)
    remarks: list[str] = []
    rows_1, rows_2 = first.rows, second.rows
    for column in ("respondent", "arm"):
        rows_2, remark = _renamed(rows_1, rows_2, column)
        remarks += remark
    left, right = _numbered(rows_1), _numbered(rows_2)
    on = [*KEY, *OCCURRENCE]
    rows = left.join(right, on=on, suffix="_2", maintain_order="left")
    if not rows.height:
        raise BadValue(
            "no answer of one run has a partner in the other; "
            f"{_disjoint_columns(rows_1, rows_2) or 'all differ'}"
        )
    unmatched = [a.join(b, on=on, how="anti") for a, b in ((left, right), (right, left))]
    rows = rows.rename({name: f"{name}_1" for name in COMPARED})
    rows = rows.drop(f"{name}_2" for name in ITEM)
    remarks += _unmatched_values(rows, unmatched)
    return Pairing(
        rows=rows.drop(OCCURRENCE),
        counts=(left.height, right.height),
        table=_counted(rows, left, right),
        remarks=tuple(remarks),
    )


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """Number the answers to a question that was asked several times under the same conditions."""
    return rows.select(*KEY, *ITEM, *COMPARED).with_columns(
        pl.int_range(pl.len()).over(KEY).alias(OCCURRENCE[0]),
        pl.len().over(KEY).alias(OCCURRENCE[1]),
    )


def _check_instruments(first: Answers, second: Answers) -> None:
    """Refuse runs with other versions of an instrument, or without a common one.

    An instrument's tag is its name, its version and the hash of the items asked; one run may have
    asked further parts of an instrument.
    """
    tags = [set(answers.rows["inventory"].unique()) for answers in (first, second)]
    versions: list[dict[str, set[str]]] = [{}, {}]
    for known, listed in zip(versions, tags, strict=True):
        for tag in listed:
            name, _, rest = tag.partition("@")
            known.setdefault(name, set()).add(rest.partition("+")[0])
    for name in sorted(versions[0].keys() & versions[1].keys()):
        if versions[0][name] != versions[1][name]:
            left, right = (", ".join(sorted(v[name])) for v in versions)
            raise BadValue(
                f"the runs used different versions of {name!r}: {left} in the first, {right} in "
                "the second; run both with one version of Personae"
            )
    if not tags[0] & tags[1]:
        left, right = (", ".join(sorted(t or "unnamed" for t in run)[:5]) for run in tags)
        raise BadValue(
            f"the runs share no instrument: {left} in the first, {right} in the second; compare "
            "runs that asked the same items"
        )


def _renamed(
    first: pl.DataFrame, second: pl.DataFrame, column: str
) -> tuple[pl.DataFrame, list[str]]:
    """Let the second run's only name stand for the first's only name, where they differ."""
    names = [frame[column].unique(maintain_order=True).to_list() for frame in (first, second)]
    if len(names[0]) != 1 or len(names[1]) != 1 or names[0] == names[1]:
        return second, []
    remark = f"The only {column} of each run is paired: {names[0][0]!r} with {names[1][0]!r}."
    return second.with_columns(pl.lit(names[0][0]).alias(column)), [remark]


def _disjoint_columns(first: pl.DataFrame, second: pl.DataFrame) -> str:
    """Name the columns in which two runs have no value in common, with examples."""
    differences = []
    for column in KEY:
        left, right = (set(frame[column].unique().to_list()) for frame in (first, second))
        if not left & right:
            differences.append(
                f"{column}: {_examples(left)} in the first, {_examples(right)} in the second"
            )
    return "; ".join(differences)


def _examples(values: set[object]) -> str:
    listed = sorted(str(v) for v in values)
    return ", ".join(listed[:4]) + (f" and {len(listed) - 4} more" if listed[4:] else "")


def _unmatched_values(rows: pl.DataFrame, unmatched: Sequence[pl.DataFrame]) -> list[str]:
    """Name respondents, arms and forms that have no partner at all."""
    remarks = []
    for run, frame in zip(("first", "second"), unmatched, strict=True):
        for column in ("respondent", "arm", "form"):
            left = set(frame[column].unique().to_list()) - set(rows[column].unique().to_list())
            if left:
                remarks.append(f"Only in the {run} run, {column}: {_examples(left)}.")
    return remarks


def _counted(rows: pl.DataFrame, left: pl.DataFrame, right: pl.DataFrame) -> Table:
    counts = [dict(f["inventory"].value_counts().rows()) for f in (rows, left, right)]
    tags = sorted({*counts[1], *counts[2]})
    rows_by_tag: list[Row] = []
    for tag in tags:
        matched, first, second = (c.get(tag, 0) for c in counts)
        rows_by_tag.append(
            {
                "instrument": tag or "unnamed",
                "first": first,
                "second": second,
                "matched": matched,
                "only first": first - matched,
                "only second": second - matched,
            }
        )
    note = (
        "Answers. Matched: same respondent, arm, item, form, channel, option order and repeat, "
        "asked equally often in both runs."
    )
    return table("matched", "What was matched", rows_by_tag, note)
