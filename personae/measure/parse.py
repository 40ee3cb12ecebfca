"""The parser of all replies to questions with listed options.

Rules, in order: a JSON object with an answer; labels ("(B)", "B.", "option B", "4"); the options'
own words, longest first. Exactly one option must be named: a reply that names two is unparsed, and
the first is never taken. An option that is only denied ("not A") is no answer. Differs from Gupta
et al. 2023 (arXiv 2309.08163): lower-case letters in brackets and the options' words are read, a
repeated number isn't counted as two answers, nor a denied option as chosen.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from personae.core import Status
from personae.measure.inventories.forms import DisplayedOption

__all__ = ["Parsed", "is_denied", "is_refusal", "parse_reply"]

_KEYS = ("answer", "choice", "option", "response", "rating", "score", "label")
_MARKUP = re.compile(r"[*_`#]+")
_FENCE = re.compile(r"^```\w*\s*|\s*```$")
_SCALE = re.compile(r"\b\d+\s*(?:-|–|to|through)\s*\d+\b|(?:/|\bout of)\s*\d+\b", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.,/])(?<![–-])\d+(?![\w%]|[.,]\d)")
_LIST = re.compile(r"^\s*\d+[.)]\s+\w", re.MULTILINE)
_DIGITS = re.compile(r"-?\d+(?:[.,]\d+)?")
_DENIED = re.compile(
    r"(?:\b(?:not|never|neither|cannot|hardly|anything but|other than)|n't)"
    r"(?:\s+(?:(?:sure|certain|convinced|know)(?=\s+(?:that|if|whether|i|i'd|it|it's|this|the)\b)"
    r"|if|whether|i'd|can|could|really|quite"
    r"|exactly|entirely|necessarily|at all|think|believe|say|call|feel"
    r"|describe|consider|choose|pick|select|that|as|it|it's|this|is|are|am|i|i'm|be|would be|my"
    r"|an?|the|answer|option|choice|rating|statement|myself|me))*\s*[(<\[\"'“]*\Z",
    re.IGNORECASE,
)
_ASKED_AND_DENIED = re.compile(
    r"[)>\]\"'”]*\s*\?\W*(?:no|nope|nah|not|never|hardly)\b", re.IGNORECASE
)
"""After an option: it was only a question, which the reply answers with no."""
_REFUSAL = re.compile(
    r"\bas an? (?:ai|artificial|language model|assistant)\b"
    r"|\bi(?:'m| am) (?:just |only |merely )?(?:an? )?(?:ai\b|artificial|language model)"
    r"|\bi (?:can't|cannot|can not|won't|will not|am unable|am not able|do not wish|decline)\b"
    r"|\bi(?:'m| am) (?:sorry|not comfortable|unable|not able)\b"
    r"|\b(?:don't|do not) have (?:any )?(?:personal|feelings|opinions|a personality|emotions)"
    r"|\bnot (?:appropriate|ethical) (?:for me )?to\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed reply: its option's value and slot, or a status and the reason why there is none."""

    value: int | None
    status: Status
    why: str = ""
    slot: int | None = None


def parse_reply(text: str, options: Sequence[DisplayedOption]) -> Parsed:
    """Find the one listed option that a reply names.

    `status` is `ok`, `refused` (no option, and a refusal in words) or `unparsed`. `why` is also set
    for an answer whose label and words disagree; the label counts.

    >>> from personae.core import Form, load_inventory
    >>> from personae.measure.inventories.forms import Frame
    >>> options = Frame(load_inventory("mpi-120"), Form(wording="mpi")).options
    >>> parse_reply("(B). Moderately Accurate", options).value
    4
    >>> parse_reply("I am a bit unsure", options).status
    'unparsed'
    """
    plain = _MARKUP.sub("", _from_json(text).replace("’", "'")).strip()
    if not plain:
        return Parsed(None, "unparsed", "the reply is empty")
    if options[0].label.isdigit() and _LIST.search(plain) and len(_NUMBER.findall(plain)) > 1:
        return Parsed(None, "unparsed", "a numbered list with numbers in it, not one answer")
    labels, stray = _labels(plain, tuple(option.label for option in options))
    words = _words(plain, tuple(option.text for option in options))
    slots = labels or words
    if len(slots) == 1:
        slot, affirmed = next(iter(slots.items()))
        clash = bool(labels) and len(words) == 1 and words.keys() != labels.keys()
        reason = f"says {options[slot].label} with another option's words" if clash else ""
        if affirmed:
            return Parsed(options[slot].value, "ok", reason, slot)
        reason = f"only denies {_called(options[slot])}"
    elif slots:
        names = ", ".join(_called(options[s]) for s in sorted(slots))
        reason = f"names {len(slots)} options: {names}"
    elif _REFUSAL.search(plain):
        return Parsed(None, "refused", "declines in words and names no option")
    else:
        reason = f"{stray} is none of the options" if stray else "names no option"
    return Parsed(None, "unparsed", reason)


