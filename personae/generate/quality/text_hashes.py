"""Hashes of texts: character trigrams, and SimHash (Charikar 2002) over them."""

from hashlib import md5

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from personae.generate.slots import IndexArray

__all__ = ["Words", "simhashes", "trigrams"]

Words = NDArray[np.uint64]


def trigrams(texts: pl.Series) -> tuple[Words, IndexArray]:
    """List the trigrams, three code points in one number, and the text of each, both (trigrams,).

    Whitespace is removed first.
    """
    stripped = texts.str.replace_all(r"\s+", "")
    sizes = stripped.str.len_chars().to_numpy().astype(np.int64)
    points = np.frombuffer("".join(stripped.to_list()).encode("utf-32-le"), dtype=np.uint32)
    code_points = points.astype(np.uint64)
    grams = (
        code_points[:-2] | (code_points[1:-1] << np.uint64(21)) | (code_points[2:] << np.uint64(42))
    )
    owner = np.repeat(np.arange(len(sizes)), sizes)
    inside = owner[:-2] == owner[2:]
    return grams[inside], owner[:-2][inside]


def simhashes(texts: pl.Series) -> tuple[Words, Words]:
    """Compute each text's SimHash (Charikar 2002) and its number of trigrams, both (texts,).

    >>> f"{simhashes(pl.Series(['abc']))[0][0]:x}"
    'd6963f7d28e17f72'
    """
    grams, owner = trigrams(texts)
    distinct, column = np.unique(grams, return_inverse=True)
    mask = (1 << 21) - 1
    letters = ["".join(chr(int(g) >> k & mask) for k in (0, 21, 42)) for g in distinct]
    digests = b"".join(md5(s.encode(), usedforsecurity=False).digest()[8:] for s in letters)
    bits = np.unpackbits(np.frombuffer(digests, dtype=np.uint8)).reshape(-1, 64)
    ones = np.ones(len(grams), dtype=np.float32)
    counts = csr_array((ones, (owner, column)), shape=(len(texts), len(distinct)))
    votes = counts @ (bits.astype(np.float32) * 2 - 1)
    packed = np.packbits(votes >= 0, axis=1)
    sizes = np.bincount(owner, minlength=len(texts)).astype(np.uint64)
    return packed.view(">u8").ravel().astype(np.uint64), sizes
