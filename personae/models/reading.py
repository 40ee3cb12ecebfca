"""Reads token sequences through a network and gives the log-probabilities asked for.

Shared prefixes are read once (`prefix`), the rest side by side (`attention`); the contexts read
last are kept for later calls while the weights stay as they are. Tokens are marked (`editing`): the
mark says which edits hold for them, and edited texts share with others only what comes before.
"""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from personae.core import Array, ModelError
from personae.models.attention import Context, Plan, attending
from personae.models.editing import Editing, Marks, Seeing, token_of
from personae.models.prefix import Node, common, grow, lay_out, split
from personae.models.sites import Sites

__all__ = ["Read", "Reader"]

EMPTY = Context((), (), ())
HEAD_CELLS = 1 << 25
"""At most so many logits are held at a time, about 128 MB."""
WORTH_KEEPING = 16
"""Contexts shorter than this many tokens are cheaper to read again than to look for."""


@dataclass(frozen=True, slots=True)
class Read:
    """One number wanted: the log-probability of `target` after `sequence[: position + 1]`."""

    sequence: int
    position: int
    target: int


@dataclass(slots=True)
class _Known:
    """What a reader and its twins know of their network."""

    verified: bool = False
    kept: list[Context] = field(default_factory=list)
    weights: tuple[tuple[int, int], ...] = ()


class Reader:
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
        self.editing = editing or Editing(Sites(network), Marks())
        self.token_budget = token_budget
        self.cache_bytes = cache_bytes
        self.device = next(network.parameters()).device
        self._known = _Known()

    def under(self, editing: Editing) -> "Reader":
        """Give a twin that reads under other edits, with the same network and kept contexts."""
        twin = copy(self)
        twin.editing = editing
        return twin

    def forget(self) -> None:
        """Drop the contexts kept from earlier calls."""
        self._known.kept.clear()

    def forward(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        plan: Plan,
        rows: Sequence[int],
        seeing: Seeing = (),
    ) -> Tensor:
        """Run one pass and return the logits (rows, vocabulary) after the tokens at `rows`.

        `seeing` is shown the pass's hidden states at its sites, as edited.

        Raises:
            ModelError: the network's architecture can't be read in this way (see `_verify`).
        """
        if not self._known.verified:
            self._verify()
        with self.editing.in_force(tokens, positions, seeing):
            return self._forward([token_of(t) for t in tokens], positions, plan, rows)

    def _forward(
        self, tokens: Sequence[int], positions: Sequence[int], plan: Plan, rows: Sequence[int]
    ) -> Tensor:
        with torch.no_grad(), attending(self.network, plan):
            out = self.network(
                input_ids=torch.tensor([tokens], device=self.device),
                position_ids=torch.tensor([positions], device=self.device),
                use_cache=False,
                logits_to_keep=torch.tensor(rows, dtype=torch.long, device=self.device),
            )
        return cast(Tensor, out.logits[0].float())

    def _verify(self) -> None:
        """Read two short texts side by side and each alone, once for each network.

        An architecture that mixes tokens by other means than attention, or whose attention knows
        more than masks, windows and soft caps, would give wrong numbers without any other sign.
        """
        network = cast(Any, self.network)
        size = network.config.get_text_config().vocab_size
        texts = [tuple(7919 * (i + 1) % size for i in (0, 1, 2, *last)) for last in ((3, 4), (5,))]
        tree, ends = grow(texts)
        blocks = lay_out([tree], None, self.device)
        rows = [blocks.offsets[node] + len(node.tokens) - 1 for node in ends]
        kind = type(network).__name__
        try:
            packed = self._forward(blocks.tokens, blocks.positions, blocks.plan, rows)
        except (TypeError, KeyError, AttributeError) as error:
            raise ModelError(f"the local engine can't read {kind}: {error}") from error
        with torch.no_grad():
            alone = [network(torch.tensor([t], device=self.device)).logits[0, -1] for t in texts]
        plain = torch.stack(alone)
        noise = 30 * torch.finfo(plain.dtype).eps ** 0.75  # 2e-4 in float32, 0.7 in bfloat16
        if (packed - plain.float()).abs().max() > noise * plain.float().std():
            raise ModelError(
                f"the local engine can't read {kind}: its texts, read side by side, differ from "
                "the same texts alone. Serve it by an OpenAI-compatible server instead"
            )
        self._known.verified = True

    def read(
        self, sequences: Sequence[tuple[int, ...]], reads: Sequence[Read]
    ) -> Iterator[tuple[list[int], Array]]:
        """Yield, pass by pass, indices of reads and their log-probabilities (nats).

        Args:
            sequences: token sequences, none of them empty; equal and nested ones are read once.
            reads: what is wanted of them.
        """
        self._check_weights()
        tree, ends = grow(sequences)
        root = Node(0, (), children=[tree], size=tree.size)
        steps = _steps(root)
        wanted: dict[Node, list[int]] = {}
        for index, read in enumerate(reads):
            node = ends[read.sequence]
            while read.position < node.start:
                node = cast(Node, node.parent)
            wanted.setdefault(node, []).append(index)
        yield from _Call(self, reads, wanted).walk(root, steps)

    def context(self, tokens: tuple[int, ...]) -> Context:
        """Give the keys and values of a prefix, from an earlier call as far as they are known."""
        self._check_weights()
        call = _Call(self, (), {})
        for _ in call.extend(EMPTY, Node(0, tokens)):
            pass
        return call.context

    def resume(self, path: tuple[int, ...], limit: int) -> Context:
        """Find the kept context that shares most with a path, cut to at most `limit` tokens."""
        best, most = EMPTY, WORTH_KEEPING - 1
        for kept in self._known.kept:
            shared = min(common(kept.tokens, path), limit)
            if shared > most:
                best, most = kept, shared
        return best.first(most) if best is not EMPTY else EMPTY

    def keep(self, context: Context) -> None:
        """Keep a context for later calls, dropping the oldest beyond the memory allowed."""
        if len(context.tokens) < WORTH_KEEPING:
            return
        kept = [k for k in self._known.kept if common(k.tokens, context.tokens) < len(k.tokens)]
        kept.append(context)
        while kept and sum(k.nbytes for k in kept) > self.cache_bytes:
            kept.pop(0)
        self._known.kept[:] = kept

    def _check_weights(self) -> None:
        # optimisers and loaders change weights in place, which raises the version, or swap storage
        now = tuple((p.data_ptr(), p._version) for p in self.network.parameters())
        if now != self._known.weights:
            self._known.weights = now
            self.forget()


