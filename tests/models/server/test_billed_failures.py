"""Whatever a server was paid for is counted, though it gave no answer that could be used."""

from collections.abc import Mapping
from typing import Any

import pytest

from personae.core import Choice, Reply, Request, Sampling, requests_of, say
from personae.models.server import rate_limit
from personae.models.server.client import open_server
from personae.models.server.first_tokens import choice_from_replies
from tests.support.faulty_server import MODEL, Act, FaultyServer, always, says, top
from tests.support.open_servers import LlamaServer
from tests.support.strict_servers import Refusal

LABELS = (("A",), ("B",))


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "BASE", 0.01)


def test_an_answer_by_another_model_is_paid_for() -> None:
    chats = [say(f"question {i}") for i in range(2)]

    def swaps(body: dict[str, Any], before: int) -> Act:
        is_first = body["messages"][0]["content"] == "question 0"
        return says("A", logprobs=top(A=-0.1), model=MODEL if is_first else "huge")

    with FaultyServer(swaps) as server:
        model = open_server(f"{server.url}#{MODEL}")
        replies = model.reply(requests_of(chats), Sampling())
        choices = model.choose([Request(chat, LABELS) for chat in chats])
    answers: list[Reply | Choice] = [*replies, *choices]
    assert [answer.status for answer in answers] == ["ok", "error"] * 2
    assert [(answer.tokens_in, answer.tokens_out) for answer in answers] == [(7, 3)] * 4
    assert (model.spent.tokens_in, model.spent.tokens_out) == (28, 12)


def test_finding_out_whether_replies_can_be_begun_is_paid_for() -> None:
    with FaultyServer(always(says("fine"))) as server:
        model = open_server(f"{server.url}#{MODEL}")
        (reply,) = model.reply([Request(say("Well?", lead="I feel"))], Sampling())
    assert len(server.bodies) == 2
    assert (reply.tokens_in, model.spent.tokens_in, model.spent.requests) == (14, 14, 2)


@pytest.mark.parametrize("failures", [1, 3])
def test_replies_that_failed_are_in_the_cost_of_a_count(failures: int) -> None:
    failed = Reply(text="", status="error", why="500", temporary=True, tokens_in=7, tokens_out=3)
    replies = [Reply(text="A", tokens_in=7, tokens_out=1)] * 2 + [failed] * failures
    choice = choice_from_replies(Request(say("?"), LABELS), replies)
    is_ok = failures == 1
    assert (choice.status, choice.temporary) == ("ok" if is_ok else "error", not is_ok)
    assert (choice.tokens_in, choice.tokens_out) == (7 * len(replies), 2 + 3 * failures)


class FailsOnce(LlamaServer):
    """Its next but one completion fails, once it is `due`."""

    due = False
    before = 0

    def complete(self, body: Mapping[str, Any]) -> object:
        if self.due and self.calls["/completion"] > self.before:
            self.due = False
            raise Refusal(500, "out of memory")
        return super().complete(body)


@pytest.mark.parametrize("fails", [False, True])
def test_a_question_that_fails_half_way_is_paid_for_up_to_there(fails: bool) -> None:
    """Where an option takes several calls, those before the one that failed were billed."""
    options = ((" tea",), (" ale",))
    with FailsOnce() as server:
        model = open_server(server.address)
        model.choose([Request(say("Cake?"), options)])
        spent = model.spent
        server.before, server.due = server.calls["/completion"], fails
        (choice,) = model.choose([Request(say("Tea or ale?"), options)])
    (first, *_) = [body for path, body in server.bodies if path == "/completion"][-3:]
    assert choice.status == "ok"
    assert choice.tokens_in == len(first["prompt"]) * (2 if fails else 1)  # it was read twice
    assert model.spent.tokens_in - spent.tokens_in == choice.tokens_in
