"""A model that reads every chat with a persona's words in it: the carrier of prompt inductions.

The empty chat stays empty: a likelihood without any context must not depend on the persona.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from personae.core import Chat, Message, Model, Request, content_key
from personae.models.mapped import mapped

__all__ = ["before_question", "in_system", "prompted", "with_truth"]

M = TypeVar("M", bound=Model)
Placement = Callable[[Chat, str], Chat]
"""Takes a chat and a persona's words, returns the chat with the words in it."""


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
    for index, message in enumerate(chat):
        if message.role == "user":
            question = replace(message, text=f"{block}\n\n{message.text}")
            return (*chat[:index], question, *chat[index + 1 :])
    start = 1 if chat[0].role == "system" else 0
    return (*chat[:start], Message("user", block), *chat[start:])


def prompted(model: M, placement: Placement, block: str) -> M:
    """Wrap a model so that `placement` puts `block` into every chat."""
    return mapped(model, _Prompt(placement, block))


@dataclass(frozen=True, slots=True)
class _Prompt:
    """Puts a persona's words into each chat."""

    placement: Placement
    block: str

    def __call__(self, request: Request) -> Request:
        return replace(request, chat=self.placement(request.chat, self.block))

    def fingerprint(self, inner: Model) -> str:
        """Hash of the inner model, the persona's words and their placement."""
        return content_key([inner.fingerprint, self.placement.__name__, self.block])
