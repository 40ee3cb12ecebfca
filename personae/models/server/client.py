"""A model behind any OpenAI-compatible server: vLLM, llama.cpp, Ollama, a hosted API.

Requests run side by side as far as the server allows, failures are tried again, and each request
ends in an answer or in a record of status `error` that says why. Only what concerns all requests
is an error here: a wrong key or name, a server that can't be reached or is gone, a spent budget.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from personae.core import (
    NOT_ASKED,
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
from personae.models.server.budget import Budget, Price, Spending
from personae.models.server.endpoint import Endpoint
from personae.models.server.requests.chat_forms import asked_outright, without_lead
from personae.models.server.server_settings import ServerSettings
from personae.models.server.service import Service
from personae.models.server.weighers import Weighers

__all__ = ["ServerModel", "open_server"]

A = TypeVar("A", Reply, Choice)
NO_CHAT = "a reply needs a chat to reply to"


class ServerModel:
    """A `Chooser` at a server. Draws repeat only as far as the server honours seeds.

    `choose` takes the first way that the server has: the log-probabilities of whole texts (vLLM,
    SGLang, llama.cpp, text-generation-inference); the first token's `top_logprobs`, for options of
    one token; counts of sampled replies. `Choice.method` says which. A question that no way can
    answer ends in a record of status `error`, without a call.

    A reply begun by the caller (a last turn of the assistant) is continued where the server can do
    that; elsewhere its words are asked for in the user's turn.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        spending: Spending | None = None,
        settings: ServerSettings | None = None,
    ) -> None:
        account = spending or Spending(Budget(), None)
        self.price = account.price
        self._service = Service(endpoint, account, settings or ServerSettings())
        self._weighers = Weighers(self._service)

    def __repr__(self) -> str:
        return f"ServerModel({self.name!r})"

    @property
    def name(self) -> str:
        """The model string in full: address and model name."""
        return str(self._service.endpoint.address)

    @property
    def fingerprint(self) -> str:
        """Address, model name, and how it is asked: all that can be known of a server."""
        settings = self._service.settings
        asked = [settings.extra_body, settings.thinking]
        extra = asked if any(asked) else []
        return content_key(["server", self.name, settings.top, settings.samples, *extra])

    @property
    def spent(self) -> Usage:
        """Actual use by this process: every call that may be billed, failures and retries too."""
        return self._service.spending.spent

    @property
    def notes(self) -> tuple[str, ...]:
        """How requests are changed at the user's wish, for the provenance."""
        settings = self._service.settings
        names = ", ".join(self._service.fields.body)
        return (
            *([f"thinking {settings.thinking}"] if settings.thinking else []),
            *([f"sent with every request: {names}"] if names else []),
        )

    @property
    def way(self) -> str:
        """How options are weighed, as far as the server has been asked."""
        return self._weighers.way

    def work_of(self, request: Request) -> tuple[int, int, int, int]:
        """Return, in about, the calls of one choice, their tokens read and written, and most calls.

        Asks the server first which ways it has, by calls that cost next to nothing.

        Raises:
            ModelUnavailable: the server can't be reached, or refuses all requests.
        """
        return self._weighers.work_of(request)

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
        deliver = self._collector(answers, done)
        refuse_edits(requests, self.name)
        for index, request in enumerate(requests):
            if not request.chat:
                deliver(index, Reply(text="", status="error", why=NO_CHAT))
        indices = [index for index, request in enumerate(requests) if request.chat]
        chats = [requests[index].chat for index in indices]
        outright = self._weighers.needs_outright(chats)
        asked = [asked_outright(chat) if outright else chat for chat in chats]

        def deliver_reply(position: int, answer: Reply) -> None:
            if asked[position] != chats[position] and answer.status == "ok":
                text = without_lead(answer.text, chats[position][-1].text)
                remark = "; ".join(filter(None, (answer.why, "the reply was not begun")))
                answer = replace(answer, text=text, why=remark)
            deliver(indices[position], answer)

        self._service.replies([(chat, sampling) for chat in asked], deliver_reply)
        return [answers[index] for index in range(len(requests))]

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        """Weigh each request's options. `done` is called in the caller's thread.

        Raises:
            ModelUnavailable: a wrong key or name, or a server that can't be reached or is gone.
            FidelityError: the server answers with another model than the one asked for.
            BudgetSpent: a limit is reached; what was under way has been answered and handed over.
        """
        answers: dict[int, Choice] = {}
        deliver = self._collector(answers, done)
        refuse_edits(requests, self.name)
        require_options(requests)
        self._weighers.choose(requests, deliver)
        return [answers[index] for index in range(len(requests))]

    def _collector(self, answers: dict[int, A], done: Done | None) -> Callable[[int, A], None]:
        """Make a function that stores an answer under its index and passes it on."""

        def deliver(index: int, answer: A) -> None:
            if getattr(answer, "method", "") != NOT_ASKED:
                answer = self._service.claim(answer)
            answers[index] = answer
            if done is not None:
                done(index, answer)

        return deliver


def open_server(
    text: str,
    *,
    budget: Budget | None = None,
    price: Price | None = None,
    spending: Spending | None = None,
    key_name: str | None = None,
    settings: ServerSettings | None = None,
) -> ServerModel:
    """Open a model string: `http://HOST/v1#NAME`, `https://...` or a short form such as `ollama:`.

    Nothing is sent yet. `spending`: the account of a run, where several servers share its limits,
    instead of a budget and a price. The key is read from the environment variable `key_name`; by
    default PERSONAE_API_KEY, for hosts of openai.com also OPENAI_API_KEY.

    Raises:
        BadValue: the text is no address with a model's name, or a limit on money has no price.

    >>> open_server("http://localhost:8000/v1#small", budget=Budget(calls=100)).name
    'http://localhost:8000/v1#small'
    """
    settings = settings or ServerSettings()
    endpoint = Endpoint(
        text, key_name=key_name, deadline=settings.deadline, headers=settings.headers
    )
    account = spending or Spending(budget or Budget(), price)
    return ServerModel(endpoint, spending=account, settings=settings)
