"""Writes GGUF files, version 3: plain metadata and float32 tensors, as control vectors need."""

import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["gguf_bytes"]

ALIGNMENT = 32
UINT32, STRING, F32 = 4, 8, 0


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _padding(size: int) -> bytes:
    return b"\0" * (-size % ALIGNMENT)


def gguf_bytes(
    metadata: Mapping[str, str | int], tensors: Mapping[str, NDArray[np.float32]]
) -> bytes:
    r"""Return the bytes of a GGUF file; whole numbers in the metadata are unsigned, below 2^32.

    >>> gguf_bytes({}, {})[:8]
    b'GGUF\x03\x00\x00\x00'
    """
    head = [struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata))]
    for key, value in metadata.items():
        if isinstance(value, str):
            head.append(_text(key) + struct.pack("<I", STRING) + _text(value))
        else:
            head.append(_text(key) + struct.pack("<II", UINT32, value))
    body: list[bytes] = []
    start = 0
    for name, tensor in tensors.items():
        raw = np.ascontiguousarray(tensor, dtype="<f4").tobytes()
        shape = tensor.shape[::-1]  # dimensions stand fastest first
        head.append(_text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, F32, start))
        body.append(raw + _padding(len(raw)))
        start += len(body[-1])
    header = b"".join(head)
    return b"".join([header, _padding(len(header)), *body])
