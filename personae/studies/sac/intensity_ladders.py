"""Prompts for a trait at a level: graded adjectives and five ladders of intensity.

After Chittem et al. 2025 (arXiv 2506.20993): adjectives anchor the level, five factors (frequency,
depth, threshold, effort, willingness) say how it shows. Their prompt is not published; the wording
and the anchors are ours (`data/intensity.json`), with equal steps on the nine-step adjective
ladder. The threshold falls as the level rises: the stronger a trait, the less it takes to show.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any

from personae.core import BadValue, UnknownName, data_json
from personae.induce.prompt.prompt_inductions import PromptInduction
from personae.induce.prompt.requested_words import joined_words
from personae.traits.trait_words import graded

__all__ = ["LEVELS", "expected_sign", "intensity", "intensity_text", "toggle_text"]

LEVELS = (1, 2, 3, 4, 5)
MAX_CHARACTERS = 4000


def intensity(levels: Mapping[str, float]) -> PromptInduction:
    """Make the induction that asks for factors at levels 1 to 5, such as `{"A": 4}`.

    Raises:
        UnknownName: a factor without anchors.
        BadValue: a level outside 1..5, or more factors than fit.
    """
    text = intensity_text(levels)
    name = "intensity:" + ",".join(f"{factor}={level:g}" for factor, level in levels.items())
    return PromptInduction(name, lambda _model, _persona: text)


def intensity_text(levels: Mapping[str, float]) -> str:
    """Write the prompt for one or several factors; levels may lie between two anchors.

    Raises: as `intensity`.

    >>> print(intensity_text({"E": 5}).splitlines()[0])
    You have the trait of assertiveness (readiness to lead and to insist).
    >>> "60 % of the way" in intensity_text({"E": 2.6})
    True
    """
    if not levels:
        raise BadValue("a level of at least one factor is needed, such as {'A': 4}")
    blocks = [_block(factor, level) for factor, level in levels.items()]
    what = "this trait" if len(levels) == 1 else "these traits"
    blocks.append(f"Change {what} only, and answer questions about yourself from this state.")
    text = "\n\n".join(blocks)
    if len(text) > MAX_CHARACTERS:
        raise BadValue(
            f"{len(levels)} factors make a prompt of {len(text):,} characters; at most "
            f"{MAX_CHARACTERS:,} are allowed: ask for fewer factors"
        )
    return text


def toggle_text(factor: str, *, high: bool) -> str:
    """Write the prompt that can only switch a factor on or off: its adjectives, ungraded.

    Raises:
        UnknownName: a factor without anchors.

    >>> toggle_text("E", high=False)
    'You are unassertive, submissive and deferential.'
    """
    return f"You are {joined_words([pair[int(high)] for pair in _factor(factor)['pairs']])}."


def expected_sign(factor: str, other: str) -> int:
    """Return the sign with which two factors covary in people's second-order factors, or 0.

    0 where no second-order factor contains both, or two of them disagree.

    >>> expected_sign("A", "F"), expected_sign("F", "Q2"), expected_sign("A", "B")
    (1, -1, 0)
    """
    groups = data_json("intensity.json")["globals"].values()
    signs = {group[factor] * group[other] for group in groups if factor in group and other in group}
    return int(signs.pop()) if len(signs) == 1 else 0


def _factor(factor: str) -> Mapping[str, Any]:
    known = data_json("intensity.json")["factors"]
    if factor not in known:
        raise UnknownName("factor with anchors", factor, known)
    anchors: Mapping[str, Any] = known[factor]
    return anchors


def _block(factor: str, level: float) -> str:
    data = _factor(factor)
    if not isfinite(level) or not 1 <= level <= 5:
        raise BadValue(f"the level of {factor} is a number from 1 to 5, not {level!r}")
    lines = [
        f"You have the trait of {data['title'].lower()} ({data['definition']}).",
        f"Your level is {level:g} of 5: you are {_anchor(data['pairs'], level)}.",
    ]
    for ladder in data_json("intensity.json")["ladders"].values():
        lines.append(f"- {ladder['line']}: {ladder['words'][round(level) - 1]}.")
    return "\n".join(lines)


def _anchor(pairs: Sequence[tuple[str, str]], level: float) -> str:
    """Name the level's adjectives, or those of both neighbours and the share of the way between."""
    below, above = next((a, b) for a, b in pairwise(LEVELS) if a <= level <= b)
    share = (level - below) / (above - below)
    ends = [
        joined_words([graded(low, high, 2 * end - 1) for low, high in pairs])
        for end in (below, above)
    ]
    if share in (0.0, 1.0):
        return ends[int(share)]
    return f"between “{ends[0]}” and “{ends[1]}”, {share:.0%} of the way".replace("%", " %")
