"""Model strings become models: the only module that knows every back end.

Back ends are imported when one of theirs is opened, so that a server needs no torch.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from importlib.util import find_spec
from inspect import signature
from typing import Any

from personae.core.argument_types import checks_types
from personae.core.errors import BadFile, BadValue, MissingExtra, UnknownName
from personae.core.files.usable_path import usable_path
from personae.core.model import Model
from personae.models.placement import Placement

__all__ = ["MODEL_STRINGS", "is_server", "open_model"]

SERVERS = {
    "ollama": "Ollama",
    "vllm-server": "a vLLM server",
    "llama-server": "llama.cpp's server",
    "sglang-server": "an SGLang server",
    "tgi-server": "text-generation-inference",
}
MODEL_STRINGS = {
    "smollm2": "the embedded model, SmolLM2-135M-Instruct",
    "hf:NAME-OR-FOLDER": "a Hugging Face model or adapter: its folder, or its name on the hub",
    "hf:MODEL+ADAPTER": "a Hugging Face model with a PEFT adapter on it",
    "vllm:NAME-OR-FOLDER": "a Hugging Face model in vLLM's offline engine, on GPUs of this machine",
    "gguf:FILE": "a GGUF file (llama, qwen2; more with the extra gguf)",
    "http://HOST/v1#NAME": "a model behind any OpenAI-compatible server; https too",
    "openai:NAME": "a model of OpenAI's, by the key in OPENAI_API_KEY",
    **{
        f"{scheme}:NAME[@HOST:PORT]": f"a model of {server}, by default on this machine"
        for scheme, server in SERVERS.items()
    },
    "simulated:SETTINGS": "a simulated respondent with known traits, such as E=1.5,N=-1,noise=0.3",
    "null:KIND": "a respondent that doesn't read what it is asked",
}
"""The forms a model string can have, and what each opens."""

_MANNER = ("headers", "extra_body", "thinking", "first_answer")
_PLACING = tuple(f.name for f in fields(Placement))
LOCAL = ("torch", "transformers", "tokenizers", "safetensors", "llguidance")


@checks_types
def open_model(string: str, **options: Any) -> Model:  # noqa: ANN401  (each back end's own)
    """Open the model that a string names; options go to its back end.

    Raises:
        UnknownName: the text has the form of no model string, or the back end lacks an option.
        MissingExtra: the back end's packages aren't installed.
        BadFile: the GGUF file is absent or broken.
        BadValue: the text is a model's folder without `hf:`.
        ModelError: the model can't be reached or opened.

    >>> open_model("null:midpoint").name
    'null:midpoint'
    """
    scheme, colon, target = string.strip().partition(":")
    if colon and not target:
        raise UnknownName("model", string, MODEL_STRINGS)
    if is_server(string):
        return _server(string.strip(), options)
    if scheme in CONTROLS and colon:
        return CONTROLS[scheme](string.strip(), options)
    if scheme == "smollm2" and not colon:
        return _local("load_embedded", (), options)
    if scheme == "gguf" and colon:
        if not (path := usable_path(target)).is_file():
            reason = "a folder, not a file" if path.is_dir() else "no such file"
            raise BadFile(f"{target}: {reason} (a GGUF file is expected)")
        return _local("load_gguf", (target,), options)
    if scheme == "hf" and colon:
        return _local("load_hf", (target,), options)
    if scheme == "vllm" and colon:
        return _vllm(string.strip(), options)
    if scheme and not colon and os.path.isfile(os.path.join(string, "config.json")):
        raise BadValue(f"{string} is the folder of a model: write hf:{string}")
    raise UnknownName("model", string, [*MODEL_STRINGS, *_near_strings(string)])


def is_server(text: str) -> bool:
    """Whether a model string has the form of a server's.

    >>> is_server("ollama:qwen3"), is_server("hf:qwen3")
    (True, False)
    """
    scheme, colon, target = text.strip().partition(":")
    is_address = scheme in ("http", "https") and target.startswith("//")
    return is_address or bool(colon and target and scheme in ("openai", *SERVERS))


def _near_strings(text: str) -> list[str]:
    """Guess the model string where its scheme was left out."""
    if text.endswith(".gguf"):
        return [f"gguf:{text}"]
    return [f"hf:{text}"] if "/" in text and ":" not in text else []


def _open_with(maker: Callable[..., Model], first: object, options: Mapping[str, Any]) -> Model:
    known = list(signature(maker).parameters)[1:]
    for name in options:
        if name not in known:
            raise UnknownName("option of this model", name, known)
    return maker(first, **options)


def _local(loader: str, arguments: tuple[str, ...], options: Mapping[str, Any]) -> Model:
    for package in LOCAL:
        if find_spec(package) is None:
            raise MissingExtra(package, "local", "a model on this machine")
    from personae.models.local import loading
    from personae.models.local.engine import LocalModel

    placing = {name: options[name] for name in _PLACING if name in options}
    remainder = {name: value for name, value in options.items() if name not in placing}
    known = [*signature(LocalModel).parameters][1:]
    for name in remainder:
        if name not in known:
            raise UnknownName("option of this model", name, [*known, *_PLACING])
    placement = Placement(**placing)
    return LocalModel(getattr(loading, loader)(*arguments, placement), **remainder)


def _vllm(text: str, options: Mapping[str, Any]) -> Model:
    for package in ("vllm", *LOCAL):
        if find_spec(package) is None:
            raise MissingExtra(package, "vllm", "a model in vLLM's engine")
    from personae.models.vllm.vllm_model import open_vllm

    return _open_with(open_vllm, text, options)


def _server(text: str, options: Mapping[str, Any]) -> Model:
    from personae.models.server.client import open_server
    from personae.models.server.server_settings import ServerSettings

    manner = {name: options[name] for name in _MANNER if name in options}
    remainder = {name: value for name, value in options.items() if name not in manner}
    if manner:
        settings = remainder.get("settings") or ServerSettings()
        remainder["settings"] = replace(settings, **manner)
    return _open_with(open_server, text, remainder)


def _simulated(text: str, options: Mapping[str, Any]) -> Model:
    from personae.respondents.simulated import open_simulated

    return _open_with(open_simulated, text, options)


def _null(text: str, options: Mapping[str, Any]) -> Model:
    from personae.respondents.null import open_null

    return _open_with(open_null, text, options)


CONTROLS = {"simulated": _simulated, "null": _null}
