"""From what a control means to say to the values that every model returns."""

from collections.abc import Sequence
from math import exp, inf, log

from personae.core import Chat, Choice, Question, Reply, Sampling

__all__ = ["count_tokens", "finish", "weighed"]


def count_tokens(text: str) -> int:
    """Count words, at least one: the tokens of a model without a tokenizer."""
    return max(1, len(text.split()))


def weighed(question: Question, loglik: Sequence[float]) -> Choice:
    """Make a choice of log-likelihoods in nats."""
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


def finish(chat: Chat, text: str, sampling: Sampling) -> Reply:
    """Make a reply of a text: cut at a stop string or at the token limit.

    A text under a JSON schema is short by construction and never cut.
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
