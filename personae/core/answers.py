"""The table that every instrument fills and every statistic reads: one row per answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from personae.core.argument_types import require_type
from personae.core.display import FrameResult, brief
from personae.core.errors import BadValue, UnknownName
from personae.core.estimate import counted
from personae.core.persona import CONTROL

__all__ = ["SCHEMA", "Answers"]

SCHEMA: Mapping[str, pl.DataType] = {
    "respondent": pl.String(),  # who answered: a persona's id, a person, a model
    "arm": pl.String(),  # the induction, `unchanged` for the control arm
    "inventory": pl.String(),  # name@version+hash
    "item": pl.String(),
    "scale": pl.String(),
    "facet": pl.String(),
    "key": pl.Int64(),  # +1 or -1
    "low": pl.Float64(),  # lowest value that an option of the item has; null without options
    "high": pl.Float64(),  # highest value that an option of the item has; null without options
    "form": pl.String(),  # the form's name, without the option order
    "channel": pl.String(),
    "order": pl.String(),
    "repeat": pl.Int64(),
    "raw": pl.String(),  # the reply, or the text of the option chosen
    "value": pl.Float64(),  # raw (unkeyed) value of the option chosen; null unless status is ok
    "expected": pl.Float64(),  # mean value under the option probabilities; null without them
    "unit": pl.String(),  # points, or nats/token in the statement channel
    "status": pl.String(),  # ok | refused | unparsed | cut | error
    "why": pl.String(),
    "slot": pl.Int64(),  # position, from 0, of the chosen option as shown
    "logp": pl.List(pl.Float64()),  # option log-probabilities, options from low to high
    "mass": pl.Float64(),  # probability, 0..1, of saying any of the options
    "tokens_in": pl.Int64(),
    "tokens_out": pl.Int64(),
}


@dataclass(frozen=True, slots=True, eq=False)
class Answers(FrameResult):
    """Tidy answers: columns as in SCHEMA, then any tags; a missing answer is a row with a status.

    >>> answer = {"respondent": "r1", "item": "1", "scale": "E", "key": -1, "value": 2.0}
    >>> Answers.of([answer]).rows["status"].to_list()
    ['ok']
    """

    rows: pl.DataFrame

    def __post_init__(self) -> None:
        given: object = self.rows
        if not isinstance(given, pl.DataFrame):
            raise BadValue(
                f"answers come from a polars frame, or by Answers.of, not from {_short(given)}"
            )
        columns = set(self.rows.columns)
        lacking = [name for name in SCHEMA if name not in columns]
        if lacking and set(lacking) <= {"low", "high"}:
            raise BadValue(
                "answers lack the columns low and high, the range of each item's options: an older "
                "version wrote them. `personae score` fills them in from the inventory; for "
                "anything else run the study again"
            )
        if lacking:
            raise BadValue(f"answers lack the columns {lacking}; build them with Answers.of")
        types = self.rows.schema
        unfit = [n for n, t in SCHEMA.items() if types[n] != t]
        unfit += [n for n, t in types.items() if t == pl.Object]
        if unfit:
            raise BadValue(f"answers have columns of the wrong type: {unfit}")
        values = self.rows["value"]
        if values.null_count():  # most tables have none, and tables are built by the thousand
            valueless = int(((self.rows["status"] == "ok") & values.is_null()).sum())
            if valueless:
                raise BadValue(f"{valueless} answers are marked ok but have no value")

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, object]]) -> "Answers":
        """Build answers from dicts; absent columns become empty, an absent status `ok`.

        Raises:
            BadValue: no list of dicts, or a value of another type than its column.
        """
        require_type("rows", rows, Iterable[dict[str, object]])
        listed = list(rows)
        _require_dicts(listed)
        tags = {name: None for row in listed for name in row if name not in SCHEMA}
        data = {n: [row.get(n, _EMPTY.get(n)) for row in listed] for n in (*SCHEMA, *tags)}
        types: dict[str, pl.DataType | None] = {**SCHEMA, **dict.fromkeys(tags)}
        try:
            return cls(pl.DataFrame(data, schema=types))
        except _UNFIT as error:
            raise BadValue(_unfit_column(data, types)) from error

    @classmethod
    def concat(cls, parts: Sequence["Answers"]) -> "Answers":
        """Stack answers; a tag that one part lacks is null there.

        Raises:
            BadValue: not a list of answers, or a tag has different types in them.
        """
        require_type("parts", parts, Sequence[Answers])
        if not parts:
            return cls.of([])
        if len(parts) == 1:
            return parts[0]
        try:
            return cls(pl.concat([p.rows for p in parts], how="diagonal"))
        except _UNFIT as error:
            raise BadValue(
                f"answers whose tags differ in type can't be stacked: {error}"
            ) from error

    def frame(self) -> pl.DataFrame:
        """Return the answers as a polars frame, one row per answer."""
        return self.rows

    def _repr_html_(self) -> str:
        return self.rows._repr_html_()

    def __repr__(self) -> str:
        people, usable = self.rows["respondent"].n_unique(), (self.rows["status"] == "ok").sum()
        size = f"{counted(len(self), 'answer')} of {counted(people, 'respondent')}"
        return brief(self, "", size, f"{usable:,} usable")

    def __len__(self) -> int:
        return self.rows.height

    def tag(self, **tags: str | int | float) -> "Answers":
        """Return the answers with columns set to constants, such as `respondent="ada"`.

        Raises:
            BadValue: a value that the column can't have.
        """
        try:
            rows = self.rows.with_columns(
                pl.lit(v).cast(SCHEMA[k]).alias(k) if k in SCHEMA else pl.lit(v).alias(k)
                for k, v in tags.items()
            )
        except _UNFIT as error:
            raise BadValue(f"a column can't have this value: {_short(tags)}") from error
        return Answers(rows)

    def where(self, **values: str | int) -> "Answers":
        """Return the answers whose columns have the given values.

        Raises:
            UnknownName: there is no such column; carries near matches.
            BadValue: a value of another type than the column's.
        """
        self._require_columns(values)
        try:
            return Answers(self.rows.filter(*(pl.col(k) == v for k, v in values.items())))
        except _UNFIT as error:
            raise BadValue(f"a column has no value of this type: {_short(values)}") from error

    def missing(self, by: Sequence[str] = ("arm", "form")) -> pl.DataFrame:
        """Count answers by status: one row per group, with columns asked, ok, refused and so on.

        Raises:
            UnknownName: there is no such column; carries near matches.
        """
        require_type("by", by, Sequence[str])
        self._require_columns(by)
        statuses = ("ok", "refused", "unparsed", "cut", "error")
        return (
            self.rows.group_by(list(by), maintain_order=True)
            .agg(
                pl.len().alias("asked"),
                *((pl.col("status") == s).sum().cast(pl.Int64).alias(s) for s in statuses),
            )
            .sort(list(by))
        )

    def _require_columns(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.rows.columns:
                raise UnknownName("column of the answers", name, self.rows.columns)


_UNFIT = (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError)
"""What polars raises of values that don't fit a column."""


