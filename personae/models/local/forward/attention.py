"""Attention for passes in which many texts lie side by side in one row.

A pass holds tokens of several texts without padding. Each token sees a shared context (keys and
values computed earlier, common to all texts of the pass) and the tokens of its own block that its
mask allows. The linear layers so run over real tokens only, and nothing is copied per text.
Registered with transformers as an attention implementation, and in force only during a pass.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, cast

import torch
import transformers
from torch import Tensor

__all__ = ["AttentionLayout", "Context", "attending"]

NAME = "personae"
FUSED: Callable[..., tuple[Tensor, Tensor]] | None = getattr(
    torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu", None
)
"""Attention that also returns each query's log-sum-exp of scores; None where torch lacks it."""
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
    the blocks (blocks, key heads, keys, width). The positions serve sliding windows. `new_keys`, if
    given, receives each layer's new keys and values (key heads, tokens, width).
    """

    blocks: int
    width: int
    gather: Tensor
    scatter: Tensor
    mask: Tensor
    query_positions: Tensor
    key_positions: Tensor
    local: Local
    context: Context | None = None
    new_keys: dict[int, tuple[Tensor, Tensor]] | None = None
    memo: dict[tuple[int, ...], tuple[Tensor, ...]] = field(default_factory=dict)

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


_LAYOUT: ContextVar[AttentionLayout] = ContextVar("layout")


@contextmanager
def attending(network: torch.nn.Module, layout: AttentionLayout) -> Iterator[None]:
    """Let a transformers network attend by the layout within a `with` block."""
    config: Any = network.config
    before = config._attn_implementation
    token = _LAYOUT.set(layout)
    transformers.AttentionInterface.register(NAME, _attention)  # here: its import takes seconds
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = before
        _LAYOUT.reset(token)


def _attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _mask: Tensor | None,
    **options: Any,  # noqa: ANN401  (transformers passes what an architecture needs)
) -> tuple[Tensor, None]:
    layout = _LAYOUT.get()
    scale = options.get("scaling")
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    layer = cast(int, module.layer_idx)
    if layout.new_keys is not None:
        layout.new_keys[layer] = (key[0], value[0])
    block_kv = layout.local(layer, key[0].transpose(0, 1), value[0].transpose(0, 1))
    context = layout.context
    context_kv = None if context is None else (context.keys[layer], context.values[layer])
    softcap, window = options.get("softcap"), _window(layout, options)
    q = query[0].transpose(0, 1)
    if FUSED is not None and q.device.type == "cpu" and softcap is None and window is None:
        return _fused(FUSED, layout, q * scale, block_kv, context_kv)[None], None
    return _attend(layout, q * scale, block_kv, context_kv, (softcap, window))[None], None


def _window(layout: AttentionLayout, options: dict[str, Any]) -> int | None:
    window: int | None = options.get("sliding_window")
    return window if window and int(layout.query_positions.max()) >= window else None


def _fused(
    kernel: Callable[..., tuple[Tensor, Tensor]],
    layout: AttentionLayout,
    q: Tensor,
    block_kv: tuple[Tensor, Tensor],
    context_kv: tuple[Tensor, Tensor] | None,
) -> Tensor:
    """Attend with torch's fused kernel, separately to the context and to the block.

    All tokens see the context, so it is read by one long row of queries; the query heads that
    share a key head lie one after another in a row, so that no key is repeated. The two results
    are weighed by their sums of exponentials.
    """
    keys, values = block_kv
    count, heads, dim = q.shape
    key_heads = keys.shape[1]
    order, inverse = layout.folding(heads, key_heads)
    folded = q.reshape(-1, dim)[order].view(layout.blocks, key_heads, -1, dim)
    mask = layout.folded_mask(heads // key_heads)
    out, weight = kernel(folded, keys, values, 0.0, False, attn_mask=mask, scale=1.0)
    out = out.reshape(-1, dim)[inverse].view(count, heads, dim)
    if context_kv is None:
        return out
    weight = weight.reshape(-1)[inverse].view(count, heads, 1)
    row = q.view(count, key_heads, -1, dim).transpose(0, 1).reshape(1, key_heads, -1, dim)
    context_out, context_weight = kernel(row, *(t[None] for t in context_kv), 0.0, False, scale=1.0)
    context_out = (
        context_out.view(key_heads, count, -1, dim).transpose(0, 1).reshape(count, heads, dim)
    )
    context_weight = (
        context_weight.view(key_heads, count, -1).transpose(0, 1).reshape(count, heads, 1)
    )
    return torch.lerp(out, context_out, torch.sigmoid(context_weight - weight).to(out.dtype))


def _attend(
    layout: AttentionLayout,
    q: Tensor,
    block_kv: tuple[Tensor, Tensor],
    context_kv: tuple[Tensor, Tensor] | None,
    extras: tuple[float | None, int | None],
) -> Tensor:
    softcap, window = extras
    keys, values = block_kv
    heads, dim = keys.shape[1], q.shape[-1]
    group = q.shape[1] // heads
    rows = group * layout.width
    q = q[layout.gather].view(layout.blocks, layout.width, heads, group, dim)
    q = q.permute(0, 2, 3, 1, 4).reshape(layout.blocks, heads, rows, dim)
    scores = [torch.matmul(q, keys.transpose(2, 3))]
    if context_kv is not None:
        by_head = q.transpose(0, 1).reshape(heads, -1, dim)
        context_scores = torch.matmul(by_head, context_kv[0].transpose(1, 2))
        scores.insert(0, context_scores.view(heads, layout.blocks, rows, -1).transpose(0, 1))
    if softcap is not None:
        scores = [torch.tanh(s / softcap) * softcap for s in scores]
    shape = (layout.blocks, heads, group, layout.width, -1)
    scores[-1].view(shape).add_(layout.mask[:, None, None])
    if window is not None:
        scores = _forget(layout, [s.reshape(shape) for s in scores], window)
        scores = [s.view(layout.blocks, heads, rows, -1) for s in scores]
    weights = torch.softmax(torch.cat(scores, -1) if context_kv is not None else scores[0], -1)
    context_length = weights.shape[-1] - keys.shape[2]
    out = torch.matmul(weights[..., context_length:], values)
    if context_kv is not None:
        by_head = weights[..., :context_length].transpose(0, 1).reshape(heads, -1, context_length)
        out += (
            torch.matmul(by_head, context_kv[1])
            .view(heads, layout.blocks, rows, dim)
            .transpose(0, 1)
        )
    out = out.view(layout.blocks, heads, group, layout.width, dim).permute(0, 3, 1, 2, 4)
    return out.reshape(layout.blocks * layout.width, heads * group, dim)[layout.scatter]


def _forget(layout: AttentionLayout, scores: list[Tensor], window: int) -> list[Tensor]:
    """Mask keys beyond a sliding window."""
    query = layout.query_positions[:, :, None]
    key_positions = [layout.key_positions[:, None, :]]
    if len(scores) > 1:
        key_positions.insert(
            0, torch.arange(scores[0].shape[-1], device=query.device)[None, None, :]
        )
    return [
        score.masked_fill(((query - position) >= window)[:, None, None], float("-inf"))
        for score, position in zip(scores, key_positions, strict=True)
    ]
