"""The ways of weighing options at a server, in the order in which they are tried.

Whole texts by all their tokens, where the server shows the log-probabilities of a prompt; else the
first token's alternatives, for options of one token; else the shares of sampled replies. Which
ways there are is found out by asking the server, several times before one is given up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx

from personae.core import NOT_ASKED, Chat, Choice, Reply, Request, Sampling
from personae.models.notices import notify
from personae.models.server.budget import tokens_of
from personae.models.server.calls import Call
from personae.models.server.endpoint import Rejected
from personae.models.server.first_tokens import BadLogprobs, is_one_token
from personae.models.server.requests.chat_forms import CANARY, asked_outright, continues_canary
from personae.models.server.scoring.discovery import Discovery, discover
from personae.models.server.scoring.label_weigher import Deliver, LabelWeigher, given_up
from personae.models.server.scoring.text_scorer import Post, TextScorer
from personae.models.server.service import Service

__all__ = ["Weighers"]

NO_WAY = (
    "this server shows no log-probabilities of whole texts, and the question {}: ask by label or "
    "by reply, or use a server that shows those of a prompt (vLLM, SGLang, llama.cpp, "
    "text-generation-inference), or the model on this machine"
)


class Weighers:
    """What is known of one server, and the ways that follow from it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._discovery: Discovery | None = None
        self._continues: bool | None = None
        self._labels = LabelWeigher(service)

    def choose(self, requests: Sequence[Request], deliver: Deliver) -> None:
        """Weigh each request's options in the first way that can."""
        scorer = self._scorer()
        texts, labels = [], []
        for index, request in enumerate(requests):
            if scorer is not None and (scorer.continues or not _is_begun(request.chat)):
                texts.append(index)
            elif reason := self._no_way(request):
                deliver(index, Choice(status="error", why=reason, method=NOT_ASKED))
            else:
                labels.append(index)
        if scorer is not None:
            self._by_text(scorer, requests, texts, deliver)
        outright = self.needs_outright([requests[index].chat for index in labels])
        asked = [
            replace(request, chat=asked_outright(request.chat, request.options))
            if outright
            else request
            for request in requests
        ]

        def deliver_label(index: int, choice: Choice) -> None:
            not_begun = asked[index].chat != requests[index].chat
            deliver(index, replace(choice, method=choice.method + ", not begun" * not_begun))

        self._labels.choose(asked, labels, deliver_label)

    def needs_outright(self, chats: Sequence[Chat]) -> bool:
        """Whether begun replies among these chats have to be asked for in the user's turn.

        Raises:
            ModelUnavailable: the server can't be reached, or refuses all requests.
        """
        if not any(_is_begun(chat) for chat in chats):
            return False
        scorer = self._scorer()
        if scorer is not None and scorer.continues:
            return False
        if self._continues is None:
            self._continues = self._continues_canary()
        return not self._continues or "begun" in self._service.adapter.refused

    def _continues_canary(self) -> bool:
        replies: list[Reply] = []
        draw = (CANARY, Sampling(max_tokens=16))
        self._service.replies([draw], lambda _, reply: replies.append(reply))
        self._service.bill(replies[0].tokens_in, replies[0].tokens_out)
        return continues_canary(replies[0].text)

    @property
    def way(self) -> str:
        """How options are weighed, as far as the server has been asked."""
        if self._discovery is not None and self._discovery.scorer is not None:
            return f"as whole texts, by {self._discovery.scorer.name}"
        hint = self._discovery.hint if self._discovery is not None else ""
        return "; ".join(filter(None, (self._labels.way, hint)))

    def work_of(self, request: Request) -> tuple[int, int, int, int]:
        """Return, in about, the calls of one choice, their tokens read and written, most calls."""
        scorer, read = self._scorer(), tokens_of(request.chat)
        forms = [form for forms in request.options for form in forms]
        if scorer is not None and (scorer.continues or not _is_begun(request.chat)):
            calls, read, written = scorer.work_of(read, forms)
            return calls, read, written, calls
        if self._no_way(request):
            return 0, 0, 0, 0
        return self._labels.work_of(request)

    def _no_way(self, request: Request) -> str:
        """Say why neither first tokens nor counts can weigh a request; "" if they can.

        Texts of several tokens aren't counted either: next to no reply repeats one unprompted, and
        whether a question is asked must not depend on what was asked before it.
        """
        hint = self._discovery.hint if self._discovery is not None else ""
        no_way = "; ".join(filter(None, (NO_WAY, hint)))
        if not request.chat:
            return no_way.format("asks how likely texts are by themselves")
        several = [forms[0] for forms in request.options if not any(map(is_one_token, forms))]
        if several:
            excerpt = several[0] if len(several[0]) <= 40 else several[0][:37] + "..."
            return no_way.format(f"has the option {excerpt!r}, of several tokens")
        return ""

    def _scorer(self) -> TextScorer | None:
        """Return what weighs whole texts; asks the server about it the first time.

        Raises:
            ModelUnavailable: the server can't be reached, or refuses all requests.
        """
        if self._service.fields.thought_tokens:
            return None  # an answer after thoughts has no likelihood without them
        if self._discovery is None:
            self._discovery = self._discover()
            self._service.bill(self._discovery.tokens_in, self._discovery.tokens_out)
            if self._discovery.system_lost:
                self._service.adapter.system_in_user = True
            if self._discovery.hint:
                notify(f"{self._service.endpoint.address}: {self._discovery.hint}")
        return self._discovery.scorer

    def _discover(self) -> Discovery:
        service = self._service
        results: list[Discovery] = []

        async def attempt(client: httpx.AsyncClient, call: Call) -> Discovery:
            model, template = service.endpoint.model, service.fields.template
            discovery = await discover(self._poster(client), model, template)
            read, written = service.billed(client)
            return replace(discovery, tokens_in=read, tokens_out=written)

        service.batch(
            [Call(0, 20, 1)], attempt, lambda why: Discovery(), lambda _, d: results.append(d)
        )
        if results[0].scorer is None:
            service.model_has_not_answered()
        return results[0]

    def _poster(self, client: httpx.AsyncClient) -> Post:
        async def post(
            path: str, body: Mapping[str, Any], *, read: int = 0, written: int = 0
        ) -> object:
            return await self._service.post_to(client, path, body, (read, written))

        return post

    def _by_text(
        self, scorer: TextScorer, requests: Sequence[Request], indices: list[int], deliver: Deliver
    ) -> None:
        """Weigh whole texts by all their tokens."""
        service = self._service

        async def attempt(client: httpx.AsyncClient, call: Call) -> Choice:
            request = requests[call.index]
            request = replace(request, chat=service.shaped(request.chat))
            try:
                choice = await scorer.choose(self._poster(client), request)
            except (Rejected, BadLogprobs) as error:
                choice = Choice(status="error", why=str(error), method=scorer.name)
            remark = service.remark({}, requests[call.index].chat)
            read, written = service.billed(client)
            why = choice.why or remark
            return replace(choice, why=why, tokens_in=read, tokens_out=written)

        calls = []
        for index in indices:
            _, read, written, _ = self.work_of(requests[index])
            calls.append(Call(index, read, written))
        service.batch(calls, attempt, given_up, deliver)


def _is_begun(chat: Chat) -> bool:
    return bool(chat) and chat[-1].role == "assistant"
