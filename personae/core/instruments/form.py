"""The form in which an inventory is administered, independent of its items."""

from dataclasses import dataclass
from typing import Literal, get_args

from personae.core.errors import BadValue

__all__ = ["Channel", "Form", "Labels", "Layout"]

Channel = Literal["label", "option", "statement", "reply"]
Labels = Literal["letters", "numbers", "none"]
Layout = Literal["item-first", "options-first"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The form of an item's question.

    `wording` names a template of `data/wordings.json`. `person` is the grammatical person of the
    item. `order` arranges the options: `forward` (as the wording lists them), `reverse`, or digits
    such as `20413` that give, slot by slot, the option's index in the forward list. `channel` is
    how the answer is read: `label` and `option` weigh the options' labels or texts, `statement`
    weighs two opposite statements, `reply` parses generated text. `context` says whether items
    are asked alone or in one conversation. `layout` puts the options after the item or before
    all items; that is a psychometric choice and part of every report.
    """

    wording: str = "plain"
    person: Literal["first", "second", "third"] = "first"
    order: str = "forward"
    labels: Labels = "letters"
    channel: Channel = "label"
    context: Literal["separate", "shared"] = "separate"
    layout: Layout = "item-first"

    def __post_init__(self) -> None:
        allowed = {
            "channel": get_args(Channel),
            "labels": get_args(Labels),
            "layout": get_args(Layout),
            "person": ("first", "second", "third"),
            "context": ("separate", "shared"),
        }
        for name in ("wording", "order"):
            if not isinstance(getattr(self, name), str):
                raise BadValue(f"a form's {name} is a text, not {getattr(self, name)!r}")
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise BadValue(f"a form's {name} is one of {values}, not {getattr(self, name)!r}")
        if self.order not in ("forward", "reverse") and sorted(self.order) != [
            str(i) for i in range(len(self.order))
        ]:
            raise BadValue(
                f"a form's order is forward, reverse or a permutation such as 20413, "
                f"not {self.order!r}"
            )

    @property
    def name(self) -> str:
        """The form's name without its option order: forms that differ only in order share it."""
        parts = [self.wording, self.channel, self.person, self.labels]
        parts += [self.layout] if self.layout != "item-first" else []
        parts += [self.context] if self.context != "separate" else []
        return "/".join(parts)

    def arrange(self, count: int) -> tuple[int, ...]:
        """Return, slot by slot, the index in the forward list of the option shown there.

        >>> Form(order="reverse").arrange(3)
        (2, 1, 0)
        """
        if self.order == "forward":
            return tuple(range(count))
        if self.order == "reverse":
            return tuple(reversed(range(count)))
        if len(self.order) != count:
            raise BadValue(f"order {self.order!r} arranges {len(self.order)} options, not {count}")
        return tuple(int(digit) for digit in self.order)
