"""Whatever server people run: real data, or one clear error before the first paid call.

Every stand-in refuses the fields that it doesn't know. The channels of an inventory run against
each of them in the main step, a study too, and each study's first questions against all that show
whole texts. In the slow one every study, every recipe and a card run against each, without sockets.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from personae.card.card import Design, card
from personae.core import (
    Choice,
    Chooser,
    Done,
    Form,
    Note,
    Persona,
    PersonaeError,
    Reply,
    Report,
    Request,
    Sampling,
    load_inventory,
)
from personae.measure.inventories.administer import administer
from personae.models.journal.journal import Journal
from personae.models.journal.recorded import recorded
from personae.models.opening import open_model
from personae.models.server.client import open_server
from personae.models.server.server_settings import ServerSettings
from personae.models.wrapper import ModelWrapper
from personae.respondents.simulated import open_simulated
from personae.run.conclusion import concluding, with_doubts
from personae.run.plan import estimate_work
from personae.run.study_registry import studies
from personae.studies.eliciting_traits import study as eliciting_traits
from tests.contracts.test_recipes import NAMES as RECIPES
from tests.contracts.test_recipes import made, population
from tests.contracts.test_studies import ADA, INSIDE, STUDIES
from tests.support.eight_items import eight_items
from tests.support.open_servers import LlamaServer, TgiServer, VllmServer
from tests.support.strict_servers import (
    AzureServer,
    HostedServer,
    OllamaServer,
    ReasoningServer,
    StrictServer,
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
    "tgi": TgiServer,
    "tgi without prefill": lambda: TgiServer(prefill=False),
}
CHANNELS = ("label", "option", "statement", "reply")
WHOLE_TEXTS = {
    "vllm": "prompt_logprobs",
    "sglang": "echo",
    "llama.cpp": "next-token log-probabilities",
    "tgi": "prefill log-probabilities",
}
"""Servers that show whole texts, and the way in which."""
DIAGONAL = {
    "20 first tokens": "psycot",
    "5 first tokens": "citizens",
    "no first tokens": "universal_persona",
    "reasoning": "universal_persona",
    "ollama": "citizens",
    "azure": "universal_persona",
    "vllm": "psycot",
    "sglang": "universal_persona",
    "llama.cpp": "universal_persona",
    "tgi": "citizens",
    "tgi without prefill": "psycot",
}
"""A study for each server in the main step."""
REPLIES_ALONE = ("eliciting_traits",)
"""Studies that weigh no options."""
BLACK_BOX = [name for name in STUDIES if name not in (*INSIDE, "card")]
SETTINGS = ServerSettings(samples=3, thinking="off")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONAE_API_KEY", "azure-secret")


def outcome(server: StrictServer, work: Callable[[Any], Any], folder: Path) -> Any:
    """What the work gives on a recorded model; an error must have come before any paid call."""
    with Journal(folder / "journal.sqlite") as journal:
        model = recorded(open_model(server.address, settings=SETTINGS), journal)
        try:
            with concluding([model]):
                result = work(model)
            return with_doubts(result, [model]) if isinstance(result, Report) else result
        except PersonaeError as error:
            assert server.paid <= server.probes, f"paid for {server.paid} calls, then: {error}"
            assert len(str(error).splitlines()) == 1
            return None


def check_report(report: Report | None) -> None:
    """Real data, no verdict on what is no number, and a word on what the server can't be asked."""
    if report is None:
        return
    assert report.answers is not None
    rows = report.answers.rows
    assert "ok" in set(rows["status"])
    notes = [part for part in report.parts if isinstance(part, Note)]
    assert not [note for note in notes if re.search(r"\bnan\b", note.text)]
    unasked = set(rows["channel"]) - set(rows.filter(pl.col("status") != "error")["channel"])
    if unasked:
        assert "can't be put to" in notes[0].text and notes[0].level == "warning", unasked


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_channel_has_data_or_costs_nothing(kind: str, channel: Any, tmp_path: Path) -> None:
    inventory = load_inventory("mpi-120").where(scale="E").few(2)
    form = replace(Form(wording="mpi"), channel=channel)
    with SERVERS[kind]() as server:
        answers = outcome(server, lambda model: administer(model, inventory, form), tmp_path)
        statuses = set(answers.rows["status"]) if answers is not None else set()
        assert "ok" in statuses or server.paid <= server.probes or channel == "reply"
        if kind in WHOLE_TEXTS and channel != "reply":
            assert statuses == {"ok"}
        if kind not in WHOLE_TEXTS and channel == "statement":
            assert server.paid <= server.probes


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


PIECES = [(name, kind) for name in BLACK_BOX for kind in SERVERS]


