"""A model that reads every chat with a persona in front: the wrapper under all prompt inductions.

It has exactly the capability of the model inside, and another fingerprint, so that answers with
and without the persona can't be confused. The empty chat stays empty: a likelihood without any
context must not see the persona.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Generic, TypeVar, cast

from personae.core import (
    Activations,
    Anatomy,
    Chat,
    Choice,
    Chooser,
    Done,
    Edit,
    Message,
    Model,
    OpenModel,
    Pool,
    Question,
    Reply,
    Sampling,
    Site,
    Touch,
    content_key,
)

__all__ = ["before_question", "in_system", "prompted", "with_truth"]

M = TypeVar("M", bound=Model)
Place = Callable[[Chat, str], Chat]


def in_system(chat: Chat, block: str) -> Chat:
    r"""Put the persona into the system turn: before the form's own system text, if it has one.

    >>> from personae.core import say
    >>> [m.text for m in in_system(say("Hi", system="Be brief."), "You are Ada.")]
    ['You are Ada.\n\nBe brief.', 'Hi']
    """
    if not chat or not block:
        return chat
    if chat[0].role == "system":
        return (Message("system", f"{block}\n\n{chat[0].text}"), *chat[1:])
    return (Message("system", block), *chat)


def with_truth(chat: Chat, block: str) -> Chat:
    r"""Put the persona as a block "Truth:" before the first user turn, as MPI does (§4.2).

    The rest of the prompt stays the same, so the neutral prompt is its suffix. A chat without a
    user turn gets one.

    >>> from personae.core import say
    >>> with_truth(say("Question: ..."), "You are calm.")[0].text
    'Truth:\nYou are calm.\n\nQuestion: ...'
    """
    return before_question(chat, f"Truth:\n{block}" if block else "")


def before_question(chat: Chat, block: str) -> Chat:
    r"""Put the persona at the start of the first user turn; the system text stays as it is.

    A chat without a user turn gets one.

    >>> from personae.core import say
    >>> [m.text for m in before_question(say("Why?", system="Be brief."), "You are Ada.")]
    ['Be brief.', 'You are Ada.\n\nWhy?']
    """
    if not chat or not block:
        return chat
    for place, message in enumerate(chat):
        if message.role == "user":
            told = replace(message, text=f"{block}\n\n{message.text}")
            return (*chat[:place], told, *chat[place + 1 :])
    start = 1 if chat[0].role == "system" else 0
    return (*chat[:start], Message("user", block), *chat[start:])


def prompted(model: M, place: Place, block: str) -> M:
    """Wrap a model so that `block` stands in every chat where `place` puts it."""
    wrapped: Model
    if isinstance(model, OpenModel):
        wrapped = _PromptedOpen(model, place, block)
    elif isinstance(model, Chooser):
        wrapped = _PromptedChooser(model, place, block)
    else:
        wrapped = _Prompted(model, place, block)
    return cast(M, wrapped)


class _Prompted(Generic[M]):
    """Replies with the persona in front."""

    def __init__(self, inner: M, place: Place, block: str) -> None:
        self._inner, self._place, self._block = inner, place, block

    @property
    def name(self) -> str:
        """The model's own name: a persona makes no other model of it."""
        return self._inner.name

    @property
    def fingerprint(self) -> str:
        """Hash of the model inside, the persona's words and their place."""
        return content_key([self._inner.fingerprint, self._place.__name__, self._block])

    def reply(
        self, chats: Sequence[Chat], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        """Reply to each chat with the persona in front."""
        return self._inner.reply(self._told(chats), sampling, done=done)

    def _told(self, chats: Sequence[Chat]) -> list[Chat]:
        return [self._place(chat, self._block) for chat in chats]


C = TypeVar("C", bound=Chooser)


class _PromptedChooser(_Prompted[C]):
    """Also weighs options with the persona in front."""

    def choose(self, questions: Sequence[Question], *, done: Done | None = None) -> list[Choice]:
        """Weigh each question's options with the persona in front of its chat."""
        return self._inner.choose(self._asked(questions), done=done)

    def _asked(self, questions: Sequence[Question]) -> list[Question]:
        return [replace(q, chat=self._place(q.chat, self._block)) for q in questions]


class _PromptedOpen(_PromptedChooser[OpenModel]):
    """Also reads and edits activations with the persona in front."""

    @property
    def anatomy(self) -> Anatomy:
        """How many blocks and heads the model inside has."""
        return self._inner.anatomy

    def record(self, chats: Sequence[Chat], sites: Sequence[Site], pool: Pool) -> Activations:
        """Read activations with the persona in front of each chat."""
        return self._inner.record(self._told(chats), sites, pool)

    def reply(
        self,
        chats: Sequence[Chat],
        sampling: Sampling,
        *,
        done: Done | None = None,
        edits: Sequence[Sequence[Edit]] | None = None,
    ) -> list[Reply]:
        """Reply to each chat with the persona in front, under the chat's own edits."""
        return self._inner.reply(self._told(chats), sampling, done=done, edits=edits)

    def choose(
        self,
        questions: Sequence[Question],
        *,
        done: Done | None = None,
        edits: Sequence[Sequence[Edit]] | None = None,
    ) -> list[Choice]:
        """Weigh each question's options with the persona in front, under its own edits."""
        return self._inner.choose(self._asked(questions), done=done, edits=edits)

    @contextmanager
    def edited(
        self, edits: Sequence[Edit], *, trace: list[Touch] | None = None
    ) -> Iterator["_PromptedOpen"]:
        """Yield the same persona on the edited model."""
        with self._inner.edited(edits, trace=trace) as inner:
            yield _PromptedOpen(inner, self._place, self._block)