def _steps(root: Node) -> dict[Node, tuple[list[Node], list[Node]]]:
    """Decide for every context which subtrees follow as blocks and which as contexts."""
    steps = {}
    stack = [root]
    while stack:
        node = stack.pop()
        steps[node] = split(node)
        stack.extend(steps[node][1])
    return steps


class _Call:
    """One call's walk over the tree."""

    def __init__(
        self, reader: Reader, reads: Sequence[Read], wanted: dict[Node, list[int]]
    ) -> None:
        self.reader = reader
        self.reads = reads
        self.wanted = wanted
        self.context = EMPTY
        self.vocabulary = int(cast(Any, reader.network).config.get_text_config().vocab_size)

    def walk(
        self, root: Node, steps: dict[Node, tuple[list[Node], list[Node]]]
    ) -> Iterator[tuple[list[int], Array]]:
        stack = [(root, EMPTY)]
        while stack:
            node, context = stack.pop()
            yield from self.extend(context, node)
            blocks, further = steps[node]
            for trees in self.chunks(blocks):
                yield from self.block_pass(trees, self.context)
            stack.extend((child, self.context) for child in further)

    def extend(self, context: Context, node: Node) -> Iterator[tuple[list[int], Array]]:
        """Read a segment after a context; `self.context` then reaches to its end."""
        path = context.tokens + node.tokens
        first = min((self.reads[i].position for i in self.wanted.get(node, ())), default=len(path))
        known = self.reader.resume(path, first)
        if len(known.tokens) > len(context.tokens):
            context = known
        while len(context.tokens) < len(path):
            start = len(context.tokens)
            piece = Node(start, path[start : start + self.reader.token_budget])
            piece.size = len(piece.tokens)
            here = range(start, start + piece.size)
            self.wanted[piece] = [
                i for i in self.wanted.get(node, ()) if self.reads[i].position in here
            ]
            kept: dict[int, tuple[Tensor, Tensor]] = {}
            yield from self.block_pass([piece], context, kept)
            context = context.then(piece.tokens, kept)
        self.context = context
        if node.children or not self.reads:
            self.reader.keep(context)

    def block_pass(
        self,
        trees: Sequence[Node],
        context: Context,
        kept: dict[int, tuple[Tensor, Tensor]] | None = None,
    ) -> Iterator[tuple[list[int], Array]]:
        past = context if context.tokens else None
        blocks = lay_out(trees, past, self.reader.device)
        rows: dict[int, int] = {}
        found: list[tuple[int, int]] = []
        for node, offset in blocks.offsets.items():
            for index in self.wanted.get(node, ()):
                at = offset + self.reads[index].position - node.start
                found.append((index, rows.setdefault(at, len(rows))))
        plan = replace(blocks.plan, kept=kept)
        logits = self.reader.forward(blocks.tokens, blocks.positions, plan, list(rows))
        if found:
            indices = [index for index, _ in found]
            row = torch.tensor([r for _, r in found], device=logits.device)
            target = torch.tensor([self.reads[i].target for i in indices], device=logits.device)
            logp = logits[row, target] - torch.logsumexp(logits, -1)[row]
            yield indices, logp.double().cpu().numpy().astype(np.float64)

    def chunks(self, trees: Sequence[Node]) -> Iterator[list[Node]]:
        """Cut subtrees, sorted by size, into passes of about equal size within the budget."""
        head_rows = max(1, HEAD_CELLS // self.vocabulary)
        total = sum(tree.size for tree in trees)
        even = total / max(1, ceil(total / self.reader.token_budget))
        chunk: list[Node] = []
        tokens = rows = 0
        for tree in sorted(trees, key=lambda t: -t.size):
            more = sum(len(self.wanted.get(node, ())) for node in tree.walk())
            if chunk and (tokens + tree.size / 2 > even or rows + more > head_rows):
                yield chunk
                chunk, tokens, rows = [], 0, 0
            chunk.append(tree)
            tokens, rows = tokens + tree.size, rows + more
        if chunk:
            yield chunk
