"""A Choice from what a chat server shows: its likeliest first tokens, or a count of replies.

A server lists 20 tokens at most, so an option may be missing: it then has a log-probability of
-inf, and `floor` bounds what it could have. A text of several tokens can't be weighed from its
first; counting replies weighs it only where the model gives it unprompted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import exp, inf, isfinite, log

from personae.core import Choice, Reply, Request, Status
from personae.models.server.wire import first_choice

__all__ = ["choice_from_replies", "choice_from_tokens", "listed_tokens", "longest_form"]

HIDDEN = 0.01
"""Probability of tokens that an option only begins with, above which it can't be weighed."""
UNLIKELY = -9000.0  # OpenAI writes -9999 for "next to nothing"


def listed_tokens(data: object) -> dict[str, float] | None:
    """Read the first token's alternatives: log-probability (nats) by text, or None.

    Raises:
        Malformed: `data` is no chat completion.
    """
    logprobs = first_choice(data).get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    if not isinstance(content, list) or not content or not isinstance(content[0], Mapping):
        return None
    listed: dict[str, float] = {}
    for entry in (*(content[0].get("top_logprobs") or ()), content[0]):
        if isinstance(entry, Mapping):
            token, value = entry.get("token"), entry.get("logprob")
            if isinstance(token, str) and isinstance(value, int | float) and isfinite(value):
                listed.setdefault(token, min(float(value), 0.0))
    return {t: v for t, v in listed.items() if v > UNLIKELY} or None


def _option_of(question: Request) -> dict[str, int]:
    """Map each form, and each form without its leading blank, to the index of its option."""
    exact = {form: i for i, forms in enumerate(question.options) for form in forms}
    for form, index in list(exact.items()):
        exact.setdefault(form.lstrip(), index)
    return exact


def choice_from_tokens(question: Request, listed: Mapping[str, float], top: int) -> Choice:
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
    method = f"top_logprobs:{top}"
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
    with a letter or digit; the longest form wins. Nothing is smoothed: an option never named has
    -inf, and `floor` is log(1/n). `tokens` is 1 for every option, as a count is of whole texts.
    """
    answered = [r for r in replies if r.status != "error"]
    usage = sum(r.tokens_in for r in replies), sum(r.tokens_out for r in replies)
    method = f"counted:{len(answered)}"
    if 2 * len(answered) <= len(replies):
        reason = next(r.why for r in replies if r.status == "error")
        return _without_option("error", reason, method, usage)
    counts = Counter(_option_said(question, reply.text) for reply in answered)
    refused = sum(r.status == "refused" for r in answered)
    if not counts.keys() - {None}:
        status: Status = "refused" if 2 * refused > len(answered) else "unparsed"
        return _without_option(
            status, f"none of {len(answered)} replies names an option", method, usage
        )
    weights = [counts[i] / len(answered) for i in range(len(question.options))]
    return _choice(weights, -log(len(answered)), method, usage)


def _without_option(status: Status, why: str, method: str, usage: tuple[int, int]) -> Choice:
    return Choice(status=status, why=why, method=method, tokens_in=usage[0], tokens_out=usage[1])


def _option_said(question: Request, text: str) -> int | None:
    stripped = text.strip()
    forms = {form.strip(): i for i, fs in enumerate(question.options) for form in fs}
    for form in sorted(forms, key=len, reverse=True):
        if form and stripped.startswith(form) and not stripped[len(form) : len(form) + 1].isalnum():
            return forms[form]
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
