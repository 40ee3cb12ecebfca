"""A server that refuses part after part: a try for each part, no more, and each counted."""

from collections.abc import Callable
from typing import Any

import pytest

from personae.core import Message, Request, Sampling, say
from personae.models.server import rate_limit
from personae.models.server.budget import Budget, Spending
from personae.models.server.client import open_server
from personae.models.server.requests.refusals import RequestAdapter
from personae.models.server.server_settings import ServerSettings
from tests.support.faulty_server import MODEL, Act, FaultyServer, refuses

ALWAYS_SENT = ("model", "messages", "max_completion_tokens")
ASKED = Request((*say("Tea?", system="You are Ada."), Message("assistant", "I say")))
SAMPLING = Sampling(max_tokens=5, seed=1, temperature=0.5)


def last_part(body: dict[str, Any], _: int) -> Act:
    """Refuse a part that the request still has, then the system turn, then anything."""
    parts = [key for key in body if key not in ALWAYS_SENT]
    if parts:
        return refuses(400, f"Unknown name {parts[-1]!r}: Cannot find field.")
    if body["messages"][0]["role"] == "system":
        return refuses(400, "System role not supported")
    return refuses(400, "Unknown name 'tea': Cannot find field.")


def same_part(body: dict[str, Any], _: int) -> Act:
    return refuses(400, "Unknown name 'seed': Cannot find field.")


def new_name(body: dict[str, Any], before: int) -> Act:
    """Name a part that no request has, another each time."""
    return refuses(400, f"Unknown name 'seed_{before}' of {len(body)}: not supported")


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "BASE", 0.01)


@pytest.mark.parametrize(("script", "tries"), [(last_part, 14), (same_part, 7), (new_name, 4)])
def test_refusals_without_end_end(script: Callable[[dict[str, Any], int], Act], tries: int) -> None:
    """Three requests, one try of a begun reply, and tries for what is learnt side by side."""
    with FaultyServer(script) as server:
        spending = Spending(Budget(), None)
        model = open_server(f"{server.url}#{MODEL}", spending=spending)
        replies = model.reply([ASKED] * 3, SAMPLING)
    assert {reply.status for reply in replies} == {"error"}
    assert all("Cannot find field" in r.why or "not supported" in r.why for r in replies)
    assert len(server.bodies) <= tries
    assert spending.spent.requests == len(server.bodies)


def test_a_refusal_that_seems_learnt_each_time_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RequestAdapter, "learn", lambda *_: True)
    with FaultyServer(same_part) as server:
        spending = Spending(Budget(), None)
        model = open_server(f"{server.url}#{MODEL}", spending=spending)
        (reply,) = model.reply([Request(say("Tea?"))], SAMPLING)
    assert reply.status == "error" and "given up after 20 tries" in reply.why
    assert spending.spent.requests == len(server.bodies) == 20


def test_a_busy_server_that_asks_for_no_wait_is_not_flooded() -> None:
    with FaultyServer(lambda *_: refuses(429, "busy", retry_after="0")) as server:
        settings = ServerSettings(patience=0.3)
        model = open_server(f"{server.url}#{MODEL}", settings=settings)
        (reply,) = model.reply([Request(say("Tea?"))], SAMPLING)
    assert reply.status == "error"
    assert len(server.bodies) <= 8  # 0.01 s, twice as long each time
