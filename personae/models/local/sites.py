"""Where a network's residual stream is reached: its decoder blocks and their parts.

Blocks and parts are found by their shape and kind, not by the architecture's name; where they can't
be found, an error names the candidates. A module's output is a tensor in some versions of an
architecture and a tuple in others; both are handled here.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, cast

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from personae.core import Anatomy, BadValue, ModelError, Site

__all__ = ["Change", "Sites"]

Change = Callable[[Tensor], Tensor | None]
"""Sees hidden states (tokens, width); what it returns, if anything, replaces them."""

PARTS = ("block", "heads", "mlp", "embedding")
ATTENTION, MLP = ("attention", "attn"), ("mlp", "feedforward", "feed_forward", "ffn", "moe")
PROJECTIONS = ("o_proj", "out_proj", "c_proj", "dense", "wo")


def _find_blocks(network: nn.Module, path: str | None = None) -> nn.ModuleList:
    """Find the decoder blocks: the one list of modules as long as the configuration says.

    Args:
        network: a transformers causal language model.
        path: the list's name in the network, where it can't be found by its length.

    Raises:
        ModelError: no list or more than one fits, or `path` names none; the candidates are named.
    """
    depth = cast(Any, network).config.get_text_config().num_hidden_layers
    lists = {n: m for n, m in network.named_modules() if isinstance(m, nn.ModuleList)}
    if path is not None:
        fitting = [m for n, m in lists.items() if n == path and len(m)]
    else:
        fitting = [m for m in lists.values() if len(m) == depth]
    if len(fitting) != 1:
        listing = ", ".join(
            f"{n} ({len(m)} x {type(m[0]).__name__})" for n, m in lists.items() if m
        )
        raise ModelError(
            f"can't tell which modules of {type(network).__name__} are its {depth} decoder blocks; "
            f"lists of modules in it: {listing or 'none'}. Open it with blocks=NAME-OF-THE-LIST"
        )
    return fitting[0]


class Sites:
    """The sites of one network, found once."""

    def __init__(self, network: nn.Module, path: str | None = None) -> None:
        self._network, self._path = network, path

    @cached_property
    def blocks(self) -> nn.ModuleList:
        """The decoder blocks, in order."""
        return _find_blocks(self._network, self._path)

    @cached_property
    def _config(self) -> Any:  # noqa: ANN401  (transformers' own, another for each architecture)
        return cast(Any, self._network).config.get_text_config()

    @cached_property
    def anatomy(self) -> Anatomy:
        """The network's blocks, heads and widths."""
        width = int(self._config.hidden_size)
        heads = int(getattr(self._config, "num_attention_heads", 0))  # 0: mixes tokens otherwise
        head_width = int(getattr(self._config, "head_dim", None) or width // max(1, heads))
        return Anatomy(len(self.blocks), width, heads, head_width)

    def width(self, site: Site) -> int:
        """Return the width of a site's hidden states.

        Raises:
            BadValue: there is no such site in this network.
            ModelError: its blocks, or the part of the block, can't be found.
        """
        if site.part not in PARTS:
            raise BadValue(f"a site's part is one of {', '.join(PARTS)}, not {site.part!r}")
        if not 0 <= site.block < len(self.blocks):
            raise BadValue(
                f"this model has the blocks 0 to {len(self.blocks) - 1}, not {site.block}"
            )
        if site.part == "embedding" and site.block != 0:
            raise BadValue(f"the embedding is the input of block 0, not of {site.block}")
        self._module(site)
        size = self.anatomy
        return size.heads * size.head_width if site.part == "heads" else size.width

    def _module(self, site: Site) -> nn.Module:
        block = self.blocks[site.block]
        if site.part == "heads":
            attention = _child(block, ATTENTION, "attention")
            return _child(attention, PROJECTIONS, "output projection")
        return _child(block, MLP, "MLP") if site.part == "mlp" else block

    def hook(self, site: Site, change: Change) -> RemovableHandle:
        """Call `change` with the hidden states (tokens, width) of each pass of one row."""

        def before(_module: nn.Module, args: tuple[Any, ...]) -> object:
            new = change(_hidden(args))
            return None if new is None else _with_hidden(args, new)

        def after(_module: nn.Module, _args: object, output: object) -> object:
            new = change(_hidden(output))
            return None if new is None else _with_hidden(output, new)

        module = self._module(site)
        if site.part in ("embedding", "heads"):
            return module.register_forward_pre_hook(before)
        return module.register_forward_hook(after)


def _hidden(value: object) -> Tensor:
    tensor = cast(Tensor, value[0] if isinstance(value, tuple) else value)
    return tensor.flatten(0, -2)


def _with_hidden(value: object, hidden: Tensor) -> object:
    tensor = cast(Tensor, value[0] if isinstance(value, tuple) else value)
    new = hidden.view(tensor.shape)
    return (new, *value[1:]) if isinstance(value, tuple) else new


def _child(module: nn.Module, words: Sequence[str], role: str) -> nn.Module:
    """Find the one child that the words name, by its own name or else by its class."""
    children = dict(module.named_children())
    for names in ({n: n for n in children}, {n: type(m).__name__ for n, m in children.items()}):
        fitting = [n for n, name in names.items() if any(w in name.lower() for w in words)]
        fitting = [n for n in fitting if "norm" not in n.lower()]
        if len(fitting) == 1:
            return children[fitting[0]]
    listing = ", ".join(f"{n} ({type(m).__name__})" for n, m in children.items())
    raise ModelError(
        f"can't tell the {role} of a {type(module).__name__}; modules in it: {listing or 'none'}"
    )
