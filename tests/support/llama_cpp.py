"""llama.cpp itself, by `xllamacpp`: a server on this machine of a small GGUF file."""

import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from personae.core import Array

__all__ = ["listed_by_llama_cpp", "llama_cpp_server"]

FORCED = 1000.0


@contextmanager
def llama_cpp_server(path: Path, *, context: int = 4096, exact: bool = False) -> Iterator[str]:
    """Yield the address of a server; `exact` keeps its cache in float32.

    The test is skipped where `xllamacpp` (of the extra `dev`) isn't installed.
    """
    xllamacpp = pytest.importorskip("xllamacpp")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx, parameters.n_parallel, parameters.port = context, 1 if exact else 2, 0
    parameters.warmup, parameters.verbosity = False, -1
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 2
    if exact:
        parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        kinds = xllamacpp.llama_flash_attn_type
        parameters.flash_attn_type = kinds.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = xllamacpp.Server(parameters)
    try:
        yield str(server.listening_address)
    finally:
        del server


def listed_by_llama_cpp(path: Path, tokens: Sequence[int], vocabulary: int = 320) -> Array:
    """Return log-probabilities (vocabulary,) of the token after some, as llama.cpp lists them."""
    body = {
        "prompt": list(tokens),
        "n_predict": 1,
        "n_probs": vocabulary,
        "temperature": 0,
        "logit_bias": [[35, FORCED]],  # half a character is never listed
    }
    # longrope takes its other divisors where the context is longer than the original one
    with llama_cpp_server(path, context=512, exact=True) as address:
        request = urllib.request.Request(
            f"{address}/completion",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            place = json.load(answer)["completion_probabilities"][0]
    listed = np.full(vocabulary, np.nan)
    for entry in place["top_logprobs"]:
        listed[entry["id"]] = entry["logprob"]
    return listed
