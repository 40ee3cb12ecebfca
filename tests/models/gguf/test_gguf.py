"""The GGUF reader: the library's bits, and no way for a hostile file to do harm."""

import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personae.core.errors import BadFile
from personae.models.gguf.gguf_file import read_gguf
from personae.models.gguf.quants import FORMATS, decode
from tests.support.gguf_files import gguf_bytes

METADATA = {
    "general.architecture": "llama",
    "llama.block_count": 3,
    "a.real": 0.5,
    "a.flag": True,
    "a.words": ["one", "zwölf", ""],
    "a.numbers": [1, -2, 3],
}
VALUES = np.arange(6, dtype="<f4").reshape(2, 3)
SOUND = gguf_bytes(
    METADATA, {"w": ((2, 3), 0, VALUES.tobytes()), "q": ((1, 32), 8, bytes(range(34)))}
)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    def file(data: bytes) -> Path:
        path = tmp_path / "model.gguf"
        path.write_bytes(data)
        return path

    return file


def test_reads_metadata_and_tensors(write: Callable[[bytes], Path]) -> None:
    file = read_gguf(write(SOUND))
    found = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in file.metadata.items()}
    assert found == METADATA
    assert np.array_equal(file.load("w"), VALUES)
    assert file.tensors["q"].kind.name == "Q8_0"
    with pytest.raises(BadFile, match="no tensor 'x'"):
        file.load("x")


@pytest.mark.parametrize("number", sorted(FORMATS))
def test_formats_decode_to_the_librarys_bits(number: int) -> None:
    kind = FORMATS[number]
    rng = np.random.default_rng(number)
    raw = rng.integers(0, 256, (5000, kind.size), dtype=np.uint8)
    if kind.block > 1:  # scales are halves: keep them finite
        raw[:, 1:4:2] &= 0x3B
        raw[:, -1] &= 0x3B
    else:
        raw[:, -1] &= 0x3F
    expected = gguf.dequantize(raw.reshape(1, -1), gguf.GGMLQuantizationType(number))
    ours = decode(kind, raw.reshape(-1))
    assert np.isfinite(expected).all()
    assert np.array_equal(ours.view(np.uint32), np.ascontiguousarray(expected)[0].view(np.uint32))
    assert gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType(number)] == (kind.block, kind.size)


def test_every_truncation_is_a_bad_file(write: Callable[[bytes], Path]) -> None:
    for length in range(len(SOUND) - 30):  # the last 30 bytes are padding after the last tensor
        with pytest.raises(BadFile, match=r"model\.gguf: "):
            read_gguf(write(SOUND[:length]))


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), max_size=6))
def test_mutated_files_are_read_or_refused(
    write: Callable[[bytes], Path], changes: list[tuple[int, int]]
) -> None:
    data = bytearray(SOUND)
    for at, byte in changes:
        data[at] = byte
    try:
        file = read_gguf(write(bytes(data)))
    except BadFile as error:
        assert len(str(error)) < 3000
    else:
        with np.errstate(all="ignore"):
            for name in file.tensors:
                file.load(name)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    at=st.integers(4, SOUND.index(VALUES.tobytes()) - 8),
    number=st.sampled_from([2**63, 2**64 - 1, 2**40, 2**32, 10**9, len(SOUND), 0]),
)
def test_huge_numbers_anywhere_in_the_header_cost_nothing(
    write: Callable[[bytes], Path], at: int, number: int
) -> None:
    path = write(SOUND[:at] + struct.pack("<Q", number) + SOUND[at + 8 :])
    tracemalloc.start()
    try:
        read_gguf(path)
    except BadFile:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 1_000_000


def test_the_message_says_what_is_wrong(write: Callable[[bytes], Path]) -> None:
    def fails(data: bytes, match: str) -> None:
        with pytest.raises(BadFile, match=match):
            read_gguf(write(data))

    fails(b"", "empty")
    fails(b"PK\3\4" + SOUND[4:], "starts with")
    fails(SOUND[:4] + struct.pack("<I", 9) + SOUND[8:], "version 9")
    fails(SOUND[:4] + struct.pack(">I", 3) + SOUND[8:], "little-endian")
    fails(gguf_bytes({}, {"w": ((2,), 99, b"")}), "ggml type 99.*Convert")
    fails(gguf_bytes({}, {"w": ((31,), 8, b"")}), "whole Q8_0 blocks")
    fails(gguf_bytes({}, {"w": ((0,), 0, b"")}), "whole F32 blocks")
    fails(gguf_bytes({}, {"w": ((1, 1, 1, 1, 1), 0, bytes(4))}), "5 dimensions")
    fails(gguf_bytes({"general.alignment": 33}, {}), "power of two")
    fails(gguf_bytes({}, {"w": ((2**40, 2**40), 0, bytes(64))}), "cut short")
    fails(gguf_bytes({}, {"n" * 2000: ((1,), 0, bytes(4))}), "at most 1024")
    shared = gguf_bytes({}, {f"w{i}": ((8,), 0, b"") for i in range(3)}) + bytes(32)
    fails(shared, "overlap")


def test_absent_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path / "none.gguf", tmp_path):
        with pytest.raises(BadFile, match="can't be read"):
            read_gguf(path)
