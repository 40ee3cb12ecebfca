"""Weighs options of one token by the first token's alternatives, else any by sampled replies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import httpx

from personae.core import Choice, Reply, Request, Sampling, Status
from personae.models.notices import notify
from personae.models.server.budget import tokens_of
from personae.models.server.calls import Call
from personae.models.server.endpoint import Rejected
from personae.models.server.first_tokens import (
    BadLogprobs,
    choice_from_replies,
    choice_from_tokens,
    listed_tokens,
    longest_form,
    may_be_named,
)
from personae.models.server.scoring.token_answers import mapping
from personae.models.server.service import Service, status_of
from personae.models.server.thoughts import HINT, thoughts_of
from personae.models.server.wire import chat_body, first_choice, marked_refusal, tokens_used

__all__ = ["Deliver", "LabelWeigher", "given_up"]

PROBES = 3
"""Questions without any log-probabilities after which a server is said to show none."""
LONGEST_COUNTED = 64
LISTED = 20
"""First tokens in a list that is long enough for the usual options."""
Deliver = Callable[[int, Choice], None]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A choice, or None where this way gives none, and the tokens it took.

    `unlisted`: the server's list is too short for the options, so that replies are counted.
    """

    choice: Choice | None
    tokens_in: int = 0
    tokens_out: int = 0
    unlisted: bool = False


class LabelWeigher:
    """Knows whether one server shows first tokens, and weighs accordingly."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._shows = False  # has shown first tokens
        self._without = 0  # questions answered without any

    def choose(self, requests: Sequence[Request], indices: Sequence[int], deliver: Deliver) -> None:
        """Weigh the options of the requests with these indices."""
        pending = list(indices)
        answered: set[int] = set()
        unlisted: list[int] = []
        while self.lists_tokens and pending:
            unlisted += self._by_tokens(requests, pending, answered, deliver)
            pending = [index for index in pending if index not in answered]
        self._by_count(requests, pending + sorted(unlisted), deliver)

    @property
    def way(self) -> str:
        """How options are weighed, as far as the server has been asked."""
        counted = f"{self._service.settings.samples} sampled replies a question"
        if not self.lists_tokens:
            return f"by {counted}"
        return f"by their first token, if the server shows it; else by {counted}"

    def work_of(self, request: Request) -> tuple[int, int, int, int]:
        """Return, in about, the calls of one choice, their tokens read and written, most calls."""
        read = tokens_of(request.chat)
        count, written = self._service.settings.samples, self._written(request)
        if self.lists_tokens:
            short = self._service.adapter.top(self._service.settings.top) < LISTED
            return 1, read, 1, 1 + count * short if self._shows else count
        return count, count * read, count * written, count

    def _written(self, request: Request) -> int:
        longest = min(longest_form(request), LONGEST_COUNTED)
        return longest + self._service.fields.thought_tokens

    @property
    def lists_tokens(self) -> bool:
        """Whether the server shows first tokens, as far as it is known."""
        service = self._service
        has_given_up = not self._shows and self._without >= PROBES
        refused = "logprobs" in service.adapter.refused
        return not (
            has_given_up or refused or service.fields.thought_tokens or not service.settings.top
        )

    def _by_tokens(
        self, requests: Sequence[Request], indices: list[int], answered: set[int], deliver: Deliver
    ) -> list[int]:
        """Weigh by first tokens; return whose options a short list may have left out.

        Until the server has shown some, questions go alone.
        """
        service = self._service
        unlisted: list[int] = []
        if not self._shows:
            indices = [indices[self._without % len(indices)]]

        async def attempt(client: httpx.AsyncClient, call: Call) -> _Attempt:
            return await self._attempt(client, requests[call.index])

        def deliver_weighed(index: int, weighed: _Attempt) -> None:
            if weighed.unlisted:
                answered.add(index)
                unlisted.append(index)
            elif weighed.choice is not None:
                answered.add(index)
                deliver(index, weighed.choice)

        calls = [Call(index, tokens_of(requests[index].chat), 1) for index in indices]
        service.batch(calls, attempt, lambda why: _Attempt(given_up(why)), deliver_weighed)
        self._warn_of_counting()
        return unlisted

    async def _attempt(self, client: httpx.AsyncClient, request: Request) -> _Attempt:
        service = self._service
        chat = service.shaped(request.chat)
        body = chat_body(service.endpoint.model, chat, Sampling(max_tokens=1))
        body |= {"logprobs": True, "top_logprobs": service.settings.top}
        if not self.lists_tokens:
            return _Attempt(None)
        try:
            data = await service.post(client, body)
        except Rejected as rejection:
            read, written = service.billed(client)
            refused = Choice(
                status=status_of(rejection),
                why=rejection.why,
                tokens_in=read,
                tokens_out=written,
            )
            return _Attempt(refused, read, written)
        weighed = self._weighed(data, request)
        choice = weighed.choice
        if choice is None:
            return weighed
        remark = "; ".join(filter(None, (choice.why, service.remark(body, request.chat))))
        return replace(weighed, choice=replace(choice, why=remark))

    def _weighed(self, data: object, request: Request) -> _Attempt:
        read, written, why = tokens_used(data, request.chat, " ")
        method = f"top_logprobs:{self._service.adapter.top(self._service.settings.top)}"

        def failed(status: Status, reason: str) -> _Attempt:
            choice = Choice(
                status=status, why=reason, method=method, tokens_in=read, tokens_out=written
            )
            return _Attempt(choice, read, written)

        answer = first_choice(data)
        message = mapping(answer.get("message"))
        failure = marked_refusal(answer, message)
        if failure is None and thoughts_of(message):
            failure = "error", f"the model thinks before it answers; {HINT}"
        if failure is not None:
            return failed(*failure)
        try:
            listed = listed_tokens(data)
        except BadLogprobs as error:
            return failed("error", str(error))
        if listed is None:
            if self._shows:
                return failed("error", "the answer shows no log-probabilities")
            self._without += 1
            self._service.bill(read, written)
            return _Attempt(None, read, written)
        self._shows = True
        if may_be_named(request, listed, self._service.settings.samples):
            self._service.bill(read, written)
            return _Attempt(None, read, written, unlisted=True)
        choice = choice_from_tokens(request, listed, method)
        choice = replace(choice, tokens_in=read, tokens_out=written, why=choice.why or why)
        return _Attempt(choice, read, written)

    def _warn_of_counting(self) -> None:
        if not self.lists_tokens:
            samples = self._service.settings.samples
            notify(
                f"{self._service.endpoint.address} shows no log-probabilities: each question is "
                f"answered by counting {samples} sampled replies, which takes {samples} calls"
            )

    def _by_count(self, requests: Sequence[Request], indices: list[int], deliver: Deliver) -> None:
        """Weigh by counting sampled replies; question by question, so that a stop loses little."""
        count = self._service.settings.samples
        draws = []
        for index in indices:
            longest = min(longest_form(requests[index]), LONGEST_COUNTED)
            for draw in range(count):
                sampling = Sampling(max_tokens=longest, temperature=1.0, repeat=draw)
                draws.append((requests[index].chat, sampling))
        replies: dict[int, list[Reply]] = {}

        def collect(position: int, reply: Reply) -> None:
            index = indices[position // count]
            collected = replies.setdefault(index, [])
            collected.append(reply)
            if len(collected) == count:
                del replies[index]
                deliver(index, choice_from_replies(requests[index], collected))

        self._service.replies(draws, collect)


def given_up(why: str) -> Choice:
    """Make the record of a question given up after several tries, with the last reason."""
    return Choice(status="error", why=why, temporary=True)
