"""Whole texts weighed at open servers: the numbers of the same model on this machine."""

from collections.abc import Callable

import pytest

from personae.core import Request, say
from personae.models.server.client import open_server
from personae.models.server.service import ServerSettings
from tests.support.strict_servers import LlamaServer, VllmServer
from tests.support.tiny_networks import tiny_model

LABELS = (("A", " A", "(A"), ("B", " B", "(B"))
SERVERS: dict[str, Callable[[], VllmServer | LlamaServer]] = {
    "prompt_logprobs": VllmServer,
    "echo": lambda: VllmServer("echo"),
    "input_token_logprobs": lambda: VllmServer("generate"),
    "next-token log-probabilities": LlamaServer,
}
REQUESTS = [
    Request(say("I worry about things."), LABELS),
    Request(say("Very accurate?", system="You are Ada."), (("Very accurate.",), ("Very",))),
    Request(say("Tea or ale?", lead="I say"), ((" tea",), (" ale", " beer"))),
    Request((), (("I worry a lot.",), ("I am calm.",))),
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
