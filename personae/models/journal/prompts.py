"""The messages of a run's requests as they were sent, each text once.

An answer's column `request` names its entry in the run's prompts.json, which exports read: there
the persona is, wherever the induction put it.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from personae.core import (
    BadFile,
    Chat,
    Choice,
    Message,
    Reply,
    Request,
    read_json,
    write_atomically,
)

__all__ = ["PROMPTS", "Prompts", "read_prompts"]

PROMPTS = "prompts.json"
SCHEMA = "personae-prompts/1"
ID_LENGTH = 16
"""Hex digits of a request's id: two of a million requests share one with a chance of 1e-7."""
A = TypeVar("A", Reply, Choice)


class Prompts:
    """Collects the chats of a run's requests; equal texts are kept once."""

    def __init__(self) -> None:
        self._texts: dict[str, int] = {}
        self._chats: dict[str, list[tuple[str, int]]] = {}

    def named(
        self, keys: Sequence[str], requests: Sequence[Request], answers: Sequence[A]
    ) -> list[A]:
        """Keep the chats of requests by journal key; return the answers with the requests' ids."""
        for key, request in zip(keys, requests, strict=True):
            if (id_ := key[:ID_LENGTH]) not in self._chats:
                self._chats[id_] = [
                    (m.role, self._texts.setdefault(m.text, len(self._texts))) for m in request.chat
                ]
        return [
            replace(answer, request=key[:ID_LENGTH])
            for key, answer in zip(keys, answers, strict=True)
        ]

    def write(self, path: Path, ids: Collection[str]) -> None:
        """Write the chats with these ids as JSON, and no other text."""
        texts: dict[str, int] = {}
        by_index = list(self._texts)
        chats = {
            id_: [[role, texts.setdefault(by_index[i], len(texts))] for role, i in self._chats[id_]]
            for id_ in sorted(set(ids) & self._chats.keys())
        }
        body = {"schema": SCHEMA, "texts": list(texts), "chats": chats}
        write_atomically(path, (json.dumps(body) + "\n").encode())  # ASCII: chats may hold anything


def read_prompts(folder: Path) -> Mapping[str, Chat]:
    """Read a run's chats by request id; empty where the run kept none.

    Raises:
        BadFile: the file is there and isn't what a run writes.
    """
    path = folder / PROMPTS
    if not path.exists():
        return {}
    body = read_json(path)
    try:
        if not isinstance(body, dict) or body["schema"] != SCHEMA:
            raise BadFile(f"{path}: its schema isn't {SCHEMA}")
        texts = [str(text) for text in body["texts"]]
        return {
            id_: tuple(Message(role, texts[index]) for role, index in turns)
            for id_, turns in body["chats"].items()
        }
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise BadFile(f"{path}: these aren't a run's prompts ({error!r})") from error
