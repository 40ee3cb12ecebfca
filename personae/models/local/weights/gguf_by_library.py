"""Builds networks from GGUF files of architectures that ours doesn't, by `transformers`' reader.

It takes tensors from the file, not settings: of these it leaves some out without a word (Qwen3's
width of heads, Gemma 2's caps, Phi-3's window, the scaling of rotary positions). So the
configuration comes from the file by our own checks, and a file with a setting that isn't known
here is refused.
"""

from importlib.util import find_spec
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import transformers
from transformers import modeling_gguf_pytorch_utils
from transformers.utils import logging

from personae.core.errors import BadFile, MissingExtra, ModelError
from personae.models.gguf.gguf_file import Gguf
from personae.models.local.weights.gguf_network import KNOWN, UNREAD, base_config
from personae.models.local.weights.gguf_positions import (
    WINDOWED_BASE,
    Positions,
    position_tensors,
)
from personae.models.local.weights.gguf_settings import GgufSettings
from personae.models.local.weights.memory import OPENING, memory_advice
from personae.models.local.weights.progress_bars import bars_in_terminals

__all__ = ["LIBRARY_FAMILIES", "READER", "library_network"]

LIBRARY_FAMILIES = {
    "gemma2": "Gemma2Config",
    "gemma3": "Gemma3TextConfig",
    "phi3": "Phi3Config",
    "qwen2moe": "Qwen2MoeConfig",
    "qwen3": "Qwen3Config",
    "qwen3moe": "Qwen3MoeConfig",
}
"""Architectures whose logits are the same as those of the network that the file was made from."""
READER = f"GGUF read by transformers {transformers.__version__}"
COUNTS = {
    "attention.sliding_window": "sliding_window",
    "expert_count": "num_experts",
    "expert_used_count": "num_experts_per_tok",
    "expert_feed_forward_length": "moe_intermediate_size",
    "expert_shared_feed_forward_length": "shared_expert_intermediate_size",
}
REALS = ("attn_logit_softcapping", "final_logit_softcapping")
LOCAL_THETA = 10000.0
"""Base of the rotary positions in Gemma 3's windowed blocks, where files don't state it."""
SCALED_BY_WIDTH = {("gemma2", 46), ("gemma3", 62)}
"""Gemmas of 27 billion parameters, by their blocks: files don't state that these scale queries by
width / heads, the others by the width of a head (llama.cpp, models/gemma2.cpp and gemma3.cpp)."""
modeling_gguf_pytorch_utils.tqdm = logging.tqdm  # its own bar heeds no switch
FAULTS = (OSError, LookupError, TypeError, ValueError, AttributeError, AssertionError, RuntimeError)


def _config(file: Gguf, family: str, positions: Positions) -> Any:  # noqa: ANN401  (transformers' class)
    values = base_config(file, family, positions)
    get = GgufSettings(file, family)
    stated = {key for key in get.stated if not key.startswith("rope.")}
    if unknown := sorted(stated - {*KNOWN, *COUNTS, *REALS}):
        raise ModelError(UNREAD.format(file.path, f"{family}.{unknown[0]}"))
    values |= {name: get.count(key) for key, name in COUNTS.items() if key in stated}
    values |= {key: get.real(key) for key in REALS if key in stated}
    for name in ("bos", "eos", "pad"):
        key = "padding" if name == "pad" else name
        values[f"{name}_token_id"] = file.metadata.get(f"tokenizer.ggml.{key}_token_id")
    head = values["head_dim"]
    if family.startswith("gemma"):
        is_widest = (family, values["num_hidden_layers"]) in SCALED_BY_WIDTH
        by_width = values["hidden_size"] // values["num_attention_heads"]
        values["query_pre_attn_scalar"] = by_width if is_widest else head
    if family == "gemma3":
        rope = values["rope_parameters"]
        theta = get.real(WINDOWED_BASE, LOCAL_THETA)
        local = {"rope_type": "default", "rope_theta": theta}
        values["rope_parameters"] = {"full_attention": rope, "sliding_attention": local}
    if family == "qwen3moe":
        values["norm_topk_prob"] = True  # in all of them, and files don't state it
    return getattr(transformers, LIBRARY_FAMILIES[family])(**values)


def library_network(
    file: Gguf, family: str, positions: Positions, device: str, dtype: torch.dtype
) -> "transformers.PreTrainedModel":
    """Build the network of a GGUF file on a device; all of it passes through float32.

    Raises:
        MissingExtra: `gguf` or accelerate isn't installed.
        BadFile: its tensors don't make the network its metadata describes.
        ModelError: a setting that is not read here.
    """
    for package in ("gguf", "accelerate"):
        if find_spec(package) is None:
            raise MissingExtra(package, "gguf", f"a GGUF file of the architecture {family}")
    try:
        config = _config(file, family, positions)
        with (
            memory_advice(OPENING),
            bars_in_terminals(),
            TemporaryDirectory() as empty,
        ):  # nothing beside the file is to be opened with it
            network, report = transformers.AutoModelForCausalLM.from_pretrained(
                empty,
                gguf_file=str(Path(file.path).absolute()),
                config=config,
                dtype=dtype,
                output_loading_info=True,
                trust_remote_code=False,
                local_files_only=True,
            )
    except FAULTS as error:
        line = " ".join(str(error).split())[:300]
        raise BadFile(f"{file.path}: doesn't make a {family} network: {line}") from error
    # the library fills what is missing with random numbers, drops the rest, and goes on
    unfilled = sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]]))
    others = position_tensors(file, family)
    stored = sum(prod(t.shape) for name, t in file.tensors.items() if name not in others)
    placed = sum(weights.numel() for weights in network.parameters())
    if unfilled or stored != placed:
        raise BadFile(
            f"{file.path}: holds {stored:,} weights, and a {family} network of this size has "
            f"{placed:,}" + (f"; missing: {', '.join(unfilled[:3])}" if unfilled else "")
        )
    positions.put_in(network)
    return network.to(device).eval().requires_grad_(False)
