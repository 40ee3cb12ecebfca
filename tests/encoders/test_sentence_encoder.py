"""The encoder's network is the library's, number by number, on weights drawn at random."""

import torch
from transformers import BertConfig, BertModel

from personae.encoders.bert_network import ROWS, BertNetwork


def test_states_are_the_librarys() -> None:
    config = BertConfig(
        vocab_size=50,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=40,
        max_position_embeddings=ROWS + 6,
        layer_norm_eps=1e-12,
    )
    torch.manual_seed(3)
    library = BertModel(config).eval()
    with torch.no_grad():
        for parameter in library.parameters():  # also those that begin as 0 or 1
            parameter.normal_(0, 0.4)
    network = BertNetwork(config.to_dict(), library.state_dict())
    texts = [torch.randint(50, (n,)).tolist() for n in (1, 7, 40, 30, ROWS + 6, ROWS, 3)]
    together = network(texts)
    for ids, states in zip(texts, together, strict=True):
        with torch.no_grad():
            expected = library(input_ids=torch.tensor([ids])).last_hidden_state[0]
        torch.testing.assert_close(states, expected, atol=1e-5, rtol=1e-5)
        assert not states.requires_grad
        assert torch.equal(states, network([ids])[0])
    assert network([]) == []
