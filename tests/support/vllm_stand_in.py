"""A stand-in for vLLM's offline engine, and for its two steering layers, with their interfaces.

It computes real log-probabilities, on the CPU by transformers, one request after another. The names
and fields are those of vLLM's documentation (LLM, SamplingParams, RequestOutput, CompletionOutput,
Logprob), of EasySteer's and of vLLM-Hook's; unknown arguments are refused, as they are there.
"""

import importlib
import json
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers

from personae.models.codec.building import codec_from_folder
from personae.models.local.constrained import Grammar
from tests.support.easysteer_stand_in import (
    ALGORITHM_CAPABILITIES,
    ALGORITHM_REGISTRY,
    Change,
    SteeringSpec,
)

__version__ = "0.29.0+stand.in"
PLUGINS = "vllm.general_plugins"
HERE = "tests.support.vllm_stand_in"
PACKAGES = {
    "vllm/__init__.py": f"from {HERE} import LLM, SamplingParams, __version__\n",
    "vllm/sampling_params.py": f"from {HERE} import SamplingParams, StructuredOutputsParams\n",
}
STEERING = "vllm/model_hooks/steering"
SPECS = "tests.support.easysteer_stand_in"
EASY_STEER = {
    "vllm/steer_vectors.py": f"from {SPECS} import "
    "ApplySpec, DirectionVector, ReftIntervention, SteeringSpec, VectorSpec\n",
    "vllm/model_hooks/__init__.py": "",
    f"{STEERING}/__init__.py": "",
    f"{STEERING}/capabilities.py": f"from {SPECS} import "
    "ALGORITHM_CAPABILITIES, AlgorithmCapabilities\n",
    f"{STEERING}/algorithms/__init__.py": "",
    f"{STEERING}/algorithms/base.py": f"from {SPECS} import BaseSteerVectorAlgorithm\n",
    f"{STEERING}/algorithms/registry.py": f"from {SPECS} import "
    "ALGORITHM_REGISTRY, register_algorithm\n",
}
OLD_VLLM = {
    "vllm/__init__.py": f"from {HERE} import LLM, OldSamplingParams, __version__\n"
    "SamplingParams = OldSamplingParams\n"
}
OLD_EASY_STEER = {"vllm/steer_vectors.py": "class SteerVectorRequest: ...\n"}
VLLM_HOOK = {
    "mia/__init__.py": f"from {HERE} import MiaLLM\n",
    "mia/workers/__init__.py": "",
    "mia/workers/steer_worker.py": "",
}


def install(
    folder: Path, patch: pytest.MonkeyPatch, *layers: Mapping[str, str], plugins: str | None = None
) -> None:
    """Make `import vllm` find the stand-in for the length of a test.

    `plugins` are the entry points with which Personae is installed, usually those that it declares.
    """
    for name in set(ALGORITHM_REGISTRY) - {"direct"}:
        del ALGORITHM_REGISTRY[name], ALGORITHM_CAPABILITIES[name]
    information = folder / "personae-0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Name: personae\nVersion: 0\n", encoding="utf-8")
    lines = declared_plugins() if plugins is None else plugins
    (information / "entry_points.txt").write_text(lines, encoding="utf-8")
    for files in (PACKAGES, *layers):
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    patch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    paths = [Path(name).with_suffix("") for files in (PACKAGES, *layers) for name in files]
    for name in sorted(".".join(path.parts).removesuffix(".__init__") for path in paths):
        patch.delitem(sys.modules, name, raising=False)
        module = importlib.import_module(name)
        del sys.modules[name]
        patch.setitem(sys.modules, name, module)  # so that it goes with the test


