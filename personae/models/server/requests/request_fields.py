"""Fields that go with every request: what the user adds, and how much a model may think.

There is no common field for thinking: open servers hand `chat_template_kwargs` to the model's
template, hosted ones and Ollama take `reasoning_effort`. Both are sent; what a server refuses is
left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from personae.core import BadValue, InputError, parse_json

__all__ = ["RequestFields"]

MOST_THOUGHTS = 1 << 17
_EFFORTS = ((1024, "low"), (8192, "medium"))
"""Budgets in tokens up to which an effort is asked for; above them it is `high`."""
_OURS = ("model", "messages", "prompt", "stream", "n", "logprobs", "top_logprobs", "max_tokens")
_TEMPLATE = "chat_template_kwargs"


@dataclass(frozen=True, slots=True)
class RequestFields:
    """Additional fields of a request's body.

    `requested` are the names of those that the user gave; `thought_tokens` is what replies get in
    addition for thoughts.
    """

    body: Mapping[str, Any]
    requested: frozenset[str] = frozenset()
    thought_tokens: int = 0

    @classmethod
    def of(cls, extra_body: str, thinking: str) -> "RequestFields":
        """Read an object in JSON, or "", and `off`, a budget in tokens, or "".

        Raises:
            BadValue: the first is no object or has a field that requests set themselves; the other
                is neither.

        >>> fields = RequestFields.of('{"top_k": 40}', "off")
        >>> fields.body["top_k"], fields.body["reasoning_effort"]
        (40, 'none')
        """
        extra = _extra(extra_body)
        thoughts, tokens = _thinking(thinking)
        template = {**thoughts.get(_TEMPLATE, {}), **_object(extra.get(_TEMPLATE, {}), _TEMPLATE)}
        merged = {**thoughts, **extra, **({_TEMPLATE: template} if template else {})}
        return cls(merged, frozenset(extra), tokens)

    @property
    def template(self) -> Mapping[str, Any]:
        """The fields that concern the chat template."""
        return {key: value for key, value in self.body.items() if key == _TEMPLATE}

    def added_to(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a request's body with these fields."""
        new = {**body, **self.body}
        if self.thought_tokens and "max_tokens" in new:
            new["max_tokens"] += self.thought_tokens
        return new


def _extra(text: str) -> Mapping[str, Any]:
    if not text:
        return {}
    try:
        extra = _object(parse_json(text, "the extra body"), "the extra body")
    except InputError as error:
        raise BadValue(f'{error}; write an object, such as {{"top_k": 40}}') from error
    ours = [name for name in extra if name in _OURS]
    if ours:
        raise BadValue(
            f"the extra body has {ours[0]!r}, which requests set themselves: leave it out"
        )
    return extra


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadValue(f"{name} is no JSON object")
    return value


def _thinking(text: str) -> tuple[Mapping[str, Any], int]:
    if not text:
        return {}, 0
    if text == "off":
        # Qwen's and GLM's templates read the first of these, DeepSeek's and Granite's the other
        switches: dict[str, Any] = {"enable_thinking": False, "thinking": False}
        return {_TEMPLATE: switches, "reasoning_effort": "none"}, 0
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:12]) <= MOST_THOUGHTS:
        raise BadValue(f"thinking is 'off' or 1..{MOST_THOUGHTS:,} tokens, not {text[:40]!r}")
    budget = int(text)
    effort = next((name for most, name in _EFFORTS if budget <= most), "high")
    switches = {"enable_thinking": True, "thinking": True, "thinking_budget": budget}
    return {_TEMPLATE: switches, "reasoning_effort": effort}, budget
