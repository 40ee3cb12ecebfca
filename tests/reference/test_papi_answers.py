"""PAPI's answers scored again: 150 of the published 300 people (arXiv:2408.11779).

The figures for all 300 were taken from the same file by the same formulas, and stand beside.
"""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from personae.core import load_inventory
from personae.stats.scores.reliability import alpha
from personae.studies.pas.papi import FLOORS, Panel, load_papi, trait_errors

HALF = "pas-papi/papi_test_first_half.json"
NEO = load_inventory("ipip-neo-300")
SCALES = [item.scale for item in NEO.items]


@pytest.fixture
def half(test_data: Callable[[str], Path]) -> Panel:
    return load_papi(test_data(HALF))


def test_stored_answers_are_turned_already(half: Panel) -> None:
    """The 300 give .948 .971 .966 .976 .942, and .646 .497 .629 .595 .378 turned once more."""
    found = {}
    for scale in "ACENO":
        own = np.array([s == scale for s in SCALES])
        stored = half.keyed[:, own]
        whole = stored[~np.isnan(stored).any(axis=1)]
        turned = np.where(half.keys[own] > 0, whole, 6 - whole)
        found[scale] = (round(alpha(whole).value, 3), round(alpha(turned).value, 3))
    assert found == {
        "A": (0.946, 0.641),
        "C": (0.973, 0.503),
        "E": (0.966, 0.617),
        "N": (0.978, 0.583),
        "O": (0.942, 0.465),
    }
    cheat = [i.text for i in NEO.items].index("Cheat to get ahead")
    assert half.keys[cheat] == -1
    assert np.nanmean(half.keyed[:, cheat]) > 3.9
    assert np.nanmean(half.raw[:, cheat]) < 2.1
    assert int((half.keys[half.known] < 0).sum()) == 55
    assert int((half.keys[~half.known] < 0).sum()) == 93


def test_true_answers_are_0_away_only_as_they_were_given(half: Panel) -> None:
    asked = ~half.known
    scales = [s for s, there in zip(SCALES, asked, strict=True) if there]
    raw, stored = half.raw[:, asked], half.keyed[:, asked]
    own = trait_errors(raw, raw, scales)
    assert all((values == 0).all() for values in own.values())
    mixed = float(np.mean(np.sum(list(trait_errors(raw, stored, scales).values()), axis=0)))
    assert mixed == pytest.approx(3.753, abs=5e-4)  # the 300: 3.864


def test_floors(half: Panel) -> None:
    """Each floor, by hand for ten people; the 300 give 3.792, 3.127, 3.097, 2.894 and 2.724."""
    asked = np.flatnonzero(~half.known)
    known = np.flatnonzero(half.known)
    figures = dict(zip(FLOORS, (3.698, 3.087, 3.037, 2.814, 2.660), strict=True))
    for name in FLOORS:
        by_hand = []
        for person, row in enumerate(half.keyed[:10]):
            total = 0.0
            for scale in "ACENO":
                errors = []
                for j in asked:
                    if SCALES[j] != scale or np.isnan(row[j]):
                        continue
                    if name == "always 3":
                        guess = 3.0
                    elif name == "mean of the others":
                        guess = float(np.nanmean(np.delete(half.keyed[:, j], person)))
                    else:
                        like = [
                            k
                            for k in known
                            if SCALES[k] == scale
                            and (
                                name == "own trait mean" or NEO.items[k].facet == NEO.items[j].facet
                            )
                        ]
                        guess = float(np.nanmean(row[like]))
                        guess = float(np.rint(guess)) if "rounded" in name else guess
                    errors.append(abs(guess - row[j]))
                total += float(np.mean(errors))
            by_hand.append(total)
        scales = [SCALES[j] for j in asked]
        found = trait_errors(half.floor(name)[:, asked], half.keyed[:, asked], scales)
        totals = np.sum(list(found.values()), axis=0)
        assert totals[:10] == pytest.approx(by_hand)
        assert np.mean(totals) == pytest.approx(figures[name], abs=6e-4)


def test_items_of_a_facet_agree_whatever_their_key(half: Panel) -> None:
    """Within facets as stored: +/+ .50, -/- .48, +/- .43; the 300 give .50, .47 and .42."""
    facets = [(i.scale, i.facet) for i in NEO.items]
    filled: Any = np.ma  # untyped
    table = filled.corrcoef(filled.masked_invalid(half.keyed), rowvar=False)
    found: dict[int, list[float]] = {2: [], 0: [], -2: []}
    for i, j in combinations(range(300), 2):
        if facets[i] == facets[j]:
            found[int(half.keys[i] + half.keys[j])].append(float(table[i, j]))
    assert [round(float(np.mean(v)), 2) for v in found.values()] == [0.50, 0.43, 0.48]
