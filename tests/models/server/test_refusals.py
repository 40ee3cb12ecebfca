"""What a server refuses is left out, for good, and said."""

from collections.abc import Mapping
from typing import Any

import pytest

from personae.core import Choice, Message, Reply, Request, Sampling, say
from personae.models.server import rate_limit
from personae.models.server.client import ServerModel, open_server
from personae.models.server.endpoint import Rejected
from personae.models.server.requests.refusals import _refused_part
from personae.models.server.server_settings import ServerSettings
from tests.support.faulty_server import MODEL, Act, FaultyServer, refuses, says, top

BODY: Mapping[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "You are Ada."},
        {"role": "user", "content": "Tea?"},
        {"role": "assistant", "content": "I say"},
    ],
    "max_tokens": 5,
    "temperature": 0.0,
    "seed": 1,
    "logprobs": True,
    "top_logprobs": 20,
    "response_format": {},
    "continue_final_message": True,
    "reasoning_effort": "none",
}
REFUSALS = [
    (400, 'Invalid JSON payload received. Unknown name "seed": Cannot find field.', "seed"),
    (400, "Unrecognized request argument supplied: seed", "seed"),
    (
        422,
        "[{'type': 'extra_forbidden', 'loc': ['body', 'seed'], 'msg': 'Extra inputs are not "
        "permitted'}]",
        "seed",
    ),
    (
        400,
        "Unsupported value: 'temperature' does not support 0.0 with this model. Only the default "
        "(1) value is supported.",
        "temperature",
    ),
    (
        400,
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.",
        "max_tokens",
    ),
    (400, "Logprobs is not enabled for models/m", "logprobs"),
    (403, "You are not allowed to request logprobs from this model", "logprobs"),
    (400, "This model does not support log probabilities", "logprobs"),
    (400, "top_logprobs must be at most 5", "top_logprobs"),
    (400, "This response_format type is unavailable now", "response_format"),
    (400, "json_schema is not supported by this model", "response_format"),
    (404, "No endpoints found that support the parameter response_format", "response_format"),
    (400, "System role not supported", "system"),
    (400, "Conversation roles must alternate user/assistant/user/assistant/...", "system"),
    (
        400,
        "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
        "system",
    ),
    (400, "Developer instruction is not enabled for models/gemma-3-4b-it", "system"),
    (
        400,
        "This model does not support assistant message prefill. The conversation must end with "
        "a user message.",
        "begun",
    ),
    (400, "continue_final_message: Extra inputs are not permitted", "continue_final_message"),
    (400, "Unsupported value: 'reasoning_effort' does not support 'none'", "reasoning_effort"),
    (
        400,
        "This model's maximum context length is 4096 tokens, you requested 5000 (max_tokens)",
        None,
    ),
    (400, "Your request was rejected by our safety system", None),
    (500, "Unsupported parameter: seed", None),
    (429, "Too many requests: temperature", None),
]


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "BASE", 0.01)


def open_at(server: FaultyServer, **settings: Any) -> ServerModel:
    # what is sent again and again, though it is refused, ends soon
    wanted = ServerSettings(**{"patience": 5.0, **settings})
    return open_server(f"{server.url}#{MODEL}", settings=wanted)


@pytest.mark.parametrize(("status", "text", "part"), REFUSALS)
def test_the_refused_part_is_recognised(status: int, text: str, part: str | None) -> None:
    assert _refused_part(Rejected(status, "", f"{status}: {text}"), BODY) == part


def test_the_server_s_own_word_for_the_parameter_comes_first() -> None:
    assert _refused_part(Rejected(400, "", "no temperature", "seed"), BODY) == "seed"
    assert _refused_part(Rejected(400, "", "no good"), BODY) is None


def test_a_server_that_refuses_seeds_is_counted_without_them() -> None:
    def strict(body: dict[str, Any], before: int) -> Act:
        if "seed" in body:
            return refuses(400, 'Unknown name "seed": Cannot find field.')
        return refuses(400, "Logprobs is not enabled") if "logprobs" in body else says("A")

    with FaultyServer(strict) as server:
        requests = [Request(say(f"item {i}"), (("A",), ("B",))) for i in range(3)]
        choices = open_at(server).choose(requests)
    assert {(c.status, c.method, c.logp[0]) for c in choices} == {("ok", "counted:20", 0.0)}
    assert sum("logprobs" in body for body in server.bodies) == 1
    assert sum("seed" in body for body in server.bodies) <= 16  # those under way side by side
    assert all("sent without seed" in choice.why for choice in choices)


REFUSED = {
    "temperature": "'temperature' does not support 0.0 with this model",
    "response_format": "response_format is not supported",
    "top_p": "top_p: Extra inputs are not permitted",
    "stop": "Unsupported parameter: 'stop'",
}


@pytest.mark.parametrize("part", REFUSED)
def test_the_reply_comes_without_the_refused_part_and_says_so(part: str) -> None:
    def strict(body: dict[str, Any], before: int) -> Act:
        return refuses(400, REFUSED[part]) if part in body else says('{"a": 1} END more')

    sampling = Sampling(top_p=0.5, stop=(" END",), schema='{"type":"object"}')
    with FaultyServer(strict) as server:
        replies = open_at(server).reply([Request(say("Hi")), Request(say("Ho"))], sampling)
    assert {(r.status, r.text) for r in replies} == {("ok", '{"a": 1}')}
    assert all(reply.why == f"sent without {part}" for reply in replies)
    assert sum(part in body for body in server.bodies) == 1


