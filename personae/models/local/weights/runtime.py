"""Resolves where a network runs and in which precision, and says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, cast

import torch

from personae.core import BadValue, MissingExtra
from personae.models.placement import Placement

__all__ = ["Runtime", "device_of", "dtype_name", "resolved_device", "resolved_dtype"]

SEVERAL = "several devices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """How a network was opened, `auto` resolved.

    `quantized` names bits and package; `reader` what read the weights, where it isn't the usual
    reader of their kind; `adapter` its kind and base, of which the fingerprint has the weights;
    `context` which contexts it reads, where a file promises longer ones.
    """

    device: str = "cpu"
    dtype: str = "float32"
    quantized: str = ""
    attention: str = "auto"
    reader: str = ""
    adapter: str = ""
    context: str = ""

    @property
    def identity(self) -> dict[str, str]:
        """What joins the fingerprint: a device's kind, not its number; nothing for the default."""
        usual = Runtime()
        values = {
            "device": self.device.partition(":")[0],
            "quantized": self.quantized,
            "attention": self.attention,
            "reader": self.reader,
        }
        return {n: v for n, v in values.items() if v != getattr(usual, n)} | {"dtype": self.dtype}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of a report should know; nothing for float32 on the CPU."""
        if self == Runtime():
            return ()
        parts = [f"{self.dtype} on {self.device}", self.quantized, self.reader, self.adapter]
        parts.append(self.context)
        if self.attention != "auto":
            parts.append(f"attention {self.attention}")
        notes = ["; ".join(p for p in parts if p)]
        if self.dtype == "float16" and self.device == "cpu":
            notes.append(
                "float16 on the CPU is slower than float32 and overflows above 65,504; "
                "bfloat16 needs as little memory and doesn't overflow"
            )
        return tuple(notes)

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages by which it computes, as the package index names them."""
        names = ["torch", "transformers", "tokenizers", "llguidance"]
        names += [self.quantized.rpartition(" by ")[2]] if self.quantized else []
        names += ["peft"] if self.adapter else []
        names += ["flash-attn"] if self.attention == "flash_attention_2" else []
        return tuple(names)


def resolved_device(placement: Placement) -> str:
    """Return the device asked for, `auto` resolved: CUDA before MPS before the CPU.

    Raises:
        BadValue: this machine, or this PyTorch, has no such device.
        MissingExtra: a device map is asked for, and accelerate isn't installed.
    """
    if placement.device_map is not None:
        return _mapped_device(placement.device_map)
    present = _present()
    device = present[0] if placement.device == "auto" else placement.device
    return _available(device, present)


def _available(device: str, present: list[str]) -> str:
    if device == "cuda" and "cuda:0" in present:
        return "cuda:0"
    if device not in present:
        raise BadValue(
            f"there is no device {device!r} here; PyTorch {torch.__version__} sees "
            f"{', '.join(present)}"
        )
    return device


def _mapped_device(device_map: str | Mapping[str, str | int]) -> str:
    """Return the one device of a device map, if it has only one here."""
    if find_spec("accelerate") is None:
        raise MissingExtra("accelerate", "quantize", "a device map")
    present = _present()
    if isinstance(device_map, str):
        return "cpu" if present == ["cpu"] else SEVERAL
    names = {f"cuda:{d}" if isinstance(d, int) else str(d) for d in device_map.values()}
    devices = {_available(name, present) for name in names - {"disk"}}
    return devices.pop() if len(devices) == 1 else SEVERAL


def _present() -> list[str]:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return [*(f"cuda:{i}" for i in range(count)), *mps, "cpu"]


def resolved_dtype(placement: Placement, device: str) -> torch.dtype | None:
    """Return the dtype asked for; None is the checkpoint's own, which `auto` is off the CPU."""
    if placement.dtype != "auto":
        return cast(torch.dtype, getattr(torch, placement.dtype))
    return torch.float32 if device == "cpu" else None


def device_of(network: torch.nn.Module) -> torch.device:
    """Return the device on which token ids are expected."""
    return cast(torch.device, cast(Any, network).get_input_embeddings().weight.device)


def dtype_name(dtype: torch.dtype) -> str:
    """Name a dtype as users write it.

    >>> dtype_name(torch.bfloat16)
    'bfloat16'
    """
    return str(dtype).removeprefix("torch.")
