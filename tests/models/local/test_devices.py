"""Networks off the CPU: every tensor of a pass is made where its block lies.

Fake tensors carry a device and no numbers, and refuse operations between two devices, so they show
here what a GPU would refuse.
"""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from personae.core import Edit, EditGate, Site
from personae.models.local.editing import EditCombinations, Editing
from personae.models.local.forward.layout import Context
from personae.models.local.forward.passes import ForwardPasses
from personae.models.local.forward.reply_cache import ReplyCache
from personae.models.local.forward.shared_prefixes import Node, lay_out
from personae.models.local.sites import Sites
from tests.support.tiny_networks import network

VECTOR = np.ones(32, dtype=np.float32)
EDITS = (
    Edit(Site(0, "embedding"), VECTOR, 0.5),
    Edit(Site(1), VECTOR, op="ablate"),
    Edit(Site(2, "mlp"), VECTOR, op="cap", bounds=(-1.0, 1.0), gate=EditGate(VECTOR, 0.0)),
)


def move_to(net: Any, *devices: str) -> None:
    """Put a network on fake devices, block after block, as accelerate spreads it."""
    blocks = list(Sites(net).blocks)
    place = {id(block): devices[i * len(devices) // len(blocks)] for i, block in enumerate(blocks)}

    def fill(module: Any, device: str) -> None:
        device = place.get(id(module), device)
        for store in (module._parameters, module._buffers):
            for name, tensor in store.items():
                if tensor is not None:
                    fake = torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
                    store[name] = (
                        torch.nn.Parameter(fake, requires_grad=False)
                        if store is module._parameters
                        else fake
                    )
        for child in module.children():
            fill(child, device)

    fill(net, devices[0])
    for block in blocks:
        block.register_forward_pre_hook(_to(place[id(block)]), with_kwargs=True)
    final = net.model.norm if hasattr(net, "model") else net.transformer.ln_f
    final.register_forward_pre_hook(_to(devices[0]), with_kwargs=True)


def _to(device: str) -> Any:
    def move(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.to(device)
        return tuple(map(move, value)) if isinstance(value, tuple) else value

    return lambda _m, args, options: (move(args), {n: move(v) for n, v in options.items()})


ONE, TWO = ("lazy:0",), ("lazy:0", "lazy:1")


@pytest.mark.parametrize(
    ("kind", "attention", "devices"),
    [
        ("llama", "auto", ONE),
        ("llama", "auto", TWO),
        ("llama", "eager", TWO),
        ("gpt2", "auto", TWO),
        ("gemma2", "auto", TWO),
    ],
)
def test_ids_masks_caches_and_edits_follow_the_blocks(
    kind: str, attention: str, devices: tuple[str, ...]
) -> None:
    net = deepcopy(network(kind))
    with FakeTensorMode(allow_non_fake_inputs=True):
        move_to(net, *devices)
        editing = Editing(Sites(net), EditCombinations(), [EDITS])
        reader = ForwardPasses(net, editing, attention=attention)
        assert str(reader.device) == devices[0]
        context = read_prompt(reader, devices)
        nodes = [Node(30, editing.marked(range(2, 9 + i), 30), size=7 + i) for i in range(3)]
        blocks = lay_out(nodes, context, reader.device)
        seen: list[torch.Tensor] = []
        hooks: list[Any] = [(Site(2), seen.append)]
        logits = reader.forward(blocks.tokens, blocks.positions, blocks.layout, [0, 5], hooks)
        assert logits.shape == (2, 320) and str(seen[0].device) == devices[-1]
        cache = ReplyCache(context, 2, 12, reader.device)
        for counts in ([3, 5], [1, 1]):
            layout, positions = cache.append(0, counts)
            step = editing.marked(range(2, 2 + sum(counts)), 30)
            logits = reader.forward(step, positions, layout, range(2))
        assert logits.shape == (2, 320)


def read_prompt(reader: ForwardPasses, devices: tuple[str, ...]) -> Context:
    tokens = reader.editing.marked(range(2, 32), 30)
    prompt = lay_out([Node(0, tokens, size=30)], None, reader.device)
    keys: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    layout = replace(prompt.layout, new_keys=keys)
    logits = reader.forward(prompt.tokens, prompt.positions, layout, [29])
    assert isinstance(logits, FakeTensor) and logits.shape == (1, 320)
    assert str(logits.device) == devices[0]
    assert str(keys[2][0].device) == devices[-1]
    return Context((), (), ()).then(tokens, keys)
