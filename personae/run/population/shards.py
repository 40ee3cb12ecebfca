"""Parts of a population on disk: rows, signatures and counts, each file complete or absent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from tokenize import TokenError
from typing import TypedDict

import numpy as np
import polars as pl

from personae.core import (
    BadFile,
    atomic_path,
    read_record,
    write_atomically,
)
from personae.core.files.parquet_file import read_parquet, trust_parquet
from personae.generate.quality.near_duplicates import DuplicateCriterion, Signatures
from personae.generate.recipe import PersonaBatch
from personae.generate.slots import IndexArray, Slots

__all__ = ["Shard", "read_shard", "shard_of", "write_shard"]

REMEDY = "remove the files of this part, and it is made again, without asking the model twice"


class _ShardRecord(TypedDict):
    """STEM.json: the slots asked for, those that failed and why, counts of events."""

    asked: list[int]
    failed: dict[str, str]
    signed: bool
    counts: dict[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """Personas made for `asked` slots: one row each but for those that failed, in order."""

    asked: IndexArray
    rows: pl.DataFrame
    signs: Signatures | None = None
    failed: Mapping[int, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def slots(self) -> IndexArray:
        """The slots that have a row, in the order of the rows."""
        return self.asked[~np.isin(self.asked, list(self.failed))]


def shard_of(slots: Slots, batch: PersonaBatch, criterion: DuplicateCriterion | None) -> Shard:
    """Build the shard of a batch, with its signatures."""
    signs = criterion.sign(batch.rows) if criterion is not None and batch.rows.height else None
    return Shard(slots.indices, batch.rows, signs, batch.failed, batch.counts)


def write_shard(shard: Shard, stem: Path) -> None:
    """Write a shard as STEM.parquet, STEM.npy and, last, STEM.json."""
    with atomic_path(stem.with_suffix(".parquet")) as part:
        shard.rows.write_parquet(part, compression="zstd", compression_level=1, statistics=False)
    trust_parquet(stem.with_suffix(".parquet"))
    if shard.signs is not None:
        stream = BytesIO()
        np.save(stream, shard.signs, allow_pickle=False)
        write_atomically(stem.with_suffix(".npy"), stream.getvalue())
    body = {
        "asked": shard.asked.tolist(),
        "failed": {str(k): v for k, v in shard.failed.items()},
        "signed": shard.signs is not None,
        "counts": dict(shard.counts),
    }
    write_atomically(stem.with_suffix(".json"), json.dumps(body).encode())


def read_shard(stem: Path, *, rows: bool = True) -> Shard | None:
    """Read a shard, or without `rows` everything else; None if it was never finished.

    Raises:
        BadFile: a file of it is broken.
    """
    body = read_record(stem.with_suffix(".json"), _ShardRecord, REMEDY)
    if body is None:
        return None
    table = stem.with_suffix(".parquet")
    frame = read_parquet(table, remedy=REMEDY) if rows else pl.DataFrame()
    try:
        shard = Shard(
            asked=np.array(body["asked"], dtype=np.int64),
            rows=frame,
            signs=_read_signatures(stem.with_suffix(".npy")) if body["signed"] else None,
            failed={int(k): v for k, v in body["failed"].items()},
            counts=body["counts"],
        )
    except (OSError, ValueError, EOFError, OverflowError) as error:
        raise BadFile(f"the part {stem} is broken ({error}); {REMEDY}") from error
    lengths = {len(part) for part in (frame if rows else None, shard.signs) if part is not None}
    if lengths - {len(shard.slots)}:
        raise BadFile(f"the files of the part {stem} don't belong together; {REMEDY}")
    return shard


def _read_signatures(path: Path) -> Signatures:
    try:
        signs: Signatures = np.load(path, allow_pickle=False)
    except (TokenError, MemoryError) as error:
        raise ValueError(f"{path.name} has no sound header") from error
    if signs.ndim != 2 or signs.dtype != np.uint32:
        raise ValueError(f"signatures of the shape {signs.shape} and type {signs.dtype}")
    return signs
