"""A real llama.cpp server of the embedded model: the figures of the same model on this machine.

Its own arithmetic with 4-bit weights rounds activations, so that figures agree within the stated
tolerance and not exactly. Skipped where `xllamacpp` (of the extra `dev`) isn't installed.
"""

from collections.abc import Iterator

import numpy as np
import pytest

from personae.core import Form, Request, load_inventory, say
from personae.measure.inventories.forms import Frame
from personae.models.local.loading import _embedded_path
from personae.models.opening import open_model
from personae.models.server.client import open_server

LABEL_TOLERANCE = 0.3
"""Nats, of an option's share."""
TOKEN_TOLERANCE = 0.3
"""Nats per token, of a text."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    xllamacpp = pytest.importorskip("xllamacpp")
    path = _embedded_path()
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx, parameters.n_parallel, parameters.port = 4096, 2, 0
    parameters.warmup = False
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 2
    server = xllamacpp.Server(parameters)
    yield f"{server.listening_address}/v1#{path.name}"
    del server


@pytest.mark.slow
def test_a_real_server_has_the_local_engine_s_figures(address: str) -> None:
    frame = Frame(load_inventory("mpi-120"), Form(wording="mpi"))
    labels = [
        Request(frame.chat(frame.text(item)), frame.label_forms())
        for item in frame.inventory.items[:2]
    ]
    texts = [
        Request(say("Tea or ale?", system="You are Ada.", lead="I choose"), ((" tea",), (" ale",))),
        Request((), (("I worry about things.",), ("I love large parties.",))),
    ]
    served = open_server(address).choose([*labels, *texts])
    local = open_model("smollm2").choose([*labels, *texts])  # type: ignore[attr-defined]
    assert {(choice.status, choice.method) for choice in served} == {
        ("ok", "next-token log-probabilities")
    }
    for choice, expected in zip(served[:2], local[:2], strict=True):
        assert choice.logp == pytest.approx(expected.logp, abs=LABEL_TOLERANCE)
    for choice, expected in zip(served[2:], local[2:], strict=True):
        assert choice.tokens == expected.tokens
        gaps = np.subtract(choice.loglik, expected.loglik) / np.array(choice.tokens)
        assert np.abs(gaps).max() < TOKEN_TOLERANCE
