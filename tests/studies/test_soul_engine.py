"""Soul Engine: subsets, losses and heads on known truth; sliders, scan and removal on toys."""

import json
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from personae.core import BadFile, BadValue, Edit, Site, UnknownName, data_json
from personae.designs.steering_bench import shipped_bench
from personae.designs.steering_calibration import Scan, calibrate
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.prediction.linear_probes import ridge_probes
from personae.studies.soul_engine.characters import (
    Character,
    ideal_levels,
    load_characters,
    simulated_characters,
)
from personae.studies.soul_engine.dual_head import (
    HeadTraining,
    _contrast_loss,
    _draw_subset,
    _overlap_loss,
    train_heads,
)
from personae.studies.soul_engine.injection import measured_dose
from personae.studies.soul_engine.level_readout import (
    CharacterSpeech,
    LevelReadout,
    explained_share,
    linear_levels,
    mean_overlap,
    record_speech,
    retrieval,
    simple_readouts,
    without_span,
)
from personae.studies.soul_engine.sliders import slide
from personae.studies.soul_engine.study import soul_engine
from tests.support.tiny_networks import tiny_model

# Subsets and losses. -------------------------------------------------------------------------


def test_every_subset_is_as_likely_as_any_other() -> None:
    random = np.random.default_rng(0)
    drawn = Counter(tuple(_draw_subset(6, 3, random)) for _ in range(2000))
    assert set(drawn) == set(combinations(range(6), 3))
    spread = np.sqrt(2000 * (1 / 20) * (19 / 20))
    assert all(abs(count - 100) < 5 * spread for count in drawn.values())
    again = np.random.default_rng(0)
    assert [_draw_subset(6, 3, again) for _ in range(9)] == [
        _draw_subset(6, 3, r) for r in [np.random.default_rng(0)] for _ in range(9)
    ]
    with pytest.raises(BadValue, match="1 to 6"):
        _draw_subset(6, 7, random)


def test_overlap_of_directions() -> None:
    assert float(_overlap_loss(torch.eye(5, 8))) == pytest.approx(0, abs=1e-12)
    assert float(_overlap_loss(torch.tensor([[3.0, 4.0], [0.6, 0.8]]))) == pytest.approx(2)


def test_contrast_loss() -> None:
    owners = torch.arange(32).repeat(2)
    random = torch.nn.functional.normalize(
        torch.randn(64, 4096, generator=torch.Generator().manual_seed(0)), dim=1
    )
    assert float(_contrast_loss(random, owners, 1.0)) == pytest.approx(log(63), abs=0.02)
    clusters = torch.eye(32).repeat(2, 1)
    assert float(_contrast_loss(clusters, owners, 0.02)) == pytest.approx(0, abs=1e-6)


def test_training_leaves_the_model_as_it_was() -> None:
    model = tiny_model()
    weights: Any = model.loaded.network
    before = [w.clone() for w in weights.parameters()]
    spoken = record_speech(model, simulated_characters(6, 4), Site(2))
    train_heads(spoken.states, spoken.levels, HeadTraining(steps=5))
    assert all(w.grad is None for w in weights.parameters())
    assert all(torch.equal(w, b) for w, b in zip(weights.parameters(), before, strict=True))


# Heads on known truth. -----------------------------------------------------------------------


CONTENT = 2.0


def synthetic(count: int = 200, utterances: int = 30, seed: int = 0) -> CharacterSpeech:
    """States of 64 numbers: levels, a style of each character, content of each utterance, noise."""
    world = np.random.default_rng(99)
    levels_to, style_to, content_to = (world.normal(size=(n, 64)) for n in (5, 12, 40))
    random = np.random.default_rng(seed)
    cast, states = [], []
    for number in range(count):
        ocean, style = random.random(5), random.normal(size=12)
        content = random.normal(scale=CONTENT, size=(utterances, 40))
        rows = 2 * ocean @ levels_to + 0.5 * style @ style_to + content @ content_to
        states.append(rows + random.normal(scale=0.5, size=rows.shape))
        cast.append(Character(name=str(number), utterances=("x",), ocean=tuple(ocean)))
    return CharacterSpeech(cast, states, 0)


def test_heads_read_levels_and_know_characters_again() -> None:
    """What is said is loud beside who says it; where it is faint, two fixed subsets suffice."""
    train, test = synthetic(), synthetic(100, seed=1)
    heads = train_heads(train.states, train.levels, HeadTraining(subset=4))
    fixed = train_heads(train.states, train.levels, HeadTraining(subset=4, fixed=True))
    constant = LevelReadout("constant", np.tile(train.levels.mean(axis=0), (100, 1)))
    share = explained_share(LevelReadout("heads", heads.profile(test.means)), constant, test.levels)
    assert share.value > 0.8
    afresh, once = (retrieval(h, test, 4) for h in (heads, fixed))
    assert afresh.mean() > 0.9
    gain = paired_permutation(afresh - once, of="character", unit="share")
    assert gain.low is not None
    assert gain.low > 0.02


