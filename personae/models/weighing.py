"""From the log-probabilities of an option's tokens to a choice; for every back end that reads them.

An option's forms are token sequences; a form that others continue counts only without them.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from personae.core import Choice

__all__ = [
    "NO_PROBABILITIES",
    "Tokens",
    "common_beginning",
    "longest_forms",
    "weigh",
    "why_unweighable",
]

Tokens = tuple[int, ...]
NO_PROBABILITIES = "the model gives numbers that are no probabilities (NaN or infinite)"
ROUNDING = 1e-3
"""Nats by which rounding may lift a log-probability above 0."""


def weigh(
    options: Sequence[Sequence[Tokens]], logps: dict[Tokens, float], tokens_in: int
) -> Choice:
    """Turn token log-probabilities into a choice.

    An option's likelihood sums over its forms; in `logp` and `mass`, a form that others continue
    counts only without them. The status is `error` where a log-probability is NaN or above 0, or
    no option has any probability.

    Args:
        options: for each option its forms as tokens.
        logps: log-probability (nats) of each beginning's last token given the preceding ones.
        tokens_in: number of tokens of the prompt.

    >>> half = float(np.log(0.5))
    >>> choice = weigh([[(1,)], [(1, 2)]], {(1,): half, (1, 2): half}, 9)
    >>> [round(float(np.exp(x)), 2) for x in (*choice.loglik, *choice.logp)], choice.mass
    ([0.5, 0.25, 0.5, 0.5], 0.5)
    """
    if not all(logp <= ROUNDING for logp in logps.values()):  # NaN is not below anything
        return Choice(status="error", why=NO_PROBABILITIES, tokens_in=tokens_in)
    forms = [form for option in options for form in option]
    form_logp = {f: sum(logps[f[: depth + 1]] for depth in range(len(f))) for f in forms}
    disjoint_logp = dict(_disjoint(form_logp))
    loglik = [_logsum([form_logp[f] for f in option]) for option in options]
    shares = [_logsum([disjoint_logp[f] for f in option]) for option in options]
    total = _logsum(shares)
    if total == -np.inf:
        reason = "the model gives every option the probability 0"
        return Choice(status="error", why=reason, tokens_in=tokens_in)
    return Choice(
        loglik=tuple(loglik),
        logp=tuple(x - total for x in shares),
        mass=min(1.0, float(np.exp(total))),
        tokens=tuple(len(option[0]) for option in options),
        tokens_in=tokens_in,
    )


def why_unweighable(prompt: Tokens, options: Sequence[Sequence[Tokens]]) -> str:
    """Say why options can't be weighed after a prompt; "" where they can.

    >>> why_unweighable((7,), [[(1,)], [(1,)]])
    "two options encode to the same tokens, so the model can't tell them apart"
    """
    forms = [form for option in options for form in option]
    if not prompt:
        return "the chat renders to no token at all, so nothing can be continued"
    if () in forms:
        return "an option encodes to no token, so it has no likelihood"
    if len(set(forms)) < len(forms):
        return "two options encode to the same tokens, so the model can't tell them apart"
    return ""


def common_beginning(first: Sequence[int], second: Sequence[int]) -> int:
    """Count the tokens with which both begin.

    >>> common_beginning((1, 2, 3), (1, 2, 4, 5))
    2
    """
    for count, tokens in enumerate(zip(first, second, strict=False)):
        if len(set(tokens)) > 1:
            return count
    return min(len(first), len(second))


def longest_forms(forms: Sequence[Tokens]) -> list[Tokens]:
    """Return the forms that no other form continues: what they read covers all others.

    >>> longest_forms([(1,), (1, 2), (3,)])
    [(1, 2), (3,)]
    """
    return [f for f in forms if not any(g != f and g[: len(f)] == f for g in forms)]


def _disjoint(form_logp: dict[Tokens, float]) -> Iterator[tuple[Tokens, float]]:
    """Subtract from each form the probability of the forms that continue it directly."""
    longer: dict[Tokens, list[float]] = {form: [] for form in form_logp}
    for form, logp in form_logp.items():
        for cut in range(len(form) - 1, 0, -1):
            if form[:cut] in form_logp:
                longer[form[:cut]].append(logp)
                break
    for form, logp in form_logp.items():
        share = np.exp(_logsum(longer[form]) - logp) if longer[form] else 0.0
        yield form, float(logp + np.log1p(-share)) if share < 1 else -np.inf


def _logsum(values: Sequence[float]) -> float:
    return float(np.logaddexp.reduce(values)) if values else -np.inf
