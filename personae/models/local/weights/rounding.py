"""How far numbers may differ by rounding alone, for each precision: the one place that says so."""

import torch

__all__ = ["TOLERANCE", "probe_noise"]

TOLERANCE = {torch.float32: 1e-4, torch.float16: 0.1, torch.bfloat16: 0.5}
"""Nats by which an option's log-likelihood may depend on how it is read: shared or alone, in which
batch, by which attention. Measured over random networks of 24 families with large weights, options
of up to 9 tokens: float32 1e-5, float16 0.03, bfloat16 0.2, and 0.4 where experts are routed."""


def probe_noise(dtype: torch.dtype) -> float:
    """Return the rounding of logits, in standard deviations of theirs, that is no sign of a fault.

    2e-4 in float32, 0.17 in float16, 0.79 in bfloat16.
    """
    return float(30 * torch.finfo(dtype).eps ** 0.75)
