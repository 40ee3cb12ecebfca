"""Attention for passes in which many texts lie side by side in one row.

A pass holds tokens of several texts without padding. Each token sees a shared context (keys and
values computed earlier, common to all texts of the pass) and the tokens of its own block that its
mask allows. The linear layers so run over real tokens only, and nothing is copied per text.
Registered with transformers as an attention implementation, and in force only during a pass.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

import torch
import transformers
from torch import Tensor

from personae.models.local.forward.kernels import eager, flash, fused, sdpa
from personae.models.local.forward.layout import AttentionLayout

__all__ = ["attending"]

NAME = "personae"
KNOWN = {
    "attention_mask",
    "cache_position",
    "cu_seq_lens_k",
    "cu_seq_lens_q",
    "dropout",
    "is_causal",
    "output_attentions",
    "position_ids",
    "scaling",
    "sliding_window",
    "softcap",
    "use_cache",
}
"""What transformers may pass to attention without changing it in other ways than are computed here;
sinks and biases, for example, are not among these."""
_LAYOUT: ContextVar[tuple[AttentionLayout, str]] = ContextVar("layout")


@contextmanager
def attending(
    network: torch.nn.Module, layout: AttentionLayout, kernel: str = "auto"
) -> Iterator[None]:
    """Let a transformers network attend by the layout within a `with` block.

    `kernel` is auto, sdpa, eager or flash_attention_2.
    """
    config: Any = network.config
    before = config._attn_implementation
    token = _LAYOUT.set((layout, kernel))
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
    layout, kernel = _LAYOUT.get()
    layout = layout.on(query.device)
    unknown = [n for n, v in options.items() if n not in KNOWN and isinstance(v, Tensor)]
    if unknown:
        raise TypeError(f"its attention uses {', '.join(unknown)}")
    scale = options.get("scaling")
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    layer = cast(int, module.layer_idx)
    if layout.new_keys is not None:
        layout.new_keys[layer] = (key[0], value[0])
    block_kv = layout.local(layer, key[0].transpose(0, 1), value[0].transpose(0, 1))
    context = layout.context
    context_kv = None if context is None else (context.keys[layer], context.values[layer])
    q = query[0].transpose(0, 1) * scale
    softcap, window = options.get("softcap"), _window(layout, options)
    if softcap is not None or window is not None or kernel == "eager":
        return eager(layout, q, block_kv, context_kv, (softcap, window))[None], None
    if kernel == "flash_attention_2" and context_kv is not None:
        return flash(layout, q, block_kv, context_kv)[None], None
    same_width = key.shape[-1] == value.shape[-1]
    compute = fused if q.device.type == "cpu" and same_width and kernel == "auto" else sdpa
    return compute(layout, q, block_kv, context_kv)[None], None


def _window(layout: AttentionLayout, options: dict[str, Any]) -> int | None:
    window: int | None = options.get("sliding_window")
    return window if window and layout.last_position >= window else None
