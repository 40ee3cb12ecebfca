"""A Choice from what a chat server shows: its likeliest first tokens, or a count of replies.

A server lists 20 tokens at most, so an option may be missing: it then has a log-probability of
-inf, and `floor` bounds what it could have. A text of several tokens can't be weighed from its
first; counting replies weighs it only where the model gives it unprompted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import exp, inf, isfinite, log

from personae.core import Choice, Reply, Request, Status
from personae.models.server.wire import first_choice

__all__ = [
    "BadLogprobs",
    "choice_from_replies",
    "choice_from_tokens",
    "is_one_token",
    "listed_tokens",
    "logprob_of",
    "longest_form",
    "may_be_named",
]

HIDDEN = 0.01
"""Probability of tokens that an option only begins with, above which it can't be weighed."""
UNLIKELY = -9000.0  # OpenAI writes -9999 for "next to nothing"
ROUNDING = 1e-3
"""How far rounded log-probabilities, and probabilities together, may lie above what can be."""


class BadLogprobs(Exception):
    """Log-probabilities that can't be; the message says why."""


def listed_tokens(data: object) -> dict[str, float] | None:
    """Read the first token's alternatives: log-probability (nats) by text, or None.

    Tokens of one text are added up. None means that the server lists no alternatives.

    Raises:
        Malformed: `data` is no chat completion.
        BadLogprobs: a log-probability that can't be, or probabilities of more than 1 together.
    """
    logprobs = first_choice(data).get("logprobs")
    if not isinstance(logprobs, Mapping):
        return None
    alternatives, chosen = _entries(logprobs)
    weights: dict[str, float] = {}
    for token, value in alternatives:
        weight = _probability(value)
        weights[_plain(token)] = weights.get(_plain(token), 0.0) + weight
    if not weights:
        return None
    for token, value in chosen:
        weights.setdefault(_plain(token), _probability(value))
    total = sum(weights.values())
    if total > 1 + ROUNDING:
        raise BadLogprobs(f"the listed probabilities add up to {total:.3f}")
    return {text: log(weight) for text, weight in weights.items() if weight} or None


def _entries(
    logprobs: Mapping[str, object],
) -> tuple[list[tuple[object, object]], list[tuple[object, object]]]:
    """Return the first token's alternatives and the chosen token, each with its log-probability."""
    content, listed = logprobs.get("content"), logprobs.get("top_logprobs")
    if isinstance(content, list) and content and isinstance(content[0], Mapping):
        alternatives = content[0].get("top_logprobs")
        entries = alternatives if isinstance(alternatives, list) else []
        if not all(isinstance(entry, Mapping) for entry in entries):
            raise BadLogprobs("an entry of top_logprobs is not an object")
        return [(e.get("token"), e.get("logprob")) for e in entries], [
            (content[0].get("token"), content[0].get("logprob"))
        ]
    if isinstance(listed, list) and listed and isinstance(listed[0], Mapping):
        return list(listed[0].items()), []  # the form of older completions
    return [], []


def _plain(token: object) -> str:
    """Return a token's text; some servers show the tokenizer's own sign for a blank."""
    if not isinstance(token, str):
        raise BadLogprobs(f"a listed token is not text: {str(token)[:40]!r}")
    return token.replace("\u0120", " ").replace("\u2581", " ").replace("\u010a", "\n")


def _probability(value: object) -> float:
    logp = logprob_of(value)
    return exp(logp) if logp > UNLIKELY else 0.0


