"""The block and strength of steering with the largest effect under a damage limit, and its nulls.

Block and strength are chosen on some pairs of statements and tested on held-out ones. The nulls
are vectors of the same pairs of descriptions with sides swapped at random, made orthogonal to the
real vector and scaled to its length. The effect reverses where the strength is too large, so the
whole curve is reported, not only the chosen point.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from personae.core import BIG_FIVE, Activations, Array, Edit, Estimate, InputError, OpenModel, Site
from personae.designs.steering_bench import shipped_bench
from personae.induce.steer.contrasts import description_pairs
from personae.induce.steer.directions import direction, orthogonal_to, shuffled_differences
from personae.stats.arrays import row_means
from personae.stats.resample import mean

__all__ = ["HELD_OUT", "Calibration", "Scan", "SweepPoint", "calibrate", "specificity"]

TUNING, HELD_OUT = slice(0, 6), slice(6, 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Grid of the calibration and its limits.

    Args:
        blocks: blocks at which to steer; empty for one half and two thirds of the depth.
        strengths: multiples of the vector, above 0.
        damage: largest relative growth of the perplexity of neutral text that is allowed, such as
            0.1.
        nulls: number of shuffled vectors that the effect is compared with.
    """

    blocks: tuple[int, ...] = ()
    strengths: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    damage: float = 0.1
    nulls: int = 100

    def blocks_of(self, depth: int) -> tuple[int, ...]:
        """Return the blocks, or the default ones of a model with so many blocks."""
        return self.blocks or tuple(dict.fromkeys((depth // 2, 2 * depth // 3)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPoint:
    """A block and strength on the tuning pairs: effect in nats per token, ratio of perplexities."""

    block: int
    strength: float
    effect: float
    perplexity: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """The scanned points, the chosen one, and its effect on held-out pairs.

    Args:
        points: every block and strength that was tried.
        chosen: the allowed point with the largest effect; None where every point breaks the damage
            limit or none shifts statements towards the goal, and then the estimates are those of
            the unedited model.
        edits: those of the chosen point.
        effect: shift towards the goal against strength 0, in nats per token; p is the rank among
            the nulls.
        traits: shift of each trait's contrast, in nats per token.
        nulls: the shifts under the null vectors, (nulls,), in nats per token.
        perplexity: ratio of the perplexities of neutral text, with edits to without.
        accuracy: change of the share (0..1) of right answers.
        vectors: each requested trait's own vector at the chosen block, (width,).
    """

    points: tuple[SweepPoint, ...]
    chosen: SweepPoint | None
    edits: tuple[Edit, ...]
    effect: Estimate
    traits: Mapping[str, Estimate]
    nulls: Array
    perplexity: Estimate
    accuracy: Estimate
    vectors: Mapping[str, Array]


def specificity(
    model: OpenModel, point: SweepPoint, vectors: Mapping[str, Array], seed: int = 0
) -> Mapping[str, Mapping[str, Estimate]]:
    """Steer along each trait's vector alone, by one z unit, and estimate every trait's shift.

    Args:
        model: the model that is steered.
        point: the block and the strength.
        vectors: each trait's vector at that block, (width,).
        seed: seed of the bootstrap.

    Returns:
        By the trait steered, then by the trait measured: the mean shift of the contrast on held-out
        statements, in nats per token, with a BCa interval over pairs (Efron 1987); undefined
        without an answered pair.
    """
    site = Site(point.block)
    variants = [(Edit(site, vector, point.strength),) for vector in vectors.values()]
    contrasts = shipped_bench(tuple(BIG_FIVE), HELD_OUT).measure(model, [(), *variants]).contrasts
    return {
        steered: {t: _shift(c[[0, row]], t, seed) for t, c in contrasts.items()}
        for row, steered in enumerate(vectors, start=1)
    }


def calibrate(
    model: OpenModel, goal: Mapping[str, float], scan: Scan = Scan(), seed: int = 0
) -> Calibration:
    """Choose block and strength for steering towards a goal, and test the choice.

    Args:
        model: the model that is steered.
        goal: requested standings (z) of Big Five domains, by which their vectors are weighted and
            summed.
        scan: grid and limits.
        seed: seed of nulls and intervals.

    The p of the effect is (1 + nulls at least as large) / (1 + nulls), after Phipson & Smyth
    (2010, Stat. Appl. Genet. Mol. Biol. 9).

    Raises:
        InputError: the goal names no domain above or below average.
    """
    targets = {trait: z for trait, z in goal.items() if z and ":" not in trait}
    if not targets:
        raise InputError("a goal wants a Big Five domain above or below average, such as {'E': 1}")
    sites = [Site(block) for block in scan.blocks_of(model.anatomy.blocks)]
    sides = _read(model, tuple(targets), sites)
    vectors = {site: _mixed(sides, targets, site) for site in sites}
    points = _scanned(model, targets, vectors, scan)
    allowed = [p for p in points if p.perplexity <= 1 + scan.damage and p.effect > 0]
    chosen = max(allowed, key=lambda p: p.effect, default=None)
    edits: tuple[Edit, ...] = ()
    nulls = np.empty((0, model.anatomy.width))
    single: dict[str, Array] = {}
    if chosen is not None:
        site = Site(chosen.block)
        edits = (Edit(site, vectors[site], chosen.strength),)
        single = {t: direction(sides[t][0][site], sides[t][1][site]) for t in targets}
        nulls = _nulls(sides, targets, site, vectors[site], (scan.nulls, seed))
    return _tested(model, targets, _Selection(points, chosen, edits, single, nulls), seed)


Sides = Mapping[str, tuple[Activations, Activations]]
"""Trait -> activations of its high and of its low descriptions: site -> (pairs, width)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Selection:
    """The scanned points, the selected one, and each trait's vector and the nulls at its block."""

    points: tuple[SweepPoint, ...]
    chosen: SweepPoint | None
    edits: tuple[Edit, ...]
    vectors: Mapping[str, Array]
    nulls: Array


def _read(model: OpenModel, traits: Sequence[str], sites: Sequence[Site]) -> Sides:
    """Record the high and the low descriptions of each trait in one batch."""
    pairs = {trait: description_pairs(trait) for trait in traits}
    chats = [
        chat
        for trait_pairs in pairs.values()
        for side in (0, 1)
        for chat in (p[side] for p in trait_pairs)
    ]
    activations = model.record(chats, sites, "mean")
    by_trait, start = {}, 0
    for trait, trait_pairs in pairs.items():
        middle, end = start + len(trait_pairs), start + 2 * len(trait_pairs)
        high = {site: rows[start:middle] for site, rows in activations.items()}
        low = {site: rows[middle:end] for site, rows in activations.items()}
        by_trait[trait] = (high, low)
        start = end
    return by_trait


def _mixed(sides: Sides, targets: Mapping[str, float], site: Site) -> Array:
    parts = [z * direction(sides[t][0][site], sides[t][1][site]) for t, z in targets.items()]
    return np.asarray(np.sum(parts, axis=0))


def _nulls(
    sides: Sides,
    targets: Mapping[str, float],
    site: Site,
    real: Array,
    drawing: tuple[int, int],
) -> Array:
    count, seed = drawing
    total = np.zeros((count, real.size))
    for index, (trait, z) in enumerate(targets.items()):
        high, low = (side[site] for side in sides[trait])
        total += z * shuffled_differences(high, low, count, seed + 1000 * index)
    nulls = np.stack([orthogonal_to(v, [real]) for v in total]) if count else total
    lengths = np.linalg.norm(nulls, axis=1, keepdims=True)
    return np.asarray(nulls * np.linalg.norm(real) / np.maximum(lengths, 1e-12))


def _scanned(
    model: OpenModel, targets: Mapping[str, float], vectors: Mapping[Site, Array], scan: Scan
) -> tuple[SweepPoint, ...]:
    grid = [(site, strength) for site in vectors for strength in scan.strengths]
    variants = [(), *((Edit(site, vectors[site], s),) for site, s in grid)]
    pairs = min(max(1, 6 // len(targets)) + 1, 6)
    bench = shipped_bench(tuple(targets), slice(0, pairs), texts=3)
    measured = bench.measure(model, variants)
    shift = row_means(measured.towards(targets) - measured.towards(targets)[:1])
    growth = np.exp(row_means(measured.nats - measured.nats[:1]))
    return tuple(
        SweepPoint(block=site.block, strength=s, effect=float(e), perplexity=float(g))
        for (site, s), e, g in zip(grid, shift[1:], growth[1:], strict=True)
    )


def _tested(
    model: OpenModel, targets: Mapping[str, float], choice: _Selection, seed: int
) -> Calibration:
    bench = shipped_bench(tuple(BIG_FIVE), HELD_OUT, texts=6, choices=20)
    measured = bench.measure(model, [(), choice.edits])
    effect = _shift(measured.towards(targets), "towards the goal", seed)
    nulls = np.empty(0)
    if choice.edits:
        nulls = _null_shifts(model, targets, choice)
        rank = (1 + np.sum(nulls >= effect.value)) / (1 + len(nulls))
        method = f"{effect.method}; rank among {len(nulls)} shuffled vectors"
        effect = replace(effect, p=float(rank), method=method)
    right = measured.right[1] - measured.right[0]
    return Calibration(
        points=choice.points,
        chosen=choice.chosen,
        edits=choice.edits,
        effect=effect,
        traits={t: _shift(c, t, seed) for t, c in measured.contrasts.items()},
        nulls=nulls,
        perplexity=_perplexity(measured.nats, seed),
        accuracy=mean(right, name="right answers", of="question", unit="share", seed=seed),
        vectors=choice.vectors,
    )


def _null_shifts(model: OpenModel, targets: Mapping[str, float], choice: _Selection) -> Array:
    """Measure the shift towards the goal under each null in place of the real vector: (nulls,)."""
    variants = [(), *((replace(choice.edits[0], vector=null),) for null in choice.nulls)]
    rows = shipped_bench(tuple(targets), HELD_OUT).measure(model, variants).towards(targets)
    return row_means(rows[1:] - rows[:1])


def _perplexity(nats: Array, seed: int) -> Estimate:
    """Estimate the ratio of perplexities from nats per token, (without and with edits, texts)."""
    growth = mean(nats[1] - nats[0], name="perplexity", of="text", seed=seed)
    low, value, high = (float(np.exp(x)) for x in (growth.low, growth.value, growth.high))
    return replace(growth, low=low, value=value, high=high, unit="ratio")


def _shift(contrasts: Array, name: str, seed: int) -> Estimate:
    shift = contrasts[1] - contrasts[0]
    return mean(shift, name=name, of="pair", unit="nats per token", seed=seed)
