"""Which column of a wide table holds which item: by id, number, or the item's text."""

import re
from collections import Counter, defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from personae.core import Inventory

__all__ = [
    "ItemColumns",
    "item_columns",
    "item_ids",
    "respondent_column",
    "survey_headers",
    "unread_columns",
]

_WHO = (
    *("respondent", "participant", "subject", "person", "responseid", "respondentid"),
    *("participantid", "subjectid", "id", "model", "name"),
)
_NUMBERED = re.compile(r"(?:item|question|q|i)?[ _.-]*0*(\d+)", re.IGNORECASE)
_GROUPED = re.compile(r"(.*?)[\[_. -]*(?:SQ)?0*(\d+)\]?", re.IGNORECASE | re.DOTALL)
_LISTED = 5
NEAR = 0.65
"""Least likeness of a head and an item's id, 0 to 1, at which the item is named."""
_LEADING_NUMBER = re.compile(r"^\W*(?:item|question|q)?\s*\d+\s*[.):-]\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ItemColumns:
    """The items of a table's columns, `ids` by position, and how they were matched.

    `strays` are columns that are numbered like items which the inventory doesn't have;
    `numbered_in_scales` describes columns that could be its items only by their place in a scale.
    """

    ids: dict[int, str]
    matched_by: str
    strays: tuple[str, ...] = ()
    numbered_in_scales: str = ""


def survey_headers(first_rows: Sequence[Sequence[str | None]], names: Sequence[str]) -> str:
    """Name the tool whose further header rows follow the names, or return "".

    Qualtrics writes a row of question texts and a row of JSON with import ids; SurveyMonkey a row
    of sub-questions, which is blank under the respondent's id.
    """
    if len(first_rows) > 1 and any(
        (cell or "").lstrip().startswith('{"ImportId"') for cell in first_rows[1]
    ):
        return "Qualtrics"
    heads = [name.casefold() for name in names]
    if first_rows and "collector id" in heads and not (first_rows[0][0] or "").strip():
        return "SurveyMonkey"
    return ""


def item_columns(
    names: Sequence[str], questions: Sequence[str], inventory: Inventory, *, by_scale: bool = False
) -> ItemColumns:
    """Match columns with items by their text where that fits best, else by id or number.

    Args:
        names: the column heads.
        questions: texts under the heads, one per column, or none.
        inventory: whose items are looked for.
        by_scale: read heads such as E1 to E10 as the first to tenth item of a scale.

    A number under any other head ("BFI_1", "neo[SQ001]") counts only where one such series is
    complete.
    """
    if by_scale:
        return ItemColumns(_by_scale(names, inventory), "place in the scale")
    by_text = _by_text(names, questions, inventory)
    ids = {j: item for j, item in enumerate(item_ids(names, inventory)) if item is not None}
    if by_text and len(by_text) >= len(ids):
        return ItemColumns(by_text, "item text")
    if len(ids) < len(inventory.items) and (series := _complete_series(names, inventory)):
        return ItemColumns(series, "number in a complete series")
    if not ids and (in_scales := _by_scale(names, inventory)):
        first, last = names[min(in_scales)], names[max(in_scales)]
        return ItemColumns({}, "", numbered_in_scales=f"{first} to {last}")
    strays = tuple(n for j, n in enumerate(names) if j not in ids and _NUMBERED.fullmatch(n))
    return ItemColumns(ids, "item id", strays)


def item_ids(names: Sequence[str | None], inventory: Inventory) -> list[str | None]:
    """Match names with item ids: exactly, whatever the case, or by their number."""
    exact = {item.id: item.id for item in inventory.items}
    lower = {item.id.casefold(): item.id for item in inventory.items}
    matched: list[str | None] = []
    for name in names:
        text = (name or "").strip()
        number = _NUMBERED.fullmatch(text)
        matched.append(
            exact.get(text)
            or lower.get(text.casefold())
            or (exact.get(number[1]) if number else None)
        )
    return matched


def _by_text(
    names: Sequence[str], questions: Sequence[str], inventory: Inventory
) -> dict[int, str]:
    items: dict[str, str] = {}
    texts = Counter(_words(f"{item.text} {item.other}") for item in inventory.items)
    for item in inventory.items:
        words = _words(f"{item.text} {item.other}")
        if words and texts[words] == 1:
            items[words] = item.id
    matched = {}
    for j, name in enumerate(names):
        heads = [name, questions[j]] if questions else [name]
        hits = {items[form] for head in heads for form in _forms(head) if form in items}
        if len(hits) == 1:
            matched[j] = hits.pop()
    return matched


def _forms(head: str) -> set[str]:
    """Return the words that may be an item's text: all, in brackets, or after a dash."""
    head = head.strip()
    parts = [head, _LEADING_NUMBER.sub("", head), head.rpartition(" - ")[2]]
    if inner := re.search(r"\[([^\[\]]+)\]\s*$", head):
        parts += [inner[1], _LEADING_NUMBER.sub("", inner[1])]
    return {_words(part) for part in parts}


def _words(text: str) -> str:
    words = re.findall(r"[\w']+", text.replace("’", "'").casefold().replace("i'm ", "i am "))
    return " ".join(words[1:] if words[:1] == ["i"] else words)


def _complete_series(names: Sequence[str], inventory: Inventory) -> dict[int, str]:
    """Find the one series of numbered columns that has every item's number, each once."""
    series: dict[str, dict[str, int]] = defaultdict(dict)
    for j, name in enumerate(names):
        if match := _GROUPED.fullmatch(name.strip()):
            series[match[1].casefold()].setdefault(match[2], j)
    wanted = {item.id for item in inventory.items}
    complete = [columns for columns in series.values() if set(columns) == wanted]
    return {j: item for item, j in complete[0].items()} if len(complete) == 1 else {}


def _by_scale(names: Sequence[str], inventory: Inventory) -> dict[int, str]:
    """Match heads of a scale's code, or the beginning of it, and a place in the scale.

    Only if the columns of every scale are as many as its items; else nothing.
    """
    series: dict[str, dict[int, int]] = defaultdict(dict)
    for j, name in enumerate(names):
        if match := re.fullmatch(r"([^\W\d_]+)[_ .-]?0*(\d{1,4})", name.strip()):
            series[match[1].casefold()][int(match[2])] = j
    matched: dict[int, str] = {}
    for code, title in inventory.scales.items():
        items = inventory.where(scale=code).items
        wanted = set(range(1, len(items) + 1))
        fitting = [
            columns
            for prefix, columns in series.items()
            if set(columns) == wanted
            and any(name.casefold().startswith(prefix) for name in (code, title))
        ]
        if len(fitting) != 1:
            return {}
        matched |= {fitting[0][number]: item.id for number, item in enumerate(items, start=1)}
    return matched


def respondent_column(names: Sequence[str], taken: Container[int] = ()) -> int | None:
    """Find the position of the column that says who answered, of those that aren't taken."""
    heads = {
        name.casefold().replace(" ", "").replace("_", ""): j
        for j, name in reversed(list(enumerate(names)))
        if j not in taken
    }
    return next((heads[name] for name in _WHO if name in heads), None)


def unread_columns(names: Sequence[str], inventory: Inventory) -> str:
    """Name columns that hold no item, the first few, those that look like an item before others."""
    near = {name: _near_item(name, inventory) for name in names}
    ordered = sorted(names, key=lambda name: not near[name])
    shown = [f"{name} (near item {near[name]})" if near[name] else name for name in ordered]
    more = [f"{len(shown) - _LISTED} more"] if len(shown) > _LISTED else []
    listed = [name[:80] for name in shown[:_LISTED]] + more
    return f"columns not read as items: {', '.join(listed)}" if listed else ""


def _near_item(name: str, inventory: Inventory) -> str:
    """Return the id of the item that a head resembles, or "": the same number, or like spelling."""
    ids = {item.id.casefold(): item.id for item in inventory.items}
    head = name.strip().casefold()
    if (number := _NUMBERED.match(head)) and number[1] in ids:
        return ids[number[1]]
    return "".join(ids[match] for match in get_close_matches(head, ids, n=1, cutoff=NEAR))
