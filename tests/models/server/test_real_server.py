"""A real llama.cpp server: the figures of the same model on this machine.

On a tiny model in float32, cache included, scores and a card agree within the order of additions.
On the embedded model llama.cpp's arithmetic with 4-bit weights rounds activations to 8 bits and its
cache to 16, so that figures agree within a wider tolerance. Skipped where `xllamacpp` (of the extra
`dev`) isn't installed.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers

import personae
from personae.core import (
    Estimate,
    Form,
    Inventory,
    Persona,
    Report,
    Request,
    Table,
    load_inventory,
    say,
)
from personae.induce.registry import find_induction
from personae.measure.inventories.administer import administer
from personae.measure.inventories.forms import Frame
from personae.models.local.loading import _embedded_path
from personae.models.opening import open_model
from personae.models.server.client import open_server
from personae.stats.scores.scales import scale_scores
from tests.support.eight_items import eight_items
from tests.support.gguf_networks import SIZES, file_of, random_network
from tests.support.llama_cpp import llama_cpp_server

LABEL_TOLERANCE = 0.3
"""Nats, of an option's share."""
TOKEN_TOLERANCE = 0.3
"""Nats per token, of a text."""
EXACT_TOLERANCE = 1e-3
"""Points, or nats per token: both compute in float32, and add in another order."""
CARD_TOLERANCE = 5e-3
"""A card divides by deviations of scores, which enlarges the gaps of these."""
TEMPLATE = (
    "{% for m in messages %}{{ '<s>' + m['role'] + ': ' + m['content'] + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<s>assistant:\\n' }}{% endif %}"
)
ADA = Persona(id="ada", text="You are Ada, loud, outgoing and full of energy.", traits={"E": 1.5})
FORMS = [Form(wording="mpi"), Form(wording="mpi", channel="statement")]


@pytest.fixture(scope="module")
def embedded_address() -> Iterator[str]:
    path = _embedded_path()
    with llama_cpp_server(path) as address:
        yield f"{address}/v1#{path.name}"


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random network in float32, which llama.cpp computes in float32 too."""
    config = transformers.LlamaConfig(**{**SIZES, "max_position_embeddings": 4096})
    metadata = {"tokenizer.chat_template": TEMPLATE}
    network = random_network(config)
    folder = tmp_path_factory.mktemp("tiny")
    return file_of(folder, "llama", network, {"context_length": 4096}, metadata=metadata)


@pytest.fixture(scope="module")
def tiny_address(tiny_file: Path) -> Iterator[str]:
    with llama_cpp_server(tiny_file, exact=True) as address:
        yield f"{address}/v1#{tiny_file.name}"


@pytest.mark.slow
def test_a_real_server_has_the_local_engine_s_figures(embedded_address: str) -> None:
    frame = Frame(load_inventory("mpi-120"), Form(wording="mpi"))
    labels = [
        Request(frame.chat(frame.text(item)), frame.label_forms())
        for item in frame.inventory.items[:2]
    ]
    texts = [
        Request(say("Tea or ale?", system="You are Ada.", lead="I choose"), ((" tea",), (" ale",))),
        Request((), (("I worry about things.",), ("I love large parties.",))),
    ]
    served = open_server(embedded_address).choose([*labels, *texts])
    model: Any = open_model("smollm2")
    local = model.choose([*labels, *texts])
    assert {(choice.status, choice.method) for choice in served} == {
        ("ok", "next-token log-probabilities")
    }
    for choice, expected in zip(served[:2], local[:2], strict=True):
        assert choice.logp == pytest.approx(expected.logp, abs=LABEL_TOLERANCE)
    for choice, expected in zip(served[2:], local[2:], strict=True):
        assert choice.tokens == expected.tokens
        gaps = np.subtract(choice.loglik, expected.loglik) / np.array(choice.tokens)
        assert np.abs(gaps).max() < TOKEN_TOLERANCE


def few_items() -> Inventory:
    """Two opposite pairs of items on each of two scales."""
    inventory = load_inventory("mpi-120")
    items = [
        [i for i in inventory.items if i.scale == scale and i.key == key][:2]
        for scale in "EN"
        for key in (1, -1)
    ]
    return replace(inventory, items=tuple(item for group in items for item in group))


def domain_scores(model: Any, form: Form) -> dict[tuple[str, str], float]:
    """Scores of two domains, in points or nats per token, with and without a persona."""
    scores = {}
    with find_induction("persona-text")(model, ADA) as changed:
        for arm, respondent in (("unchanged", model), ("ada", changed)):
            answers = administer(respondent, few_items(), form)
            table = scale_scores(answers, use="expected" if form.channel == "label" else "value")
            for row in table.rows(named=True):
                scores[arm, row["scale"]] = row["mean"]
    return scores


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.channel)
def test_domain_scores_through_a_real_server_are_the_local_engine_s(
    form: Form, tiny_file: Path, tiny_address: str
) -> None:
    served = domain_scores(open_model(tiny_address), form)
    local = domain_scores(open_model(f"gguf:{tiny_file}", device="cpu"), form)
    assert served == pytest.approx(local, abs=EXACT_TOLERANCE)
    assert abs(local["ada", "E"] - local["unchanged", "E"]) > 10 * EXACT_TOLERANCE


def estimates(report: Report) -> Iterator[Estimate]:
    """Walk through all estimates of a report."""
    for part in report.parts:
        cells = [cell for row in part.rows for cell in row] if isinstance(part, Table) else [part]
        yield from (cell for cell in cells if isinstance(cell, Estimate))


@pytest.mark.slow
def test_a_card_through_a_real_server_is_the_local_engine_s(
    tiny_file: Path, tiny_address: str, tmp_path: Path
) -> None:
    inventory = eight_items(tmp_path)
    local, served = (
        personae.card(ADA, model, quick=True, sections=(), inventory=inventory)
        for model in (open_model(f"gguf:{tiny_file}", device="cpu"), open_model(tiny_address))
    )
    pairs = list(zip(estimates(served), estimates(local), strict=True))
    for measured, expected in pairs:
        assert (measured.name, measured.why_missing) == (expected.name, expected.why_missing)
        assert measured.value == pytest.approx(expected.value, abs=CARD_TOLERANCE, nan_ok=True)
