"""The encoder's network is the library's, number by number, on weights drawn at random."""

import torch
from transformers import BertConfig, BertModel

from personae.encoders.bert_network import BertNetwork


def test_states_are_the_librarys() -> None:
    config = BertConfig(
        vocab_size=50,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=40,
        max_position_embeddings=32,
        layer_norm_eps=1e-12,
    )
    torch.manual_seed(3)
    library = BertModel(config).eval()
    with torch.no_grad():
        for parameter in library.parameters():  # also those that begin as 0 or 1
            parameter.normal_(0, 0.4)
    network = BertNetwork(config.to_dict(), library.state_dict())
    for length in (1, 7, 32):
        ids = torch.randint(50, (1, length))
        with torch.no_grad():
            expected = library(input_ids=ids).last_hidden_state
        torch.testing.assert_close(network(ids), expected, atol=1e-5, rtol=1e-5)
        assert not network(ids).requires_grad
