"""Is a back end the model it claims to be? Kullback-Leibler divergence from stored references.

`data/fidelity.json` holds the embedded model's answers in float32, computed with the library's own
loader, not ours. A back end that "works" may still be another model: the same weights requantised
to symmetric 4 bits answer "Paris" too, at 0.3 nats per token from the reference. Divergences are
over the outcomes that the reference lists and one for all others together, which bounds the
divergence over the whole vocabulary from below.
"""

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from personae.core import (
    Array,
    Choice,
    Chooser,
    Estimate,
    FidelityError,
    ModelError,
    Request,
    data_json,
    missing,
    say,
)

if TYPE_CHECKING:
    from personae.models.local.loading import Loaded

__all__ = ["LIMIT", "fidelity", "network_fidelity"]

LIMIT = 0.02
"""Nats. Measured per question and per token: the float32 path 1e-11 and 2e-10, bfloat16 weights
4e-5 and 6e-5, 8-bit weights 0.0007 and 0.0013, symmetric 4-bit weights 0.16 and 0.32."""


def _fidelity_requests() -> tuple[Request, ...]:
    """Return the fixed questions on which back ends are compared."""
    return tuple(
        Request(
            chat=say(entry["user"], system=entry["system"]),
            options=tuple((word,) for word in entry["options"]),
        )
        for entry in data_json("fidelity.json")["questions"]
    )


def _divergence(reference: Array, measured: Array) -> Array:
    """KL divergence (nats), shape (...), of log-probabilities (..., outcomes).

    All other outcomes together complete each distribution.

    >>> _divergence(np.log([0.5, 0.25]), np.log([0.5, 0.25])).round(6) + 0
    np.float64(0.0)
    """
    p, q = np.exp(reference), np.exp(measured)
    others = np.maximum(1 - p.sum(axis=-1), 1e-12), np.maximum(1 - q.sum(axis=-1), 1e-12)
    listed = np.where(p > 0, p * (reference - measured), 0.0).sum(axis=-1)
    return np.asarray(np.maximum(listed + others[0] * np.log(others[0] / others[1]), 0.0))


def _choice_divergence(loglik: Sequence[float], choice: Choice) -> float:
    """Divergence (nats) of a choice.

    An option that a back end doesn't list has at most the floor's probability: it is put at the
    floor where the reference lies above it, and otherwise joins "anything else".
    """
    expected = np.array(loglik)
    measured = np.maximum(np.array(choice.loglik), choice.floor)
    known = (measured > choice.floor) | (expected > choice.floor)
    return float(_divergence(expected[known], measured[known]))


def fidelity(model: Chooser, *, limit: float = LIMIT) -> Estimate:
    """Compare a back end's answers with the embedded model's, over 16 fixed questions.

    The value is the mean divergence (nats) per question over its four options and "anything else".
    It is missing where the model counts sampled answers instead of giving probabilities.

    Raises:
        FidelityError: the divergence exceeds `limit`: this is another model.
        ModelError: the model fails to answer one of the questions.
    """
    choices = model.choose(_fidelity_requests())
    methods = sorted({choice.method for choice in choices})
    if any(method.startswith("counted") for method in methods):
        reason = f"the back end counts answers ({', '.join(methods)}); too coarse to compare"
        return missing("fidelity", reason, n=len(choices), of="question", unit="nats")
    failed = [choice for choice in choices if choice.status != "ok"]
    if failed:
        raise ModelError(
            f"{model.name} fails {len(failed)} of {len(choices)} questions of the fidelity check, "
            f"first: {failed[0].status}: {failed[0].why}"
        )
    entries = data_json("fidelity.json")["questions"]
    divergences = [
        _choice_divergence(e["loglik"], c) for e, c in zip(entries, choices, strict=True)
    ]
    return _estimate(model.name, np.array(divergences), "question", limit)


def network_fidelity(loaded: "Loaded", *, limit: float = LIMIT) -> Estimate:
    """Compare a local network with the embedded model, over 24 tokens of a fixed passage.

    The value is the mean divergence (nats) per token over the reference's 200 likeliest next
    tokens and all others together. Costs one forward pass of 82 tokens.

    Raises:
        FidelityError: the divergence exceeds `limit`, or the vocabulary is another.
    """
    import torch  # noqa: PLC0415  (servers are compared without it)

    from personae.models.local.weights.runtime import device_of  # noqa: PLC0415

    passage: dict[str, Any] = data_json("fidelity.json")["passage"]
    expected, top = np.array(passage["logp"]), np.array(passage["ids"])
    text = loaded.codec.render(say(passage["user"], lead=passage["lead"]))
    ids = torch.tensor([loaded.codec.encode(text)], device=device_of(loaded.network))
    with torch.inference_mode():
        logits = loaded.network(input_ids=ids).logits[0, -len(top) :]
    if logits.shape[0] != len(top) or logits.shape[1] <= top.max():
        raise FidelityError(f"{loaded.name} has another vocabulary than {_reference()}")
    logp = logits.cpu().double().log_softmax(-1).numpy()
    divergences = _divergence(expected, np.take_along_axis(logp, top, axis=1))
    return _estimate(loaded.name, divergences, "token", limit)


def _reference() -> str:
    return str(data_json("fidelity.json")["model"])


def _estimate(name: str, divergences: Array, of: str, limit: float) -> Estimate:
    value = float(divergences.mean())
    if not value <= limit:
        raise FidelityError(
            f"{name} is not {_reference()}: {value:.3g} nats per {of} from the reference, "
            f"at most {limit:g} is allowed. Other weights, another quantisation, chat template "
            "or tokenizer"
        )
    half = (
        float(scipy.stats.t.ppf(0.975, len(divergences) - 1))
        * float(divergences.std(ddof=1))
        / sqrt(len(divergences))
    )
    return Estimate(
        name="fidelity",
        value=value,
        low=max(0.0, value - half),
        high=value + half,
        n=len(divergences),
        of=of,
        unit="nats",
        method="mean Kullback-Leibler divergence from the reference, t interval",
    )
