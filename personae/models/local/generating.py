"""Writes replies to many chats in lock-step, reading shared prefixes once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Protocol

import numpy as np
from torch import Tensor

from personae.core import BadValue, Chat, Done, Reply, Sampling, Status
from personae.models.codec.posed_questions import ChatCodec
from personae.models.local.constrained import Grammar, Guide
from personae.models.local.drawing import draw, stream
from personae.models.local.forward.passes import ForwardPasses
from personae.models.local.forward.reply_passes import begin_replies
from personae.models.local.forward.shared_prefixes import shared_length
from personae.models.weighing import NO_PROBABILITIES

__all__ = ["ReplyWriter", "WritingCodec"]

WORTH_SHARING = 64
"""A batch is cut early where the next prompt shares so many tokens fewer than those in it."""


class WritingCodec(ChatCodec, Protocol):
    """A codec that also turns tokens into text."""

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """Tokens that end a reply."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Write tokens as text, special tokens left out."""
        ...


@dataclass(slots=True, eq=False)
class _Draft:
    """A reply being written; its prompt is marked for the variant of edits it is under."""

    prompt: tuple[int, ...]
    variant: int
    requests: list[int]
    room: int
    random: np.random.Generator
    guide: Guide | None
    taken: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReplyWriter:
    """Writes replies in batches of up to `rows`; `limit` is the most tokens the network reads."""

    reader: ForwardPasses
    codec: WritingCodec
    limit: int
    rows: int = 32

    def replies(
        self,
        chats: Sequence[tuple[Chat, int]],
        sampling: Sampling,
        grammar: Grammar | None,
        done: Done | None,
    ) -> list[Reply]:
        """Reply to each chat, equal ones once (their draws are equal).

        Beside each chat stands the variant of the reader's edits under which its reply is written.
        """
        _check(sampling, grammar)
        answers: dict[int, Reply] = {}
        for requests, reply in self._all(chats, sampling, grammar):
            for index in requests:
                answers[index] = reply
                if done is not None:
                    done(index, reply)
        return [answers[index] for index in range(len(chats))]

    def _all(
        self, chats: Sequence[tuple[Chat, int]], sampling: Sampling, grammar: Grammar | None
    ) -> Iterator[tuple[list[int], Reply]]:
        indices: dict[tuple[str, int], list[int]] = {}
        for index, (chat, variant) in enumerate(chats):
            indices.setdefault((self.codec.render(chat), variant), []).append(index)
        drafts: list[_Draft] = []
        for (text, variant), requests in indices.items():
            prompt = tuple(self.codec.encode(text))
            room = min(sampling.max_tokens, self.limit - len(prompt))
            reason = self._refusal_reason(prompt, room, grammar)
            if reason:
                yield requests, Reply(text="", status="error", why=reason, tokens_in=len(prompt))
                continue
            guide = None if grammar is None else grammar.guide()
            marked = self.reader.editing.marked(prompt, len(prompt), variant)
            drafts.append(_Draft(marked, variant, requests, room, stream(sampling, text), guide))
        for batch in _batches(sorted(drafts, key=lambda d: d.prompt), self.rows):
            yield from self._write(batch, sampling)

    def _refusal_reason(self, prompt: tuple[int, ...], room: int, grammar: Grammar | None) -> str:
        if not prompt:
            return "the chat renders to no token at all, so nothing can be continued"
        if room < 1:
            return f"the chat has {len(prompt):,} tokens; the model reads at most {self.limit:,}"
        if grammar is not None and room < (grammar.shortest or 0):
            return (
                f"the chat has {len(prompt):,} of at most {self.limit:,} tokens, which leaves "
                f"{room}; the shortest reply by the schema needs {grammar.shortest}"
            )
        return ""

    def _write(self, drafts: list[_Draft], sampling: Sampling) -> Iterator[tuple[list[int], Reply]]:
        rooms = [draft.room for draft in drafts]
        passes, logits = begin_replies(self.reader, [draft.prompt for draft in drafts], rooms)
        while drafts:
            # drafts stay in the order of the passes' rows; the last row replaces a finished one
            broken = _without_probabilities(logits)
            tokens = self._next(logits, drafts, sampling)
            finished: list[int] = []
            for row, (draft, token) in enumerate(zip(drafts, tokens, strict=True)):
                reply = _broken(draft) if row in broken else self._take(draft, token, sampling)
                if reply is not None:
                    finished.append(row)
                    yield draft.requests, reply
            for row in reversed(finished):
                passes.drop(row)
                drafts[row] = drafts[-1]
                drafts.pop()
            if drafts:
                logits = passes.step([self._last(draft) for draft in drafts])

    def _last(self, draft: _Draft) -> int:
        """Return the last token taken, marked."""
        length, position = len(draft.prompt), len(draft.prompt) + len(draft.taken) - 1
        return self.reader.editing.marked(draft.taken[-1:], length, draft.variant, position)[0]

    def _next(self, logits: Tensor, drafts: list[_Draft], sampling: Sampling) -> list[int]:
        for row, draft in enumerate(drafts):
            if draft.guide is not None:
                allowed = draft.guide.allowed(logits.shape[-1]).to(logits.device)
                logits[row] = logits[row].where(allowed, float("-inf"))
        return draw(logits, sampling, [draft.random.random() for draft in drafts])

    def _take(self, draft: _Draft, token: int, sampling: Sampling) -> Reply | None:
        """Add a token to a draft; return the reply if that ends it."""
        draft.taken.append(token)
        full = len(draft.taken) >= draft.room
        if draft.guide is not None:
            if not draft.guide.take(token):
                return _reply(draft, draft.guide.text())
            reason = f"closed by force at {draft.room} tokens"
            return _reply(draft, draft.guide.close(draft.room), why=reason) if full else None
        if token in self.codec.eos_ids:
            return _reply(draft, self.codec.decode(draft.taken[:-1]))
        if full or sampling.stop:
            text = self.codec.decode(draft.taken)
            ends = [position for position in map(text.find, sampling.stop) if position >= 0]
            if ends:
                return _reply(draft, text[: min(ends)])
            if full:
                return _reply(draft, text, status="cut", why=self._cut_reason(draft, sampling))
        return None

    def _cut_reason(self, draft: _Draft, sampling: Sampling) -> str:
        if draft.room == sampling.max_tokens:
            return f"cut at {draft.room} tokens"
        return f"cut at {draft.room} tokens: with the chat the model reads at most {self.limit:,}"


