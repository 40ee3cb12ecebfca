"""Edits and recordings against the plain path: any op, site and moment, with and without cache."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from personae.core import (
    BadValue,
    Chat,
    Edit,
    Message,
    ModelError,
    Request,
    Sampling,
    Site,
    Touch,
    When,
    requests_of,
    say,
)
from personae.models.local.engine import LocalModel
from personae.models.local.sites import Sites
from tests.models.local.test_local import model
from tests.support.embedded import embedded
from tests.support.plain_edits import WIDTH, by_hand, edits, modules, plain_logits
from tests.support.tiny_networks import KINDS, codec, network

FEW = settings(max_examples=12, deadline=None)
CHATS = [
    say("I like tea."),
    say("I like tea and worry about things.", system="You are Ada."),
    say("I like tea.", system="You are Ada.", lead="Well"),
]
OPTIONS = ((("A", " A"), ("Very accurate",), ("Very",)), ((" agree strongly",), ("B",)))
REQUESTS = requests_of(CHATS)
QUESTIONS = [Request(chat, options) for chat in CHATS for options in OPTIONS]
SOME = st.lists(edits(), min_size=1, max_size=3)


def encoded(chat: Chat) -> list[int]:
    return codec().encode(codec().render(chat))


def by_plain_path(kind: str, question: Request, own: Sequence[Edit]) -> list[float]:
    prompt = encoded(question.chat)
    sums = []
    for forms in question.options:
        each = []
        for form in forms:
            option = codec().encode(form, special=False)
            logits = plain_logits(network(kind), prompt + option, own, len(prompt))
            logp = torch.log_softmax(logits.double(), -1)
            each.append(sum(float(logp[len(prompt) - 1 + i, t]) for i, t in enumerate(option)))
        sums.append(float(np.logaddexp.reduce(each)))
    return sums


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(own=SOME, budget=st.sampled_from([16, 64, 1024]))
def test_choosing_under_edits_is_the_plain_path(kind: str, own: list[Edit], budget: int) -> None:
    with model(kind, token_budget=budget).edited(own) as edited:
        for question, choice in zip(QUESTIONS, edited.choose(QUESTIONS), strict=True):
            expected = by_plain_path(kind, question, own)
            np.testing.assert_allclose(choice.loglik, expected, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(own=SOME)
def test_cached_writing_is_the_uncached_plain_path(kind: str, own: list[Edit]) -> None:
    """After each written token the logits under cache equal those of one pass over all so far."""
    tiny = model(kind)
    with tiny.edited(own) as edited:
        cached, written = _logits_while_writing(edited, encoded(CHATS[1]), 6)
    whole = [*encoded(CHATS[1]), *written]
    plain = plain_logits(network(kind), whole, own, len(encoded(CHATS[1])))
    plain = plain[len(whole) - 1 - len(written) : -1]
    assert (cached - plain).abs().max() <= 1e-5 * max(1.0, float(plain.abs().max()))


def _logits_while_writing(edited: Any, prompt: list[int], count: int) -> tuple[Any, list[int]]:
    reader, seen, written = edited._reader, [], []
    from personae.models.local.forward.reply_cache import ReplyCache  # noqa: PLC0415

    marked = reader.editing.marked(prompt, len(prompt))
    cache = ReplyCache(None, 1, len(prompt) + count, reader.device)
    layout, positions = cache.append(0, [len(prompt)])
    logits = reader.forward(marked, positions, layout, [len(prompt) - 1])
    for at in range(count):
        seen.append(logits[0])
        written.append(int(logits[0].argmax()))
        token = reader.editing.marked(written[-1:], len(prompt), 0, len(prompt) + at)
        layout, positions = cache.append(0, [1])
        logits = reader.forward(token, positions, layout, [0])
    return torch.stack(seen), written


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@FEW
@given(own=SOME)
def test_replies_under_edits_are_written_as_the_plain_path_would(
    kind: str, own: list[Edit]
) -> None:
    with model(kind).edited(own) as edited:
        replies = edited.reply(REQUESTS, Sampling(max_tokens=6))
    for chat, reply in zip(CHATS, replies, strict=True):
        prompt = ids = encoded(chat)
        for _ in range(6):
            logits = plain_logits(network(kind), ids, own, len(prompt))[-1]
            best = logits.topk(2).values
            if best[0] - best[1] < 1e-3:
                return  # too close to call: rounding decides
            ids = [*ids, int(logits.argmax())]
            if ids[-1] in codec().eos_ids:
                break
        reply_ids = [i for i in ids[len(prompt) :] if i not in codec().eos_ids]
        assert reply.text == codec().decode(reply_ids)


@pytest.mark.parametrize("kind", ["llama", "gemma2"])
@FEW
@given(rows=st.lists(st.lists(edits(), max_size=2), min_size=2, max_size=4), data=st.data())
def test_rows_under_their_own_edits_are_as_one_by_one(
    kind: str, rows: list[list[Edit]], data: Any
) -> None:
    """A sweep in one batch: each row as if it were alone, also under edits common to all."""
    common = data.draw(st.lists(edits(), max_size=1))
    question, sampling = QUESTIONS[1], Sampling(max_tokens=4, temperature=0.7)
    requests = [replace(question, edits=tuple(own)) for own in rows]
    with model(kind).edited(common) as edited:
        choices = edited.choose(requests)
        replies = edited.reply(requests, sampling)
        for own, choice, reply in zip(rows, choices, replies, strict=True):
            with edited.edited(own) as one:
                alone = one.choose([question])[0]
                np.testing.assert_allclose(choice.loglik, alone.loglik, atol=2e-4, rtol=1e-4)
                assert one.reply([question], sampling)[0].text == reply.text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", ["heads", "mlp", "block"])
def test_every_part_is_read_where_it_is_edited(kind: str, part: Any) -> None:
    """Recorded is what comes out of the edits, and equals what a hook of one's own sees."""
    own = [Edit(Site(1, part), np.linspace(-1, 1, WIDTH), 1.5)]
    site = own[0].site
    tiny = model(kind)
    with tiny.edited(own) as edited:
        got = edited.record(CHATS[:1], [site, Site(2, part)], "all")
    with torch.no_grad(), by_hand(network(kind), own, 99) as seen:
        network(kind)(torch.tensor([encoded(CHATS[0])]))
    np.testing.assert_allclose(got[site], seen[site].numpy(), atol=1e-4, rtol=1e-4)
    before = tiny.record(CHATS[:1], [site], "all")[site]
    np.testing.assert_allclose(
        got[site] - before, np.broadcast_to(1.5 * own[0].vector, before.shape), atol=1e-4
    )