def test_heads_train_alike_from_the_same_seed() -> None:
    train = synthetic(40)
    first = train_heads(train.states, train.levels, HeadTraining(steps=20))
    second = train_heads(train.states, train.levels, HeadTraining(steps=20))
    assert (first.directions == second.directions).all()


def test_the_two_subsets_share_nothing_to_be_known_by() -> None:
    """States of pure content: only a common utterance could tell whose they are."""
    random = np.random.default_rng(0)
    heads = train_heads(
        [random.normal(size=(4, 16)) for _ in range(8)], np.full((8, 5), 0.5), HeadTraining(steps=2)
    )
    cast = [Character(name="a", utterances=("x",), ocean=(0.5,) * 5)] * 200
    noise = CharacterSpeech(cast, [random.normal(size=(6, 16)) for _ in cast], 0)
    assert retrieval(heads, noise, 5).mean() < 0.05
    alone = CharacterSpeech(cast, [random.normal(size=(1, 16)) for _ in cast], 0)
    assert retrieval(heads, alone, 5).sum() == 0


def test_a_constant_stands_beside_every_error() -> None:
    """Labels of SD .15 make .0225 for a constant, so .0113 is half of it."""
    random = np.random.default_rng(0)
    truth = np.clip(random.normal(0.5, 0.15, size=(4000, 5)), 0, 1)
    constant = LevelReadout("constant", np.full_like(truth, 0.5))
    assert constant.errors(truth).mean() == pytest.approx(0.0225, abs=5e-4)
    half = LevelReadout("half", truth + random.normal(scale=np.sqrt(0.0113), size=truth.shape))
    assert explained_share(half, constant, truth).value == pytest.approx(0.5, abs=0.03)
    report: Any = soul_engine(tiny_model(), quick=True)
    table = next(
        p for p in report.parts if getattr(p, "name", "") == "errors" and hasattr(p, "rows")
    )
    tests = {row[0] for row in table.rows}
    assert {(row[0], row[1]) for row in table.rows} >= {(t, "constant") for t in tests}
    assert {row[1] for row in table.rows} == {
        "constant",
        "words alone",
        "linear probe",
        "ideal reader",
        "two heads",
    }


def test_no_reader_beats_the_ideal_one() -> None:
    train = simulated_characters(200, 24, slice(0, 8), 0)
    test = simulated_characters(100, 24, slice(8, 12), 1)
    states = [np.zeros((24, 4))] * 200
    errors = {
        r.name: r.errors(np.array([c.ocean for c in test])).mean()
        for r in simple_readouts(
            CharacterSpeech(train, states, 0), CharacterSpeech(test, states[:100], 0)
        )
    }
    assert errors["ideal reader"] == min(errors.values())
    assert errors["words alone"] > errors["ideal reader"] + 0.02
    assert np.isnan(
        ideal_levels([Character(name="a", utterances=("Hm.",), ocean=(0.5,) * 5)])
    ).all()


# Directions. ---------------------------------------------------------------------------------


def test_removing_the_persona_leaves_reasoning() -> None:
    random = np.random.default_rng(0)
    axes = np.linalg.qr(random.normal(size=(64, 12)))[0].T
    levels, sums = random.random((400, 5)), random.normal(size=(400, 3))
    noise = random.normal(scale=0.2, size=(400, 64))
    rows = 4 * (levels - 0.5) @ axes[:5] + sums @ axes[5:8] + noise
    less = without_span(rows, axes[:5])
    half = slice(0, 200), slice(200, 400)
    constant = LevelReadout("constant", np.tile(levels[half[0]].mean(axis=0), (200, 1)))
    r2 = [
        explained_share(
            LevelReadout("", linear_levels(x[half[0]], levels[half[0]], x[half[1]])),
            constant,
            levels[half[1]],
        ).value
        for x in (rows, less)
    ]
    assert r2[0] > 0.8
    assert r2[1] < 0.05
    reasoning = []
    for x in (rows, less):
        probe = ridge_probes(x[half[0], None], sums[half[0], 0])
        left = sums[half[1], 0] - probe.scores(x[half[1], None])[:, 0]
        reasoning.append(1 - left.var() / sums[half[1], 0].var())
    assert abs(reasoning[1] - reasoning[0]) < 0.02


def test_overlap_has_an_interval_that_knows_both_cases() -> None:
    random = np.random.default_rng(0)

    def pairs(axes: Any) -> Any:
        low = random.normal(size=(5, 12, 64))
        return {
            t: (low[i] + axes[i] + random.normal(scale=0.1, size=(12, 64)), low[i])
            for i, t in enumerate("OCEAN")
        }

    orthogonal = mean_overlap(pairs(np.eye(5, 64))).mean
    assert orthogonal.value < 0.1
    assert orthogonal.high < 0.2
    common = np.ones((5, 64)) / 8
    overlap = mean_overlap(pairs(common + 0.3 * np.eye(5, 64)))
    assert overlap.mean.low > 0.7
    assert overlap.cosines.shape == (5, 5)


# Sliders and injection. ----------------------------------------------------------------------


