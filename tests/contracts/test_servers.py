"""Whatever server people run: real data, or one clear error before the first paid call.

Every stand-in refuses the fields that it doesn't know. The card, every study and every recipe run
against each of them in the slow step, the channels of an inventory in the main one.
"""

import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from personae.card.card import card
from personae.core import Chooser, Form, Persona, PersonaeError, Report, load_inventory
from personae.measure.inventories.administer import administer
from personae.models.journal.journal import Journal
from personae.models.journal.recorded import recorded
from personae.models.opening import open_model
from personae.models.server.client import open_server
from personae.models.server.service import ServerSettings
from personae.run.plan import estimate_work
from personae.run.study_registry import studies
from tests.contracts.test_recipes import NAMES as RECIPES
from tests.contracts.test_recipes import made, population
from tests.contracts.test_studies import ADA, INSIDE, STUDIES
from tests.support.strict_servers import (
    AzureServer,
    HostedServer,
    LlamaServer,
    OllamaServer,
    ReasoningServer,
    StrictServer,
    VllmServer,
)

SERVERS: dict[str, Callable[[], StrictServer]] = {
    "20 first tokens": lambda: HostedServer(20),
    "5 first tokens": lambda: HostedServer(5),
    "no first tokens": lambda: HostedServer(0),
    "reasoning": ReasoningServer,
    "ollama": OllamaServer,
    "azure": AzureServer,
    "vllm": VllmServer,
    "sglang": lambda: VllmServer("echo"),
    "llama.cpp": LlamaServer,
}
CHANNELS = ("label", "option", "statement", "reply")
WHOLE_TEXTS = ("vllm", "sglang", "llama.cpp")
SETTINGS = ServerSettings(samples=3, thinking="off")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONAE_API_KEY", "azure-secret")


def outcome(server: StrictServer, work: Callable[[Any], Any], folder: Path) -> Any:
    """What the work gives on a recorded model; an error must have come before any paid call."""
    model = open_model(server.address, settings=SETTINGS)
    with Journal(folder / "journal.sqlite") as journal:
        try:
            return work(recorded(model, journal))
        except PersonaeError as error:
            assert server.paid == 0, f"paid for {server.paid} calls, then: {error}"
            assert len(str(error).splitlines()) == 1
            return None


def has_data(report: Report) -> bool:
    return report.answers is not None and "ok" in set(report.answers.rows["status"])


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_channel_has_data_or_costs_nothing(kind: str, channel: Any, tmp_path: Path) -> None:
    inventory = load_inventory("mpi-120").where(scale="E").few(2)
    form = replace(Form(wording="mpi"), channel=channel)
    with SERVERS[kind]() as server:
        answers = outcome(server, lambda model: administer(model, inventory, form), tmp_path)
        statuses = set(answers.rows["status"]) if answers is not None else set()
        assert "ok" in statuses or server.paid == 0 or channel == "reply"
        if kind in WHOLE_TEXTS and channel != "reply":
            assert statuses == {"ok"}
        if kind not in WHOLE_TEXTS and channel == "statement":
            assert server.paid == 0


def test_the_plan_says_in_how_many_calls_a_server_is_asked() -> None:
    inventory, form = load_inventory("mpi-120").few(1), Form(wording="mpi")
    with HostedServer(0) as hosted, VllmServer() as vllm:
        plans = [
            estimate_work(
                lambda model: administer(model, inventory, form),
                work_of=open_server(server.address).work_of,
            )
            for server in (hosted, vllm)
        ]
        assert hosted.paid == 0
    assert [(plan.calls, plan.most_calls) for plan in plans] == [(5, 100), (5, 5)]
    assert "(in 100 if the server shows no log-probabilities)" in str(plans[0])


@pytest.mark.slow
@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("name", [name for name in STUDIES if name not in INSIDE])
def test_every_study_has_data_or_costs_nothing(name: str, kind: str, tmp_path: Path) -> None:
    function: Callable[..., Report] = studies.load(STUDIES[name])
    persona = {"persona": ADA} if "persona" in inspect.signature(function).parameters else {}

    def study(model: Chooser) -> Report:
        return function(model, **persona, quick=True)

    with SERVERS[kind]() as server:
        report = outcome(server, study, tmp_path)
        assert report is None or has_data(report) or server.paid == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_written_or_counted(name: str, kind: str, tmp_path: Path) -> None:
    with SERVERS[kind]() as server:
        batch = outcome(server, lambda model: made(population(name, 2, model=model)), tmp_path)
        assert batch is None or batch.rows.height + len(batch.failed) == 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", SERVERS)
def test_the_card_has_data_or_costs_nothing(kind: str, tmp_path: Path) -> None:
    with SERVERS[kind]() as server:
        person = Persona(id="ada", text="You are very talkative.", traits={"E": 1.5})
        report = outcome(server, lambda model: card(model, person, quick=True), tmp_path)
        assert report is None or has_data(report) or server.paid == 0
