"""The texts of items that a run asked, where a shipped instrument has them at that version."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from personae.core import Answers, Inventory, inventories, load_inventory
from personae.measure.tasks.problems import load_problems, problem_sets

__all__ = ["AskedItem", "asked_items"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedItem:
    """An item's text, its options in their own order, and the right one if there is one."""

    text: str
    options: tuple[str, ...] = ()
    target: str = ""


def asked_items(answers: Answers) -> Mapping[tuple[str, str], AskedItem]:
    """Give the items by inventory tag and item id."""
    return dict(_items(answers))


def _items(answers: Answers) -> Iterator[tuple[tuple[str, str], AskedItem]]:
    for tag in answers.rows["inventory"].unique(maintain_order=True):
        name, _, version_text = tag.partition("@")
        version = version_text.partition("+")[0]
        if name in problem_sets():
            problems = load_problems(name)
            if problems.version == version:
                for p in problems.problems:
                    yield (tag, p.id), AskedItem(text=p.text, options=p.options, target=p.answer)
        elif name in inventories():
            tool = load_inventory(name)
            if tool.version == version and tool.has_text:
                yield from _inventory_items(tag, tool)


def _inventory_items(tag: str, tool: Inventory) -> Iterator[tuple[tuple[str, str], AskedItem]]:
    for item in tool.items:
        yield (
            (tag, item.id),
            AskedItem(text=item.text, options=tuple(o.text for o in tool.options)),
        )
