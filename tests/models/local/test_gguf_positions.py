"""Rotary positions in GGUF files, scaled to longer contexts, against the networks they are of.

Each network is made by `transformers` from a configuration with that scaling and written to a file
as llama.cpp's converter states it. llama.cpp itself opens the same files where `xllamacpp` is
installed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray

from personae.core import BadFile, ModelError, PersonaeError
from personae.models.local.engine import LocalModel
from personae.models.local.loading import load_gguf
from tests.support.extras import needs
from tests.support.gguf_networks import SIZES, file_of, network_logits, random_network
from tests.support.llama_cpp import listed_by_llama_cpp

SHORT, LONG = [1.0, 1.5, 2.0, 3.0], [1.0, 4.0, 8.0, 16.0]
YARN = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 64}
YARN_SETTINGS = {
    "rope.scaling.type": "yarn",
    "rope.scaling.factor": 8.0,
    "rope.scaling.original_context_length": 64,
}
LINEAR = {"rope.scaling.type": "linear", "rope.scaling.factor": 4.0}
NETWORK_TOLERANCE = 1e-4
"""Nats: both are float32, with the frequencies put together in another order."""


@dataclass
class Case:
    """A configuration, and what a file says of its positions."""

    family: str
    config: Any
    own: dict[str, Any] = field(default_factory=dict)
    divisors: dict[str, NDArray[Any]] = field(default_factory=dict)


def scaled(**changes: Any) -> dict[str, Any]:
    return {**SIZES, "rope_parameters": {"rope_theta": 10000.0, **changes}}


def llama3() -> Case:
    config = transformers.LlamaConfig(
        **scaled(
            rope_type="llama3",
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=64,
        )
    )
    # convert_hf_to_gguf.py, LlamaModel.generate_extra_tensors
    factors = []
    for frequency in 10000.0 ** -(np.arange(0, 8, 2) / 8):
        length = 2 * np.pi / frequency
        smooth = (64 / length - 1) / 3
        middle = 1 / ((1 - smooth) / 8 + smooth)
        factors.append(1.0 if length < 16 else 8.0 if length > 64 else middle)
    assert len(set(factors)) == 3  # all three ways occur
    return Case("llama", config, {}, {"rope_freqs.weight": np.array(factors)})


def longrope(part: float = 1.0) -> Case:
    width = int(8 * part)
    short, long = SHORT[: width // 2], LONG[: width // 2]
    parameters = {"short_factor": short, "long_factor": long, "partial_rotary_factor": part}
    sizes = scaled(rope_type="longrope", **parameters)
    config = transformers.Phi3Config(
        **{**sizes, "max_position_embeddings": 2048},
        original_max_position_embeddings=512,
        eos_token_id=1,
    )
    own = {
        "context_length": 2048,
        "attention.sliding_window": 2048,
        "rope.dimension_count": width,
        "rope.scaling.type": "longrope",
        "rope.scaling.original_context_length": 512,
        "rope.scaling.attn_factor": sqrt(1 + log(4) / log(512)),
    }
    names = {"rope_factors_short.weight": short, "rope_factors_long.weight": long}
    return Case("phi3", config, own, {n: np.array(v) for n, v in names.items()})


def gemma3(**own: float) -> Case:
    config = transformers.Gemma3TextConfig(
        **{**SIZES, "num_hidden_layers": 6},
        query_pre_attn_scalar=8,
        sliding_window=24,
        rope_parameters={
            "full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 4.0},
            "sliding_attention": {
                "rope_type": "default",
                "rope_theta": own.get("rope.freq_base_swa", 1e4),
            },
        },
    )
    sizes = {"attention.sliding_window": 24, "rope.freq_base": 1e6, "block_count": 6}
    return Case("gemma3", config, {**sizes, **LINEAR, **own})


CASES: dict[str, Callable[[], Case]] = {
    "llama3": llama3,
    "linear": lambda: Case(
        "llama", transformers.LlamaConfig(**scaled(rope_type="linear", factor=4.0)), LINEAR
    ),
    "linear, untold": lambda: Case(
        "qwen2",
        transformers.Qwen2Config(**scaled(rope_type="linear", factor=4.0)),
        {"rope.scale_linear": 4.0},
    ),
    "yarn": lambda: Case("qwen2", transformers.Qwen2Config(**scaled(**YARN)), YARN_SETTINGS),
    "yarn, louder": lambda: Case(
        "llama",
        transformers.LlamaConfig(**scaled(**YARN, attention_factor=1.5)),
        {**YARN_SETTINGS, "rope.scaling.attn_factor": 1.5 / (1 + 0.1 * log(8))},
    ),
    "yarn, read by transformers": lambda: Case(
        "qwen3", transformers.Qwen3Config(**scaled(**YARN)), YARN_SETTINGS
    ),
    "longrope": longrope,
    "longrope on half a head": lambda: longrope(0.5),
    "gemma3": gemma3,
    "gemma3, windowed base": lambda: gemma3(**{"rope.freq_base_swa": 1e3}),
}


@needs("accelerate")
@pytest.mark.parametrize("name", CASES)
def test_a_scaled_file_gives_the_logits_of_its_network(name: str, tmp_path: Path) -> None:
    case = CASES[name]()
    network = random_network(case.config)
    ours = load_gguf(file_of(tmp_path, case.family, network, case.own, case.divisors)).network
    expected = network_logits(network, 300).log_softmax(-1)
    measured = network_logits(ours, 300).log_softmax(-1)
    torch.testing.assert_close(measured, expected, atol=NETWORK_TOLERANCE, rtol=0)
    plain = {k: v for k, v in case.own.items() if not k.startswith("rope.scal")}
    if case.divisors or plain == case.own:
        return
    other = load_gguf(file_of(tmp_path, case.family, network, plain)).network
    assert (network_logits(other, 300).log_softmax(-1) - expected).abs().max() > 0.1


@needs("accelerate")
def test_divisors_for_longer_texts_bound_the_context(tmp_path: Path) -> None:
    case = longrope()
    network = random_network(case.config)
    loaded = load_gguf(file_of(tmp_path, case.family, network, case.own, case.divisors))
    model = LocalModel(loaded)
    assert model.limit == 512
    assert "contexts of up to 512 tokens, of the 2,048 in the file" in model.notes[0]


@pytest.mark.parametrize(
    ("own", "tensors", "error", "says"),
    [
        ({**YARN_SETTINGS, "rope.scaling.yarn_beta_fast": 16.0}, {}, ModelError, "beta_fast 16"),
        ({**YARN_SETTINGS, "rope.scaling.yarn_attn_factor": 1.0}, {}, ModelError, "attn_factor 1"),
        ({**YARN_SETTINGS, "rope.scaling.yarn_log_multiplier": 0.1}, {}, ModelError, "multiplier"),
        ({**YARN_SETTINGS, "rope.scaling.yarn_ext_factor": "x"}, {}, ModelError, "ext_factor 'x'"),
        ({**YARN_SETTINGS, "rope.scaling.factor": 0.5}, {}, ModelError, "'yarn'"),
        ({"rope.scaling.type": "longrope"}, {}, ModelError, "'longrope'"),
        ({"rope.scaling.type": "dynamic"}, {}, ModelError, "'dynamic'"),
        ({"rope.scaling.type": 3}, {}, BadFile, "3, not a text"),
        ({"rope.scaling.factor": -2.0}, {}, BadFile, "-2.0, not above 0"),
        ({"rope.scaling.alpha": 2.0}, {}, ModelError, "rope.scaling.alpha"),
        ({"rope.freq_base_swa": 2.0}, {}, ModelError, "rope.freq_base_swa"),
        ({"rope.scaling.attn_factor": 1.2}, {}, ModelError, "attn_factor"),
        (LINEAR, {"rope_freqs.weight": [1, 2, 3, 4]}, ModelError, "linear together with tensors"),
        ({}, {"rope_freqs.weight": [1, 2, 3]}, BadFile, "doesn't hold 4 numbers above 0"),
        ({}, {"rope_freqs.weight": [1, 2, 3, 0]}, BadFile, "doesn't hold 4 numbers above 0"),
        ({}, {"rope_freqs.weight": [1, 2, 3, np.nan]}, BadFile, "doesn't hold 4 numbers"),
        ({}, {"rope_factors_short.weight": [1, 2, 3, 4]}, BadFile, "doesn't hold a llama network"),
    ],
)
def test_scaling_that_is_not_built_is_refused(
    own: dict[str, Any],
    tensors: dict[str, list[float]],
    error: type[PersonaeError],
    says: str,
    tmp_path: Path,
) -> None:
    network = random_network(transformers.LlamaConfig(**SIZES))
    added = {name: np.array(values, np.float32) for name, values in tensors.items()}
    with pytest.raises(error, match=says):
        load_gguf(file_of(tmp_path, "llama", network, own, added))


@needs("accelerate")
def test_one_of_two_tensors_of_divisors_is_refused(tmp_path: Path) -> None:
    case = longrope()
    del case.divisors["rope_factors_long.weight"]
    with pytest.raises(BadFile, match=r"rope_factors_short\.weight' without its counterpart"):
        load_gguf(file_of(tmp_path, "phi3", random_network(case.config), case.own, case.divisors))


@pytest.mark.slow
@needs("accelerate")
@pytest.mark.parametrize("name", CASES)
def test_llama_cpp_gives_the_same_figures_of_a_scaled_file(name: str, tmp_path: Path) -> None:
    case = CASES[name]()
    path = file_of(tmp_path, case.family, random_network(case.config), case.own, case.divisors)
    tokens = [index * 7 % 317 + 2 for index in range(200)]
    with torch.inference_mode():
        ours = load_gguf(path).network(input_ids=torch.tensor([tokens])).logits[0, -1]
    # ggml looks its GELU up in a table of float16
    tolerance = 5e-3 if case.family == "gemma3" else 5e-4
    theirs = listed_by_llama_cpp(path, tokens)
    np.testing.assert_allclose(theirs, ours.log_softmax(-1).numpy(), atol=tolerance, rtol=0)
