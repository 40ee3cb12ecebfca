"""Parts of a population on disk: rows, signatures and counts, each file complete or absent."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl

from personae.generate.quality.near_duplicates import DuplicateCriterion, Signatures
from personae.generate.recipe import PersonaBatch
from personae.generate.slots import IndexArray, Slots
from personae.run.manifest import write_atomically

__all__ = ["Shard", "read_shard", "shard_of", "write_shard"]


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
    part = stem.with_suffix(".part")
    shard.rows.write_parquet(part, compression="zstd", compression_level=1, statistics=False)
    os.replace(part, stem.with_suffix(".parquet"))
    if shard.signs is not None:
        stream = BytesIO()
        np.save(stream, shard.signs, allow_pickle=False)
        write_atomically(stem.with_suffix(".npy"), stream.getvalue())
    body = {
        "asked": shard.asked.tolist(),
        "failed": {str(k): v for k, v in shard.failed.items()},
        "counts": dict(shard.counts),
    }
    write_atomically(stem.with_suffix(".json"), json.dumps(body).encode())


def read_shard(stem: Path, *, rows: bool = True) -> Shard | None:
    """Read a shard, or without `rows` everything else; None if it was never finished."""
    note = stem.with_suffix(".json")
    if not note.exists():
        return None
    body = json.loads(note.read_text(encoding="utf-8"))
    table, signs = stem.with_suffix(".parquet"), stem.with_suffix(".npy")
    return Shard(
        asked=np.array(body["asked"], dtype=np.int64),
        rows=pl.read_parquet(table) if rows else pl.DataFrame(),
        signs=np.load(signs, allow_pickle=False) if signs.exists() else None,
        failed={int(k): v for k, v in body["failed"].items()},
        counts=body["counts"],
    )
