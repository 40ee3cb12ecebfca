"""Strict stand-ins for the servers that people run, on loopback: every field has to be known.

Hosted ones serve a simulated respondent, which reads what it is asked.
"""

import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import httpx

from personae.core import Chat, Chooser, Message, Request, Sampling
from personae.respondents.simulated import open_simulated

MODEL = "small"
LABELS = ("A", "B", "C", "D", "E", "F", "G", "1", "2", "3", "4", "5", "6", "7", "yes", "no")
BASE_FIELDS = frozenset({"model", "messages", "temperature", "seed"})
CHAT_FIELDS = BASE_FIELDS | {
    "max_tokens",
    "top_p",
    "stop",
    "response_format",
    "logprobs",
    "top_logprobs",
}
Handler = Callable[[Mapping[str, Any]], object]


class Refusal(Exception):
    """An answer with another status than 200."""

    def __init__(self, status: int, message: str, parameter: str = "") -> None:
        super().__init__(message)
        self.status, self.parameter = status, parameter


class _Body(httpx.AsyncByteStream):
    def __init__(self, data: object) -> None:
        self.raw = json.dumps(data).encode()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.raw


class StrictServer:
    """Runs in a `with` block; knows paths and their fields. `paid` counts what is billed.

    `transport` answers without a socket, for a client that is given it.
    """

    prefix = "/v1"
    paid_paths: tuple[str, ...] = ("/chat/completions",)
    probes = 0  # paid calls that find out what it can do, though it can't

    def __init__(self, respondent: Chooser | None = None) -> None:
        self.respondent = respondent or open_simulated("simulated:follow=1,noise=0.2")
        self.calls: Counter[str] = Counter()
        self.bodies: list[tuple[str, dict[str, Any]]] = []
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def paths(self) -> Mapping[str, tuple[frozenset[str], Handler]]:
        """For each path the fields that it takes, and what answers."""
        raise NotImplementedError

    def admit(self, path: str, headers: Mapping[str, str]) -> str:
        """Return the path without what isn't part of it, or refuse the caller."""
        return path

    def refuse_field(self, name: str) -> Refusal:
        return Refusal(400, f"Unrecognized request argument supplied: {name}", name)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def address(self) -> str:
        return f"{self.origin}{self.prefix}#{MODEL}"

    @property
    def paid(self) -> int:
        return sum(n for path, n in self.calls.items() if path.endswith(self.paid_paths))

    def answer(self, path: str, headers: Mapping[str, str], body: dict[str, Any]) -> object:
        known = self.paths().get(self.admit(path, headers))
        if known is None:
            raise Refusal(404, "Not Found")
        fields, handler = known
        for name in body:
            if name not in fields:
                raise self.refuse_field(name)
        answer = handler(body)
        with self.lock:
            self.calls[path.partition("?")[0]] += 1
            self.bodies.append((path, body))
        return answer

    def reply_to(self, chat: Chat, body: Mapping[str, Any]) -> str:
        """What the respondent writes."""
        form = body.get("response_format")
        schema = json.dumps(form["json_schema"]["schema"]) if form else None
        sampling = Sampling(
            max_tokens=max(16, body.get("max_tokens", 256)),
            temperature=body.get("temperature", 1.0),
            schema=schema,
            seed=body.get("seed", 0),
        )
        with self.lock:
            return self.respondent.reply([Request(chat)], sampling)[0].text

    @property
    def transport(self) -> httpx.MockTransport:
        def handle(request: httpx.Request) -> httpx.Response:
            path = request.url.raw_path.decode()
            if request.method == "GET":
                return httpx.Response(200, stream=_Body({"data": [{"id": MODEL}]}))
            status, data = self.respond(path, request.headers, json.loads(request.content))
            return httpx.Response(status, stream=_Body(data))

        return httpx.MockTransport(handle)

    def respond(
        self, path: str, headers: Mapping[str, str], body: dict[str, Any]
    ) -> tuple[int, object]:
        """Return the status and the JSON of an answer."""
        try:
            return 200, self.answer(path, headers, body)
        except Refusal as refusal:
            error = {"message": str(refusal), "param": refusal.parameter or None}
            return refusal.status, {"error": error}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler_of(outer: StrictServer) -> type[BaseHTTPRequestHandler]:
    class _Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 10

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            self._send(200, {"data": [{"id": MODEL}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._send(*outer.respond(self.path, headers, body))

        def _send(self, status: int, data: object) -> None:
            raw = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    return _Handler


def chat_of(body: Mapping[str, Any]) -> Chat:
    return tuple(Message(turn["role"], turn["content"]) for turn in body["messages"])


def chat_completion(text: str | None, logprobs: object = None, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, **more.get("message", {})}
    choice = {
        "index": 0,
        "message": message,
        "logprobs": logprobs,
        "finish_reason": more.get("finish_reason", "stop"),
    }
    usage = {"prompt_tokens": 9, "completion_tokens": 1, **more.get("usage", {})}
    return {"model": MODEL, "choices": [choice], "usage": usage}


class HostedServer(StrictServer):
    """A hosted chat API: a simulated respondent, which begins each reply anew."""

    fields = CHAT_FIELDS

    def __init__(self, top: int = 20, respondent: Chooser | None = None) -> None:
        super().__init__(respondent)
        self.top = top

    def paths(self) -> Mapping[str, tuple[frozenset[str], Handler]]:
        return {f"{self.prefix}/chat/completions": (self.fields, self.chat)}

    def chat(self, body: Mapping[str, Any]) -> object:
        if body.get("top_logprobs", 0) > self.top > 0:
            raise Refusal(400, f"top_logprobs must be at most {self.top}", "top_logprobs")
        if body.get("logprobs") and not self.top:
            raise Refusal(403, "You are not allowed to request logprobs from this model")
        chat = chat_of(body)
        if chat[-1].role == "assistant":
            chat = (*chat, Message("user", "Go on."))
        logprobs = self._first_tokens(chat, body["top_logprobs"]) if body.get("logprobs") else None
        return chat_completion(self.reply_to(chat, body), logprobs)

    def _first_tokens(self, chat: Chat, top: int) -> object:
        with self.lock:
            choice = self.respondent.choose([Request(chat, tuple((t,) for t in LABELS))])[0]
        listed = sorted(zip(LABELS, choice.loglik, strict=True), key=lambda pair: -pair[1])
        entries = [
            {"token": token, "logprob": max(logp, -9999.0), "bytes": list(token.encode())}
            for token, logp in listed[:top]
        ]
        return {"content": [{**entries[0], "top_logprobs": entries}]}


class OllamaServer(HostedServer):
    """Ollama's chat endpoint, which takes an effort of thinking too."""

    fields = CHAT_FIELDS | {"reasoning_effort"}


class AzureServer(HostedServer):
    """Azure's paths: a deployment, a version in the query, the key in a header of its own."""

    prefix = "/openai/deployments/small"
    query = "api-version=2024-10-21"

    @property
    def address(self) -> str:
        return f"{self.origin}{self.prefix}/chat/completions?{self.query}#{MODEL}"

    def admit(self, path: str, headers: Mapping[str, str]) -> str:
        path, _, query = path.partition("?")
        if query != self.query:
            raise Refusal(404, "Resource not found")
        if headers.get("api-key") != "azure-secret" or "authorization" in headers:
            raise Refusal(401, "Access denied due to invalid subscription key")
        return path


class ReasoningServer(HostedServer):
    """A reasoning model: one temperature, no first tokens, thoughts that take tokens."""

    fields = BASE_FIELDS | {"max_completion_tokens", "reasoning_effort"}
    thought_tokens = 60

    def refuse_field(self, name: str) -> Refusal:
        hint = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
        why = f"Unsupported parameter: '{name}' is not supported with this model.{hint}"
        return Refusal(400, why, name)

    def chat(self, body: Mapping[str, Any]) -> object:
        if body.get("temperature", 1) != 1:
            raise Refusal(
                400,
                "Unsupported value: 'temperature' does not support 0.0 with this model. Only the "
                "default (1) value is supported.",
                "temperature",
            )
        effort = body.get("reasoning_effort", "medium")
        if effort not in ("minimal", "low", "medium", "high"):
            why = f"Unsupported value: 'reasoning_effort' does not support '{effort}'"
            raise Refusal(400, why, "reasoning_effort")
        thoughts = 0 if effort == "minimal" else self.thought_tokens
        usage = {"completion_tokens_details": {"reasoning_tokens": thoughts}}
        if body.get("max_completion_tokens", 1 << 20) <= thoughts:
            return chat_completion(None, finish_reason="length", usage=usage)
        return chat_completion(self.reply_to(chat_of(body), body), usage=usage)
