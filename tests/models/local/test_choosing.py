"""`choose` equals the plain path, whatever is asked together."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personae.core import Choice, Request, say
from personae.models.codec.posed_questions import PosedQuestion
from personae.models.local.choosing import choices
from personae.models.local.forward.passes import ForwardPasses
from personae.models.local.forward.shared_prefixes import blocks_and_contexts, build_tree
from personae.models.weighing import weigh
from tests.support.tiny_networks import KINDS, codec, network, plain_forms, plain_logliks

LIMIT = 512
PERSONAS = (None, "", "You are Ada.", "You are Bo. " + "You worry about things and people. " * 9)
ITEMS = ("I am calm.", "I am calm. I worry.", "I worry about things " * 6, "Hm", "I am calm")
FORMS = ("A", "B", " A", "AB", "A.", "A. Very", "Very accurate", "Very", "Very accurate.", "E!")
forms = st.lists(st.sampled_from(FORMS), min_size=1, max_size=7, unique=True)
chats = st.builds(
    lambda persona, item, lead: say(item, system=persona, lead=lead),
    st.sampled_from(PERSONAS),
    st.sampled_from(ITEMS),
    st.sampled_from(["", "I say "]),
)


@st.composite
def questions(draw: st.DrawFn) -> Request:
    texts = draw(forms)
    cut = draw(st.integers(0, len(texts) - 1))
    options = [tuple(texts[: cut + 1]), *((text,) for text in texts[cut + 1 :])]
    return Request(chat=draw(st.just(()) | chats), options=tuple(options))


def ask(kind: str, asked: Sequence[Request], reader: ForwardPasses | None = None) -> list[Choice]:
    posed = [PosedQuestion(request.chat, request.options) for request in asked]
    return choices(reader or ForwardPasses(network(kind)), codec(), posed, LIMIT, None)


def expected(kind: str, question: Request) -> list[float]:
    plain = plain_logliks(network(kind), codec(), question)
    return [float(np.logaddexp.reduce(options)) for options in plain]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15)
@given(asked=st.lists(questions(), max_size=7), budget=st.sampled_from([16, 90, 1024]))
def test_equals_the_plain_path(kind: str, asked: list[Request], budget: int) -> None:
    got = ask(kind, asked, ForwardPasses(network(kind), token_budget=budget))
    for question, choice in zip(asked, got, strict=True):
        assert choice.status == "ok"
        np.testing.assert_allclose(choice.loglik, expected(kind, question), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_contexts_blocks_and_dissolved_prefixes(kind: str) -> None:
    """Enough text that every way of sharing is taken, cold and with a kept context."""
    options = (("Very accurate", "Very"), ("A",), ("A. Very",), ("I agree strongly",))
    asked = [
        Request(say(f"{item} {i}", system=persona), options)
        for persona in PERSONAS
        for i in range(4)
        for item in ITEMS[:3]
    ]
    reader = ForwardPasses(network(kind), token_budget=300)
    cold = ask(kind, asked, reader)
    warm = ask(kind, asked[::-1], reader)[::-1]
    for question, one, two in zip(asked, cold, warm, strict=True):
        np.testing.assert_allclose(one.loglik, expected(kind, question), atol=1e-4)
        np.testing.assert_allclose(two.loglik, one.loglik, atol=1e-4)


@given(questions())
def test_events_are_disjoint_and_the_mass_is_their_union(question: Request) -> None:
    """Against a sum over all token strings by hand: a form continued by another gives way."""
    choice = ask("llama", [question])[0]
    coder = codec()
    plain = plain_logliks(network("llama"), coder, question)
    _, options = plain_forms(coder, question)
    probability = {
        tuple(f): np.exp(p)
        for fs, ps in zip(options, plain, strict=True)
        for f, p in zip(fs, ps, strict=True)
    }
    heads = [f for f in probability if not any(f[:n] in probability for n in range(1, len(f)))]
    union = sum(probability[f] for f in heads)
    assert choice.mass == pytest.approx(union, abs=1e-5)
    assert np.exp(choice.logp).sum() == pytest.approx(1, abs=1e-9)
    for ids, logp in zip(options, choice.logp, strict=True):
        own = 0.0
        for form in map(tuple, ids):
            longer = [g for g in probability if len(g) > len(form) and g[: len(form)] == form]
            direct = [g for g in longer if not any(g[:n] in longer for n in range(len(g)))]
            own += probability[form] - sum(probability[g] for g in direct)
        assert np.exp(logp) * union == pytest.approx(own, abs=1e-5)


def test_a_longer_option_takes_from_the_shorter_one() -> None:
    tenth, half = float(np.log(0.1)), float(np.log(0.5))
    choice = weigh([[(5,)], [(5, 6)], [(7,)]], {(5,): half, (5, 6): half, (7,): tenth}, 3)
    np.testing.assert_allclose(np.exp(choice.loglik), [0.5, 0.25, 0.1])
    np.testing.assert_allclose(np.exp(choice.logp), np.array([0.25, 0.25, 0.1]) / 0.6)
    assert choice.mass == pytest.approx(0.6)
    assert choice.tokens == (1, 2, 1)


class CountingReader(ForwardPasses):
    """Counts tokens that go through the network."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.read_tokens = 0

    def forward(self, tokens: Sequence[int], *rest: Any) -> Any:
        self.read_tokens += len(tokens)
        return super().forward(tokens, *rest)


