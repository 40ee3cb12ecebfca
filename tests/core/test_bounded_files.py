"""Files from outside are read under a limit, packed or not."""

import bz2
import gzip
import tracemalloc
from pathlib import Path

import polars as pl
import pytest

from personae.core import BadFile, Persona, json_lines, read_json, read_text
from personae.core.files import bounded
from personae.core.files.bounded import open_bounded, read_bytes
from personae.personas import load_personas, parquet_rows, save_personas


def test_plain_and_packed_files_give_the_same_bytes(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.json", tmp_path / "a.json.gz"
    plain.write_bytes(b'{"a": 1}')
    packed.write_bytes(gzip.compress(b'{"a": 1}'))
    for path in (plain, packed):
        assert read_bytes(path, 8) == b'{"a": 1}'
        assert read_json(path) == {"a": 1}
        assert [value for _, value in json_lines(path)] == [{"a": 1}]
        with pytest.raises(BadFile, match="larger than"):
            read_bytes(path, 7)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.csv"
    bomb.write_bytes(gzip.compress(b"0" * (64 << 20), 9))
    tracemalloc.start()
    with pytest.raises(BadFile, match="larger than"):
        read_text(bomb, 1 << 20)
    with pytest.raises(BadFile, match="larger than"):
        read_json(bomb, 1 << 20)
    with pytest.raises(BadFile, match="longer than"):
        list(json_lines(bomb))
    assert tracemalloc.get_traced_memory()[1] < 40 << 20
    tracemalloc.stop()


def test_a_packed_file_holds_at_most_a_multiple_of_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "_LEAST", 1 << 20)
    path = tmp_path / "x.jsonl"
    path.write_bytes(gzip.compress(b'{"id": "a"}\n' * 200_000, 9))
    with pytest.raises(BadFile, match="larger than"):
        list(json_lines(path))
    table = tmp_path / "x.parquet"
    pl.select(pl.repeat("x" * 1000, 9000).alias("text")).write_parquet(table)
    with pytest.raises(BadFile, match="more than 1 MB in memory"):
        list(parquet_rows(table))
    people = [Persona(id=f"p{i}", text="You are.") for i in range(500)]
    save_personas(people, tmp_path / "people.parquet")
    assert len(load_personas(tmp_path / "people.parquet")) == 500


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"x" * 9000, mtime=0)[:-9], "damaged or cut"),
        (b"\x1f\x8bnothing", "damaged or cut|can't read"),
        (gzip.compress(gzip.compress(b"x", mtime=0), mtime=0), "compressed twice"),
        (bz2.compress(b"x"), "compressed by bzip2"),
        (b"\x28\xb5\x2f\xfd0", "compressed by zstd"),
        (b"PK\x03\x04", "compressed by zip"),
    ],
)
def test_what_cannot_be_unpacked_is_said(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(BadFile, match=message):
        read_bytes(path, 1 << 20)


def test_lines_are_read_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b"a\nbb\n"))
    with open_bounded(path, 5) as stream:
        assert stream.readline() == b"a\n" and stream.readline() == b"bb\n"
    with pytest.raises(BadFile, match="can't read"), open_bounded(tmp_path, 5):
        pass
