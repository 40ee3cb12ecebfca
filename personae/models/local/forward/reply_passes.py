"""The passes of a batch of replies: the prompts first, then a token of each text a pass."""

from collections.abc import Sequence
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from personae.models.local.editing import token_of
from personae.models.local.forward.passes import ForwardPasses
from personae.models.local.forward.prefix_tree import read_context
from personae.models.local.forward.reply_cache import ReplyCache
from personae.models.local.forward.shared_prefixes import PASS_COST, shared_length
from personae.models.local.weights.memory import memory_advice

__all__ = ["begin_replies"]

Tokens = tuple[int, ...]


class _ReplyPasses(Protocol):
    """Continues the texts of a batch; texts are rows of the logits."""

    def step(self, last: Sequence[int]) -> Tensor:
        """Append a marked token to each text; return the logits (texts, vocabulary) after it."""
        ...

    def drop(self, row: int) -> None:
        """Remove a text: the last one takes its row."""
        ...


def begin_replies(
    reader: ForwardPasses, prompts: Sequence[Tokens], rooms: Sequence[int]
) -> tuple[_ReplyPasses, Tensor]:
    """Read marked prompts, in sorted order; `rooms` are the most tokens each text may get.

    Returns the passes that continue them, and the logits (texts, vocabulary) after the prompts.
    """
    if reader.sharing_obstacle:
        plain = _PlainReplies(reader, prompts)
        return plain, plain.logits
    shared = _SharedReplies(reader, prompts, rooms)
    return shared, shared.logits


class _SharedReplies:
    """Texts side by side, after the prefix that all of them share."""

    def __init__(
        self, reader: ForwardPasses, prompts: Sequence[Tokens], rooms: Sequence[int]
    ) -> None:
        self._reader = reader
        shared = min(shared_length(prompts[0], prompts[-1]), min(map(len, prompts)) - 1)
        if shared * (len(prompts) - 1) < PASS_COST:
            shared = 0
        context = read_context(reader, prompts[0][:shared]) if shared else None
        remainders = [p[shared:] for p in prompts]
        capacity = max(len(r) + room for r, room in zip(remainders, rooms, strict=True))
        self._cache = ReplyCache(context, len(prompts), capacity, reader.device)
        self._count = len(prompts)
        logits: list[Tensor] = []
        low = 0
        while low < len(remainders):
            high = low + 1
            while (
                high < len(remainders)
                and sum(map(len, remainders[low : high + 1])) <= reader.token_budget
            ):
                high += 1
            logits.append(self._prefill(low, remainders[low:high]))
            low = high
        self.logits = torch.cat(logits)

    def _prefill(self, low: int, remainders: Sequence[Tokens]) -> Tensor:
        budget = self._reader.token_budget
        while len(remainders) == 1 and len(remainders[0]) > budget:  # a long prompt, piece by piece
            layout, positions = self._cache.append(low, [budget])
            self._reader.forward(remainders[0][:budget], positions, layout, [])
            remainders = [remainders[0][budget:]]
        layout, positions = self._cache.append(low, [len(r) for r in remainders])
        ends = np.cumsum([len(r) for r in remainders]) - 1
        return self._reader.forward(
            [t for r in remainders for t in r], positions, layout, ends.tolist()
        )

    def step(self, last: Sequence[int]) -> Tensor:
        """Append a token to each text, all in one pass."""
        layout, positions = self._cache.append(0, [1] * self._count)
        return self._reader.forward(last, positions, layout, range(self._count))

    def drop(self, row: int) -> None:
        """Remove a row of the cache."""
        self._cache.drop(row)
        self._count -= 1


class _PlainReplies:
    """Each text alone, with the network's own cache where it has one."""

    def __init__(self, reader: ForwardPasses, prompts: Sequence[Tokens]) -> None:
        self._reader = reader
        self._texts: list[Tokens] = [()] * len(prompts)
        self._caches: list[Any] = [None] * len(prompts)
        self.logits = self._append(prompts)

    def _append(self, new: Sequence[Tokens]) -> Tensor:
        return torch.cat([self._read(row, tokens) for row, tokens in enumerate(new)])

    def _read(self, row: int, new: Tokens) -> Tensor:
        text = self._texts[row] = self._texts[row] + new
        cache = self._caches[row]
        unread = text if cache is None else new
        positions = range(len(text) - len(unread), len(text))
        ids = torch.tensor([[token_of(t) for t in unread]], device=self._reader.device)
        given = {} if cache is None else {"past_key_values": cache}
        with self._reader.editing.in_force(unread, positions), torch.no_grad(), memory_advice():
            out = cast(Any, self._reader.network)(input_ids=ids, use_cache=True, **given)
        self._caches[row] = out.get("past_key_values")
        return cast(Tensor, out.logits[:, -1].float())

    def step(self, last: Sequence[int]) -> Tensor:
        """Append a token to each text, a pass for each."""
        return self._append([(token,) for token in last])

    def drop(self, row: int) -> None:
        """Remove a text and its cache."""
        for rows in (self._texts, self._caches):
            rows[row] = rows[-1]
            rows.pop()
