"""Model strings of servers: addresses, short forms of common ones, and where a key belongs.

An address is `http://HOST/v1#NAME`, the base address of an OpenAI-compatible API and the name of
a model. Azure's addresses may carry their `api-version`; no other query is allowed, since an
address ends up in reports.
"""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import httpx

from personae.core import BadValue

__all__ = ["Address", "address_of"]

SHORT_FORMS = {
    "openai": "https://api.openai.com/v1",
    "ollama": "http://localhost:11434/v1",
    "vllm-server": "http://localhost:8000/v1",
    "llama-server": "http://localhost:8080/v1",
    "sglang-server": "http://localhost:30000/v1",
    "tgi-server": "http://localhost:3000/v1",
}
"""Schemes that stand for an address; NAME@HOST:PORT replaces its host."""

KEY_NAME = "PERSONAE_API_KEY"
_HOST_KEYS = {"openai.com": "OPENAI_API_KEY", "azure.com": "AZURE_OPENAI_API_KEY"}
"""Keys of other tools, each sent to hosts of its own domain only."""
_USAGE = "http://HOST/v1#NAME, such as http://localhost:8000/v1#llama-3"
_API_VERSION = re.compile(r"api-version=[A-Za-z0-9._-]{1,40}")
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:]+\](:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Address:
    """A server's base address without a slash at its end, its query, and a model's name."""

    base: str
    model: str
    query: str = ""

    def __str__(self) -> str:
        """Write the model string in full."""
        return f"{self.base}{'?' * bool(self.query)}{self.query}#{self.model}"

    @property
    def host(self) -> str:
        """The host without its port."""
        return urlsplit(self.base).hostname or ""

    @property
    def is_azure(self) -> bool:
        """Whether the key goes into Azure's header `api-key`."""
        return _within(self.host, "azure.com") or "/openai/deployments/" in f"{self.base}/"

    @property
    def key_names(self) -> tuple[str, ...]:
        """The environment variables that may hold the key, first one first."""
        others = [key for domain, key in _HOST_KEYS.items() if _within(self.host, domain)]
        return (KEY_NAME, *others)

    def url(self, path: str) -> str:
        """Return the full address of a path; those outside `/v1/` start at the server's root."""
        if path.startswith("/v1/"):
            end = self.base + path.removeprefix("/v1")
        else:
            end = self.base.removesuffix("/v1") + path
        return f"{end}{'?' * bool(self.query)}{self.query}"


def _within(host: str, domain: str) -> bool:
    return host == domain or host.endswith("." + domain)


def address_of(text: str) -> Address:
    """Read a model string: an address, or a short form such as `ollama:NAME`.

    Raises:
        BadValue: it is neither, names no model, or holds a secret.

    >>> str(address_of("vllm-server:small@gpu1:9000"))
    'http://gpu1:9000/v1#small'
    >>> str(address_of("ollama:qwen3:4b"))
    'http://localhost:11434/v1#qwen3:4b'
    """
    scheme, _, target = text.partition(":")
    if scheme in SHORT_FORMS:
        return _from_short_form(scheme, target)
    redacted = re.sub(r"//[^/@]*@", "//...@", text).partition("?")[0][:200]
    try:
        parts = urlsplit(text)
        host, port = httpx.URL(f"//{parts.netloc}").host, parts.port
    except (ValueError, httpx.InvalidURL) as error:  # a host may be no name in Punycode either
        raise BadValue(f"not a server's address: {redacted!r}; write {_USAGE}") from error
    del port  # reading it has checked it
    if parts.scheme not in ("http", "https") or not host:
        raise BadValue(f"not a server's address: {redacted!r}; write {_USAGE}")
    _refuse_secrets(parts)
    if not parts.fragment or any(c.isspace() or not c.isprintable() for c in text):
        raise BadValue(f"{redacted!r} names no model of the server; write {_USAGE}")
    base = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
    return Address(base.removesuffix("/chat/completions"), parts.fragment, parts.query)


def _refuse_secrets(parts: SplitResult) -> None:
    if parts.username or parts.password:
        raise BadValue(
            "an address with a user or password would end up in reports; put the key into the "
            f"environment variable {KEY_NAME} instead"
        )
    if parts.query and not _API_VERSION.fullmatch(parts.query):
        raise BadValue(
            "the query of an address would end up in reports, so only Azure's api-version is "
            f"allowed in it; put a key into the environment variable {KEY_NAME} instead, anything "
            "else into --header or --extra-body"
        )


def _from_short_form(scheme: str, target: str) -> Address:
    name, at, host = target.rpartition("@") if scheme != "openai" else (target, "", "")
    if not at:
        name, host = target, ""
    base = SHORT_FORMS[scheme]
    if host:
        default_port = urlsplit(base).port
        base = f"http://{host if _has_port(host) else f'{host}:{default_port}'}/v1"
    is_blank = not name or any(c.isspace() or not c.isprintable() for c in name)
    if is_blank or (at and not _HOST.fullmatch(host)):
        suffix = "" if scheme == "openai" else "[@HOST:PORT]"
        raise BadValue(f"not a model string: {target[:80]!r}; write {scheme}:NAME{suffix}")
    return address_of(f"{base}#{name}")


def _has_port(host: str) -> bool:
    return re.search(r":\d+$", host.rpartition("]")[2] or host) is not None
