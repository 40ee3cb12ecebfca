"""Keys and values of texts being written, one row per text, after a shared context."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from personae.models.local.forward.layout import AttentionLayout, Context

__all__ = ["ReplyCache"]


class ReplyCache:
    """A cache of `count` rows with room for `capacity` tokens each; rows differ in length."""

    def __init__(
        self, context: Context | None, count: int, capacity: int, device: torch.device
    ) -> None:
        self.context = context
        self.lengths = [0] * count
        self.capacity = capacity
        self.device = device
        self._layers: dict[int, tuple[Tensor, Tensor]] = {}

    @property
    def start(self) -> int:
        """Number of tokens before every row."""
        return 0 if self.context is None else len(self.context.tokens)

    def append(self, low: int, counts: Sequence[int]) -> tuple[AttentionLayout, list[int]]:
        """Lay out a pass that appends `counts` tokens to the rows from `low` on.

        Returns the layout and the position of each token, row after row.
        """
        high, width = low + len(counts), max(counts)
        before = np.array(self.lengths[low:high])
        count = np.array(counts)
        row = np.repeat(np.arange(len(counts)), count)
        column = np.concatenate([np.arange(n) for n in counts])
        gather = np.zeros((len(counts), width), dtype=np.int64)
        gather[row, column] = np.arange(len(row))
        length = int((before + count).max())
        position = before[:, None] + np.arange(width)[None, :]
        mask = np.arange(length)[None, None, :] <= position[:, :, None]
        self.lengths[low:high] = (before + count).tolist()
        rows = torch.from_numpy(row + low).to(self.device)
        slots = torch.from_numpy(before[row] + column).to(self.device)

        def local(layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
            stores = self._stores(layer, keys, values)
            where = rows.to(keys.device), slots.to(keys.device)
            for store, new in zip(stores, (keys, values), strict=True):
                store[where[0], :, where[1]] = new
            return stores[0][low:high, :, :length], stores[1][low:high, :, :length]

        layout = AttentionLayout(
            blocks=len(counts),
            width=width,
            gather=torch.from_numpy(gather.reshape(-1)).to(self.device),
            scatter=torch.from_numpy(row * width + column).to(self.device),
            mask=torch.where(torch.from_numpy(mask).to(self.device), 0.0, float("-inf")),
            query_positions=torch.from_numpy(position + self.start).to(self.device),
            key_positions=torch.arange(length, device=self.device)[None] + self.start,
            local=local,
            last_position=self.start + length - 1,
            context=self.context,
        )
        return layout, (self.start + before[row] + column).tolist()

    def drop(self, row: int) -> None:
        """Remove a row: the last row takes its index."""
        last = len(self.lengths) - 1
        used = self.lengths[last]
        if row != last:
            for stores in self._layers.values():
                for store in stores:
                    store[row, :, :used] = store[last, :, :used]
            self.lengths[row] = used
        self.lengths.pop()

    def _stores(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        if layer not in self._layers:
            self._layers[layer] = self._store(keys), self._store(values)
        return self._layers[layer]

    def _store(self, like: Tensor) -> Tensor:
        # zeros, as empty slots of short rows are multiplied by weights of zero
        return like.new_zeros(len(self.lengths), like.shape[1], self.capacity, like.shape[2])
