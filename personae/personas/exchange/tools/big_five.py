"""The Big Five as other tools write them, in words or numbers, read as requested standings (z).

Words: high is +1, moderate 0 and low -1; with "somewhat" 0.5, "very" 1.5 and "extremely" 2 from
0, the steps of our graded adjectives. A number is read by its place between the ends of its scale,
from -1 to +1, if the scale is stated ("4/5", "70 %", "5 (1-7)") or follows from all numbers (0.8;
85); SDs, T scores and percentiles are read as such. Letters with a sign (E+, N-) are high and low.
Negations, two levels for one trait and numbers of unknown scale are not read but reported.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from statistics import NormalDist
from typing import NamedTuple

__all__ = ["BigFive", "read_big_five"]


class BigFive(NamedTuple):
    """Standings (z) by domain letter, and the passages that could not be read."""

    traits: dict[str, float]
    unread: tuple[str, ...]


_NAMES = {
    "O": r"openness(?:[ _-]+to[ _-]+(?:new[ _-]+)?experiences?)?|open[ _-]mindedness",
    "C": r"conscientious(?:ness)?",
    "E": r"extr[ao]ver(?:sion|ted|t)",
    "A": r"agreeable(?:ness)?",
    "N": r"neurotic(?:ism)?|emotional[ _-]+instability",
}
_REVERSED = {"E": r"introver(?:sion|ted|t)", "N": r"emotional(?:ly)?[ _-]+stab(?:ility|le)"}
_DOMAIN = re.compile(
    "|".join(
        [
            *(rf"(?P<{code}>\b(?:{names})\b)" for code, names in _NAMES.items()),
            *(rf"(?P<{code}_>\b(?:{names})\b)" for code, names in _REVERSED.items()),
        ]
    ),
    re.I,
)
_LETTER = re.compile(r"^\W*(?P<code>[OCEANocean])\s*(?:[:=–—]|-(?=\s)|\s(?=[+-]?\d))")
_SIGNED = re.compile(r"^\W*(?P<code>[OCEAN])\s?(?P<sign>[+−-])[^\w+−-]*$")
_BETWEEN_SIGNED = re.compile(r"(?<=[+−-])[ /]+(?=[OCEAN][+−-])")
_LAST_LETTER = re.compile(r"\s(?P<code>[OCEAN])\W*$")
_ADVERBS = {
    "extremely": 2.0,
    "exceptionally": 2.0,
    "very": 1.5,
    "highly": 1.5,
    "quite": 1.0,
    "fairly": 0.5,
    "rather": 0.5,
    "somewhat": 0.5,
    "slightly": 0.5,
    "moderately": 0.5,
    "a bit": 0.5,
    "a little": 0.5,
}
_LEVELS = {
    **dict.fromkeys(("high", "higher", "above average", "above-average", "strong", "elevated"), 1),
    **dict.fromkeys(("low", "lower", "below average", "below-average", "weak", "reduced"), -1),
    **dict.fromkeys(
        ("moderate", "medium", "average", "middle", "mid", "neutral", "balanced", "typical"), 0
    ),
}
_ANY_ADVERB = "|".join(_ADVERBS)
_LEVEL = re.compile(
    rf"\b(?:(?P<adverb>{_ANY_ADVERB})[ -]+)?"
    rf"(?P<level>{'|'.join(sorted(_LEVELS, key=len)[::-1])})\b",
    re.I,
)
_DEGREE = re.compile(rf"\b(?P<adverb>{_ANY_ADVERB})[ ]+(?:an?[ ]+)?\0", re.I)
_NEGATION = re.compile(r"\b(?:not?|non|never|neither|nor|without|lacks?|lacking)\b|n't\b", re.I)
_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_PERCENTILE = re.compile(rf"({_NUMBER})\s*(?:st|nd|rd|th)?\s*percentile", re.I)
_PERCENT = re.compile(rf"({_NUMBER})\s*(?:%|percent\b)", re.I)
_UNITS = re.compile(
    rf"(?:\bz\s*=\s*({_NUMBER})|({_NUMBER})\s*(?:sds?\b|z\b)(?:\s*(above|below)\b)?)", re.I
)
_T_SCORE = re.compile(
    rf"\b[Tt][ -]?[Ss]cores?\b\W*(?:of\s+)?({_NUMBER})|\bT\s*[=:]?\s*({_NUMBER})|({_NUMBER})\s*T\b"
)
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])(\d+),(\d+)(?![\d,])")
_OF = re.compile(rf"({_NUMBER})\s*(?:/|\b(?:out\s+)?of\b)\s*(\d+)\b", re.I)
_RANGE = re.compile(rf"({_NUMBER})\W+(?:[a-z]+\W+)*(\d+)\s*(?:-|–|to|\.\.)\s*(\d+)\b", re.I)
_PLAIN = r"(?:\b(?:scores?|levels?|ratings?|values?|points?|is|at|of|on|in|a|an|the)\b|[\W_])"
_BARE = re.compile(rf"{_PLAIN}*?({_NUMBER}){_PLAIN}*", re.I)
_NAMED = ("trait", "name", "domain", "dimension", "factor")
_LEVELLED = ("level", "score", "value", "rating", "percentile")
_SPLIT = re.compile(r"[;\n|,]|[.!?](?!\d)|\b(?:and|but|while|whereas|yet)\b", re.I)
_DIGIT_OR_SIGNS = re.compile(r"\d|^\W*[OCEAN]\s?[+−-]{2,}\W*$")
_SENTENCE = re.compile(r"[;\n!?]|\.(?!\d)")


def read_big_five(value: object) -> BigFive:
    """Read the Big Five from a text, a list of texts, or an object by domain.

    >>> read_big_five("high agreeableness and low neuroticism")
    BigFive(traits={'A': 1.0, 'N': -1.0}, unread=())
    >>> read_big_five({"openness": "4/5", "E": "not high"})
    BigFive(traits={'O': 0.5}, unread=('E: not high',))
    """
    passages = [passage for passage in _passages(value) if _says_something(passage)]
    scale = _common_scale(passages)
    readings = [(passage, _reading(passage, scale)) for passage in passages]
    standings: dict[str, set[float]] = {}
    for _, reading in readings:
        if reading is not None:
            standings.setdefault(reading[0], set()).add(reading[1])
    clear = {code: min(zs) for code, zs in standings.items() if len(zs) == 1}
    unread = [text for text, reading in readings if reading is None or reading[0] not in clear]
    return BigFive({code: clear[code] for code in _NAMES if code in clear}, tuple(unread))


def _passages(value: object) -> Iterator[str]:
    """Yield what speaks of one trait each, as "trait: level" where the value is an object."""
    if isinstance(value, str):
        for part in _SPLIT.split(_DECIMAL_COMMA.sub(r"\1.\2", value)):
            yield from (passage.strip() for passage in _BETWEEN_SIGNED.split(part))
    elif isinstance(value, list):
        for element in value:
            yield from _passages(element)
    elif isinstance(value, Mapping):
        for name, level in _named_levels(value):
            if _domain(f"{name}:") is not None and level not in (None, ""):
                text = _DECIMAL_COMMA.sub(r"\1.\2", str(level).strip().replace("_", " "))
                # What follows the first sentence explains it, as in "High. Very creative".
                yield f"{name}: {_SENTENCE.split(text)[0]}"


def _named_levels(value: Mapping[object, object]) -> Iterable[tuple[object, object]]:
    """Return an object's pairs, or the pair that it is: {"trait": "Openness", "score": 80}."""
    name = next((value[key] for key in _NAMED if key in value), None)
    if not isinstance(name, str) or _domain(f"{name}:") is None:
        return value.items()
    levels = [(key, value[key]) for key in _LEVELLED if key in value]
    if len(levels) == 1 and levels[0][0] == "percentile":
        return [(name, f"{levels[0][1]} percentile")]
    return [(name, levels[0][1] if len(levels) == 1 else value)]


