"""Chats as servers can take them: the system text in the user's turn, a reply not begun."""

from collections.abc import Sequence

from personae.core import Chat, Message

__all__ = ["CANARY", "asked_outright", "continues_canary", "system_in_user", "without_lead"]

CANARY: Chat = (
    Message("user", "Write these words and nothing else: alpha bravo charlie delta echo foxtrot"),
    Message("assistant", "alpha bravo char"),
)
"""A reply that was begun within a word: who starts anew doesn't go on with its other half."""
LONGEST_LIST = 400
"""Characters of options that are repeated where a reply can't be begun."""


def continues_canary(reply: str) -> bool:
    """Whether a reply to the canary goes on where it was begun.

    >>> continues_canary("lie delta echo foxtrot"), continues_canary("charlie delta")
    (True, False)
    """
    return reply.lower().startswith("lie")


def system_in_user(chat: Chat) -> Chat:
    """Put a system text before the first user turn."""
    if not chat or chat[0].role != "system":
        return chat
    system, *rest = chat
    if not rest or rest[0].role != "user":
        return (Message("user", system.text), *rest)
    return (Message("user", f"{system.text}\n\n{rest[0].text}".strip()), *rest[1:])


def asked_outright(chat: Chat, options: Sequence[Sequence[str]] = ()) -> Chat:
    """Ask for what a begun reply would have led to: one of the options, or the same beginning.

    >>> from personae.core import say
    >>> print(asked_outright(say("Tea?", lead="I say"), [("yes", " yes"), ("no",)])[-1].text)
    Tea?
    <BLANKLINE>
    Reply with exactly one of these and nothing else: yes, no
    """
    if not chat or chat[-1].role != "assistant":
        return chat
    *before, lead = chat
    listed = ", ".join(forms[0].strip() for forms in options)
    if options and len(listed) <= LONGEST_LIST:
        ask = f"Reply with exactly one of these and nothing else: {listed}"
    elif lead.text.strip():
        ask = f"Begin your reply with these words, and go on from there: {lead.text.strip()}"
    else:
        return tuple(before)
    if before and before[-1].role == "user":
        last = before.pop()
        ask = f"{last.text}\n\n{ask}"
    return (*before, Message("user", ask))


def without_lead(text: str, lead: str) -> str:
    """Take the words that a reply was asked to begin with off its beginning, if they are there."""
    stripped = text.lstrip(" \"'\n")
    return (
        stripped[len(lead.strip()) :]
        if lead.strip() and stripped.startswith(lead.strip())
        else text
    )
