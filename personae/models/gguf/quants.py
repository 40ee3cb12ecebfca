"""Block formats of GGUF tensors, decoded to float32 with numpy.

Layouts after ggml's `ggml-quants.c`; the order of the float operations is that of the `gguf`
package, so that the weights agree bit for bit. Nibbles: the low halves of a block's bytes come
first, then the high halves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personae.core.errors import MissingExtra

__all__ = ["FORMATS", "Bytes", "Floats", "TensorFormat", "decode", "tensor_format"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

NIBBLES = np.array([0, 4], np.uint8).reshape(1, 1, 2, 1)
PAIRS = np.array([0, 2, 4, 6], np.uint8).reshape(1, 1, 4, 1)
CHUNK = 4096  # blocks decoded at a time: small enough that the temporaries stay in cache


@dataclass(frozen=True, slots=True)
class TensorFormat:
    """A tensor format: `size` bytes hold a block of `block` numbers; `fill` decodes blocks.

    `fill(raw, out)` takes bytes of shape (n, size) and writes float32 of shape (n, block).
    """

    name: str
    block: int
    size: int
    fill: Callable[[Bytes, Floats], None]


def _half(raw: Bytes, offset: int) -> Floats:
    """Read the float16 at byte `offset` of each block, as a column (n, 1)."""
    return np.ascontiguousarray(raw[:, offset : offset + 2]).view("<f2").astype(np.float32)


def _f32(raw: Bytes, out: Floats) -> None:
    out[:] = raw.view("<f4")


def _f16(raw: Bytes, out: Floats) -> None:
    out[:] = raw.view("<f2")


def _bf16(raw: Bytes, out: Floats) -> None:
    out.view(np.uint32)[:] = raw.view("<u2").astype(np.uint32) << 16


def _nibbles(packed: Bytes, out: Floats) -> None:
    np.bitwise_and(packed, 15, out=out[:, :16], casting="unsafe")
    np.right_shift(packed, 4, out=out[:, 16:], casting="unsafe")


def _fifth_bits(raw: Bytes, offset: int, out: Floats) -> None:
    bits = np.unpackbits(raw[:, offset : offset + 4], axis=1, bitorder="little")
    out += bits * np.float32(16)


def _q4_0(raw: Bytes, out: Floats) -> None:
    _nibbles(raw[:, 2:], out)
    out -= 8
    out *= _half(raw, 0)


def _q4_1(raw: Bytes, out: Floats) -> None:
    _nibbles(raw[:, 4:], out)
    out *= _half(raw, 0)
    out += _half(raw, 2)


def _q5_0(raw: Bytes, out: Floats) -> None:
    _nibbles(raw[:, 6:], out)
    _fifth_bits(raw, 2, out)
    out -= 16
    out *= _half(raw, 0)


def _q5_1(raw: Bytes, out: Floats) -> None:
    _nibbles(raw[:, 8:], out)
    _fifth_bits(raw, 4, out)
    out *= _half(raw, 0)
    out += _half(raw, 2)


def _q8_0(raw: Bytes, out: Floats) -> None:
    np.multiply(raw[:, 2:].view(np.int8), _half(raw, 0), out=out)


def _scales_and_mins(raw: Bytes) -> tuple[Bytes, Bytes]:
    """Unpack the eight 6-bit scales and eight 6-bit minima of a K block's 12 bytes."""
    first, second, mixed = raw[:, 0:4], raw[:, 4:8], raw[:, 8:12]
    scales = np.concatenate([first & 63, (mixed & 15) | ((first >> 2) & 48)], axis=1)
    mins = np.concatenate([second & 63, (mixed >> 4) | ((second >> 2) & 48)], axis=1)
    return scales, mins


def _k_block(raw: Bytes, quants: Bytes, out: Floats) -> None:
    """Write d * scale * q - dmin * min for eight groups of 32."""
    scales, mins = _scales_and_mins(raw[:, 4:16])
    step = (_half(raw, 0) * scales)[:, :, None]
    base = (_half(raw, 2) * mins)[:, :, None]
    groups = out.reshape(-1, 8, 32)
    np.multiply(quants, step, out=groups)
    groups -= base


