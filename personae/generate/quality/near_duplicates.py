"""Near-duplicates among any number of personas, without comparing each with each.

Rows are signed batch by batch; signatures are small and are all that is held of a million. Rows
that agree in a band of their signatures are compared, others are not. For `SameFacts` and `SimHash`
that finds every pair within the threshold: d differences can't touch all of d+1 bands (pigeonhole).
For `MinHash` it finds a pair with the probability `MinHash.chance`. `VectorCosine` compares all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from personae.core import Array, BadValue
from personae.generate.slots import IndexArray, mix_bits

__all__ = [
    "DuplicateCriterion",
    "MinHash",
    "SameFacts",
    "SimHash",
    "VectorCosine",
    "duplicate_rows",
    "simhashes",
]

Signatures = NDArray[Any]
Words = NDArray[np.uint64]
Verify = Callable[[IndexArray, IndexArray], NDArray[np.bool_]]
SHORTEST = 32
"""Texts of fewer trigrams count as duplicates only where they are equal: one changed character
moves too much of so short a text's SimHash for a distance to mean anything."""
MOST_COMPARED = 60_000


class DuplicateCriterion(Protocol):
    """What makes two personas near-duplicates."""

    @property
    def says(self) -> str:
        """The criterion in words."""
        ...

    def sign(self, rows: pl.DataFrame) -> Signatures:
        """Give one signature a row of the store, (rows, width)."""
        ...

    def pairs(self, signs: Signatures) -> IndexArray:
        """Give the near-duplicates as (pairs, 2) row numbers, the earlier row first."""
        ...


def _later_rows(pairs: IndexArray) -> IndexArray:
    """Pick the rows to give up: of each pair the later, unless the earlier is given up itself.

    >>> _later_rows(np.array([[0, 1], [1, 2]])).tolist()
    [1]
    """
    gone: set[int] = set()
    for first, second in sorted(map(tuple, pairs.tolist()), key=lambda p: (p[1], p[0])):
        if first not in gone:
            gone.add(second)
    return np.array(sorted(gone), dtype=np.int64)


def duplicate_rows(sameness: DuplicateCriterion, signs: Signatures) -> IndexArray:
    """Pick the rows to give up: copies of an earlier signature, and what resembles a kept row."""
    _, first = np.unique(_folded(signs), return_index=True)
    kept = np.sort(first)
    copies = np.setdiff1d(np.arange(len(signs)), kept)
    return np.union1d(copies, kept[_later_rows(sameness.pairs(signs[kept]))])


def _banded(bands: Sequence[Words], alike: Verify) -> IndexArray:
    """Find the pairs of rows that share a band and are `alike`."""
    found = [np.empty((0, 2), dtype=np.int64)]
    for band in bands:
        order = np.argsort(band, kind="stable")
        at, step = np.arange(len(order)), 1
        while len(at := at[at + step < len(order)]):
            at = at[band[order[at]] == band[order[at + step]]]
            one, two = order[at], order[at + step]
            good = alike(one, two)
            found.append(np.column_stack([one[good], two[good]]))
            step += 1
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _folded(signs: Signatures) -> Words:
    """Hash each row to 64 bits."""
    words = np.ascontiguousarray(signs).view(np.uint32).reshape(len(signs), -1)
    key = np.zeros(len(words), dtype=np.uint64)
    for column in words.T:
        key = mix_bits(key ^ column)
    return key


