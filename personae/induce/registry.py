"""Every induction by its name: those that ship, those that users register, and "A & B".

An induction of your own has a name and its needs, and yields a model. Once registered, it is found
wherever an induction is named, also on the command line:

    register("whisper", lambda: PromptInduction("whisper", write, needs=Needs.any_of("text")))
"""

from collections.abc import Callable
from functools import partial

from personae.core import BadValue, Induction, UnknownName
from personae.induce.combined import combine
from personae.induce.prompt.prompt_inductions import (
    adjectives,
    naive,
    own_text,
    p2,
    persona_text,
    unchanged,
    words,
)
from personae.induce.steer.steer_inductions import EXAMPLES, steer_induction
from personae.traits.trait_words import STEPS

__all__ = ["find_induction", "induction_summaries", "inductions", "is_registered", "register"]

Maker = Callable[[], Induction]

_MAKERS: dict[str, Maker] = {
    "unchanged": lambda: unchanged,
    "naive": lambda: naive,
    "words": lambda: words,
    "p2": p2,
    "persona_text": lambda: persona_text,
    "system": lambda: own_text,
    "adjectives": adjectives,
}
_SUMMARIES = {
    "unchanged": "The control: the model as it is.",
    "naive": "One sentence a trait in the system turn, as 'You are an extraversive person.'",
    "words": "Three words a trait in the system turn, from MPI's prompt search.",
    "p2": "Key words of each trait, of which the model writes a portrait for the system turn; "
    "p2-asked asks it for antonyms too.",
    "persona_text": "The persona's text in the system turn; without one, its layers written out.",
    "system": "The persona's own text as the system turn, word for word.",
    "adjectives": "All markers of each trait, graded on nine steps by its z units; adjectives:1 to "
    "adjectives:9 set the step for every trait.",
    "steer": "Trait vectors added to the activations: steer takes the persona's traits, "
    "steer:NAME=STRENGTH@BLOCK a trait or a vector file; terms add up.",
    "cap": "Activations along a vector kept on one side of a bound, by value or percentile: "
    "cap:FILE>=p25@FIRST-LAST.",
}
_VARIANTS: dict[str, Maker] = {
    "p2-asked": partial(p2, ask_antonyms=True),
    **{f"adjectives:{step}": partial(adjectives, step) for step in range(1, STEPS + 1)},
}
_FAMILIES: dict[str, Callable[[str], Induction]] = {
    "steer": steer_induction,
    "cap": steer_induction,
}
"""Inductions whose names are expressions: the part before the colon, and the name's parser."""


def inductions() -> tuple[str, ...]:
    """Name the inductions; some have variants, such as `p2-asked` or `adjectives:1` to `:9`.

    Those inside an open model are named by expressions, as `steer_inductions.EXAMPLES` shows.

    >>> inductions()[:3]
    ('unchanged', 'naive', 'words')
    """
    return tuple(_MAKERS)


def induction_summaries() -> dict[str, str]:
    """Say in a sentence what each induction does, also the families that work inside a model.

    >>> induction_summaries()["unchanged"]
    'The control: the model as it is.'
    """
    own = "Registered by your own code."
    return {name: _SUMMARIES.get(name, own) for name in (*_MAKERS, *_FAMILIES)}


def is_registered(name: str) -> bool:
    """Tell whether a name is taken by an induction, a variant or a family such as `steer`.

    >>> is_registered("persona-text"), is_registered("diary-of-mine")
    (True, False)
    """
    return any(_same(name, known) for known in (*_MAKERS, *_VARIANTS, *_FAMILIES))


def register(name: str, make: Maker) -> None:
    """Add an induction; `make` is called whenever it is looked up by name.

    Raises:
        BadValue: the name is taken or blank, or has a mark that "A & B" or a variant needs.
    """
    if is_registered(name) or not name.strip() or any(mark in name for mark in "&:,"):
        raise BadValue(
            f"an induction's name is new, not blank, and has no '&', ':' or ',', not {name!r}; "
            f"taken are {', '.join((*_MAKERS, *_FAMILIES))}"
        )
    _MAKERS[name] = make


def find_induction(name: str) -> Induction:
    """Make an induction by name; hyphens and underscores are alike, and "A & B" joins two.

    Raises:
        UnknownName: no induction is called so; carries near matches.
        BadValue: what follows `steer:` or `cap:` can't be read.

    >>> find_induction("persona-text").name
    'persona_text'
    """
    if "&" in name:
        return combine(*map(find_induction, name.split("&")))
    family = _FAMILIES.get(name.strip().partition(":")[0])
    if family is not None:
        return family(name.strip())
    makers = _MAKERS | _VARIANTS
    for known, make in makers.items():
        if _same(name, known):
            return make()
    raise UnknownName("induction", name, [*makers, *EXAMPLES])


def _same(name: str, known: str) -> bool:
    return name.strip().lower().replace("_", "-") == known.lower().replace("_", "-")
