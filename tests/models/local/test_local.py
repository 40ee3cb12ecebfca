"""The local model as a whole: reading and editing inside, and the embedded model."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from personae.core import (
    BadValue,
    Edit,
    EditGate,
    InputError,
    ModelError,
    OpenModel,
    Request,
    Sampling,
    Site,
    content_key,
    requests_of,
    say,
)
from personae.models.local.engine import LocalModel
from personae.models.local.loading import Loaded
from personae.models.local.sites import Sites
from tests.support.embedded import embedded
from tests.support.tiny_networks import KINDS, codec, network, plain_logliks

CHATS = [say("I like tea."), say("I worry about things " * 9, system="You are Ada."), ()]
REQUESTS = requests_of(CHATS)
QUESTIONS = requests_of(CHATS, (("A", " A"), ("B",), ("Very accurate",)))
FREE = Sampling(max_tokens=8)


def model(kind: str, **options: Any) -> LocalModel:
    coder: Any = codec()
    return LocalModel(Loaded(f"tiny:{kind}", network(kind), coder, content_key(kind)), **options)


def plain_states(kind: str, ids: list[int]) -> list[torch.Tensor]:
    """What transformers itself hands out: the embedding, then every block's output."""
    found: list[torch.Tensor] = []
    net = network(kind)
    handles = [net.get_input_embeddings().register_forward_hook(lambda *_: None)]
    for block in Sites(net).blocks:
        handles.append(
            block.register_forward_pre_hook(
                lambda _m, args: found.append(args[0]) if not found else None
            )
        )
        handles.append(
            block.register_forward_hook(
                lambda _m, _a, out: found.append(out[0] if isinstance(out, tuple) else out)
            )
        )
    try:
        with torch.no_grad():
            net(torch.tensor([ids]))
    finally:
        for handle in handles:
            handle.remove()
    return [f[0] for f in found]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("budget", [16, 1024])
def test_record_equals_the_plain_pass(kind: str, budget: int) -> None:
    sites = [Site(0, "embedding"), *(Site(b) for b in range(3))]
    tiny = model(kind, token_budget=budget)
    ids = [codec().encode(codec().render(c)) for c in CHATS]
    states = [plain_states(kind, i) for i in ids]
    for at, site in enumerate(sites):
        each = [s[at].double().numpy() for s in states]
        expected = {
            "all": np.concatenate(each),
            "last": np.stack([e[-1] for e in each]),
            "mean": np.stack([e.mean(0) for e in each]),
        }
        for pool in ("last", "mean", "all"):
            got = tiny.record(CHATS, [site], pool)[site]
            np.testing.assert_allclose(got, expected[pool], atol=1e-3, rtol=1e-4)
    assert tiny.record([], sites, "mean")[sites[0]].shape == (0, 32)


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_is_an_added_vector_and_leaves_no_trace(kind: str) -> None:
    tiny = model(kind)
    before = tiny.choose(QUESTIONS), tiny.reply(REQUESTS, FREE), tiny.fingerprint
    vector = np.random.default_rng(0).normal(size=32).astype(np.float32)
    edits = [Edit(Site(1), vector, 0.7), Edit(Site(0, "embedding"), vector, -0.2)]
    block, first = Sites(network(kind)).blocks[1], Sites(network(kind)).blocks[0]
    with tiny.edited(edits) as steered:
        assert steered.fingerprint != before[2]
        got = steered.choose(QUESTIONS)
        assert (
            tiny.choose(QUESTIONS),
            tiny.reply(REQUESTS, FREE),
            tiny.fingerprint,
        ) == before
        shift = steered.record(CHATS, [Site(0, "embedding")], "all")
    assert not block._forward_hooks and not first._forward_pre_hooks
    clean = tiny.record(CHATS, [Site(0, "embedding")], "all")
    moved = shift[Site(0, "embedding")] - clean[Site(0, "embedding")]
    np.testing.assert_allclose(moved, np.broadcast_to(-0.2 * vector, moved.shape), atol=1e-4)
    assert (
        tiny.choose(QUESTIONS),
        tiny.reply(REQUESTS, FREE),
        tiny.fingerprint,
    ) == before
    with tiny.edited([Edit(Site(1), vector, 50.0)]) as pushed:
        assert pushed.reply(REQUESTS, FREE) != before[1]
    # by hand: hooks of our own on the plain path
    add = torch.from_numpy(vector)
    handles = [
        block.register_forward_hook(
            lambda _m, _a, out: (
                (out[0] + 0.7 * add, *out[1:]) if isinstance(out, tuple) else out + 0.7 * add
            )
        ),
        first.register_forward_pre_hook(lambda _m, args: (args[0] - 0.2 * add, *args[1:])),
    ]
    try:
        for question, choice in zip(QUESTIONS, got, strict=True):
            plain = plain_logliks(network(kind), codec(), question)
            sums = [float(np.logaddexp.reduce(p)) for p in plain]
            np.testing.assert_allclose(choice.loglik, sums, atol=1e-4)
    finally:
        for handle in handles:
            handle.remove()


