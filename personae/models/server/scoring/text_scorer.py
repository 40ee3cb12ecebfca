"""Weighs options as whole texts, by the log-probabilities of all their tokens at a server.

Each question takes three steps: the chat as the server's own template writes it, in tokens; an
option's tokens after it; the log-probability of each of these tokens. Nothing about a template or
a tokenizer is guessed, so that numbers are those of the same model on this machine.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from personae.core import Chat, Choice, Request
from personae.models.weighing import Tokens, common_beginning, weigh, why_unweighable

__all__ = ["Post", "PromptTokens", "Scored", "ServerTokens", "TextScorer", "TokenScorer"]

Scored = dict[Tokens, float]
"""For each beginning of each form, the log-probability (nats) of its last token."""
TAIL = 4
"""Tokens before an option that decide how a tokenizer splits it."""
KEPT = 512
"""Prompts, their ends, and forms after them, whose tokens are remembered."""
K = TypeVar("K")
V = TypeVar("V")


class Post(Protocol):
    """Sends a body to a path of the server and returns its JSON.

    `read` and `written` are the tokens that the call is billed for once it is answered, unless the
    server counts them itself; 0 for a call that runs no model.
    """

    async def __call__(
        self, path: str, body: Mapping[str, Any], *, read: int = 0, written: int = 0
    ) -> object:
        """Send it."""
        ...


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """A chat as the server's template writes it.

    `text`: what a server that takes no tokens is sent for it; `starts`: where each token begins in
    `text`. Both are empty where tokens are sent.
    """

    tokens: Tokens
    text: str = ""
    starts: tuple[int, ...] = ()

    def parted(self, last: int) -> "tuple[PromptTokens, str]":
        """Return the prompt without its last tokens, and the text that these are sent as."""
        if not last:
            return self, ""
        at = self.starts[-last] if self.starts else 0
        begun = PromptTokens(self.tokens[:-last], self.text[:at], self.starts[:-last])
        return begun, self.text[at:]


class ServerTokens(Protocol):
    """How one kind of server renders chats and tokenises texts."""

    async def prompt(self, post: Post, chat: Chat) -> PromptTokens:
        """Return a chat's prompt, up to where the model continues; of no chat, its start."""
        ...

    async def encode(self, post: Post, text: str) -> Tokens:
        """Tokenise a text without adding anything."""
        ...

    async def decode(self, post: Post, prompt: PromptTokens, last: int) -> str:
        """Return the text of so many of a prompt's tokens, from its end on."""
        ...


class TokenScorer(Protocol):
    """How one kind of server gives the log-probabilities of a prompt's continuations."""

    name: str

    def passes(self, forms: Sequence[str]) -> tuple[int, int]:
        """Return, in about, the billed calls of a choice, and how often they read its chat."""
        ...

    async def score(self, post: Post, prompt: PromptTokens, forms: Mapping[Tokens, str]) -> Scored:
        """Return the log-probabilities of forms, given as tokens with their text.

        Raises:
            BadLogprobs: the server gives numbers that no log-probabilities can be.
        """
        ...


class TextScorer:
    """Weighs a request's options as texts after the chat, each by all its tokens.

    `continues`: whether the server's template leaves a last turn of the assistant open.
    """

    def __init__(self, tokens: ServerTokens, scorer: TokenScorer, *, continues: bool) -> None:
        self._tokens = tokens
        self._scorer = scorer
        self.continues = continues
        self._prompts: OrderedDict[Chat, PromptTokens] = OrderedDict()
        self._seams: OrderedDict[tuple[Tokens, str], tuple[int, Tokens]] = OrderedDict()
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
        """Weigh the options of one request; the tokens used are counted by `post`.

        Raises:
            BadLogprobs: the server gives numbers that no log-probabilities can be.
        """
        whole = await self._prompt(post, request.chat)
        seams = {
            form: await self._seam(post, whole, form) for forms in request.options for form in forms
        }
        changed = max(back for back, _ in seams.values())
        prompt, rest = whole.parted(changed)
        ending = whole.tokens[len(prompt.tokens) :]
        tokens = {form: ending[: changed - back] + ids for form, (back, ids) in seams.items()}
        options = [tuple(dict.fromkeys(tokens[form] for form in f)) for f in request.options]
        reason = why_unweighable(prompt.tokens, options)
        if reason:
            return Choice(status="error", why=reason, method=self.name)
        texts = {tokens[form]: rest + form for form in tokens}
        scored = await self._scorer.score(post, prompt, texts)
        return replace(weigh(options, scored, 0), method=self.name)

    async def _prompt(self, post: Post, chat: Chat) -> PromptTokens:
        return await _remembered(self._prompts, chat, lambda: self._tokens.prompt(post, chat))

    async def _seam(self, post: Post, prompt: PromptTokens, form: str) -> tuple[int, Tokens]:
        """Say how many of a prompt's last tokens an option changes, and what follows the others.

        The option is tokenised together with the prompt's end, since tokenizers treat the start of
        a text in their own way; apart, where more than that end would change.
        """
        tail = prompt.tokens[-TAIL:]

        async def end_of_prompt() -> tuple[str, Tokens]:
            before = await self._tokens.decode(post, prompt, len(tail))
            return before, await self._tokens.encode(post, before)

        async def tokenise() -> tuple[int, Tokens]:
            before, alone = await _remembered(self._ends, tail, end_of_prompt)
            joint = await self._tokens.encode(post, before + form)
            common = common_beginning(alone, joint)
            changed = alone[common:]
            if not changed or (common and changed == tail[-len(changed) :]):
                return len(changed), joint[common:]
            return 0, await self._tokens.encode(post, form)

        return await _remembered(self._seams, (tail, form), tokenise)


async def _remembered(memory: OrderedDict[K, V], key: K, ask: Callable[[], Awaitable[V]]) -> V:
    if key not in memory:
        memory[key] = await ask()
        while len(memory) > KEPT:
            memory.popitem(last=False)
    memory.move_to_end(key)
    return memory[key]
