"""Steering layers inside vLLM: how edits of activations reach its workers, where one is installed.

EasySteer   vllm.steer_vectors: `llm.generate(prompts, params, steering=[spec, None, ...])`; a spec
            lists vectors, each with its blocks and an algorithm, which work in the order given.
vLLM-Hook   mia: `SamplingParams(extra_args={"steer": {...}})`; one direction a request, read from a
            file of torch's, and added to the output of one or several blocks.

Both work on every token at the output of decoder blocks, numbered from 0, as our edits at sites
`block` do. Both add vectors; EasySteer takes algorithms of others, so that it also makes our caps
(`capping`). vLLM-Hook's methods are fixed: one adds, one sets a projection, none bounds it.
Sources: github.com/ZJU-REAL/EasySteer (docs, "Describing steering"), github.com/IBM/vLLM-Hook
(docs/configs.md, mia/workers/steer_worker.py).
"""

import hashlib
import shutil
import weakref
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from personae.core import BadValue, Edit, When
from personae.core.errors import ModelError
from personae.models.vllm.capping import CAP, cap_vector, caps_obstacle, register

__all__ = ["Edits", "SteeringLayer", "installed_layer"]

Edits = tuple[Edit, ...]
INSTEAD = "take hf:NAME-OR-FOLDER for it"


class SteeringLayer(Protocol):
    """Opens an engine that can be steered, and attaches edits to what it is asked."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def package(self) -> str:
        """The package whose version is the layer's."""
        ...

    def open(self, folder: str, options: Mapping[str, Any]) -> Any:  # noqa: ANN401  (vllm.LLM)
        """Open the engine of a model's folder."""
        ...

    def check(self, edits: Edits) -> None:
        """Refuse edits of one request that the layer can't make.

        Raises:
            BadValue: such an edit.
        """
        ...

    def attach(self, parameters: Sequence[Any], edits: Sequence[Edits]) -> Mapping[str, Any]:
        """Attach each request's edits to its parameters, or return an argument of `generate`."""
        ...


def installed_layer() -> SteeringLayer | None:
    """Return the steering layer that is installed here, if there is one."""
    if find_spec("vllm.steer_vectors") is not None:
        return _EasySteer()
    if find_spec("mia") is not None and find_spec("mia.workers.steer_worker") is not None:
        return _VllmHook()
    return None


def _check_kind(layer: str, edits: Edits, ops: Sequence[str]) -> None:
    for edit in edits:
        if edit.site.part != "block":
            raise BadValue(
                f"{layer} edits the outputs of whole blocks, not {edit.site.part!r} of block "
                f"{edit.site.block}: {INSTEAD}"
            )
        if edit.gate is not None or edit.when != When():
            raise BadValue(
                f"{layer} edits every token alike, and this edit of block {edit.site.block} has "
                f"conditions: {INSTEAD}"
            )
        if edit.op not in ops:
            raise BadValue(
                f"{layer} can't make an edit {edit.op!r}, only {' and '.join(ops)}: {INSTEAD}"
            )


def _directions(edits: Sequence[Edit]) -> dict[int, NDArray[np.float32]]:
    """Sum edits that add, to one direction (width,) a block."""
    total: dict[int, NDArray[np.float32]] = {}
    for edit in edits:
        block = edit.site.block
        vector = np.float32(edit.strength) * np.asarray(edit.vector, np.float32)
        total[block] = total[block] + vector if block in total else vector
    return total


class _EasySteer:
    """EasySteer, vLLM with `vllm.steer_vectors`."""

    name, package = "EasySteer", "easysteer"

    def __init__(self) -> None:
        register()
        self._obstacle = caps_obstacle()

    def open(self, folder: str, options: Mapping[str, Any]) -> Any:  # noqa: ANN401
        import vllm
        import vllm.steer_vectors as layer

        names = ("ApplySpec", "SteeringSpec", "VectorSpec", "DirectionVector")
        if absent := [name for name in names if not hasattr(layer, name)]:
            raise ModelError(
                f"this EasySteer has no {', '.join(absent)}: its interface is an older one than "
                "that of its documentation; update it"
            )
        steering: dict[str, Any] = {"enable_steer_vector": True, "steer_algorithms": ["direct"]}
        if not self._obstacle:
            # half precision would move the bounds of caps
            steering |= {"steer_algorithms": ["direct", CAP], "steer_vector_dtype": "float32"}
            steering |= {"steer_multi_vector": True}
        return vllm.LLM(model=folder, **options, **steering)

    def check(self, edits: Edits) -> None:
        if self._obstacle and any(edit.op == "cap" for edit in edits):
            raise BadValue(f"EasySteer can't make caps here: {self._obstacle}, or {INSTEAD}")
        _check_kind(self.name, edits, ("add", "cap"))

    def attach(self, parameters: Sequence[Any], edits: Sequence[Edits]) -> Mapping[str, Any]:
        specs = {group: self._spec(group) if group else None for group in set(edits)}
        return {"steering": [specs[group] for group in edits]}

    def _spec(self, edits: Edits) -> Any:  # noqa: ANN401  (SteeringSpec)
        import vllm.steer_vectors as layer

        everywhere = layer.ApplySpec(prompt="all", generation="all")
        vectors: list[Any] = []
        for op, group in groupby(edits, key=lambda edit: edit.op):
            if op == "cap":
                vectors += [cap_vector(edit, everywhere) for edit in group]
                continue
            directions = _directions(list(group))
            data = layer.DirectionVector(directions)
            vectors.append(layer.VectorSpec(data=data, layers=sorted(directions), apply=everywhere))
        return layer.SteeringSpec(vectors=vectors, conflict="sequential")


class _VllmHook:
    """IBM's vLLM-Hook, whose package is `mia`; its worker reads directions from files."""

    name, package = "vLLM-Hook", "mia"

    def __init__(self) -> None:
        self._folder = Path(mkdtemp(prefix="personae-steering-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def open(self, folder: str, options: Mapping[str, Any]) -> Any:  # noqa: ANN401
        from mia import MiaLLM

        # its workers keep states by prompt alone: a steered one would serve an unsteered one
        return MiaLLM(
            model=folder, worker_name="steer", **{**options, "enable_prefix_caching": False}
        )

    def check(self, edits: Edits) -> None:
        if any(edit.op == "cap" for edit in edits):
            raise BadValue(
                "vLLM-Hook adds vectors and sets projections, but bounds none, so it can't cap: "
                f"install EasySteer, or {INSTEAD}"
            )
        _check_kind(self.name, edits, ("add",))
        if len({vector.tobytes() for vector in _directions(edits).values()}) > 1:
            raise BadValue(
                "vLLM-Hook adds one direction a request, and this steering has another one at each "
                "of several blocks: choose one block, as in steer:FILE*2@15"
            )

    def attach(self, parameters: Sequence[Any], edits: Sequence[Edits]) -> Mapping[str, Any]:
        for sampling, group in zip(parameters, edits, strict=True):
            if group:
                sampling.extra_args = {"steer": self._config(group)}
        return {}

    def _config(self, edits: Edits) -> dict[str, Any]:
        directions = _directions(edits)
        vector = next(iter(directions.values()))
        path = self._folder / f"{hashlib.sha256(vector.tobytes()).hexdigest()}.pt"
        if not path.exists():
            import torch

            torch.save({"dir": torch.from_numpy(vector)}, path)
        return {
            "method": "add_vector",
            "coefficient": 1.0,
            "optimal_layer": sorted(directions),
            "vector_path": str(path),
        }
