"""Reads the blocks below all edits once, for texts that differ only in their edits.

Up to the first block that an edit changes, a text is the same under every variant: a sweep over
strengths reads these blocks for one of them. The states after them are held, a row for each token
in the tree of plain texts, and the passes of the variants begin there.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from personae.core import Edit
from personae.models.local.editing import Editing, token_of
from personae.models.local.forward.layout import AttentionLayout, Context
from personae.models.local.forward.passes import ForwardPasses
from personae.models.local.forward.plain_passes import LogprobBatches, WantedLogprob, plain_logprobs
from personae.models.local.forward.prefix_tree import (
    KeysByLayer,
    TreeTraversal,
    reads_by_node,
    traversal_steps,
)
from personae.models.local.forward.shared_prefixes import PASS_COST, Blocks, Node, build_tree

__all__ = ["wanted_logprobs"]

Indices = NDArray[np.int64]


def wanted_logprobs(
    reader: ForwardPasses, sequences: Sequence[tuple[int, ...]], reads: Sequence[WantedLogprob]
) -> LogprobBatches:
    """Yield, pass by pass, indices of reads and their log-probabilities (nats).

    Args:
        reader: the network, under the edits of which the sequences bear the marks.
        sequences: marked tokens, none of them empty; equal and nested ones are read once.
        reads: what is wanted of them.
    """
    if reader.sharing_obstacle:
        yield from plain_logprobs(reader, sequences, reads)
        return
    reader.refresh()
    tree, ends = build_tree(sequences)
    size = tree.size
    root = Node(0, (), children=[tree], size=size)
    steps = traversal_steps(root)
    wanted = reads_by_node(ends, reads)
    lower = _shared_lower_blocks(reader, sequences, size)
    if lower is None:
        yield from TreeTraversal(reader, reads, wanted).walk(root, steps)
    else:
        yield from _UpperBlocks(reader, reads, wanted, (lower, ends)).walk(root, steps)


def _shared_lower_blocks(
    reader: ForwardPasses, sequences: Sequence[tuple[int, ...]], size: int
) -> "_LowerBlocks | None":
    """Read the blocks that all variants share, where that saves more than it costs."""
    block = min(map(_last_before, reader.editing.in_marks(sequences)), default=-1)
    if block < 0 or len(reader.editing.variants) < 2:
        return None
    plain = [tuple(map(token_of, sequence)) for sequence in sequences]
    tree, ends = build_tree(plain)
    width = reader.editing.sites.anatomy.width
    memory = tree.size * width * reader.dtype.itemsize
    if size - tree.size < PASS_COST or memory > reader.cache_bytes:
        return None
    lower = _LowerBlocks(reader, block, tree.size, width)
    lower.read(tree, ends)
    return lower


def _last_before(edit: Edit) -> int:
    """Return the last block whose output precedes an edit, or -1 where there is none."""
    part = edit.site.part
    return -1 if part == "embedding" else edit.site.block - (part != "block")


class _BlockReached(Exception):
    """The output of the block at which a pass ends."""

    def __init__(self, output: object) -> None:
        super().__init__()
        self.output = output


def _leave(_module: nn.Module, _args: object, output: object) -> NoReturn:
    raise _BlockReached(output)


class _LowerBlocks(TreeTraversal):
    """Reads plain texts up to a block, and holds the states after it, (tokens, width)."""

    def __init__(self, reader: ForwardPasses, block: int, size: int, width: int) -> None:
        super().__init__(
            reader.under(Editing(reader.editing.sites, reader.editing.combinations)), (), {}
        )
        self.block = block
        self.in_tuple = False
        self.states = torch.empty(size, width, dtype=reader.dtype, device=reader.device)
        self.rows: list[Indices] = []
        self._base: dict[Node, int] = {}

    def read(self, tree: Node, ends: Sequence[Node]) -> None:
        """Read the whole tree, and note at which rows each sequence's states are."""
        root = Node(0, (), children=[tree], size=tree.size)
        steps = traversal_steps(root)
        count = 0
        for context, (blocks, _) in steps.items():
            for node in (context, *(node for tree in blocks for node in tree.walk())):
                self._base[node] = count
                count += len(node.tokens)
        if count > len(self.states):  # segments that are no context of their own are repeated
            self.states = self.states.new_empty(count, self.states.shape[1])
        for end in ends:
            parts: list[Indices] = []
            above: Node | None = end
            while above is not None:
                base = self._base[above]
                parts.append(np.arange(base, base + len(above.tokens)))
                above = above.parent
            self.rows.append(np.concatenate(parts[::-1]))
        for _ in self.walk(root, steps):
            pass

    def forward(self, blocks: Blocks, layout: AttentionLayout, rows: Sequence[int]) -> Tensor:
        """Run a pass up to the block and hold its states; the logits are empty, shape (0, 0)."""
        handle = self.reader.editing.sites.blocks[self.block].register_forward_hook(_leave)
        try:
            self.reader.forward(blocks.tokens, blocks.positions, layout, [0])
        except _BlockReached as reached:
            self.in_tuple = isinstance(reached.output, tuple)
            hidden_states = (
                reached.output[0] if isinstance(reached.output, tuple) else reached.output
            )
            hidden = cast(Tensor, hidden_states).flatten(0, -2)
        finally:
            handle.remove()
        if hidden.device != self.states.device:
            self.states = self.states.to(hidden.device)
        for node, offset in blocks.offsets.items():
            origin = self.part_of.get(node, node)
            begin = self._base[origin] + node.start - origin.start
            count = len(node.tokens)
            self.states[begin : begin + count] = hidden[offset : offset + count]
        return hidden.new_empty(0, 0)

    def resume(self, path: tuple[int, ...], limit: int) -> Context:
        """Resume nothing: the states of every token are needed."""
        return self.context.first(0)

    def keep(self, context: Context) -> None:
        """Keep nothing: these contexts end at the block."""


