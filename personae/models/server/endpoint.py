"""One chat endpoint: its address, its key, and the interpretation of its refusals.

Connects to the given host alone: redirects and proxies are not followed. The key is read from
the environment for each batch and is kept in no object; server texts are shown without it.
"""

import asyncio
import json
import os
import ssl
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any, NoReturn

import httpx

from personae.core import BadValue, ModelUnavailable
from personae.models.server.calls import Retry
from personae.models.server.rate_limit import retry_after
from personae.models.server.requests.address import address_of
from personae.models.server.requests.extra_headers import filled, header_of

__all__ = ["CHAT", "Endpoint", "Rejected"]

CHAT = "/v1/chat/completions"
SHORTEST_SECRET = 8
"""Characters; anything shorter would be masked in ordinary words too."""
LARGEST = 16 << 20
"""Most bytes of an answer."""
TRANSIENT = {408, 409, 425, 500, 502, 503, 504, 520, 522, 524, 529}
BUSY = {429, 503, 529}


class Rejected(Exception):
    """The server refuses one request for good.

    `status` is HTTP's; `code` and `parameter`, the part that it is about, are the server's own.
    """

    def __init__(self, status: int, code: str, why: str, parameter: str = "") -> None:
        super().__init__(why)
        self.status, self.code, self.why, self.parameter = status, code, why, parameter


class Endpoint:
    """The server of a model string: `http://HOST/v1#NAME` or a short form.

    `key_name` names the environment variable of the key. By default that is PERSONAE_API_KEY; for
    hosts of openai.com also OPENAI_API_KEY, of azure.com AZURE_OPENAI_API_KEY, which are sent
    nowhere else. `headers` are sent with every request, `$NAME` in a value standing for an
    environment variable. `deadline` is the most seconds that one try may take in all, however
    slowly an answer drips.

    Raises:
        BadValue: the text is no such string, or holds a secret; or a header that can't be sent.

    >>> Endpoint("https://api.example.org/v1#small").model
    'small'
    """

    def __init__(
        self,
        text: str,
        *,
        key_name: str | None = None,
        deadline: float = 120.0,
        headers: Sequence[str] = (),
    ) -> None:
        self.address = address_of(text)
        self.url, self.model = self.address.base, self.address.model
        self.deadline = deadline
        self._key_names = (key_name,) if key_name else self.address.key_names
        self._headers = dict(header_of(header) for header in headers)

    def client(self) -> httpx.AsyncClient:
        """Make a client for one request at a time, on one event loop."""
        secure = self.url.startswith("https:")
        key = self._key()
        key_header = (
            {"api-key": key} if self.address.is_azure else {"authorization": f"Bearer {key}"}
        )
        return httpx.AsyncClient(
            headers={
                **(key_header if key else {}),
                # an answer that unpacks into gigabytes would have to be unpacked to be noticed
                "accept-encoding": "identity",
                **{name: filled(value) for name, value in self._headers.items()},
            },
            timeout=httpx.Timeout(None, connect=min(10.0, self.deadline)),
            verify=_certificates() if secure else False,
            limits=httpx.Limits(max_connections=1),
            trust_env=False,
            follow_redirects=False,
        )

    async def post(
        self, client: httpx.AsyncClient, body: Mapping[str, object], path: str = CHAT
    ) -> Any:  # noqa: ANN401
        """Send one request and return its JSON; a path outside `/v1/` is the server's own.

        Raises:
            Retry: it failed for a reason that may be temporary.
            Rejected: the server refuses this request for good.
            ModelUnavailable: the server refuses all requests.
        """
        # ASCII escapes can carry lone surrogates, UTF-8 can't
        content = json.dumps(body).encode("ascii")
        try:
            async with asyncio.timeout(self.deadline):
                status, headers, raw = await self._exchange(client, content, path)
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
        self, client: httpx.AsyncClient, content: bytes, path: str
    ) -> tuple[int, httpx.Headers, bytes]:
        async with client.stream(
            "POST",
            self.address.url(path),
            content=content,
            headers={"content-type": "application/json"},
        ) as response:
            coding = response.headers.get("content-encoding", "identity").strip().lower()
            if coding not in ("", "identity"):
                raise Retry(
                    f"the answer is compressed ({coding[:40]!r}), though a plain one was requested"
                )
            raw = bytearray()
            async for piece in response.aiter_raw():
                raw += piece
                if len(raw) > LARGEST:
                    raise Retry(f"the answer is larger than {LARGEST >> 20} MB")
            return response.status_code, response.headers, bytes(raw)

    def _judge(self, status: int, headers: httpx.Headers, raw: bytes) -> Any:  # noqa: ANN401
        raw = self._without_secrets(raw)
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

    def _refuse(
        self, status: int, headers: httpx.Headers, code: str, text: str, parameter: str
    ) -> NoReturn:
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
        raise Rejected(status, code, reason, parameter)

    def _error_parts(self, data: object, raw: bytes) -> tuple[str, str, str]:
        """Return an error's own code, text and parameter, whatever its form."""
        error = data.get("error", data) if isinstance(data, dict) else data
        code, text, parameter = "", "", ""
        if isinstance(error, Mapping):
            code = str(error.get("code") or error.get("type") or "")
            text = str(error.get("message") or error.get("detail") or "")
            parameter = str(error.get("param") or "")
        elif isinstance(error, str):
            text = error
        text = text or raw[:2000].decode("utf-8", "replace")
        return code, self._clean(" ".join(text.split()))[:300] or "no reason given", parameter

    def _secrets(self) -> list[str]:
        """The key, and the headers' values as far as they are long enough to be secrets."""
        values = [self._key(), *(filled(value) for value in self._headers.values())]
        return sorted((v for v in values if len(v) >= SHORTEST_SECRET), key=len, reverse=True)

    def _clean(self, text: str) -> str:
        for secret in self._secrets():
            text = text.replace(secret, "[key]")
        return text

    def _without_secrets(self, raw: bytes) -> bytes:
        """Mask what the server echoes of the key and the headers, before anything reads it."""
        for secret in self._secrets():
            for form in (secret, json.dumps(secret)[1:-1]):
                raw = raw.replace(form.encode(), b"[key]")
        return raw

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
                response = await client.get(self.address.url("/v1/models"))
                served = [str(m["id"]) for m in response.json()["data"]][:200]
        except (TimeoutError, httpx.RequestError, ValueError, KeyError, TypeError):
            return ""
        near = get_close_matches(self.model, served, n=3, cutoff=0.4) or served[:5]
        return f"; it serves {', '.join(self._clean(n) for n in near)}" if near else ""


@cache
def _certificates() -> ssl.SSLContext:
    return ssl.create_default_context()