@pytest.fixture
def without_sockets(monkeypatch: pytest.MonkeyPatch) -> Callable[[StrictServer], StrictServer]:
    client = httpx.AsyncClient

    def patched(server: StrictServer) -> StrictServer:
        transport = server.transport
        monkeypatch.setattr(httpx, "AsyncClient", partial(client, transport=transport))
        return server

    return patched


@pytest.fixture(scope="module", autouse=True)
def readers() -> Iterator[None]:
    """Train the readers of texts once for all servers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eliciting_traits, "_trained", cache(eliciting_traits._trained))
        yield


def report_of(name: str, server: StrictServer, folder: Path) -> Report | None:
    function: Callable[..., Report] = studies.load(STUDIES[name])
    persona = {"persona": ADA} if "persona" in inspect.signature(function).parameters else {}
    report: Report | None = outcome(
        server, lambda model: function(model, **persona, quick=True), folder
    )
    return report


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), PIECES)
def test_every_study_has_data_or_costs_nothing(
    name: str, kind: str, tmp_path: Path, without_sockets: Callable[[StrictServer], StrictServer]
) -> None:
    with without_sockets(SERVERS[kind]()) as server:
        report = report_of(name, server, tmp_path)
    check_report(report)
    if kind in WHOLE_TEXTS:
        assert report is not None
        assert report.answers is not None
        assert set(report.answers.rows["status"]) == {"ok"}


@pytest.mark.parametrize("kind", SERVERS)
def test_a_study_has_data_at_every_server(
    kind: str, tmp_path: Path, without_sockets: Callable[[StrictServer], StrictServer]
) -> None:
    with without_sockets(SERVERS[kind]()) as server:
        report = report_of(DIAGONAL[kind], server, tmp_path)
        assert server.paid > 0
    assert report is not None
    check_report(report)


class Enough(Exception):
    """The questions wanted of a study are known."""


class FirstQuestions(ModelWrapper[Chooser]):
    """Ends a study at a dozen weighed questions; keeps the first of each form."""

    def __init__(self) -> None:
        super().__init__(open_simulated("simulated:follow=1,noise=0.2"))
        self.count = 0
        self.kept: dict[tuple[object, ...], Request] = {}

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return self._inner.reply(requests, sampling, done=done)

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        for request in requests:
            roles = tuple(turn.role for turn in request.chat)
            self.kept.setdefault((roles, len(request.options)), request)
        self.count += len(requests)
        if self.count >= 12:
            raise Enough
        return self._inner.choose(requests, done=done)


@pytest.mark.parametrize("name", [name for name in BLACK_BOX if name not in REPLIES_ALONE])
def test_a_study_s_first_questions_weigh_the_same_at_every_server_of_whole_texts(
    name: str, without_sockets: Callable[[StrictServer], StrictServer]
) -> None:
    """The stand-ins give a token the same log-probability, each in its own form of an answer."""
    function: Callable[..., Report] = studies.load(STUDIES[name])
    persona = {"persona": ADA} if "persona" in inspect.signature(function).parameters else {}
    first = FirstQuestions()
    with pytest.raises(Enough):
        function(first, **persona, quick=True)
    weighed = {}
    for kind, method in WHOLE_TEXTS.items():
        with without_sockets(SERVERS[kind]()) as server:
            weighed[kind] = open_server(server.address).choose(list(first.kept.values()))
        assert {(c.status, c.method, c.why) for c in weighed[kind]} == {("ok", method, "")}
    for choices in zip(*weighed.values(), strict=True):
        assert {choice.tokens for choice in choices} == {choices[0].tokens}
        for choice in choices:
            assert choice.loglik == pytest.approx(choices[0].loglik, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [(n, k) for n in RECIPES for k in SERVERS])
def test_every_recipe_is_written_or_counted(
    name: str, kind: str, tmp_path: Path, without_sockets: Callable[[StrictServer], StrictServer]
) -> None:
    with without_sockets(SERVERS[kind]()) as server:
        batch = outcome(server, lambda model: made(population(name, 2, model=model)), tmp_path)
        assert batch is None or batch.rows.height + len(batch.failed) == 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", SERVERS)
def test_the_card_has_data_or_costs_nothing(
    kind: str, tmp_path: Path, without_sockets: Callable[[StrictServer], StrictServer]
) -> None:
    person = Persona(id="ada", text="You are very talkative.", traits={"E": 1.5})
    sections = ("behaviour", "intensity", "side_effects") if kind == "20 first tokens" else ()
    design = Design(
        inventory=eight_items(tmp_path), inductions=("persona_text",), sections=sections
    )
    with without_sockets(SERVERS[kind]()) as server:
        check_report(
            outcome(server, lambda model: card(model, person, design, quick=True), tmp_path)
        )
