"""Puts PEFT adapters on networks: LoRA and its kin, from safetensors only.

Adapters stay beside the weights, as PEFT runs them, so that quantised weights keep their bits; what
is edited and recorded are the outputs of whole modules, adapter included.
"""

import json
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from personae.core import BadFile, MissingExtra, ModelError
from personae.models.local.weights.memory import OPENING, memory_advice

__all__ = ["adapter_base", "is_adapter", "with_adapter"]

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def is_adapter(folder: Path) -> bool:
    """Tell whether a folder holds an adapter and no model of its own."""
    return (folder / CONFIG).is_file() and not (folder / "config.json").is_file()


def _config(name: str, folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not path.is_file():
        raise ModelError(f"{name}: {folder} holds no adapter ({CONFIG} is missing)")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise BadFile(f"{path}: not JSON: {error}") from error
    if not isinstance(config, dict) or not isinstance(config.get("peft_type"), str):
        raise BadFile(f"{path}: not an adapter's configuration: it names no peft_type")
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"{name}: the adapter has no {WEIGHTS}; other kinds of files can run code")
    return config


def adapter_base(name: str, folder: Path) -> str:
    """Return the folder or hub name of the model under an adapter, from its configuration.

    Raises:
        BadFile: its configuration is broken.
        ModelError: it names no base, or has no safetensors weights.
    """
    base = _config(name, folder).get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise ModelError(f"{name}: the adapter names no base model; give it as hf:BASE+ADAPTER")
    return base


def with_adapter(name: str, network: Any, folder: Path) -> tuple[Any, str]:  # noqa: ANN401
    """Put an adapter on a network; return the network, and kind and base of the adapter in words.

    Raises:
        MissingExtra: peft isn't installed.
        BadFile: its configuration is broken.
        ModelError: it doesn't fit the network, lacks weights, or adds virtual tokens to prompts.
    """
    if find_spec("peft") is None:
        raise MissingExtra("peft", "adapters", "an adapter")
    config = _config(name, folder)
    import peft  # noqa: PLC0415  (optional)

    try:
        kind = peft.PeftConfig.from_pretrained(str(folder))
        if kind.is_prompt_learning:
            raise ModelError(
                f"{name}: an adapter of the kind {config['peft_type']} puts virtual tokens before "
                "prompts, which is not supported here; LoRA and its kin are"
            )
        with warnings.catch_warnings(), memory_advice(OPENING):
            warnings.simplefilter("ignore")  # what they tell is checked below
            adapted = peft.PeftModel.from_pretrained(network, str(folder), config=kind)
        with safe_open(folder / WEIGHTS, framework="pt") as file:
            stored = set(file.keys())
        expected = set(peft.get_peft_model_state_dict(adapted))
    except (OSError, LookupError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        line = " ".join(str(error).split())[:300]
        raise ModelError(f"{name}: the adapter doesn't fit the model: {line}") from error
    # the library fills what is missing with random numbers, drops the rest, and goes on
    if stored != expected:
        wrong = sorted(stored ^ expected)
        raise ModelError(
            f"{name}: the adapter doesn't fit the model: {len(stored - expected)} of its tensors "
            f"have no place in it, {len(expected - stored)} are missing, first {wrong[0]}"
        )
    words = f"{config['peft_type']} adapter made for {config.get('base_model_name_or_path')}"
    return adapted.get_base_model().eval().requires_grad_(False), words
