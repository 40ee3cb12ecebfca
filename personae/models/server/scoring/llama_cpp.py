"""llama.cpp: chats by `/apply-template` and `/tokenize`, one next token at a time by `/completion`.

Its server shows the log-probabilities of the unchanged logits, also of a token that a bias forces.
"""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from personae.core import Chat, say
from personae.models.server.budget import CHARS_PER_TOKEN
from personae.models.server.first_tokens import BadLogprobs, logprob_of
from personae.models.server.scoring.text_scorer import Post, PromptTokens, Scored
from personae.models.server.scoring.token_answers import checked_text, checked_tokens, mapping
from personae.models.server.wire import continuing, messages_of
from personae.models.weighing import Tokens

__all__ = ["LlamaCompletion", "LlamaTokens"]

GREETING = say("Hello")
LISTED = 1000
"""Next tokens that are asked for in a list; others are asked for one by one."""
FORCED = 1e4
"""Bias (nats) that makes a token the next one."""


class LlamaTokens:
    """Chats and texts as tokens at llama.cpp. `fields` go to the chat template."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    async def prompt(self, post: Post, chat: Chat) -> PromptTokens:
        """Return a chat's tokens; of no chat, the token that starts every chat."""
        if not chat:
            start = await self._tokenize(post, "", special=True)
            return PromptTokens(start[:1] or (await self.prompt(post, GREETING)).tokens[:1])
        body = {"messages": messages_of(chat), **continuing(chat), **self._fields}
        data = await post("/apply-template", body)
        text = checked_text(mapping(data).get("prompt"))
        return PromptTokens(await self._tokenize(post, text, special=True))

    async def encode(self, post: Post, text: str) -> Tokens:
        """Tokenise a text without adding anything."""
        return await self._tokenize(post, text, special=False)

    async def decode(self, post: Post, prompt: PromptTokens, last: int) -> str:
        """Return the text of a prompt's last tokens."""
        data = await post("/detokenize", {"tokens": list(prompt.tokens[-last:])})
        return checked_text(mapping(data).get("content"))

    async def _tokenize(self, post: Post, text: str, *, special: bool) -> Tokens:
        body = {"content": text, "add_special": special, "parse_special": True}
        return checked_tokens(await post("/tokenize", body))


class LlamaCompletion:
    """llama.cpp's `/completion`, one next token at a time."""

    name = "next-token log-probabilities"

    def passes(self, forms: Sequence[str]) -> tuple[int, int]:
        """Return, in about, the billed calls of a choice, and how often they read its chat."""
        # one for the first tokens of all forms, one for each further token
        calls = 1 + sum(max(ceil(len(form) / CHARS_PER_TOKEN) - 1, 0) for form in forms)
        return calls, calls

    async def score(self, post: Post, prompt: PromptTokens, forms: Mapping[Tokens, str]) -> Scored:
        """Return the log-probabilities."""
        wanted: dict[Tokens, set[int]] = {}
        for form in forms:
            for depth, token in enumerate(form):
                wanted.setdefault(form[:depth], set()).add(token)
        scored: Scored = {}
        for before, tokens in wanted.items():
            # further calls with the same prompt find it in the cache
            begun, read = prompt.tokens + before, len(prompt.tokens) + len(before)
            listed = await self._listed(post, begun, {}, read)
            for token in sorted(tokens - listed.keys()):
                listed |= await self._listed(post, begun, {"logit_bias": [[token, FORCED]]}, 0)
                if token not in listed:
                    raise BadLogprobs("the log-probability of a forced token is not shown")
            scored |= {(*before, token): listed[token] for token in tokens}
        return scored

    async def _listed(
        self, post: Post, tokens: Tokens, forced: Mapping[str, Any], read: int
    ) -> dict[int, float]:
        body = {
            "prompt": list(tokens),
            "n_predict": 1,
            "n_probs": 1 if forced else LISTED,
            "temperature": 0,
            "cache_prompt": True,
            **forced,
        }
        data = await post("/completion", body, read=read, written=1)
        places = mapping(data).get("completion_probabilities")
        if not forced and not places:
            return {}  # none is listed where the likeliest token is a part of a character
        if not isinstance(places, list) or not places:
            raise BadLogprobs("the answer shows no log-probabilities")
        first = mapping(places[0])
        entries = [first, *map(mapping, first.get("top_logprobs") or ())]
        return {entry["id"]: logprob_of(entry.get("logprob")) for entry in entries if "id" in entry}
