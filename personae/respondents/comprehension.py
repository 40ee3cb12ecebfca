"""What a simulated respondent makes of a chat, from its text alone, as any model must.

Finds the persona, the inventory statement asked about, and the options with what they mean.
Statements are found by their words in any grammatical person; an option's meaning comes from
the scales of `data/wordings.json` and of the inventories, never from its label or place.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from personae.core import (
    BIG_FIVE,
    Chat,
    Inventory,
    Question,
    data_json,
    data_names,
    inventories,
    load_inventory,
)
from personae.respondents.task_recognition import RecognisedTask, recognise_task

__all__ = [
    "Comprehension",
    "OptionLine",
    "RatedStatement",
    "comprehend",
    "find_action",
    "find_statement",
    "levels",
]

_PRECEDENCE = ("ipip-neo-300", "mpi-120", "saucier-mini-markers", "goldberg-bipolar", "ipip-16pf")
_PRONOUNS = frozenset(
    "i you they he she it me my your their his her its mine yours theirs them we us our".split()
)
_SELF = frozenset("myself yourself themselves himself herself ourselves".split())
_BE = frozenset("am is are was were be being m re s".split())
_NOT = frozenset(("not", "never", "t"))
_WORD = re.compile(r"[a-z0-9]+")
_BLOCK = re.compile(
    r"\A(?:Truth|Context):\s*(?:(.*?)\n\s*\n(?=Question|Premise|Here is|Statement)"
    r"|(.*?)(?:\n\s*\n|\Z))",
    re.DOTALL,
)
_ABOUT = re.compile(r"<text>(.*?)</text>", re.DOTALL)
_LINE = re.compile(
    r"[ \t]*(?:\(?([A-Za-z]|\d{1,2})\)?[ \t]*[.):=][.):=]?|[-*•])[ \t]+(\S.*?)[ \t]*"
)


@dataclass(frozen=True, slots=True)
class RatedStatement:
    """A statement: its Big Five domain ("" if none), facet, key, and canonical words.

    `pair` marks two poles; `words` is where its own difficulty comes from.
    """

    domain: str
    facet: str
    key: int
    words: str
    pair: bool = False


@dataclass(frozen=True, slots=True)
class OptionLine:
    """An option line: its label (or ""), text, the whole line, and its level 0..1 or None."""

    label: str
    text: str
    line: str
    level: float | None


@dataclass(frozen=True, slots=True)
class Comprehension:
    """What a chat says: who to be, what is asked, the options as shown, and turns gone by.

    `about` is a text between <text> and </text> whose author is asked about, in place of oneself.
    `posed` is the behavioural task put in the last turn, or None.
    """

    persona: str
    about: str
    ask: str
    statement: RatedStatement | None
    shown: tuple[OptionLine, ...]
    turns: int
    posed: RecognisedTask | None = None


@lru_cache(maxsize=4096)
def comprehend(chat: Chat) -> Comprehension:
    """Read a chat; nothing found is an empty field, never an error."""
    users = [m.text for m in chat if m.role == "user"]
    system = [m.text for m in chat if m.role == "system"]
    blocks = [found for text in users[:1] if (found := _BLOCK.match(text))]
    if blocks:
        users[0] = users[0][blocks[0].end() :]
    about = [found for text in users if (found := _ABOUT.search(text))]
    users = [_ABOUT.sub(" ", text) for text in users]
    ask = users[-1] if users else ""
    posed = recognise_task(ask)
    shown = _shown(users[-1:], []) if posed is not None else _shown(users, system)
    return Comprehension(
        persona="\n".join([*system, *(b[1] or b[2] for b in blocks)]),
        about=about[-1][1] if about else "",
        ask=ask,
        statement=find_statement(_without(ask, shown)),
        shown=shown,
        turns=sum(m.role == "assistant" for m in chat[:-1]),
        posed=posed,
    )


def _without(text: str, shown: Sequence[OptionLine]) -> str:
    for option in shown:
        text = text.replace(option.line, " ", 1)
    return text


# Statements ---------------------------------------------------------------------------------


def _tokens(text: str) -> list[str]:
    """Words without person: pronouns gone, every form of "be" alike, no ending -s."""
    words: list[str] = []
    for word in _WORD.findall(text.lower().replace("someone who", " ")):
        if word in _PRONOUNS:
            continue
        stem = "be" if word in _BE else "self" if word in _SELF else _stem(word)
        if not (stem == "be" and words[-1:] == ["be"]):
            words.append(stem)
    return words


def _stem(word: str) -> str:
    if word in ("has", "having"):
        return "have"
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("shes", "ches", "sses", "xes", "oes")):
        return word[:-2]
    return word[:-1] if len(word) > 2 and word.endswith("s") and not word.endswith("ss") else word


@cache
def _index() -> tuple[Mapping[tuple[str, ...], RatedStatement], int]:
    """Every shipped item by its words, and the length of the longest."""
    index: dict[tuple[str, ...], RatedStatement] = {}
    names = [*_PRECEDENCE, *(n for n in inventories() if n not in _PRECEDENCE)]
    for name in names:
        if name in inventories():
            inventory = load_inventory(name)
            for words, asked in _entries(inventory):
                index.setdefault(words, asked)
    return index, max(map(len, index), default=0)


def _entries(inventory: Inventory) -> Iterator[tuple[tuple[str, ...], RatedStatement]]:
    pair = inventory.kind == "pair"
    for item in inventory.items:
        if not item.text:
            continue
        domain, sign = _domain(inventory.scales[item.scale])
        text = f"be {item.text}" if inventory.kind == "adjective" else f"{item.text} {item.other}"
        words = tuple(_tokens(text))
        facet = item.facet if domain == item.scale else ""
        yield words, RatedStatement(domain, facet, item.key * sign, " ".join(words), pair)


def _domain(title: str) -> tuple[str, int]:
    """A scale's Big Five domain and sign, by title; ("", 1) for a scale of another world."""
    for code, name in BIG_FIVE.items():
        if name == title:
            return code, 1
    domain, sign = data_json("trait_words.json")["related_scales"].get(title, ("", 1))
    return domain, sign


