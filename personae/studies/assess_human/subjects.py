"""Statements about a subject: "you" becomes people, a barber, Anna or he; verbs and pronouns agree.

Subject-replaced queries after Rao, Leung & Miao 2023 (arXiv 2303.01248), whose released prompts
say "make they come up with" and "men's's". The verbs made to agree are the one after the subject
and those after a pronoun that stands for it; a second verb joined by "and" is left alone.
"""

import re
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal

from personae.core import BadValue, InputError, Inventory, Item, Option, data_json
from personae.traits.item_grammar import from_second, in_person

__all__ = ["Subject", "inventory_about", "parse_subject", "sentence_about"]

Pronoun = Literal["they", "he", "she"]
_FORMS = {
    "they": ("they", "them", "their", "theirs", "themselves"),
    "he": ("he", "him", "his", "his", "himself"),
    "she": ("she", "her", "her", "hers", "herself"),
}
_PLURALS = frozenset("people men women children teens folk police they".split())
_UNCHANGED_VERBS = frozenset(
    "can could may might must shall should will would can't couldn't won't "
    "wouldn't shouldn't mustn't cannot had did thought knew felt saw made got went "
    "took came".split()
)
_ADVERBS = frozenset(
    "always also almost even hardly just never not often only rarely seldom "
    "sometimes still usually quite rather too very".split()
)
_NO_ADVERBS = frozenset(("rely", "apply", "fly", "reply", "comply", "supply"))
_IRREGULAR = {
    "am": "is",
    "are": "is",
    "have": "has",
    "do": "does",
    "don't": "doesn't",
    "haven't": "hasn't",
    "go": "goes",
}
_EXPANDED = {"i'm": "I am", "i've": "I have", "i'll": "I will", "i'd": "I would"}
_SENTENCE = re.compile(r"you(?:'\w+|rs?|rself)?\b|\w+ing\b.*\b(?:you|me)\b", re.IGNORECASE)
_SOMEONE = re.compile(r"\AI am someone who (\S+)")
_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*|[^A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Subject:
    """Who statements are about: the name as written before a verb, its number, its pronoun."""

    name: str
    plural: bool
    pronoun: Pronoun = "they"


def parse_subject(text: str) -> Subject:
    """Parse a subject: `people`, `a barber`, `Anna`, `he`; `Anna/she` gives the pronoun.

    A capital first letter, an article or he/she mean one person; otherwise a plural is expected.

    Raises:
        BadValue: an empty text, an unknown pronoun, or a word that is neither a name nor a plural.

    >>> parse_subject("a barber"), parse_subject("Anna/she").pronoun
    (Subject(name='a barber', plural=False, pronoun='they'), 'she')
    """
    name, slash, given = (part.strip() for part in text.partition("/"))
    lowered = name.lower()
    if lowered in _FORMS:
        given = given or lowered
    if not name or (slash and given not in _FORMS):
        raise BadValue(
            f"a subject is a name or a group, optionally with /he, /she or /they, not {text!r}"
        )
    pronoun: Pronoun = "she" if given == "she" else "he" if given == "he" else "they"
    if pronoun != "they" or name[:1].isupper() or lowered.startswith(("a ", "an ", "the ")):
        return Subject(name, plural=False, pronoun=pronoun)
    if lowered in _PLURALS or lowered.split()[-1] in _PLURALS or lowered.endswith("s"):
        return Subject(name, plural=True)
    raise BadValue(
        f"{text!r} is not a plural: write a group ({name}s), one of its members (a {name}), or a "
        "name with a capital letter"
    )


def sentence_about(statement: str, subject: Subject) -> str:
    """Rewrite a statement in the first or second person as one about the subject.

    Raises:
        InputError: a statement without a word for a person.

    >>> sentence_about("Change my mind before I leave", parse_subject("he"))
    'He changes his mind before he leaves'
    >>> sentence_about("Your emotions control you.", parse_subject("men"))
    "Men's emotions control them"
    """
    own = statement.strip().removesuffix(".")
    if not _SENTENCE.match(own):
        own = _SOMEONE.sub(lambda match: f"I {_first_person(match[1])}", in_person(own, "first"))
    own = from_second(own)
    words = [
        piece
        for word in _WORD.findall(own)
        for piece in _WORD.findall(_EXPANDED.get(word.lower(), word))
    ]
    sentence, replaced = _about_subject(words, subject)
    if not replaced:
        raise InputError(f"the statement {statement!r} speaks of nobody who could be replaced")
    return re.sub(r"(?:\A|[.!?] )[a-z]", lambda match: match[0].upper(), sentence)


def _first_person(verb: str) -> str:
    """Remove the ending of the third person from a verb."""
    lowered = verb.lower()
    if lowered in ("is", "has", "does"):
        return {"is": "am", "has": "have", "does": "do"}[lowered]
    if lowered.endswith("ies"):
        return verb[:-3] + "y"
    return verb[:-2] if re.search(r"(?:ss|sh|ch|x|zz|o)es$", lowered) else verb[:-1]


def _about_subject(words: list[str], subject: Subject) -> tuple[str, bool]:
    """Replace the first word of the first person by the subject, the others by its pronouns."""
    cases = {"i": 0, "me": 1, "my": 2, "mine": 3, "myself": 4}
    pronouns = _FORMS[subject.pronoun]
    pieces: list[str] = []
    named, agreeing = False, ""
    for word, following in zip_longest(words, words[1:], fillvalue="."):
        case = cases.get(word.lower())
        if case == 0 and following.strip()[:1] in (",", ".", ";", ":", "!", "?"):
            case = 1  # "help you," speaks of an object
        if case is not None:
            pieces.append(pronouns[case] if named or case == 4 else _subject_form(subject, case))
            singular = not subject.plural and (not named or subject.pronoun != "they")
            agreeing = ("singular" if singular else "plural") if case == 0 else agreeing
            named = True
        elif agreeing and word[0].isalpha() and not _is_adverb(word):
            pieces.append(_third_person(word, singular=agreeing == "singular"))
            agreeing = ""
        else:
            pieces.append(word)
    return " ".join("".join(pieces).split()), named


def _subject_form(subject: Subject, case: int) -> str:
    name = subject.name
    if name.lower() in _FORMS:
        return _FORMS[subject.pronoun][case]
    if case in (2, 3):
        return f"{name}'" if name.endswith("s") else f"{name}'s"
    return name


def _is_adverb(word: str) -> bool:
    """Tell whether a word may stand between a subject and its verb."""
    lowered = word.lower()
    return lowered in _ADVERBS or (lowered.endswith("ly") and lowered not in _NO_ADVERBS)


def _third_person(verb: str, *, singular: bool) -> str:
    """Put a verb of the first person into the third."""
    lowered = verb.lower()
    if lowered in ("am", "was", "wasn't"):
        plural = {"am": "are", "was": "were", "wasn't": "weren't"}
        return {"am": "is"}.get(lowered, lowered) if singular else plural[lowered]
    if not singular or lowered in _UNCHANGED_VERBS or re.search(r"[^e]ed$", lowered):
        return verb
    if lowered in _IRREGULAR:
        return _IRREGULAR[lowered]
    if re.search(r"[^aeiou]y$", lowered):
        return verb[:-1] + "ies"
    return verb + ("es" if re.search(r"(?:s|sh|ch|x|z|o)$", lowered) else "s")


def inventory_about(inventory: Inventory, subject: Subject) -> Inventory:
    """Rewrite an inventory as sentences about a subject, answered from wrong (1) to correct (7).

    For a pair, the sentence says that the high pole describes the subject better than the low one.

    Raises:
        InputError: the inventory has no texts, or a statement has no word for a person.
    """
    if not inventory.has_text:
        raise InputError(
            f"inventory {inventory.name!r} comes without item texts ({inventory.licence}): give "
            "your own item file with the columns item,text"
        )
    options = data_json("wordings.json")["wordings"]["correctness"]["options"]
    return replace(
        inventory,
        kind="sentence",
        items=tuple(
            replace(i, text=_sentence(inventory, i, subject), other="") for i in inventory.items
        ),
        options=tuple(Option(options[str(v)], v) for v in range(1, 8)),
        norms=(),
    )


def _sentence(inventory: Inventory, item: Item, subject: Subject) -> str:
    if inventory.kind == "pair":
        start = sentence_about(f"Am better described by “{item.other}”", subject)
        return f"{start} than by “{item.text}”"
    text = f"am {item.text.lower()}" if inventory.kind == "adjective" else item.text
    return sentence_about(text, subject)
