"""Weighs options as whole texts, by the log-probabilities of all their tokens at a server.

Each question takes three steps: the chat as the server's own template writes it, in tokens; an
option's tokens after it; the log-probability of each of these tokens. Nothing about a template or
a tokenizer is guessed, so that numbers are those of the same model on this machine.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from personae.core import Chat, Choice, Request
from personae.models.weighing import Tokens, weigh, why_unweighable

__all__ = ["Post", "Scored", "ServerTokens", "TextScorer", "TokenScorer"]

Post = Callable[[str, Mapping[str, Any]], Awaitable[object]]
"""Sends a body to a path of the server and returns its JSON."""
Scored = dict[Tokens, float]
"""For each beginning of each form, the log-probability (nats) of its last token."""
TAIL = 4
"""Tokens before an option that decide how a tokenizer splits it."""
KEPT = 512
"""Prompts, their ends, and forms after them, whose tokens are remembered."""
K = TypeVar("K")
V = TypeVar("V")


class ServerTokens(Protocol):
    """How one kind of server renders chats and tokenises texts."""

    async def prompt(self, post: Post, chat: Chat) -> Tokens:
        """Return the tokens of a chat, up to where the model continues; of no chat, its start."""
        ...

    async def encode(self, post: Post, text: str) -> Tokens:
        """Tokenise a text without adding anything."""
        ...

    async def decode(self, post: Post, tokens: Tokens) -> str:
        """Return the text of tokens."""
        ...


class TokenScorer(Protocol):
    """How one kind of server gives the log-probabilities of a prompt's continuations."""

    name: str

    def passes(self, forms: Sequence[str]) -> tuple[int, int]:
        """Return, in about, the billed calls of a choice, and how often they read its chat."""
        ...

    async def score(
        self, post: Post, prompt: Tokens, forms: Sequence[Tokens]
    ) -> tuple[Scored, int, int]:
        """Return the log-probabilities, and the tokens read and written for them."""
        ...


class TextScorer:
    """Weighs a request's options as texts after the chat, each by all its tokens.

    `continues`: whether the server's template leaves a last turn of the assistant open.
    """

    def __init__(self, tokens: ServerTokens, scorer: TokenScorer, *, continues: bool) -> None:
        self._tokens = tokens
        self._scorer = scorer
        self.continues = continues
        self._prompts: OrderedDict[Chat, Tokens] = OrderedDict()
        self._forms: OrderedDict[tuple[Tokens, str], Tokens] = OrderedDict()
        self._ends: OrderedDict[Tokens, tuple[str, Tokens]] = OrderedDict()

    @property
    def name(self) -> str:
        """What `Choice.method` says."""
        return self._scorer.name

    def work_of(self, read: int, forms: Sequence[str]) -> tuple[int, int, int]:
        """Return the calls of one choice, and their tokens read and written, in about.

        `read`: tokens of the chat; `forms`: all forms of its options.
        """
        calls, reads = self._scorer.passes(forms)
        return calls, reads * read, reads

    async def choose(self, post: Post, request: Request) -> Choice:
        """Weigh the options of one request.

        Raises:
            BadLogprobs: the server gives numbers that no log-probabilities can be.
        """
        prompt = await self._prompt(post, request.chat)
        options = [
            tuple(dict.fromkeys([await self._form(post, prompt, form) for form in forms]))
            for forms in request.options
        ]
        reason = why_unweighable(prompt, options)
        if reason:
            return Choice(status="error", why=reason, method=self.name)
        forms = list(dict.fromkeys(form for option in options for form in option))
        scored, read, written = await self._scorer.score(post, prompt, forms)
        return replace(weigh(options, scored, read), method=self.name, tokens_out=written)

    async def _prompt(self, post: Post, chat: Chat) -> Tokens:
        return await _remembered(self._prompts, chat, lambda: self._tokens.prompt(post, chat))

    async def _form(self, post: Post, prompt: Tokens, form: str) -> Tokens:
        """Return an option's tokens as they follow the prompt.

        They are tokenised together with the prompt's end, since tokenizers treat the start of a
        text in their own way; apart, where the end's own tokens would change.
        """
        tail = prompt[-TAIL:]

        async def end_of_prompt() -> tuple[str, Tokens]:
            before = await self._tokens.decode(post, tail)
            return before, await self._tokens.encode(post, before)

        async def tokenise() -> Tokens:
            before, alone = await _remembered(self._ends, tail, end_of_prompt)
            together = await self._tokens.encode(post, before + form)
            if together[: len(alone)] == alone:
                return together[len(alone) :]
            return await self._tokens.encode(post, form)

        return await _remembered(self._forms, (tail, form), tokenise)


async def _remembered(memory: OrderedDict[K, V], key: K, ask: Callable[[], Awaitable[V]]) -> V:
    if key not in memory:
        memory[key] = await ask()
        while len(memory) > KEPT:
            memory.popitem(last=False)
    memory.move_to_end(key)
    return memory[key]
