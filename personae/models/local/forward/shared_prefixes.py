"""Finds the prefixes that token sequences share, so that each shared token is read once.

The sequences form a tree of segments. Segments above much text become contexts: read once, their
keys and values kept. Small subtrees become blocks, which are read side by side. The split follows
the cost of a pass: a context pays when it saves more tokens than a pass of its own costs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from personae.models.local.forward.layout import AttentionLayout, Context

Mask = NDArray[np.bool_]

__all__ = [
    "PASS_COST",
    "Blocks",
    "Node",
    "blocks_and_contexts",
    "build_tree",
    "lay_out",
    "shared_length",
]

_BLOCK_TOKENS = 256
"""A subtree up to this size is one block; inside it every pair of tokens is scored."""
ROW_TOKENS = 64
"""Short subtrees share rows of at least this many tokens."""
PASS_COST = 64
"""What one more pass costs, in tokens: reading all weights and the calls of all layers."""


@dataclass(slots=True, eq=False)
class Node:
    """A segment of tokens, the number of tokens before it (`start`), and what continues it.

    `size` counts its tokens and all below; `ends` tells whether a sequence ends with it.
    """

    start: int
    tokens: tuple[int, ...]
    parent: "Node | None" = None
    children: list["Node"] = field(default_factory=list)
    size: int = 0
    ends: bool = False

    def walk(self) -> Iterator["Node"]:
        """Yield this node and all below it, parents first."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))


def shared_length(a: Sequence[int], b: Sequence[int], start: int = 0) -> int:
    """Count the leading tokens that two sequences share, given that they share `start`.

    >>> shared_length((1, 2, 3), (1, 2, 4, 5))
    2
    """
    end = min(len(a), len(b))
    length = start
    while length < end and a[length] == b[length]:
        length += 1
    return length


def build_tree(sequences: Sequence[tuple[int, ...]]) -> tuple[Node, list[Node]]:
    """Build the tree of sequences; return its root and the node at which each sequence ends.

    >>> root, ends = build_tree([(1, 2, 3), (1, 2, 4), (1, 2)])
    >>> root.tokens, [n.tokens for n in ends], root.size
    ((1, 2), [(3,), (4,), (1, 2)], 4)
    """
    order = sorted(range(len(sequences)), key=sequences.__getitem__)
    rows = [sequences[i] for i in order]
    root = Node(0, ())
    ends = [root] * len(rows)
    nodes: list[Node] = []
    stack: list[tuple[int, int, int, Node | None]] = [(0, len(rows), 0, None)] if rows else []
    while stack:
        low, high, start, parent = stack.pop()
        # in a sorted range, what the first and the last share is shared by all
        end = shared_length(rows[low], rows[high - 1], start)
        node = Node(start, rows[low][start:end], parent)
        nodes.append(node)
        if parent is None:
            root = node
        else:
            parent.children.append(node)
        while low < high and len(rows[low]) == end:
            ends[order[low]] = node
            node.ends = True
            low += 1
        while low < high:
            end_row = low + 1
            while end_row < high and rows[end_row][end] == rows[low][end]:
                end_row += 1
            stack.append((low, end_row, end, node))
            low = end_row
    for node in reversed(nodes):
        node.size += len(node.tokens)
        if node.parent is not None:
            node.parent.size += node.size
    return root, ends


def blocks_and_contexts(node: Node) -> tuple[list[Node], list[Node]]:
    """Sort what continues a context into blocks and further contexts.

    A large subtree whose segment saves less than a pass costs is dissolved: its segment is
    repeated in each of its children.
    """
    small: list[Node] = []
    large: list[Node] = []
    queue = list(node.children)
    while queue:
        child = queue.pop()
        if child.size <= _BLOCK_TOKENS:
            small.append(child)
        elif child.children and len(child.tokens) * (len(child.children) - 1) < PASS_COST:
            queue.extend(_dissolve(child))
        else:
            large.append(child)
    return small, large


def _dissolve(node: Node) -> list[Node]:
    parts = node.children
    for child in parts:
        child.start, child.tokens = node.start, node.tokens + child.tokens
        child.size += len(node.tokens)
        child.parent = node.parent
    node.children, node.size = [], len(node.tokens)
    return [*parts, node] if node.ends else parts


def _pack_rows(trees: Sequence[Node], width: int) -> list[list[Node]]:
    """Pack subtrees into rows of `width` tokens by first fit, the largest first."""
    rows: list[list[Node]] = []
    free: list[int] = []
    for tree in sorted(trees, key=lambda t: -t.size):
        row = next((i for i, room in enumerate(free) if room >= tree.size), len(rows))
        if row == len(rows):
            rows.append([])
            free.append(width)
        rows[row].append(tree)
        free[row] -= tree.size
    return rows


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Subtrees as one pass: its tokens and positions, its layout, and where each node begins."""

    tokens: list[int]
    positions: list[int]
    offsets: dict[Node, int]
    layout: AttentionLayout


def lay_out(trees: Sequence[Node], context: Context | None, device: torch.device) -> Blocks:
    """Lay subtrees out side by side; short ones share a row under a block-diagonal mask."""
    width = max(ROW_TOKENS, *(tree.size for tree in trees)) if len(trees) > 1 else trees[0].size
    rows = _pack_rows(trees, width)
    width = max(sum(tree.size for tree in row) for row in rows)
    mask = np.zeros((len(rows), width, width), dtype=bool)
    slots: list[int] = []
    tokens: list[int] = []
    positions: list[int] = []
    offsets: dict[Node, int] = {}
    for index, row in enumerate(rows):
        base = len(tokens)
        last: dict[Node | None, int] = {}
        for node in (node for tree in row for node in tree.walk()):
            low, high = len(tokens) - base, len(tokens) - base + len(node.tokens)
            above = last.get(node.parent, -1)
            if above >= 0:
                mask[index, low:high, : above + 1] = mask[index, above, : above + 1]
            mask[index, low:high, low:high] = np.tri(high - low, dtype=bool)
            last[node] = high - 1 if high > low else above
            offsets[node] = len(tokens)
            tokens.extend(node.tokens)
            positions.extend(range(node.start, node.start + len(node.tokens)))
        slots.extend(range(index * width, index * width + len(tokens) - base))
        mask[index, len(tokens) - base :, 0] = True  # an empty slot must see something
    return Blocks(tokens, positions, offsets, _layout(mask, slots, positions, context, device))


def _layout(
    mask: Mask,
    slots: list[int],
    positions: list[int],
    context: Context | None,
    device: torch.device,
) -> AttentionLayout:
    blocks, width, _ = mask.shape
    gather = np.zeros(blocks * width, dtype=np.int64)
    gather[slots] = np.arange(len(slots))
    query_positions = torch.from_numpy(np.asarray(positions)[gather].reshape(blocks, width)).to(
        device
    )
    index = torch.from_numpy(gather).to(device)

    def local(_layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        return (
            keys[index.to(keys.device)].view(blocks, width, *keys.shape[1:]).transpose(1, 2),
            values[index.to(values.device)].view(blocks, width, *values.shape[1:]).transpose(1, 2),
        )

    return AttentionLayout(
        blocks=blocks,
        width=width,
        gather=index,
        scatter=torch.tensor(slots, device=device),
        mask=torch.where(torch.from_numpy(mask).to(device), 0.0, float("-inf")),
        query_positions=query_positions,
        key_positions=query_positions,
        local=local,
        last_position=max(positions),
        context=context,
    )