@lru_cache(maxsize=1 << 14)
def find_statement(text: str) -> RatedStatement | None:
    """Find the longest shipped statement in a text, the last of several equally long.

    A negation around it ("It is not true that", "don't") turns its key round.

    >>> find_statement("Like you? 'She never worries about things.'").key
    -1
    """
    words = _tokens(text)
    found, where = _longest(words)
    if found is not None:
        before = words[max(0, where - 4) : where]
        return _turned(found, sum(w in _NOT for w in before) % 2 == 1)
    plain = [w for w in words if w not in _NOT and w not in ("do", "don")]
    found, _ = _longest(plain)
    return None if found is None else _turned(found, len([w for w in words if w in _NOT]) % 2 == 1)


def _turned(asked: RatedStatement, negated: bool) -> RatedStatement:
    words = f"not {asked.words}" if negated else asked.words
    return replace(asked, key=-asked.key, words=words) if negated else asked


def _longest(words: Sequence[str]) -> tuple[RatedStatement | None, int]:
    index, most = _index()
    for length in range(min(most, len(words)), 1, -1):
        for start in range(len(words) - length, -1, -1):
            asked = index.get(tuple(words[start : start + length]))
            if asked is not None:
                return asked, start
    return None, 0


# Actions ------------------------------------------------------------------------------------


def find_action(text: str) -> RatedStatement | None:
    """Recognize an action of the shipped situations: what taking it says of a person."""
    return _actions().get(_bare(text))