def _reply(draft: _Draft, text: str, *, status: Status = "ok", why: str = "") -> Reply:
    counts = (len(draft.prompt), len(draft.taken))
    return Reply(text=text, status=status, why=why, tokens_in=counts[0], tokens_out=counts[1])


def _broken(draft: _Draft) -> Reply:
    return _reply(draft, "", status="error", why=NO_PROBABILITIES)


def _without_probabilities(logits: Tensor) -> set[int]:
    """Return the rows of which no token can be drawn: NaN, +inf, or -inf everywhere."""
    sums = logits.sum(-1)  # of a sound row finite, or -inf where single tokens are ruled out
    if bool(sums.isfinite().all()):
        return set()
    most = logits.amax(-1)  # NaN where a row holds one
    return {row for row, value in enumerate(most.tolist()) if not isfinite(value)}


def _check(sampling: Sampling, grammar: Grammar | None) -> None:
    if grammar is None:
        return
    if sampling.stop:
        raise BadValue("a JSON schema ends the reply by itself; give it without stop strings")
    if grammar.shortest is None:
        raise BadValue("no reply by this JSON schema is known to end; bound its numbers or arrays")
    if grammar.shortest > sampling.max_tokens:
        raise BadValue(
            f"max_tokens={sampling.max_tokens} is too small for this JSON schema, "
            f"whose shortest reply needs {grammar.shortest} tokens"
        )


def _batches(drafts: Sequence[_Draft], rows: int) -> Iterator[list[_Draft]]:
    batch: list[_Draft] = []
    shared = 0
    for draft in drafts:
        shared_now = shared_length(batch[0].prompt, draft.prompt) if batch else len(draft.prompt)
        parting = len(batch) >= rows // 2 and shared_now + WORTH_SHARING < shared
        if len(batch) == rows or parting:
            yield batch
            batch, shared_now = [], len(draft.prompt)
        batch.append(draft)
        shared = shared_now
    if batch:
        yield batch
