"""Reads activations: many chats side by side, all sites in one pass, pooled immediately.

Whatever the pool, it is a list of token ranges for each chat, and a row is the mean over a range.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, get_args

import numpy as np
import torch
from torch import Tensor

from personae.core import Activations, Array, BadValue, Chat, Pool, Site
from personae.models.codec.posed_questions import ChatCodec
from personae.models.local.forward.passes import ForwardPasses
from personae.models.local.forward.shared_prefixes import Node, lay_out
from personae.models.local.sites import Change

__all__ = ["RecordingCodec", "record"]

Range = tuple[int, int]
POOLS = get_args(Pool)


class RecordingCodec(ChatCodec, Protocol):
    """A codec that also gives the token range of each message."""

    def turns(self, chat: Chat) -> tuple[list[int], list[Range]]:
        """Encode the rendered chat; give its tokens and each message's range of them."""
        ...


@dataclass(frozen=True, slots=True)
class _Text:
    """A chat as tokens, the token ranges that are read, and the row at which its results begin."""

    tokens: tuple[int, ...]
    ranges: Sequence[Range]
    row: int


def record(
    reader: ForwardPasses,
    codec: RecordingCodec,
    chats: Sequence[Chat],
    target: tuple[Sequence[Site], Pool],
    limit: int,
) -> Activations:
    """Read activations at sites: for each an array (rows, width), in the order of the chats.

    `target` is (sites, pool), `limit` the most tokens of a chat. The pool decides how many rows a
    chat has: one, one per token, or one per turn of the assistant.

    Raises:
        BadValue: an unknown site or pool, a chat that is too long or has no turn for the pool.
    """
    sites, pool = target
    if pool not in POOLS:
        raise BadValue(f"a pool is one of {', '.join(POOLS)}, not {pool!r}")
    widths = {site: reader.editing.sites.width(site) for site in sites}
    texts, rows = _texts(codec, chats, pool, limit)
    activations = {site: np.empty((rows, width)) for site, width in widths.items()}
    for batch in _batches(texts, 0 if reader.sharing_obstacle else reader.token_budget):
        _pass(reader, batch, activations)
    return activations


def _texts(
    codec: RecordingCodec, chats: Sequence[Chat], pool: Pool, limit: int
) -> tuple[list[_Text], int]:
    texts: list[_Text] = []
    row = 0
    for index, chat in enumerate(chats):
        turns: list[Range] = []
        if pool == "replies":
            ids, turns = codec.turns(chat)
        else:
            ids = codec.encode(codec.render(chat))
        if not 0 < len(ids) <= limit:
            raise BadValue(f"chat {index} has {len(ids):,} tokens; the model reads 1 to {limit:,}")
        ranges = _ranges(chat, len(ids), turns, pool)
        if not ranges or any(low >= high for low, high in ranges):
            raise BadValue(f"chat {index} has a turn of the assistant without text, or none at all")
        texts.append(_Text(tuple(ids), ranges, row))
        row += len(ranges)
    return texts, row


def _ranges(chat: Chat, size: int, turns: Sequence[Range], pool: Pool) -> list[Range]:
    if pool == "replies":
        return [t for m, t in zip(chat, turns, strict=True) if m.role == "assistant"]
    if pool == "all":
        return [(position, position + 1) for position in range(size)]
    return [(size - 1, size) if pool == "last" else (0, size)]


def _pass(reader: ForwardPasses, batch: Sequence[_Text], activations: dict[Site, Array]) -> None:
    """Read a batch, and write the means over its ranges to their rows."""
    nodes = []
    for text in batch:
        tokens = reader.editing.marked(text.tokens, len(text.tokens))
        nodes.append(Node(0, tokens, size=len(tokens)))
    blocks = lay_out(nodes, None, reader.device)
    ranges = [
        (blocks.offsets[node] + low, blocks.offsets[node] + high)
        for node, text in zip(nodes, batch, strict=True)
        for low, high in text.ranges
    ]
    rows = np.concatenate([np.arange(t.row, t.row + len(t.ranges)) for t in batch])
    pooled = _Mean(ranges, len(blocks.tokens), reader.device)

    def hooks(site: Site) -> Change:
        def observe(hidden: Tensor) -> None:
            activations[site][rows] = pooled(hidden.detach().float()).cpu().numpy()

        return observe

    changes = [(site, hooks(site)) for site in activations]
    if reader.sharing_obstacle:
        reader.alone(blocks.tokens, [], changes)
    else:
        reader.forward(blocks.tokens, blocks.positions, blocks.layout, [], changes)


class _Mean:
    """The means over ranges of tokens: a selection where each is one token, else a product."""

    def __init__(self, ranges: Sequence[Range], size: int, device: torch.device) -> None:
        self.positions = torch.tensor([low for low, _ in ranges], device=device)
        self.weights: Tensor | None = None
        if any(high - low > 1 for low, high in ranges):
            weights = np.zeros((len(ranges), size), dtype=np.float32)
            for row, (low, high) in enumerate(ranges):
                weights[row, low:high] = 1 / (high - low)
            self.weights = torch.from_numpy(weights).to(device)

    def __call__(self, hidden: Tensor) -> Tensor:
        return hidden[self.positions] if self.weights is None else self.weights @ hidden


def _batches(texts: Sequence[_Text], budget: int) -> Iterator[list[_Text]]:
    """Cut the texts, sorted by length, into passes of at most `budget` tokens."""
    batch: list[_Text] = []
    size = 0
    for text in sorted(texts, key=lambda t: len(t.tokens)):
        if batch and size + len(text.tokens) > budget:
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text.tokens)
    if batch:
        yield batch
