"""Self-disclosures of users, extracted by rules, each with the words that support it.

A substitute for the model in the pipeline of USP (Wang et al. 2025, arXiv 2502.18968): precise, but
blind to what is only implied. The rules are for English.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from personae.core import data_json
from personae.traits.trait_words import read_standings

__all__ = ["Disclosure", "claimed_traits", "find_disclosures", "redact", "writing_style"]


class Disclosure(NamedTuple):
    """A value and the quote that supports it."""

    value: str
    quote: str


_MORE_OCCUPATIONS = (
    "student accountant engineer developer programmer manager driver artist writer doctor "
    "scientist consultant freelancer designer assistant clerk waitress"
).split()
_CLAUSE_END = r"(?=[.,;!?\n]|$| and | but | because | so )"
_RULES: Mapping[str, tuple[str, ...]] = {
    "age": (
        r"\bI(?:'m| am) (?P<v>[1-9]\d)(?: years old|(?=[.,;!?]|$| and ))",
        r"\bI just turned (?P<v>[1-9]\d)\b",
    ),
    "gender": (
        r"\bI(?:'m| am) an? (?:\w+ )?(?P<v>woman|man|girl|boy|mother|father|mum|mom|dad"
        r"|widow|widower|housewife)\b",
    ),
    "location": (
        r"\bI (?:now )?(?:live|am living|'m living|moved|am based) (?:in|to) "
        r"(?P<v>[A-Z][\w'-]+(?: [A-Z][\w'-]+){0,2})",
        r"\bI(?:'m| am|'m originally| am originally) from "
        r"(?P<v>[A-Z][\w'-]+(?: [A-Z][\w'-]+){0,2})",
    ),
    "education": (
        r"\bI(?:'m| am)? ?(?:study|studied|studying|majored in|have a degree in) "
        rf"(?P<v>[a-z][\w -]{{2,40}}?){_CLAUSE_END}",
    ),
    "family": (
        r"\b[Mm]y (?P<v>wife|husband|partner|boyfriend|girlfriend|sons?|daughters?|kids?"
        r"|children|baby|mother|father|parents|brothers?|sisters?)\b",
    ),
    "routines": (
        rf"\bI (?:usually|always|often) (?P<v>[\w' -]{{4,60}}?){_CLAUSE_END}",
        r"\b(?P<v>every (?:morning|evening|night|day|weekend|monday|friday|sunday))\b",
    ),
    "experience": (
        rf"\bI (?P<v>used to [\w' -]{{3,60}}?){_CLAUSE_END}",
        rf"\bI(?:'ve| have) (?P<v>been [\w' -]{{3,60}}?){_CLAUSE_END}",
    ),
    "goals": (
        rf"\bI(?:'d like| want| would like| plan| hope| intend) to "
        rf"(?P<v>[\w' -]{{4,70}}?){_CLAUSE_END}",
    ),
}
_CONTACT_DATA = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+|https?://\S+|\+?\d[\d ()/-]{6,}\d")
_POLITE = re.compile(r"\b(?:please|thanks?|thank you|sorry|kindly)\b", re.IGNORECASE)
_BLUNT = re.compile(r"\b(?:just|asap|wrong|useless|stupid|again)\b", re.IGNORECASE)


def redact(text: str) -> str:
    """Remove addresses, links and long numbers.

    >>> redact("write to a.b@c.org or 030 123 45 67")
    'write to [removed] or [removed]'
    """
    return _CONTACT_DATA.sub("[removed]", text)


@cache
def _occupation_pattern() -> re.Pattern[str]:
    shipped = {name.split()[-1] for name in data_json("personas/people.json")["occupations"]}
    jobs = "|".join(sorted({*shipped, *_MORE_OCCUPATIONS}, key=lambda job: (-len(job), job)))
    return re.compile(
        rf"\bI(?:'m| am) an? (?P<v>(?:[a-z-]+ ){{0,3}}?(?:{jobs}))\b"
        r"|\bI work as (?:an? )?(?P<w>[a-z][a-z -]{2,30}?)(?=[.,;!?\n]|$| in | at | and | on )",
        re.IGNORECASE,
    )


def find_disclosures(turns: Sequence[str]) -> dict[str, Disclosure]:
    """Extract objective facts from a user's turns; attributes without evidence are absent.

    >>> find_disclosures(["I'm 34 and I work as a nurse."])["occupation"].value
    'nurse'
    """
    text = "\n".join(turns).replace("’", "'")
    disclosures: dict[str, Disclosure] = {}
    for name, patterns in _RULES.items():
        for pattern in patterns:
            if (match := re.search(pattern, text)) and name not in disclosures:
                disclosures[name] = Disclosure(redact(match["v"].strip()), redact(match[0].strip()))
    if match := _occupation_pattern().search(text):
        disclosures["occupation"] = Disclosure((match["v"] or match["w"]).strip(), match[0].strip())
    return disclosures


def writing_style(turns: Sequence[str]) -> list[str]:
    """Describe how a user writes, by the remarkable features alone.

    >>> writing_style(["fix this", "wrong again"])
    ['in a few words', 'all in small letters', 'bluntly']
    """
    if not turns:
        return []
    words = [len(turn.split()) for turn in turns]
    text = " ".join(turns)
    mean, features = sum(words) / len(words), []
    if mean <= 8:
        features.append("in a few words")
    elif mean >= 40:
        features.append("at length")
    if text == text.lower() and any(char.isalpha() for char in text):
        features.append("all in small letters")
    polite, blunt = len(_POLITE.findall(text)), len(_BLUNT.findall(text))
    if polite > blunt:
        features.append("politely")
    elif blunt > polite:
        features.append("bluntly")
    if sum(turn.rstrip().endswith("?") for turn in turns) >= 2 / 3 * len(turns):
        features.append("mostly in questions")
    if text.count("!") >= len(turns):
        features.append("with exclamation marks")
    return features


def claimed_traits(turns: Sequence[str]) -> dict[str, float]:
    """Read the Big Five standings (z) that a user claims in sentences with "I", by domain letter.

    Standings are rounded to 0.1 and limited to 2 in absolute value.
    """
    own_sentences = [
        s for t in turns for s in re.split(r"(?<=[.!?])\s+", t) if re.search(r"\bI\b", s)
    ]
    standings = read_standings(" ".join(own_sentences))
    return {d: max(-2.0, min(2.0, round(z, 1))) for (d, f), z in standings.items() if not f and z}