def declared_plugins() -> str:
    """Return the plugins of vLLM that the package declares, as an installer writes them."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    plugins = project["entry-points"][PLUGINS]
    return "\n".join([f"[{PLUGINS}]", *(f"{name} = {where}" for name, where in plugins.items())])


@dataclass
class StructuredOutputsParams:
    json: str | None = None


@dataclass
class OldSamplingParams:
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    stop: list[str] | None = None
    stop_token_ids: list[int] | None = None
    max_tokens: int | None = 16
    prompt_logprobs: int | None = None
    skip_special_tokens: bool = True
    structured_outputs: StructuredOutputsParams | None = None
    extra_args: dict[str, Any] | None = None
    logprobs: int | None = None


@dataclass
class SamplingParams(OldSamplingParams):
    logprob_token_ids: list[int] | None = None

    def __post_init__(self) -> None:
        if self.logprob_token_ids is not None:
            assert self.logprobs in (None, len(self.logprob_token_ids))


@dataclass(frozen=True)
class Logprob:
    logprob: float
    rank: int | None = None
    decoded_token: str | None = None


@dataclass
class CompletionOutput:
    index: int
    text: str
    token_ids: list[int]
    finish_reason: str | None
    stop_reason: int | str | None = None
    logprobs: list[dict[int, Logprob]] | None = None


@dataclass
class RequestOutput:
    prompt_token_ids: list[int]
    prompt_logprobs: list[dict[int, Logprob] | None] | None
    outputs: list[CompletionOutput]
    finished: bool = True


@dataclass
class LLM:
    """vLLM's engine, of which only what is used here is there."""

    model: str
    dtype: str = "auto"
    max_model_len: int | None = None
    tensor_parallel_size: int = 1
    enable_prefix_caching: bool = False
    trust_remote_code: bool = False
    generation_config: str = "auto"
    enable_steer_vector: bool = False
    steer_algorithms: list[str] = field(default_factory=list)
    steer_multi_vector: bool = False
    steer_vector_dtype: str = "auto"
    prompts_read: int = 0

    def __post_init__(self) -> None:
        for plugin in entry_points(group=PLUGINS):
            plugin.load()()
        assert set(self.steer_algorithms) <= set(ALGORITHM_REGISTRY)
        self.network: Any = transformers.AutoModelForCausalLM.from_pretrained(
            self.model, dtype=torch.float32
        ).eval()
        config = self.network.config
        limit = self.max_model_len or config.max_position_embeddings
        self.llm_engine = SimpleNamespace(
            model_config=SimpleNamespace(max_model_len=limit, hf_text_config=config)
        )
        self.codec = codec_from_folder(Path(self.model))

    def generate(
        self,
        prompts: list[dict[str, list[int]]],
        sampling_params: list[SamplingParams],
        *,
        use_tqdm: bool = True,
        steering: Sequence[SteeringSpec | None] | None = None,
    ) -> list[RequestOutput]:
        assert not use_tqdm and len(prompts) == len(sampling_params)
        specs = steering or [None] * len(prompts)
        outputs = []
        for prompt, parameters, spec in zip(prompts, sampling_params, specs, strict=True):
            if spec is not None:
                assert {v.algorithm for v in spec.vectors} <= set(self.steer_algorithms)
                assert len(spec.vectors) == 1 or self.steer_multi_vector
            with self.changing(spec.changes() if spec else []):
                outputs.append(self.answer(prompt["prompt_token_ids"], parameters))
        return outputs

    @contextmanager
    def changing(self, changes: Sequence[Change]) -> Iterator[None]:
        def hook(change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
            return lambda module, inputs, output: change(output)

        layers = self.network.model.layers
        handles = [layers[i].register_forward_hook(hook(change)) for i, change in changes]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def logp(self, ids: Sequence[int]) -> torch.Tensor:
        with torch.no_grad():
            return torch.log_softmax(self.network(torch.tensor([list(ids)])).logits[0], -1)

    def answer(self, prompt: list[int], parameters: SamplingParams) -> RequestOutput:
        limit = self.llm_engine.model_config.max_model_len
        if len(prompt) >= limit:
            raise ValueError(f"prompt of {len(prompt)} tokens for a model of {limit}")
        self.prompts_read += 1
        listed = None
        if parameters.prompt_logprobs is not None:
            logp = self.logp(prompt)
            listed = [None, *(self._entry(logp[i], prompt[i + 1]) for i in range(len(prompt) - 1))]
        completion = self._completion(prompt, parameters)
        if ids := getattr(parameters, "logprob_token_ids", None):
            assert parameters.max_tokens == 1
            row = self.logp(prompt)[-1]
            listed_ids = dict.fromkeys((*completion.token_ids, *ids))
            completion.logprobs = [{i: Logprob(float(row[i])) for i in listed_ids}]
        return RequestOutput(prompt, listed, [completion])

    def _entry(self, row: torch.Tensor, token: int) -> dict[int, Logprob]:
        best = int(row.argmax())
        return {i: Logprob(float(row[i])) for i in dict.fromkeys((token, best))}

    def _completion(self, prompt: list[int], parameters: SamplingParams) -> CompletionOutput:
        written: list[int] = []
        random = torch.Generator().manual_seed(parameters.seed or 0)
        guide = None
        if parameters.structured_outputs is not None:
            schema = json.dumps(json.loads(str(parameters.structured_outputs.json)))
            tokens = Grammar.vocabulary(self.codec.tokenizer, self.codec.eos_ids)
            guide = Grammar(tokens, schema).guide()
        while len(written) < (parameters.max_tokens or 1 << 30):
            row = self.logp([*prompt, *written])[-1]
            if guide is not None:
                row = row.where(guide.allowed(len(row)), float("-inf"))
            if parameters.temperature:
                weights = torch.softmax(row / parameters.temperature, -1)
                token = int(torch.multinomial(weights, 1, generator=random))
            else:
                token = int(row.argmax())
            written.append(token)
            if guide is not None and not guide.take(token):
                return CompletionOutput(0, "", written, "stop")
            if token in (parameters.stop_token_ids or ()):
                return CompletionOutput(0, "", written, "stop", token)
            text = self.codec.decode(written)
            if stops := [s for s in parameters.stop or () if s in text]:
                return CompletionOutput(0, text, written, "stop", stops[0])
        return CompletionOutput(0, self.codec.decode(written), written, "length")


class MiaLLM:
    """vLLM-Hook's wrapper: a request's steering is in its `extra_args`."""

    def __init__(self, model: str, worker_name: str | None = None, **options: Any) -> None:
        assert worker_name == "steer"
        assert not options["enable_prefix_caching"]
        self.llm = LLM(model=model, **options)
        self.llm_engine = self.llm.llm_engine

    def generate(
        self, prompts: list[dict[str, list[int]]], sampling_params: list[Any], **options: Any
    ) -> list[RequestOutput]:
        outputs = []
        for prompt, parameters in zip(prompts, sampling_params, strict=True):
            steer = (parameters.extra_args or {}).get("steer")
            changes: list[Change] = []
            if steer:
                assert steer["method"] == "add_vector"
                vector = torch.load(steer["vector_path"], weights_only=True)["dir"]
                shift = partial(torch.add, steer["coefficient"] * vector)
                changes = [(block, shift) for block in steer["optimal_layer"]]
            with self.llm.changing(changes):
                outputs += self.llm.generate([prompt], [parameters], **options)
        return outputs
