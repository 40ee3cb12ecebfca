"""Requests to a model and its answers: values, equal by content."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal, get_args

from personae.core.display import brief
from personae.core.edit import Edit
from personae.core.errors import BadValue
from personae.core.estimate import counted

__all__ = [
    "NOT_ASKED",
    "Chat",
    "Choice",
    "Message",
    "Reply",
    "Request",
    "Role",
    "Sampling",
    "Status",
    "requests_of",
    "say",
]

Role = Literal["system", "user", "assistant"]
Status = Literal["ok", "refused", "unparsed", "cut", "error"]
NOT_ASKED = "not asked"
"""`Choice.method` of a question that a back end can't put to its model: no call was made."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: who speaks, and the text."""

    role: Role
    text: str  # whole in the `repr` too, by which simulated respondents key their draws

    def __post_init__(self) -> None:
        if self.role not in get_args(Role):
            raise BadValue(f"a message's role is one of {get_args(Role)}, not {self.role!r}")


Chat = tuple[Message, ...]
"""Turns in order. If the last turn is the assistant's, the model continues it. The empty chat is no
context at all: the start of a text."""


def say(user: str, *, system: str | None = None, lead: str = "") -> Chat:
    """Build the most common chat: a system text, one user turn, and the reply's first words.

    Without `system` there is no system turn; some chat templates then insert one of their own,
    which is the model's default and so part of the control arm.

    >>> [m.role for m in say("Hello", system="You are kind.", lead="Well,")]
    ['system', 'user', 'assistant']
    """
    turns = [] if system is None else [Message("system", system)]
    turns.append(Message("user", user))
    if lead:
        turns.append(Message("assistant", lead))
    return tuple(turns)


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model: a chat, options to be weighed, edits that hold for the answer.

    Each option is a tuple of surface forms (`"A"`, `" A"`, `"(A"`), whose probabilities are added.
    Only `choose` reads the options, and only an `OpenModel` can be edited.

    Raises:
        BadValue: an option or form is empty, or two options share a form.
    """

    chat: Chat
    options: tuple[tuple[str, ...], ...] = ()
    edits: tuple[Edit, ...] = ()

    def __post_init__(self) -> None:
        if any(not forms or "" in forms for forms in self.options):
            raise BadValue("no option of a request, and none of its forms, is empty")
        flat = [form for forms in self.options for form in forms]
        if len(set(flat)) != len(flat):
            shared = next(form for form in flat if flat.count(form) > 1)
            raise BadValue(f"two options of a request share the surface form {shared!r}")

    def __repr__(self) -> str:
        facts = [(self.chat, "message"), (self.options, "option"), (self.edits, "edit")]
        counts = [counted(len(part), noun) for part, noun in facts if part]
        return brief(self, self.chat[-1].text if self.chat else "", *counts)


def requests_of(
    chats: Iterable[Chat],
    options: tuple[tuple[str, ...], ...] = (),
    edits: tuple[Edit, ...] = (),
) -> list[Request]:
    """Make a request of each chat, all with the same options and edits.

    >>> [request.options for request in requests_of([say("Tea?"), say("Ale?")], (("yes",),))]
    [(('yes',),), (('yes',),)]
    """
    return [Request(chat, options, edits) for chat in chats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a reply is sampled; every field is part of the journal's key.

    A sample depends on seed, repeat and chat, never on the rest of the batch.
    `schema` is a JSON schema as canonical JSON text, or None for free text.
    """

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    schema: str | None = None
    seed: int = 0
    repeat: int = 0

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise BadValue(f"max_tokens is at least 1, not {self.max_tokens}")
        if not (isfinite(self.temperature) and self.temperature >= 0):
            raise BadValue(f"temperature is a finite number >= 0, not {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise BadValue(f"top_p is in (0, 1], not {self.top_p}")
        if "" in self.stop:
            raise BadValue("a stop string can't be empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A model's text for one chat; `why` gives the reason of a status other than ok.

    `temporary`: of an error, whether the same request may succeed later (a server that was down).
    `request` is the id under which a run keeps what was asked; "" outside of runs.
    """

    text: str
    status: Status = "ok"
    why: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    temporary: bool = False
    request: str = field(default="", compare=False)

    def __repr__(self) -> str:
        tokens = counted(self.tokens_out, "token") if self.tokens_out else ""
        return brief(self, self.text, self.status, self.why, tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A model's weights of a request's options, in their order.

    `loglik`: log-probability (nats) of each option's text after the chat, summed over its forms and
    not normalised. `logp`: the same normalised over the options; of an option with which another
    one begins, only the probability that isn't the other's counts. `mass`: probability, 0..1, that
    the model says any of them. `tokens`: length of each option in tokens (its first form). `floor`:
    for a back end that lists only its likeliest tokens, the bound below which the options at -inf
    lie; else -inf. `method`: how the numbers were obtained, or `NOT_ASKED` for an error without a
    call. `temporary` and `request`: as in `Reply`. With a status other than ok the tuples are
    empty.
    """

    loglik: tuple[float, ...] = ()
    logp: tuple[float, ...] = ()
    mass: float = 0.0
    tokens: tuple[int, ...] = ()
    floor: float = float("-inf")
    method: str = "log-probabilities"
    status: Status = "ok"
    why: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    temporary: bool = False
    request: str = field(default="", compare=False)
