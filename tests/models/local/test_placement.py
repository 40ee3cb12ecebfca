"""Devices, precisions and quantisation: what is refused, and what a model says about itself."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from personae.cli.model_options import LOCAL_OPTIONS, model_options
from personae.core import (
    BadValue,
    Edit,
    InputError,
    ModelError,
    OpenModel,
    Request,
    Sampling,
    Site,
    UnknownName,
    model_packages,
    say,
)
from personae.models.local.weights import runtime
from personae.models.local.weights.runtime import Runtime
from personae.models.opening import open_model
from personae.models.placement import (
    ATTENTIONS,
    DEVICE_MAPS,
    DEVICES,
    DTYPES,
    QUANTIZATIONS,
    QUANTIZERS,
    Placement,
)
from tests.support.extras import needs
from tests.support.gguf_files import gguf_bytes, tiny_metadata, tiny_tensors
from tests.support.tiny_folders import byte_tokenizer, save_model


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf_bytes(tiny_metadata("qwen2"), tiny_tensors("qwen2")))
    return f"gguf:{path}"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"dtype": "bf16"}, "no dtype is called 'bf16'; did you mean 'bfloat16'"),
        ({"dtype": "float64"}, "Known: auto, bfloat16, float16, float32"),
        ({"device": "gpu"}, "no device is called 'gpu'"),
        ({"device": "cuda:N"}, "no device is called"),
        ({"device": "cuda:x"}, "did you mean 'cuda:N'"),
        ({"quantize": "8-bit"}, "did you mean '8bit'"),
        ({"attention": "flash_attention"}, "did you mean 'flash_attention_2'"),
        ({"device_map": "balance"}, "did you mean 'balanced'"),
        ({"device_map": "auto", "device": "cpu"}, "a device or a device map, not both"),
        ({"device": 3}, "device is a text, not 3"),
        ({"quantize": 8}, "no quantization is called '8'"),
        ({"dtypes": "float32"}, "did you mean 'dtype'"),
    ],
)
def test_wrong_options_name_near_matches(tiny: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        open_model(tiny, **options)


@pytest.mark.parametrize("device", ["mps", "cuda:99"])
def test_a_device_that_is_not_here_is_refused(tiny: str, device: str) -> None:
    with pytest.raises(BadValue, match=f"no device '{device}' here; PyTorch .* sees .*cpu"):
        open_model(tiny, device=device)


def test_the_command_line_names_every_choice() -> None:
    by_name = {option.name: str(option.help) for option in LOCAL_OPTIONS}
    choices = {
        "device": DEVICES,
        "dtype": DTYPES,
        "quantize": QUANTIZATIONS,
        "device_map": DEVICE_MAPS,
        "attention": ATTENTIONS,
    }
    assert by_name.keys() == choices.keys() == set(Placement.__dataclass_fields__)
    for name, values in choices.items():
        assert [v for v in values if v not in by_name[name]] == []


def test_options_go_to_the_models_of_their_kind() -> None:
    settings = {"dtype": "bfloat16", "device": None}
    given = model_options(["smollm2", "http://localhost/v1#judge"], settings)
    assert given == {"smollm2": {"dtype": "bfloat16"}, "http://localhost/v1#judge": {}}
    assert model_options(["vllm:tiny"], settings) == {"vllm:tiny": {"dtype": "bfloat16"}}
    with pytest.raises(InputError, match="--dtype is no option of null:yes; it is for smollm2, hf"):
        model_options(["null:yes"], settings)
    with pytest.raises(InputError, match="--device is no option of vllm:tiny"):
        model_options(["vllm:tiny"], {"device": "cuda"})


def test_the_usual_way_leaves_fingerprint_and_provenance_as_they_were() -> None:
    assert Runtime().identity == {"dtype": "float32"}
    assert Runtime().notes == ()


def test_what_was_resolved_is_in_fingerprint_and_notes(tiny: str) -> None:
    plain = open_model(tiny, device="cpu")
    narrow = open_model(tiny, device="cpu", dtype="bfloat16")
    half = open_model(tiny, device="cpu", dtype="float16")
    assert len({m.fingerprint for m in (plain, narrow, half)}) == 3
    assert open_model(tiny, device="cpu", dtype="float32").fingerprint == plain.fingerprint
    assert narrow.notes[0] == "bfloat16 on cpu"  # type: ignore[attr-defined]
    assert "overflows above 65,504" in half.notes[1]  # type: ignore[attr-defined]
    network = narrow.loaded.network  # type: ignore[attr-defined]
    assert {p.dtype for p in network.parameters()} == {torch.bfloat16}


def test_a_device_counts_by_its_kind() -> None:
    first, second = Runtime(device="cuda:0"), Runtime(device="cuda:1")
    assert first.identity == second.identity != Runtime().identity
    assert first.notes != second.notes


def test_unknown_values_are_refused_before_anything_is_opened() -> None:
    with pytest.raises(UnknownName, match="no dtype"):
        open_model("hf:no-such-folder", dtype="fp16")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_a_quantised_model_is_asked_edited_and_recorded(bits: str, tmp_path: Path) -> None:
    """On the CPU, by whichever package is installed."""
    if not any(find_spec(package) for package in QUANTIZERS[bits]):
        pytest.skip("needs torchao or bitsandbytes: the extra `quantize`")
    sizes = {"hidden_size": 128, "intermediate_size": 256}  # bitsandbytes has blocks of 64
    folder = save_model(tmp_path / "tiny", byte_tokenizer("<s>", "</s>"), config=sizes)
    name = f"hf:{folder}"
    questions = [Request(say("I like tea. " * n), (("A",), ("B",))) for n in (1, 4)]
    rounded = open_model(name, device="cpu", quantize=bits)
    exact = open_model(name, device="cpu")
    assert isinstance(rounded, OpenModel) and isinstance(exact, OpenModel)
    assert rounded.fingerprint != exact.fingerprint
    assert any(f"{bits} by" in note for note in rounded.notes)  # type: ignore[attr-defined]
    usual = {"torch", "transformers", "tokenizers", "llguidance"}
    used = [set(model_packages([model])) for model in (rounded, exact)]
    assert used[0] - usual and used[0] - usual <= set(QUANTIZERS[bits]) and used[1] == usual
    first, second = (np.array([c.loglik for c in m.choose(questions)]) for m in (rounded, exact))
    assert 0 < np.abs(first - second).max() < (0.5 if bits == "8bit" else 4)
    site, vector = Site(0), np.ones(128, dtype=np.float32)
    with rounded.edited([Edit(site, vector, 2.0)]) as steered:
        shift = steered.record([questions[0].chat], [site], "all")[site]
    shift = shift - rounded.record([questions[0].chat], [site], "all")[site]
    np.testing.assert_allclose(shift, 2.0, atol=1e-4)
    assert rounded.reply(questions, Sampling(max_tokens=3))[0].tokens_out > 0


WHOLE = {
    name: "cpu" for name in ("model.embed_tokens", "model.norm", "model.rotary_emb", "lm_head")
}


@needs("accelerate")
@pytest.mark.parametrize(
    "device_map",
    ["auto", "balanced", {"": "cpu"}, {**WHOLE, "model.layers.0": "cpu", "model.layers.1": "disk"}],
)
def test_a_device_map_changes_no_answer(
    device_map: str | dict[str, str | int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the CPU, part of it read from disk at every pass."""
    monkeypatch.setattr(runtime, "_present", lambda: ["cpu"])
    monkeypatch.chdir(tmp_path)
    name = f"hf:{save_model(tmp_path / 'tiny', byte_tokenizer('<s>', '</s>'))}"
    questions = [Request(say("I like tea. " * n), (("A",), ("B",))) for n in (1, 4)]
    plain, mapped = open_model(name, device="cpu"), open_model(name, device_map=device_map)
    assert isinstance(plain, OpenModel) and isinstance(mapped, OpenModel)
    assert mapped.fingerprint == plain.fingerprint
    edit = Edit(Site(1), np.ones(32, dtype=np.float32), 2.0)
    with plain.edited([edit]) as first, mapped.edited([edit]) as second:
        for one, other in ((plain, mapped), (first, second)):
            expected, got = ([c.loglik for c in m.choose(questions)] for m in (one, other))
            np.testing.assert_allclose(got, expected, atol=1e-4)


