"""Opens networks from model folders, by `transformers`, where and as a placement asks."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError

from personae.core import BadValue, InputError, ModelError
from personae.models.local.weights.device_maps import check_device_map
from personae.models.local.weights.memory import OPENING, memory_advice
from personae.models.local.weights.progress_bars import bars_in_terminals
from personae.models.local.weights.quantising import quantization_config
from personae.models.local.weights.runtime import (
    Runtime,
    device_of,
    dtype_name,
    resolved_device,
    resolved_dtype,
)
from personae.models.placement import Placement

__all__ = ["LOADING_ERRORS", "pretrained_network"]

_SAFE: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
"""Nothing of the model's is run, and nothing but its folder is read."""
UNFIT = "{}: its layers aren't multiples of the blocks that are rounded together; try 8bit"
LOADING_ERRORS = (OSError, LookupError, ValueError, ImportError, RuntimeError, SafetensorError)


def pretrained_network(
    name: str, folder: Path, placement: Placement
) -> tuple["transformers.PreTrainedModel", Runtime]:
    """Open the network of a folder; `name` is for error messages.

    Raises:
        ModelError: weights are missing, of another shape, too large for the device, or the network
            needs code of its own.
        UnknownName: a device map names a module that the network doesn't have.
        BadValue: this machine lacks the device, or a device map leaves embeddings on disk, or
            weights without a device.
        MissingExtra: a package that the placement needs is not installed.
    """
    device = resolved_device(placement)
    dtype = resolved_dtype(placement, device)
    options, quantized = _options(placement, device, dtype)
    try:
        if isinstance(placement.device_map, Mapping):
            check_device_map(name, folder, placement.device_map, **_SAFE)
        with memory_advice(OPENING), bars_in_terminals():
            network, report = transformers.AutoModelForCausalLM.from_pretrained(
                folder, use_safetensors=True, output_loading_info=True, **options, **_SAFE
            )
            if "device_map" not in options:
                network.to(device)
    except LOADING_ERRORS as error:
        unfit = quantized and "automatic conversion" in str(error)
        raise ModelError(
            f"{name}: can't be opened: {UNFIT.format(quantized) if unfit else error}"
        ) from error
    # the library fills what is missing with random numbers and goes on
    if unfilled := sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]])):
        raise ModelError(f"{name}: weights are missing or of another shape: {unfilled[:5]}")
    if device_of(network).type == "meta":
        raise BadValue(f"{name}: the device map leaves the embeddings of tokens on disk")
    runtime = Runtime(
        device=device,
        dtype=dtype_name(network.dtype),
        quantized=quantized,
        attention=placement.attention,
    )
    return network.eval().requires_grad_(False), runtime


def _options(
    placement: Placement, device: str, dtype: torch.dtype | None
) -> tuple[dict[str, Any], str]:
    options: dict[str, Any] = {"dtype": "auto" if dtype is None else dtype}
    if placement.attention == "flash_attention_2" and find_spec("flash_attn") is None:
        raise InputError(
            "the attention flash_attention_2 needs the package flash-attn, which is not installed; "
            "sdpa needs none"
        )
    if placement.attention != "auto":
        options["attn_implementation"] = placement.attention
    if placement.device_map is not None:
        options["device_map"] = placement.device_map
    elif device != "cpu" and find_spec("accelerate") is not None:
        options["device_map"] = {"": device}  # straight there, without a copy in memory
    if placement.quantize is None:
        return options, ""
    options["quantization_config"], quantized = quantization_config(
        placement.quantize, device, dtype
    )
    return options, quantized
