"""The fidelity check lets the model pass and catches what only looks like it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import inf, isnan

import pytest
import torch

from personae.core import Choice, Chooser, FidelityError, ModelError, Request
from personae.core.files.resources import data_json
from personae.models.local.engine import LocalModel
from personae.models.local.fidelity import LIMIT, _fidelity_requests, fidelity, network_fidelity
from personae.models.local.loading import WEIGHTS_SHA256, Loaded, load_gguf
from tests.support.embedded import embedded
from tests.support.gguf_files import gguf_bytes, tiny_metadata, tiny_tensors

Change = Callable[[str, torch.Tensor], torch.Tensor]


class Answering:
    """A chooser that answers from the reference, changed by a rule; it stands for a server."""

    name, fingerprint = "http://127.0.0.1/v1#smollm2", "0"

    def __init__(self, change: Callable[[Choice], Choice]) -> None:
        self.change = change

    def choose(self, requests: list[Request], *, done: object = None) -> list[Choice]:
        entries = data_json("fidelity.json")["questions"]
        return [self.change(Choice(loglik=tuple(e["loglik"]))) for e in entries]

    def reply(self, *_: object, **__: object) -> list[object]:
        return []


def answering(change: Callable[[Choice], Choice]) -> Chooser:
    return Answering(change)  # type: ignore[return-value]


def symmetric_4_bit(name: str, weight: torch.Tensor) -> torch.Tensor:
    """Requantise to Q4_0, as back ends without asymmetric 4-bit kernels do."""
    if weight.dim() != 2 or "embed" in name:
        return weight
    blocks = weight.reshape(-1, 32)
    step = blocks.gather(1, blocks.abs().argmax(1, keepdim=True)) / -8
    whole = (blocks / step).nan_to_num().add(8.5).floor().clamp(0, 15) - 8
    return (whole * step).reshape(weight.shape)


def noise_in_one_block(name: str, weight: torch.Tensor) -> torch.Tensor:
    if not name.startswith("model.layers.15.") or weight.dim() != 2:
        return weight
    noise = torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
    return weight + 0.3 * weight.std() * noise


@pytest.fixture
def changed() -> Iterator[Callable[[Change], Loaded]]:
    """Change the embedded network's weights for one test."""
    loaded = embedded()
    originals = {n: p.detach().clone() for n, p in loaded.network.named_parameters()}

    def change(rule: Change) -> Loaded:
        for name, weight in loaded.network.named_parameters():
            weight.data.copy_(rule(name, originals[name]))
        return loaded

    yield change
    change(lambda _, weight: weight)


def test_the_reference_is_of_the_pinned_weights() -> None:
    assert data_json("fidelity.json")["weights_sha256"] == WEIGHTS_SHA256


@pytest.mark.slow
@pytest.mark.embedded
def test_the_embedded_model_passes() -> None:
    whole = network_fidelity(embedded())
    assert whole.value < 1e-7
    assert (whole.n, whole.of, whole.unit) == (24, "token", "nats")
    answers = fidelity(LocalModel(embedded()))
    assert answers.value < 1e-7
    assert 0 <= answers.low <= answers.value <= answers.high
    assert (answers.n, answers.of) == (16, "question")


@pytest.mark.slow
@pytest.mark.embedded
@pytest.mark.parametrize(
    ("rule", "least", "most"),
    [(symmetric_4_bit, 0.25, 0.45), (noise_in_one_block, 5 * LIMIT, inf)],
)
def test_other_weights_are_caught(
    rule: Change, least: float, most: float, changed: Callable[[Change], Loaded]
) -> None:
    loaded = changed(rule)
    with pytest.raises(FidelityError, match=r"smollm2 is not smollm2") as caught:
        network_fidelity(loaded)
    distance = re.search(r"(\d+\.\d+) nats per token", str(caught.value))
    assert distance is not None and least < float(distance[1]) < most
    with pytest.raises(FidelityError, match=r"0\.\d+ nats per question"):
        fidelity(LocalModel(loaded))


@pytest.mark.slow
@pytest.mark.embedded
def test_weights_rounded_to_bfloat16_pass(changed: Callable[[Change], Loaded]) -> None:
    loaded = changed(lambda _, weight: weight.bfloat16().float())
    assert 1e-6 < network_fidelity(loaded).value < 1e-3


def test_another_vocabulary_is_caught(tmp_path: object) -> None:
    path = f"{tmp_path}/tiny.gguf"
    with open(path, "wb") as stream:
        stream.write(gguf_bytes(tiny_metadata("llama"), tiny_tensors("llama")))
    with pytest.raises(FidelityError, match="another vocabulary"):
        network_fidelity(load_gguf(path))


def test_back_ends_that_list_only_their_likeliest_tokens() -> None:
    """An unlisted option joins the rest; but one that is called impossible gives it away."""

    def cut(floor: float, shift: float = 0.0) -> Chooser:
        def change(choice: Choice) -> Choice:
            listed = tuple(v + shift if v > -2.5 else -inf for v in choice.loglik)
            return replace(choice, loglik=listed, floor=floor)

        return answering(change)

    assert fidelity(answering(lambda c: c)).value < 1e-9
    assert fidelity(cut(-2.5)).value < 1e-9
    with pytest.raises(FidelityError, match=r"0\.\d+ nats per question"):
        fidelity(cut(-2.5, shift=-0.7))
    with pytest.raises(FidelityError, match=r"0\.\d+ nats per question"):
        fidelity(answering(lambda c: replace(c, loglik=(-inf,) * 4, floor=-4.0)))
    with pytest.raises(FidelityError, match="inf nats"):
        fidelity(cut(-inf))


def test_counted_answers_are_too_coarse_and_failures_are_reported() -> None:
    counted = fidelity(answering(lambda c: replace(c, method="counted:20")))
    assert isnan(counted.value)
    assert "too coarse" in counted.why_missing
    with pytest.raises(ModelError, match=r"fails 16 of 16 questions.*error: time-out"):
        fidelity(answering(lambda c: Choice(status="error", why="time-out")))
    assert len(_fidelity_requests()) == 16
