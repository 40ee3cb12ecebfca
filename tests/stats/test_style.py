"""Response style recovers what simulated respondents do, and is silent where it can't know."""

from collections.abc import Callable, Sequence
from math import isnan, log

import numpy as np
import polars as pl
import pytest

from personae.core import Answers, BadValue, Form, load_inventory
from personae.stats.scores.response_style import (
    acquiescence,
    coverage,
    extremity,
    position_pull,
    straight_lining,
)

MPI = load_inventory("mpi-120")
TAG = MPI.tag
TRUTH = np.random.default_rng(0).integers(0, 5, 120)
CIRCLE = ("01234", "12340", "23401", "34012", "40123")
BOTH = ("forward", "reverse")

Pick = Callable[[int, Sequence[int]], int]
"""Takes an item's place and the options' places slot by slot; returns the slot chosen."""


def ask(pick: Pick, *, orders: Sequence[str] = BOTH, high_first: bool = False) -> Answers:
    rows = []
    for order in orders:
        indices = Form(order=order).arrange(5)
        shown = [4 - index if high_first else index for index in indices]
        for k, item in enumerate(MPI.items):
            slot = pick(k, shown)
            rows.append(
                {
                    "inventory": TAG,
                    "item": item.id,
                    "scale": item.scale,
                    "facet": item.facet,
                    "key": item.key,
                    "low": 1.0,
                    "high": 5.0,
                    "order": order,
                    "slot": slot,
                    "value": shown[slot] + 1.0,
                }
            )
    return Answers.of(rows)


def content(k: int, shown: Sequence[int]) -> int:
    return list(shown).index(TRUTH[k])


def middle(_: int, shown: Sequence[int]) -> int:
    return list(shown).index(2)


@pytest.mark.parametrize("high_first", [False, True])
@pytest.mark.parametrize("orders", [BOTH, CIRCLE, ("20413", "31024")])
def test_content_has_no_pull_and_place_nothing_else(
    orders: Sequence[str], high_first: bool
) -> None:
    reads = position_pull(ask(content, orders=orders, high_first=high_first))
    pull = position_pull(ask(lambda _k, _s: 3, orders=orders, high_first=high_first))
    assert (reads.value, reads.low, reads.high) == (0.0, 0.0, 0.0)
    assert (pull.value, pull.low, pull.high) == (1.0, 1.0, 1.0)
    assert (reads.n, reads.of) == (120, "item")


def test_chance_pulls_to_neither_side() -> None:
    rng = np.random.default_rng(1)
    pull = position_pull(ask(lambda _k, _s: int(rng.integers(5)), orders=CIRCLE))
    assert pull.low < 0.5 < pull.high
    assert pull.high - pull.low < 0.1


def test_pull_grows_with_the_share_of_placed_answers() -> None:
    rng = np.random.default_rng(2)
    pulls = [
        position_pull(ask(lambda k, s, p=p: 4 if rng.random() < p else content(k, s))).value  # type: ignore[misc]
        for p in (0.1, 0.3, 0.6, 0.9)
    ]
    assert pulls == sorted(pulls)
    assert pulls[0] < 0.1 and pulls[-1] > 0.9


def test_probabilities_tell_more_than_the_choice() -> None:
    """Always the midpoint by choice, yet the rest of the distribution follows the text."""
    hard = ask(middle)
    assert position_pull(hard).why_missing.startswith("no answer repeats")
    follows = [[log(p) for p in (0.05, 0.1, 0.4, 0.1, 0.35)]] * 240
    rows = hard.rows.with_columns(logp=pl.Series(follows, dtype=pl.List(pl.Float64)))
    soft = position_pull(Answers(rows))
    text = 2 * (0.05**2 + 0.35**2 + 2 * 0.1**2)
    position = 2 * (2 * 0.05 * 0.35 + 2 * 0.1 * 0.1)
    assert soft.value == pytest.approx(position / (position + text))


def test_pull_is_silent_without_orders_or_places() -> None:
    assert isnan(position_pull(ask(content, orders=("forward",))).value)
    bare = Answers(ask(content).rows.with_columns(slot=pl.lit(None, dtype=pl.Int64)))
    assert "two option orders" in position_pull(bare).why_missing
    wrong = Answers(ask(content).rows.with_columns(slot=pl.lit(1, dtype=pl.Int64)))
    assert "contradict" in position_pull(wrong).why_missing


def test_acquiescence_is_balanced_though_the_keys_are_not() -> None:
    """E has 18 of 24 positive keys: a trait alone must not look like agreement."""
    trait = Answers.of(
        {
            "inventory": TAG,
            "item": i.id,
            "scale": i.scale,
            "key": i.key,
            "value": 4.0 if i.key > 0 else 2.0,
        }
        for i in MPI.items
    )
    assert trait.rows["value"].mean() != 3.0
    honest = acquiescence(trait)
    assert (honest.value, honest.unit, honest.n) == (3.0, "points", 120)
    yes = Answers(trait.rows.with_columns(value=pl.col("value") + 1))
    assert acquiescence(yes).value == 4.0
    assert acquiescence(ask(content)).low < acquiescence(ask(content)).high


def test_acquiescence_needs_both_keys_and_one_unit() -> None:
    one_sided = Answers(ask(content).rows.filter(pl.col("key") == 1))
    assert acquiescence(one_sided).why_missing == "no scale has answers to items of both keys"
    rows = ask(content).rows
    halves = pl.when(pl.col("order") == "forward").then(pl.lit("nats/token")).otherwise("unit")
    with pytest.raises(BadValue, match="one unit"):
        acquiescence(Answers(rows.with_columns(unit=halves)))


def test_extremity_and_coverage_are_shares_with_sound_intervals() -> None:
    never = extremity(ask(middle))
    assert (never.value, never.low) == (0.0, 0.0)
    assert 0.02 < never.high < 0.05
    some = extremity(ask(content))
    assert some.value == pytest.approx(np.isin(TRUTH, [0, 4]).mean())
    assert some.low < some.value < some.high
    lost = pl.col("item").is_in(["1", "2", "3"])
    rows = ask(content).rows.with_columns(
        status=pl.when(lost).then(pl.lit("refused")).otherwise("status"),
        value=pl.when(~lost).then("value"),
    )
    assert coverage(Answers(rows)).value == pytest.approx(117 / 120)
    assert coverage(ask(content)).high == 1.0


def test_runs_are_counted_within_an_administration_and_end_at_gaps() -> None:
    values = [3.0, 3.0, None, 3.0, 3.0, 3.0, 1.0]
    rows = [
        {
            "inventory": TAG,
            "item": str(k),
            "scale": "N",
            "value": v,
            "respondent": who,
            "status": "ok" if v is not None else "cut",
        }
        for who in ("ann", "bob")
        for k, v in enumerate(values)
    ]
    run = straight_lining(Answers.of(rows))
    assert (run.value, run.n, run.of, run.unit) == (3.0, 2, "administration", "items")
    assert straight_lining(ask(lambda _k, _s: 3, orders=("forward",))).value == 120
    assert isnan(straight_lining(Answers.of([])).value)


def test_same_seed_same_interval() -> None:
    assert acquiescence(ask(content), seed=5) == acquiescence(ask(content), seed=5)
    assert acquiescence(ask(content), seed=5) != acquiescence(ask(content), seed=6)
