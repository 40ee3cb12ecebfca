"""vLLM and SGLang: chats in tokens at `/tokenize`, prompts' log-probabilities at `/v1/completions`.

vLLM shows them by `prompt_logprobs`, both by `echo` with `logprobs`, SGLang also at `/generate`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from personae.core import Chat, say
from personae.models.server.first_tokens import BadLogprobs, logprob_of
from personae.models.server.scoring.text_scorer import Post, PromptTokens, Scored
from personae.models.server.scoring.token_answers import checked_text, checked_tokens, mapping
from personae.models.server.wire import Malformed, continuing, messages_of
from personae.models.weighing import Tokens, longest_forms

__all__ = ["Echo", "Generate", "PromptLogprobs", "VllmTokens"]

COMPLETIONS = "/v1/completions"
GREETING = say("Hello")


class VllmTokens:
    """Chats and texts as tokens at vLLM or SGLang. `fields` go to the chat template."""

    def __init__(self, model: str, fields: Mapping[str, Any]) -> None:
        self._model = model
        self._fields = fields

    async def prompt(self, post: Post, chat: Chat) -> PromptTokens:
        """Return a chat's tokens; of no chat, the token that starts every chat."""
        if not chat:
            start = await self._tokenize(post, {"prompt": "", "add_special_tokens": True})
            return PromptTokens(start[:1] or (await self.prompt(post, GREETING)).tokens[:1])
        marks = continuing(chat) or {"add_generation_prompt": True}
        body = {"messages": messages_of(chat), **marks, "add_special_tokens": False}
        return PromptTokens(await self._tokenize(post, {**body, **self._fields}))

    async def encode(self, post: Post, text: str) -> Tokens:
        """Tokenise a text without adding anything."""
        return await self._tokenize(post, {"prompt": text, "add_special_tokens": False})

    async def decode(self, post: Post, prompt: PromptTokens, last: int) -> str:
        """Return the text of a prompt's last tokens."""
        tokens = list(prompt.tokens[-last:])
        data = await post("/detokenize", {"model": self._model, "tokens": tokens})
        text = mapping(data).get("prompt", mapping(data).get("text"))
        return checked_text(text)

    async def _tokenize(self, post: Post, body: Mapping[str, Any]) -> Tokens:
        return checked_tokens(await post("/tokenize", {"model": self._model, **body}))


class _Completions:
    """Scores all forms in one request, each as the end of a prompt of its own."""

    name: str
    extra: ClassVar[Mapping[str, Any]]

    def __init__(self, model: str) -> None:
        self._model = model

    def passes(self, forms: Sequence[str]) -> tuple[int, int]:
        """Return, in about, the billed calls of a choice, and how often they read its chat."""
        return 1, len(forms)

    async def score(self, post: Post, prompt: PromptTokens, forms: Mapping[Tokens, str]) -> Scored:
        """Return the log-probabilities."""
        longest = longest_forms(list(forms))
        sequences = [list(prompt.tokens + form) for form in longest]
        body = {"model": self._model, "prompt": sequences, "max_tokens": 1, "temperature": 0}
        read, written = sum(map(len, sequences)), len(sequences)
        data = await post(COMPLETIONS, {**body, **self.extra}, read=read, written=written)
        choices = mapping(data).get("choices")
        if not isinstance(choices, list) or len(choices) != len(sequences):
            raise Malformed(f"{len(sequences)} prompts were not answered one by one")
        by_index = {mapping(choice).get("index"): mapping(choice) for choice in choices}
        scored: Scored = {}
        for index, form in enumerate(longest):
            choice = by_index.get(index, {})
            values = self._values(choice, sequences[index], len(form))
            scored |= {form[: depth + 1]: value for depth, value in enumerate(values)}
        return scored

    def _values(self, choice: Mapping[str, Any], tokens: Sequence[int], last: int) -> list[float]:
        """Return the log-probability of each of the last tokens after those before it."""
        raise NotImplementedError


class PromptLogprobs(_Completions):
    """vLLM's `prompt_logprobs`: for each place of the prompt, its token's by the token's number."""

    name = "prompt_logprobs"
    extra: ClassVar[Mapping[str, Any]] = {"prompt_logprobs": 0}

    def _values(self, choice: Mapping[str, Any], tokens: Sequence[int], last: int) -> list[float]:
        positions = choice.get("prompt_logprobs")
        if not isinstance(positions, list) or len(positions) != len(tokens):
            raise BadLogprobs("the prompt's log-probabilities don't fit its tokens")
        pairs = zip(positions[-last:], tokens[-last:], strict=True)
        return [
            logprob_of(mapping(mapping(position).get(str(token))).get("logprob"))
            for position, token in pairs
        ]


class Echo(_Completions):
    """`echo` with `logprobs`: the prompt's tokens come back before the generated one."""

    name = "echo"
    extra: ClassVar[Mapping[str, Any]] = {"echo": True, "logprobs": 1}

    def _values(self, choice: Mapping[str, Any], tokens: Sequence[int], last: int) -> list[float]:
        values = mapping(choice.get("logprobs")).get("token_logprobs")
        if not isinstance(values, list) or len(values) - len(tokens) not in (0, 1):
            raise BadLogprobs("the echoed log-probabilities don't fit the prompt's tokens")
        return [logprob_of(value) for value in values[len(tokens) - last : len(tokens)]]


class Generate:
    """SGLang's own `/generate`, with the log-probabilities of its input tokens."""

    name = "input_token_logprobs"

    def passes(self, forms: Sequence[str]) -> tuple[int, int]:
        """Return, in about, the billed calls of a choice, and how often they read its chat."""
        return 1, len(forms)

    async def score(self, post: Post, prompt: PromptTokens, forms: Mapping[Tokens, str]) -> Scored:
        """Return the log-probabilities."""
        longest = longest_forms(list(forms))
        sequences = [list(prompt.tokens + form) for form in longest]
        body = {
            "input_ids": sequences,
            "sampling_params": {"max_new_tokens": 1, "temperature": 0},
            "return_logprob": True,
            "logprob_start_len": 0,
        }
        read, written = sum(map(len, sequences)), len(sequences)
        answers = await post("/generate", body, read=read, written=written)
        if not isinstance(answers, list) or len(answers) != len(longest):
            raise Malformed(f"{len(longest)} prompts were not answered one by one")
        scored: Scored = {}
        for answer, form, tokens in zip(answers, longest, sequences, strict=True):
            entries = mapping(mapping(answer).get("meta_info")).get("input_token_logprobs")
            if not isinstance(entries, list) or [_second(e) for e in entries] != tokens:
                raise BadLogprobs("the input's log-probabilities don't fit its tokens")
            for depth, entry in enumerate(entries[len(prompt.tokens) :]):
                scored[form[: depth + 1]] = logprob_of(entry[0])
        return scored


def _second(entry: object) -> object:
    return entry[1] if isinstance(entry, list) and len(entry) > 1 else None
