"""Where a local network runs and in which precision: options of every local model string."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from personae.core.argument_types import require_type
from personae.core.errors import BadValue, UnknownName

__all__ = ["QUANTIZERS", "Placement"]

DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps")
DTYPES = ("auto", "float32", "bfloat16", "float16")
QUANTIZERS = {"8bit": ("torchao", "bitsandbytes"), "4bit": ("bitsandbytes", "torchao")}
"""Packages that quantise a model when it is opened, the first that is installed being taken."""
QUANTIZATIONS = tuple(QUANTIZERS)
DEVICE_MAPS = ("auto", "balanced", "balanced_low_0", "sequential")
ATTENTIONS = ("auto", "sdpa", "eager", "flash_attention_2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What was asked for; `auto` is resolved when the network is opened.

    `device` is auto, cpu, cuda, cuda:N or mps; auto takes CUDA, then MPS, then the CPU.
    `dtype` is auto, float32, bfloat16 or float16; auto is float32 on the CPU and the checkpoint's
    own elsewhere. `quantize` is None, 8bit or 4bit. `device_map` spreads the blocks over several
    devices: a name known to accelerate, or a device for each module. `attention` is auto, sdpa,
    eager or flash_attention_2.

    Raises:
        UnknownName: a value that isn't one of these; near matches are named.
        BadValue: a device beside a device map; a value of another type.

    >>> Placement(dtype="bflaot16")
    Traceback (most recent call last):
    personae.core.errors.UnknownName: no dtype is called 'bflaot16'; did you mean 'bfloat16' or ...
    """

    device: str = "auto"
    dtype: str = "auto"
    quantize: str | None = None
    device_map: str | Mapping[str, str | int] | None = None
    attention: str = "auto"

    def __post_init__(self) -> None:
        require_type("device", self.device, str)
        require_type("device_map", self.device_map, str | Mapping | None)
        if isinstance(self.device_map, Mapping):
            _require_devices(self.device_map)
        if not re.fullmatch(r"cuda:\d{1,3}", self.device):
            _require("device", self.device, DEVICES)
        _require("dtype", self.dtype, DTYPES)
        _require("attention", self.attention, ATTENTIONS)
        if self.quantize is not None:
            _require("quantization", self.quantize, QUANTIZATIONS)
        if isinstance(self.device_map, str):
            _require("device map", self.device_map, DEVICE_MAPS)
        if self.device_map is not None and self.device != "auto":
            raise BadValue("give a device or a device map, not both")


def _require_devices(device_map: Mapping[str, str | int]) -> None:
    if not device_map:
        raise BadValue("a device map has at least one module, such as {'': 'cpu'}; this is empty")
    for module, device in device_map.items():
        require_type("a module in a device map", module, str)
        require_type(f"the device of {module!r}", device, str | int)


def _require(kind: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known or value == "cuda:N":
        raise UnknownName(kind, str(value), known)
