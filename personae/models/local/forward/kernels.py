"""Ways to compute the attention of a pass: a fused kernel on the CPU, torch's own, plain products.

Each takes scaled queries (tokens, heads, width), the keys and values of the blocks (blocks, key
heads, keys, width) and those of the shared context (key heads, tokens, width), if there is one, and
returns (tokens, heads, width of the values). The query heads that share a key head lie one after
another in a row, so that no key is repeated. Where context and block are computed apart, the two
results are weighed by their sums of exponentials.
"""

from collections.abc import Callable
from importlib import import_module

import torch
from torch import Tensor
from torch.nn import functional

from personae.models.local.forward.layout import AttentionLayout

__all__ = ["eager", "flash", "fused", "sdpa"]

Pair = tuple[Tensor, Tensor]
FUSED: Callable[..., Pair] | None = getattr(
    torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu", None
)
"""Attention that also returns each query's log-sum-exp of scores; None where torch lacks it."""


def fused(layout: AttentionLayout, q: Tensor, block_kv: Pair, context_kv: Pair | None) -> Tensor:
    """Attend with torch's fused CPU kernel, separately to the context and to the block.

    All tokens see the context, so it is read by one long row of queries.
    """
    if FUSED is None:
        return sdpa(layout, q, block_kv, context_kv)
    keys, values = block_kv
    count, heads, dim = q.shape
    key_heads = keys.shape[1]
    folded, mask, inverse = _folded(layout, q, key_heads)
    out, weight = FUSED(folded, keys, values, 0.0, False, attn_mask=mask, scale=1.0)
    out = out.reshape(-1, dim)[inverse].view(count, heads, dim)
    if context_kv is None:
        return out
    weight = weight.reshape(-1)[inverse].view(count, heads, 1)
    row = q.view(count, key_heads, -1, dim).transpose(0, 1).reshape(1, key_heads, -1, dim)
    context_out, context_weight = FUSED(row, *(t[None] for t in context_kv), 0.0, False, scale=1.0)
    context_out = context_out.view(key_heads, count, -1, dim).transpose(0, 1)
    context_weight = context_weight.view(key_heads, count, -1).transpose(0, 1)
    return _weighed(
        (out, weight),
        (context_out.reshape(count, heads, dim), context_weight.reshape(count, heads, 1)),
    )


def sdpa(layout: AttentionLayout, q: Tensor, block_kv: Pair, context_kv: Pair | None) -> Tensor:
    """Attend with torch's scaled_dot_product_attention; every block gets a copy of the context."""
    keys, values = block_kv
    count, heads, _ = q.shape
    folded, mask, inverse = _folded(layout, q, keys.shape[1])
    if context_kv is not None:
        keys, values = (
            torch.cat([c.expand(layout.blocks, -1, -1, -1), t], 2)
            for c, t in zip(context_kv, (keys, values), strict=True)
        )
        mask = functional.pad(mask, (context_kv[0].shape[1], 0))
    out = functional.scaled_dot_product_attention(
        folded, keys, values, attn_mask=mask.to(q.dtype), scale=1.0
    )
    return out.reshape(-1, out.shape[-1])[inverse].view(count, heads, -1)


def flash(layout: AttentionLayout, q: Tensor, block_kv: Pair, context_kv: Pair) -> Tensor:
    """Attend to the context with the package flash-attn, and to the block with plain products."""
    flash_attn_func = import_module("flash_attn").flash_attn_func
    keys, values = block_kv
    count, heads, _ = q.shape
    folded, mask, inverse = _folded(layout, q, keys.shape[1])
    scores = torch.matmul(folded, keys.transpose(2, 3)).float() + mask
    weight = scores.logsumexp(-1).reshape(-1)[inverse].view(count, heads, 1)
    out = torch.matmul(torch.softmax(scores, -1).to(q.dtype), values)
    out = out.reshape(-1, out.shape[-1])[inverse].view(count, heads, -1)
    context = (t.transpose(0, 1)[None] for t in context_kv)
    context_out, context_weight, *_ = flash_attn_func(
        q[None], *context, softmax_scale=1.0, causal=False, return_attn_probs=True
    )
    return _weighed((out, weight), (context_out[0], context_weight[0, :, :count].T[..., None]))


def _folded(layout: AttentionLayout, q: Tensor, key_heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries (blocks, key heads, rows, width), their mask, and the order back."""
    heads, dim = q.shape[1:]
    order, inverse = layout.folding(heads, key_heads)
    folded = q.reshape(-1, dim)[order].view(layout.blocks, key_heads, -1, dim)
    return folded, layout.folded_mask(heads // key_heads), inverse


def _weighed(block: Pair, context: Pair) -> Tensor:
    """Join (result, log-sum-exp of scores) of the block and of the context."""
    out, weight = block
    context_out, context_weight = context
    return torch.lerp(out, context_out, torch.sigmoid(context_weight - weight).to(out.dtype))


def eager(
    layout: AttentionLayout,
    q: Tensor,
    block_kv: Pair,
    context_kv: Pair | None,
    extras: tuple[float | None, int | None],
) -> Tensor:
    """Attend by plain products, also with a soft cap of scores and a sliding window."""
    softcap, window = extras
    keys, values = block_kv
    heads, dim, value_dim = keys.shape[1], q.shape[-1], values.shape[-1]
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
    joined = torch.cat(scores, -1) if context_kv is not None else scores[0]
    weights = torch.softmax(joined, -1, dtype=torch.float32).to(q.dtype)
    context_length = weights.shape[-1] - keys.shape[2]
    out = torch.matmul(weights[..., context_length:], values)
    if context_kv is not None:
        by_head = weights[..., :context_length].transpose(0, 1).reshape(heads, -1, context_length)
        out += (
            torch.matmul(by_head, context_kv[1])
            .view(heads, layout.blocks, rows, value_dim)
            .transpose(0, 1)
        )
    out = out.view(layout.blocks, heads, group, layout.width, value_dim).permute(0, 3, 1, 2, 4)
    return out.reshape(layout.blocks * layout.width, heads * group, value_dim)[layout.scatter]


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
