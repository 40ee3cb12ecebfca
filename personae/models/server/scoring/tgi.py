"""text-generation-inference: chats at `/chat_tokenize`, log-probabilities at `/generate`.

The latter takes text alone and puts the tokenizer's start before it, so that a chat is sent without
its start. The answer lists the tokens that were read: they have to be those that were meant.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from personae.core import Chat, say
from personae.models.server.first_tokens import BadLogprobs, logprob_of
from personae.models.server.scoring.text_scorer import Post, PromptTokens, Scored
from personae.models.server.scoring.token_answers import NotShown, checked_text, mapping
from personae.models.server.wire import Malformed, messages_of
from personae.models.weighing import Tokens, longest_forms

__all__ = ["Prefill", "TgiTokens"]

GREETING = say("Hello")
FLAG = (
    "text-generation-inference shows the log-probabilities of whole texts only if it is started "
    "with --enable-prefill-logprobs"
)


class TgiTokens:
    """Chats and texts as tokens at text-generation-inference."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._start: Tokens | None = None

    async def prompt(self, post: Post, chat: Chat) -> PromptTokens:
        """Return a chat's tokens and text; of no chat, of the token that starts every chat."""
        start = await self._start_of_texts(post)
        if not chat:
            greeting = await self.prompt(post, GREETING)
            end = greeting.starts[1] if len(greeting.starts) > 1 else len(greeting.text)
            return (
                PromptTokens(start)
                if start
                else PromptTokens(greeting.tokens[:1], greeting.text[:end])
            )
        # the template takes no fields of the request, and continues a last turn of the assistant
        # only in newer releases
        body = {"model": self._model, "messages": messages_of(chat)}
        data = mapping(await post("/chat_tokenize", body))
        text = checked_text(data.get("templated_text"))
        tokens, starts = _tokens(data.get("tokenize_response"), text)
        if tokens[: len(start)] != start:
            raise BadLogprobs("the chat template leaves out the token that starts every text")
        skipped = starts[len(start)] if len(starts) > len(start) else len(text)
        return PromptTokens(tokens, text[skipped:], tuple(max(0, at - skipped) for at in starts))

    async def encode(self, post: Post, text: str) -> Tokens:
        """Tokenise a text without adding anything."""
        start = await self._start_of_texts(post)
        tokens = await self._tokenize(post, text)
        if tokens[: len(start)] != start:
            raise Malformed("a text is tokenised without the start of other texts")
        return tokens[len(start) :]

    async def decode(self, post: Post, prompt: PromptTokens, last: int) -> str:
        """Return the text of a prompt's last tokens, as far as it is sent."""
        starts = prompt.starts[-last:]
        return prompt.text[starts[0] :] if starts else prompt.text

    async def _start_of_texts(self, post: Post) -> Tokens:
        if self._start is None:
            self._start = await self._tokenize(post, "")
        return self._start

    async def _tokenize(self, post: Post, text: str) -> Tokens:
        return _tokens(await post("/tokenize", {"inputs": text}), text)[0]


class Prefill:
    """text-generation-inference's `/generate`, with the details of its input; a call a form."""

    name = "prefill log-probabilities"

    def passes(self, forms: Sequence[str]) -> tuple[int, int]:
        """Return, in about, the billed calls of a choice, and how often they read its chat."""
        return len(forms), len(forms)

    async def score(self, post: Post, prompt: PromptTokens, forms: Mapping[Tokens, str]) -> Scored:
        """Return the log-probabilities."""
        scored: Scored = {}
        for form in longest_forms(list(forms)):
            tokens = prompt.tokens + form
            parameters = {"max_new_tokens": 1, "do_sample": False, "decoder_input_details": True}
            body = {"inputs": prompt.text + forms[form], "parameters": parameters}
            data = await post("/generate", body, read=len(tokens), written=1)
            entries = mapping(mapping(data).get("details")).get("prefill")
            if not entries:
                raise NotShown(FLAG)
            if not isinstance(entries, list) or _ids(entries) != tokens:
                raise BadLogprobs("the tokens that the server read are not those of the question")
            for depth, entry in enumerate(entries[len(prompt.tokens) :]):
                scored[form[: depth + 1]] = logprob_of(entry.get("logprob"))
        return scored


def _ids(entries: Sequence[object]) -> Tokens:
    return tuple(mapping(entry).get("id", -1) for entry in entries)


def _tokens(entries: object, text: str) -> tuple[Tokens, tuple[int, ...]]:
    """Return a text's tokens and where each begins in it, in characters.

    Tokenizers in Rust count bytes, those in Python characters.

    Raises:
        Malformed: the answer holds no tokens.
    """
    if not isinstance(entries, list):
        raise Malformed("the answer holds no tokens")
    parts: list[list[Any]] = [
        [mapping(entry).get(name) for entry in entries] for name in ("id", "start", "stop")
    ]
    if not all(type(number) is int for numbers in parts for number in numbers):
        raise Malformed("the answer holds no tokens")
    ids, starts, stops = parts
    if max(stops, default=0) > len(text):
        raw = text.encode()
        starts = [len(raw[:at].decode(errors="ignore")) for at in starts]
    return tuple(ids), tuple(starts)
