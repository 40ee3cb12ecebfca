"""Steering layers inside vLLM: how edits of activations reach its workers, where one is installed.

EasySteer   vllm.steer_vectors: `llm.generate(prompts, params, steering=[spec, None, ...])`; a spec
            adds to the output of each block a direction of its own.
vLLM-Hook   mia: `SamplingParams(extra_args={"steer": {...}})`; one direction a request, read from a
            file of torch's, and added to the output of one or several blocks.

Both add a vector to every token at the output of decoder blocks, numbered from 0, as our edits of
op `add` at sites `block` do; nothing else is translated. Neither bounds a projection, so that caps
are refused.
Sources: github.com/ZJU-REAL/EasySteer (docs, "Describing steering"), github.com/IBM/vLLM-Hook
(docs/configs.md, mia/workers/steer_worker.py).
"""

import hashlib
import shutil
import weakref
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from personae.core import BadValue, Edit, When
from personae.core.errors import ModelError

__all__ = ["Directions", "SteeringLayer", "directions_of", "installed_layer"]

Directions = Mapping[int, NDArray[np.float32]]
"""For each block the direction (width,) that is added to its output."""


class SteeringLayer(Protocol):
    """Opens an engine that can be steered, and writes replies under directions."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def open(self, folder: str, options: Mapping[str, Any]) -> Any:  # noqa: ANN401  (vllm.LLM)
        """Open the engine of a model's folder."""
        ...

    def generate(
        self,
        llm: Any,  # noqa: ANN401  (vllm.LLM)
        prompts: Sequence[Mapping[str, Any]],
        parameters: Sequence[Any],
        directions: Sequence[Directions],
    ) -> list[Any]:
        """Answer each prompt under its directions; vLLM's RequestOutput of each.

        Raises:
            BadValue: directions that the layer can't add.
        """
        ...


def installed_layer() -> SteeringLayer | None:
    """Return the steering layer that is installed here, if there is one."""
    if find_spec("vllm.steer_vectors") is not None:
        return _EasySteer()
    if find_spec("mia") is not None and find_spec("mia.workers.steer_worker") is not None:
        return _VllmHook()
    return None


def directions_of(edits: Sequence[Edit]) -> Directions:
    """Sum edits to one direction a block.

    Raises:
        BadValue: an edit that vLLM's steering layers can't make.
    """
    total: dict[int, NDArray[np.float32]] = {}
    for edit in edits:
        is_plain = edit.op == "add" and edit.site.part == "block" and edit.gate is None
        if not is_plain or edit.when != When():
            raise BadValue(
                "steering layers of vLLM add a vector to the output of blocks, for every token; "
                f"op {edit.op!r} at {edit.site.part} {edit.site.block} under other conditions, "
                "such as a cap, takes hf:NAME-OR-FOLDER"
            )
        block = edit.site.block
        vector = np.float32(edit.strength) * np.asarray(edit.vector, np.float32)
        total[block] = total[block] + vector if block in total else vector
    return total


class _EasySteer:
    """EasySteer, vLLM with `vllm.steer_vectors`."""

    name = "EasySteer"

    def open(self, folder: str, options: Mapping[str, Any]) -> Any:  # noqa: ANN401
        import vllm
        import vllm.steer_vectors as layer

        names = ("ApplySpec", "SteeringSpec", "VectorSpec", "DirectionVector")
        if absent := [name for name in names if not hasattr(layer, name)]:
            raise ModelError(
                f"this EasySteer has no {', '.join(absent)}: its interface is an older one than "
                "that of its documentation; update it"
            )
        return vllm.LLM(
            model=folder, **options, enable_steer_vector=True, steer_algorithms=["direct"]
        )

    def generate(
        self,
        llm: Any,  # noqa: ANN401
        prompts: Sequence[Mapping[str, Any]],
        parameters: Sequence[Any],
        directions: Sequence[Directions],
    ) -> list[Any]:
        specs = [self._spec(d) if d else None for d in directions]
        return list(llm.generate(list(prompts), list(parameters), steering=specs, use_tqdm=False))

    def _spec(self, directions: Directions) -> Any:  # noqa: ANN401  (SteeringSpec)
        import vllm.steer_vectors as layer

        return layer.SteeringSpec(
            vectors=[
                layer.VectorSpec(
                    data=layer.DirectionVector(dict(directions)),
                    layers=sorted(directions),
                    apply=layer.ApplySpec(prompt="all", generation="all"),
                )
            ]
        )


class _VllmHook:
    """IBM's vLLM-Hook, whose package is `mia`; its worker reads directions from files."""

    name = "vLLM-Hook"

    def __init__(self) -> None:
        self._folder = Path(mkdtemp(prefix="personae-steering-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def open(self, folder: str, options: Mapping[str, Any]) -> Any:  # noqa: ANN401
        from mia import MiaLLM

        # its workers keep states by prompt alone: a steered one would serve an unsteered one
        return MiaLLM(
            model=folder, worker_name="steer", **{**options, "enable_prefix_caching": False}
        )

    def generate(
        self,
        llm: Any,  # noqa: ANN401
        prompts: Sequence[Mapping[str, Any]],
        parameters: Sequence[Any],
        directions: Sequence[Directions],
    ) -> list[Any]:
        for sampling, steering in zip(parameters, directions, strict=True):
            if steering:
                sampling.extra_args = {"steer": self._config(steering)}
        return list(llm.generate(list(prompts), list(parameters), use_tqdm=False))

    def _config(self, directions: Directions) -> dict[str, Any]:
        vectors = {vector.tobytes(): vector for vector in directions.values()}
        if len(vectors) > 1:
            raise BadValue(
                "vLLM-Hook adds one direction a request, and this steering has another one at each "
                f"of {len(vectors)} blocks: choose one block, as in steer:FILE*2@15"
            )
        ((content, vector),) = vectors.items()
        path = self._folder / f"{hashlib.sha256(content).hexdigest()}.pt"
        if not path.exists():
            import torch

            torch.save({"dir": torch.from_numpy(vector)}, path)
        return {
            "method": "add_vector",
            "coefficient": 1.0,
            "optimal_layer": sorted(directions),
            "vector_path": str(path),
        }
