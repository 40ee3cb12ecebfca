"""How the tokens of a pass lie side by side, and the tokens read before them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

__all__ = ["AttentionLayout", "Context"]

Local = Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """Tokens already read, with their keys and values by layer: (key heads, tokens, width)."""

    tokens: tuple[int, ...]
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]

    def first(self, count: int) -> "Context":
        """Cut to the first tokens, which never saw the later ones."""
        if count == len(self.tokens):
            return self
        return Context(
            self.tokens[:count],
            tuple(k[:, :count] for k in self.keys),
            tuple(v[:, :count] for v in self.values),
        )

    def then(
        self, tokens: tuple[int, ...], new_pairs: Mapping[int, tuple[Tensor, Tensor]]
    ) -> "Context":
        """Append tokens with the keys and values that a pass kept for them."""
        layers = range(len(new_pairs))
        new = (tuple(new_pairs[i][0] for i in layers), tuple(new_pairs[i][1] for i in layers))
        if not self.tokens:
            return Context(tokens, tuple(map(_contiguous, new[0])), tuple(map(_contiguous, new[1])))
        return Context(
            self.tokens + tokens,
            tuple(torch.cat(pair, 1) for pair in zip(self.keys, new[0], strict=True)),
            tuple(torch.cat(pair, 1) for pair in zip(self.values, new[1], strict=True)),
        )

    @property
    def nbytes(self) -> int:
        """Memory of keys and values, in bytes."""
        return sum(t.numel() * t.element_size() for t in (*self.keys, *self.values))


@dataclass(frozen=True, slots=True, eq=False)
class AttentionLayout:
    """Layout of one pass: which token attends to which.

    The pass's tokens are laid out in `blocks` rows of `width` slots: `gather` (blocks * width,)
    gives each slot's token (any token for an empty slot), `scatter` (tokens,) each token's slot.
    `mask` (blocks, width, keys) is added to the scores of a block's own keys: 0 or -inf.
    `local` takes a layer's new keys and values (tokens, key heads, width) and returns those of
    the blocks (blocks, key heads, keys, width). The positions serve sliding windows, and
    `last_position` is the largest. `new_keys`, if given, receives each layer's new keys and values
    (key heads, tokens, width).
    """

    blocks: int
    width: int
    gather: Tensor
    scatter: Tensor
    mask: Tensor
    query_positions: Tensor
    key_positions: Tensor
    local: Local
    last_position: int
    context: Context | None = None
    new_keys: dict[int, tuple[Tensor, Tensor]] | None = None
    memo: dict[tuple[int, ...], tuple[Tensor, ...]] = field(default_factory=dict)
    elsewhere: dict[torch.device, "AttentionLayout"] = field(default_factory=dict)

    def on(self, device: torch.device) -> "AttentionLayout":
        """Return this layout on a device; blocks may lie on several."""
        if device == self.gather.device:
            return self
        if device not in self.elsewhere:
            names = ("gather", "scatter", "mask", "query_positions", "key_positions")
            moved = {name: getattr(self, name).to(device) for name in names}
            self.elsewhere[device] = replace(self, **moved, memo={}, elsewhere={})
        return self.elsewhere[device]

    def folded_mask(self, group: int) -> Tensor:
        """Return the mask (blocks, 1, group * width, keys) for `group` query heads in a row."""
        return self._once((group,), lambda: (self.mask[:, None].repeat(1, 1, group, 1),))[0]

    def folding(self, heads: int, key_heads: int) -> tuple[Tensor, ...]:
        """Return indices of the rows (token, head) in the order of blocks, and their inverse.

        The order of blocks is (block, key head, group, slot).
        """
        return self._once((heads, key_heads), lambda: self._folding(heads, key_heads))

    def _once(
        self, shape: tuple[int, ...], make: Callable[[], tuple[Tensor, ...]]
    ) -> tuple[Tensor, ...]:
        """Compute a value for the first layer of a shape; later layers reuse it."""
        if shape not in self.memo:
            self.memo[shape] = make()
        return self.memo[shape]

    def _folding(self, heads: int, key_heads: int) -> tuple[Tensor, Tensor]:
        head = torch.arange(heads, device=self.gather.device)
        group = heads // key_heads
        order = self.gather.view(self.blocks, 1, 1, self.width) * heads
        order = order + head.view(1, key_heads, group, 1)
        block, slot = self.scatter // self.width, self.scatter % self.width
        inverse = (block[:, None] * heads + head) * self.width + slot[:, None]
        return order.reshape(-1), inverse.reshape(-1)


def _contiguous(tensor: Tensor) -> Tensor:
    return tensor.contiguous()
