"""Estimates the cost of a study by running it on a respondent that costs nothing.

A study's plan is the study itself on a simulated respondent, with a counter in between, so that no
second description of the work can diverge from the first. If a study branches on the model's
answers, the actual numbers may differ; the plan says "about". A study that works on activations has
no plan, since a simulated respondent has none.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Protocol, runtime_checkable

from personae.core import (
    Chat,
    Choice,
    Chooser,
    Done,
    InputError,
    Model,
    OpenModel,
    Reply,
    Report,
    Request,
    Sampling,
    UnknownName,
    counted,
    is_control,
)
from personae.models.opening import is_server
from personae.models.wrapper import ModelWrapper
from personae.respondents.simulated import open_simulated

__all__ = [
    "CostEstimate",
    "TokensOf",
    "WorkOf",
    "announce",
    "estimate_work",
    "token_counter",
]

CHARS_PER_TOKEN = 4.0
"""Characters per token of English prose under a byte-pair tokenizer, approximately.

For models whose tokenizer is elsewhere.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEstimate:
    """The approximate requests and tokens of a study, and how many requests write a reply.

    `tokens_out` is an upper bound, and counts one token a choice. `calls` are those to a server,
    where a request may take more than one, else 0; `most_calls` is reached if the server shows less
    than it is hoped to.
    """

    requests: int
    tokens_in: int
    tokens_out: int
    replies: int = 0
    calls: int = 0
    most_calls: int = 0

    def times(self, factor: float) -> "CostEstimate":
        """Return the cost of `factor` times as much work."""
        return CostEstimate(
            requests=ceil(self.requests * factor),
            tokens_in=ceil(self.tokens_in * factor),
            tokens_out=ceil(self.tokens_out * factor),
            replies=ceil(self.replies * factor),
            calls=ceil(self.calls * factor),
            most_calls=ceil(self.most_calls * factor),
        )

    def __str__(self) -> str:
        calls = (
            f" in {counted(self.calls, 'call')}"
            if self.calls != self.requests and self.calls
            else ""
        )
        if self.most_calls > self.calls:
            calls += f" (in {self.most_calls:,} if the server shows no log-probabilities)"
        return (
            f"about {counted(self.requests, 'request')}{calls}, {self.tokens_in:,} tokens read, "
            f"at most {self.tokens_out:,} written"
        )


WorkOf = Callable[[Request], tuple[int, int, int, int]]
"""From a choice to its calls, their tokens read and written, and the most calls it may take."""
TokensOf = Callable[[Chat], int]
"""From a chat to the tokens that a model reads of it."""


@runtime_checkable
class _WithTokenizer(Protocol):
    def token_counter(self) -> TokensOf: ...


def token_counter(models: Iterable[Model]) -> TokensOf | None:
    """Return the count of tokens by the first model that has its tokenizer here, if any has."""
    return next((m.token_counter() for m in models if isinstance(m, _WithTokenizer)), None)


@runtime_checkable
class _Server(Protocol):
    """A model behind a server: the calls of a choice, and in words how it weighs options."""

    @property
    def way(self) -> str: ...

    def work_of(self, request: Request) -> tuple[int, int, int, int]: ...


class _Counting(ModelWrapper[Chooser]):
    """A chooser that counts what passes through it, each distinct request once."""

    def __init__(self, inner: Chooser, work_of: WorkOf | None, tokens_of: TokensOf | None) -> None:
        super().__init__(inner)
        self._work_of = work_of
        self._tokens_of = tokens_of or _tokens
        self._seen: set[int] = set()
        self.calls = 0
        self.most_calls = 0
        self.tokens_in = 0
        self.tokens_out = 0
        self.replies = 0

    @property
    def requests(self) -> int:
        return len(self._seen)

    def _is_new(self, request: object) -> bool:
        key = hash(request)
        is_new = key not in self._seen
        self._seen.add(key)
        return is_new

    def _count(self, calls: int, read: int, written: int, most_calls: int = 1) -> None:
        self.calls += calls
        self.most_calls += most_calls
        self.tokens_in += read
        self.tokens_out += written

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        for request in requests:
            if self._is_new((request.chat, sampling)):
                self._count(1, self._tokens_of(request.chat), sampling.max_tokens)
                self.replies += 1
        return self._inner.reply(requests, sampling, done=done)

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        for question in requests:
            if self._is_new(question):
                if self._work_of:
                    self._count(*self._work_of(question))
                else:
                    self._count(1, self._tokens_of(question.chat), 1)
        return self._inner.choose(requests, done=done)


def _tokens(chat: Chat) -> int:
    return round(sum(len(m.text) for m in chat) / CHARS_PER_TOKEN) + 4


def estimate_work(
    work: Callable[[Chooser], object],
    seed: int = 0,
    *,
    work_of: WorkOf | None = None,
    tokens_of: TokensOf | None = None,
) -> CostEstimate:
    """Estimate the cost of work with a model, by doing it on a simulated respondent.

    `work_of`: a choice's calls and tokens, for a server where it takes more than one call.
    `tokens_of`: a chat's tokens; without, they are estimated from its characters.
    """
    counter = _Counting(open_simulated(f"simulated:noise=0.3,seed={seed}"), work_of, tokens_of)
    work(counter)
    return CostEstimate(
        requests=counter.requests,
        tokens_in=counter.tokens_in,
        tokens_out=counter.tokens_out,
        replies=counter.replies,
        calls=counter.calls if work_of else 0,
        most_calls=counter.most_calls if work_of else 0,
    )


def announce(
    study: Callable[..., Report], models: Mapping[str, Model], tell: Callable[[str], object]
) -> CostEstimate | None:
    """Tell in lines what a study will ask of its models, given by role; return the plan.

    Nothing is told where all models are controls; a study that works inside its model has no plan.

    Raises:
        InputError: as the study does for what it is given.
    """
    if all(is_control(model.name) for model in models.values()):
        return None
    server = _server_of(models)
    try:
        plan = estimate_work(
            lambda model: study(**dict.fromkeys(models, model)),
            work_of=server.work_of if server else None,
            tokens_of=token_counter(models.values()),
        )
    except UnknownName:
        raise
    except InputError:
        if not all(isinstance(model, OpenModel) for model in models.values()):
            raise
        tell("No plan: the study works inside the model, so its cost is unknown.")
        return None
    tell(f"{', '.join(model.name for model in models.values())}: {plan}")
    if server is not None:
        tell(f"Options are weighed {server.way}.")
    return plan


def _server_of(models: Mapping[str, Model]) -> _Server | None:
    """Return the model that is asked first and is a server, whose calls are planned."""
    servers = (model for model in models.values() if is_server(model.name))
    return next((server for server in servers if isinstance(server, _Server)), None)
