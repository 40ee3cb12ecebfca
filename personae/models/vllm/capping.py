"""Caps in EasySteer: an algorithm of ours, which vLLM loads into each of its processes.

A cap is the sum of its one-sided bounds. With u the direction at length 1 and p = <h, u>:

from below   h + relu(low - p) u     column u, bias low
from above   h - relu(p - high) u    column -u, bias -high

So each bound moves h by relu(bias - <h, column>) column, and a cap travels in EasySteer's payload
of columns (width, bounds) and biases (bounds,), its ReftIntervention.
Sources: github.com/ZJU-REAL/EasySteer (docs, "Algorithm extension API"),
github.com/ZJU-REAL/EasySteer-vllm-v1 (vllm/model_hooks/steering), vLLM's documentation of plugins.
"""

import os
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # vLLM's processes import this module, and need no more than numpy for it
    from personae.core import Edit

__all__ = ["CAP", "cap_vector", "caps_obstacle", "register"]

CAP = "personae_cap"
"""The algorithm's name in EasySteer's register."""
GROUP, PLUGIN = "vllm.general_plugins", "personae"


def register() -> None:
    """Register caps with EasySteer in this process; where it isn't installed, nothing happens.

    vLLM calls this in each of its processes, as an entry point of `vllm.general_plugins`.

    >>> register()
    """
    try:
        from vllm.model_hooks.steering.algorithms.base import BaseSteerVectorAlgorithm
        from vllm.model_hooks.steering.algorithms.registry import (
            ALGORITHM_REGISTRY,
            register_algorithm,
        )
        from vllm.model_hooks.steering.capabilities import (
            ALGORITHM_CAPABILITIES,
            AlgorithmCapabilities,
        )

        if CAP in ALGORITHM_REGISTRY:
            return

        class Cap(BaseSteerVectorAlgorithm):  # type: ignore[misc]  # its base is untyped
            """Bounds the projection of tokens on a direction."""

            def _transform(self, hidden_state: Any, params: Any) -> Any:  # noqa: ANN401  (tensors)
                return _capped(hidden_state, params)

        ALGORITHM_CAPABILITIES[CAP] = AlgorithmCapabilities(payload_kind="reft", source="none")
        register_algorithm(CAP)(Cap)
    except Exception:  # a plugin must not keep vLLM from starting; caps_obstacle tells
        pass


def caps_obstacle() -> str:
    """Tell why vLLM's processes can't make caps, once `register` was called here; "" if they can.

    >>> caps_obstacle()
    'there is no register of algorithms at vllm.model_hooks.steering: update EasySteer'
    """
    try:
        from vllm.model_hooks.steering.algorithms.registry import ALGORITHM_REGISTRY
        from vllm.model_hooks.steering.capabilities import ALGORITHM_CAPABILITIES

        is_registered = CAP in ALGORITHM_REGISTRY and CAP in ALGORITHM_CAPABILITIES
    except ImportError:
        is_registered = False
    if not is_registered:
        return "there is no register of algorithms at vllm.model_hooks.steering: update EasySteer"
    allowed = os.environ.get("VLLM_PLUGINS")
    if allowed is not None and PLUGIN not in allowed.split(","):
        return f"VLLM_PLUGINS={allowed} leaves out Personae's plugin: add {PLUGIN}"
    if not entry_points(group=GROUP, name=PLUGIN):
        return "vLLM finds Personae's plugin only where Personae is installed: use pip"
    return ""


def cap_vector(edit: "Edit", apply: Any) -> Any:  # noqa: ANN401  (EasySteer's ApplySpec, VectorSpec)
    """Return EasySteer's description of a cap, at the tokens that `apply` selects."""
    import vllm.steer_vectors as layer

    axis = edit.vector / np.linalg.norm(edit.vector)
    low, high = edit.bounds
    bounds = [(axis, low), (-axis, -high)]
    columns, biases = zip(*((c, b) for c, b in bounds if np.isfinite(b)), strict=True)
    intervention = layer.ReftIntervention(
        rotate_layer=np.stack(columns, axis=1),
        learned_source_weight=np.zeros((len(columns), len(axis)), np.float32),  # required there
        learned_source_bias=np.array(biases, np.float32),
        layer=edit.site.block,
    )
    return layer.VectorSpec(
        data=intervention,
        algorithm=CAP,
        scale=float(edit.strength),
        layers=[edit.site.block],
        apply=apply,
    )


def _capped(hidden: Any, payload: Any) -> Any:  # noqa: ANN401  (tensors)
    """Return tokens (tokens, width) moved into the bounds of a payload that EasySteer prepared."""
    columns = payload["rotate_layer"].float()
    missing = (payload["learned_source_bias"].float() - hidden.float() @ columns).clamp(min=0)
    moved = payload.get("scale_factor", 1.0) * (missing @ columns.T)
    return hidden + moved.to(hidden.dtype)