def test_an_absent_strength_is_bit_identical_beside_edited_rows() -> None:
    tiny = model("llama")
    push = Edit(Site(1), np.ones(WIDTH))
    plain, absent = QUESTIONS[0], replace(QUESTIONS[0], edits=(replace(push, strength=0.0),))
    assert tiny.choose([absent, plain]) == tiny.choose([plain, plain])
    free = Sampling(max_tokens=5)
    mixed = tiny.reply([plain, replace(plain, edits=(push,))], free)
    assert mixed[0] == tiny.reply([plain], free)[0]


def test_a_cap_touches_only_what_is_beyond_it() -> None:
    """Lifted exactly to the bound, the rest untouched, idempotent."""
    tiny = model("llama")
    site, unit = Site(1), np.eye(WIDTH, dtype=np.float32)[3]
    plain = tiny.record(CHATS, [site], "all")[site]
    bound = float(np.median(plain[:, 3]))
    cap = Edit(site, unit, op="cap", bounds=(bound, float("inf")))
    mirrored = Edit(site, -unit, op="cap", bounds=(-float("inf"), -bound))
    trace: list[Touch] = []
    with tiny.edited([cap], trace=trace) as capped:
        got = capped.record(CHATS, [site], "all")[site]
    with tiny.edited([mirrored]) as other:
        np.testing.assert_array_equal(other.record(CHATS, [site], "all")[site], got)
    with tiny.edited([cap, cap]) as twice:
        np.testing.assert_allclose(twice.record(CHATS, [site], "all")[site], got, atol=1e-6)
    low = plain[:, 3] < np.float32(bound)
    assert 0 < low.sum() < len(low)
    np.testing.assert_allclose(got[low, 3], bound, atol=1e-6)
    np.testing.assert_array_equal(got[~low], plain[~low])
    np.testing.assert_allclose(np.delete(got, 3, 1), np.delete(plain, 3, 1), atol=1e-6)
    assert len(trace) == low.sum() and {t.site for t in trace} == {site}
    assert sum(t.norm for t in trace) == pytest.approx(np.abs(got - plain).sum(), rel=1e-4)


