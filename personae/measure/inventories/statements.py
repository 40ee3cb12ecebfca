"""Which of two opposite statements about itself does a model find likelier?

For a pair, the contrast in nats per token is [log p(positive | chat) - log p(positive)] / tokens
minus the same for the negative statement. The chat asks for a true statement about oneself and
carries whatever persona was induced; the likelihood without a chat comes from the empty chat (),
which inductions leave unchanged. The two statements are one question's two options, so that their
order can be swapped; likelihoods must not depend on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from personae.core import Array, Chat, Choice, Chooser, InputError, Inventory, Item, Request, say
from personae.measure.blank_question import per_token
from personae.measure.inventories.forms import wording
from personae.measure.reply_columns import Columns, empty_columns, name_requests
from personae.traits.item_grammar import in_person, item_text

__all__ = ["StatementPair", "pair_texts", "read_pairs", "statement_pairs"]


@dataclass(frozen=True, slots=True)
class StatementPair:
    """Two opposite items: agreement with `positive` counts for the scale, with `negative` against.

    `facet` is empty if the two come from different facets. For a bipolar item the two are the item
    and the same item with its poles exchanged.
    """

    id: str
    scale: str
    facet: str
    positive: Item
    negative: Item


def statement_pairs(inventory: Inventory) -> tuple[StatementPair, ...]:
    """Pair oppositely keyed items, first within facets, then the rest within scales.

    Items are taken in order and at most once; an item without an opposite is left out. A bipolar
    item is a pair by itself.

    Raises:
        InputError: the inventory has no texts, or no two items of one scale are opposite.

    >>> from personae.core import load_inventory
    >>> pair = statement_pairs(load_inventory("ipip-neo-120").where(facet="Anger"))[0]
    >>> pair.id, pair.positive.text, pair.negative.text
    ('6|96', 'Get angry easily', 'Am not easily annoyed')
    """
    if not inventory.has_text:
        raise InputError(
            f"inventory {inventory.name!r} comes without item texts ({inventory.licence}): "
            f"give your own item file with the columns item,text"
        )
    if inventory.kind == "pair":
        pairs = tuple(_poles(item) for item in inventory.items)
    else:
        pairs = _opposites(inventory.items)
    if not pairs:
        raise InputError(
            f"inventory {inventory.name!r} has no two oppositely keyed items of one scale, so the "
            f"channel statement has nothing to weigh; use label, option or reply"
        )
    return pairs


def pair_texts(inventory: Inventory, pair: StatementPair) -> tuple[str, str]:
    """Write a pair's two sentences in the first person: positive, negative."""
    if inventory.kind != "pair":
        return _sentence(item_text(inventory, pair.positive, "first")), _sentence(
            item_text(inventory, pair.negative, "first")
        )
    return _pole(pair.positive.other), _pole(pair.negative.other)


def read_pairs(
    model: Chooser, texts: Sequence[tuple[str, str]], wording_name: str, *, swapped: bool = False
) -> Columns:
    """Weigh pairs of sentences under one wording's request: one row per pair, in nats per token.

    `value` is the contrast, `raw` the sentence that gains more from the chat, `logp` both gains,
    the negative sentence's first. A pair with a missing likelihood is a row with its status.
    """
    choices = _ask(model, texts, wording_name, swapped=swapped)
    columns = empty_columns(len(texts))
    name_requests(columns, choices[::2])
    for row, pair in enumerate(texts):
        weighed = choices[2 * row : 2 * row + 2]
        columns["tokens_in"][row] = sum(choice.tokens_in for choice in weighed)
        columns["tokens_out"][row] = sum(choice.tokens_out for choice in weighed)
        columns["raw"][row], columns["why"][row] = "", ""
        failed = next((choice for choice in weighed if choice.status != "ok"), None)
        if failed is not None:
            columns["status"][row], columns["why"][row] = failed.status, failed.why
            continue
        gains = _gains(weighed, swapped=swapped)
        if not np.isfinite(gains).all():
            columns["status"][row] = "error"
            columns["why"][row] = "a statement has no finite likelihood"
            continue
        contrast = float(gains[0] - gains[1])
        columns["status"][row] = "ok"
        columns["value"][row] = columns["expected"][row] = contrast
        columns["raw"][row] = pair[0] if contrast >= 0 else pair[1]
        columns["logp"][row] = gains[::-1].tolist()
    return columns


def _ask(
    model: Chooser, texts: Sequence[tuple[str, str]], wording_name: str, *, swapped: bool
) -> list[Choice]:
    """Return two choices per pair: after the request, and without any context."""
    request = wording(wording_name)["request"]
    chat: Chat = say(request["user"], system=request["system"])
    questions = []
    for positive, negative in texts:
        options = ((negative,), (positive,)) if swapped else ((positive,), (negative,))
        questions.append(Request(chat, options))
        questions.append(Request(chat=(), options=options))
    return model.choose(questions)


def _gains(choices: Sequence[Choice], *, swapped: bool) -> Array:
    """Return (positive, negative): log-likelihood per token with the chat minus without it."""
    within, without = (per_token(choice) for choice in choices)
    with np.errstate(invalid="ignore"):
        gains: Array = within - without
    return gains[::-1] if swapped else gains


def _opposites(items: Sequence[Item]) -> tuple[StatementPair, ...]:
    """Pair plus and minus items within each facet, then the remaining ones within each scale."""
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        groups.setdefault((item.scale, item.facet), []).append(item)
    pairs: list[StatementPair] = []
    unpaired: dict[str, list[Item]] = {}
    for (scale, facet), members in groups.items():
        facet_pairs, rest = _pair_members(members, scale, facet)
        pairs += facet_pairs
        unpaired.setdefault(scale, []).extend(rest)
    for scale, members in unpaired.items():
        pairs += _pair_members(members, scale, "")[0]
    return tuple(pairs)


def _pair_members(
    members: Sequence[Item], scale: str, facet: str
) -> tuple[list[StatementPair], list[Item]]:
    """Pair plus and minus items in order; return the pairs and the items left over."""
    plus = [item for item in members if item.key == 1]
    minus = [item for item in members if item.key == -1]
    count = min(len(plus), len(minus))
    pairs = [
        StatementPair(f"{positive.id}|{negative.id}", scale, facet, positive, negative)
        for positive, negative in zip(plus[:count], minus[:count], strict=True)
    ]
    return pairs, plus[count:] + minus[count:]


def _poles(item: Item) -> StatementPair:
    mirrored = Item(
        id=item.id,
        text=item.other,
        other=item.text,
        scale=item.scale,
        facet=item.facet,
        key=-item.key,
    )
    positive, negative = (item, mirrored) if item.key == 1 else (mirrored, item)
    return StatementPair(item.id, item.scale, item.facet, positive, negative)


def _pole(words: str) -> str:
    """Write one pole of a bipolar item: "I am silent.", "I am someone who makes lists."."""
    as_verb = in_person(words, "first")
    return _sentence(as_verb if "someone who" in as_verb else in_person(f"am {words}", "first"))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", '"')) else f"{text}."
