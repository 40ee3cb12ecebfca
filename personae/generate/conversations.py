"""Reads conversations between people and assistants from a file of JSON lines."""

from collections.abc import Mapping
from pathlib import Path

from personae.core import BadFile, Chat, Message
from personae.core.chat import Role
from personae.personas import persona_rows

__all__ = ["read_conversations", "user_turns"]

_ROLES: Mapping[str, Role] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "system": "system",
}


def read_conversations(path: str | Path) -> tuple[Chat, ...]:
    """Read one conversation a line: a list of turns, or an object that has it under `messages`.

    A turn has `role` (or `from`) and `content` (or `text`, `value`). Empty turns are left out.

    Raises:
        BadFile: not readable, a line without turns, a turn of an unknown role or without a text,
            or no conversation at all.
    """
    conversations = []
    for where, row in persona_rows(path):
        if isinstance(row, Exception):
            raise row
        turns = row.get("messages", row.get("conversation")) if isinstance(row, dict) else row
        if not isinstance(turns, list) or not turns:
            raise BadFile(f"{where}: a conversation is a list of turns, or has it as 'messages'")
        conversations.append(tuple(m for turn in turns if (m := _turn(turn, where)).text.strip()))
    if not conversations:
        raise BadFile(f"{path}: no conversation in it")
    return tuple(conversations)


def _turn(turn: object, where: str) -> Message:
    if not isinstance(turn, dict):
        raise BadFile(f"{where}: a turn is an object with role and content")
    role = str(turn.get("role", turn.get("from", ""))).lower()
    text = turn.get("content", turn.get("text", turn.get("value")))
    if role not in _ROLES or not isinstance(text, str):
        raise BadFile(
            f"{where}: a turn has a role ({', '.join(_ROLES)}) and a text, not {turn!r:.80}"
        )
    return Message(_ROLES[role], text)


def user_turns(chat: Chat) -> tuple[str, ...]:
    """List the texts of the user's turns, without outer whitespace.

    >>> user_turns((Message("user", "Hello"), Message("assistant", "Good day")))
    ('Hello',)
    """
    return tuple(m.text.strip() for m in chat if m.role == "user")
