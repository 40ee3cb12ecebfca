"""The local engine: an open model on this machine, read in batches with shared prefixes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self, cast

from llguidance import LLTokenizer

from personae.core import (
    Activations,
    BadValue,
    Chat,
    Choice,
    Done,
    Edit,
    Pool,
    Question,
    Reply,
    Sampling,
    Site,
    content_key,
)
from personae.models.choosing import choices
from personae.models.constrain import Grammar
from personae.models.generating import Writer
from personae.models.loading import Loaded
from personae.models.reading import Reader
from personae.models.recording import check_edits, edits_in_force, record

__all__ = ["LocalModel", "context_length"]


def context_length(loaded: Loaded) -> int:
    """Give the most tokens that a network reads at once, by its own configuration."""
    config = cast(Any, loaded.network).config.get_text_config()
    return int(getattr(config, "max_position_embeddings", None) or 1 << 30)


class LocalModel:
    """A transformers network and its tokenizer as an `OpenModel`.

    `token_budget` is the most tokens of one pass, `rows` the most replies written at a time.
    Results depend neither on these nor on what else is asked in the same call, beyond rounding
    (1e-4 nats in float32).
    """

    def __init__(self, loaded: Loaded, *, token_budget: int = 1024, rows: int = 32) -> None:
        self.loaded = loaded
        self.limit = context_length(loaded)
        self._reader = Reader(loaded.network, token_budget=token_budget)
        self._writer = Writer(self._reader, loaded.codec, self.limit, rows)
        self._tokens: LLTokenizer | None = None
        self._edits: tuple[Edit, ...] = ()

    @property
    def name(self) -> str:
        """The string that opens it."""
        return self.loaded.name

    @property
    def fingerprint(self) -> str:
        """The weights' fingerprint; with edits in force, joined with them."""
        if not self._edits:
            return self.loaded.fingerprint
        edits = [(e.site, e.strength, e.vector.astype("<f4").tobytes().hex()) for e in self._edits]
        return content_key([self.loaded.fingerprint, edits])

    def choose(self, questions: Sequence[Question], *, done: Done | None = None) -> list[Choice]:
        """Weigh each question's options; one reading of the item serves them all.

        A chat with an option longer than the network reads is answered with status `error`.
        """
        return choices(self._reader, self.loaded.codec, questions, self.limit, done)

    def reply(
        self, chats: Sequence[Chat], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        """Reply to each chat; batched, with a draw that follows from seed, repeat and chat only.

        A stop string ends a reply before itself; `max_tokens` cuts it (status `cut`, text kept).
        Under a JSON schema every reply is valid: one that reaches `max_tokens` is closed by force.

        Raises:
            BadValue: the schema can't be enforced or can't fit `max_tokens`.
        """
        grammar = None if sampling.schema is None else self._grammar(sampling.schema)
        return self._writer.replies(chats, sampling, grammar, done)

    def _grammar(self, schema: str) -> Grammar:
        if self._tokens is None:
            codec = self.loaded.codec
            self._tokens = Grammar.vocabulary(codec.tokenizer, codec.eos_ids)
        return Grammar(self._tokens, schema)

    def record(self, chats: Sequence[Chat], sites: Sequence[Site], pool: Pool) -> Activations:
        """Read activations at the sites, pooled over the tokens of each rendered chat.

        `last` is the token after which the model would answer, `mean` all tokens including the
        template's, `all` every token of every chat, one after another. Edits in force are seen.

        Raises:
            BadValue: an unknown site or pool, or a chat longer than the network reads.
        """
        codec = self.loaded.codec
        prompts = [tuple(codec.encode(codec.render(chat))) for chat in chats]
        for index, prompt in enumerate(prompts):
            if not 0 < len(prompt) <= self.limit:
                raise BadValue(
                    f"chat {index} has {len(prompt):,} tokens; the model reads 1 to {self.limit:,}"
                )
        return record(self._reader, prompts, sites, pool)

    @contextmanager
    def edited(self, edits: Sequence[Edit]) -> Iterator[Self]:
        """Yield this model with the edits in force for every token; gone when the block ends.

        Blocks may be nested: their edits add up. Strength 0 is the identity: such edits are left
        out, also of the fingerprint.

        Raises:
            BadValue: an edit that doesn't fit the network.
        """
        check_edits(self.loaded.network, edits)
        before, active = self._edits, tuple(e for e in edits if e.strength != 0)
        with edits_in_force(self.loaded.network, active):
            self._edits = (*before, *active)
            self._reader.forget()
            try:
                yield self
            finally:
                self._edits = before
                self._reader.forget()
