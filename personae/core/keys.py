"""Content keys: two requests share an answer only if all that could change it is equal.

A key hashes the version of this scheme, the kind, the model's fingerprint (weights, dtype,
adapter, edits, or server and name), and every field of the request: seed and repeat count even at
temperature 0.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from hashlib import sha256
from operator import attrgetter

from personae.core.chat import Chat, Message, Request, Sampling

__all__ = ["choice_keys", "reply_keys"]

SCHEME = 1


def _getter(kind: type) -> Callable[[object], tuple[object, ...]]:
    # fields are read off the class, so that one added later joins the key by itself
    return attrgetter(*(f.name for f in fields(kind)))


_message = _getter(Message)
_sampling = _getter(Sampling)

# ASCII escapes keep lone surrogates, which a model may well produce, from failing to encode
_encode = json.JSONEncoder(separators=(",", ":")).encode


def _keys(head: object, bodies: Iterable[object]) -> list[str]:
    start = sha256(_encode(head).encode())
    keys = []
    for body in bodies:
        digest = start.copy()
        digest.update(_encode(body).encode())
        keys.append(digest.hexdigest())
    return keys


def _plain(chat: Chat) -> list[tuple[object, ...]]:
    return [_message(turn) for turn in chat]


def reply_keys(fingerprint: str, requests: Sequence[Request], sampling: Sampling) -> list[str]:
    """Return each reply's key, 64 hex digits, under one sampling.

    `fingerprint` is that of the model under the requests' edits.

    >>> from personae.core import requests_of, say
    >>> a, b = reply_keys("f0", requests_of([say("Hi"), say("Hi")]), Sampling())
    >>> a == b != reply_keys("f0", requests_of([say("Hi")]), Sampling(repeat=1))[0]
    True
    """
    as_floats = replace(  # equal values, equal keys: 1 is 1.0
        sampling, temperature=float(sampling.temperature), top_p=float(sampling.top_p)
    )
    head = (SCHEME, "reply", fingerprint, _sampling(as_floats))
    return _keys(head, (_plain(request.chat) for request in requests))


def choice_keys(fingerprint: str, requests: Sequence[Request]) -> list[str]:
    """Return each choice's key, 64 hex digits.

    `fingerprint` is that of the model under the requests' edits.

    >>> from personae.core import say
    >>> len(choice_keys("f0", [Request(say("Tea?"), (("yes",), ("no",)))])[0])
    64
    """
    head = (SCHEME, "choice", fingerprint)
    return _keys(head, ([_plain(request.chat), request.options] for request in requests))
