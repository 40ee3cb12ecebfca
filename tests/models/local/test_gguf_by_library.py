"""GGUF files of architectures, tokenizers and tensor types that ours doesn't read."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
import transformers

from personae.core import BadFile, MissingExtra, ModelError, PersonaeError, Request, say
from personae.models.codec.gguf_codec import codec_from_gguf
from personae.models.gguf import quants
from personae.models.local.loading import load_gguf
from personae.models.local.weights import gguf_by_library
from personae.models.opening import open_model
from tests.support.extras import needs
from tests.support.gguf_files import gguf_bytes, tiny_metadata, tiny_tensors
from tests.support.gguf_networks import (
    SIZES,
    file_of,
    network_logits,
    random_network,
    settings,
    tensors,
)
from tests.support.llama_cpp import listed_by_llama_cpp
from tests.support.tiny_folders import piece_tokenizer

GEMMA = {"query_pre_attn_scalar": 8, "sliding_window": 24}
NETWORKS: dict[str, Callable[[], Any]] = {
    "qwen3": lambda: transformers.Qwen3Config(**SIZES),
    "qwen3moe": lambda: transformers.Qwen3MoeConfig(
        **SIZES, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16, norm_topk_prob=True
    ),
    "qwen2moe": lambda: transformers.Qwen2MoeConfig(
        **SIZES,
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=16,
        shared_expert_intermediate_size=24,
    ),
    "phi3": lambda: transformers.Phi3Config(**SIZES, sliding_window=24),
    "gemma2": lambda: transformers.Gemma2Config(
        **SIZES, **GEMMA, attn_logit_softcapping=5.0, final_logit_softcapping=3.0
    ),
    "gemma3": lambda: transformers.Gemma3TextConfig(
        **{**SIZES, "num_hidden_layers": 6},
        **GEMMA,
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 1e6},
            "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
        },
    ),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "qwen3": {},
    "qwen3moe": {
        "expert_count": 4,
        "expert_used_count": 2,
        "expert_feed_forward_length": 16,
    },
    "qwen2moe": {
        "expert_count": 4,
        "expert_used_count": 2,
        "expert_feed_forward_length": 16,
        "expert_shared_feed_forward_length": 24,
    },
    "phi3": {"attention.sliding_window": 24, "rope.dimension_count": 8},
    "gemma2": {
        "attention.sliding_window": 24,
        "attn_logit_softcapping": 5.0,
        "final_logit_softcapping": 3.0,
    },
    "gemma3": {"attention.sliding_window": 24, "rope.freq_base": 1e6, "block_count": 6},
}


def family_network(family: str) -> Any:
    return random_network(NETWORKS[family]())


def family_settings(family: str) -> dict[str, Any]:
    return settings(family, **SETTINGS[family])


@needs("accelerate")
@pytest.mark.parametrize("family", NETWORKS)
def test_a_file_gives_the_logits_of_its_network(
    family: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = family_network(family)
    path = file_of(tmp_path, family, network, SETTINGS[family])
    model: Any = open_model(f"gguf:{path}", device="cpu")
    assert model.packages["gguf"] == version("gguf")
    torch.testing.assert_close(
        network_logits(model.loaded.network), network_logits(network), atol=1e-4, rtol=0
    )
    assert capsys.readouterr().err == ""  # no progress bars
    assert any("read by transformers" in note for note in model.notes)
    (choice,) = model.choose([Request(say("Calm?"), (("A",), ("B",)))])
    assert choice.status == "ok"


@needs("accelerate")
@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"qwen3.rope.scaling.type": "su"}, ModelError, "scaled rotary"),
        (
            {"qwen3.attention.temperature": 2},
            ModelError,
            "'qwen3.attention.temperature' is not read",
        ),
        ({"qwen3.attention.value_length": 4}, ModelError, "keys and values differ"),
        ({"qwen3.block_count": 1_000_000}, BadFile, "promises 1000000 blocks"),
        ({"qwen3.feed_forward_length": 40}, BadFile, "doesn't make a qwen3 network|missing"),
        ({"blk.0.attn_q_norm.weight": None}, BadFile, "missing: .*q_norm"),
        (
            {"blk.0.surplus.weight": True},
            BadFile,
            "holds 43,800 weights, and a qwen3 network .* has 43,792",
        ),
        ({"tokenizer.ggml.pre": "own"}, ModelError, "pre-tokenizer 'own' is not built"),
        ({"general.architecture": "mamba"}, ModelError, "only llama, qwen2, gemma, .*qwen3moe"),
    ],
)
def test_what_the_library_would_pass_over_is_refused(
    changes: dict[str, Any], error: type[PersonaeError], says: str, tmp_path: Path
) -> None:
    metadata, stored = family_settings("qwen3"), tensors("qwen3", family_network("qwen3"))
    for key, value in changes.items():
        if not key.startswith("blk."):
            metadata[key] = value
        elif value is None:
            del stored[key]
        else:
            stored[key] = stored["blk.0.attn_q_norm.weight"]
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf_bytes(metadata, stored))
    with pytest.raises(error, match=says):
        load_gguf(path)


def test_packages_that_are_lacking_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(
        gguf_bytes(family_settings("qwen3"), tensors("qwen3", family_network("qwen3")))
    )
    monkeypatch.setattr(gguf_by_library, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"qwen3 needs 'gguf', .*personae\[gguf\]"):
        load_gguf(path)
    monkeypatch.setattr(quants, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match="ggml type 20 needs 'gguf'"):
        quants.tensor_format(20)


@needs("accelerate")
def test_both_readers_give_the_same_logits_of_types_that_ours_lacks(tmp_path: Path) -> None:
    rng, kind = np.random.default_rng(0), gguf.GGMLQuantizationType.IQ4_NL
    stored = dict(tiny_tensors("llama"))
    for name, (shape, _, _) in stored.items():
        if len(shape) == 2 and shape[1] == 32:  # whole blocks
            blocks = rng.integers(0, 256, (shape[0], 18), dtype=np.uint8)
            blocks[:, :2] = np.frombuffer(np.float16(0.002).tobytes(), np.uint8)
            stored[name] = (shape, int(kind), blocks.tobytes())
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf_bytes(tiny_metadata("llama"), stored))
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file=path.name, dtype=torch.float32
    )
    ours = load_gguf(path).network
    assert 20 not in quants.FORMATS
    torch.testing.assert_close(network_logits(ours), network_logits(theirs), atol=1e-5, rtol=0)


def piece_metadata(**changes: Any) -> tuple[Any, dict[str, Any]]:
    tokenizer = piece_tokenizer("<unk>", "<s>", "</s>", legacy=True)
    words = [str(tokenizer.id_to_token(i)) for i in range(tokenizer.get_vocab_size())]
    scores = [-float(i) for i in range(len(words))]
    return tokenizer, {
        **family_settings("phi3"),
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": words,
        "tokenizer.ggml.scores": scores,
        "tokenizer.ggml.token_type": [2, 3, 3] + [1] * (len(words) - 3),
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        **changes,
    }


@needs("accelerate")
def test_tokenizers_of_sentencepieces_kind(tmp_path: Path) -> None:
    tokenizer, metadata = piece_metadata()
    del metadata["tokenizer.ggml.merges"]
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf_bytes(metadata, {}))
    codec = codec_from_gguf(str(path), metadata)
    for text in ("I am calm", "A B", "I worry.</s>Pick one"):
        assert codec.encode(text) == tokenizer.encode(text, add_special_tokens=False).ids
    assert codec.start == "<s>" and codec.eos_ids == (2,)
    _, other = piece_metadata(**{"tokenizer.ggml.add_space_prefix": False})
    with pytest.raises(ModelError, match="'llama' with pre-tokenizer 'default' is not built"):
        codec_from_gguf(str(path), other)


@needs("accelerate")
def test_words_are_split_as_the_file_names_it(tmp_path: Path) -> None:
    metadata = {
        **family_settings("qwen3"),
        "tokenizer.ggml.pre": "tekken",
    }
    metadata["tokenizer.ggml.tokens"] = [*metadata["tokenizer.ggml.tokens"], "<|endoftext|>"]
    metadata["tokenizer.ggml.token_type"] = [*metadata["tokenizer.ggml.token_type"], 3]
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf_bytes(metadata, {}))
    codec = codec_from_gguf(str(path), metadata)
    assert codec.encode("36") == codec.encode("3") + codec.encode("6")
    assert codec.encode("</s>") == [1]
    text = "I agree strongly, aged 36."
    assert codec.decode(codec.encode(text)) == text


@pytest.mark.slow
@needs("accelerate")
@pytest.mark.parametrize("family", NETWORKS)
def test_llama_cpp_gives_the_same_figures(family: str, tmp_path: Path) -> None:
    path = file_of(tmp_path, family, family_network(family), SETTINGS[family])
    # llama.cpp leaves out phi3's window, and says that its results suffer
    tokens = [index * 7 % 317 + 2 for index in range(20 if family == "phi3" else 100)]
    with torch.inference_mode():
        ours = load_gguf(path).network(input_ids=torch.tensor([tokens])).logits[0, -1]
    # ggml looks its GELU up in a table of float16
    tolerance = 5e-3 if family.startswith("gemma") else 5e-4
    theirs = listed_by_llama_cpp(path, tokens)
    np.testing.assert_allclose(theirs, ours.log_softmax(-1).numpy(), atol=tolerance, rtol=0)
