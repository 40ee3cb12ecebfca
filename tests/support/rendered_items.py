"""One item as a model is asked it, for tests of wordings, layouts and orders."""

from dataclasses import dataclass

from personae.core import Chat, Form, Inventory, Item
from personae.measure.inventories.forms import DisplayedOption, Frame


@dataclass(frozen=True, slots=True)
class RenderedItem:
    """An item's text and chat, and the options slot by slot."""

    text: str
    chat: Chat
    shown: tuple[DisplayedOption, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(option.label for option in self.shown)

    @property
    def values(self) -> tuple[int, ...]:
        return tuple(option.value for option in self.shown)


def render_item(inventory: Inventory, item: Item, form: Form) -> RenderedItem:
    frame = Frame(inventory, form)
    text = frame.text(item)
    return RenderedItem(text, frame.chat(text), frame.options)
