"""GGUF files of experts and of Gemma, by our reader: against the network they were made from."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from personae.core import BadFile, ModelError, PersonaeError, Request, say
from personae.models.codec.gguf_codec import codec_from_gguf
from personae.models.local.loading import load_gguf
from personae.models.opening import open_model
from tests.support.gguf_files import gguf_bytes
from tests.support.gguf_networks import (
    SIZES,
    file_of,
    network_logits,
    random_network,
    settings,
    tensors,
)
from tests.support.llama_cpp import listed_by_llama_cpp

EXPERTS = {"expert_count": 4, "expert_used_count": 2}
ALL_HEADS = {**SIZES, "num_key_value_heads": 4}
CONFIGS: dict[str, Callable[[], Any]] = {
    "llama": lambda: transformers.MixtralConfig(
        **SIZES, num_local_experts=4, num_experts_per_tok=2, rms_norm_eps=1e-6
    ),
    "olmoe": lambda: transformers.OlmoeConfig(
        **ALL_HEADS, num_experts=4, num_experts_per_tok=2, rms_norm_eps=1e-6
    ),
    "gemma": lambda: transformers.GemmaConfig(**SIZES),
}
OWN: dict[str, dict[str, Any]] = {
    "llama": {**EXPERTS, "rope.freq_base": 1e6},
    "olmoe": {**EXPERTS, "attention.head_count_kv": 4},
    "gemma": {},
}
TOKENS = [index * 7 % 317 + 2 for index in range(100)]


def family_network(family: str) -> Any:
    network = random_network(CONFIGS[family]())
    with torch.no_grad():  # or a norm read wrongly would change nothing
        for name, weights in network.named_parameters():
            if "norm" in name:
                weights.add_(torch.linspace(-0.2, 0.3, len(weights)))
    return network


def changed_file(folder: Path, family: str, changes: Mapping[str, Any]) -> Path:
    """A file with settings changed, and tensors left out or added under another name."""
    metadata, stored = settings(family, **OWN[family]), tensors(family, family_network(family))
    for key, value in changes.items():
        if not key.startswith("blk."):
            metadata[key] = value
        elif value is None:
            del stored[key]
        else:
            stored[key] = stored[value]
    path = folder / "changed.gguf"
    path.write_bytes(gguf_bytes(metadata, stored))
    return path


@pytest.mark.parametrize("family", CONFIGS)
def test_a_file_gives_the_logits_of_its_network(family: str, tmp_path: Path) -> None:
    network = family_network(family)
    model: Any = open_model(f"gguf:{file_of(tmp_path, family, network, OWN[family])}", device="cpu")
    torch.testing.assert_close(
        network_logits(model.loaded.network), network_logits(network), atol=1e-5, rtol=0
    )
    assert not any("read by transformers" in note for note in model.notes)
    (choice,) = model.choose([Request(say("Calm?"), (("A",), ("B",)))])
    assert choice.status == "ok"


def test_other_precisions_are_read_too(tmp_path: Path) -> None:
    network = family_network("gemma")
    path = file_of(tmp_path, "gemma", network, OWN["gemma"])
    model: Any = open_model(f"gguf:{path}", device="cpu", dtype="bfloat16")
    assert {w.dtype for w in model.loaded.network.parameters()} == {torch.bfloat16}
    narrow = network_logits(model.loaded.network).float()
    assert (narrow - network_logits(network)).abs().mean() < 0.1


@pytest.mark.parametrize(
    ("family", "changes", "error", "says"),
    [
        ("llama", {"llama.expert_used_count": 5}, BadFile, "uses 5 experts at a time, and has 4"),
        ("llama", {"llama.expert_count": 3}, BadFile, "doesn't hold a llama network"),
        ("llama", {"llama.expert_weights_scale": 2.0}, ModelError, "'llama.expert_weights_scale'"),
        ("olmoe", {"olmoe.attention.clamp_kqv": 8.0}, ModelError, "clamp_kqv' is not read"),
        ("gemma", {"gemma.attn_logit_softcapping": 8.0}, ModelError, "softcapping' is not read"),
        ("llama", {"blk.1.ffn_up_exps.weight": None}, BadFile, "1 tensor out of .*gate_up_proj"),
        (
            "llama",
            {"blk.0.ffn_up.3.weight": "blk.0.ffn_gate_inp.weight"},
            ModelError,
            "each expert by itself.*hf:",
        ),
    ],
)
def test_what_is_not_read_is_refused(
    family: str, changes: dict[str, Any], error: type[PersonaeError], says: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=says):
        load_gguf(changed_file(tmp_path, family, changes))


def test_olmos_words_are_split_and_composed(tmp_path: Path) -> None:
    metadata = settings("olmoe") | {"tokenizer.ggml.pre": "olmo"}
    codec = codec_from_gguf(str(tmp_path / "tiny.gguf"), metadata)
    assert codec.encode("e\u0301") == codec.encode("\u00e9")
    assert codec.decode(codec.encode("I agree, aged 36.")) == "I agree, aged 36."


@pytest.mark.parametrize(("family", "first"), [("llama", "\u2581I"), ("gemma", "I")])
def test_sentencepiece_tokenizers_need_no_other_package(
    family: str, first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, end = ("<s>", "</s>") if family == "llama" else ("<bos>", "<eos>")
    special = ["<unk>", start, end, "<pad>", "<mask>"]
    words = [*special, "\u2581", "I", "c", "\u2581I", "\u2581c"]
    metadata = settings(family) | {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.add_space_prefix": family == "llama",
        "tokenizer.ggml.tokens": words,
        "tokenizer.ggml.scores": [-float(i) for i in range(len(words))],
        "tokenizer.ggml.token_type": [2, 3, 3, 3, 3, *[1] * 5],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
    }
    del metadata["tokenizer.ggml.merges"]
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf_bytes(metadata, {}))
    monkeypatch.setitem(sys.modules, "gguf", None)
    codec = codec_from_gguf(str(path), metadata)
    assert codec.start == start
    assert [words[i] for i in codec.encode("I c")] == [first, "\u2581c"]


@pytest.mark.slow
@pytest.mark.parametrize("family", CONFIGS)
def test_llama_cpp_gives_the_same_figures(family: str, tmp_path: Path) -> None:
    path = file_of(tmp_path, family, family_network(family), OWN[family])
    with torch.inference_mode():
        ours = load_gguf(path).network(input_ids=torch.tensor([TOKENS])).logits[0, -1]
    # ggml looks its GELU up in a table of float16
    tolerance = 5e-3 if family == "gemma" else 5e-4
    theirs = listed_by_llama_cpp(path, TOKENS)
    np.testing.assert_allclose(theirs, ours.log_softmax(-1).numpy(), atol=tolerance, rtol=0)
