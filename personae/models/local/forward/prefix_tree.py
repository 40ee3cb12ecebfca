"""Reads the prefix tree of many token sequences and yields the wanted log-probabilities.

Shared prefixes are read once (`shared_prefixes`), the rest side by side. The marks of tokens
(`editing`) are compared as tokens are, so edited texts share with others only what precedes edits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, cast

from torch import Tensor

from personae.models.local.forward.layout import AttentionLayout, Context
from personae.models.local.forward.passes import EMPTY, ForwardPasses
from personae.models.local.forward.plain_passes import (
    LogprobBatches,
    WantedLogprob,
    logprobs_at,
)
from personae.models.local.forward.shared_prefixes import Blocks, Node, blocks_and_contexts, lay_out

__all__ = [
    "KeysByLayer",
    "TreeTraversal",
    "read_context",
    "reads_by_node",
    "traversal_steps",
]

HEAD_CELLS = 1 << 25
"""At most so many logits are held at a time, about 128 MB."""
KeysByLayer = dict[int, tuple[Tensor, Tensor]]
"""A pass's new keys and values by layer, each (key heads, tokens, head width)."""


def read_context(reader: ForwardPasses, tokens: tuple[int, ...]) -> Context:
    """Return the keys and values of a prefix, from earlier calls where available."""
    reader.refresh()
    traversal = TreeTraversal(reader, (), {})
    for _ in traversal.extend(EMPTY, Node(0, tokens)):
        pass
    return traversal.context


def reads_by_node(ends: Sequence[Node], reads: Sequence[WantedLogprob]) -> dict[Node, list[int]]:
    """Group the indices of reads by node; sequence i ends at node `ends[i]`."""
    by_node: dict[Node, list[int]] = {}
    for index, read in enumerate(reads):
        node = ends[read.sequence]
        while read.position < node.start:
            node = cast(Node, node.parent)
        by_node.setdefault(node, []).append(index)
    return by_node


def traversal_steps(root: Node) -> dict[Node, tuple[list[Node], list[Node]]]:
    """Decide for every context which subtrees follow as blocks and which as contexts."""
    steps = {}
    stack = [root]
    while stack:
        node = stack.pop()
        steps[node] = blocks_and_contexts(node)
        stack.extend(steps[node][1])
    return steps


class TreeTraversal:
    """One call's traversal of the tree of its sequences, context by context."""

    def __init__(
        self, reader: ForwardPasses, reads: Sequence[WantedLogprob], wanted: dict[Node, list[int]]
    ) -> None:
        self.reader = reader
        self.reads = reads
        self.wanted = wanted
        self.part_of: dict[Node, Node] = {}
        """The node of the tree of which a pass's own node is a piece."""
        self.context = EMPTY
        self.vocabulary = int(cast(Any, reader.network).config.get_text_config().vocab_size)

    def walk(self, root: Node, steps: dict[Node, tuple[list[Node], list[Node]]]) -> LogprobBatches:
        """Read the tree below its root, in the steps decided on; yield the log-probabilities."""
        stack = [(root, EMPTY)]
        while stack:
            node, context = stack.pop()
            yield from self.extend(context, node)
            blocks, further = steps[node]
            for trees in self.chunks(blocks):
                yield from self.block_pass(trees, self.context)
            stack.extend((child, self.context) for child in further)

    def extend(self, context: Context, node: Node) -> LogprobBatches:
        """Read a segment after a context; `self.context` then reaches to its end."""
        path = context.tokens + node.tokens
        first = min((self.reads[i].position for i in self.wanted.get(node, ())), default=len(path))
        cached = self.resume(path, first)
        if len(cached.tokens) > len(context.tokens):
            context = cached
        while len(context.tokens) < len(path):
            start = len(context.tokens)
            piece = Node(start, path[start : start + self.reader.token_budget])
            piece.size = len(piece.tokens)
            span = range(start, start + piece.size)
            self.part_of[piece] = self.part_of.get(node, node)
            self.wanted[piece] = [
                i for i in self.wanted.get(node, ()) if self.reads[i].position in span
            ]
            keys = self.empty_keys()
            yield from self.block_pass([piece], context, keys)
            context = context.then(piece.tokens, keys)
        self.context = context
        if node.children or not self.reads:
            self.keep(context)

    def block_pass(
        self,
        trees: Sequence[Node],
        context: Context,
        keys: KeysByLayer | None = None,
    ) -> LogprobBatches:
        """Read subtrees side by side after a context; yield the log-probabilities in them."""
        past = context if context.tokens else None
        blocks = lay_out(trees, past, self.reader.device)
        rows: dict[int, int] = {}
        targets: list[tuple[int, int]] = []
        for node, offset in blocks.offsets.items():
            for index in self.wanted.get(node, ()):
                token = offset + self.reads[index].position - node.start
                targets.append((index, rows.setdefault(token, len(rows))))
        layout = replace(blocks.layout, new_keys=keys)
        logits = self.forward(blocks, layout, list(rows))
        if targets:
            indices = [index for index, _ in targets]
            yield (
                indices,
                logprobs_at(
                    logits, [r for _, r in targets], [self.reads[i].target for i in indices]
                ),
            )

    def forward(self, blocks: Blocks, layout: AttentionLayout, rows: Sequence[int]) -> Tensor:
        """Run one pass and return the logits (rows, vocabulary) after the tokens at `rows`."""
        return self.reader.forward(blocks.tokens, blocks.positions, layout, rows)

    def empty_keys(self) -> KeysByLayer:
        """Return an empty mapping for a pass's keys and values by layer."""
        return {}

    def resume(self, path: tuple[int, ...], limit: int) -> Context:
        """Return the context that earlier calls have kept of a path."""
        return self.reader.resume(path, limit)

    def keep(self, context: Context) -> None:
        """Keep a context for later calls."""
        self.reader.keep(context)

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
