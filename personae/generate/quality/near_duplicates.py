"""Near-duplicates among any number of personas, without comparing all pairs.

Signatures of rows are computed batch by batch; they are small, and nothing else of a row is held.
Only rows that agree in a band of their signatures are compared. For `SameFacts` and `SimHash`
that finds every pair within the threshold: d differences can't affect all of d+1 bands (pigeonhole
principle). `MinHash` finds a pair with the probability `MinHash.chance`. `VectorCosine` compares
all pairs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personae.core import BadValue
from personae.generate.quality.text_hashes import Words, simhashes, trigrams
from personae.generate.slots import IndexArray, mix_bits
from personae.generate.text_vectors import Embed

__all__ = [
    "DuplicateCriterion",
    "MinHash",
    "SameFacts",
    "SimHash",
    "VectorCosine",
    "duplicate_rows",
]

Signatures = NDArray[Any]
Verify = Callable[[IndexArray, IndexArray], NDArray[np.bool_]]
SHORTEST = 32
"""Texts of fewer trigrams count as duplicates only if they are equal: one changed character changes
too many bits of so short a text's SimHash for a distance to mean anything."""
MOST_COMPARED = 60_000


class DuplicateCriterion(Protocol):
    """A criterion by which two personas are near-duplicates."""

    @property
    def description(self) -> str:
        """The criterion in words."""
        ...

    def sign(self, rows: pl.DataFrame) -> Signatures:
        """Compute one signature per row of the store, (rows, width)."""
        ...

    def pairs(self, signs: Signatures) -> IndexArray:
        """Find the near-duplicates: row numbers (pairs, 2), the earlier row first."""
        ...


def _later_rows(pairs: IndexArray) -> IndexArray:
    """Select the rows to regenerate: of each pair the later, unless the earlier is selected.

    >>> _later_rows(np.array([[0, 1], [1, 2]])).tolist()
    [1]
    """
    removed: set[int] = set()
    for first, second in sorted(map(tuple, pairs.tolist()), key=lambda p: (p[1], p[0])):
        if first not in removed:
            removed.add(second)
    return np.array(sorted(removed), dtype=np.int64)


def duplicate_rows(criterion: DuplicateCriterion, signs: Signatures) -> IndexArray:
    """Select the rows to regenerate, as sorted row numbers (rows,).

    Rows whose signature is a copy of an earlier one, and of each near-duplicate pair the later row,
    unless the earlier is itself selected. `signs` has shape (rows, width).
    """
    _, first = np.unique(_fold(signs), return_index=True)
    distinct = np.sort(first)
    copies = np.setdiff1d(np.arange(len(signs)), distinct)
    return np.union1d(copies, distinct[_later_rows(criterion.pairs(signs[distinct]))])


def _banded_pairs(bands: Sequence[Words], alike: Verify) -> IndexArray:
    """Find the pairs of rows that share a band and are `alike`, (pairs, 2)."""
    pairs = [np.empty((0, 2), dtype=np.int64)]
    for band in bands:
        order = np.argsort(band, kind="stable")
        starts, step = np.arange(len(order)), 1
        while len(starts := starts[starts + step < len(order)]):
            starts = starts[band[order[starts]] == band[order[starts + step]]]
            first, second = order[starts], order[starts + step]
            is_alike = alike(first, second)
            pairs.append(np.column_stack([first[is_alike], second[is_alike]]))
            step += 1
    return np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)


def _fold(signs: Signatures) -> Words:
    """Hash each row of signatures to 64 bits."""
    words = np.ascontiguousarray(signs).view(np.uint32).reshape(len(signs), -1)
    key = np.zeros(len(words), dtype=np.uint64)
    for column in words.T:
        key = mix_bits(key ^ column)
    return key


@dataclass(frozen=True, slots=True)
class SameFacts:
    """Personas that differ in at most `differ` of the facts at `paths`, which all of them have.

    >>> from personae.core import Persona
    >>> from personae.personas import persona_frame
    >>> rows = persona_frame(Persona(id=i, facts={"a": "x", "b": i}) for i in "mno")
    >>> same = SameFacts(("a", "b"), differ=1)
    >>> same.pairs(same.sign(rows)).tolist()
    [[0, 1], [0, 2], [1, 2]]
    """

    paths: tuple[str, ...]
    differ: int = 0

    @property
    def description(self) -> str:
        """The criterion in words."""
        return f"at most {self.differ} of {len(self.paths)} facts differ"

    def sign(self, rows: pl.DataFrame) -> Signatures:
        """Hash each fact to 32 bits, (rows, facts).

        Raises:
            BadValue: a row lacks one of the facts, or has them in another order.
        """
        facts = rows["facts"].list.explode().struct.unnest()
        selected = facts.filter(pl.col("key").is_in(self.paths))
        width = len(self.paths)
        keys = selected["key"].to_numpy()
        if (
            selected.height != rows.height * width
            or not (keys.reshape(-1, width) == np.array(self.paths, dtype=object)).all()
        ):
            raise BadValue(f"each persona has the facts {list(self.paths)}, in this order")
        values = selected["value"].hash(seed=1).to_numpy() >> np.uint64(32)
        return values.astype(np.uint32).reshape(rows.height, width)

    def pairs(self, signs: Signatures) -> IndexArray:
        """Find the near-duplicates, (pairs, 2); none is missed."""
        variety = [len(np.unique(column)) for column in signs[:100_000].T]
        order = np.argsort(variety, kind="stable")  # so that every band has varied facts
        bands = [_fold(signs[:, order[i :: self.differ + 1]]) for i in range(self.differ + 1)]

        def alike(first: IndexArray, second: IndexArray) -> NDArray[np.bool_]:
            is_near: NDArray[np.bool_] = (signs[first] != signs[second]).sum(axis=1) <= self.differ
            return is_near

        return _banded_pairs(bands, alike)


