"""The blocks below all edits are read once for all variants, and nothing else changes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personae.core import Edit, Request, Site, Touch, When, say
from personae.models.local.engine import LocalModel
from personae.models.local.forward import shared_blocks
from personae.models.local.loading import Loaded
from tests.models.local.test_local import model
from tests.support.tiny_networks import KINDS, codec, network

WIDTH = 32
WORDS = ("tea", "rain", "the sea", "people", "dogs", "maps", "sleep", "dust")
LONG = "You worry about things and people, and like long walks. " * 4


def asked(count: int, system: str = "") -> list[Request]:
    return [
        Request(say(f"I like {w}.", system=system), (("A",), ("B", "Very agree.")))
        for w in WORDS[:count]
    ]


def fresh(kind: str, budget: int = 1024) -> LocalModel:
    coder: Any = codec()
    return LocalModel(Loaded(f"tiny:{kind}", network(kind), coder, kind), token_budget=budget)


def same_as_each_alone(
    tiny: LocalModel, questions: list[Request], variants: list[list[Edit]]
) -> None:
    together = tiny.choose(
        [replace(q, edits=tuple(edits)) for edits in variants for q in questions]
    )
    for index, edits in enumerate(variants):
        with fresh(tiny.loaded.name.split(":")[1]).edited(edits) as edited:
            alone = edited.choose(questions)
        for batched, single in zip(together[index * len(questions) :], alone, strict=False):
            np.testing.assert_allclose(batched.loglik, single.loglik, atol=1e-4)


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """At which blocks passes were resumed."""
    seen: list[int] = []
    resumed = shared_blocks._resumed

    def counting(below: Any, states: Any) -> Any:
        seen.append(below.block)
        return resumed(below, states)

    monkeypatch.setattr(shared_blocks, "_resumed", counting)
    return seen


@pytest.mark.parametrize("kind", KINDS)
def test_a_sweep_is_as_each_strength_alone(kind: str, shared: list[int]) -> None:
    """Also where prompts are contexts of their own, and read in pieces."""
    vector = np.random.default_rng(1).normal(size=WIDTH)
    sweep = [[Edit(Site(1), vector, s)] for s in (-2.0, -0.5, 0.0, 0.5, 2.0)]
    same_as_each_alone(fresh(kind), asked(3), sweep)
    same_as_each_alone(fresh(kind, budget=100), asked(8, LONG), sweep[:3])
    statements = [
        Request(say("Say."), ((f"I {w} {LONG}.",), (f"Others {w} {LONG[::-1]}",))) for w in WORDS
    ]
    same_as_each_alone(fresh(kind), statements, sweep[:2])
    assert set(shared) == {1}


@pytest.mark.parametrize(
    ("part", "block", "last"),
    [("heads", 2, 1), ("mlp", 1, 0), ("block", 2, 2), ("heads", 0, None), ("embedding", 0, None)],
)
def test_what_is_shared_ends_below_the_first_edit(
    part: Any, block: int, last: int | None, shared: list[int]
) -> None:
    vector = np.random.default_rng(2).normal(size=WIDTH)
    first = [[Edit(Site(block, part), vector, s)] for s in (0.5, 1.0)]
    mixed = [*first, [Edit(Site(2), vector, 1.0, "project")], []]
    same_as_each_alone(fresh("llama"), asked(4), mixed)
    assert set(shared) == ({last} if last is not None else set())


@settings(max_examples=12, deadline=None)
@given(
    block=st.integers(0, 2),
    strengths=st.lists(st.floats(-3, 3), min_size=2, max_size=4),
    phase=st.sampled_from(["all", "prompt", "generation"]),
    start=st.integers(0, 3),
    count=st.integers(1, 8),
    budget=st.sampled_from([60, 300, 1024]),
)
def test_any_sweep_is_as_each_alone(
    block: int, strengths: list[float], phase: Any, start: int, count: int, budget: int
) -> None:
    vector = np.random.default_rng(3).normal(size=WIDTH)
    when = When(phase, start=start)
    variants = [[Edit(Site(block), vector, s, when=when)] for s in strengths]
    same_as_each_alone(fresh("llama", budget), asked(count, LONG[:60]), variants)


def test_the_network_and_the_trace_are_as_before(shared: list[int]) -> None:
    tiny, vector = fresh("llama"), np.ones(WIDTH)
    rows = [(Edit(Site(1), vector, s),) for s in (1.0, 2.0)]
    trace: list[Touch] = []
    before = model("llama").choose(asked(4))
    with tiny.edited((), trace=trace) as traced:
        traced.choose([replace(request, edits=own) for own in rows for request in asked(4)])
    assert shared and {t.site for t in trace} == {Site(1)}
    norms = np.array([t.norm for t in trace]) / np.sqrt(WIDTH)
    assert set(norms.round(4)) == {1.0, 2.0}
    blocks = network("llama").model.layers
    assert not any("forward" in vars(b) or b._forward_hooks for b in blocks)
    after = tiny.choose(asked(4))
    np.testing.assert_allclose([c.loglik for c in before], [c.loglik for c in after], atol=1e-4)


def test_what_is_shared_must_fit_in_memory(shared: list[int]) -> None:
    tiny = fresh("llama")
    tiny._reader.cache_bytes = 1000
    vector = np.ones(WIDTH)
    same_as_each_alone(tiny, asked(4), [[Edit(Site(1), vector, s)] for s in (0.5, 1.0)])
    assert not shared
