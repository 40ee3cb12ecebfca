"""Shifts between arms, and verdicts by rules fixed in advance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core import Answers, Estimate
from personae.stats.effects.contrast import arm_shift, paired_cells
from personae.stats.effects.verdicts import direction_verdict, stability

ITEMS = 24


def answers(shift: float, *, pull: float = 0.0, lost: int = 0) -> Answers:
    """Half of the items reversed; `pull` moves both arms' raw answers in reverse order."""
    random = np.random.default_rng(0)
    rows = []
    for item in range(ITEMS):
        key = 1 if item % 2 else -1
        base = random.normal(0, 0.3)
        for arm, moved in (("unchanged", 0.0), ("naive", shift)):
            for order, habit in (("forward", 0.0), ("reverse", pull)):
                value = 3 + key * (base + moved) + habit + random.normal(0, 0.05)
                row = {
                    "inventory": "mpi-120@1",
                    "item": str(item),
                    "scale": "E",
                    "key": key,
                    "low": 1.0,
                    "high": 5.0,
                    "arm": arm,
                    "order": order,
                    "value": value,
                    "expected": value,
                }
                if arm == "naive" and item < lost:
                    row |= {"status": "refused", "value": None, "expected": None}
                rows.append(row)
    return Answers.of(rows)


def test_a_shift_is_recovered_in_the_keyed_direction() -> None:
    shift = arm_shift(answers(0.5), ("unchanged", "naive"), "E")
    assert shift.low < 0.5 < shift.high
    assert shift.p < 0.01
    assert (shift.n, shift.of, shift.unit) == (ITEMS, "item", "points")


def test_what_both_arms_share_cancels() -> None:
    shift = arm_shift(answers(0.0, pull=1.5), ("unchanged", "naive"), "E")
    assert abs(shift.value) < 0.05
    assert shift.p > 0.05


def test_missing_answers_leave_and_are_counted() -> None:
    shift = arm_shift(answers(0.5, lost=4), ("unchanged", "naive"), "E")
    assert shift.n == ITEMS - 4
    assert shift.low < 0.5 < shift.high
    none = arm_shift(answers(0.5, lost=ITEMS), ("unchanged", "naive"), "E")
    assert "both arms" in none.why_missing


@given(st.permutations(range(8)))
def test_the_order_of_rows_changes_no_cell(order: list[int]) -> None:
    whole = answers(0.4)
    items = [str(i) for i in order]
    part = Answers(whole.rows.filter(whole.rows["item"].is_in(items)))
    turned = Answers(part.rows.with_row_index().sort("index", descending=True).drop("index"))
    first, names, _ = paired_cells(part, ("unchanged", "naive"))
    second, names_second, _ = paired_cells(turned, ("unchanged", "naive"))
    order = [names_second.index(name) for name in names]
    assert np.allclose(np.sort(first, axis=1), np.sort(second[order], axis=1))


def estimate(value: float, half: float) -> Estimate:
    return Estimate(name="E", value=value, low=value - half, high=value + half, n=9, of="item")


@pytest.mark.parametrize(
    ("value", "half", "asked", "p", "verdict"),
    [
        (0.5, 0.2, 1, 0.01, "as requested"),
        (0.5, 0.2, -1, 0.01, "against the request"),
        (-0.5, 0.2, -1, 0.01, "as requested"),
        (0.5, 0.2, 0, 0.01, "shifted unrequested"),
        (0.5, 0.2, 1, 0.06, "not shown"),
        (0.1, 0.9, 1, 0.01, "not shown"),
        (0.0, 0.1, 1, 0.9, "no effect"),
        (0.0, 0.1, 0, 0.9, "no shift"),
    ],
)
def test_verdicts(value: float, half: float, asked: int, p: float, verdict: str) -> None:
    assert direction_verdict(estimate(value, half), asked, p, 0.25) == verdict


def test_stability_has_three_verdicts() -> None:
    random = np.random.default_rng(1)
    still = random.normal(0.5, 0.05, (30, 4))
    assert stability(still, list("abcd"), 0.25).verdict == "stable"
    moved = still + np.array([0, 0, 0, 1.0])
    unstable = stability(moved, list("abcd"), 0.25)
    assert (unstable.verdict, "d" in unstable.between) == ("unstable", True)
    vague = random.normal(0.5, 3.0, (6, 3))
    assert stability(vague, list("abc"), 0.25).verdict == "inconclusive"
    assert stability(still[:, :1], ["a"], 0.25).verdict == "inconclusive"