def logprob_of(value: object) -> float:
    """Return a log-probability (nats) as a server gives it.

    Raises:
        BadLogprobs: it is no finite number <= 0.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadLogprobs(f"a log-probability is not a number: {str(value)[:40]!r}")
    if not isfinite(value) or value > ROUNDING:
        raise BadLogprobs(f"{value} can't be a log-probability")
    return min(float(value), 0.0)


def _option_of(question: Request) -> dict[str, int]:
    """Map each form, and each form without its leading blank, to the index of its option."""
    exact = {form: i for i, forms in enumerate(question.options) for form in forms}
    for form, index in list(exact.items()):
        exact.setdefault(form.lstrip(), index)
    return exact


def is_one_token(form: str) -> bool:
    """Whether a form may be a single token: it has no blank between its words.

    >>> is_one_token(" A"), is_one_token("Very Accurate")
    (True, False)
    """
    return len(form.split()) < 2


def choice_from_tokens(question: Request, listed: Mapping[str, float], method: str) -> Choice:
    """Weigh options by the listed first tokens: those equal to a form, except for a leading blank.

    `listed` maps tokens to log-probabilities (nats). `tokens` is 1 for every option. The status is
    `error` where no option is listed, or where one may hide behind a token that only begins it.
    """
    forms = _option_of(question)
    weights = [0.0] * len(question.options)
    hidden = [0.0] * len(question.options)
    for token, value in listed.items():
        index = forms.get(token, forms.get(token.lstrip()))
        if index is not None:
            weights[index] += exp(value)
            continue
        for i in {i for form, i in forms.items() if token.strip() and form.startswith(token)}:
            hidden[i] += exp(value)
    for i, weight in enumerate(weights):
        if not weight and hidden[i] > HIDDEN:
            return Choice(
                status="error", why=_several_tokens_reason(question.options[i][0]), method=method
            )
    if not sum(weights):
        return Choice(
            status="error",
            why=f"none of the options is among the {len(listed)} likeliest first tokens; "
            "a chat server can't weigh texts of several tokens",
            method=method,
        )
    smallest = min(listed.values())
    floor = max(
        (log(hidden[i] + exp(smallest)) for i, weight in enumerate(weights) if not weight),
        default=smallest,
    )
    return _choice(weights, floor, method)


def may_be_named(question: Request, listed: Mapping[str, float], replies: int) -> bool:
    """Whether so many replies may name an option, although the list of first tokens holds none.

    An option can have as much as the least of the listed, and all of them what the list leaves:
    where that is less than one reply, counting would see nothing either.

    >>> from personae.core import say
    >>> question = Request(say("?"), (("A",), ("B",)))
    >>> may_be_named(question, {"Sure": log(0.6), "I": log(0.2)}, 20)
    True
    >>> may_be_named(question, {"Sure": log(0.98), "I": log(0.01)}, 20)
    False
    """
    forms = _option_of(question)
    if any(token.strip() and form.startswith(token.strip()) for token in listed for form in forms):
        return False
    weights = [exp(value) for value in listed.values()]
    return replies * min(len(question.options) * min(weights), 1 - sum(weights)) >= 1


def _several_tokens_reason(option: str) -> str:
    excerpt = option if len(option) <= 40 else option[:37] + "..."
    return (
        f"the option {excerpt!r} takes several tokens, and a chat server shows only the first; "
        "ask by label, or open the model on this machine"
    )


def longest_form(question: Request) -> int:
    """Return an upper bound, in tokens, on the longest option, for replies that are counted."""
    return max(len(form) for forms in question.options for form in forms) // 2 + 4


def choice_from_replies(question: Request, replies: Sequence[Reply]) -> Choice:
    """Weigh options by the share of sampled replies that name them.

    A reply names an option if, blanks aside, it begins with one of its forms and doesn't go on
    with a letter or digit, nor, where the form is an English word (A, I), with a sentence; the
    longest form wins. Nothing is smoothed: an option never named has
    -inf, and `floor` is log(1/n). `tokens` is 1 for every option, as a count is of whole texts.
    """
    answered = [r for r in replies if r.status != "error"]
    usage = sum(r.tokens_in for r in replies), sum(r.tokens_out for r in replies)
    method = f"counted:{len(answered)}"
    if 2 * len(answered) <= len(replies):
        failed = next(r for r in replies if r.status == "error")
        failure = _without_option("error", failed.why, method, usage)
        return replace(failure, temporary=any(r.temporary for r in replies))
    counts = Counter(_option_said(question, reply.text) for reply in answered)
    refused = sum(r.status == "refused" for r in answered)
    if not counts.keys() - {None}:
        status: Status = "refused" if 2 * refused > len(answered) else "unparsed"
        reasons = Counter(r.why for r in answered if r.status != "ok" and r.why)
        most = "".join(f": {why}" for why, _ in reasons.most_common(1))
        return _without_option(
            status, f"none of {len(answered)} replies names an option{most}", method, usage
        )
    weights = [counts[i] / len(answered) for i in range(len(question.options))]
    remark = next((r.why for r in answered if r.status == "ok" and r.why), "")
    return replace(_choice(weights, -log(len(answered)), method, usage), why=remark)


def _without_option(status: Status, why: str, method: str, usage: tuple[int, int]) -> Choice:
    return Choice(status=status, why=why, method=method, tokens_in=usage[0], tokens_out=usage[1])


def _option_said(question: Request, text: str) -> int | None:
    stripped = text.strip()
    forms = {form.strip(): i for i, fs in enumerate(question.options) for form in fs}
    for form in sorted(forms, key=len, reverse=True):
        after = stripped[len(form) :]
        if not form or not stripped.startswith(form) or after[:1].isalnum():
            continue
        begins_a_sentence = form in ("A", "I") and after[:1] == " " and after.lstrip()[:1].islower()
        return None if begins_a_sentence else forms[form]
    return None


def _choice(
    weights: Sequence[float], floor: float, method: str, usage: tuple[int, int] = (0, 0)
) -> Choice:
    total = sum(weights)
    return Choice(
        loglik=tuple(log(w) if w else -inf for w in weights),
        logp=tuple(log(w / total) if w else -inf for w in weights),
        mass=min(total, 1.0),
        tokens=(1,) * len(weights),
        floor=floor,
        method=method,
        tokens_in=usage[0],
        tokens_out=usage[1],
    )