def test_strength_zero_is_the_identity() -> None:
    tiny = model("llama")
    before = tiny.choose(QUESTIONS), tiny.reply(REQUESTS, FREE), tiny.fingerprint
    with tiny.edited([Edit(Site(1), np.ones(32, dtype=np.float32), 0.0)]) as same:
        assert (
            same.choose(QUESTIONS),
            same.reply(REQUESTS, FREE),
            same.fingerprint,
        ) == before


def test_edits_nest_and_go_also_after_an_error() -> None:
    tiny = model("gpt2")
    plain, vector = tiny.choose(QUESTIONS), np.ones(32, dtype=np.float32)
    with tiny.edited([Edit(Site(2), vector, 3.0)]) as pushed:
        whole, print_whole = pushed.choose(QUESTIONS), pushed.fingerprint
    with (
        pytest.raises(ZeroDivisionError),
        tiny.edited([Edit(Site(2), vector, 1.0)]) as once,
        once.edited([Edit(Site(2), vector, 2.0)]) as twice,
    ):
        for one, two in zip(twice.choose(QUESTIONS), whole, strict=True):
            np.testing.assert_allclose(one.loglik, two.loglik, atol=1e-4)
        assert twice.fingerprint != print_whole
        raise ZeroDivisionError
    assert tiny.choose(QUESTIONS) == plain


def test_kept_contexts_are_not_used_under_an_edit() -> None:
    persona = "You worry about things and people. " * 12
    asked = [
        Request(say(f"I like {w}.", system=persona), (("A",), ("B",)))
        for w in ("tea", "rain", "the sea", "people", "dogs", "maps")
    ]
    tiny = model("llama")
    edit = [Edit(Site(0), np.full(32, 0.3, dtype=np.float32))]
    tiny.choose(asked)
    with tiny.edited(edit) as steered:
        warm = steered.choose(asked)
    with model("llama").edited(edit) as fresh:
        assert fresh.choose(asked) == warm


ONES = np.ones(32, dtype=np.float32)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (Edit(Site(3), ONES), "0 to 2"),
        (Edit(Site(-1), ONES), "0 to 2"),
        (Edit(Site(1, "embedding"), ONES), "input of block 0"),
        (Edit(Site(0), np.ones(31, dtype=np.float32)), "width 32 in this model, not 31"),
        (Edit(Site(0), ONES, gate=EditGate(ONES[:9])), r"probe has the shape \(32,\)"),
    ],
)
def test_edits_that_do_not_fit_are_refused(edit: Edit, says: str) -> None:
    with pytest.raises(BadValue, match=says), model("llama").edited([edit]):
        pass


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"vector": np.full(32, np.nan)}, "finite"),
        ({"strength": float("inf")}, "finite"),
        ({"op": "ad"}, "op is one of"),
        ({"op": "ablate", "vector": 0 * ONES}, "needs a direction"),
        ({"vector": np.ones((2, 32))}, "is .width,"),
        ({"op": "cap"}, "needs a bound"),
        ({"bounds": (0.0, 1.0)}, "needs a bound"),
        ({"op": "cap", "bounds": (2.0, 1.0)}, "low <= high"),
    ],
)
def test_edits_that_make_no_sense_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(BadValue, match=says):
        Edit(**{"site": Site(0), "vector": ONES, **given})