@dataclass(frozen=True, slots=True)
class SameFacts:
    """Personas that differ in at most `differ` of the facts at `paths`, which all of them have.

    >>> from personae.core import Persona, persona_frame
    >>> rows = persona_frame(Persona(id=i, facts={"a": "x", "b": i}) for i in "mno")
    >>> same = SameFacts(("a", "b"), differ=1)
    >>> same.pairs(same.sign(rows)).tolist()
    [[0, 1], [0, 2], [1, 2]]
    """

    paths: tuple[str, ...]
    differ: int = 0

    @property
    def says(self) -> str:
        """The criterion in words."""
        return f"at most {self.differ} of {len(self.paths)} facts differ"

    def sign(self, rows: pl.DataFrame) -> Signatures:
        """Hash each fact to 32 bits.

        Raises:
            BadValue: a row lacks one of the facts, or has them in another order.
        """
        held = rows["facts"].list.explode().struct.unnest()
        kept = held.filter(pl.col("key").is_in(self.paths))
        width = len(self.paths)
        keys = kept["key"].to_numpy()
        if (
            kept.height != rows.height * width
            or not (keys.reshape(-1, width) == np.array(self.paths, dtype=object)).all()
        ):
            raise BadValue(f"each persona has the facts {list(self.paths)}, in this order")
        values = kept["value"].hash(seed=1).to_numpy() >> np.uint64(32)
        return values.astype(np.uint32).reshape(rows.height, width)

    def pairs(self, signs: Signatures) -> IndexArray:
        """Give the near-duplicates; none is missed."""
        variety = [len(np.unique(column)) for column in signs[:100_000].T]
        dealt = np.argsort(variety, kind="stable")  # so that each band tells rows apart
        bands = [_folded(signs[:, dealt[i :: self.differ + 1]]) for i in range(self.differ + 1)]

        def alike(one: IndexArray, two: IndexArray) -> NDArray[np.bool_]:
            near: NDArray[np.bool_] = (signs[one] != signs[two]).sum(axis=1) <= self.differ
            return near

        return _banded(bands, alike)


@dataclass(frozen=True, slots=True)
class SimHash:
    """Personas whose `field` has SimHashes of at most `distance` differing bits (of 64).

    Charikar (2002), over character trigrams without whitespace, each hashed by MD5's low 64 bits.
    """

    field: str = "text"
    distance: int = 3

    @property
    def says(self) -> str:
        """The criterion in words."""
        return f"SimHashes of {self.field} differ in at most {self.distance} of 64 bits"

    def sign(self, rows: pl.DataFrame) -> Signatures:
        """Give SimHash, number of trigrams, and a hash of the text."""
        texts = rows[self.field]
        hashes, sizes = simhashes(texts)
        return np.column_stack([hashes, sizes, texts.hash(seed=1).to_numpy()])

    def pairs(self, signs: Signatures) -> IndexArray:
        """Give the near-duplicates; none is missed."""
        hashes, short = signs[:, 0].copy(), signs[:, 1] < SHORTEST
        hashes[short] = signs[short, 2]  # far from all others but equal texts
        width = 64 // (self.distance + 1)
        bands = [
            (hashes >> np.uint64(i * width)) & np.uint64((1 << width) - 1)
            for i in range(self.distance + 1)
        ]

        def alike(one: IndexArray, two: IndexArray) -> NDArray[np.bool_]:
            apart = np.bitwise_count(hashes[one] ^ hashes[two])
            equal = signs[one, 2] == signs[two, 2]
            near: NDArray[np.bool_] = np.where(
                short[one] | short[two], equal, apart <= self.distance
            )
            return near

        return _banded(bands, alike)


def _trigrams(texts: pl.Series) -> tuple[Words, IndexArray]:
    """Give all trigrams of the texts, three code points in one number, and whose each is."""
    plain = texts.str.replace_all(r"\s+", "")
    sizes = plain.str.len_chars().to_numpy().astype(np.int64)
    points = np.frombuffer("".join(plain.to_list()).encode("utf-32-le"), dtype=np.uint32)
    wide = points.astype(np.uint64)
    grams = wide[:-2] | (wide[1:-1] << np.uint64(21)) | (wide[2:] << np.uint64(42))
    owner = np.repeat(np.arange(len(sizes)), sizes)
    inside = owner[:-2] == owner[2:]
    return grams[inside], owner[:-2][inside]


