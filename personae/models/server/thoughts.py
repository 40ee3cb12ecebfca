"""Tells a reply from the thoughts before it: a reasoning model's thoughts are never its answer."""

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["HINT", "reply_after_thoughts", "thoughts_of"]

HINT = "use --thinking off, or --thinking BUDGET for thoughts of so many tokens and an answer"
_NAMES = r"think|thinking|thought|thoughts|reasoning|seed:think"
_OPEN = re.compile(rf"<(?:{_NAMES})>|\[THINK\]|◁think▷", re.IGNORECASE)
_CLOSE = re.compile(rf"</(?:{_NAMES})>|\[/THINK\]|◁/think▷", re.IGNORECASE)
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<]*<\|message\|>")
_CHANNEL_END = re.compile(r"<\|(?:end|return|start|call)\|>")
_FIELDS = ("reasoning_content", "reasoning", "thinking")
_PARTS = ("thinking", "reasoning")


def thoughts_of(message: Mapping[str, Any]) -> bool:
    """Whether a message holds thoughts in a field, or a part of its content, of their own."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return any(bool(message.get(field)) for field in _FIELDS) or any(
        isinstance(part, Mapping) and part.get("type") in _PARTS for part in parts
    )


def reply_after_thoughts(text: str) -> tuple[str, bool]:
    """Return the reply without the thoughts before it, and whether there were any.

    Thoughts that never end leave the empty reply.

    >>> reply_after_thoughts("<think>They like tea.</think> Tea.")
    ('Tea.', True)
    >>> reply_after_thoughts("<|channel|>analysis<|message|>Hm.<|end|>")
    ('', True)
    """
    channels = list(_CHANNEL.finditer(text))
    if channels:
        return _final_channel(text, channels), True
    rest, has_thoughts = text, False
    while opening := _OPEN.match(rest.lstrip()):
        closing = _CLOSE.search(rest, pos=len(rest) - len(rest.lstrip()) + opening.end())
        if closing is None:
            return "", True
        rest, has_thoughts = rest[closing.end() :], True
    if not has_thoughts and not _OPEN.search(rest):
        # the opening mark may be part of the prompt, so that only the closing one is seen
        *_, rest = _CLOSE.split(rest)
        has_thoughts = len(rest) < len(text)
    return (rest.lstrip(), True) if has_thoughts else (text, False)


def _final_channel(text: str, channels: list[re.Match[str]]) -> str:
    for channel in reversed(channels):
        if channel[1].lower() == "final":
            return _CHANNEL_END.split(text[channel.end() :])[0].strip()
    return ""
