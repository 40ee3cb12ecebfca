"""How much of what a server allows the dispatcher uses, in virtual time."""

import asyncio
from dataclasses import dataclass

import pytest

from personae.core import Reply
from personae.models.server import dispatch
from personae.models.server.budget import Budget, Spending
from personae.models.server.calls import Call, Retry
from personae.models.server.dispatch import Dispatcher, ServerState
from personae.models.server.rate_limit import RateLimit
from tests.support.virtual_time import VirtualLoop


@dataclass
class Server:
    """Allows `places` at once for `seconds` each, `rate` a second; every tenth fails if faulty."""

    places: int
    seconds: float
    rate: float = float("inf")
    faulty: bool = False
    busy: int = 0
    count: int = 0
    refused: int = 0
    allowed: float = 0.0
    filled: float = 0.0

    async def answer(self, _call: Call) -> Reply:
        now = asyncio.get_running_loop().time()
        if self.rate < float("inf"):
            self.allowed = min(self.allowed + (now - self.filled) * self.rate, self.rate / 10)
            self.filled = now
            if self.allowed < 1:
                self.refused += 1
                raise Retry("429", busy=True, wait=(1 - self.allowed) / self.rate)
            self.allowed -= 1
        if self.busy >= self.places:
            self.refused += 1
            raise Retry("429", busy=True)
        self.busy += 1
        await asyncio.sleep(self.seconds)
        self.busy -= 1
        self.count += 1
        if self.faulty and self.count % 10 == 0:
            raise Retry("500")
        return Reply(text="C")

    @property
    def capacity(self) -> float:
        return min(self.places / self.seconds, self.rate) * (0.9 if self.faulty else 1)


@pytest.mark.parametrize(
    ("server", "refusals"),
    [
        (Server(32, 0.1), 0.05),
        (Server(6, 0.05), 0.15),
        (Server(60, 2.0), 0.1),
        (Server(1, 0.5), 0.6),
        (Server(1000, 0.05, rate=100), 0.2),
        (Server(32, 0.1, faulty=True), 0.05),
        (Server(6, 0.05, faulty=True), 0.15),
    ],
    ids=lambda v: f"{v.places}x{v.seconds}{'!' * v.faulty}" if isinstance(v, Server) else "",
)
def test_at_least_80_percent_of_what_a_server_allows(
    server: Server, refusals: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = VirtualLoop()
    monkeypatch.setattr(dispatch, "time", loop)
    spending = Spending(Budget(), None)
    state = ServerState(RateLimit(), spending)
    answers: dict[int, Reply] = {}

    def deliver(index: int, answer: Reply) -> None:
        answers[index] = answer
        state.taken()

    count = round(server.capacity * max(20, 100 * server.seconds))
    calls = [Call(i, 10, 1) for i in range(count)]
    run = Dispatcher(state, server.answer, lambda why: Reply(text="", status="error", why=why))
    seconds = loop.run(run.run(calls, deliver))
    assert len(answers) == count
    assert {a.status for a in answers.values()} == {"ok"}
    share = count / seconds / server.capacity
    tries = server.count + server.refused
    assert share >= 0.8
    assert server.refused <= refusals * tries
