"""One chat endpoint: its address, its key, and the interpretation of its refusals.

Connects to the given host alone: redirects and proxies are not followed. The key is read from
the environment for each batch and is kept in no object; server texts are shown without it.
"""

import asyncio
import json
import os
import re
import ssl
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx

from personae.core import BadValue, ModelUnavailable
from personae.models.server.dispatch import Retry
from personae.models.server.rate_limit import retry_after

__all__ = ["Endpoint", "Rejected"]

_KEY_NAMES = ("PERSONAE_API_KEY", "OPENAI_API_KEY")
LARGEST = 16 << 20
"""Most bytes of an answer."""
TRANSIENT = {408, 409, 425, 500, 502, 503, 504, 520, 522, 524, 529}
BUSY = {429, 503, 529}
_USAGE = "http://HOST/v1#NAME, such as http://localhost:8000/v1#llama-3"


class Rejected(Exception):
    """The server refuses one request for good. `status` is HTTP's, `code` the server's own."""

    def __init__(self, status: int, code: str, why: str) -> None:
        super().__init__(why)
        self.status, self.code, self.why = status, code, why


class Endpoint:
    """The chat endpoint of a model string `http://HOST/v1#NAME`.

    `key_name` names the environment variable of the key. By default that is PERSONAE_API_KEY; for
    hosts of openai.com also OPENAI_API_KEY, which is sent nowhere else. `deadline` is the most
    seconds that one try may take in all, however slowly an answer drips.

    Raises:
        BadValue: the text is no such string, or holds a secret.

    >>> Endpoint("https://api.example.org/v1#small").model
    'small'
    """

    def __init__(self, text: str, *, key_name: str | None = None, deadline: float = 120.0) -> None:
        self.url, self.model = _parts(text)
        self.deadline = deadline
        host = urlsplit(self.url).hostname or ""
        is_openai = host == "openai.com" or host.endswith(".openai.com")
        self._key_names = (key_name,) if key_name else _KEY_NAMES if is_openai else _KEY_NAMES[:1]

    def client(self) -> httpx.AsyncClient:
        """Make a client for one request at a time, on one event loop."""
        secure = self.url.startswith("https:")
        key = self._key()
        return httpx.AsyncClient(
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(None, connect=min(10.0, self.deadline)),
            verify=_certificates() if secure else False,
            limits=httpx.Limits(max_connections=1),
            trust_env=False,
            follow_redirects=False,
        )

    async def post(self, client: httpx.AsyncClient, body: Mapping[str, object]) -> Any:  # noqa: ANN401
        """Send one request to `/chat/completions` and return its JSON.

        Raises:
            Retry: it failed for a reason that may be temporary.
            Rejected: the server refuses this request for good.
            ModelUnavailable: the server refuses all requests.
        """
        # ASCII escapes can carry lone surrogates, UTF-8 can't
        content = json.dumps(body).encode("ascii")
        try:
            async with asyncio.timeout(self.deadline):
                status, headers, raw = await self._exchange(client, content)
        except TimeoutError as error:
            raise Retry(f"no complete answer within {self.deadline:g} s", answered=False) from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Retry(
                f"can't reach {self.url} ({self._clean(str(error)) or 'no connection'}): is the "
                "server running, and is the address right?",
                answered=False,
                reached=False,
            ) from error
        except httpx.RequestError as error:
            raise Retry(
                f"the connection broke: {self._clean(str(error)) or type(error).__name__}",
                answered=False,
            ) from error
        return self._judge(status, headers, raw)

    async def _exchange(
        self, client: httpx.AsyncClient, content: bytes
    ) -> tuple[int, httpx.Headers, bytes]:
        async with client.stream(
            "POST",
            f"{self.url}/chat/completions",
            content=content,
            headers={"content-type": "application/json"},
        ) as response:
            raw = bytearray()
            async for piece in response.aiter_bytes():
                raw += piece
                if len(raw) > LARGEST:
                    raise Retry(f"the answer is larger than {LARGEST >> 20} MB")
            return response.status_code, response.headers, bytes(raw)

    def _judge(self, status: int, headers: httpx.Headers, raw: bytes) -> Any:  # noqa: ANN401
        try:
            data = json.loads(raw)
        except (ValueError, RecursionError) as error:
            if status == 200:
                raise Retry(f"the answer is not valid JSON ({type(error).__name__})") from error
            data = None
        failed = data.get("error") if isinstance(data, dict) else None
        if status == 200 and isinstance(failed, Mapping) and isinstance(failed.get("code"), int):
            status = failed["code"]  # some gateways wrap a failure in a 200
        if status == 200:
            return data
        self._refuse(status, headers, *self._error_parts(data, raw))

    def _refuse(self, status: int, headers: httpx.Headers, code: str, text: str) -> NoReturn:
        reason = f"{status}: {text}"
        if 300 <= status < 400:
            raise ModelUnavailable(
                f"{self.url} redirects to {self._clean(headers.get('location', 'elsewhere'))}; "
                "if you trust that address, give it instead"
            )
        if code in ("insufficient_quota", "billing_hard_limit_reached") or status == 402:
            raise ModelUnavailable(f"{self.url} has to be paid first ({reason})")
        if status == 401:
            names = " or ".join(self._key_names)
            state = "was refused" if self._key() else "is not set"
            raise ModelUnavailable(
                f"{self.url} refuses the key ({reason}); the key is read from the environment "
                f"variable {names}, which {state}"
            )
        if status in BUSY or status in TRANSIENT:
            raise Retry(reason, wait=retry_after(headers), busy=status in BUSY)
        raise Rejected(status, code, reason)

    def _error_parts(self, data: object, raw: bytes) -> tuple[str, str]:
        """Return an error's own code and text, whatever its form; the text without the key."""
        error = data.get("error", data) if isinstance(data, dict) else data
        code, text = "", ""
        if isinstance(error, Mapping):
            code = str(error.get("code") or error.get("type") or "")
            text = str(error.get("message") or error.get("detail") or "")
        elif isinstance(error, str):
            text = error
        text = text or raw[:2000].decode("utf-8", "replace")
        return code, self._clean(" ".join(text.split()))[:300] or "no reason given"

    def _clean(self, text: str) -> str:
        key = self._key()
        return text.replace(key, "[key]") if key else text

    def _key(self) -> str:
        for name in self._key_names:
            if key := os.environ.get(name, "").strip():
                if not key.isascii() or not key.isprintable():
                    raise BadValue(f"the key in {name} has characters that no key has")
                return key
        return ""

    async def near_names(self, client: httpx.AsyncClient) -> str:
        """Ask the server which models it serves: a hint for a wrong name, or ""."""
        try:
            async with asyncio.timeout(min(10.0, self.deadline)):
                response = await client.get(f"{self.url}/models")
                served = [str(m["id"]) for m in response.json()["data"]][:200]
        except (TimeoutError, httpx.RequestError, ValueError, KeyError, TypeError):
            return ""
        near = get_close_matches(self.model, served, n=3, cutoff=0.4) or served[:5]
        return f"; it serves {', '.join(self._clean(n) for n in near)}" if near else ""


@cache
def _certificates() -> ssl.SSLContext:
    return ssl.create_default_context()


def _parts(text: str) -> tuple[str, str]:
    """Split a model string into the address, without a slash at its end, and the model's name."""
    redacted = re.sub(r"//[^/@]*@", "//...@", text)[:200]
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadValue(f"no address of a server: {redacted!r}; write {_USAGE}") from error
    del port  # reading it has checked it
    if parts.scheme not in ("http", "https") or not host:
        raise BadValue(f"no address of a server: {redacted!r}; write {_USAGE}")
    if parts.username or parts.password or parts.query:
        raise BadValue(
            f"an address with a user, password or query would end up in reports; put the key "
            f"into the environment variable {_KEY_NAMES[0]} instead"
        )
    if not parts.fragment or any(c.isspace() or not c.isprintable() for c in text):
        raise BadValue(f"which model of the server? {redacted!r} names none; write {_USAGE}")
    url = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
    return url.removesuffix("/chat/completions"), parts.fragment
