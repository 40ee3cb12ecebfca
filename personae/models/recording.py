"""Reads and edits the residual stream with plain PyTorch hooks on a network's decoder blocks.

The list of blocks is found by its shape, not by the architecture's name, and a network in which it
can't be told fails at once. A block's output is a tensor in some versions of an architecture and a
tuple in others; both are met in one place here.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from personae.core import Activations, Array, BadValue, Edit, ModelError, Pool, Site
from personae.models.prefix import Node, lay_out
from personae.models.reading import Reader

__all__ = ["blocks_of", "check_edits", "edits_in_force", "record"]

PARTS = ("block", "embedding")
POOLS = ("last", "mean", "all")


def blocks_of(network: nn.Module) -> nn.ModuleList:
    """Find the decoder blocks: the one list of modules as long as the configuration says.

    Raises:
        ModelError: no list or more than one fits; the candidates are named.
    """
    depth = cast(Any, network).config.get_text_config().num_hidden_layers
    lists = {n: m for n, m in network.named_modules() if isinstance(m, nn.ModuleList)}
    fitting = [m for m in lists.values() if len(m) == depth]
    if len(fitting) != 1:
        found = ", ".join(f"{n} ({len(m)} x {type(m[0]).__name__})" for n, m in lists.items() if m)
        raise ModelError(
            f"can't tell which modules of {type(network).__name__} are its {depth} decoder blocks; "
            f"lists of modules in it: {found or 'none'}"
        )
    return fitting[0]


def _hidden(value: object) -> Tensor:
    return cast(Tensor, value[0] if isinstance(value, tuple) else value)


def _with_hidden(value: object, hidden: Tensor) -> object:
    return (hidden, *value[1:]) if isinstance(value, tuple) else hidden


Change = Callable[[Tensor], Tensor | None]


def _hook(blocks: nn.ModuleList, site: Site, change: Change) -> RemovableHandle:
    """Show the hidden states at a site to `change`; what it returns, if anything, replaces them."""

    def before(_module: nn.Module, args: tuple[Any, ...]) -> object:
        new = change(_hidden(args))
        return None if new is None else _with_hidden(args, new)

    def after(_module: nn.Module, _args: object, output: object) -> object:
        new = change(_hidden(output))
        return None if new is None else _with_hidden(output, new)

    if site.part == "embedding":
        return blocks[0].register_forward_pre_hook(before)
    return blocks[site.block].register_forward_hook(after)


@contextmanager
def _hooks(network: nn.Module, changes: Sequence[tuple[Site, Change]]) -> Iterator[None]:
    blocks = blocks_of(network)
    handles = []
    try:
        for site, change in changes:
            handles.append(_hook(blocks, site, change))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _check_sites(network: nn.Module, sites: Sequence[Site]) -> None:
    depth = len(blocks_of(network))
    for site in sites:
        if site.part not in PARTS:
            raise BadValue(f"this model has the parts {', '.join(PARTS)}, not {site.part!r}")
        if not 0 <= site.block < depth:
            raise BadValue(f"this model has the blocks 0 to {depth - 1}, not {site.block}")


def check_edits(network: nn.Module, edits: Sequence[Edit]) -> None:
    """Refuse edits that don't fit a network.

    Raises:
        BadValue: an unknown site, a vector of another width, or numbers that aren't finite.
    """
    _check_sites(network, [edit.site for edit in edits])
    width = int(cast(Any, network).config.get_text_config().hidden_size)
    for edit in edits:
        if edit.vector.shape != (width,):
            raise BadValue(f"a vector has the shape ({width},) here, not {edit.vector.shape}")
        if not (np.isfinite(edit.strength) and np.isfinite(edit.vector).all()):
            raise BadValue("an edit's vector and strength are finite numbers")


@contextmanager
def edits_in_force(network: nn.Module, edits: Sequence[Edit]) -> Iterator[None]:
    """Add `strength` times its vector at each edit's site, to every token, within the block."""
    device = next(network.parameters()).device

    def adding(edit: Edit) -> Change:
        added = torch.from_numpy(edit.vector.astype(np.float32) * np.float32(edit.strength))
        added = added.to(device)
        return lambda hidden: hidden + added.to(hidden.dtype)

    with _hooks(network, [(edit.site, adding(edit)) for edit in edits]):
        yield


def record(
    reader: Reader, prompts: Sequence[tuple[int, ...]], sites: Sequence[Site], pool: Pool
) -> Activations:
    """Read activations at the sites, pooled over all tokens of each prompt, template included.

    Under `all` the tokens of the prompts stand one after another, in order.

    Raises:
        BadValue: an unknown site or pool.
    """
    _check_sites(reader.network, sites)
    if pool not in POOLS:
        raise BadValue(f"a pool is one of {', '.join(POOLS)}, not {pool!r}")
    seen: dict[Site, Tensor] = {}

    def seeing(site: Site) -> Change:
        def see(hidden: Tensor) -> None:
            seen[site] = hidden[0].detach().float()

        return see

    found: dict[Site, dict[int, Array]] = {site: {} for site in sites}
    with _hooks(reader.network, [(site, seeing(site)) for site in found]):
        for batch in _batches(prompts, reader.token_budget):
            nodes = {Node(0, prompts[i], size=len(prompts[i])): i for i in batch}
            blocks = lay_out(list(nodes), None, reader.device)
            reader.forward(blocks.tokens, blocks.positions, blocks.plan, [])
            for node, index in nodes.items():
                low = blocks.offsets[node]
                for site, hidden in seen.items():
                    tokens = hidden[low : low + len(node.tokens)].double().cpu().numpy()
                    found[site][index] = _pooled(tokens, pool)
    width = int(cast(Any, reader.network).config.get_text_config().hidden_size)
    return {
        site: np.concatenate([np.empty((0, width)), *(rows[i] for i in range(len(prompts)))])
        for site, rows in found.items()
    }


def _pooled(tokens: Array, pool: Pool) -> Array:
    if pool == "all":
        return tokens
    return tokens[-1:] if pool == "last" else tokens.mean(0, keepdims=True)


def _batches(prompts: Sequence[tuple[int, ...]], budget: int) -> Iterator[list[int]]:
    batch: list[int] = []
    for index in sorted(range(len(prompts)), key=lambda i: len(prompts[i])):
        if batch and sum(len(prompts[i]) for i in (*batch, index)) > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
