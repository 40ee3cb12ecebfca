"""Replies and choices of controls in the form that every model returns."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import exp, inf, log
from typing import TypeVar

from personae.core import (
    Chat,
    Choice,
    Done,
    Reply,
    Request,
    Sampling,
    refuse_edits,
    require_options,
)

__all__ = ["choice_from_logliks", "choose_each", "count_tokens", "reply_each", "write_each"]

A = TypeVar("A", Reply, Choice)


def reply_each(
    name: str, requests: Sequence[Request], reply: Callable[[Chat], Reply], done: Done | None
) -> list[Reply]:
    """Reply to chats one by one on behalf of the control of this name.

    Raises:
        InputError: a request has edits.
    """
    refuse_edits(requests, name)
    return _each(requests, lambda request: reply(request.chat), done)


def write_each(
    name: str,
    requests: Sequence[Request],
    write: Callable[[Chat], str],
    sampling: Sampling,
    done: Done | None,
) -> list[Reply]:
    """Reply to chats with the texts that `write` gives, cut as the sampling asks.

    Raises:
        InputError: a request has edits.
    """
    return reply_each(
        name, requests, lambda chat: _reply_from_text(chat, write(chat), sampling), done
    )


def choose_each(
    name: str, requests: Sequence[Request], choose: Callable[[Request], Choice], done: Done | None
) -> list[Choice]:
    """Weigh the options of requests one by one on behalf of the control of this name.

    Raises:
        InputError: a request has edits, or no options.
    """
    refuse_edits(requests, name)
    require_options(requests)
    return _each(requests, choose, done)


def _each(
    requests: Sequence[Request], answer: Callable[[Request], A], done: Done | None
) -> list[A]:
    answers = []
    for index, request in enumerate(requests):
        answers.append(answer(request))
        if done is not None:
            done(index, answers[-1])
    return answers


@lru_cache(maxsize=1 << 12)
def count_tokens(text: str) -> int:
    """Count words, at least one: the tokens of a model without a tokenizer."""
    return max(1, len(text.split()))


def choice_from_logliks(question: Request, loglik: Sequence[float]) -> Choice:
    """Build a choice from the options' log-likelihoods, in nats.

    `logp` is normalised over the options; `mass` is their total probability, at most 1.
    """
    top = max(loglik)
    total = top + log(sum(exp(value - top) for value in loglik)) if top > -inf else top
    return Choice(
        loglik=tuple(loglik),
        logp=tuple(value - total for value in loglik),
        mass=min(1.0, exp(total)),
        tokens=tuple(count_tokens(forms[0]) for forms in question.options),
        method="simulated",
        tokens_in=sum(count_tokens(m.text) for m in question.chat),
    )


def _reply_from_text(chat: Chat, text: str, sampling: Sampling) -> Reply:
    """Build a reply from a text, cut at a stop string or at the token limit.

    A text under a JSON schema is short by construction and never cut at the limit.
    """
    for stop in sampling.stop:
        text = text.partition(stop)[0]
    words = text.split(" ")
    cut = sampling.schema is None and len(words) > sampling.max_tokens
    return Reply(
        text=" ".join(words[: sampling.max_tokens]) if cut else text,
        status="cut" if cut else "ok",
        why=f"longer than {sampling.max_tokens} tokens" if cut else "",
        tokens_in=sum(count_tokens(m.text) for m in chat),
        tokens_out=min(len(words), sampling.max_tokens) if cut else len(words),
    )
