"""Every family of networks, in every precision, against one plain pass for each text."""

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch

from personae.core import Edit, Request, Sampling, Site, content_key, say
from personae.models.local.engine import LocalModel
from personae.models.local.loading import Loaded
from personae.models.local.sites import Sites
from personae.models.local.weights.rounding import TOLERANCE
from personae.models.local.weights.runtime import Runtime
from tests.support.tiny_networks import ALONE, SHARED, codec, network, plain_logliks

OPTIONS = (("A", " A"), ("B",), ("Very accurate",))
CHATS = (
    say("I like tea.", system="You are the life of the party."),
    say("I worry about things.", system="You are the life of the party."),
    say("I like long walks. " * 9),  # beyond the sliding windows
)
QUESTIONS = [Request(chat, OPTIONS) for chat in CHATS]
VECTOR = np.random.default_rng(0).normal(size=32).astype(np.float32)


def opened(kind: str, dtype: torch.dtype = torch.float32, attention: str = "auto") -> LocalModel:
    net = network(kind) if dtype == torch.float32 else deepcopy(network(kind)).to(dtype)
    coder: Any = codec()
    return LocalModel(
        Loaded(f"tiny:{kind}", net, coder, content_key(kind), Runtime(attention=attention))
    )


def largest_difference(model: LocalModel, measured: list[Any]) -> float:
    """Nats between measured log-likelihoods and those of plain passes."""
    differences = []
    for question, choice in zip(QUESTIONS, measured, strict=True):
        plain = plain_logliks(model.loaded.network, codec(), question)
        expected = [np.logaddexp.reduce(forms) for forms in plain]
        differences.append(np.abs(np.array(choice.loglik) - expected).max())
    return float(max(differences))


PRECISE, NARROW, HALF = torch.float32, torch.bfloat16, torch.float16
WEIGHED = [
    *((kind, dtype) for kind in (*SHARED, *ALONE[:-1]) for dtype in (PRECISE, NARROW)),
    *((kind, HALF) for kind in ("llama", "gemma2", "lfm2")),
    (ALONE[-1], NARROW),
]


@pytest.mark.parametrize(("kind", "dtype"), WEIGHED, ids=str)
def test_options_are_weighed_as_by_plain_passes(kind: str, dtype: torch.dtype) -> None:
    model = opened(kind, dtype)
    assert largest_difference(model, model.choose(QUESTIONS)) < TOLERANCE[dtype]
    alone = any("each text is read alone" in note for note in model.notes)
    assert alone == (kind in ALONE)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", ["llama", "gemma2", "deepseek_v3"])
def test_every_attention_gives_the_same(kind: str, attention: str) -> None:
    model = opened(kind, attention=attention)
    assert largest_difference(model, model.choose(QUESTIONS)) < TOLERANCE[torch.float32]


@pytest.mark.parametrize("kind", [*SHARED, "bloom", "lfm2", "mamba"])
def test_edits_and_recording_reach_the_network(kind: str) -> None:
    """By hooks of our own on plain passes."""
    model = opened(kind)
    block = Sites(network(kind)).blocks[1]
    states: list[torch.Tensor] = []

    def by_hand(_module: Any, _args: Any, out: Any) -> Any:
        hidden = out[0] if isinstance(out, tuple) else out
        new = hidden + 0.5 * torch.from_numpy(VECTOR)
        states.append(new[0])
        return (new, *out[1:]) if isinstance(out, tuple) else new

    with model.edited([Edit(Site(1), VECTOR, 0.5)]) as steered:
        measured = steered.choose(QUESTIONS)
        recorded = steered.record(CHATS, [Site(1)], "last")[Site(1)]
    assert largest_difference(model, measured) > 0.01
    handle = block.register_forward_hook(by_hand)
    try:
        assert largest_difference(model, measured) < TOLERANCE[torch.float32]
        states.clear()
        for chat in CHATS:
            with torch.no_grad():
                network(kind)(torch.tensor([codec().encode(codec().render(chat))]))
    finally:
        handle.remove()
    expected = np.stack([state[-1].double().numpy() for state in states])
    np.testing.assert_allclose(recorded, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["llama", "gemma3", "deepseek_v3", *ALONE[:-1]])
def test_replies_are_the_likeliest_tokens(kind: str) -> None:
    model = opened(kind)
    requests = [Request(chat) for chat in CHATS]
    with model.edited([Edit(Site(1), VECTOR, 0.5)]) as steered:
        replies = steered.reply(requests, Sampling(max_tokens=4))
        for request, reply in zip(requests, replies, strict=True):
            ids = codec().encode(codec().render(request.chat))
            taken: list[int] = []
            while len(taken) < 4 and (not taken or taken[-1] not in codec().eos_ids):
                rows = [len(ids) + len(taken) - 1]
                taken.append(int(steered._reader.alone(marked(steered, ids, taken), rows).argmax()))
            ends = taken[-1] in codec().eos_ids
            assert reply.text == codec().decode(taken[:-1] if ends else taken)


def marked(model: LocalModel, ids: list[int], taken: list[int]) -> tuple[int, ...]:
    return model._reader.editing.marked([*ids, *taken], len(ids))


def test_chunked_attention_is_read_up_to_a_chunk() -> None:
    """Beyond it, a token would not see what the network was trained to see."""
    import transformers  # noqa: PLC0415

    config = transformers.Llama4TextConfig(
        vocab_size=320,
        hidden_size=32,
        intermediate_size=48,
        intermediate_size_mlp=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        num_local_experts=2,
        attention_chunk_size=64,
        pad_token_id=1,
    )
    net = transformers.AutoModelForCausalLM.from_config(config).eval()
    coder: Any = codec()
    model = LocalModel(Loaded("tiny:llama4", net, coder, "0"))
    short, long = model.choose([Request(say("Hi"), OPTIONS), Request(CHATS[2], OPTIONS)])
    assert short.status == "ok"
    assert long.status == "error" and "at most 64" in long.why
