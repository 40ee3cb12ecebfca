"""BERT's network on PyTorch's own transformer layers, for encoders of texts one at a time.

A layer is one call where a library's model makes twenty, which is most of the time that a sentence
takes on a CPU, and nothing but PyTorch is imported.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["BertNetwork"]

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
    """Token ids of one text, shape (1, tokens), to its last states, (1, tokens, width).

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

    def forward(self, ids: Tensor) -> Tensor:
        """Read one text."""
        order = torch.arange(ids.shape[1])
        embedded = self.words(ids) + self.positions(order) + self.segments.weight[0]
        states: Tensor = self.norm(embedded)
        for layer in self.layers:
            states = layer(states)
        return states


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
