"""Draws tokens from logits so that a draw does not depend on the rest of the batch."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from personae.core import Sampling, content_key

__all__ = ["draw", "stream"]


def stream(sampling: Sampling, text: str) -> np.random.Generator:
    """Return the random generator of one request; it depends on seed, repeat and chat only.

    >>> a, b = (stream(Sampling(seed=1), "Hello") for _ in "ab")
    >>> bool(a.random() == b.random())
    True
    """
    key = content_key({"seed": sampling.seed, "repeat": sampling.repeat, "chat": text})
    return np.random.default_rng(int(key[:32], 16))


def draw(logits: Tensor, sampling: Sampling, uniforms: Sequence[float]) -> list[int]:
    """Draw one token per row by inverting the cumulative distribution, in token order.

    Temperature 0 takes the likeliest token. Under `top_p` only the smallest set of likeliest
    tokens that holds that much probability can be drawn. Sums are in float64, so that rounding
    in the logits changes a draw only when the uniform number falls on a boundary. Returns the token
    of each row, (rows,).

    Args:
        logits: (rows, vocabulary); -inf where a token is not allowed.
        sampling: temperature and top_p are used.
        uniforms: numbers in [0, 1), (rows,).

    >>> draw(torch.tensor([[0.0, 2.0], [5.0, 0.0]]), Sampling(), (0.5, 0.5))
    [1, 0]
    """
    if sampling.temperature == 0:
        return [int(i) for i in logits.argmax(-1)]
    if logits.device.type == "mps":
        logits = logits.cpu()  # has no float64
    weights = torch.softmax(logits.double() / sampling.temperature, -1)
    if sampling.top_p < 1:
        weights = _nucleus(weights, sampling.top_p)
    cumulated = weights.cumsum(-1)
    thresholds = torch.tensor(uniforms, dtype=torch.float64, device=logits.device)
    thresholds = thresholds * cumulated[:, -1]
    tokens = torch.searchsorted(cumulated, thresholds[:, None], right=True)[:, 0]
    return [int(i) for i in tokens.clamp(max=logits.shape[-1] - 1)]


def _nucleus(weights: Tensor, top_p: float) -> Tensor:
    for count in (1024, weights.shape[-1]):
        top, indices = weights.topk(min(count, weights.shape[-1]), -1)
        if bool((top.sum(-1) >= top_p).all()):
            break
    nucleus = top.where(top.cumsum(-1) - top < top_p, 0.0)
    return torch.zeros_like(weights).scatter(-1, indices, nucleus)
