"""A model behind any OpenAI-compatible chat endpoint: vLLM, llama.cpp, Ollama, a hosted API.

Requests run side by side as far as the server allows, failures are tried again, and each request
ends in an answer or in a record of status `error` that says why. Only what concerns all requests
is an error here: a wrong key or name, a server that can't be reached or is gone, a spent budget.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import httpx

from personae.core import (
    Choice,
    Done,
    Reply,
    Request,
    Sampling,
    Usage,
    content_key,
    refuse_edits,
    require_options,
)
from personae.models.server.budget import Budget, Price, tokens_of
from personae.models.server.dispatch import Call
from personae.models.server.endpoint import Endpoint, Rejected
from personae.models.server.first_tokens import (
    choice_from_replies,
    choice_from_tokens,
    listed_tokens,
    longest_form,
)
from personae.models.server.service import ServerSettings, Service, no_reply, status_of
from personae.models.server.wire import chat_body, tokens_used

__all__ = ["ServerModel", "open_server"]

A = TypeVar("A", Reply, Choice)
FEWER = (20, 5)  # servers cap the tokens they list
PROBES = 3
LONGEST_COUNTED = 64
NO_CHAT = "a chat server can't be asked without a chat; open the model on this machine for that"


class ServerModel:
    """A `Chooser` at a chat endpoint. Draws repeat only as far as the server honours seeds.

    `choose` reads the first token's `top_logprobs`; where the server shows none, it counts
    sampled replies. `Choice.method` says which. Options of several tokens can't be weighed by
    the first, and end in a record of status `error`.

    A reply begun by the caller (a last turn of the assistant) is sent as one to be continued;
    servers that can't do that refuse it, which is a record too.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        budget: Budget | None = None,
        price: Price | None = None,
        settings: ServerSettings | None = None,
    ) -> None:
        self.price = price
        self._service = Service(endpoint, budget, price, settings or ServerSettings())
        self._top = self._service.settings.top
        self._shows = False  # has shown first tokens
        self._probes = 0

    def __repr__(self) -> str:
        return f"ServerModel({self.name!r})"

    @property
    def name(self) -> str:
        """The model string: address and model name."""
        return f"{self._service.endpoint.url}#{self._service.endpoint.model}"

    @property
    def fingerprint(self) -> str:
        """Address, model name, and how options are weighed: all that can be known of a server."""
        settings = self._service.settings
        return content_key(["server", self.name, settings.top, settings.samples])

    @property
    def spent(self) -> Usage:
        """Actual use by this process: every call sent, including failures and retries."""
        return self._service.spending.spent

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        """Reply to each request. `done` is called in the caller's thread.

        Raises:
            ModelUnavailable: a wrong key or name, or a server that can't be reached or is gone.
            FidelityError: the server answers with another model than the one asked for.
            BudgetSpent: a limit is reached; what was under way has been answered and handed over.
        """
        answers: dict[int, Reply] = {}
        deliver = _collector(answers, done)
        refuse_edits(requests, self.name)
        for index, request in enumerate(requests):
            if not request.chat:
                deliver(index, no_reply(NO_CHAT))
        indices = [index for index, request in enumerate(requests) if request.chat]
        self._service.replies(
            [(requests[p].chat, sampling) for p in indices], lambda i, a: deliver(indices[i], a)
        )
        return [answers[index] for index in range(len(requests))]

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        """Weigh each request's options. `done` is called in the caller's thread.

        Raises:
            ModelUnavailable: a wrong key or name, or a server that can't be reached or is gone.
            FidelityError: the server answers with another model than the one asked for.
            BudgetSpent: a limit is reached; what was under way has been answered and handed over.
        """
        answers: dict[int, Choice] = {}
        deliver = _collector(answers, done)
        refuse_edits(requests, self.name)
        require_options(requests)
        for index, request in enumerate(requests):
            if not request.chat:
                deliver(index, Choice(status="error", why=NO_CHAT))
        pending = [index for index in range(len(requests)) if index not in answers]
        while pending and self._top:
            # until the server has shown tokens once, questions go alone: it may show none
            is_sure = self._shows or self._probes >= PROBES
            self._by_tokens(requests, pending if is_sure else pending[:1], deliver)
            pending = [index for index in pending if index not in answers]
        self._by_count([requests[p] for p in pending], lambda i, a: deliver(pending[i], a))
        return [answers[index] for index in range(len(requests))]

    def _by_tokens(
        self,
        questions: Sequence[Request],
        indices: list[int],
        deliver: Callable[[int, Choice], None],
    ) -> None:
        """Weigh by first tokens; where the server shows none, request fewer next time."""
        top = self._top
        self._probes += 1

        async def attempt(client: httpx.AsyncClient, call: Call) -> _Weighed:
            question = questions[call.index]
            body = chat_body(self._service.endpoint.model, question.chat, Sampling(max_tokens=1))
            body |= {"logprobs": True, "top_logprobs": top}
            try:
                data = await self._service.post(client, body)
            except Rejected as rejection:
                if "logprob" in rejection.why.lower() and not self._shows:
                    self._top = min(self._top, next((n for n in FEWER if n < top), 0))
                    return _Weighed(None)
                return _Weighed(Choice(status=status_of(rejection), why=rejection.why))
            return self._weighed(data, question, top)

        def deliver_choice(index: int, answer: _Weighed) -> None:
            if answer.choice is not None:
                deliver(index, answer.choice)

        calls = [Call(p, tokens_of(questions[p].chat), 1) for p in indices]
        self._service.batch(
            calls, attempt, lambda why: _Weighed(Choice(status="error", why=why)), deliver_choice
        )

    def _weighed(self, data: object, question: Request, top: int) -> "_Weighed":
        listed = listed_tokens(data)
        read, written, why = tokens_used(data, question.chat, " ")
        if listed is None and not self._shows:
            self._top = 0
            return _Weighed(None, read, written)
        if listed is None:
            choice = Choice(status="error", why="the answer shows no log-probabilities")
        else:
            self._shows = True
            choice = choice_from_tokens(question, listed, top)
        choice = replace(choice, tokens_in=read, tokens_out=written, why=choice.why or why)
        return _Weighed(choice, read, written)

    def _by_count(
        self, questions: Sequence[Request], deliver: Callable[[int, Choice], None]
    ) -> None:
        """Weigh by counting sampled replies; question by question, so that a stop loses little."""
        count = self._service.settings.samples
        draws = []
        for question in questions:
            longest = min(longest_form(question), LONGEST_COUNTED)
            for draw in range(count):
                draws.append(
                    (question.chat, Sampling(max_tokens=longest, temperature=1.0, repeat=draw))
                )
        replies: dict[int, list[Reply]] = {}

        def collect(index: int, reply: Reply) -> None:
            collected = replies.setdefault(index // count, [])
            collected.append(reply)
            if len(collected) == count:
                del replies[index // count]
                deliver(index // count, choice_from_replies(questions[index // count], collected))

        self._service.replies(draws, collect)


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A Choice, or None where the server showed no tokens, and the tokens it took."""

    choice: Choice | None
    tokens_in: int = 0
    tokens_out: int = 0


def _collector(answers: dict[int, A], done: Done | None) -> Callable[[int, A], None]:
    """Make a function that stores an answer under its index and passes it on."""

    def deliver(index: int, answer: A) -> None:
        answers[index] = answer
        if done is not None:
            done(index, answer)

    return deliver


def open_server(
    text: str,
    *,
    budget: Budget | None = None,
    price: Price | None = None,
    key_name: str | None = None,
    settings: ServerSettings | None = None,
) -> ServerModel:
    """Open a model string `http://HOST/v1#NAME` or `https://...`. Nothing is sent yet.

    The key is read from the environment variable `key_name`; by default PERSONAE_API_KEY, and
    for hosts of openai.com also OPENAI_API_KEY.

    Raises:
        BadValue: the text is no address with a model's name, or a limit on money has no price.

    >>> open_server("http://localhost:8000/v1#small", budget=Budget(calls=100)).name
    'http://localhost:8000/v1#small'
    """
    deadline = (settings or ServerSettings()).deadline
    endpoint = Endpoint(text, key_name=key_name, deadline=deadline)
    return ServerModel(endpoint, budget=budget, price=price, settings=settings)