def simhashes(texts: pl.Series) -> tuple[Words, Words]:
    """Give each text's SimHash and its number of trigrams.

    >>> f"{simhashes(pl.Series(['abc']))[0][0]:x}"
    'd6963f7d28e17f72'
    """
    grams, owner = _trigrams(texts)
    distinct, place = np.unique(grams, return_inverse=True)
    mask = (1 << 21) - 1
    said = ["".join(chr(int(g) >> k & mask) for k in (0, 21, 42)) for g in distinct]
    digests = b"".join(md5(s.encode(), usedforsecurity=False).digest()[8:] for s in said)
    bits = np.unpackbits(np.frombuffer(digests, dtype=np.uint8)).reshape(-1, 64)
    ones = np.ones(len(grams), dtype=np.float32)
    counts = csr_array((ones, (owner, place)), shape=(len(texts), len(distinct)))
    votes = counts @ (bits.astype(np.float32) * 2 - 1)
    packed = np.packbits(votes >= 0, axis=1)
    sizes = np.bincount(owner, minlength=len(texts)).astype(np.uint64)
    return packed.view(">u8").ravel().astype(np.uint64), sizes


@dataclass(frozen=True, slots=True)
class MinHash:
    """Personas whose `field` shares trigrams: a Jaccard similarity of about `similarity` or more.

    Broder (1997): `bands` bands of `rows` minima; similarity is estimated from all minima, with a
    standard error of at most 0.5 / sqrt(bands * rows).
    """

    field: str = "text"
    similarity: float = 0.8
    bands: int = 32
    rows: int = 4

    @property
    def says(self) -> str:
        """The criterion in words."""
        return f"trigrams of {self.field} overlap by about {self.similarity:.0%} or more"

    def chance(self, similarity: float) -> float:
        """Give the chance that a pair of this Jaccard similarity is compared at all.

        >>> print(f"{MinHash().chance(0.6):.3f}")
        0.988
        """
        return float(1 - (1 - similarity**self.rows) ** self.bands)

    def sign(self, rows: pl.DataFrame) -> Signatures:
        """Give the minima of all hash functions, 32 bits each."""
        grams, owner = _trigrams(rows[self.field])
        starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]]) if len(owner) else owner
        signs = np.zeros((rows.height, self.bands * self.rows), dtype=np.uint32)
        for i in range(signs.shape[1]):
            hashed = (
                mix_bits(grams ^ mix_bits(np.array([i + 1], np.uint64))) >> np.uint64(32)
            ).astype(np.uint32)
            if len(owner):
                signs[owner[starts], i] = np.minimum.reduceat(hashed, starts)
        return signs

    def pairs(self, signs: Signatures) -> IndexArray:
        """Give the near-duplicates that share a band."""
        bands = [_folded(signs[:, i :: self.bands]) for i in range(self.bands)]

        def alike(one: IndexArray, two: IndexArray) -> NDArray[np.bool_]:
            near: NDArray[np.bool_] = (signs[one] == signs[two]).mean(axis=1) >= self.similarity
            return near

        return _banded(bands, alike)


@dataclass(frozen=True, slots=True)
class VectorCosine:
    """Personas whose texts' vectors, by `embed`, have a cosine of at least `cosine`."""

    embed: Callable[[Sequence[str]], Array]
    cosine: float = 0.98
    field: str = "text"

    @property
    def says(self) -> str:
        """The criterion in words."""
        return f"vectors of {self.field} have a cosine of {self.cosine} or more"

    def sign(self, rows: pl.DataFrame) -> Signatures:
        """Give unit vectors in float32."""
        vectors = self.embed(rows[self.field].to_list())
        sizes = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Signatures = (vectors / np.maximum(sizes, 1e-12)).astype(np.float32)
        return unit

    def pairs(self, signs: Signatures) -> IndexArray:
        """Give the near-duplicates, comparing all with all in blocks.

        Raises:
            BadValue: more rows than that is feasible for.
        """
        if len(signs) > MOST_COMPARED:
            raise BadValue(
                f"vectors are compared all with all, for up to {MOST_COMPARED:,} personas, not "
                f"{len(signs):,}; use simhash or minhash"
            )
        found = [np.empty((0, 2), dtype=np.int64)]
        for start in range(0, len(signs), 1024):
            block = signs[start : start + 1024] @ signs.T
            one, two = np.nonzero(block >= self.cosine)
            later = two > one + start
            found.append(np.column_stack([one[later] + start, two[later]]))
        return np.concatenate(found)
