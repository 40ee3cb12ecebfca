"""Parquet from outside: damage ends another process, never this one; what is sound is read once."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from personae.core import BadFile
from personae.core.files import parquet_file
from personae.core.files.parquet_file import parquet_batches, read_parquet, trust_parquet

ROWS = pl.DataFrame({"id": ["ada", "ben"]})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "rows.parquet"
    ROWS.write_parquet(path, compression="uncompressed", statistics=False)
    return path


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A program in place of the one that decodes first."""
    program = tmp_path / "probe.py"
    program.write_text("")
    monkeypatch.setattr(parquet_file, "_PROBE", program)
    probing = parquet_file._Probing()
    monkeypatch.setattr(parquet_file, "_PROBING", probing)
    monkeypatch.setattr(parquet_file, "_SIZES", {})
    yield program
    probing.close()


def test_no_flipped_bit_of_a_page_ends_this_process(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sound = path.read_bytes()
    page = sound.index(b"ada\x03")
    refused = set()
    for bit in range(8 * page, 8 * (page + 50)):
        data = bytearray(sound)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        try:
            frames = list(parquet_batches(path))
            assert sum(frame.height for frame in frames) == read_parquet(path).height
        except BadFile as error:
            refused.add(str(error))
    assert len(refused) > 5 and all(str(path) in text for text in refused)
    assert not [text for text in refused if "unwrap" in text or len(text) > 400 + len(str(path))]
    assert capfd.readouterr() == ("", "")
    path.write_bytes(sound)
    assert read_parquet(path).equals(ROWS)


def test_a_file_that_ends_the_decoding_process_is_one_line_and_the_next_is_read(
    path: Path, probe: Path
) -> None:
    probe.write_text("import os\ninput()\nos.abort()\n")
    for _ in range(2):
        with pytest.raises(BadFile, match="damaged, or decoding it takes more than 6 GB of memory"):
            read_parquet(path)
    probe.write_text("input()\nprint('{\"size\": 10}')\n")
    assert read_parquet(path).equals(ROWS)


def test_a_decoding_without_end_is_ended(
    path: Path, probe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_file, "_SECONDS", 0.1)
    probe.write_text("import time\ninput()\ntime.sleep(600)\n")
    with pytest.raises(BadFile, match="damaged"):
        read_parquet(path)


def test_an_interrupted_decoding_says_nothing_of_the_next_file(
    path: Path, probe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe.write_text(
        "import sys\n"
        "for line in sys.stdin:\n"
        "    print('{\"size\": 1}' if 'rows' in line else '{\"error\": \"other\"}', flush=True)\n"
    )
    assert read_parquet(path).equals(ROWS)

    def interrupted() -> str:
        raise KeyboardInterrupt

    process: Any = parquet_file._PROBING._process
    path.write_bytes(path.read_bytes() + b"PAR1")
    with monkeypatch.context() as patched:
        patched.setattr(
            process, "stdout", SimpleNamespace(readline=interrupted, close=process.stdout.close)
        )
        with pytest.raises(KeyboardInterrupt):
            read_parquet(path)
    other = path.with_name("next.parquet")
    other.write_bytes(path.read_bytes() + b"PAR1")
    with pytest.raises(BadFile, match="other"):
        read_parquet(other)


def test_what_is_known_to_be_sound_is_not_decoded_twice(path: Path, probe: Path) -> None:
    trust_parquet(path)
    assert read_parquet(path).equals(ROWS)
    assert pl.concat(parquet_batches(path)).equals(ROWS)
    path.write_bytes(path.read_bytes() + b"PAR1")  # another file, of another hash
    with pytest.raises(BadFile, match="damaged"):
        read_parquet(path)


def test_memory_is_bounded(path: Path) -> None:
    with pytest.raises(BadFile, match=r"takes more than 1 byte in memory; split it"):
        read_parquet(path, 1)
    assert read_parquet(path, 1 << 20).equals(ROWS)
    with pytest.raises(BadFile, match="No such file or directory; make it again"):
        read_parquet(path.with_name("none.parquet"), remedy="make it again")
