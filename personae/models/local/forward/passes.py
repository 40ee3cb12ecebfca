"""Passes of tokens through a network, and the contexts kept between them.

Texts of a pass lie side by side (`attention`); the contexts read last are kept for later calls
while the weights stay as they are. Tokens are marked (`editing`): the mark says which edits hold.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from torch import Tensor

from personae.core import ModelError
from personae.models.local.editing import EditCombinations, Editing, SiteHooks, token_of
from personae.models.local.forward.attention import attending
from personae.models.local.forward.layout import AttentionLayout, Context
from personae.models.local.forward.shared_prefixes import build_tree, lay_out, shared_length
from personae.models.local.sites import Sites
from personae.models.local.weights.memory import memory_advice
from personae.models.local.weights.rounding import probe_noise
from personae.models.local.weights.runtime import device_of

__all__ = ["EMPTY", "ForwardPasses"]

EMPTY = Context((), (), ())
WORTH_KEEPING = 16
"""Contexts shorter than this many tokens are cheaper to read again than to look for."""


@dataclass(slots=True)
class _NetworkState:
    """State of a network, shared by a reader and its twins."""

    obstacle: str | None = None
    contexts: list[Context] = field(default_factory=list)
    weights: tuple[tuple[int, int], ...] = ()


class ForwardPasses:
    """Passes marked tokens through a network, `token_budget` at a time, under `editing`."""

    def __init__(
        self,
        network: torch.nn.Module,
        editing: Editing | None = None,
        *,
        token_budget: int = 1024,
        cache_bytes: int = 1 << 28,
        attention: str = "auto",
    ) -> None:
        self.network = network
        self.editing = editing or Editing(Sites(network), EditCombinations())
        self.token_budget = token_budget
        self.cache_bytes = cache_bytes
        self.attention = attention
        self.device, self.dtype = device_of(network), cast(Any, network).dtype
        self._state = _NetworkState()

    def under(self, editing: Editing) -> "ForwardPasses":
        """Return a twin that reads under other edits, with the same network and kept contexts."""
        twin = copy(self)
        twin.editing = editing
        return twin

    def forget(self) -> None:
        """Drop the contexts kept from earlier calls."""
        self._state.contexts.clear()

    def forward(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        layout: AttentionLayout,
        rows: Sequence[int],
        hooks: SiteHooks = (),
    ) -> Tensor:
        """Run one pass and return the logits (rows, vocabulary) after the tokens at `rows`.

        `hooks` is shown the pass's hidden states at its sites, as edited.

        Raises:
            ModelError: the device's memory doesn't suffice.
        """
        with self.editing.in_force(tokens, positions, hooks):
            return self._forward([token_of(t) for t in tokens], positions, layout, rows)

    def _forward(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        layout: AttentionLayout,
        rows: Sequence[int],
    ) -> Tensor:
        with torch.no_grad(), memory_advice(), attending(self.network, layout, self.attention):
            out = self.network(
                input_ids=torch.tensor([tokens], device=self.device),
                position_ids=torch.tensor([positions], device=self.device),
                use_cache=False,
                logits_to_keep=torch.tensor(rows, dtype=torch.long, device=self.device),
            )
        return cast(Tensor, out.logits[0].float())

    def alone(self, tokens: Sequence[int], rows: Sequence[int], hooks: SiteHooks = ()) -> Tensor:
        """Read one text by the network's own attention; as `forward` otherwise.

        Raises:
            ModelError: the device's memory doesn't suffice.
        """
        with self.editing.in_force(tokens, range(len(tokens)), hooks):
            return self._alone([token_of(t) for t in tokens], rows)

    def _alone(self, tokens: Sequence[int], rows: Sequence[int]) -> Tensor:
        ids = torch.tensor([tokens], device=self.device)
        with torch.no_grad(), memory_advice():
            logits = self.network(input_ids=ids, use_cache=False).logits[0]
        return cast(Tensor, logits[list(rows)].float())

    @property
    def sharing_obstacle(self) -> str:
        """Why texts can't share passes in this network, so that each is read alone; else empty.

        Found once for each network, by reading two short texts side by side and each alone. An
        architecture that mixes tokens by other means than attention, or whose attention uses more
        than masks, windows and soft caps, would give wrong numbers without any other sign.
        """
        if self._state.obstacle is None:
            self._state.obstacle = self._obstacle()
        return self._state.obstacle

    def _obstacle(self) -> str:
        size = cast(Any, self.network).config.get_text_config().vocab_size
        texts = [tuple(7919 * (i + 1) % size for i in (0, 1, 2, *last)) for last in ((3, 4), (5,))]
        tree, ends = build_tree(texts)
        blocks = lay_out([tree], None, self.device)
        rows = [blocks.offsets[node] + len(node.tokens) - 1 for node in ends]
        layout = replace(blocks.layout, new_keys={})
        try:
            packed = self._forward(blocks.tokens, blocks.positions, layout, rows)
        except AssertionError as error:  # of bitsandbytes, where a layer's size is none of its
            kind, line = type(self.network).__name__, (str(error) or "failed").splitlines()[0]
            raise ModelError(f"{kind} can't be computed as it was opened: {line}") from error
        except (TypeError, KeyError, AttributeError, RuntimeError) as error:
            return f"they can't be read side by side: {str(error).splitlines()[0]}"
        depth = cast(Any, self.network).config.get_text_config().num_hidden_layers
        keeps_state = getattr(self.network, "_is_stateful", False)
        if keeps_state or set(layout.new_keys or ()) != set(range(depth)):
            return "its blocks mix tokens by other means than the library's attention"
        plain = torch.cat([self._alone(text, [-1]) for text in texts])
        if not bool(plain.isfinite().all()):
            kind = type(self.network).__name__
            raise ModelError(f"{kind} computes NaN or infinite numbers: its weights are unsound")
        if (packed - plain).abs().max() > probe_noise(self.dtype) * plain.std():
            return "read side by side, texts differ from the same texts alone"
        return ""

    def resume(self, path: tuple[int, ...], limit: int) -> Context:
        """Find the kept context that shares most with a path, cut to at most `limit` tokens."""
        best, most = EMPTY, WORTH_KEEPING - 1
        for context in self._state.contexts:
            shared = min(shared_length(context.tokens, path), limit)
            if shared > most:
                best, most = context, shared
        return best.first(most) if best is not EMPTY else EMPTY

    def keep(self, context: Context) -> None:
        """Keep a context for later calls, dropping the oldest beyond the memory allowed."""
        if len(context.tokens) < WORTH_KEEPING:
            return
        contexts = [
            k
            for k in self._state.contexts
            if shared_length(k.tokens, context.tokens) < len(k.tokens)
        ]
        contexts.append(context)
        while contexts and sum(k.nbytes for k in contexts) > self.cache_bytes:
            contexts.pop(0)
        self._state.contexts[:] = contexts

    def refresh(self) -> None:
        """Drop the kept contexts if the weights have changed since they were read."""
        # optimisers and loaders change weights in place, which raises the version, or swap storage
        now = tuple((p.data_ptr(), p._version) for p in self.network.parameters())
        if now != self._state.weights:
            self._state.weights = now
            self.forget()
