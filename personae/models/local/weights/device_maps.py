"""Checks a device map of one's own against the network that it is for, before weights are read."""

from collections.abc import Mapping
from pathlib import Path

import torch
import transformers

from personae.core import BadValue, UnknownName

__all__ = ["check_device_map"]

NAMED = 5
"""Modules that a message names."""


def check_device_map(
    name: str, folder: Path, device_map: Mapping[str, str | int], **options: bool
) -> None:
    """Refuse a map that names what the network lacks, or that leaves weights without a device.

    The library ignores such names, and leaves on the CPU what has no device.

    Args:
        name: of the model, for messages.
        folder: of the model; only its config is read.
        device_map: module or weight -> device; a module's device holds for all within it.
        options: of the library's readers.

    Raises:
        UnknownName: no module is called so; carries near matches.
        BadValue: weights without a device.
    """
    config = transformers.AutoConfig.from_pretrained(folder, **options)
    with torch.device("meta"):
        network = transformers.AutoModelForCausalLM.from_config(config)
    weights = [weight for weight, _ in network.named_parameters()]
    modules = {module for module, _ in network.named_modules()}
    for key in device_map:
        if key not in modules and key not in weights:
            raise UnknownName(f"module of {name}", key, modules - {""})
    homeless = [w for w in weights if not any(_holds(module, w) for module in device_map)]
    if homeless:
        owners = list(dict.fromkeys(weight.rpartition(".")[0] for weight in homeless))
        rest = f" and {len(owners) - NAMED} more" if owners[NAMED:] else ""
        listed = ", ".join(owners[:NAMED]) + rest
        raise BadValue(f"{name}: the device map has no device for {listed}")


def _holds(module: str, weight: str) -> bool:
    return not module or weight == module or weight.startswith(f"{module}.")
