"""Tables from outside: every kind, its separator, and a limit that packing doesn't evade."""

import gzip
import tracemalloc
from pathlib import Path

import polars as pl
import pytest

from personae.core import BadFile, UnknownName
from personae.datasets.bounded_tables import TABLE_SUFFIXES, read_table

ROWS = pl.DataFrame({"code": ["01", "02"], "city": ["Lund", "Umeå"]})


def written(suffix: str, folder: Path) -> Path:
    path = folder / f"rows{suffix}"
    match suffix:
        case ".parquet":
            ROWS.write_parquet(path)
        case ".json":
            ROWS.write_json(path)
        case ".jsonl" | ".ndjson":
            ROWS.write_ndjson(path)
        case _:
            ROWS.write_csv(path, separator="\t" if suffix == ".tsv" else ",")
    return path


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_every_kind_of_table_is_read(suffix: str, tmp_path: Path) -> None:
    path = written(suffix, tmp_path)
    assert read_table(path, as_text=True).equals(ROWS)
    if suffix != ".parquet":
        path.write_bytes(gzip.compress(path.read_bytes()))
        assert read_table(path, as_text=True).equals(ROWS)
    with pytest.raises(BadFile, match=r"larger than|more than"):
        read_table(path, limit=10)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a;b\n1;2\n", ["a", "b"]),
        ('"a;b;c;d",e,f\n1,2,3\n', ["a;b;c;d", "e", "f"]),
        ("\ufeffa\tb\r\n1\t2\r\n", ["a", "b"]),
        ("only\n1\n", ["only"]),
    ],
)
def test_the_separator_is_inferred(text: str, columns: list[str], tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8")
    assert read_table(path).columns == columns


def test_a_packed_table_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * (16 << 20), 9))
    tracemalloc.start()
    with pytest.raises(BadFile, match="larger than 4 MB"):
        read_table(path, limit=4 << 20)
    assert tracemalloc.get_traced_memory()[1] < 24 << 20
    tracemalloc.stop()
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * (1 << 18), 9))
    with pytest.raises(BadFile, match=r"524,290 cells, more than 131,072; leave out"):
        read_table(path, limit=2 << 20)
    lines = tmp_path / "rows.jsonl"
    lines.write_bytes(b'{"a":1}\n' * 150_000)
    with pytest.raises(BadFile, match="150,000 cells"):
        read_table(lines, limit=2 << 20)
    for text, cells in (
        (b'{"a" : 1}\n' * 150_000, "150,000"),
        (b'{"a":1,":b":2,":c":"\\"","":0}\n' + b"{}\n" * 50_000, "150,003"),
        (b'{"a":[' + b"1," * 150_000 + b"1]}\n", "150,002"),
    ):
        lines.write_bytes(text)
        with pytest.raises(BadFile, match=f"{cells} cells, more than 131,072"):
            read_table(lines, limit=2 << 20)
    lines.write_bytes(
        b'{"a":"one, two: {three}, [four]"}\n' * 15_000
    )  # marks in texts are no cells
    assert read_table(lines, limit=2 << 20).height == 15_000
    wide = tmp_path / "rows.parquet"
    pl.select(pl.repeat("x" * 100, 400_000).alias("a")).write_parquet(wide)
    with pytest.raises(BadFile, match="more than 1 MB in memory"):
        read_table(wide, limit=1 << 20)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("x.xlsx", b"PK", UnknownName),
        ("x.csv", b"\xff\xfea", BadFile),
        ("x.csv", b"a,a\n1,2\n", BadFile),
        ("x.csv", b"", BadFile),
        ("x.json", b"{", BadFile),
        ("x.parquet", b"PAR1", BadFile),
        ("x.csv", b"\x28\xb5\x2f\xfd", BadFile),
    ],
)
def test_what_is_no_table_is_refused(
    name: str, content: bytes, error: type[Exception], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(error):
        read_table(path)
    with pytest.raises(BadFile):
        read_table(tmp_path / "none.csv")