_KINDS: Mapping[type, str] = {
    pl.String: "a text",
    pl.Int64: "a whole number",
    pl.Float64: "a number",
    pl.List: "a list of numbers",
}


def _require_dicts(rows: Iterable[object]) -> None:
    for row in rows:
        if not isinstance(row, Mapping):
            raise BadValue(f"an answer is a dict, not {_short(row)}")


def _unfit_column(
    data: Mapping[Any, Sequence[object]], types: Mapping[str, pl.DataType | None]
) -> str:
    """Say which value of which column doesn't fit it."""
    for name, values in data.items():
        if not isinstance(name, str):
            return f"a column's name is a text, not {_short(name)}"
        kind = types[name]
        for value in values:
            try:
                pl.Series(name, [values[0], value], dtype=kind)
            except _UNFIT:
                wanted = "of the first one's type" if kind is None else _KINDS[type(kind)]
                return f"the column {name!r} holds {_short(value)}, which is not {wanted}"
    return "the columns of the answers don't fit together"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


_EMPTY: Mapping[str, object] = {
    "respondent": "",
    "arm": CONTROL,
    "inventory": "",
    "item": "",
    "scale": "",
    "facet": "",
    "key": 1,
    "form": "",
    "channel": "",
    "order": "forward",
    "repeat": 0,
    "raw": "",
    "unit": "points",
    "status": "ok",
    "why": "",
    "tokens_in": 0,
    "tokens_out": 0,
}
