"""Request and response bodies of OpenAI-compatible chat endpoints.

A body holds only what the request needs, since strict servers refuse what they don't know.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from personae.core import Chat, Reply, Sampling, Status, content_key
from personae.models.server.budget import CHARS_PER_TOKEN, tokens_of
from personae.models.server.thoughts import HINT, reply_after_thoughts, thoughts_of

__all__ = [
    "Malformed",
    "chat_body",
    "continuing",
    "first_choice",
    "marked_refusal",
    "messages_of",
    "read_reply",
    "reported_usage",
    "tokens_used",
]

ESTIMATED = "token counts are estimated: the server gave none"
_TEXT_PARTS = ("text", "output_text")
_FENCED = re.compile(r"^\s*```[a-zA-Z]*\s*\n(.*?)\n?\s*```\s*$", re.DOTALL)


class Malformed(Exception):
    """A body that isn't a chat completion; a retry may succeed."""


def _draw_seed(*parts: object) -> int:
    """Hash what distinguishes draws into a server's seed, 0..2^31-1.

    >>> _draw_seed(0, 1) != _draw_seed(0, 0) == _draw_seed(0, 0)
    True
    """
    return int(content_key(list(parts))[:8], 16) >> 1


def chat_body(model: str, chat: Chat, sampling: Sampling) -> dict[str, Any]:
    """Write a chat request. A begun reply is marked as one to be continued (vLLM, SGLang).

    >>> from personae.core import say
    >>> chat_body("m", say("Hi"), Sampling(max_tokens=5))
    {'model': 'm', 'messages': [{'role': 'user', 'content': 'Hi'}], 'max_tokens': 5,
     'temperature': 0.0}
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": messages_of(chat),
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
    }
    if sampling.temperature > 0:
        body["seed"] = _draw_seed(sampling.seed, sampling.repeat)
    if sampling.top_p < 1:
        body["top_p"] = sampling.top_p
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.schema is not None:
        schema = {"name": "answer", "strict": True, "schema": json.loads(sampling.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body | continuing(chat)


def messages_of(chat: Chat) -> list[dict[str, str]]:
    """Write a chat's turns."""
    return [{"role": turn.role, "content": turn.text} for turn in chat]


def continuing(chat: Chat) -> dict[str, bool]:
    """Return the fields that mark a begun reply as one to be continued; {} without one."""
    if not chat or chat[-1].role != "assistant":
        return {}
    return {"continue_final_message": True, "add_generation_prompt": False}


def read_reply(data: object, chat: Chat, sampling: Sampling) -> Reply:
    """Convert a chat completion to a Reply, without the thoughts before it.

    Status: refused (a refusal field, or stopped by a content filter), cut (length, also where
    thoughts took it all), unparsed (a schema was asked for and the text isn't JSON, or there is no
    text); else ok. A code fence around JSON is taken off, and the text ends before a stop string.

    Raises:
        Malformed: `data` is no chat completion.
    """
    choice = first_choice(data)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise Malformed("the answer has no message")
    raw = _text_of(message.get("content"))
    read, written, remark = tokens_used(data, chat, raw or "")
    content, has_thoughts = reply_after_thoughts(raw or "")
    content = min((content.partition(end)[0] for end in sampling.stop), key=len, default=content)
    has_thoughts = has_thoughts or thoughts_of(message) or _thought_tokens(data)
    failure = marked_refusal(choice, message) or _shortfall(choice, content, has_thoughts, sampling)
    status: Status = "ok"
    if failure is not None:
        status, remark = failure
        refusal = message.get("refusal")
        content = refusal if isinstance(refusal, str) and refusal else content
    elif raw is None:
        status, remark = "unparsed", "the answer holds no text"
    elif sampling.schema is not None:
        content, wrong = _json_text(content)
        status, remark = ("unparsed", wrong) if wrong else (status, remark)
    return Reply(text=content, status=status, why=remark, tokens_in=read, tokens_out=written)


def marked_refusal(
    choice: Mapping[str, Any], message: Mapping[str, Any]
) -> tuple[Status, str] | None:
    """Return the status and reason of an answer that the server itself says was refused."""
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        return "refused", "the server marks it as a refusal"
    if choice.get("finish_reason") == "content_filter":
        return "refused", "stopped by the server's content filter"
    return None


def _shortfall(
    choice: Mapping[str, Any], content: str, has_thoughts: bool, sampling: Sampling
) -> tuple[Status, str] | None:
    """Return the status and reason of a reply that ended too early, or that is thoughts alone."""
    thoughts_alone = has_thoughts and not content.strip()
    if choice.get("finish_reason") == "length":
        spent = f" in thoughts, before any answer; {HINT}" if thoughts_alone else ""
        return "cut", f"{sampling.max_tokens} tokens were reached{spent}"
    return ("cut", f"the answer holds thoughts alone; {HINT}") if thoughts_alone else None


def _text_of(content: object) -> str | None:
    """Return a message's text; of content in parts, the parts that are text and no thoughts."""
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, Mapping)]
        texts = [part.get("text") for part in parts if part.get("type", "text") in _TEXT_PARTS]
        return "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else None


def _thought_tokens(data: object) -> bool:
    usage = data.get("usage") if isinstance(data, Mapping) else None
    details = usage.get("completion_tokens_details") if isinstance(usage, Mapping) else None
    count = details.get("reasoning_tokens") if isinstance(details, Mapping) else None
    return _is_count(count) and count > 0


def first_choice(data: object) -> Mapping[str, Any]:
    """Return the first of a completion's choices.

    Raises:
        Malformed: there is none.
    """
    choices = data.get("choices") if isinstance(data, Mapping) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise Malformed("the answer is not a chat completion: it has no choices")
    return choices[0]


def tokens_used(data: object, chat: Chat, text: str) -> tuple[int, int, str]:
    """Read the usage field: tokens read, written, and a remark where they had to be estimated."""
    if (usage := reported_usage(data)) is not None:
        return *usage, ""
    return tokens_of(chat), -(-len(text) // int(CHARS_PER_TOKEN)), ESTIMATED


def reported_usage(data: object) -> tuple[int, int] | None:
    """Read the usage field: tokens read and written, or None without one."""
    usage = data.get("usage") if isinstance(data, Mapping) else None
    if isinstance(usage, Mapping):
        read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if _is_count(read) and _is_count(written):
            return read, written
    return None


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40


def _json_text(text: str) -> tuple[str, str]:
    fenced = _FENCED.match(text)
    inside = fenced.group(1) if fenced else text.strip()
    try:
        json.loads(inside)
    except (ValueError, RecursionError) as error:
        return text, f"the reply is not valid JSON: {error}"
    return inside, ""
