"""Items in the first, second or third person.

IPIP statements begin with a verb and have no subject ("Worry about things"). The third person is
"They", whose verbs take no -s. Texts that begin with a verb in -s ("Is talkative") get
the stem "someone who"; texts without a verb ("Interested in many things") get "am"; texts that
begin with a subject ("It's wise to ...") keep it.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from personae.core import Inventory, Item

__all__ = ["from_second", "in_person", "item_text"]

_SECOND: Mapping[str, str] = {
    "i am": "you are",
    "i was": "you were",
    "i'm": "you're",
    "i've": "you've",
    "i'd": "you'd",
    "i'll": "you'll",
    "i": "you",
    "am": "are",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
}
_THIRD: Mapping[str, str] = {
    "i am": "they are",
    "i was": "they were",
    "i'm": "they're",
    "i've": "they've",
    "i'd": "they'd",
    "i'll": "they'll",
    "i": "they",
    "am": "are",
    "me": "them",
    "my": "their",
    "mine": "theirs",
    "myself": "themselves",
}
_FIRST: Mapping[str, str] = {
    "you are": "I am",
    "you were": "I was",
    "you was": "I was",
    "you're": "I'm",
    "you've": "I've",
    "you'd": "I'd",
    "you'll": "I'll",
    "you": "I",
    "your": "my",
    "yours": "mine",
    "yourself": "myself",
}
_OBJECT = re.compile(r"\b(?:(?<=\bto )|(?<=\bof )|(?<=\bby )|(?<=\bfor ))you\b|\byou(?=\W*$)")
_VERB_IN_S = re.compile(
    r"(?!(?:always|sometimes|perhaps|was|others|things|focus)\b)"
    r"(?:is|has|does|[a-z]+[^s'\W]s)\b",
    re.IGNORECASE,
)
_OWN_SUBJECT = re.compile(
    r"(?:i|i'\w+|it|it's|this|that|that's|there|there's|these|those|he|she|they|we|you|one|the|my"
    r"|a|an|no|nobody|everybody|everyone|people|others|most|many|some|all|whatever|if|when"
    r"|(?!often|rarely|seldom|usually|always|never)\w+ (?:is|are|was|were|has|can|must|should"
    r"|will|needs|seems))(?=\s)",
    re.IGNORECASE,
)
_NO_VERB = re.compile(
    r"(?:(?:never|always|often|rarely|seldom|usually|easily|very|not) )*"
    r"(?:(?:un)?able|afraid|anxious|aware|bad|bored|capable|careful|certain|comfortable|concerned"
    r"|confident|curious|eager|easy|fond|full|good|happy|hard|interested|keen|likely|proud|prone"
    r"|quick|ready|reluctant|sensitive|skilled|slow|sure|tolerant|(?:un)?willing|worried)"
    r" (?:about|at|by|for|in|of|that|to|with)\b|(?:never|always|often|rarely|seldom) at\b",
    re.IGNORECASE,
)
_SECOND_PERSON = re.compile(r"are\b|.*\byou(?:r|rself|rs)?\b", re.IGNORECASE | re.DOTALL)


def _swap(text: str, words: Mapping[str, str]) -> str:
    pattern = _pattern(tuple(words))
    return pattern.sub(lambda m: words[" ".join(m[0].lower().split())], text)


@lru_cache(maxsize=8)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    body = "|".join(re.escape(w).replace(r"\ ", r"\s") for w in longest_first)
    return re.compile(rf"(?<![\w'])(?:{body})(?![\w'])", re.IGNORECASE)


@lru_cache(maxsize=1 << 16)
def in_person(text: str, person: str) -> str:
    """Write a statement as a sentence of the given person, without its final full stop.

    `person` is `first`, `second` or `third`. The statement may itself be in the second person ("Are
    easily hurt").

    >>> in_person("Am afraid that I lose my keys", "second")
    'You are afraid that you lose your keys'
    >>> in_person("Is talkative", "third")
    'They are someone who is talkative'
    """
    text = text.strip()
    bare = text.removesuffix(".")
    if _VERB_IN_S.match(text):
        sentence = f"I am someone who {_lower(bare)}"
    elif _OWN_SUBJECT.match(text):
        sentence = bare
    elif _NO_VERB.match(text):
        sentence = f"I am {_swap(_lower(bare), _FIRST)}"
    elif _SECOND_PERSON.match(text):
        sentence = "I " + _swap(_OBJECT.sub("me", re.sub(r"^[Aa]re\b", "am", _lower(bare))), _FIRST)
    else:
        sentence = f"I {_lower(bare)}"
    if person == "first":
        return sentence
    turned = _swap(sentence, _SECOND if person == "second" else _THIRD)
    return turned[:1].upper() + turned[1:]


def from_second(text: str) -> str:
    """Turn a sentence about "you" into one about "I"; any other stays as it is.

    >>> from_second("You often lose your keys when someone calls you.")
    'I often lose my keys when someone calls me.'
    """
    return _swap(_OBJECT.sub("me", text), _FIRST)


def item_text(inventory: Inventory, item: Item, person: str) -> str:
    """Render an item: a sentence, "I am" and the adjective, or both poles of a pair.

    A whole sentence is about somebody else and stays as it is in every person.

    >>> from personae.core import load_inventory
    >>> markers = load_inventory("saucier-mini-markers")
    >>> item_text(markers, markers.items[0], "second")
    'You are talkative'
    """
    if inventory.kind == "pair":
        return f"{item.text} – {item.other}"
    if inventory.kind == "sentence":
        return item.text.removesuffix(".")
    text = f"am {_lower(item.text)}" if inventory.kind == "adjective" else item.text
    return in_person(text, person)


def _lower(text: str) -> str:
    """Lower-case the first letter, unless it begins a word in capitals such as "TV"."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
