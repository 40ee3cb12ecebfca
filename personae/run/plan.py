"""Estimates the cost of a study by running it on a respondent that costs nothing.

A study's plan is the study itself on a simulated respondent, with a counter in between, so that no
second description of the work can diverge from the first. If a study branches on the model's
answers, the actual numbers may differ; the plan says "about". A study that works on activations has
no plan, since a simulated respondent has none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from personae.core import Chat, Choice, Chooser, Done, Reply, Report, Request, Sampling
from personae.models.wrapper import ModelWrapper
from personae.respondents.simulated import open_simulated

__all__ = ["CostEstimate", "estimate_study", "estimate_work"]

CHARS_PER_TOKEN = 4.0
"""Characters per token of English prose under a byte-pair tokenizer, approximately."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEstimate:
    """The approximate requests and tokens of a study, and how many requests write a reply.

    `tokens_out` is an upper bound, and counts one token a choice.
    """

    requests: int
    tokens_in: int
    tokens_out: int
    replies: int = 0

    def times(self, factor: float) -> "CostEstimate":
        """Return the cost of `factor` times as much work."""
        return CostEstimate(
            requests=ceil(self.requests * factor),
            tokens_in=ceil(self.tokens_in * factor),
            tokens_out=ceil(self.tokens_out * factor),
            replies=ceil(self.replies * factor),
        )

    def __str__(self) -> str:
        return (
            f"about {self.requests:,} requests, {self.tokens_in:,} tokens read, "
            f"at most {self.tokens_out:,} written"
        )


class _Counting(ModelWrapper[Chooser]):
    """A chooser that counts what passes through it, each distinct request once."""

    def __init__(self, inner: Chooser) -> None:
        super().__init__(inner)
        self._seen: set[int] = set()
        self.tokens_in = 0
        self.tokens_out = 0
        self.replies = 0

    @property
    def requests(self) -> int:
        return len(self._seen)

    def _count(self, request: object, chat: Chat, tokens_out: int, *, writes: bool) -> None:
        key = hash(request)
        if key not in self._seen:
            self._seen.add(key)
            self.tokens_in += round(sum(len(m.text) for m in chat) / CHARS_PER_TOKEN) + 4
            self.tokens_out += tokens_out
            self.replies += writes

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        for request in requests:
            chat = request.chat
            self._count((chat, sampling), chat, sampling.max_tokens, writes=True)
        return self._inner.reply(requests, sampling, done=done)

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        for question in requests:
            self._count(question, question.chat, 1, writes=False)
        return self._inner.choose(requests, done=done)


def estimate_study(study: Callable[[Chooser], Report], seed: int = 0) -> CostEstimate:
    """Estimate the cost of a study, given as a function of the model alone."""
    return estimate_work(study, seed)


def estimate_work(work: Callable[[Chooser], object], seed: int = 0) -> CostEstimate:
    """Estimate the cost of any work with a model."""
    counter = _Counting(open_simulated(f"simulated:noise=0.3,seed={seed}"))
    work(counter)
    return CostEstimate(
        requests=counter.requests,
        tokens_in=counter.tokens_in,
        tokens_out=counter.tokens_out,
        replies=counter.replies,
    )
