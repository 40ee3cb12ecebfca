"""Who a model is asked to be."""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Literal, get_args

from personae.core.errors import BadFile, BadValue, UnknownName

__all__ = ["BIG_FIVE", "MAX_PERSONA_CHARS", "Persona", "domain_code", "load_personas", "nobody"]

Kind = Literal["demographic", "character", "individual"]
BIG_FIVE: Mapping[str, str] = {
    "O": "Openness", "C": "Conscientiousness", "E": "Extraversion",
    "A": "Agreeableness", "N": "Neuroticism",
}  # fmt: skip
MAX_PERSONA_CHARS = 200_000
"""A persona longer than this fits no model's context; it is an error, not a prompt."""


def domain_code(name: str) -> str:
    """Give a Big Five domain's letter for its letter or name.

    Raises:
        UnknownName: for anything else, with near matches.

    >>> domain_code("extraversion"), domain_code("n")
    ('E', 'N')
    """
    for code, title in BIG_FIVE.items():
        if name.strip().lower() in (code.lower(), title.lower()):
            return code
    raise UnknownName("Big Five domain", name, [*BIG_FIVE, *(t.lower() for t in BIG_FIVE.values())])


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """A persona as data.

    `text` is second-person prose, ready for a prompt. `facts` maps an attribute path to a value.
    `traits` holds the *requested* standings in z units of the inventory's norms, by domain letter
    (`E`) or facet (`E:Assertiveness`). `statements` are first-person lines. `extra` keeps what a
    file held beyond these fields.
    """

    id: str
    text: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    traits: Mapping[str, float] = field(default_factory=dict)
    statements: tuple[str, ...] = ()
    kind: Kind = "character"
    provenance: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.id or len(self.id) > 200:
            raise BadValue(f"a persona's id has 1 to 200 characters, not {len(self.id)}")
        if self.kind not in get_args(Kind):
            raise BadValue(
                f"persona {self.id!r}: kind is one of {get_args(Kind)}, not {self.kind!r}"
            )
        if len(self.text) > MAX_PERSONA_CHARS:
            raise BadValue(
                f"persona {self.id!r}: its text has {len(self.text):,} characters; at most "
                f"{MAX_PERSONA_CHARS:,} are allowed. Shorten it, or put the rest into facts."
            )
        _refuse_controls(self.id, (self.id, self.text, *self.statements, *self.facts.values()))
        for trait, z in self.traits.items():
            if not isfinite(z) or abs(z) > 5:
                raise BadValue(f"persona {self.id!r}: trait {trait!r} is in -5..5 z units, not {z}")
            domain_code(trait.split(":", 1)[0])


def _refuse_controls(who: str, texts: tuple[str, ...]) -> None:
    for text in texts:
        for char in set(text) - {"\n", "\t", "\r"}:
            if unicodedata.category(char) in ("Cc", "Cs"):
                raise BadValue(
                    f"persona {who!r}: control character U+{ord(char):04X} in its text; remove it"
                )


def nobody() -> Persona:
    """Return the persona of the control arm: nothing asked for.

    >>> nobody().text
    ''
    """
    return Persona(id="unchanged")


def load_personas(path: str | Path) -> tuple[Persona, ...]:
    """Read personas from a JSON file (one object or a list) or a JSONL file.

    Unknown fields are kept under `extra`.

    Raises:
        BadFile: not readable, not JSON, no persona in it, or two with one id.
        BadValue: a field has a value that isn't allowed.
    """
    source = Path(path)
    try:
        if source.stat().st_size > 64 << 20:
            raise BadFile(f"{source}: larger than 64 MB; split it")
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"can't read personas from {source}: {error}") from error
    rows = _json_rows(text, source)
    personas = tuple(_persona(row, f"{source}, persona {i + 1}") for i, row in enumerate(rows))
    seen: set[str] = set()
    for one in personas:
        if one.id in seen:
            raise BadFile(f"{source}: two personas have the id {one.id!r}; ids are unique")
        seen.add(one.id)
    if not personas:
        raise BadFile(f"{source}: no persona in it")
    return personas


def _json_rows(text: str, source: Path) -> list[object]:
    try:
        if source.suffix == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        whole = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadFile(f"{source}: not valid JSON ({error})") from error
    return whole if isinstance(whole, list) else [whole]


def _strings(row: Mapping[str, object], name: str, where: str) -> dict[str, str]:
    given = row.get(name, {})
    if not isinstance(given, dict) or not all(isinstance(v, str) for v in given.values()):
        raise BadValue(f"{where}: {name} is an object of texts, not {type(given).__name__}")
    return given


def _persona(row: object, where: str) -> Persona:
    if not isinstance(row, dict):
        raise BadFile(f"{where}: a persona is a JSON object, not {type(row).__name__}")
    if not isinstance(row.get("id"), str) or not isinstance(row.get("text", ""), str):
        raise BadValue(f"{where}: needs a text field 'id', and 'text' must be a text")
    traits = row.get("traits", {})
    if not isinstance(traits, dict) or not all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in traits.values()
    ):
        raise BadValue(f"{where}: traits maps a trait to a number in z units")
    statements = row.get("statements", [])
    if not isinstance(statements, list) or not all(isinstance(s, str) for s in statements):
        raise BadValue(f"{where}: statements is a list of texts")
    known = {"id", "text", "facts", "traits", "statements", "kind", "provenance"}
    return Persona(
        id=row["id"],
        text=row.get("text", ""),
        facts=_strings(row, "facts", where),
        traits={_trait(k): float(v) for k, v in traits.items()},
        statements=tuple(statements),
        kind=row.get("kind", "character"),
        provenance=_strings(row, "provenance", where),
        extra={k: v for k, v in row.items() if k not in known},
    )


def _trait(name: str) -> str:
    domain, _, facet = name.partition(":")
    return domain_code(domain) + (f":{facet}" if facet else "")
