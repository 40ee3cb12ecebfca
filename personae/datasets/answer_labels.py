"""Answers given as labels: the inventory's own options, or a common scale of as many labels."""

import re
from collections.abc import Iterable, Mapping

from personae.core import Inventory

__all__ = ["folded", "label_values", "numbered_label"]

Scale = tuple[tuple[str, ...], ...]

_NEITHER = ("neither agree nor disagree", "neither disagree nor agree", "neither", "neutral")
_UNSURE = (*_NEITHER, "undecided", "uncertain", "unsure", "not sure", "no opinion")
_ENDS_OF_AGREEMENT = (
    ("strongly disagree", "disagree strongly", "totally disagree", "completely disagree"),
    ("strongly agree", "agree strongly", "totally agree", "completely agree"),
)
_PARTLY = ("somewhat {0}", "slightly {0}", "rather {0}", "{0} a little", "{0} somewhat")


def _agreement(*middle: tuple[str, ...]) -> Scale:
    low, high = _ENDS_OF_AGREEMENT
    return (low, *middle, high)


_PARTLY_DISAGREE = tuple(form.format("disagree") for form in _PARTLY)
_PARTLY_AGREE = tuple(form.format("agree") for form in _PARTLY)
_SCALES: tuple[Scale, ...] = (
    _agreement(("disagree",), ("agree",)),
    _agreement(_PARTLY_DISAGREE, _PARTLY_AGREE),
    _agreement(("disagree",), _UNSURE, ("agree",)),
    _agreement(_PARTLY_DISAGREE, _UNSURE, _PARTLY_AGREE),
    _agreement(("disagree",), _PARTLY_DISAGREE, _PARTLY_AGREE, ("agree",)),
    _agreement(("disagree",), _PARTLY_DISAGREE, _UNSURE, _PARTLY_AGREE, ("agree",)),
    (
        ("very inaccurate",),
        ("moderately inaccurate",),
        ("neither accurate nor inaccurate", "neither inaccurate nor accurate", "neither"),
        ("moderately accurate",),
        ("very accurate",),
    ),
)
"""Scales that survey tools and questionnaires offer, each label's synonyms from low to high."""


def folded(text: str) -> str:
    """Return a label without differences of case, space, apostrophe and final full stop.

    >>> folded("  Strongly  AGREE. ")
    'strongly agree'
    """
    return " ".join(text.replace("’", "'").split()).rstrip(".").casefold()


def label_values(labels: Iterable[str], inventory: Inventory) -> tuple[Mapping[str, float], str]:
    """Return the value of each folded label that is read, and what a foreign scale was read as.

    The options' own texts come first. Other labels are read only if all that belong to any common
    scale belong to one with as many labels as the inventory has options, in one order.
    """
    own = {folded(option.text): float(option.value) for option in inventory.options}
    common = {label for scale in _SCALES for position in scale for label in position}
    foreign = {label for label in labels if label in common and label not in own}
    if not foreign or inventory.kind == "pair":
        return own, ""
    used = foreign | {label for label in labels if label in common}
    for scale in _SCALES:
        positions = {label: index for index, names in enumerate(scale) for label in names}
        if len(scale) == len(inventory.options) and used <= set(positions):
            values = {name: float(inventory.low + positions[name]) for name in used}
            clash = any(own.get(label, value) != value for label, value in values.items())
            if not clash:
                low, high = scale[0][0], scale[-1][0]
                note = (
                    f"labels from “{low}” to “{high}” read as {inventory.low} to {inventory.high}"
                )
                return {**own, **values}, note
    return own, ""


def numbered_label(text: str) -> tuple[str, str]:
    """Split a folded "4 - agree", "4. agree", "4 agree" or "agree (4)" into number and label.

    >>> numbered_label("4 - agree"), numbered_label("agree (4)"), numbered_label("agree")
    (('4', 'agree'), ('4', 'agree'), ('', ''))
    """
    before = re.fullmatch(r"(\d+)\s*[-–=:.)]?\s*([^\W\d].*)", text)
    if before:
        return before[1], before[2]
    after = re.fullmatch(r"(.*\w)\s*\((\d+)\)", text)
    return (after[2], after[1]) if after else ("", "")
