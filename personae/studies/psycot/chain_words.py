"""The words of the chain: poles, the note about the items, and the turns of a conversation."""

import re
from collections.abc import Mapping

from personae.core import BIG_FIVE, Chat, Inventory, Message, data_json
from personae.datasets.labelled_texts import Labelled
from personae.measure.inventories.forms import DisplayedOption
from personae.traits.trait_words import trait_side

__all__ = [
    "ORDERS",
    "Thread",
    "filled",
    "keying_note",
    "next_turn",
    "opening",
    "poles",
    "shown_poles",
]

ORDERS = ("high-first", "low-first")
Thread = tuple[Message, ...]
_FIELD = re.compile(r"\{(\w+)\}")


def poles(inventory: Inventory, scale: str) -> tuple[str, str]:
    """Return the words for the low and the high pole of a scale.

    >>> from personae.core import load_inventory
    >>> poles(load_inventory("mpi-120"), "N"), poles(load_inventory("oejts"), "FT")
    (('emotionally stable', 'neurotic'), ('feeling', 'thinking'))
    """
    title = inventory.scales[scale]
    low, to, high = title.lower().partition(" to ")
    if to:
        return low, high
    if scale in BIG_FIVE and BIG_FIVE[scale] == title:
        return trait_side(scale, -1).plain, trait_side(scale, 1).plain
    return f"low in {title.lower()}", f"high in {title.lower()}"


def keying_note(inventory: Inventory, scale: str) -> str:
    """Say which statements indicate which pole, from the items' keys.

    >>> from personae.core import load_inventory
    >>> keying_note(load_inventory("mpi-120").few(2).keys_in_turn(), "E")
    'A high number for S0 means rather extraverted. A high number for S1 means rather introverted.'
    """
    items = inventory.where(scale=scale).items
    low, high = poles(inventory, scale)
    sentences = []
    for key, pole in ((1, high), (-1, low)):
        numbers = [f"S{number}" for number, item in enumerate(items) if item.key == key]
        if numbers:
            sentences.append(filled("for", items=", ".join(numbers), pole=pole))
    return " ".join(sentences)


def shown_poles(words: tuple[str, str], order: str) -> tuple[DisplayedOption, DisplayedOption]:
    """Show the two poles as A and B in one order; an option's value is 1 for A and 0 for B.

    >>> [option.line for option in shown_poles(("calm", "anxious"), "high-first")]
    ['A. anxious', 'B. calm']
    """
    first, second = words[::-1] if order == ORDERS[0] else words
    return (
        DisplayedOption("A", first, 1, f"A. {first}"),
        DisplayedOption("B", second, 0, f"B. {second}"),
    )


def opening(text: Labelled) -> Thread:
    """Open a conversation: a system message, then the author's text in the first user turn."""
    data = data_json("chain.json")
    body = text.excerpt.replace("</text>", "")
    return (Message("system", data["system"]), Message("user", filled("text", text=body)))


def next_turn(thread: Thread, text: str) -> Chat:
    """Add a user's turn; the author's text and the first question are one turn."""
    if thread[-1].role == "user":
        return (*thread[:-1], Message("user", f"{thread[-1].text}\n\n{text}"))
    return (*thread, Message("user", text))


def filled(name: str, **fields: object) -> str:
    """Fill a template in one pass, so that braces inside a value are left alone."""
    template: str = data_json("chain.json")[name]
    known: Mapping[str, object] = fields
    return _FIELD.sub(lambda match: str(known[match[1]]), template)
