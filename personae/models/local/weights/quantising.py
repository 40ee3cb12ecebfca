"""Quantises linear layers when a model is opened, by torchao or bitsandbytes.

8 bits go to torchao first: it quantises weights alone, while bitsandbytes' LLM.int8 also rounds
activations, by which an answer would depend on what else is in its batch. 4 bits go to bitsandbytes
first (NF4, half a byte a weight): torchao's portable form holds each weight in a byte.
"""

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, cast

import torch
import transformers

from personae.core import BadValue, MissingExtra
from personae.models.placement import QUANTIZERS

__all__ = ["quantization_config", "quantize_in_place"]

GROUP = 32
"""Weights that share a scale under torchao's 4 bits."""

# they tell at every import of kernels and enums that nothing here needs
for _talker in ("torchao", "torch.utils._pytree", "bitsandbytes.backends.cpu.ops"):
    logging.getLogger(_talker).setLevel(logging.ERROR)


def _package(bits: str, among: Sequence[str]) -> str:
    for package in among:
        if find_spec(package) is not None:
            return package
    raise MissingExtra(" or ".join(among), "quantize", f"quantising to {bits}")


def _torchao_config(bits: str) -> Any:  # noqa: ANN401  (torchao's own)
    from torchao.quantization import (  # noqa: PLC0415  (optional)
        Int8WeightOnlyConfig,
        IntxWeightOnlyConfig,
        PerGroup,
    )

    if bits == "8bit":
        return Int8WeightOnlyConfig()
    return IntxWeightOnlyConfig(weight_dtype=cast(Any, torch).int4, granularity=PerGroup(GROUP))


def quantization_config(bits: str, device: str, dtype: torch.dtype | None) -> tuple[Any, str]:
    """Return what `from_pretrained` takes to quantise, and bits and package in words.

    Raises:
        MissingExtra: neither package is installed, or bitsandbytes without accelerate.
        BadValue: only bitsandbytes is installed, and the device is MPS.
    """
    package = _package(bits, QUANTIZERS[bits])
    if package == "torchao":
        return transformers.TorchAoConfig(_torchao_config(bits)), f"{bits} by torchao"
    if device == "mps":
        raise BadValue("bitsandbytes doesn't run on MPS: install torchao, or use --dtype float16")
    if find_spec("accelerate") is None:
        raise MissingExtra("accelerate", "quantize", f"quantising to {bits} by bitsandbytes")
    if bits == "8bit":
        return transformers.BitsAndBytesConfig(load_in_8bit=True), "8bit by bitsandbytes"
    config = transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=dtype or torch.bfloat16,
    )
    return config, "4bit by bitsandbytes"


def quantize_in_place(network: torch.nn.Module, bits: str) -> str:
    """Quantise a network that is already filled, by torchao; return bits and package in words.

    Raises:
        MissingExtra: torchao isn't installed.
    """
    _package(bits, ("torchao",))
    from torchao.quantization import quantize_  # noqa: PLC0415  (optional)

    head = network.get_output_embeddings()  # type: ignore[operator]

    def is_inner(module: torch.nn.Module, _name: str) -> bool:
        return isinstance(module, torch.nn.Linear) and module is not head

    quantize_(network, _torchao_config(bits), filter_fn=is_inner)
    return f"{bits} by torchao"
