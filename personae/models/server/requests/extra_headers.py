"""Additional headers of requests to a server; their values are secrets and stay out of texts."""

import os
import re

from personae.core import BadValue

__all__ = ["filled", "header_of"]

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,80}")
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_OURS = ("content-type", "content-length", "content-encoding", "accept-encoding", "host")


def header_of(text: str) -> tuple[str, str]:
    """Read a header `NAME:VALUE`; the value may name environment variables as `$NAME`.

    Raises:
        BadValue: no name, a character that no header has, or a header that requests set themselves.

    >>> header_of("X-Project: persona")
    ('x-project', 'persona')
    """
    name, colon, value = text.partition(":")
    name, value = name.strip().lower(), value.strip()
    if not colon or not _NAME.fullmatch(name) or not value:
        raise BadValue("a header is NAME:VALUE, such as 'X-Project:$TEAM'")
    if name in _OURS:
        raise BadValue(f"the header {name} is set by the requests themselves; leave it out")
    if not value.isascii() or not value.isprintable():
        raise BadValue(f"the value of the header {name} has characters that no header has")
    filled(value)
    return name, value


def filled(value: str) -> str:
    """Put environment variables into a header's value.

    Raises:
        BadValue: a variable isn't set, or holds characters that no header has.
    """

    def variable(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        text = os.environ.get(name, "").strip()
        if not text or not text.isascii() or not text.isprintable():
            state = "isn't set" if not text else "has characters that no header has"
            raise BadValue(f"the environment variable {name}, which a header names, {state}")
        return text

    return _VARIABLE.sub(variable, value)