@cache
def _actions() -> Mapping[str, RatedStatement]:
    found = {}
    for row in data_json("situations/personae-trait.json")["items"]:
        domain, sign = _domain(row["personality"])
        for name, key in (("high1", 1), ("high2", 1), ("low1", -1), ("low2", -1)):
            said = RatedStatement(domain, "", key * sign, row["idx"], pair=True)
            found[_bare(row[f"response_{name}"])] = said
    return found


# Options ------------------------------------------------------------------------------------


@cache
def _scales() -> tuple[Mapping[str, float], ...]:
    """All answer scales: option text in lower case -> level, 0 least and 1 most agreeing."""
    found = []
    for row in data_json("wordings.json")["wordings"].values():
        if row["options"]:
            named = {text.lower(): int(v) for v, text in row["options"].items() if text}
            found.append(_leveled(named))
    for name in inventories():
        options = load_inventory(name).options
        found.append(_leveled({o.text.lower(): o.value for o in options}))
    for name in data_names("rubrics"):
        rubric = data_json(f"rubrics/{name}.json")
        if "{first}" not in rubric["ask"]:  # two texts to compare are no scale
            found.append(_leveled({text.lower(): value for text, value in rubric["options"]}))
    return tuple(found)


def _leveled(values: Mapping[str, int]) -> Mapping[str, float]:
    low, high = min(values.values()), max(values.values())
    return {text: (value - low) / (high - low) for text, value in values.items()}


@lru_cache(maxsize=4096)
def _meaning(texts: tuple[str, ...]) -> tuple[float | None, ...]:
    """Levels of option texts, from the first scale that knows all of them."""
    lowered = [_bare(text) for text in texts]
    for scale in _scales():
        if all(text in scale for text in lowered):
            return tuple(scale[text] for text in lowered)
    return (None,) * len(texts)


def _bare(text: str) -> str:
    return text.strip(" .\"'").lower()


def _shown(users: Sequence[str], system: Sequence[str]) -> tuple[OptionLine, ...]:
    """A later turn's own list; else the last list with a known meaning, or of the last turn."""
    if len(users) > 1 and (latest := _lists(users[-1])):
        return latest[-1]
    blocks = [b for text in (*system, *users) for b in _lists(text)]
    for block in reversed(blocks):
        if block[0].level is not None:
            return block
    own = _lists(users[-1]) if users else []
    return own[-1] if own else ()


def _lists(text: str) -> list[tuple[OptionLine, ...]]:
    """Runs of two or more option lines: all with labels, or all with bullets."""
    runs: list[list[re.Match[str]]] = [[]]
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found and runs[-1] and bool(found[1]) != bool(runs[-1][-1][1]):
            runs.append([])
        if found:
            runs[-1].append(found)
        elif runs[-1]:
            runs.append([])
    return [_block(run) for run in runs if len(run) > 1]


def _block(run: Sequence[re.Match[str]]) -> tuple[OptionLine, ...]:
    meant = _meaning(tuple(found[2] for found in run))
    return tuple(
        OptionLine(found[1] or "", found[2], found[0], level)
        for found, level in zip(run, meant, strict=True)
    )


def levels(reading: Comprehension, question: Question) -> tuple[float | None, ...]:
    """How agreeing each option of a question is, 0..1, or None for one without such a meaning.

    A label means what its line says; a number between two named ends lies between them.
    """
    forms = [surface[0].strip(" (.)") for surface in question.options]
    by_label = {s.label: s.level for s in reading.shown if s.label}
    if any(form in by_label for form in forms):
        return tuple(by_label.get(form, _between(form, by_label)) for form in forms)
    return _meaning(tuple(forms))


def _between(form: str, by_label: Mapping[str, float | None]) -> float | None:
    ends = [(int(k), v) for k, v in by_label.items() if k.isdigit() and v is not None]
    if not form.isdigit() or len(ends) < 2:
        return None
    (first, low), (last, high) = min(ends), max(ends)
    if not first < int(form) < last:
        return None
    return low + (high - low) * (int(form) - first) / (last - first)
