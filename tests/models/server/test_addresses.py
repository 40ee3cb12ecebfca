"""Short forms of servers, Azure's addresses, and headers that stay secret."""

import pytest

from personae.cli.model_options import model_options
from personae.core import BadValue, InputError, Request, Sampling, say
from personae.models.opening import open_model
from personae.models.server.client import open_server
from personae.models.server.requests.address import address_of
from personae.models.server.requests.extra_headers import header_of
from personae.models.server.server_settings import ServerSettings
from tests.support.faulty_server import MODEL, FaultyServer, always, refuses, says
from tests.support.strict_servers import AzureServer

FULL = {
    "openai:gpt-4o": "https://api.openai.com/v1#gpt-4o",
    "ollama:qwen3:4b": "http://localhost:11434/v1#qwen3:4b",
    "ollama:qwen3:4b@gpu1": "http://gpu1:11434/v1#qwen3:4b",
    "vllm-server:meta/llama@gpu1:9000": "http://gpu1:9000/v1#meta/llama",
    "vllm-server:meta/llama@[::1]:9000": "http://[::1]:9000/v1#meta/llama",
    "llama-server:small.gguf": "http://localhost:8080/v1#small.gguf",
    "sglang-server:small": "http://localhost:30000/v1#small",
    "tgi-server:small": "http://localhost:3000/v1#small",
    "https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21#m": (
        "https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21#m"
    ),
}


@pytest.mark.parametrize("text", FULL)
def test_a_short_form_opens_the_full_address(text: str) -> None:
    assert open_model(text).name == FULL[text]
    assert open_model(FULL[text]).fingerprint == open_model(text).fingerprint


@pytest.mark.parametrize(
    "text", ["ollama:@host", "ollama:x@ho st", "vllm-server:x@host:99999", "openai:a b"]
)
def test_wrong_short_forms_are_refused(text: str) -> None:
    with pytest.raises(BadValue, match="write"):
        address_of(text)


def test_azure_has_its_paths_its_version_and_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONAE_API_KEY", "azure-secret")
    with AzureServer() as server:
        question = Request(say("Answer A or B."), (("A",), ("B",)))
        assert open_server(server.address).choose([question])[0].status == "ok"


def test_headers_are_sent_and_written_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_TOKEN", "hush-hush-hush")
    monkeypatch.delenv("PERSONAE_API_KEY", raising=False)
    settings = ServerSettings(headers=("X-Team: $TEAM_TOKEN", "X-Plain:value-of-mine"))
    with FaultyServer(always(says("you sent hush-hush-hush"))) as server:
        model = open_server(f"{server.url}#{MODEL}", settings=settings)
        (reply,) = model.reply([Request(say("Hi"))], Sampling())
        assert server.headers[0]["x-team"] == "hush-hush-hush"
        assert server.headers[0]["x-plain"] == "value-of-mine"
    assert reply.text == "you sent [key]"
    with FaultyServer(always(refuses(400, "bad value-of-mine"))) as server:
        model = open_server(f"{server.url}#{MODEL}", settings=settings)
        (reply,) = model.reply([Request(say("Hi"))], Sampling())
    assert reply.why == "400: bad [key]"
    assert "hush" not in repr(model) + model.name + model.fingerprint


@pytest.mark.parametrize(
    "text", ["secret-without-a-name", ": x", "a b: x", "host: x", "x: $NOT_SET_HERE", "x: é"]
)
def test_wrong_headers_are_refused_without_repeating_them(text: str) -> None:
    with pytest.raises(BadValue) as refusal:
        header_of(text)
    assert "secret" not in str(refusal.value)


def test_options_of_servers_are_theirs_alone() -> None:
    settings = {"thinking": "off", "headers": ("x: y",), "extra_body": '{"top_k": 4}'}
    given = model_options(["ollama:qwen3", "smollm2"], settings)
    assert given == {"ollama:qwen3": settings, "smollm2": {}}
    assert (
        open_model("ollama:qwen3", **settings).fingerprint != open_model("ollama:qwen3").fingerprint
    )
    with pytest.raises(InputError, match="--thinking is no option of smollm2; it is for"):
        model_options(["smollm2"], {"thinking": "off", "headers": ()})
