"""How a simulated respondent answers a user's opinion: by its agreeableness, and as a yes-sayer."""

from collections.abc import Sequence

from personae.respondents.latent import option_probabilities

__all__ = ["assent_probabilities", "stance_levels"]

_LEVELS = {"disagree": 0.0, "partially disagree": 1 / 3, "partially agree": 2 / 3, "agree": 1.0}
_PER_Z = 0.6
"""Points of a five-point scale by which one z unit of agreeableness raises agreement."""


def stance_levels(texts: Sequence[str]) -> tuple[float, ...] | None:
    """Give the level 0..1 of each stance, or None where an option is no stance.

    >>> stance_levels([" AGREE", " DISAGREE"])
    (1.0, 0.0)
    """
    found = [_LEVELS.get(text.strip(" .").lower()) for text in texts]
    known = tuple(level for level in found if level is not None)
    return known if len(known) == len(texts) else None


def assent_probabilities(
    levels: tuple[float, ...], agreeable: float, acquiescence: float, noise: float
) -> tuple[float, ...]:
    """Give the stances' probabilities for an agreeableness in z units, whatever the opinion is."""
    return option_probabilities(levels, 3.0 + acquiescence + _PER_Z * agreeable, max(noise, 0.1))
