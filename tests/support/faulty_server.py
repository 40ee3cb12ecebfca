"""A chat server on loopback that misbehaves on request: what the server client is tested on.

Each request is shown to a script, which says how to answer it; everything else is as in a real
server, down to the sockets.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

from personae.models.server.requests.chat_forms import CANARY

MODEL = "small"


@dataclass(frozen=True, kw_only=True)
class Act:
    """How to answer: status, body and headers, and whether they arrive as they should.

    `seconds`: before the answer begins; of a drip, until it ends."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    how: Literal["whole", "truncated", "dropped", "drip"] = "whole"
    seconds: float = 0.0


def completion(text: str | None, *, model: str = MODEL, **more: Any) -> dict[str, Any]:
    """A chat completion; `more` sets finish_reason, refusal, logprobs, usage."""
    return {
        "id": "x",
        "object": "chat.completion",
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": text,
                    "refusal": more.get("refusal"),
                },
                "finish_reason": more.get("finish_reason", "stop"),
                "logprobs": more.get("logprobs"),
            }
        ],
        "usage": more.get("usage", {"prompt_tokens": 7, "completion_tokens": 3}),
    }


def says(text: str | None, **more: Any) -> Act:
    return Act(body=completion(text, **more))


def refuses(status: int, message: str = "no", code: str = "", **headers: str) -> Act:
    body = {"error": {"message": message, "code": code}}
    return Act(
        status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def top(**tokens: float) -> dict[str, Any]:
    """The logprobs field: tokens (`_` stands for a blank) and their log-probabilities."""
    listed = [{"token": k.replace("_", " "), "logprob": v} for k, v in tokens.items()]
    return {"content": [{**listed[0], "top_logprobs": listed}]}


Script = Callable[[dict[str, Any], int], Act]
"""Maps a request's body, and how often that very body has come before, to an act."""


def always(act: Act) -> Script:
    return lambda body, before: act


def continuing(script: Script) -> Script:
    """A server that goes on with a begun reply, and so with the one that it is tried with."""

    def answer(body: dict[str, Any], before: int) -> Act:
        begun = body["messages"][-1]["content"] == CANARY[-1].text
        return says("lie delta echo") if begun else script(body, before)

    return answer


class FaultyServer:
    """Runs in a `with` block; keeps each request's body and headers, and the most at once.

    `path`: the end of the paths that it answers.
    """

    def __init__(
        self,
        script: Script,
        models: tuple[str, ...] = (MODEL,),
        path: str = "/chat/completions",
    ) -> None:
        self.path = path
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.most_at_once = 0
        self.at_once = 0
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.ending = threading.Event()
        self._server = _Server(self, script, models)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def note(self, body: dict[str, Any], headers: Mapping[str, str]) -> int:
        with self._lock:
            text = json.dumps(body, sort_keys=True)
            before = self._seen[text]
            self._seen[text] += 1
            self.bodies.append(body)
            self.headers.append({k.lower(): v for k, v in headers.items()})
            return before

    def come(self, step: int) -> None:
        with self._lock:
            self.at_once += step
            self.most_at_once = max(self.most_at_once, self.at_once)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, outer: FaultyServer, script: Script, models: tuple[str, ...]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.outer, self.script, self.models = outer, script, models


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 10
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        listed = json.dumps({"data": [{"id": m} for m in self.server.models]}).encode()
        self._head(200, len(listed), {})
        self.wfile.write(listed)

    def do_POST(self) -> None:
        outer = self.server.outer
        outer.come(+1)
        try:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if not self.path.partition("?")[0].endswith(outer.path):
                self._act(Act(status=404, body={"error": "no such path"}))
                return
            self._act(self.server.script(body, outer.note(body, dict(self.headers))))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            outer.come(-1)

    def _head(self, status: int, length: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        self.send_header("content-length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _act(self, act: Act) -> None:
        raw = act.body.encode() if isinstance(act.body, str) else json.dumps(act.body).encode()
        ending = self.server.outer.ending
        self.close_connection = act.how in ("truncated", "dropped", "drip")
        if act.how == "dropped":
            return
        if act.how != "drip":
            ending.wait(act.seconds)
        self._head(act.status, len(raw), act.headers)
        if act.how == "truncated":
            self.wfile.write(raw[: len(raw) // 2])
        elif act.how == "drip":
            for i in range(len(raw)):
                self.wfile.write(raw[i : i + 1])
                if ending.wait(act.seconds / len(raw)):
                    return
        else:
            self.wfile.write(raw)
