"""The arguments of vLLM's engine in a model string, read without vLLM.

vllm:NAME-OR-FOLDER?tensor_parallel_size=2&max_model_len=8192
"""

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl

from personae.core.errors import BadValue, UnknownName

__all__ = ["engine_arguments", "gpus_per_engine"]

ARGUMENTS = (
    "dtype",
    "enforce_eager",
    "gpu_memory_utilization",
    "kv_cache_dtype",
    "max_model_len",
    "max_num_seqs",
    "pipeline_parallel_size",
    "quantization",
    "tensor_parallel_size",
)
"""What a model string may set; none of it runs a model's own code."""


def engine_arguments(text: str) -> tuple[str, Mapping[str, str | float | bool]]:
    """Return the name in a model string, and the engine's arguments.

    Raises:
        UnknownName: an argument that a model string can't set.
        BadValue: a value that is no word or number.

    >>> engine_arguments("vllm:me/model?tensor_parallel_size=2")
    ('me/model', {'tensor_parallel_size': 2})
    """
    name, _, query = text.removeprefix("vllm:").partition("?")
    arguments: dict[str, str | float | bool] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in ARGUMENTS:
            raise UnknownName("argument of vLLM in a model string", key, ARGUMENTS)
        try:
            content = json.loads(value)
        except ValueError:
            content = value
        if not isinstance(content, str | int | float) or content == "":
            raise BadValue(f"{key} in a model string is a word or a number, not {value!r}")
        arguments[key] = content
    return name, arguments


def gpus_per_engine(text: str) -> int:
    """Return how many GPUs the model of a string takes: 0 unless it is vLLM's.

    Raises:
        UnknownName, BadValue: as `engine_arguments`.

    >>> gpus_per_engine("vllm:me/model?tensor_parallel_size=2"), gpus_per_engine("hf:me/model")
    (2, 0)
    """
    if not text.startswith("vllm:"):
        return 0
    _, arguments = engine_arguments(text)
    sizes = [arguments.get(f"{way}_parallel_size", 1) for way in ("tensor", "pipeline")]
    if not all(isinstance(size, int) and size >= 1 for size in sizes):
        raise BadValue(f"parallel sizes are whole numbers from 1 on, not {sizes}")
    return int(sizes[0]) * int(sizes[1])