class _UpperBlocks(TreeTraversal):
    """Reads marked texts from the states of the plain ones on."""

    def __init__(
        self,
        reader: ForwardPasses,
        reads: Sequence[WantedLogprob],
        wanted: dict[Node, list[int]],
        lower_and_ends: tuple[_LowerBlocks, Sequence[Node]],
    ) -> None:
        """Take the states of the lower blocks, and the nodes at which the sequences end."""
        super().__init__(reader, reads, wanted)
        self._lower, ends = lower_and_ends
        self._rows: dict[Node, Indices] = {}
        for sequence, end in enumerate(ends):
            node: Node | None = end
            while node is not None and node not in self._rows:
                self._rows[node] = self._lower.rows[sequence]
                node = node.parent

    def forward(self, blocks: Blocks, layout: AttentionLayout, rows: Sequence[int]) -> Tensor:
        """Run a pass from the block on; return the logits (rows, vocabulary)."""
        state_rows = np.zeros(len(blocks.tokens), dtype=np.int64)
        for node, offset in blocks.offsets.items():
            path = self._rows[self.part_of.get(node, node)]
            count = len(node.tokens)
            state_rows[offset : offset + count] = path[node.start : node.start + count]
        lower = self._lower
        states = lower.states[torch.from_numpy(state_rows).to(lower.states.device)][None]
        with _resumed(lower, states):
            return super().forward(blocks, layout, rows)

    def empty_keys(self) -> KeysByLayer:
        """Return a mapping with empty keys and values for the blocks that aren't read."""
        nothing = torch.empty(1, 0, 1, device=self.reader.device)
        return {layer: (nothing, nothing) for layer in range(self._lower.block + 1)}

    def resume(self, path: tuple[int, ...], limit: int) -> Context:
        """Resume nothing: contexts of other calls begin at the bottom."""
        return self.context.first(0)

    def keep(self, context: Context) -> None:
        """Keep nothing: these contexts lack the blocks that weren't read."""


@contextmanager
def _resumed(lower: _LowerBlocks, states: Tensor) -> Iterator[None]:
    """Skip the shared blocks: the last of them returns the stored states."""

    def block_output(hidden: Tensor) -> object:
        return (hidden,) if lower.in_tuple else hidden

    def identity(hidden_states: Tensor, *_args: object, **_options: object) -> object:
        return block_output(hidden_states)

    def stored_states(*_args: object, **_options: object) -> object:
        return block_output(states)

    blocks = [cast(Any, b) for b in lower.reader.editing.sites.blocks[: lower.block + 1]]
    attributes: list[Mapping[str, Any]] = [dict(vars(b)) for b in blocks]
    try:
        for block in blocks:
            block.forward = identity
        blocks[-1].forward = stored_states
        yield
    finally:
        for block, before in zip(blocks, attributes, strict=True):
            del block.forward
            if "forward" in before:
                block.forward = before["forward"]
