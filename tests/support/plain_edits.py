"""Edits by hand: one text, one pass, no cache, each op written out as its formula says."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from personae.core import Edit, EditGate, Site, When

WIDTH, DEPTH = 32, 3


def moved(edit: Edit, h: Tensor) -> Any:
    """What an edit makes of one token h (width,), in float64."""
    v = torch.tensor(edit.vector, dtype=torch.float64)
    h = h.double()
    if edit.gate is not None:
        probe = torch.tensor(edit.gate.probe, dtype=torch.float64)
        if float(h @ probe) <= edit.gate.threshold:
            return h
    s = edit.strength
    if edit.op == "add":
        return h + s * v
    if edit.op == "replace":
        return h + s * (v - h)
    if edit.op == "project":
        rows = v.reshape(-1, v.shape[-1])
        return h - s * (torch.linalg.pinv(rows) @ rows @ h)
    u = v / v.norm()
    p = h @ u
    if edit.op == "ablate":
        return h + s * (v - p * u)
    return h + s * (p.clamp(*edit.bounds) - p) * u


def modules(net: Any, site: Site) -> tuple[Any, bool]:
    """The module of a site in the tiny networks, by name, and whether its input is meant."""
    gpt2 = hasattr(net, "transformer")
    block = (net.transformer.h if gpt2 else net.model.layers)[site.block]
    if site.part == "heads":
        return (block.attn.c_proj if gpt2 else block.self_attn.o_proj), True
    return (block.mlp if site.part == "mlp" else block), site.part == "embedding"


@contextmanager
def by_hand(net: Any, edits: Sequence[Edit], prompt: int) -> Iterator[dict[Site, Tensor]]:
    """Edit a pass of one whole text; what each edited site becomes is kept."""
    handles, seen = [], {}

    def change(edit: Edit, hidden: Tensor) -> Tensor:
        new = hidden.clone()
        for at in range(hidden.shape[1]):
            if edit.when.holds(at, prompt):
                new[0, at] = moved(edit, hidden[0, at]).float()
        seen[edit.site] = new[0]
        return new

    def before(edit: Edit) -> Any:
        return lambda _m, args: (change(edit, args[0]), *args[1:])

    def after(edit: Edit) -> Any:
        def hook(_m: Any, _a: Any, out: Any) -> Any:
            return (change(edit, out[0]), *out[1:]) if isinstance(out, tuple) else change(edit, out)

        return hook

    try:
        for edit in edits:
            module, of_input = modules(net, edit.site)
            register = (
                module.register_forward_pre_hook if of_input else module.register_forward_hook
            )
            handles.append(register(before(edit) if of_input else after(edit)))
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def plain_logits(net: Any, ids: Sequence[int], edits: Sequence[Edit], prompt: int) -> Tensor:
    """Logits after every token of a text, by one pass of its own."""
    with torch.no_grad(), by_hand(net, edits, prompt):
        logits: Tensor = net(torch.tensor([list(ids)])).logits[0]
    return logits


def vectors(*shape: int) -> st.SearchStrategy[Any]:
    return st.integers(0, 99).map(
        lambda seed: torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).numpy()
    )


sites = st.builds(
    Site, st.integers(0, DEPTH - 1), st.sampled_from(["block", "heads", "mlp"])
) | st.just(Site(0, "embedding"))
whens = st.one_of(
    st.just(When()),
    st.builds(When, st.just("prompt"), st.integers(-4, 4), st.none() | st.integers(-4, 9)),
    st.builds(When, st.just("generation"), st.integers(0, 3), st.none() | st.integers(0, 6)),
    st.builds(
        lambda at: When(positions=tuple(at)), st.lists(st.integers(0, 40), min_size=1, max_size=9)
    ),
)
gates = st.none() | st.builds(EditGate, vectors(WIDTH), st.floats(-2, 2, width=32))


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    op: Any = draw(st.sampled_from(["add", "project", "ablate", "cap", "replace"]))
    low = draw(st.floats(-2, 1, width=32))
    rows = (draw(st.sampled_from([1, 2])),) if op == "project" else ()
    return Edit(
        draw(sites),
        draw(vectors(*rows, WIDTH)),
        strength=draw(st.floats(-1, 2, width=32)),
        op=op,
        bounds=(low, low + 1) if op == "cap" else (-float("inf"), float("inf")),
        when=draw(whens),
        gate=draw(gates),
    )
