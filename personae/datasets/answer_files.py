"""Answer files as tables of text: which encoding, line ends, separator and layout they have."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import polars as pl

from personae.core import BadFile
from personae.core.files.bounded import read_bytes
from personae.core.files.strict_json import json_lines, parse_json
from personae.datasets.answer_json import answer_rows
from personae.datasets.bounded_tables import read_table

__all__ = ["AnswerTable", "read_answer_table", "untextual"]

_MAX_TABLE_BYTES = 512 << 20
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig", "UTF-8"),
    (b"\xff\xfe", "utf-16", "UTF-16"),
    (b"\xfe\xff", "utf-16", "UTF-16"),
)
_PLAIN = (pl.String, pl.Boolean, pl.Categorical, pl.Enum, pl.Null, pl.Date, pl.Datetime)


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """A table as it lies in a file: names, rows of text under the same names, how it was read.

    `typed` is set instead of `texts` where the columns have types of their own, as in Parquet.
    `questions` are texts under the names, as some survey tools write them, one per column.
    """

    source: Path
    names: tuple[str, ...]
    texts: pl.DataFrame
    reading: tuple[str, ...]
    typed: pl.DataFrame | None = None
    questions: tuple[str, ...] = field(default=())


def read_answer_table(source: Path) -> AnswerTable:
    """Read CSV, TSV, JSON, JSONL or Parquet, of at most 512 MB unpacked.

    Raises:
        BadFile: it can't be read, is larger, holds no row, or no such table.
    """
    kind = "".join(source.suffixes[-2:]).lower().removesuffix(".gz").rpartition(".")[2]
    try:
        if kind == "parquet":
            return _typed(source, read_table(source, limit=_MAX_TABLE_BYTES))
        if kind in ("jsonl", "ndjson"):
            return _from_rows(source, [_sound(row) for _, row in json_lines(source)], "JSON lines")
        data = read_bytes(source, _MAX_TABLE_BYTES)
        text, encoding = _decoded(data, source)
        if kind == "json":
            return _from_rows(source, parse_json(text, str(source)), f"JSON in {encoding}")
        return _from_csv(source, text, encoding)
    except (csv.Error, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadFile(f"{source}: not a table that can be read ({reason:.300})") from error


def _decoded(data: bytes, source: Path) -> tuple[str, str]:
    """Decode by the byte order mark, else as UTF-8, else as Windows-1252 (Western Excel)."""
    mark = next((m for m in _MARKS if data.startswith(m[0])), None)
    head = data[:4000]
    if mark is None and len(head) > 1 and head[1::2].count(0) > 0.4 * len(head[1::2]):
        mark = (b"", "utf-16-le", "UTF-16")
    tries = [mark[1:]] if mark else [("utf-8", "UTF-8"), ("cp1252", "Windows-1252")]
    for codec, name in tries:
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, name
    raise BadFile(
        f"{source}: not a table that can be read (no text in UTF-8, UTF-16 or Windows-1252)"
    )


def _from_csv(source: Path, text: str, encoding: str) -> AnswerTable:
    line_ends = ""
    if "\r" in text:
        line_ends = ", line ends CR" if "\n" not in text else ""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.lstrip("\n")
    separator = _separator(text)
    if not text.strip():
        raise BadFile(f"{source}: not a table that can be read (it is empty)")
    frame = pl.read_csv(
        BytesIO(text.encode()), separator=separator, infer_schema=False, has_header=False
    )
    names = tuple((name or "").strip() for name in frame.row(0))
    if frame.height < 2:
        raise BadFile(f"{source}: no answers in it, only a header")
    reading = f"{encoding}, {_SEPARATORS[separator]}-separated{line_ends}"
    return AnswerTable(source, names, frame.slice(1), (reading,))


def _separator(text: str) -> str:
    """Choose the separator that gives the first row most columns."""
    columns = {}
    for mark in _SEPARATORS:
        try:
            columns[mark] = len(next(csv.reader(text[: 1 << 20].splitlines(), delimiter=mark), []))
        except csv.Error:
            columns[mark] = text.partition("\n")[0].count(mark)
    return max(columns, key=lambda mark: columns[mark])


def _sound(row: object) -> object:
    if isinstance(row, BadFile):
        raise row
    return row


def _from_rows(source: Path, value: object, reading: str) -> AnswerTable:
    rows, layout = answer_rows(value, source)
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    if not rows or not names:
        raise BadFile(f"{source}: no answers in it")
    frame = pl.DataFrame(
        {f"column_{j}": [row.get(name) for row in rows] for j, name in enumerate(names, start=1)},
        schema=dict.fromkeys((f"column_{j}" for j in range(1, len(names) + 1)), pl.String()),
    )
    return AnswerTable(source, names, frame, (reading, layout))


def _typed(source: Path, frame: pl.DataFrame) -> AnswerTable:
    if not frame.height:
        raise BadFile(f"{source}: no answers in it, only a header")
    return AnswerTable(source, tuple(frame.columns), _as_texts(frame), ("Parquet",), frame)


def _as_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Return typed columns as text, or nothing of those that have none, named by position."""
    texts = {}
    for j, column in enumerate(frame.get_columns(), start=1):
        kind = column.dtype
        text = kind.is_numeric() or isinstance(kind, _PLAIN)
        texts[f"column_{j}"] = (
            column.cast(pl.String, strict=False)
            if text
            else pl.Series([None] * len(column), dtype=pl.String)
        )
    return pl.DataFrame(texts)


def untextual(frame: pl.DataFrame) -> Sequence[str]:
    """Name the columns of a typed table that hold neither numbers nor text."""
    return [
        name
        for name, kind in frame.schema.items()
        if not (kind.is_numeric() or isinstance(kind, _PLAIN))
    ]
