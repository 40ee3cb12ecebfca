"""The likelihood of an option's words beyond that after a question without content.

Domain-conditional PMI per token: Holtzman et al. 2021 (arXiv 2104.08315, §2).
"""

from collections.abc import Sequence

import numpy as np

from personae.core import Array, Choice, Chooser, Request

__all__ = ["choose_with_blank", "gain_over_blank", "per_token"]


def choose_with_blank(
    model: Chooser, questions: Sequence[Request], blanks: Sequence[Request]
) -> list[tuple[Choice, Choice]]:
    """Weigh questions and their blank counterparts in one batch: pairs (question, blank).

    Equal blanks under the same edits are asked once.
    """
    keys = [(blank.chat, blank.options, tuple(map(id, blank.edits))) for blank in blanks]
    distinct = dict(zip(keys, blanks, strict=True))
    choices = model.choose([*questions, *distinct.values()])
    without = dict(zip(distinct, choices[len(questions) :], strict=True))
    asked = choices[: len(questions)]
    return [(choice, without[key]) for choice, key in zip(asked, keys, strict=True)]


def gain_over_blank(choice: Choice, blank: Choice) -> Array:
    """Return each option's gain from the question, shape (options,), in nats per token.

    Holtzman et al. 2021, §2, per token. NaN where both likelihoods are 0; both choices need the
    status `ok`.

    >>> asked = Choice(loglik=(-2.0, -6.0), tokens=(2, 2))
    >>> gain_over_blank(asked, Choice(loglik=(-4.0, -4.0), tokens=(2, 2))).tolist()
    [1.0, -1.0]
    """
    with np.errstate(invalid="ignore"):
        return per_token(choice) - per_token(blank)


def per_token(choice: Choice) -> Array:
    """Return the log-likelihood of each option, shape (options,), in nats per token."""
    rate: Array = np.asarray(choice.loglik) / np.asarray(choice.tokens)
    return rate