def test_shared_tokens_are_read_once_and_kept() -> None:
    persona = "You are Bo. " + "You worry about things and people. " * 9
    asked = [
        Request(say(f"I like {w}.", system=persona), (("A",), ("B", "E")))
        for w in ("tea", "rain", "the sea", "people", "dogs", "maps", "sleep", "dust")
    ]
    sequences = [tuple(codec().encode(codec().render(q.chat))) for q in asked]
    tree, _ = build_tree(sequences)
    reader = CountingReader(network("llama"))
    ask("llama", asked * 3, reader)
    assert reader.read_tokens == tree.size < sum(map(len, sequences)) / 3
    before = reader.read_tokens
    ask("llama", asked, reader)
    assert reader.read_tokens - before < tree.size - len(tree.tokens) + 2


def test_changed_weights_are_noticed() -> None:
    net = network("qwen2")
    persona = "You worry about things and people. " * 12
    asked = [
        Request(say(f"I like {w}.", system=persona), (("A",), ("B",)))
        for w in ("tea", "rain", "the sea", "people")
    ]
    reader = ForwardPasses(net)
    before = ask("qwen2", asked, reader)
    weight = net.model.layers[0].mlp.down_proj.weight
    saved = weight.detach().clone()
    try:
        weight.detach().mul_(3.0)
        after = ask("qwen2", asked, reader)
        np.testing.assert_allclose(after[0].loglik, expected("qwen2", asked[0]), atol=1e-4)
        assert abs(after[0].loglik[0] - before[0].loglik[0]) > 1e-3
    finally:
        weight.detach().copy_(saved)


def test_what_cannot_be_read_is_a_record_and_the_rest_goes_on() -> None:
    fine = PosedQuestion(say("I worry."), (("A",), ("B",)))
    long = PosedQuestion(say("I worry. " * 400), (("A",), ("B",)))
    seen: dict[int, Any] = {}
    got = choices(
        ForwardPasses(network("gpt2")), codec(), [fine, long, fine], LIMIT, seen.__setitem__
    )
    assert [c.status for c in got] == ["ok", "error", "ok"]
    assert "512" in got[1].why
    assert got[1].loglik == () and got[0] == got[2]
    assert seen == dict(enumerate(got))


def test_no_questions() -> None:
    assert ask("llama", []) == []


def test_dissolving_keeps_every_sequence() -> None:
    base = tuple(range(3))
    rows = [base, *((*base, b, *range(100, 400)) for b in (50, 60))]
    tree, ends = build_tree(rows)
    root = type(tree)(0, (), children=[tree], size=tree.size)
    small, large = blocks_and_contexts(root)
    assert sorted(len(n.tokens) for n in (*small, *large)) == [3, 304, 304]
    assert {ends[0]} == set(small) and set(ends[1:]) == set(large)
