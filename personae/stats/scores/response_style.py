"""Response style: the part of the answers that is due to the format rather than to the items.

Acquiescence (mean agreement, a scale's two keys weighted equally), extremity, straight-lining
(longest run of one answer; Johnson 2005, J. Research in Personality 39), position pull (repeating
an option's position rather than its text over option orders), coverage. Items are the sampling unit
unless a docstring says otherwise. The usual acquiescence index is a mean over a balanced set of
items; here unbalanced inventories are balanced by weighting, scale by scale.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import nan

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personae.core import Answers, Array, BadValue, Estimate, Form, missing
from personae.stats.effects.proportions import rate
from personae.stats.resample import bootstrap, labelled, mean
from personae.stats.scores.scales import ADMINISTRATION, Use, require_range, respondent_blocks

__all__ = ["acquiescence", "coverage", "extremity", "position_pull", "straight_lining"]

Slots = NDArray[np.int64]
"""The slot, from 0, at which each option was shown."""


def acquiescence(answers: Answers, *, use: Use = "value", seed: int = 0) -> Estimate:
    """Estimate the mean agreement with items regardless of content, in the answers' unit.

    In each scale that has items of both keys, unkeyed answers are averaged within a key and then
    over the two keys; the index is the mean over scales. Without a bias it is the midpoint of the
    options (0 in nats/token). The interval resamples items within scale and key.

    Args:
        answers: all in one unit.
        use: the option chosen, or the mean over the option probabilities.
        seed: of the BCa bootstrap over items.

    Undefined without a scale that has answers to items of both keys. Source: Paulhus (1991, in
    Measures of Personality and Social Psychological Attitudes), balanced here by weighting.

    Raises:
        BadValue: answers in several units.
    """
    answered = _answered(answers, use, ("scale", "key", "item"))
    unit = _unit(answered)
    items = answered.group_by(["scale", "key", "item"], maintain_order=True).agg(pl.col(use).mean())
    balanced_items = items.filter(pl.col("key").n_unique().over("scale") == 2).sort("scale", "key")
    if not balanced_items.height:
        reason = "no scale has answers to items of both keys"
        return missing("acquiescence", reason, n=0, of="item", unit=unit)
    sizes = balanced_items.group_by(["scale", "key"], maintain_order=True).len()["len"].to_list()
    values, ends = balanced_items[use].to_numpy(), np.cumsum(sizes)

    def balanced(weights: Array) -> Array:
        cells = [
            weights[:, end - size : end]
            @ values[end - size : end]
            / weights[:, end - size : end].sum(axis=1)
            for size, end in zip(sizes, ends, strict=True)
        ]
        return np.asarray(np.mean(cells, axis=0))

    return labelled(bootstrap(balanced, sizes, seed=seed), "acquiescence", "item", unit)


def extremity(answers: Answers, *, seed: int = 0) -> Estimate:
    """Estimate the share, 0..1, of answers that chose an end option, over items.

    Wilson's interval (1927, JASA 22) where items don't differ, else BCa. Undefined without answers
    in points. Source: Greenleaf (1992, Public Opin. Q. 56).

    Raises:
        BadValue: answers in points without `low` and `high`.
    """
    answered = _answered(answers, "value", ("item", "low", "high"))
    answered = answered.filter(pl.col("unit") == "points")
    require_range(answered)
    ends = (pl.col("value") == pl.col("low")) | (pl.col("value") == pl.col("high"))
    return _share("extremity", answered.with_columns(ends.alias("hit")), seed)


def coverage(answers: Answers, *, seed: int = 0) -> Estimate:
    """Estimate the share, 0..1, of questions that got a usable answer, over items.

    Wilson's interval (1927, JASA 22) where items don't differ, else BCa. Undefined without
    questions. Source: textbook.
    """
    return _share(
        "coverage", answers.rows.select("item", (pl.col("status") == "ok").alias("hit")), seed
    )


def straight_lining(answers: Answers, *, seed: int = 0) -> Estimate:
    """Estimate the longest run of one answer, in items, as the mean over administrations.

    Items count in the order of the rows; a missing answer ends a run. The sampling unit is the
    administration (respondent, arm, form, order, repeat): a single one has no interval.
    Undefined without answers. Source: Johnson (2005, J. Research in Personality 39).
    """
    longest = np.concatenate(
        [
            _longest_runs(block)
            for block in respondent_blocks(answers.rows.select(*ADMINISTRATION, "value"))
        ]
    )
    return mean(
        longest,
        name="straight-lining",
        of="administration",
        unit="items",
        seed=seed,
    )


def _longest_runs(rows: pl.DataFrame) -> Array:
    runs = rows.with_columns(pl.col("value").rle_id().over(ADMINISTRATION).alias("run")).filter(
        pl.col("value").is_not_null()
    )
    longest = (
        runs.group_by([*ADMINISTRATION, "run"], maintain_order=True)
        .len()
        .group_by(ADMINISTRATION, maintain_order=True)
        .agg(pl.col("len").max())
    )
    return longest["len"].to_numpy().astype(np.float64)


def position_pull(answers: Answers, *, seed: int = 0) -> Estimate:
    """Estimate how far answers repeat the position of an option rather than its text, 0..1.

    For every item under two option orders, let `position` be the probability that the two answers
    share the position but not the text, and `text` that they share the text but not the position;
    the pull is position / (position + text), each summed over items. 0: content alone; 1: position
    alone; 0.5: chance. Option probabilities are used where every answer has them, else the options
    chosen.

    Undefined without two orders, without recorded positions, or where no answer repeats a position
    or a text alone, as a constant midpoint under forward and reverse order. Source: our own;
    interval by BCa over items (Efron 1987, JASA 82).

    Raises:
        BadValue: answers to several inventories, or to items of several option ranges or of none.
    """
    rows = _answered(answers, "value").filter(
        (pl.col("unit") == "points") & pl.col("slot").is_not_null()
    )
    name, of = "position pull", "item"
    if rows["order"].n_unique() < 2:
        return missing(name, "needs answers under two option orders", n=0, of=of)
    if rows["inventory"].n_unique() > 1:
        raise BadValue("position pull is taken of one inventory at a time")
    require_range(rows)
    if rows["low"].n_unique() > 1 or rows["high"].n_unique() > 1:
        raise BadValue("position pull is taken of items that share one range of options")
    low, high = int(rows["low"][0]), int(rows["high"][0])
    chances, slots = _chances(rows, low, high - low + 1), _slots(rows, low, high - low + 1)
    if slots is None:
        return missing(name, "the recorded positions contradict the option orders", n=0, of=of)
    texts, positions = _repeats(rows, chances, slots)
    if not (texts.sum() + positions.sum()) > 1e-12:
        return missing(name, "no answer repeats a text or a position alone", n=len(texts), of=of)

    def pull(weights: Array) -> Array:
        position, text = weights @ positions, weights @ texts
        total = position + text
        return np.asarray(np.where(total > 1e-12, position / np.maximum(total, 1e-12), nan))

    return labelled(bootstrap(pull, len(texts), seed=seed), name, of)


def _answered(answers: Answers, use: Use, columns: Sequence[str] = ()) -> pl.DataFrame:
    """Return the rows with an answer: all columns, or those named beside unit and answer."""
    wanted = list(dict.fromkeys((*columns, "status", "unit", use)))
    rows = answers.rows.select(wanted) if columns else answers.rows
    return rows.filter((pl.col("status") == "ok") & pl.col(use).is_finite())


def _unit(rows: pl.DataFrame) -> str:
    units = rows["unit"].unique().to_list()
    if len(units) > 1:
        raise BadValue(f"response style is taken in one unit at a time, not {sorted(units)}")
    return str(units[0]) if units else "points"


def _share(name: str, rows: pl.DataFrame, seed: int) -> Estimate:
    """Estimate a share over items; Wilson's interval where items don't differ."""
    shares = rows.group_by("item", maintain_order=True).agg(pl.col("hit").mean())["hit"].to_numpy()
    if shares.size == 0 or float(np.ptp(shares)) > 1e-12:
        return mean(shares, name=name, of="item", unit="share", seed=seed)
    return replace(rate(shares, name=name, of="item"), unit="share")


def _chances(rows: pl.DataFrame, low: int, count: int) -> Array:
    """Return option probabilities (answers, options), or ones at the options chosen."""
    if (rows["logp"].list.len() == count).fill_null(value=False).all():
        logp = rows["logp"].explode().to_numpy().reshape(-1, count)
        return np.asarray(np.exp(logp))
    return np.asarray(np.eye(count)[(rows["value"].to_numpy() - low).astype(int)])


def _slots(rows: pl.DataFrame, low: int, count: int) -> Slots | None:
    """Return the slot of every option (answers, options), low to high; None if inconsistent.

    A wording lists options from low or from high; the recorded slots tell which.
    """
    forms = rows["form"].to_numpy()
    chosen = (rows["value"].to_numpy() - low).astype(int)
    displayed = rows["slot"].to_numpy().astype(int)
    forward = np.stack([_slots_of_options(order, count) for order in rows["order"]])
    slots = np.empty_like(forward)
    for form in np.unique(forms):
        members = np.flatnonzero(forms == form)
        for mapping in (forward[members], forward[members][:, ::-1]):
            if (mapping[np.arange(members.size), chosen[members]] == displayed[members]).all():
                slots[members] = mapping
                break
        else:
            return None
    return slots


def _slots_of_options(order: str, count: int) -> Slots:
    return np.argsort(Form(order=order).arrange(count)).astype(np.int64)


def _repeats(rows: pl.DataFrame, chances: Array, slots: Slots) -> tuple[Array, Array]:
    """Return, per item, the expected pairs of orders that repeat only the text, only the position.

    For a sum S of probability vectors p, the pairs agree with weight (|S|^2 - sum |p|^2) / 2.
    """
    keys = ["respondent", "arm", "form", "repeat", "item"]
    numbered = rows.select(keys).unique(maintain_order=True).with_row_index("group")
    asked = rows.select(keys)  # without tags, of which one may be called group
    groups = asked.join(numbered, on=keys, maintain_order="left")["group"].to_numpy()
    count = chances.shape[1]
    by_slot = np.zeros_like(chances)
    np.put_along_axis(by_slot, slots, chances, axis=1)
    joint = np.zeros((len(chances), count, count))
    np.put_along_axis(joint, slots[:, :, None], chances[:, :, None], axis=2)

    def pairs(vectors: Array) -> Array:
        sums = np.zeros((groups.max() + 1, vectors.shape[1]))
        np.add.at(sums, groups, vectors)
        return np.asarray((sums**2).sum(axis=1) - np.bincount(groups, (vectors**2).sum(axis=1)))

    joint_pairs = pairs(joint.reshape(len(chances), -1))
    first = np.unique(groups, return_index=True)[1]
    _, item = np.unique(rows["item"].to_numpy()[first], return_inverse=True)
    text, position = (
        np.asarray(
            np.bincount(item, np.maximum(pairs(vectors) - joint_pairs, 0.0)), dtype=np.float64
        )
        for vectors in (chances, by_slot)
    )
    return text, position
