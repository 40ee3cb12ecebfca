"""Thoughts are never answers, whatever form a server gives them."""

from typing import Any

import pytest

from personae.core import BadValue, Request, Sampling, say
from personae.models.server.client import open_server
from personae.models.server.requests.request_fields import RequestFields
from personae.models.server.server_settings import ServerSettings
from personae.models.server.wire import read_reply
from tests.support.faulty_server import MODEL, Act, FaultyServer, completion, refuses, says, top

CHAT = say("Tea?")
ANSWERED = [
    "<think>They like tea.</think>\n\nTea.",
    "<thinking>Hm.</thinking>Tea.",
    "They like tea.</think>Tea.",
    "<think></think><think>Hm.</think> Tea.",
    "[THINK]Hm.[/THINK]Tea.",
    "◁think▷Hm.◁/think▷Tea.",
    "<seed:think>Hm.</seed:think>Tea.",
    "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Tea.<|return|>",
    "Tea.",
]
THOUGHTS_ALONE = ["<think>They like", "<think>Hm.</think>", "<|channel|>analysis<|message|>Hm."]


def reply(text: str | None, **more: Any) -> Any:
    message = more.pop("message", {})
    data = completion(text, **more)
    data["choices"][0]["message"] |= message
    return read_reply(data, CHAT, Sampling(max_tokens=20))


@pytest.mark.parametrize("text", ANSWERED)
def test_the_answer_stands_without_its_thoughts(text: str) -> None:
    assert (reply(text).text, reply(text).status) == ("Tea.", "ok")


@pytest.mark.parametrize("text", THOUGHTS_ALONE)
@pytest.mark.parametrize("finish", ["length", "stop"])
def test_thoughts_alone_are_a_cut_reply_that_says_what_to_do(text: str, finish: str) -> None:
    answer = reply(text, finish_reason=finish)
    assert (answer.text, answer.status) == ("", "cut")
    assert "--thinking off" in answer.why


@pytest.mark.parametrize(
    "message",
    [
        {"reasoning_content": "Hm."},
        {"reasoning": "Hm."},
        {"content": [{"type": "thinking", "thinking": "Hm."}]},
        {"content": [{"type": "reasoning", "text": "Hm."}]},
    ],
)
@pytest.mark.parametrize("finish", ["length", "stop"])
def test_thoughts_in_a_field_of_their_own_are_no_text(message: dict[str, Any], finish: str) -> None:
    answer = reply(None, finish_reason=finish, message={"content": None, **message})
    assert (answer.text, answer.status) == ("", "cut")
    assert "--thinking off" in answer.why
    if isinstance(parts := message.get("content"), list):
        both = [*parts, {"type": "text", "text": "Tea."}]
        answered = reply(None, message={"content": both})
        assert (answered.text, answered.status) == ("Tea.", "ok")
    assert reply("Tea.", message={"reasoning": "Hm."}).text == "Tea."


def test_hidden_thoughts_are_known_by_their_tokens() -> None:
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": 20,
        "completion_tokens_details": {"reasoning_tokens": 20},
    }
    answer = reply("", finish_reason="length", usage=usage)
    assert answer.status == "cut"
    assert "20 tokens were reached in thoughts" in answer.why
    assert answer.tokens_out == 20


def test_a_thought_s_first_token_is_no_label() -> None:
    def thinks(body: dict[str, Any], before: int) -> Act:
        data = completion(None, logprobs=top(A=-0.1, B=-3.0))
        data["choices"][0]["message"]["reasoning_content"] = "A person who"
        return Act(body=data)

    with FaultyServer(thinks) as server:
        model = open_server(f"{server.url}#{MODEL}")
        (choice,) = model.choose([Request(CHAT, (("A",), ("B",)))])
    assert choice.status == "error"
    assert "--thinking off" in choice.why


def test_thinking_off_is_sent_and_what_is_refused_of_it_is_left_out() -> None:
    def strict(body: dict[str, Any], before: int) -> Act:
        if body.get("reasoning_effort") in ("none", "minimal"):
            return refuses(400, "'reasoning_effort' does not support this value")
        if "chat_template_kwargs" in body:
            return refuses(422, "chat_template_kwargs: Extra inputs are not permitted")
        return says("Tea.")

    with FaultyServer(strict) as server:
        settings = ServerSettings(thinking="off")
        model = open_server(f"{server.url}#{MODEL}", settings=settings)
        (answer,) = model.reply([Request(CHAT)], Sampling())
    assert server.bodies[0]["chat_template_kwargs"] == {"enable_thinking": False, "thinking": False}
    assert server.bodies[-1]["reasoning_effort"] == "low"
    assert answer.why == "sent without chat_template_kwargs"
    assert model.notes[0] == "thinking off"
    assert model.fingerprint != open_server(f"{server.url}#{MODEL}").fingerprint


def test_a_budget_for_thoughts_comes_on_top_of_the_answer_s_tokens() -> None:
    fields = RequestFields.of("", "500")
    assert fields.added_to({"max_tokens": 20})["max_tokens"] == 520
    assert fields.body["reasoning_effort"] == "low"


@pytest.mark.parametrize("thinking", ["on", "-1", "0", "1.5", "９", "9" * 30])
def test_no_such_thinking(thinking: str) -> None:
    with pytest.raises(BadValue, match="thinking is 'off' or"):
        ServerSettings(thinking=thinking)


@pytest.mark.parametrize("body", ["[]", "{", "1", '{"messages": []}', '{"stream": true}'])
def test_no_such_extra_body(body: str) -> None:
    with pytest.raises(BadValue, match="extra body"):
        ServerSettings(extra_body=body)