def _says_something(passage: str) -> bool:
    return any(p.search(passage) for p in (_DOMAIN, _LETTER, _SIGNED, _LEVEL, _DIGIT_OR_SIGNS))


def _domain(passage: str) -> tuple[str, int, str] | None:
    """Return the one domain of a passage, its direction, and the passage without its name."""
    matches = list(_DOMAIN.finditer(passage))
    if not matches and (letter := _LETTER.match(passage)):
        return letter["code"].upper(), 1, passage[letter.end() :]
    if not matches and (signed := _SIGNED.match(passage)):
        return signed["code"], 1, "\0 high" if signed["sign"] == "+" else "\0 low"
    if not matches and (last := _LAST_LETTER.search(passage)) and _LEVEL.match(passage.strip()):
        return last["code"], 1, f"{passage[: last.start()]} \0"
    if len(matches) != 1:
        return None
    group = str(matches[0].lastgroup)
    start, end = matches[0].span()
    return group[0], -1 if group.endswith("_") else 1, f"{passage[:start]}\0{passage[end:]}"


def _reading(passage: str, scale: tuple[float, float] | None) -> tuple[str, float] | None:
    domain = _domain(passage)
    if domain is None or _NEGATION.search(passage):
        return None
    code, direction, remainder = domain
    level = _worded(remainder)
    standing = _standing(remainder)
    number = standing if standing is not None else _numbered(remainder, scale)
    if level is None and not _LEVEL.search(remainder):
        level = number
    elif level is not None and number is not None and number * level < 0:
        return None
    elif level is not None and standing is not None:
        level = standing  # "1.5 SD above average" says more than "above average"
    return None if level is None else (code, round(direction * level, 4) + 0.0)