def test_a_refused_system_role_moves_its_text_into_the_user_s_turn() -> None:
    def strict(body: dict[str, Any], before: int) -> Act:
        first = body["messages"][0]
        is_system = first["role"] == "system"
        return refuses(400, "System role not supported") if is_system else says(first["content"])

    with FaultyServer(strict) as server:
        chats = [say("Hi", system="You are Ada."), say("Ho", system="You are Bo.")]
        replies = open_at(server).reply([Request(chat) for chat in chats], Sampling())
    assert [reply.text for reply in replies] == ["You are Ada.\n\nHi", "You are Bo.\n\nHo"]
    assert all("the system text is in the user's turn" in reply.why for reply in replies)


def test_a_refused_system_role_moves_its_text_where_options_are_weighed_too() -> None:
    def strict(body: dict[str, Any], before: int) -> Act:
        is_system = body["messages"][0]["role"] == "system"
        shown = says("A", logprobs=top(A=-0.1))
        return refuses(400, "System role not supported") if is_system else shown

    with FaultyServer(strict) as server:
        question = Request(say("Hi", system="You are Ada."), (("A",), ("B",)))
        (choice,) = open_at(server, patience=0.5).choose([question])
    assert choice.status == "ok"
    assert "the system text is in the user's turn" in choice.why
    sent = [body["messages"] for body in server.bodies]
    assert sent[1:] == [[{"role": "user", "content": "You are Ada.\n\nHi"}]]


def test_what_the_user_asked_for_is_never_left_out() -> None:
    def strict(body: dict[str, Any], before: int) -> Act:
        return refuses(400, "unknown field top_k") if "top_k" in body else says("A")

    with FaultyServer(strict) as server:
        (reply,) = open_at(server, extra_body='{"top_k": 4}').reply(
            [Request(say("Hi"))], Sampling()
        )
    assert (reply.status, reply.why) == ("error", "400: unknown field top_k")


def test_a_part_that_was_taken_before_is_not_left_out_for_one_request() -> None:
    def once(body: dict[str, Any], before: int) -> Act:
        last = body["messages"][-1]["content"]
        return refuses(400, "invalid seed for this prompt") if last == "Ho" else says("A")

    with FaultyServer(once) as server:
        model = open_at(server)
        model.reply([Request(say("Hi"))], Sampling(temperature=1.0))
        (reply,) = model.reply([Request(say("Ho"))], Sampling(temperature=1.0))
    assert reply.status == "error"
    assert len(server.bodies) == 2


def begun(script: Any) -> tuple[list[Reply], list[Choice], FaultyServer]:
    lead = say("How are you?", lead="I feel")
    question = Request(say("Tea?", lead="I say"), (("yes", " yes"), ("no", " no")))
    with FaultyServer(script) as server:
        model = open_at(server)
        return model.reply([Request(lead)], Sampling()), model.choose([question]), server


def test_a_reply_that_cannot_be_begun_is_asked_for_in_the_user_s_turn() -> None:
    def anew(body: dict[str, Any], before: int) -> Act:
        last = body["messages"][-1]
        if "logprobs" in body:
            return says("yes", logprobs=top(yes=-0.1, no=-3.0))
        is_asked = last["role"] == "user" and "I feel" in last["content"]
        return says("I feel fine." if is_asked else "Alpha bravo charlie delta")

    replies, choices, server = begun(anew)
    assert replies[0].text == " fine."
    assert "the reply was not begun" in replies[0].why
    assert choices[0].method == "top_logprobs:20, not begun"
    assert "yes, no" in server.bodies[-1]["messages"][-1]["content"]
    assert Message("assistant", "I say").text not in str(server.bodies[-1])


def test_a_server_that_goes_on_with_a_begun_reply_is_left_to_it() -> None:
    def goes_on(body: dict[str, Any], before: int) -> Act:
        if body["messages"][-1]["content"].endswith("bravo char"):
            return says("lie delta")
        return says(" yes", logprobs=top(_yes=-0.1, _no=-3.0))

    replies, choices, server = begun(goes_on)
    assert replies[0].text == " yes"
    assert choices[0].method == "top_logprobs:20"
    assert server.bodies[-1]["messages"][-1] == {"role": "assistant", "content": "I say"}


@pytest.mark.parametrize("takes_canary", [False, True])
def test_a_refused_begun_reply_is_not_sent_again(takes_canary: bool) -> None:
    def strict(body: dict[str, Any], before: int) -> Act:
        last = body["messages"][-1]
        if takes_canary and last["content"].endswith("bravo char"):
            return says("lie delta")
        is_begun = last["role"] == "assistant"
        return refuses(400, "must end with a user message") if is_begun else says("I feel fine.")

    with FaultyServer(strict) as server:
        model = open_at(server)
        replies = [
            model.reply([Request(say(text, lead="I feel"))], Sampling())[0] for text in ("Hi", "Ho")
        ]
    assert [reply.status for reply in replies] == ["error" if takes_canary else "ok", "ok"]
    assert replies[1].text == " fine."
    assert len(server.bodies) == 3