@needs("accelerate")
@pytest.mark.parametrize(
    ("device_map", "says"),
    [
        ({"": "cuda:77"}, "there is no device 'cuda:77' here"),
        ({"": 77}, "there is no device 'cuda:77' here"),
        ({"": "disk"}, "leaves the embeddings of tokens on disk"),
        ({"": "cpu", "model.layer.0": "cpu"}, "no module of .* did you mean 'model.layers.0'"),
        ({"": "cpu", "model.layers.9": "cpu"}, "no module of .* is called 'model.layers.9'"),
        ({"model": "cpu"}, "the device map has no device for lm_head$"),
        ({"lm_head.weight": "cpu"}, "no device for model.embed_tokens, .* and 15 more"),
        ({}, "a device map has at least one module"),
        ({3: "cpu"}, "a module in a device map is a text, not 3"),
        ({"": None}, "the device of '' is a text or a whole number, not None"),
        (["cpu"], "device_map is a text, a dict or None, not"),
    ],
)
def test_a_device_map_to_nowhere_is_refused(
    device_map: Any, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = save_model(tmp_path / "tiny", byte_tokenizer("<s>", "</s>"))
    with pytest.raises((BadValue, UnknownName), match=says):
        open_model(f"hf:{folder}", device_map=device_map)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory"),
        MemoryError(),
    ],
)
@pytest.mark.parametrize("place", ["hf", "gguf", "pass"])
def test_exhausted_memory_says_what_to_change(
    error: Exception, place: str, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    name = f"hf:{save_model(tmp_path / 'tiny', byte_tokenizer('<s>', '</s>'))}"
    if place == "pass":
        model = open_model(tiny, device="cpu")
        monkeypatch.setattr(torch.nn.functional, "embedding", fail)
        with pytest.raises(ModelError, match=r"too little memory .*Try a smaller token_budget"):
            model.choose([Request(say("Hm"), (("A",), ("B",)))])  # type: ignore[attr-defined]
        return
    monkeypatch.setattr(torch.nn.Module if place == "hf" else torch.Tensor, "to", fail)
    with pytest.raises(ModelError, match=r"too little memory .*Try --dtype bfloat16, --quantize"):
        open_model(name if place == "hf" else tiny, device="cpu")