def is_refusal(text: str) -> bool:
    """Tell whether free text declines to answer, by its phrases alone.

    >>> is_refusal("As an AI language model, I cannot say."), is_refusal("Take the later bus.")
    (True, False)
    """
    return bool(_REFUSAL.search(_MARKUP.sub("", text).replace("’", "'")))


def is_denied(text: str, start: int, end: int | None = None) -> bool:
    """Tell whether what begins at a position is denied by the words right before it.

    With its `end`, also whether it is a question that the next word answers with no.

    >>> is_denied("It is not very accurate", 10), is_denied("I'm not sure, but (B)", 18)
    (True, False)
    """
    if end is not None and _ASKED_AND_DENIED.match(text, end):
        return True
    return bool(_DENIED.search(text[max(0, start - 80) : start]))


def _called(option: DisplayedOption) -> str:
    return option.label or option.text


def _affirmed(text: str, named: Iterable[tuple[int, int, int]]) -> dict[int, bool]:
    """Return the named slots, each with whether any of the places that name it isn't a denial."""
    slots: dict[int, bool] = {}
    for slot, start, end in named:
        slots[slot] = slots.get(slot, False) or not is_denied(text, start, end)
    return slots


def _from_json(text: str) -> str:
    """Extract the answer from a JSON object; any other text is returned unchanged."""
    bare = _FENCE.sub("", text.strip())
    if not bare.startswith("{"):
        return text
    try:
        content = json.loads(bare)
    except (ValueError, RecursionError):
        return text
    fields = {str(k).lower(): v for k, v in content.items()}
    values = [fields[key] for key in _KEYS if key in fields]
    values = values or (list(fields.values()) if len(fields) == 1 else [])
    scalars = [v for v in values if isinstance(v, str | int | float) and not isinstance(v, bool)]
    return str(scalars[0]) if scalars else ""


def _labels(text: str, labels: tuple[str, ...]) -> tuple[dict[int, bool], str]:
    """Return the slots whose label is named, and a number that is no label (for the reason)."""
    if not labels[0]:
        return {}, ""
    if not labels[0].isdigit():
        matches = _letters(labels).finditer(text)
        letters = [(labels.index(m[m.lastindex or 0].upper()), *m.span()) for m in matches]
        return _affirmed(text, letters), ""
    if _DIGITS.fullmatch(text.rstrip(".)")):
        numbers = [(text.rstrip(".)"), 0, len(text))]
    else:
        text = _SCALE.sub(" ", text)
        numbers = [(m[0], *m.span()) for m in _NUMBER.finditer(text)]
    strays = sorted({number for number, *_ in numbers} - set(labels))
    slots = _affirmed(
        text, ((labels.index(n), start, end) for n, start, end in numbers if n in labels)
    )
    return slots, strays[0] if strays else ""


@lru_cache(maxsize=64)
def _letters(labels: tuple[str, ...]) -> re.Pattern[str]:
    """Match letters as answers, never the article "a" or the pronoun "I" inside a sentence."""
    upper = "".join(labels)
    any_case = upper + upper.lower()
    plain = re.sub("[AI]", "", upper)  # letters that are no English word
    return re.compile(
        rf"[(<]\s*([{any_case}])\s*[)>]"  # (b) <b>
        rf"|(?<![\w'.])([{upper}])(?=[).:\]]|\s*$)"  # B) B. B:
        rf"|\A\W*([{any_case}])(?=\s*$|\s*[).:,\]]|\s+[–-]\s|\s*\n)"  # the reply begins with it
        rf"|\b(?:[Oo]ption|[Aa]nswer|[Cc]hoice)\s*(?:is|:)?\s*[(\"']?"
        rf"([{upper}{plain.lower()}])(?![\w'])"
        rf"|(?<![\w'])([{plain or '-'}])(?![\w'])"
    )


@lru_cache(maxsize=64)
def _options(texts: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(filter(None, texts), key=len, reverse=True)
    body = "|".join(r"\s+".join(map(re.escape, t.split())) for t in longest_first)
    return re.compile(rf"(?<!\w)(?:{body or '(?!)'})(?!\w)", re.IGNORECASE)


def _words(text: str, texts: tuple[str, ...]) -> dict[int, bool]:
    """Return the slots whose own words occur; a longer option hides a shorter one inside it."""
    lowered = [" ".join(t.lower().split()) for t in texts]
    matches = _options(texts).finditer(text)
    return _affirmed(
        text, ((lowered.index(" ".join(m[0].lower().split())), *m.span()) for m in matches)
    )
