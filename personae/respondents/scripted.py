"""A model that follows a script, faults included, for tests of other parts.

Its answers depend on the request alone (chat, options, sampling, seed and repeat), never on order
or batch; only a list of replies is used up in the order of requests.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import exp, inf, log

import numpy as np

from personae.core import (
    BadValue,
    Chat,
    Choice,
    Done,
    Reply,
    Request,
    Sampling,
    UnknownName,
    content_key,
)
from personae.core.keys import choice_keys, reply_keys
from personae.respondents.respondent_answers import choose_each, reply_each

__all__ = ["FAULTS", "ScriptedModel"]

FAULTS: Mapping[str, Reply] = {
    "refused": Reply(text="I'm sorry, but I can't help with that.", status="refused"),
    "malformed": Reply(text='{"answer": ', status="unparsed", why="the reply is not valid JSON"),
    "cut": Reply(text="Well, I would say that", status="cut", why="max_tokens was reached"),
    "busy": Reply(text="", status="error", why="429: too many requests", temporary=True),
    "timeout": Reply(text="", status="error", why="no answer within 60 s", temporary=True),
}
Script = Callable[[Chat], str | Reply | Sequence[str]]


class ScriptedModel:
    """A `Chooser` that answers by script.

    `replies` maps a chat to a text, a whole Reply, or several texts of which one is drawn (the
    first at temperature 0); or it is a list of replies, returned in the order of requests.
    `choose` maps a question to its options' probabilities, by default equal ones; the remainder to
    1 is the probability of saying something else. `faults` maps a name of FAULTS to the share of
    requests, in 0..1, that fail so. `delay` is the seconds that each request takes. `name`
    identifies the script in the fingerprint. `asked` holds all requests in order.

    Raises:
        UnknownName: a fault that FAULTS doesn't have.
        BadValue: shares that are negative or sum to more than 1; a list that is used up; a value
            that is no probability.

    >>> from personae.core import Request, say
    >>> model = ScriptedModel(lambda chat: chat[-1].text.upper(), name="echo")
    >>> model.name, model.reply([Request(say("hi"))], Sampling())[0].text
    ('scripted:echo', 'HI')
    """

    def __init__(
        self,
        replies: Script | Sequence[str | Reply] = (),
        *,
        choose: Callable[[Request], Sequence[float]] | None = None,
        faults: Mapping[str, float] | None = None,
        delay: float = 0.0,
        name: str = "test",
    ) -> None:
        self.name = f"scripted:{name}"
        self.fingerprint = content_key(["scripted", name, faults or {}])
        self.asked: list[Request] = []
        self._script = replies if callable(replies) else _reply_sequence(replies)
        self._choose = choose or _equal_probabilities
        self._faults = dict(faults or {})
        self._delay = delay
        for fault in self._faults:
            if fault not in FAULTS:
                raise UnknownName("fault", fault, FAULTS)
        if min(self._faults.values(), default=0) < 0 or sum(self._faults.values()) > 1:
            raise BadValue(f"shares of faults are >= 0 and at most 1 together: {self._faults}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        """Reply by script; tokens are counted as words."""

        def reply(chat: Chat) -> Reply:
            request = Request(chat)
            self._record(request)
            draw = _draw(reply_keys(self.fingerprint, [request], sampling)[0])
            return self._fault(draw) or _scripted_reply(self._script(chat), chat, sampling, draw)

        return reply_each(self.name, requests, reply, done)

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        """Weigh options by script; a fault becomes a choice of the same status."""

        def choose(request: Request) -> Choice:
            self._record(request)
            fault = self._fault(_draw(choice_keys(self.fingerprint, [request])[0]))
            if fault is not None:
                return Choice(
                    status=fault.status, why=fault.why or fault.text, temporary=fault.temporary
                )
            return _scripted_choice(self._choose(request), request)

        return choose_each(self.name, requests, choose, done)

    def _record(self, request: Request) -> None:
        self.asked.append(request)
        if self._delay:
            time.sleep(self._delay)

    def _fault(self, draw: float) -> Reply | None:
        for name, share in self._faults.items():
            if draw < share:
                return FAULTS[name]
            draw -= share
        return None


def _reply_sequence(replies: Sequence[str | Reply]) -> Callable[[Chat], str | Reply]:
    remaining_replies: Iterator[str | Reply] = iter(tuple(replies))

    def next_reply(chat: Chat) -> str | Reply:
        for reply in remaining_replies:
            return reply
        raise BadValue(f"the script has {len(replies)} replies, and one more was asked for")

    return next_reply


def _draw(key: str) -> float:
    """Convert a request's key to a number in 0..1."""
    return int(key[:13], 16) / 16**13


def _scripted_reply(
    scripted_reply: str | Reply | Sequence[str], chat: Chat, sampling: Sampling, draw: float
) -> Reply:
    if isinstance(scripted_reply, Reply):
        return scripted_reply
    if not isinstance(scripted_reply, str):
        # the fault has used the draw's leading digits; these are fresh ones
        index = int(np.random.default_rng(int(draw * 2**52)).integers(len(scripted_reply)))
        scripted_reply = scripted_reply[index if sampling.temperature else 0]
    words = scripted_reply.split(" ")
    is_complete = len(words) <= sampling.max_tokens
    return Reply(
        text=scripted_reply if is_complete else " ".join(words[: sampling.max_tokens]),
        status="ok" if is_complete else "cut",
        why="" if is_complete else "max_tokens was reached",
        tokens_in=sum(len(m.text.split()) for m in chat),
        tokens_out=min(len(words), sampling.max_tokens),
    )


def _equal_probabilities(question: Request) -> Sequence[float]:
    return [1 / len(question.options)] * len(question.options)


def _scripted_choice(probabilities: Sequence[float], question: Request) -> Choice:
    total = sum(probabilities)
    if (
        len(probabilities) != len(question.options)
        or min(probabilities) < 0
        or not 0 < total <= 1 + 1e-9
    ):
        raise BadValue(
            f"a script gives {len(question.options)} probabilities, >= 0 and at most 1 together, "
            f"not {list(probabilities)}"
        )
    loglik = tuple(log(probability) if probability else -inf for probability in probabilities)
    return Choice(
        loglik=loglik,
        logp=tuple(value - log(total) for value in loglik),
        mass=min(1.0, sum(exp(value) for value in loglik)),
        tokens=tuple(max(1, len(forms[0].split())) for forms in question.options),
        method="scripted",
        tokens_in=sum(len(m.text.split()) for m in question.chat),
    )
