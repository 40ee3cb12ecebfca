"""Tiny random networks written to GGUF files as llama.cpp's converter writes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from tests.support.gguf_files import Blob, gguf_bytes, tiny_metadata

__all__ = ["SIZES", "file_of", "network_logits", "random_network", "settings", "tensors"]

SIZES: dict[str, Any] = {
    "vocab_size": 320,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "initializer_range": 0.25,
    "pad_token_id": 1,
}


def random_network(config: Any) -> Any:
    torch.manual_seed(3)
    return transformers.AutoModelForCausalLM.from_config(config).eval()


def settings(family: str, **own: Any) -> dict[str, Any]:
    """The metadata of a file; the tokenizer is that of the tiny networks."""
    shared = {k.replace("qwen2.", f"{family}."): v for k, v in tiny_metadata("qwen2").items()}
    sizes = {
        "attention.key_length": 8,
        "attention.value_length": 8,
        "attention.layer_norm_rms_epsilon": 1e-5 if family == "phi3" else 1e-6,
    }
    return {
        **shared,
        "general.architecture": family,
        **{f"{family}.{key}": value for key, value in {**sizes, **own}.items()},
        "tokenizer.ggml.padding_token_id": 1,
    }


def _blob(values: NDArray[Any]) -> Blob:
    return values.shape, 0, np.ascontiguousarray(values, "<f4").tobytes()


def _paired(family: str, config: Any, name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Put queries and keys into the paired order of llama files."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    count = heads.get(name.split(".")[-2]) if family == "llama" else None
    if count is None:
        return values
    return values.reshape(count, 2, -1, values.shape[-1]).swapaxes(1, 2).reshape(values.shape)


def tensors(family: str, network: Any) -> dict[str, Blob]:
    """Weights under the names of the `gguf` package, as llama.cpp's converter stores them."""
    (kind,) = [k for k, name in gguf.MODEL_ARCH_NAMES.items() if name == family]
    names = gguf.get_tensor_name_map(kind, network.config.num_hidden_layers)
    stored: dict[str, NDArray[Any]] = {}
    for name, weights in network.named_parameters():
        values = weights.detach().numpy()
        stem = f"blk.{name.split('.')[2]}" if "layers" in name else ""
        if name.endswith("experts.gate_up_proj"):
            half = values.shape[1] // 2
            stored[f"{stem}.ffn_gate_exps.weight"] = values[:, :half]
            stored[f"{stem}.ffn_up_exps.weight"] = values[:, half:]
        elif name.endswith("experts.down_proj"):
            stored[f"{stem}.ffn_down_exps.weight"] = values
        else:
            plus = 1 if family.startswith("gemma") and "norm" in name else 0
            base, _, end = name.rpartition(".")
            paired = _paired(family, network.config, name, values) + plus
            stored[f"{names.get_name(base)}.{end}"] = paired.squeeze()
    return {name: _blob(values) for name, values in stored.items()}


def file_of(
    folder: Path,
    family: str,
    network: Any,
    own: Mapping[str, Any],
    divisors: Mapping[str, NDArray[Any]] | None = None,
    *,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Write a network to a file in a folder; `own` settings, and tensors of its positions."""
    path = folder / f"{family}.gguf"
    added = {name: _blob(values) for name, values in (divisors or {}).items()}
    stated = settings(family, **own) | dict(metadata or {})
    path.write_bytes(gguf_bytes(stated, tensors(family, network) | added))
    return path


def network_logits(network: Any, length: int = 44) -> torch.Tensor:
    """Logits of two rows of tokens."""
    ids = torch.arange(2, 2 + 2 * length).reshape(2, -1) % 318 + 2
    with torch.inference_mode():
        out: torch.Tensor = network(input_ids=ids).logits
    return out
