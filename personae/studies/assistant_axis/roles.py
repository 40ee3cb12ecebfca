"""Roles, questions and conversations for a model's persona space: shipped ones, or the user's.

A folder of published role files (`roles/NAME.json` with `{"instruction": [{"pos": text}]}`,
`extraction_questions.jsonl`) and its transcripts (`{"domain", "conversation": [{"role",
"content"}]}`) are read as published. The role called `default` is the assistant without a role.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from personae.core import (
    BadFile,
    Chat,
    InputError,
    Message,
    content_key,
    data_json,
    json_lines,
    parse_json,
    read_text,
    usable_path,
)

__all__ = [
    "DEFAULT",
    "Conversation",
    "RoleBank",
    "load_roles",
    "load_transcripts",
    "scripted_conversations",
]

DEFAULT = "default"
PLACEHOLDER = "{model_name}"
LIMIT = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleBank:
    """System texts by role, `default` among them, and the questions that every role is asked."""

    roles: Mapping[str, tuple[str, ...]]
    questions: tuple[str, ...]

    @property
    def tag(self) -> str:
        """The number of roles and a hash of the content."""
        return f"roles@{len(self.roles) - 1}+{content_key([self.roles, self.questions])[:8]}"

    def few(self, roles: int, prompts: int, questions: int) -> "RoleBank":
        """Keep at most so many roles, spread over the list, system texts per role and questions.

        The default keeps at least three system texts.

        >>> small = load_roles().few(3, 1, 2)
        >>> list(small.roles), len(small.questions)
        (['default', 'auditor', 'politician', 'poet'], 2)
        """
        names = [name for name in self.roles if name != DEFAULT]
        step = max(1, len(names) // roles)
        chosen = names[::step][:roles]
        return RoleBank(
            roles={
                DEFAULT: self.roles[DEFAULT][: max(prompts, 3)],
                **{name: self.roles[name][:prompts] for name in chosen},
            },
            questions=self.questions[:questions],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation of one domain; a script where `chat` has no turn of the assistant."""

    name: str
    domain: str
    chat: Chat


def load_roles(folder: str | Path = "") -> RoleBank:
    """Read a folder of role files, or the shipped roles where none is named.

    Raises:
        BadFile: a file of the folder is missing or has another form.
        InputError: fewer than two roles, or no `default`.

    >>> len(load_roles().roles), len(load_roles().questions)
    (25, 12)
    """
    if not str(folder):
        shipped = data_json("roles.json")
        roles = {name: tuple(texts) for name, texts in shipped["roles"].items()}
        return RoleBank(
            roles={DEFAULT: tuple(shipped["default"]), **roles},
            questions=tuple(shipped["questions"]),
        )
    home = Path(folder)
    files = sorted((home / "roles").glob("*.json"))
    roles = {path.stem: _prompts(path) for path in files}
    if DEFAULT not in roles or len(roles) < 3:
        raise InputError(
            f"{home}/roles holds {len(roles)} role files; needed are {DEFAULT}.json and at least "
            'two others, each {"instruction": [{"pos": TEXT}]}'
        )
    file = home / "extraction_questions.jsonl"
    questions = tuple(_text(row, "question", file) for _, row in json_lines(file))
    return RoleBank(roles=roles, questions=questions)


def _json(path: Path) -> object:
    return parse_json(read_text(path, LIMIT), str(path))


def _prompts(path: Path) -> tuple[str, ...]:
    content = _json(path)
    listed = content.get("instruction") if isinstance(content, dict) else None
    if not isinstance(listed, list) or not listed:
        raise BadFile(f'{path}: a role file is {{"instruction": [{{"pos": TEXT}}]}}')
    return tuple(_text(row, "pos", path).replace(PLACEHOLDER, "an AI model") for row in listed)


def _text(row: object, key: str, path: Path) -> str:
    if isinstance(row, BadFile):
        raise row
    value = row.get(key) if isinstance(row, dict) else None
    if not isinstance(value, str):
        raise BadFile(f"{path}: every row has a text called {key!r}")
    return value


def load_transcripts(path: str | Path) -> list[Conversation]:
    """Read a transcript, or all of a folder.

    Raises:
        BadFile: no file, or a file without a transcript or a turn of the assistant.
    """
    home = usable_path(path)
    files = sorted(home.glob("*.json")) if home.is_dir() else [home]
    if not files:
        raise BadFile(f"{home}: the folder holds no transcript (NAME.json)")
    return [_transcript(file) for file in files]


def _transcript(path: Path) -> Conversation:
    content = _json(path)
    turns = content.get("conversation") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(turns, list):
        raise BadFile(f'{path}: a transcript is {{"conversation": [{{"role", "content"}}]}}')
    chat = tuple(_message(turn, path) for turn in turns)
    if not any(m.role == "assistant" and m.text.strip() for m in chat):
        raise BadFile(f"{path}: no turn of the assistant in this conversation")
    return Conversation(name=path.stem, domain=str(content.get("domain", path.stem)), chat=chat)


def _message(turn: object, path: Path) -> Message:
    role: Any = turn.get("role") if isinstance(turn, dict) else None
    if role not in ("system", "user", "assistant"):
        raise BadFile(f"{path}: a turn's role is system, user or assistant, not {role!r}")
    return Message(role, _text(turn, "content", path))


def scripted_conversations(each: int = 2, turns: int = 6) -> Sequence[Conversation]:
    """Return the shipped users' turns: at most `each` conversations per domain, of `turns` turns.

    >>> [c.domain for c in scripted_conversations(1)]
    ['coding', 'writing', 'therapy', 'philosophy']
    """
    conversations: list[Conversation] = []
    for row in data_json("roles.json")["conversations"]:
        count = sum(c.domain == row["domain"] for c in conversations)
        chat = tuple(Message("user", text) for text in row["turns"][:turns])
        if count < each:
            conversations.append(
                Conversation(name=f"{row['domain']} {count + 1}", domain=row["domain"], chat=chat)
            )
    return conversations
