"""Renders items as chats: wording, person, order of options, labels, layout.

The wordings are data (`data/wordings.json`), with their sources. Fields are filled in one pass, so
that braces or template syntax in an item, an option or an answer stay plain text.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from personae.core import (
    Chat,
    Form,
    InputError,
    Inventory,
    Item,
    Message,
    UnknownName,
    content_key,
    data_json,
)
from personae.traits.item_grammar import item_text

__all__ = [
    "DisplayedOption",
    "Frame",
    "fitting_wordings",
    "label_forms",
    "published_form",
    "wording",
    "wording_tag",
    "wordings",
]

_FIELD = re.compile(r"\{(whom|options|first|last|how)\}")


@dataclass(frozen=True, slots=True)
class DisplayedOption:
    """An option in its slot: label ("" under the label style `none`), text, value, and its line.

    The text is empty where a wording leaves a scale point unlabelled.
    """

    label: str
    text: str
    value: int
    line: str


def wordings() -> tuple[str, ...]:
    """Name the wordings, in the order of the data file.

    >>> wordings()[:4]
    ('plain', 'mpi', 'enfj', 'whois')
    """
    return tuple(data_json("wordings.json")["wordings"])


def wording(name: str) -> Mapping[str, Any]:
    """Return a wording's data.

    Raises:
        UnknownName: no wording is called so.
    """
    known = data_json("wordings.json")["wordings"]
    if name not in known:
        raise UnknownName("wording", name, known)
    data: Mapping[str, Any] = known[name]
    return data


def fitting_wordings(inventory: Inventory, names: Sequence[str]) -> tuple[str, ...]:
    """Select the wordings whose options, if they bring any, are as many as the inventory's.

    >>> from personae.core import load_inventory
    >>> fitting_wordings(load_inventory("saucier-mini-markers"), ("plain", "mpi", "whois"))
    ('plain',)
    """
    return tuple(name for name in names if _has_values(inventory, wording(name)["options"]))


def _has_values(inventory: Inventory, options: Mapping[str, str] | None) -> bool:
    """Whether options of a wording's own, by value, are those that the inventory counts."""
    return options is None or set(map(int, options)) == {o.value for o in inventory.options}


@cache
def wording_tag(name: str) -> str:
    """Name, version and the first digits of the content hash of a wording: `mpi@1+0a1b2c3d`."""
    version = data_json("wordings.json")["version"]
    return f"{name}@{version}+{content_key(wording(name))[:8]}"


def published_form(name: str, *, order: str = "forward") -> Form:
    """Return the form in which a wording was published: its labels and its layout.

    >>> published_form("enfj").labels
    'numbers'
    """
    usual = wording(name)["usual"]
    return Form(wording=name, order=order, labels=usual["labels"], layout=usual["layout"])


class Frame:
    """A form rendered without its item, once per inventory; `chat` fills in the item.

    Raises:
        UnknownName: no wording is called so.
        InputError: the wording doesn't suit the form or the inventory, or the inventory comes
            without items or their texts.
    """

    __slots__ = ("_ask", "_lead", "_opening", "_system", "blank", "form", "inventory", "options")

    def __init__(self, inventory: Inventory, form: Form) -> None:
        data = wording(form.wording)
        _check(inventory, form, data)
        self.inventory, self.form = inventory, form
        self.options = _display_options(inventory, form, data)
        lines = [option.line for option in self.options if option.line]
        fields = {
            "whom": data["persons"][form.person],
            "options": "\n".join(lines),
            "first": self.options[0].label,
            "last": self.options[-1].label,
        }
        fields["how"] = _fill(data["how"][form.labels], fields)
        layouts = data["pair_layouts" if inventory.kind == "pair" else "layouts"]
        parts = layouts[form.layout]
        self._system = None if parts["system"] is None else _fill(parts["system"], fields)
        self._opening = _fill(parts["opening"], fields)
        before, after = parts["ask"].split("{item}")
        self._ask = (_fill(before, fields), _fill(after, fields))
        self._lead: str = data["lead"]
        self.blank: str = data["blank"]

    def chat(self, text: str, turns: Sequence[tuple[str, str]] = ()) -> Chat:
        """Build the chat that asks `text`, after earlier turns (item text, answer) if given."""
        before, after = self._ask
        messages = [] if self._system is None else [Message("system", self._system)]
        opening = self._opening
        for earlier, answer in turns:
            messages.append(Message("user", f"{opening}{before}{earlier}{after}"))
            messages.append(Message("assistant", answer))
            opening = ""
        messages.append(Message("user", f"{opening}{before}{text}{after}"))
        if self._lead:
            messages.append(Message("assistant", self._lead))
        return tuple(messages)

    def text(self, item: Item) -> str:
        """Write the item in the form's person."""
        return item_text(self.inventory, item, self.form.person)

    def label_forms(self) -> tuple[tuple[str, ...], ...]:
        """Return the surface forms of each slot's label; see `label_forms`."""
        return label_forms(self.options)

    def text_forms(self) -> tuple[tuple[str, ...], ...]:
        """Return the text of each slot's option, as it would continue the reply."""
        gap = " " if self._lead and not self._lead[-1].isspace() else ""
        return tuple((gap + o.text,) for o in self.options)