def test_the_trace_says_what_was_changed_under_the_cache() -> None:
    """Every written token is touched once, at its absolute position."""
    trace: list[Touch] = []
    push = Edit(Site(1), np.full(WIDTH, 0.5), when=When("generation", start=1, stop=4))
    with model("llama").edited([push], trace=trace) as edited:
        edited.reply(REQUESTS[:1], Sampling(max_tokens=9))
    start = len(encoded(CHATS[0]))
    assert [t.position for t in trace] == [start, start + 1, start + 2]
    assert trace[0].norm == pytest.approx(0.5 * WIDTH**0.5)


def test_replies_are_found_by_offsets() -> None:
    """Equal replies, different places, nothing of the template."""
    talk = [Message("system", "Yes."), *(Message(r, "Yes.") for r in ("user", "assistant") * 2)]
    chats: list[Chat] = [tuple(talk), say("Tea?", lead="Very accurate. I like tea.")]
    site = Site(1)
    tiny = model("llama")
    rows = tiny.record(chats, [site], "replies")[site]
    assert rows.shape == (3, WIDTH)
    assert np.abs(rows[0] - rows[1]).max() > 1e-3
    every = [tiny.record([c], [site], "all")[site] for c in chats]
    own = codec().encode(" Very accurate. I like tea.")
    np.testing.assert_allclose(rows[2], every[1][-len(own) :].mean(0), atol=1e-4)


def test_parts_that_can_not_be_found_name_the_candidates() -> None:
    net: Any = torch.nn.Module()
    net.config = network("llama").config
    net.layers = torch.nn.ModuleList(torch.nn.Sequential(torch.nn.Linear(2, 2)) for _ in range(3))
    with pytest.raises(ModelError, match=r"MLP of a Sequential; modules in it: 0 \(Linear\)"):
        Sites(net).width(Site(0, "mlp"))
    net.others = torch.nn.ModuleList(torch.nn.Linear(2, 2) for _ in range(3))
    with pytest.raises(ModelError, match="blocks=NAME"):
        Sites(net).width(Site(0))
    assert Sites(net, "layers").width(Site(0)) == WIDTH


def test_moments_have_their_window() -> None:
    with pytest.raises(BadValue, match="end to count from"):
        When("generation", start=-1)
    with pytest.raises(BadValue, match="without phase"):
        When("prompt", positions=(1,))
    phase: Any = "reply"
    with pytest.raises(BadValue, match="phase is one of"):
        When(phase)
    held = [[p for p in range(9) if When(x).holds(p, 4)] for x in ("prompt", "generation")]
    assert held == [[0, 1, 2], [3, 4, 5, 6, 7, 8]]


@pytest.mark.slow
@pytest.mark.embedded
def test_the_embedded_model_is_steered_and_its_turns_are_found() -> None:
    smollm = LocalModel(embedded())
    talk: Chat = (
        *say("Is it?"),
        Message("assistant", "Yes."),
        Message("user", "Yes."),
        Message("assistant", "Yes."),
    )
    ids, turns = smollm.loaded.codec.turns(talk)
    assert [smollm.loaded.codec.decode(ids[a:b]) for a, b in turns] == [m.text for m in talk]
    site, question = Site(15, "heads"), Request(say("Tea?"), (("Yes",), ("No",)))
    push = Edit(site, smollm.record([talk], [site], "replies")[site][0], 1.5)
    module, _ = modules(smollm.loaded.network, site)
    add = 1.5 * torch.tensor(push.vector)
    handle = module.register_forward_pre_hook(lambda _m, args: (args[0] + add,))
    try:
        by_own_hook = smollm.choose([question])[0]
    finally:
        handle.remove()
        smollm._reader.forget()
    with smollm.edited([push]) as steered:
        np.testing.assert_allclose(steered.choose([question])[0].loglik, by_own_hook.loglik)
