"""A stand-in for EasySteer's interface: specs, payloads, and its register of algorithms."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

Change = tuple[int, Callable[[torch.Tensor], torch.Tensor]]
"""A block, and what happens to its output."""


@dataclass
class ApplySpec:
    prompt: str
    generation: str


class BaseSteerVectorAlgorithm:
    def __init__(self, *, normalize: bool = False) -> None:
        self.normalize = normalize
        self.payload: Any = None

    def set_payload(self, payload: Any, scale_factor: float = 1.0) -> None:
        is_dict = isinstance(payload, dict)
        self.payload = (
            payload | {"scale_factor": scale_factor} if is_dict else payload * scale_factor
        )


class DirectAlgorithm(BaseSteerVectorAlgorithm):
    def _transform(self, hidden_state: torch.Tensor, params: torch.Tensor) -> torch.Tensor:
        return hidden_state + params


@dataclass(frozen=True)
class AlgorithmCapabilities:
    payload_kind: str | None
    source: str
    normalize: bool = False
    params: tuple[str, ...] = ()


ALGORITHM_REGISTRY: dict[str, Any] = {"direct": DirectAlgorithm}
ALGORITHM_CAPABILITIES = {"direct": AlgorithmCapabilities("direction", "gguf", True)}


def register_algorithm(name: str) -> Callable[[type], type]:
    def register(kind: type) -> type:
        if name in ALGORITHM_REGISTRY:
            raise ValueError(f"{name} is registered")
        ALGORITHM_REGISTRY[name] = kind
        return kind

    return register


@dataclass
class DirectionVector:
    layers: dict[int, Any]
    kind = "direction"

    def payloads(self) -> dict[int, Any]:
        return {i: torch.from_numpy(np.asarray(v, np.float32)) for i, v in self.layers.items()}


@dataclass
class ReftIntervention:
    rotate_layer: Any
    learned_source_weight: Any
    learned_source_bias: Any = None
    layer: int | None = None
    kind = "reft"

    def payloads(self) -> dict[int, Any]:
        width, rank = self.rotate_layer.shape
        assert self.learned_source_weight.shape == (rank, width) and self.layer is not None
        assert self.learned_source_bias.shape == (rank,)
        names = ("rotate_layer", "learned_source_weight", "learned_source_bias")
        tensors = {n: torch.from_numpy(np.asarray(getattr(self, n), np.float32)) for n in names}
        assert all(bool(tensor.isfinite().all()) for tensor in tensors.values())
        return {self.layer: tensors}


@dataclass
class VectorSpec:
    data: DirectionVector | ReftIntervention
    apply: ApplySpec
    algorithm: str = "direct"
    layers: list[int] | None = None
    scale: float = 1.0

    def __post_init__(self) -> None:
        assert ALGORITHM_CAPABILITIES[self.algorithm].payload_kind == self.data.kind
        assert (self.apply.prompt, self.apply.generation) == ("all", "all")


@dataclass
class SteeringSpec:
    vectors: list[VectorSpec]
    conflict: str = "priority"

    def changes(self) -> list[Change]:
        """Return for each block what its vectors do, in order."""
        assert len(self.vectors) == 1 or self.conflict == "sequential"
        changes: list[Change] = []
        for vector in self.vectors:
            for block, payload in vector.data.payloads().items():
                algorithm = ALGORITHM_REGISTRY[vector.algorithm]()
                algorithm.set_payload(payload, vector.scale)
                changes.append((block, partial(algorithm._transform, params=algorithm.payload)))
        return changes
