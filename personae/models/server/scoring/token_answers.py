"""Checked parts of a server's answers about tokens."""

from collections.abc import Mapping
from typing import Any

from personae.models.server.first_tokens import BadLogprobs
from personae.models.server.wire import Malformed
from personae.models.weighing import Tokens

__all__ = ["NotShown", "checked_text", "checked_tokens", "mapping"]


class NotShown(BadLogprobs):
    """The server leaves out log-probabilities that it could show; the message says how."""


def mapping(value: object) -> Mapping[str, Any]:
    """Return an object, or an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def checked_tokens(data: object) -> Tokens:
    """Return the field `tokens` of an answer.

    Raises:
        Malformed: it holds no numbers of tokens.
    """
    tokens = mapping(data).get("tokens")
    if not isinstance(tokens, list) or not all(type(token) is int for token in tokens):
        raise Malformed("the answer holds no tokens")
    return tuple(tokens)


def checked_text(text: object) -> str:
    """Return a text.

    Raises:
        Malformed: it is none.
    """
    if not isinstance(text, str):
        raise Malformed("the answer holds no text")
    return text
