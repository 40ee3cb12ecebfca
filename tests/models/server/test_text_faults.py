"""Servers of whole texts that get something wrong: an error that says so, never a number."""

from collections.abc import Callable
from typing import Any

import pytest

from personae.core import Chat, FidelityError, Message, Request, Sampling, say
from personae.models.server.budget import tokens_of
from personae.models.server.client import open_server
from personae.models.server.requests.chat_forms import system_in_user
from personae.models.server.server_settings import ServerSettings
from tests.support.open_servers import LlamaServer, TgiServer, VllmServer
from tests.support.strict_servers import StrictServer

SERVERS: dict[str, Callable[[], StrictServer]] = {
    "vllm": VllmServer,
    "echo": lambda: VllmServer("echo"),
    "sglang": lambda: VllmServer("generate"),
    "llama.cpp": LlamaServer,
    "tgi": TgiServer,
}
PAID = {"llama.cpp": "/completion", "vllm": "/v1/completions", "echo": "/v1/completions"}
ADA = say("Tea or ale?", system="You are Ada.")
OPTIONS = ((" tea",), (" ale",))
HARMLESS = Request(say("Cake?"), OPTIONS)


def places(kind: str, answer: Any) -> list[Any]:
    """Where an answer lists what the server read, a token a place; of several texts, the first."""
    if kind == "vllm":
        found = answer["choices"][0]["prompt_logprobs"]
    elif kind == "echo":
        found = answer["choices"][0]["logprobs"]["token_logprobs"]
    elif kind == "sglang":
        found = answer[0]["meta_info"]["input_token_logprobs"]
    elif kind == "tgi":
        found = answer["details"]["prefill"]
    else:
        found = answer["completion_probabilities"]
    assert isinstance(found, list)
    return found


def cut_at_its_start(kind: str, answer: Any) -> None:
    """The server has read less than it was sent, as where a context is too short."""
    del places(kind, answer)[1:4]


def another_token(kind: str, answer: Any) -> None:
    if kind == "sglang":
        places(kind, answer)[2][1] += 1
    else:
        places(kind, answer)[2 if kind == "tgi" else 0]["id"] += 1


def impossible(kind: str, answer: Any) -> None:
    last = places(kind, answer)
    if kind == "vllm":
        last[-1] = {token: {"logprob": 0.7} for token in last[-1]}
    elif kind == "echo":
        last[-2] = 0.7  # the last one is the generated token's
    elif kind == "sglang":
        last[-1][0] = 0.7
    else:
        last[-1]["logprob"] = 0.7


FAULTS = [
    (cut_at_its_start, "vllm", "don't fit"),
    (cut_at_its_start, "echo", "don't fit"),
    (cut_at_its_start, "sglang", "don't fit"),
    (cut_at_its_start, "tgi", "not those of the question"),
    (another_token, "sglang", "don't fit"),
    (another_token, "tgi", "not those of the question"),
    (another_token, "llama.cpp", "a forced token is not shown"),
    *((impossible, kind, "0.7 can't be a log-probability") for kind in SERVERS),
]


@pytest.mark.parametrize(("fault", "kind", "why"), FAULTS)
def test_what_does_not_fit_the_question_is_an_error(
    fault: Callable[[str, Any], None], kind: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = SERVERS[kind]()
    right = server.answer

    def wrong(path: str, headers: Any, body: Any) -> object:
        answer = right(path, headers, body)
        if path == PAID.get(kind, "/generate"):
            fault(kind, answer)
        return answer

    with server:
        model = open_server(server.address)
        assert model.choose([HARMLESS])[0].status == "ok"
        monkeypatch.setattr(server, "answer", wrong)
        (choice,) = model.choose([Request(ADA, OPTIONS)])
    assert (choice.status, choice.loglik) == ("error", ())
    assert why in choice.why
    assert choice.tokens_in > 0  # it was billed


@pytest.mark.parametrize("kind", ["vllm", "echo"])
def test_another_model_s_whole_texts_are_no_answer(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = SERVERS[kind]()
    right = server.answer

    def other(path: str, headers: Any, body: Any) -> object:
        answer: Any = right(path, headers, body)
        return answer | {"model": "huge"} if path == "/v1/completions" else answer

    with server:
        known = open_server(server.address)
        known.choose([HARMLESS])
        monkeypatch.setattr(server, "answer", other)
        (choice,) = known.choose([Request(ADA, OPTIONS)])
        with pytest.raises(FidelityError, match="answers as 'huge'"):
            open_server(server.address).choose([HARMLESS])
    assert (choice.status, choice.loglik) == ("error", ())
    assert "answered by 'huge'" in choice.why
    assert choice.tokens_in > 0


class Deaf(VllmServer):
    """Its template leaves the system's turn out."""

    def prompt(self, chat: Chat) -> list[int]:
        return super().prompt(tuple(turn for turn in chat if turn.role != "system"))


def test_a_system_text_that_the_template_drops_moves_and_that_is_said() -> None:
    with Deaf() as deaf, VllmServer() as hearing:
        model = open_server(deaf.address)
        (choice,) = model.choose([Request(ADA, OPTIONS)])
        weighed = [body["messages"] for _, body in deaf.bodies if "messages" in body][-1]
        (reply,) = model.reply([Request(ADA)], Sampling())
        moved, heard = open_server(hearing.address).choose(
            [Request(chat, OPTIONS) for chat in (system_in_user(ADA), ADA)]
        )
        replied = deaf.bodies[-1][1]["messages"]
    assert choice.loglik == moved.loglik
    assert "the system text is in the user's turn" in choice.why
    assert "the system text is in the user's turn" in reply.why
    assert weighed == replied == [{"role": "user", "content": "You are Ada.\n\nTea or ale?"}]
    assert (heard.status, heard.why) == ("ok", "")


@pytest.mark.parametrize("kind", ["vllm", "llama.cpp"])
def test_the_template_of_whole_texts_is_told_of_thinking_too(kind: str) -> None:
    """Else replies and likelihoods would follow different prompts."""
    with SERVERS[kind]() as server:
        model = open_server(server.address, settings=ServerSettings(thinking="off"))
        assert model.choose([HARMLESS])[0].status == "ok"
    rendered = [body for _, body in server.bodies if "messages" in body]
    assert rendered
    for body in rendered:
        assert body["chat_template_kwargs"]["enable_thinking"] is False


class Closing(VllmServer):
    """It tokenises a begun reply as one that is over."""

    def prompt(self, chat: Chat) -> list[int]:
        over = (Message("user", "!"),) if chat[-1].role == "assistant" else ()
        return super().prompt((*chat, *over))


def test_a_reply_that_the_template_ends_is_not_weighed_as_begun() -> None:
    question = Request(say("Tea?", lead="I say"), (("yes", " yes"), ("no", " no")))
    with Closing() as server:
        model = open_server(server.address, settings=ServerSettings(samples=2))
        begun, plain = model.choose([question, HARMLESS])
    assert plain.method == "prompt_logprobs"
    assert begun.method != plain.method


def test_a_plan_knows_that_llama_cpp_takes_a_call_a_token() -> None:
    """One for the first tokens of all options, one for each further token, of four characters."""
    question = Request(say("Tea?"), ((" a cup of tea",), (" no",)))
    with LlamaServer() as server:
        calls, read, written, most = open_server(server.address).work_of(question)
    assert (calls, written, most) == (4, 4, 4)
    assert read == 4 * tokens_of(question.chat)
