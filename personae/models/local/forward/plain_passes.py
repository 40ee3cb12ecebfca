"""Reads each text alone, by the network's own attention, where texts can't share passes.

The definition that shared passes must meet: slower, and right for every causal language model.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from personae.core import Array
from personae.models.local.forward.passes import ForwardPasses

__all__ = ["LogprobBatches", "WantedLogprob", "logprobs_at", "plain_logprobs"]

LogprobBatches = Iterator[tuple[list[int], Array]]
"""For each pass, indices of reads and their log-probabilities, (reads,) in nats."""


@dataclass(frozen=True, slots=True)
class WantedLogprob:
    """One number wanted: the log-probability of `target` after `sequence[: position + 1]`."""

    sequence: int
    position: int
    target: int


def plain_logprobs(
    reader: ForwardPasses, sequences: Sequence[tuple[int, ...]], reads: Sequence[WantedLogprob]
) -> LogprobBatches:
    """Yield, text by text, indices of reads and their log-probabilities (nats).

    A sequence that another one continues is read with it.
    """
    order = sorted(range(len(sequences)), key=sequences.__getitem__)
    longest: dict[int, int] = {}
    for index, following in zip(order[::-1], [None, *order[::-1]], strict=False):
        tokens = sequences[index]
        continued = following is not None and sequences[following][: len(tokens)] == tokens
        longest[index] = longest[following] if continued and following is not None else index
    by_text: dict[int, list[int]] = {}
    for number, read in enumerate(reads):
        by_text.setdefault(longest[read.sequence], []).append(number)
    for index, numbers in by_text.items():
        logits = reader.alone(sequences[index], [reads[i].position for i in numbers])
        rows = list(range(len(numbers)))
        yield numbers, logprobs_at(logits, rows, [reads[i].target for i in numbers])


def logprobs_at(logits: Tensor, rows: Sequence[int], targets: Sequence[int]) -> Array:
    """Return the log-probabilities (nats) of tokens at rows of logits (rows, vocabulary).

    >>> logprobs_at(torch.zeros(1, 4), [0], [2]).round(4)
    array([-1.3863])
    """
    row = torch.tensor(rows, device=logits.device)
    target = torch.tensor(targets, device=logits.device)
    values: Array = (logits[row, target] - logits.logsumexp(-1)[row]).cpu().double().numpy()
    return values
