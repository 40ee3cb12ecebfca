"""Sends batches to one endpoint on behalf of a server model; checks names, records refusals.

Whatever concerns a single request becomes a record; what concerns all requests is raised.
"""

import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from typing import Any, TypeVar

import httpx

from personae.core import (
    Chat,
    Choice,
    FidelityError,
    ModelUnavailable,
    Reply,
    Sampling,
    Status,
)
from personae.models.server.budget import Spending, tokens_of
from personae.models.server.calls import Call, CallResult, Retry
from personae.models.server.dispatch import Dispatcher, ServerState
from personae.models.server.endpoint import Endpoint, Rejected
from personae.models.server.event_thread import in_background
from personae.models.server.rate_limit import RateLimit
from personae.models.server.requests.chat_forms import system_in_user
from personae.models.server.requests.refusals import RequestAdapter
from personae.models.server.server_settings import ServerSettings
from personae.models.server.wire import (
    Malformed,
    chat_body,
    read_reply,
    reported_usage,
    tokens_used,
)

__all__ = ["Service", "status_of"]

T = TypeVar("T", bound=CallResult)
A = TypeVar("A", Reply, Choice)
_DATED = re.compile(r"([-@]\d{3,8}(-\d{2}-\d{2})?|:latest|-latest)$")


class Service:
    """One model at one endpoint, and its state between batches."""

    def __init__(
        self,
        endpoint: Endpoint,
        spending: Spending,
        settings: ServerSettings,
    ) -> None:
        self.endpoint = endpoint
        self.settings = settings
        self.spending = spending
        most = settings.at_once
        rate_limit = RateLimit(start=min(8, most), most=most)
        self._state = ServerState(
            rate_limit,
            spending,
            patience=settings.patience,
            first_answer=settings.first_answer,
            silence=2 * settings.deadline,
        )
        self._known = False  # has answered under the right name
        self.fields = settings.fields
        self.adapter = RequestAdapter(self.fields.requested)
        self._billed: dict[httpx.AsyncClient, tuple[int, int]] = {}  # tokens of a client's attempt
        self._sent: dict[httpx.AsyncClient, int] = {}  # calls of a client's attempt
        self._unclaimed: deque[tuple[int, int]] = deque()

    def replies(
        self, questions: Sequence[tuple[Chat, Sampling]], deliver: Callable[[int, Reply], None]
    ) -> None:
        """Draw a reply for each chat under its own sampling; each goes to `deliver` as it comes."""

        async def attempt(client: httpx.AsyncClient, call: Call) -> Reply:
            chat, sampling = questions[call.index]
            body = chat_body(self.endpoint.model, self.shaped(chat), sampling)
            try:
                data = await self.post(client, body)
            except Rejected as rejection:
                read, written = self.billed(client)
                return Reply(
                    text="",
                    status=status_of(rejection),
                    why=rejection.why,
                    tokens_in=read,
                    tokens_out=written,
                )
            reply = read_reply(data, chat, sampling)
            remark = "; ".join(filter(None, (reply.why, self.remark(body, chat))))
            return replace(reply, why=remark) if reply.status == "ok" else reply

        extra = self.fields.thought_tokens
        calls = [
            Call(index, tokens_of(chat), sampling.max_tokens + extra)
            for index, (chat, sampling) in enumerate(questions)
        ]
        self.batch(calls, attempt, _given_up, deliver)

    def model_has_not_answered(self) -> None:
        """Note that the server was only asked which paths it has."""
        self._state.succeeded = False

    def billed(self, client: httpx.AsyncClient) -> tuple[int, int]:
        """Return the tokens read and written so far in a client's attempt."""
        return self._billed.get(client, (0, 0))

    def bill(self, tokens_in: int, tokens_out: int) -> None:
        """Note tokens that were paid for without an answer that could carry them."""
        self._unclaimed.append((tokens_in, tokens_out))

    def claim(self, answer: A) -> A:
        """Add to an answer the tokens that were paid for on the way to it."""
        read, written = answer.tokens_in, answer.tokens_out
        while self._unclaimed:
            more = self._unclaimed.popleft()
            read, written = read + more[0], written + more[1]
        return replace(answer, tokens_in=read, tokens_out=written)

    def _unusable(self, client: httpx.AsyncClient) -> tuple[int, int]:
        """Bill the tokens of an attempt without an answer, and return them."""
        tokens = self.billed(client)
        self.bill(*tokens)
        return tokens

    def shaped(self, chat: Chat) -> Chat:
        """Return the chat as the server takes it."""
        return system_in_user(chat) if self.adapter.system_in_user else chat

    def remark(self, body: Mapping[str, Any], chat: Chat) -> str:
        """Say in what a request differs from what was asked for; "" if in nothing."""
        is_moved = self.shaped(chat) != chat
        moved = "the system text is in the user's turn" if is_moved else ""
        return "; ".join(filter(None, (self.adapter.remark(self.fields.added_to(body)), moved)))

    def batch(
        self,
        calls: Sequence[Call],
        attempt: Callable[[httpx.AsyncClient, Call], Awaitable[T]],
        give_up: Callable[[str], T],
        deliver: Callable[[int, T], None],
    ) -> None:
        """See all calls to their end; `deliver(index, answer)` is called in the caller's thread.

        Raises:
            ModelUnavailable: a wrong key or name, or a server that can't be reached or is gone.
            FidelityError: the server answers with another model than the one asked for.
            BudgetSpent: a limit is reached; what was under way has been delivered.
        """
        if not calls:
            return

        async def work(deliver: Callable[[int, T], None]) -> None:
            # a client for each request under way: the library's own pool looks through all its
            # connections for every request, which at 32 takes ten times the rest of the work
            free: list[httpx.AsyncClient] = []
            async with AsyncExitStack() as stack:

                async def once(call: Call) -> T:
                    new = None if free else self.endpoint.client()
                    client = await stack.enter_async_context(new) if new else free.pop()
                    try:
                        return await attempt(client, call)
                    except Malformed as error:
                        raise Retry(str(error), tokens=self._unusable(client)) from error
                    except Retry as failed:
                        failed.tokens = self._unusable(client)
                        raise
                    finally:
                        self._billed.pop(client, None)
                        self.spending.count_calls(self._sent.pop(client, 0) - 1)
                        free.append(client)

                await Dispatcher(self._state, once, give_up).run(calls, deliver)

        with closing(in_background(work, self._state.taken)) as outcomes:
            for index, answer in outcomes:
                deliver(index, answer)

    async def post(self, client: httpx.AsyncClient, body: Mapping[str, Any]) -> object:
        """Send a chat request without the parts that the server has refused.

        Raises:
            Retry: it failed for a reason that may pass, or for a part that is left out from now on.
            Rejected: the server refuses this request alone.
            ModelUnavailable: it refuses all requests.
        """
        sent = self.adapter.adapt(self.fields.added_to(body))
        self._count(client)
        try:
            data = await self.endpoint.post(client, sent)
        except Rejected as rejection:
            if self.adapter.learn(sent, rejection):
                raise Retry(rejection.why, wait=0.0) from rejection
            if rejection.status in (403, 404) and not self._known:
                suggestion = await self.endpoint.near_names(client)
                raise ModelUnavailable(
                    f"{self.endpoint.url}#{self.endpoint.model} is not available "
                    f"({rejection.why}){suggestion}"
                ) from rejection
            raise
        self._charge(client, tokens_used(data, (), "")[:2])
        self._check(data)
        self.adapter.accept(sent)
        return data

    async def post_to(
        self,
        client: httpx.AsyncClient,
        path: str,
        body: Mapping[str, Any],
        tokens: tuple[int, int] = (0, 0),
    ) -> object:
        """Send a request that is no chat.

        `tokens`, read and written, are what it is billed for if the server doesn't count them.
        Without any, it runs no model and costs nothing, such as a text to be tokenised, unless the
        server counts some: a gateway may answer every path as a chat.
        """
        is_billed = any(tokens)
        if is_billed:
            self._count(client)
        data = await self.endpoint.post(client, body, path)
        usage = reported_usage(data)
        if usage is not None and not is_billed:
            self._count(client)
        self._charge(client, usage or tokens)
        self._check(data)
        return data

    def _charge(self, client: httpx.AsyncClient, tokens: tuple[int, int]) -> None:
        read, written = self.billed(client)
        self._billed[client] = read + tokens[0], written + tokens[1]

    def _count(self, client: httpx.AsyncClient) -> None:
        self._sent[client] = self._sent.get(client, 0) + 1

    def _check(self, data: object) -> None:
        served = data.get("model") if isinstance(data, dict) else None
        if not isinstance(served, str) or not served:
            return
        requested = self.endpoint.model
        if served not in self.settings.accept and _bare(served) != _bare(requested):
            answering = repr(served[:200])
            if self._known:
                raise Rejected(200, "", f"answered by {answering}, not by {requested!r}")
            raise FidelityError(
                f"{self.endpoint.url} was asked for {requested!r} and answers as {answering}; if "
                f"that is the model meant, open {self.endpoint.url}#{served[:200]}, or name it in "
                "ServerSettings(accept=...)"
            )
        self._known = True


def _bare(name: str) -> str:
    """Remove parts of a name that don't distinguish models: folder, date, `latest`, case."""
    return _DATED.sub("", name.rsplit("/", 1)[-1].lower())


def _given_up(why: str) -> Reply:
    """Make the record of a request given up after several tries, with the last reason."""
    return Reply(text="", status="error", why=why, temporary=True)


def status_of(rejection: Rejected) -> Status:
    """Return `refused` for a request refused for its content, else `error`."""
    return (
        "refused" if rejection.code in ("content_filter", "content_policy_violation") else "error"
    )
