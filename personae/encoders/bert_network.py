"""BERT's network, for encoders of many short texts on a CPU.

Texts are read several in a pass, since a sentence alone costs as much as a page: the weights have
to be fetched. Yet a text's states depend on nothing but itself, to the last bit: every pass has
the same number of rows, so that its sums run in one order, and each text attends to itself alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, chain, pairwise
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["BertNetwork"]

ROWS = 64
"""Tokens of a pass; a longer text has a pass of its own."""

_PARTS = {
    "attention.output.dense": "self_attn.out_proj",
    "attention.output.LayerNorm": "norm1",
    "intermediate.dense": "linear1",
    "output.dense": "linear2",
    "output.LayerNorm": "norm2",
}
"""A layer's part in published weights -> its name in PyTorch."""
_EMBEDDINGS = {
    "word_embeddings": "words",
    "position_embeddings": "positions",
    "token_type_embeddings": "segments",
    "LayerNorm": "norm",
}


class BertNetwork(nn.Module):
    """Token ids of texts to the last states of each, (tokens, width).

    Source: Devlin et al. (2019, NAACL), section 3. Without dropout: it only reads.
    """

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
        """Build the network of a published config.json and fill in its weights.

        Raises:
            RuntimeError: weights that are missing or have another shape.
        """
        super().__init__()
        width, epsilon = config["hidden_size"], config["layer_norm_eps"]
        self.words = nn.Embedding(config["vocab_size"], width)
        self.positions = nn.Embedding(config["max_position_embeddings"], width)
        self.segments = nn.Embedding(config["type_vocab_size"], width)
        self.norm = nn.LayerNorm(width, epsilon)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width,
                config["num_attention_heads"],
                config["intermediate_size"],
                dropout=0.0,
                activation=config["hidden_act"],
                layer_norm_eps=epsilon,
                batch_first=True,
            )
            for _ in range(config["num_hidden_layers"])
        )
        self.load_state_dict(dict(_renamed(weights, config["num_hidden_layers"])))
        self.eval().requires_grad_(False)

    def forward(self, texts: Sequence[Sequence[int]]) -> list[Tensor]:
        """Read texts, as many in a pass as fit."""
        states: list[Tensor] = []
        for together in _passes(texts):
            states += self._pass(together)
        return states

    def _pass(self, texts: Sequence[Sequence[int]]) -> list[Tensor]:
        sizes = [len(text) for text in texts]
        spare = [0] * max(0, ROWS - sum(sizes))
        order = torch.tensor([*chain.from_iterable(map(range, sizes)), *spare])
        ids = torch.tensor([*chain.from_iterable(texts), *spare])
        states = self.norm(self.words(ids) + self.positions(order) + self.segments.weight[0])
        ranges = [slice(*ends) for ends in pairwise(accumulate(sizes, initial=0))]
        layers: list[Any] = list(self.layers)
        for layer in layers:
            states = layer.norm1(states + _attention(layer.self_attn, states, ranges))
            inner = layer.activation(layer.linear1(states))
            states = layer.norm2(states + layer.linear2(inner))
        return [states[own] for own in ranges]


def _attention(part: Any, states: Tensor, ranges: Sequence[slice]) -> Tensor:  # noqa: ANN401
    """Attend within each range of rows; rows of no range stay 0."""
    three = nn.functional.linear(states, part.in_proj_weight, part.in_proj_bias)
    mixed = torch.zeros_like(states)
    for own in ranges:
        split = three[own].reshape(own.stop - own.start, 3, part.num_heads, -1).permute(1, 2, 0, 3)
        query, key, value = split[:, None]
        attended = nn.functional.scaled_dot_product_attention(query, key, value)
        mixed[own] = attended[0].transpose(0, 1).flatten(1)
    projected: Tensor = part.out_proj(mixed)
    return projected


def _passes(texts: Sequence[Sequence[int]]) -> Iterator[list[Sequence[int]]]:
    """Part texts in order into passes of at most `ROWS` tokens, or of one longer text."""
    together: list[Sequence[int]] = []
    for text in texts:
        if together and sum(map(len, together)) + len(text) > ROWS:
            yield together
            together = []
        together.append(text)
    if together:
        yield together


def _renamed(weights: Mapping[str, Tensor], layers: int) -> Iterator[tuple[str, Tensor]]:
    """Give the weights by PyTorch's names; queries, keys and values are one matrix there."""
    for part, name in _EMBEDDINGS.items():
        for kind in ("weight", "bias") if name == "norm" else ("weight",):
            yield f"{name}.{kind}", weights[f"embeddings.{part}.{kind}"]
    for index in range(layers):
        here, there = f"encoder.layer.{index}.", f"layers.{index}."
        for kind in ("weight", "bias"):
            three = [weights[f"{here}attention.self.{p}.{kind}"] for p in ("query", "key", "value")]
            yield f"{there}self_attn.in_proj_{kind}", torch.cat(three)
            for part, name in _PARTS.items():
                yield f"{there}{name}.{kind}", weights[f"{here}{part}.{kind}"]