def test_sliders() -> None:
    axes = {"E": np.array([3.0, 0.0, 0.0]), "N": np.array([0.0, 2.0, 0.0])}
    assert slide(axes, {"E": 0.5, "N": 0.5}).tolist() == [0, 0, 0]
    assert not np.isnan(slide(axes, {})).any()
    both = slide(axes, {"E": 1.0, "N": 0.0})
    assert both == pytest.approx(np.array([1, -1, 0]) / np.sqrt(2))
    assert slide(axes, {"E": 0.0, "N": 1.0}) == pytest.approx(-both)
    with pytest.raises(BadValue, match=r"0\.\.1"):
        slide(axes, {"E": 1.5})
    with pytest.raises(UnknownName):
        slide(axes, {"X": 1.0})


def test_injection_mirrors_at_first_order_and_0_changes_nothing() -> None:
    model = tiny_model()
    unit = np.random.default_rng(0).normal(size=32)
    unit /= np.linalg.norm(unit)
    bench = shipped_bench(("E",))
    plain = bench.measure(model, [()]).contrasts["E"]
    shares = (-0.02, 0.0, 0.02)
    contrasts = bench.measure(model, [(Edit(Site(1), unit, s),) for s in shares]).contrasts["E"]
    assert (contrasts[1] == plain[0]).all()
    up, down = contrasts[2] - contrasts[1], contrasts[0] - contrasts[1]
    assert np.abs(up).max() > 1e-5
    assert up == pytest.approx(-down, abs=0.1 * float(np.abs(up).max()))
    edit = Edit(Site(1), unit, 3.0)
    with model.edited([edit]) as changed:
        held = bench.measure(changed, [()]).contrasts["E"]
    assert held == pytest.approx(bench.measure(model, [(edit,)]).contrasts["E"], abs=1e-5)


class Planted:
    """A tiny network of which only the block `at` hears a trait: elsewhere edits do nothing."""

    def __init__(self, at: int) -> None:
        self._inner, self._at = tiny_model(), at
        self.name, self.fingerprint = "planted", "planted"
        self.anatomy = self._inner.anatomy
        self._axis = np.eye(self.anatomy.width)[0] * 4
        statements = data_json("contrast_pairs.json")["statements"]["E"]
        self._high = {high for high, _ in statements}

    def record(self, chats: Sequence[Any], sites: Sequence[Site], pool: Any) -> Any:
        activations = dict(self._inner.record(chats, sites, pool))
        highs = {high for high, _ in data_json("contrast_pairs.json")["descriptions"]["E"]}
        sides = np.array([chat[0].text in highs for chat in chats])
        return {
            s: r + np.outer(sides, self._axis) * (s.block == self._at)
            for s, r in activations.items()
        }

    def choose(self, requests: Sequence[Any], *, done: Any = None) -> Any:
        from dataclasses import replace  # noqa: PLC0415

        choices = self._inner.choose([replace(request, edits=()) for request in requests])
        return [
            replace(
                c, loglik=(c.loglik[0] + c.tokens[0] * 0.1 * self._pull(r.edits), *c.loglik[1:])
            )
            if r.options[0][0] in self._high
            else c
            for r, c in zip(requests, choices, strict=True)
        ]

    def _pull(self, edits: Sequence[Edit]) -> float:
        return sum(
            e.strength * float(e.vector @ self._axis) / 4 for e in edits if e.site.block == self._at
        )


@pytest.mark.parametrize("at", [0, 1, 2])
def test_the_scan_finds_the_block_that_was_planted(at: int) -> None:
    model: Any = Planted(at)
    calibration = calibrate(
        model, {"E": 1.0}, Scan(blocks=(0, 1, 2), strengths=(1.0, 2.0), nulls=10)
    )
    assert calibration.chosen is not None
    assert calibration.chosen.block == at
    assert calibration.effect.low > 0


def test_the_dose_rises_with_strength_where_the_block_reacts() -> None:
    model: Any = Planted(1)
    chosen = calibrate(model, {"E": 1.0}, Scan(blocks=(1,), strengths=(1.0,), nulls=2))
    shifts = [shift.value for shift in measured_dose(model, chosen, {"E": 0.8}, 0).shifts]
    assert shifts == sorted(shifts)
    assert shifts[0] < -1e-3
    assert shifts[-1] > 1e-3


# Files. --------------------------------------------------------------------------------------


def test_characters_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    rows: list[dict[str, Any]] = [
        {"character": f"c{i}", "utterances": ["I sing.", " ", f"I am {i}."], "ocean": [0.1 * i] * 5}
        for i in range(10)
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    assert len(load_characters(file)) == 10
    report: Any = soul_engine(tiny_model(), characters=str(file), subset=2, quick=True)
    coverage = next(p for p in report.parts if getattr(p, "name", "") == "coverage")
    assert [row[1:4] for row in coverage.rows] == [(7, 14, 7), (3, 6, 3)]
    rows[3]["ocean"] = [2, 0, 0, 0, 0]
    file.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(BadFile, match="line 4"):
        load_characters(file)
