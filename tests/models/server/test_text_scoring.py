"""Whole texts weighed at open servers: the numbers of the same model on this machine."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from personae.core import Chat, Request, say
from personae.models.server import rate_limit
from personae.models.server.client import open_server
from personae.models.server.server_settings import ServerSettings
from tests.support.open_servers import LlamaServer, TgiServer, VllmServer
from tests.support.strict_servers import chat_of
from tests.support.tiny_networks import codec, tiny_model

LABELS = (("A", " A", "(A"), ("B", " B", "(B"))
SERVERS: dict[str, Callable[[], VllmServer | LlamaServer | TgiServer]] = {
    "prompt_logprobs": VllmServer,
    "echo": lambda: VllmServer("echo"),
    "input_token_logprobs": lambda: VllmServer("generate"),
    "next-token log-probabilities": LlamaServer,
    "prefill log-probabilities": TgiServer,
}
REQUESTS = [
    Request(say("I worry about things."), LABELS),
    Request(say("Very accurate?", system="You are Ada."), (("Very accurate.",), ("Very",))),
    Request(say("Tea or ale?", lead="I say"), ((" tea",), (" ale", " beer"))),
    Request(say("Tea or ale?", lead="I say "), (("tea",), ("ale",), ("\ttea", "tea!"))),
    Request((), (("I worry a lot.",), ("I am calm.",))),
    Request(say("¿Té – o café?"), ((" té",), ("☕",), (" café, 🙂",))),
]


@pytest.mark.parametrize("method", SERVERS)
def test_every_request_has_the_local_model_s_numbers(method: str) -> None:
    local = tiny_model("llama").choose(REQUESTS)
    server = SERVERS[method]()
    server.kind = "llama"
    with server:
        model = open_server(server.address)
        choices = model.choose(REQUESTS)
    for choice, expected in zip(choices, local, strict=True):
        assert (choice.status, choice.method) == ("ok", method), choice.why
        assert choice.loglik == pytest.approx(expected.loglik, abs=1e-4)
        assert choice.logp == pytest.approx(expected.logp, abs=1e-4)
        assert choice.tokens == expected.tokens
        assert choice.tokens_in > 0
    assert model.spent.tokens_in >= sum(choice.tokens_in for choice in choices)


def test_thoughts_of_so_many_tokens_leave_no_likelihood() -> None:
    with VllmServer() as server:
        settings = ServerSettings(thinking="50", samples=2)
        choices = open_server(server.address, settings=settings).choose(REQUESTS[:1])
    assert choices[0].method == "counted:2"


class OlderTgiServer(TgiServer):
    """It ends a begun reply, and puts the tokenizer's start before a chat that has one."""

    def prompt(self, chat: Chat) -> list[int]:
        return self.codec.encode(self.render(chat))

    def render(self, chat: Chat) -> str:
        return codec().render(chat) + ("\nassistant:" if chat[-1].role == "assistant" else "")

    def chat_tokenize(self, body: Mapping[str, Any]) -> object:
        text = self.render(chat_of(body))
        return {"templated_text": text, "tokenize_response": self.tokenize({"inputs": text})}


class PythonTgiServer(TgiServer):
    """Its tokenizer counts characters, not bytes."""

    def _listed(self, text: str) -> list[dict[str, Any]]:
        return [
            {"id": t, "start": start, "stop": stop} for t, start, stop in self.codec.pieces(text)
        ]


def test_places_may_be_counted_in_characters() -> None:
    local = tiny_model("llama").choose(REQUESTS)
    with PythonTgiServer(kind="llama") as server:
        choices = open_server(server.address).choose(REQUESTS)
    for choice, expected in zip(choices, local, strict=True):
        assert choice.logp == pytest.approx(expected.logp, abs=1e-4), choice.why


def test_a_template_that_ends_a_begun_reply_is_not_asked_to_go_on_with_it() -> None:
    with OlderTgiServer() as server:
        choices = open_server(server.address).choose(REQUESTS)
    methods = ["prefill log-probabilities"] * len(REQUESTS)
    methods[2] = methods[3] = "counted:20, not begun"  # none of its five first tokens is an option
    assert [choice.method for choice in choices] == methods
    sent = [body["inputs"] for path, body in server.bodies if path == "/generate"]
    assert any(text.startswith("<s>user: I worry") for text in sent)


def test_a_server_that_leaves_prefill_out_says_how_to_start_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with TgiServer(prefill=False) as server:
        model = open_server(server.address)
        choices = model.choose([*REQUESTS[:2], Request(say("?"), LABELS)])
        generated = server.calls["/generate"]
    assert [choice.method for choice in choices] == [
        "top_logprobs:5",
        "not asked",
        "top_logprobs:5",
    ]
    assert "--enable-prefill-logprobs" in choices[1].why
    assert "--enable-prefill-logprobs" in model.way
    assert capsys.readouterr().err.count("--enable-prefill-logprobs") == 1
    assert generated == 1
    assert model.spent.requests == server.paid + 1  # it refuses to list 20 tokens


class Shown(VllmServer):
    """Its first answers about whole texts can be used, later ones not."""

    def __init__(self, later: Mapping[str, Any]) -> None:
        super().__init__()
        self.later = later

    def complete(self, body: Mapping[str, Any]) -> object:
        answer: Any = super().complete(body)
        return answer if not self.calls["/v1/completions"] else answer | self.later


@pytest.mark.parametrize("later", [{"choices": []}, {"choices": [{"index": 0}, {"index": 1}]}])
def test_answers_that_cannot_be_used_are_billed(
    later: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "BASE", 0.001)
    billed = [0, 0]

    class Billing(Shown):
        def complete(self, body: Mapping[str, Any]) -> object:
            answer: Any = super().complete(body)
            billed[0] += answer["usage"]["prompt_tokens"]
            billed[1] += answer["usage"]["completion_tokens"]
            return answer

    with Billing(later) as server:
        model = open_server(server.address)
        choices = model.choose([Request(say("?"), (("yes",), ("no",)))])
    assert choices[0].status == "error"
    spent = model.spent
    assert [spent.tokens_in, spent.tokens_out] == billed
    assert [choices[0].tokens_in, choices[0].tokens_out] == billed
    assert spent.requests == server.paid > 1
