"""Rubrics of a judge: a question with named gaps, a scale from low to high, and a form of answer.

A rubric is data (`data/rubrics/NAME.json`) or made in code. One whose question has the gaps
`first` and `second` compares two texts; its two options are then the positions "Text A" and
"Text B", and exchanging the texts exchanges the values.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal

from personae.core import (
    BadFile,
    BadValue,
    Chat,
    Option,
    UnknownName,
    content_key,
    data_json,
    data_names,
    say,
)
from personae.measure.inventories.forms import DisplayedOption

__all__ = ["Case", "Rubric", "load_rubric", "rubrics"]

_GAP = re.compile(r"\{([a-z_]+)\}")
REASON_LENGTH = 600
"""Characters that a judge may spend on its reason under a JSON schema."""


@dataclass(frozen=True, slots=True)
class Case:
    """A case to be judged: an id, and the texts that fill the rubric's gaps."""

    id: str
    fields: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Rubric:
    r"""A question for a judge.

    `ask` has a gap `{name}` for every field of a case, and `{options}` for the options. `options`
    are ordered from low to high. Labels are the values themselves (`numbers`) or letters in the
    order shown. With `reason` the judge explains its answer first, so that labels can't be weighed.

    Raises:
        BadValue: fewer than two options, values that don't rise, no `{options}`, or a
            comparison whose two values aren't 0 for Text B and 1 for Text A.

    >>> warm = Rubric(name="warm", ask="Text: {text}\n\nIs it warm?\n\n{options}",
    ...               options=(Option("no", 0), Option("yes", 1)))
    >>> print(warm.chat(Case("1", {"text": "Hello, dear!"}))[0].text)
    Text: Hello, dear!
    <BLANKLINE>
    Is it warm?
    <BLANKLINE>
    0 = no
    1 = yes
    """

    name: str
    ask: str
    options: tuple[Option, ...]
    labels: Literal["numbers", "letters"] = "numbers"
    system: str = ""
    reason: bool = False
    version: str = "1"
    source: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        values = [option.value for option in self.options]
        if len(values) < 2 or values != sorted(set(values)):
            raise BadValue(
                f"rubric {self.name!r}: two or more options rise in value; these have {values}"
            )
        if "{options}" not in self.ask:
            raise BadValue(f"rubric {self.name!r}: its question has no place for {{options}}")
        if self.compares and values != [0, 1]:
            raise BadValue(
                f"rubric {self.name!r}: of two texts Text B has the value 0 and Text A the value 1"
            )

    @property
    def fields(self) -> tuple[str, ...]:
        """The gaps that a case fills, in order."""
        return tuple(dict.fromkeys(g for g in _GAP.findall(self.ask) if g != "options"))

    @property
    def compares(self) -> bool:
        """Whether it compares two texts."""
        return {"first", "second"} <= set(self.fields)

    @cached_property
    def tag(self) -> str:
        """Name, version and the first digits of the content hash: `trait-pair@1+0a1b2c3d`."""
        return f"{self.name}@{self.version}+{content_key(self)[:8]}"

    def displayed(self, order: str = "forward") -> tuple[DisplayedOption, ...]:
        """List the options slot by slot.

        `reverse` lists a scale from its high end. In a comparison the positions keep their names
        and their order; the texts are exchanged, and with them the values.
        """
        options = self.options
        if self.compares:
            arranged, values = options[::-1], [o.value for o in options]
            values = values if order == "reverse" else values[::-1]
        else:
            arranged = options if order == "forward" else options[::-1]
            values = [option.value for option in arranged]
        displayed = []
        for slot, (option, value) in enumerate(zip(arranged, values, strict=True)):
            label = chr(65 + slot) if self.labels == "letters" else str(option.value)
            joint = ")" if self.labels == "letters" else " ="
            displayed.append(
                DisplayedOption(label, option.text, value, f"{label}{joint} {option.text}")
            )
        return tuple(displayed)

    def chat(self, case: Case, order: str = "forward") -> Chat:
        """Build the chat of a case; gaps are filled in one pass, so that braces stay plain text.

        Raises:
            BadValue: the case doesn't fill exactly the rubric's gaps.
        """
        if set(case.fields) != set(self.fields):
            raise BadValue(
                f"case {case.id!r}: rubric {self.name!r} needs the fields {list(self.fields)}, "
                f"not {sorted(case.fields)}"
            )
        fields = dict(case.fields)
        if self.compares and order == "reverse":
            fields["first"], fields["second"] = fields["second"], fields["first"]
        fields["options"] = "\n".join(option.line for option in self.displayed(order))
        return say(_GAP.sub(lambda gap: fields[gap[1]], self.ask), system=self.system or None)

    def schema(self) -> str:
        """Return the JSON schema of an answer: one of the labels, after a reason if wanted."""
        labels = [option.label for option in self.displayed()]
        parts: dict[str, Any] = {"answer": {"type": "string", "enum": labels}}
        if self.reason:
            parts = {"reason": {"type": "string", "maxLength": REASON_LENGTH}, **parts}
        schema = {
            "type": "object",
            "properties": parts,
            "required": list(parts),
            "additionalProperties": False,
        }
        return json.dumps(schema, separators=(",", ":"))  # unsorted: the reason comes first


def rubrics() -> tuple[str, ...]:
    """List the names of the shipped rubrics in alphabetical order.

    >>> "trait-pair" in rubrics()
    True
    """
    return data_names("rubrics")


@cache
def load_rubric(name: str) -> Rubric:
    """Open a shipped rubric.

    Raises:
        UnknownName: no rubric is called so.
        BadFile: a data file that is no rubric.

    >>> load_rubric("trait-pair").fields
    ('first', 'second', 'pole')
    """
    if name not in rubrics():
        raise UnknownName("rubric", name, rubrics())
    data: dict[str, Any] = dict(data_json(f"rubrics/{name}.json"))
    try:
        options: Sequence[tuple[str, int]] = data.pop("options")
        return Rubric(name=name, options=tuple(Option(*o) for o in options), **data)
    except (KeyError, TypeError) as error:
        raise BadFile(f"rubric {name!r} is broken: {error}; reinstall Personae") from error
