"""Regenerates the near-duplicates of a population in rounds.

A round is a shard of its own, written atomically, so that a killed run resumes with the finished
rounds and ends in the same bytes. Of the whole population only signatures are held in memory.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from personae.generate.quality.near_duplicates import DuplicateCriterion, Signatures, duplicate_rows
from personae.generate.recipe import Population
from personae.generate.slots import REGENERATED, IndexArray, Slots
from personae.run.population.shards import Shard, read_shard, shard_of, write_shard

__all__ = ["alike_left", "regenerate"]

ROUNDS = 20
"""Most rounds of regeneration; near-duplicates that remain are only reported."""


def regenerate(population: Population, stems: Sequence[Path], folder: Path) -> list[Path]:
    """Regenerate near-duplicates, round by round; return the rounds' paths."""
    rounds: list[Path] = []
    if population.duplicate_criterion is None:
        return rounds
    slots, signs = _signatures([read_shard(s, rows=False) for s in stems])
    tries = np.zeros(population.order.n, dtype=np.int64)
    while len(rounds) < ROUNDS:
        repeated_slots = (
            slots[duplicate_rows(population.duplicate_criterion, signs)] if len(slots) else slots
        )
        if not len(repeated_slots):
            break
        tries[repeated_slots] += 1
        stem = folder / f"round-{len(rounds):02d}"
        shard = read_shard(stem) if population.order.model is None else None
        if shard is None:
            retries = Slots(
                population.order.seed, repeated_slots, tries[repeated_slots] * REGENERATED
            )
            shard = shard_of(retries, population.make(retries), population.duplicate_criterion)
            write_shard(shard, stem)
        rounds.append(stem)
        slots, signs = _overlaid(slots, signs, shard)
    return rounds


def _signatures(shards: Iterable[Shard | None]) -> tuple[IndexArray, Signatures]:
    signed = [s for s in shards if s is not None and s.signs is not None]
    if not signed:
        return np.array([], dtype=np.int64), np.zeros((0, 1), dtype=np.uint32)
    return np.concatenate([s.slots for s in signed]), np.concatenate([s.signs for s in signed])


def _overlaid(slots: IndexArray, signs: Signatures, shard: Shard) -> tuple[IndexArray, Signatures]:
    """Replace earlier signatures by a round's; slots that failed are dropped."""
    stays = ~np.isin(slots, list(shard.failed))
    slots, signs = slots[stays], signs[stays].copy()
    if shard.signs is not None:
        signs[np.searchsorted(slots, shard.slots)] = shard.signs
    return slots, signs


def alike_left(
    sameness: DuplicateCriterion | None, stems: Sequence[Path], rounds: Sequence[Path]
) -> IndexArray:
    """Return the rows of near-duplicates that no round could remove: indices, (n,)."""
    if sameness is None or len(rounds) < ROUNDS:
        return np.array([], dtype=np.int64)
    slots, signs = _signatures([read_shard(s, rows=False) for s in stems])
    for stem in rounds:
        shard = read_shard(stem, rows=False)
        assert shard is not None
        slots, signs = _overlaid(slots, signs, shard)
    return duplicate_rows(sameness, signs)
