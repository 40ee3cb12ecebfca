"""Tables from outside, read under a limit of bytes: CSV, TSV, JSON, JSON lines, Parquet.

A packed file counts with what it holds, so that a small file can't fill the memory.
"""

import csv
import re
from codecs import BOM_UTF8
from io import BytesIO
from pathlib import Path

import polars as pl

from personae.core import BadFile, UnknownName, foreign_table, usable_path
from personae.core.files.bounded import read_bytes
from personae.core.files.parquet_file import read_parquet

__all__ = ["TABLE_SUFFIXES", "read_table"]

_MAX_TABLE = 512 << 20
_STRING = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"(\s*:)?', re.DOTALL)
"""A text of JSON; with a colon after it, the name of a member."""
_BYTES_PER_CELL = 16
"""Of a text in memory, even of an empty one: two bytes of CSV may hold a cell."""
TABLE_SUFFIXES = (".csv", ".json", ".jsonl", ".ndjson", ".parquet", ".tsv")


def read_table(path: Path, *, as_text: bool = False, limit: int = _MAX_TABLE) -> pl.DataFrame:
    """Read a table by its suffix; `as_text` leaves the cells of CSV as they are, as in "01234".

    The separator of CSV is inferred from its header: comma, semicolon or tab. `limit` counts bytes,
    in the file unpacked and in the memory that the table takes.

    Raises:
        UnknownName: no suffix of a table.
        BadFile: it can't be read, is larger than the limit, or is no such table.
    """
    suffix = usable_path(path).suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        raise UnknownName("kind of table", suffix or path.name, TABLE_SUFFIXES)
    if suffix == ".parquet":
        return read_parquet(path, limit)
    data = read_bytes(path, limit).removeprefix(BOM_UTF8)
    separator = _csv_separator(data, path) if suffix in (".csv", ".tsv") else ""
    _refuse_many_cells(data, separator, limit, path)
    with foreign_table(path):
        if suffix in (".jsonl", ".ndjson"):
            return pl.read_ndjson(BytesIO(data), infer_schema_length=None)
        if suffix == ".json":
            return pl.read_json(BytesIO(data))
        return pl.read_csv(
            BytesIO(data), separator=separator, infer_schema=not as_text, infer_schema_length=None
        )


def _refuse_many_cells(data: bytes, separator: str, limit: int, path: Path) -> None:
    most = limit // _BYTES_PER_CELL
    if separator:
        cells = data.count(separator.encode()) + data.count(b"\n")
    else:
        cells = _json_cells(data, most)
    if cells > most:
        raise BadFile(f"{path}: {cells:,} cells, more than {most:,}; leave out rows or columns")


def _json_cells(data: bytes, most: int) -> int:
    """Bound the cells of JSON from above, exactly where it might be more than `most`.

    Every value follows a comma or opens a list or an object; marks inside texts only raise the
    bound. A member that an object lacks is a cell as well, so that objects times names count.
    """
    values = sum(map(data.count, (b",", b"[", b"{")))
    objects, members = data.count(b"{"), data.count(b":")
    if objects * members <= most:
        return max(values, objects * members)
    names: set[bytes] = set()
    for text in _STRING.finditer(data):
        if text[2] is not None:
            names.add(text[1])
            if objects * len(names) > most:
                break
    return max(values, objects * len(names))


def _csv_separator(data: bytes, path: Path) -> str:
    """Infer the separator of CSV from its header: comma, semicolon or tab, by the most columns."""
    try:
        header = data[: 1 << 20].partition(b"\n")[0].decode("utf-8-sig").rstrip("\r")
        by_separator = {c: next(csv.reader([header], delimiter=c), []) for c in ",;\t"}
    except UnicodeDecodeError as error:
        raise BadFile(f"{path}: not UTF-8 text ({error.reason})") from error
    except csv.Error as error:
        raise BadFile(f"{path}: its header can't be read ({error})") from error
    separator = max(by_separator, key=lambda c: len(by_separator[c]))
    names = [name.strip() for name in by_separator[separator]]
    if repeated := sorted({name for name in names if name and names.count(name) > 1}):
        raise BadFile(f"{path}: two columns have one name: {repeated[:5]}")
    return separator