def _k_nibbles(packed: Bytes) -> Bytes:
    """Split 128 bytes into 8 groups of 32: low halves, then high halves, of each 32 bytes."""
    parts = packed.reshape(-1, 4, 1, 32) >> NIBBLES
    low: Bytes = np.bitwise_and(parts, 15, dtype=np.uint8)
    return low.reshape(-1, 8, 32)


def _q4_k(raw: Bytes, out: Floats) -> None:
    _k_block(raw, _k_nibbles(raw[:, 16:]), out)


def _q5_k(raw: Bytes, out: Floats) -> None:
    shifts = np.arange(8, dtype=np.uint8).reshape(1, 8, 1)
    fifth: Bytes = np.left_shift((raw[:, None, 16:48] >> shifts) & 1, 4, dtype=np.uint8)
    _k_block(raw, _k_nibbles(raw[:, 48:]) | fifth, out)


def _q6_k(raw: Bytes, out: Floats) -> None:
    low = (raw[:, :128].reshape(-1, 2, 1, 64) >> NIBBLES) & 15
    high = (raw[:, 128:192].reshape(-1, 2, 1, 32) >> PAIRS) & 3
    quants = low.reshape(-1, 16, 16) | (high.reshape(-1, 16, 16) << 4)
    signed = quants.astype(np.int8) - np.int8(32)
    step = _half(raw, 208) * raw[:, 192:208].view(np.int8).astype(np.float32)
    np.multiply(signed, step[:, :, None], out=out.reshape(-1, 16, 16))


FORMATS: dict[int, TensorFormat] = {
    0: TensorFormat("F32", 1, 4, _f32),
    1: TensorFormat("F16", 1, 2, _f16),
    2: TensorFormat("Q4_0", 32, 18, _q4_0),
    3: TensorFormat("Q4_1", 32, 20, _q4_1),
    6: TensorFormat("Q5_0", 32, 22, _q5_0),
    7: TensorFormat("Q5_1", 32, 24, _q5_1),
    8: TensorFormat("Q8_0", 32, 34, _q8_0),
    12: TensorFormat("Q4_K", 256, 144, _q4_k),
    13: TensorFormat("Q5_K", 256, 176, _q5_k),
    14: TensorFormat("Q6_K", 256, 210, _q6_k),
    30: TensorFormat("BF16", 1, 2, _bf16),
}
"""The formats read here, by ggml's type number."""


def tensor_format(number: int) -> TensorFormat | None:
    """Return the format of a ggml type: ours, else the `gguf` package's; None if neither has it.

    Raises:
        MissingExtra: it isn't ours, and the package isn't installed.

    >>> tensor_format(12).name, tensor_format(999)
    ('Q4_K', None)
    """
    if number in FORMATS:
        return FORMATS[number]
    if find_spec("gguf") is None:
        raise MissingExtra("gguf", "gguf", f"a GGUF file with tensors of ggml type {number}")
    import gguf  # noqa: PLC0415  (optional)

    try:
        kind = gguf.GGMLQuantizationType(number)
        block, size = gguf.GGML_QUANT_SIZES[kind]
        gguf.dequantize(np.zeros((1, size), np.uint8), kind)
    except (ValueError, KeyError, NotImplementedError):
        return None

    def fill(raw: Bytes, out: Floats) -> None:
        decoded: Any = gguf.dequantize(np.ascontiguousarray(raw), kind)
        out[:] = decoded

    return TensorFormat(kind.name, block, size, fill)


def decode(kind: TensorFormat, raw: Bytes, out: Floats | None = None) -> Floats:
    """Decode raw bytes, whole blocks, into a flat float32 array (numbers,): `out`, or a new one.

    >>> raw = np.array([0x00, 0x3C] + [2] * 32, dtype=np.uint8)  # scale 1.0, then int8 values
    >>> decode(FORMATS[8], raw)[:3]
    array([2., 2., 2.], dtype=float32)
    """
    flat = np.empty(raw.size // kind.size * kind.block, np.float32) if out is None else out
    if kind.block == 1:
        kind.fill(raw, flat)
        return flat
    blocks, rows = raw.reshape(-1, kind.size), flat.reshape(-1, kind.block)
    for start in range(0, len(blocks), CHUNK):
        kind.fill(blocks[start : start + CHUNK], rows[start : start + CHUNK])
    return flat