def test_record_refuses_what_it_cannot_read() -> None:
    with pytest.raises(BadValue, match="reads 1 to 512"):
        model("llama").record([say("I worry. " * 400)], [Site(0)], "mean")
    wrong: Any = "mlps"
    with pytest.raises(BadValue, match="block, heads, mlp, embedding"):
        model("llama").record(CHATS, [Site(0, wrong)], "mean")
    with pytest.raises(BadValue, match="turn of the assistant"):
        model("llama").record(CHATS[:1], [Site(0)], "replies")


def test_requests_that_cannot_be_answered_are_refused() -> None:
    with pytest.raises(InputError, match="no options"):
        model("llama").choose([*QUESTIONS, Request(CHATS[0])])
    narrow = Edit(Site(0), np.ones(3))
    with pytest.raises(BadValue, match="width 32"):
        model("llama").choose([replace(QUESTIONS[0], edits=(narrow,))])


def test_unclear_blocks_name_the_candidates() -> None:
    class Twins(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.config = network("llama").config
            self.left, self.right = (
                torch.nn.ModuleList(torch.nn.Linear(2, 2) for _ in range(3)) for _ in "ab"
            )

    with pytest.raises(ModelError, match=r"left \(3 x Linear\), right \(3 x Linear\)"):
        _ = Sites(Twins()).blocks


def test_it_is_an_open_model() -> None:
    assert isinstance(model("llama"), OpenModel)


@pytest.fixture(scope="module", name="smollm")
def open_embedded() -> LocalModel:
    return LocalModel(embedded())


@pytest.mark.slow
@pytest.mark.embedded
def test_the_embedded_model_by_the_plain_path(smollm: LocalModel) -> None:
    options = (("A", " A"), ("Very accurate",), ("Very",))
    asked = [
        Request(say(f"You {what}. Answer A or B.", system=persona), options)
        for persona in (None, "You are Ada. " * 10)
        for what in ("like people", "sing")
    ]
    loaded: Any = smollm.loaded
    for question, choice in zip(asked, smollm.choose(asked), strict=True):
        plain = plain_logliks(loaded.network, loaded.codec, question)
        sums = [float(np.logaddexp.reduce(p)) for p in plain]
        np.testing.assert_allclose(choice.loglik, sums, atol=1e-4)
        assert 0 < choice.mass <= 1


@pytest.mark.slow
@pytest.mark.embedded
def test_the_embedded_model_speaks(smollm: LocalModel) -> None:
    chats = [say("What is the capital of France?"), say("What is the capital of Italy?")]
    loaded = smollm.loaded
    for chat, reply in zip(
        chats, smollm.reply(requests_of(chats), Sampling(max_tokens=12)), strict=True
    ):
        ids = torch.tensor([loaded.codec.encode(loaded.codec.render(chat))])
        network: Any = loaded.network
        whole = network.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=12,
            do_sample=False,
            pad_token_id=loaded.codec.pad_id,
        )
        reply_ids = [i for i in whole[0, ids.shape[1] :].tolist() if i not in loaded.codec.eos_ids]
        assert reply.text == loaded.codec.decode(reply_ids)
    assert "Paris" in smollm.reply(requests_of(chats[:1]), Sampling(max_tokens=12))[0].text
    schema = '{"type":"object","properties":{"city":{"enum":["Oslo","Paris"]}},"required":["city"]}'
    constrained = smollm.reply(requests_of(chats[:1]), Sampling(max_tokens=20, schema=schema))[0]
    assert constrained.text == '{"city": "Paris"}'