def _worded(remainder: str) -> float | None:
    levels = {_graded(match) for match in _LEVEL.finditer(remainder)}
    if not levels and (degree := _DEGREE.search(remainder)):
        levels = {_ADVERBS[degree["adverb"].lower()]}  # "very agreeable"
    return levels.pop() if len(levels) == 1 else None


def _graded(match: re.Match[str]) -> float:
    sign = _LEVELS[match["level"].lower()]
    return sign * (_ADVERBS[match["adverb"].lower()] if match["adverb"] else 1.0)


def _standing(remainder: str) -> float | None:
    """Read a number that says where among people: a percentile, SDs, a T score (50, SD 10)."""
    z = None
    if match := _PERCENTILE.search(remainder):
        share = float(match[1]) / 100
        z = NormalDist().inv_cdf(share) if 0.001 <= share <= 0.999 else None
    elif match := _UNITS.search(remainder):
        z = float(match[1] or match[2])
        z = -abs(z) if (match[3] or "").lower() == "below" else z  # "-1 SD below" is one below
    elif match := _T_SCORE.search(remainder):
        z = (float(match[1] or match[2] or match[3]) - 50) / 10
    return z if z is not None and abs(z) <= 5 else None


def _numbered(remainder: str, scale: tuple[float, float] | None) -> float | None:
    """Read a number on a scale that is stated with it, or the given one."""
    if any(pattern.search(remainder) for pattern in (_PERCENTILE, _UNITS, _T_SCORE)):
        return None
    value, ends = _scaled(remainder, scale)
    return None if ends is None else _place(value, *ends)


def _scaled(
    remainder: str, scale: tuple[float, float] | None
) -> tuple[float, tuple[float, float] | None]:
    """Return a number and the ends of its scale: those stated with it, else the given ones."""
    if match := _PERCENT.search(remainder):
        return float(match[1]), (0, 100)
    if match := _RANGE.search(remainder):
        return float(match[1]), (float(match[2]), float(match[3]))
    if match := _OF.search(remainder):
        top = float(match[2])
        return float(match[1]), (1 if top < 10 else 0, top)
    match = _BARE.fullmatch(remainder)
    return (float(match[1]), scale) if match else (0.0, None)


def _place(value: float, low: float, high: float) -> float | None:
    """Map a place between the ends of a scale to -1..+1."""
    return 2 * (value - low) / (high - low) - 1 if low < high and low <= value <= high else None


def _common_scale(passages: Iterable[str]) -> tuple[float, float] | None:
    """Infer the scale of bare numbers: 0 to 1 or 0 to 100, where they fit no other."""
    remainders = [domain[2] for domain in map(_domain, passages) if domain is not None]
    matches = [_BARE.fullmatch(text) for text in remainders if _numbered(text, None) is None]
    numbers = [float(match[1]) for match in matches if match]
    if not numbers or min(numbers) < 0:
        return None
    if max(numbers) <= 1:
        return (0, 1) if any(number % 1 for number in numbers) else None
    return (0, 100) if 10 < max(numbers) <= 100 else None
