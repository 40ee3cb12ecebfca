"""Request and response bodies of OpenAI-compatible chat endpoints.

A body holds only what the request needs, since strict servers refuse what they don't know.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from personae.core import Chat, Reply, Sampling, Status, content_key
from personae.models.server.budget import CHARS_PER_TOKEN, tokens_of

__all__ = ["Malformed", "chat_body", "first_choice", "read_reply", "tokens_used"]

ESTIMATED = "token counts are estimated: the server gave none"
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
        "messages": [{"role": turn.role, "content": turn.text} for turn in chat],
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
    if chat and chat[-1].role == "assistant":
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    return body


def read_reply(data: object, chat: Chat, sampling: Sampling) -> Reply:
    """Convert a chat completion to a Reply.

    Status: refused (a refusal field, or stopped by a content filter), cut (length), unparsed (a
    schema was asked for and the text isn't JSON, or there is no text); else ok. A code fence
    around JSON is taken off.

    Raises:
        Malformed: `data` is no chat completion.
    """
    choice = first_choice(data)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise Malformed("the answer has no message")
    text, refusal = message.get("content"), message.get("refusal")
    if isinstance(text, list):  # content parts
        text = "".join(str(p.get("text", "")) for p in text if isinstance(p, Mapping))
    content = text if isinstance(text, str) else ""
    read, written, why = tokens_used(data, chat, content)
    reason = choice.get("finish_reason")
    if isinstance(refusal, str) and refusal:
        return _reply(refusal, "refused", "the server marks it as a refusal", (read, written))
    if reason == "content_filter":
        return _reply(content, "refused", "stopped by the server's content filter", (read, written))
    if reason == "length":
        return _reply(content, "cut", f"{sampling.max_tokens} tokens were reached", (read, written))
    if text is None:
        return _reply("", "unparsed", "the answer holds no text", (read, written))
    if sampling.schema is not None:
        content, wrong = _json_text(content)
        if wrong:
            return _reply(content, "unparsed", wrong, (read, written))
    return _reply(content, "ok", why, (read, written))


def _reply(text: str, status: Status, why: str, tokens: tuple[int, int]) -> Reply:
    return Reply(text=text, status=status, why=why, tokens_in=tokens[0], tokens_out=tokens[1])


def first_choice(data: object) -> Mapping[str, Any]:
    """Return the first of a completion's choices.

    Raises:
        Malformed: there is none.
    """
    choices = data.get("choices") if isinstance(data, Mapping) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise Malformed("the answer is no chat completion: it has no choices")
    return choices[0]


def tokens_used(data: object, chat: Chat, text: str) -> tuple[int, int, str]:
    """Read the usage field: tokens read, written, and a remark where they had to be estimated."""
    usage = data.get("usage") if isinstance(data, Mapping) else None
    if isinstance(usage, Mapping):
        read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if _is_count(read) and _is_count(written):
            return read, written, ""
    return tokens_of(chat), -(-len(text) // int(CHARS_PER_TOKEN)), ESTIMATED


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