@dataclass(frozen=True, slots=True)
class SimHash:
    """Personas whose `field` has SimHashes of at most `distance` differing bits (of 64).

    Charikar (2002), over character trigrams without whitespace, each hashed by MD5's low 64 bits.
    """

    field: str = "text"
    distance: int = 3

    @property
    def description(self) -> str:
        """The criterion in words."""
        return f"SimHashes of {self.field} differ in at most {self.distance} of 64 bits"

    def sign(self, rows: pl.DataFrame) -> Signatures:
        """Compute SimHash, number of trigrams and hash of each text, (rows, 3)."""
        texts = rows[self.field]
        hashes, sizes = simhashes(texts)
        return np.column_stack([hashes, sizes, texts.hash(seed=1).to_numpy()])

    def pairs(self, signs: Signatures) -> IndexArray:
        """Find the near-duplicates, (pairs, 2); none is missed."""
        hashes, is_short = signs[:, 0].copy(), signs[:, 1] < SHORTEST
        hashes[is_short] = signs[is_short, 2]  # matches equal texts only
        width = 64 // (self.distance + 1)
        bands = [
            (hashes >> np.uint64(i * width)) & np.uint64((1 << width) - 1)
            for i in range(self.distance + 1)
        ]

        def alike(first: IndexArray, second: IndexArray) -> NDArray[np.bool_]:
            distances = np.bitwise_count(hashes[first] ^ hashes[second])
            equal = signs[first, 2] == signs[second, 2]
            is_near: NDArray[np.bool_] = np.where(
                is_short[first] | is_short[second], equal, distances <= self.distance
            )
            return is_near

        return _banded_pairs(bands, alike)


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
    def description(self) -> str:
        """The criterion in words."""
        return f"trigrams of {self.field} overlap by about {self.similarity:.0%} or more"

    def chance(self, similarity: float) -> float:
        """Compute the probability that a pair of this Jaccard similarity (0..1) is compared.

        >>> print(f"{MinHash().chance(0.6):.3f}")
        0.988
        """
        return float(1 - (1 - similarity**self.rows) ** self.bands)

    def sign(self, rows: pl.DataFrame) -> Signatures:
        """Compute the minima of all hash functions, 32 bits each, (rows, functions)."""
        grams, owner = trigrams(rows[self.field])
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
        """Find the near-duplicates that share a band, (pairs, 2)."""
        bands = [_fold(signs[:, i :: self.bands]) for i in range(self.bands)]

        def alike(first: IndexArray, second: IndexArray) -> NDArray[np.bool_]:
            is_near: NDArray[np.bool_] = (signs[first] == signs[second]).mean(
                axis=1
            ) >= self.similarity
            return is_near

        return _banded_pairs(bands, alike)


@dataclass(frozen=True, slots=True)
class VectorCosine:
    """Personas whose texts' vectors, by `embed`, have a cosine of at least `cosine`."""

    embed: Embed
    cosine: float = 0.98
    field: str = "text"

    @property
    def description(self) -> str:
        """The criterion in words."""
        return f"vectors of {self.field} have a cosine of {self.cosine} or more"

    def sign(self, rows: pl.DataFrame) -> Signatures:
        """Compute unit vectors in float32, (rows, width)."""
        vectors = self.embed(rows[self.field].to_list())
        sizes = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Signatures = (vectors / np.maximum(sizes, 1e-12)).astype(np.float32)
        return unit

    def pairs(self, signs: Signatures) -> IndexArray:
        """Find the near-duplicates, (pairs, 2), comparing all pairs in blocks.

        Raises:
            BadValue: more than 60,000 rows.
        """
        if len(signs) > MOST_COMPARED:
            raise BadValue(
                f"vectors are compared in all pairs, for up to {MOST_COMPARED:,} personas, not "
                f"{len(signs):,}; use simhash or minhash"
            )
        pairs = [np.empty((0, 2), dtype=np.int64)]
        for start in range(0, len(signs), 1024):
            block = signs[start : start + 1024] @ signs.T
            first, second = np.nonzero(block >= self.cosine)
            is_later = second > first + start
            pairs.append(np.column_stack([first[is_later] + start, second[is_later]]))
        return np.concatenate(pairs)
