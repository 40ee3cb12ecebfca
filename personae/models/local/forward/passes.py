"""Passes of tokens through a network, and the contexts kept between them.

Texts of a pass lie side by side (`attention`); the contexts read last are kept for later calls
while the weights stay as they are. Tokens are marked (`editing`): the mark says which edits hold.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor

from personae.core import ModelError
from personae.models.local.editing import EditCombinations, Editing, SiteHooks, token_of
from personae.models.local.forward.attention import AttentionLayout, Context, attending
from personae.models.local.forward.shared_prefixes import build_tree, lay_out, shared_length
from personae.models.local.sites import Sites
from personae.models.local.weights.runtime import device_of

__all__ = ["EMPTY", "ForwardPasses"]

EMPTY = Context((), (), ())
WORTH_KEEPING = 16
"""Contexts shorter than this many tokens are cheaper to read again than to look for."""


@dataclass(slots=True)
class _NetworkState:
    """State of a network, shared by a reader and its twins."""

    verified: bool = False
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
    ) -> None:
        self.network = network
        self.editing = editing or Editing(Sites(network), EditCombinations())
        self.token_budget = token_budget
        self.cache_bytes = cache_bytes
        self.device = device_of(network)
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
            ModelError: the network's architecture can't be read in this way (see `verify`).
        """
        self.verify()
        with self.editing.in_force(tokens, positions, hooks):
            return self._forward([token_of(t) for t in tokens], positions, layout, rows)

    def _forward(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        layout: AttentionLayout,
        rows: Sequence[int],
    ) -> Tensor:
        with torch.no_grad(), attending(self.network, layout):
            out = self.network(
                input_ids=torch.tensor([tokens], device=self.device),
                position_ids=torch.tensor([positions], device=self.device),
                use_cache=False,
                logits_to_keep=torch.tensor(rows, dtype=torch.long, device=self.device),
            )
        return cast(Tensor, out.logits[0].float())

    def verify(self) -> None:
        """Read two short texts side by side and each alone, once for each network.

        An architecture that mixes tokens by other means than attention, or whose attention uses
        more than masks, windows and soft caps, would give wrong numbers without any other sign.

        Raises:
            ModelError: the numbers differ, or it can't be read side by side at all.
        """
        if self._state.verified:
            return
        network = cast(Any, self.network)
        size = network.config.get_text_config().vocab_size
        texts = [tuple(7919 * (i + 1) % size for i in (0, 1, 2, *last)) for last in ((3, 4), (5,))]
        tree, ends = build_tree(texts)
        blocks = lay_out([tree], None, self.device)
        rows = [blocks.offsets[node] + len(node.tokens) - 1 for node in ends]
        kind = type(network).__name__
        try:
            packed = self._forward(blocks.tokens, blocks.positions, blocks.layout, rows)
        except (TypeError, KeyError, AttributeError) as error:
            raise ModelError(f"the local engine can't read {kind}: {error}") from error
        with torch.no_grad():
            alone = [network(torch.tensor([t], device=self.device)).logits[0, -1] for t in texts]
        plain = torch.stack(alone)
        if not bool(plain.isfinite().all()):
            raise ModelError(f"{kind} computes NaN or infinite numbers: its weights are unsound")
        noise = 30 * torch.finfo(plain.dtype).eps ** 0.75  # 2e-4 in float32, 0.7 in bfloat16
        if (packed - plain.float()).abs().max() > noise * plain.float().std():
            raise ModelError(
                f"the local engine can't read {kind}: its texts, read side by side, differ from "
                "the same texts alone. Serve it by an OpenAI-compatible server instead"
            )
        self._state.verified = True

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