def label_forms(options: Sequence[DisplayedOption]) -> tuple[tuple[str, ...], ...]:
    """Return the surface forms of each slot's label: bare, after a bracket, both after a blank."""
    return tuple((o.label, f"({o.label}", f" {o.label}", f" ({o.label}") for o in options)


def _fill(template: str, fields: Mapping[str, str]) -> str:
    return _FIELD.sub(lambda match: fields[match[1]], template)


def _check(inventory: Inventory, form: Form, data: Mapping[str, Any]) -> None:
    if form.channel == "statement":
        raise InputError("statements are weighed as pairs, see statement_pairs; nothing is listed")
    if not inventory.items:
        raise InputError(f"inventory {inventory.name!r} has no items to ask")
    if not inventory.has_text:
        raise InputError(
            f"inventory {inventory.name!r} comes without item texts ({inventory.licence}): "
            f"give your own item file, load_inventory({inventory.name!r}, items='FILE.csv') or "
            f"--items FILE.csv, with the columns item,text"
        )
    offered = {"person": tuple(data["persons"]), "kind": data["kinds"], "labels": data["labels"]}
    wanted = {"person": form.person, "kind": inventory.kind, "labels": form.labels}
    for name, value in wanted.items():
        if value not in offered[name]:
            raise InputError(
                f"the wording {form.wording!r} has no {name} {value!r}; "
                f"it has {', '.join(offered[name])}"
            )


def _display_options(
    inventory: Inventory, form: Form, data: Mapping[str, Any]
) -> tuple[DisplayedOption, ...]:
    options = _forward(inventory, form, data)
    arrangement = form.arrange(len(options))
    if data["orders"] == "ends" and list(arrangement) not in (
        sorted(arrangement),
        sorted(arrangement)[::-1],
    ):
        raise InputError(f"the wording {form.wording!r} can only be asked forward and reverse")
    displayed = []
    for slot, index in enumerate(arrangement):
        text, value = options[index]
        label = {"letters": chr(65 + slot), "numbers": str(slot + 1), "none": ""}[form.labels]
        style = data["line"] if label else data["bare"]
        line = style.replace("{label}", label, 1).replace("{text}", text, 1) if text else ""
        displayed.append(DisplayedOption(label, text, value, line))
    return tuple(displayed)


def _forward(inventory: Inventory, form: Form, data: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return the options as (text, value) in the wording's own order."""
    rename: Mapping[str, str] | None = data["options"]
    if rename is None:
        options = [(option.text, option.value) for option in inventory.options]
    elif not _has_values(inventory, rename):
        raise InputError(
            f"the wording {form.wording!r} has its own {len(rename)} options; {inventory.name!r} "
            f"is answered from {inventory.low} to {inventory.high}. Use the wording 'plain'"
        )
    else:
        options = [(rename[str(o.value)], o.value) for o in inventory.options]
    if form.channel == "label" and form.labels == "none":
        raise InputError("the channel label needs labels: letters or numbers")
    if form.channel == "option" and not all(text for text, _ in options):
        raise InputError(
            f"the wording {form.wording!r} names only the ends of its scale: the channel option "
            f"needs a text for every option"
        )
    return options[::-1] if data["direction"] == "high-first" else options
