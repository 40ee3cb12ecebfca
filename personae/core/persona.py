"""Who a model is asked to be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal, get_args

from personae.core.argument_types import require_type
from personae.core.display import brief
from personae.core.errors import BadValue, UnknownName
from personae.core.estimate import counted
from personae.core.files.strict_json import json_problem, unfit_character

__all__ = ["BIG_FIVE", "CONTROL", "Kind", "Persona", "domain_code", "nobody"]

CONTROL = "unchanged"
"""The name of the control in answers: of its arm, its respondent and its induction."""
Kind = Literal["demographic", "character", "individual"]
BIG_FIVE: Mapping[str, str] = {
    "O": "Openness",
    "C": "Conscientiousness",
    "E": "Extraversion",
    "A": "Agreeableness",
    "N": "Neuroticism",
}
_LAYER_TYPES = {
    **dict.fromkeys(("id", "text", "narrative", "voice"), str),
    **dict.fromkeys(("statements", "memories"), tuple),
    **dict.fromkeys(("facts", "traits", "relations", "provenance", "extra"), Mapping),
}
_MAX_CHARS = 200_000
"""A persona longer than this fits no model's context; it is an error, not a prompt."""


def domain_code(name: str) -> str:
    """Return a Big Five domain's letter for its letter or name.

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
    """A persona as data, in layers; each may be empty.

    `text` is second-person prose, ready for a prompt. `facts` maps a path in a taxonomy, such as
    `work/occupation`, to a value. `traits` holds the *requested* standings in z units of the
    inventory's norms, by domain letter (`E`) or facet (`E:Assertiveness`). `statements` are
    first-person lines. `narrative` tells a life, in any person. `voice` says how they talk.
    `relations` maps a name to that person's relation to them. `memories` are their experiences,
    oldest first. `provenance` says who or what made it (`made by`, `source`, `licence`, `consent`,
    `model`, `prompt`: a hash); `memories/source` speaks of that layer alone. `extra` keeps, as
    plain JSON, what a file held beyond these fields.

    Raises:
        BadValue: a field has a value that isn't allowed.
    """

    id: str
    text: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    traits: Mapping[str, float] = field(default_factory=dict)
    statements: tuple[str, ...] = ()
    narrative: str = ""
    voice: str = ""
    relations: Mapping[str, str] = field(default_factory=dict)
    memories: tuple[str, ...] = ()
    kind: Kind = "character"
    provenance: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_types(self)
        if not self.id or len(self.id) > 200:
            raise BadValue(f"a persona's id has 1 to 200 characters, not {len(self.id)}")
        if self.kind not in get_args(Kind):
            raise BadValue(
                f"persona {self.id!r}: kind is one of {get_args(Kind)}, not {self.kind!r}"
            )
        for name in ("text", "narrative", "voice"):
            if len(getattr(self, name)) > _MAX_CHARS:
                raise BadValue(
                    f"persona {self.id!r}: its {name} has {len(getattr(self, name)):,} characters; "
                    f"at most {_MAX_CHARS:,} are allowed. Shorten it, or put the rest into "
                    f"facts."
                )
        _refuse_controls(self.id, self._texts())
        for trait, z in self.traits.items():
            if not isfinite(z) or abs(z) > 5:
                raise BadValue(f"persona {self.id!r}: trait {trait!r} is in -5..5 z units, not {z}")
            domain = trait.partition(":")[0]
            if domain != (code := domain_code(domain)):
                raise BadValue(
                    f"persona {self.id!r}: the domain of trait {trait!r} is written {code!r}"
                )
        if self.extra and (problem := json_problem(dict(self.extra))):
            raise BadValue(f"persona {self.id!r}: its extra {problem}")

    def __repr__(self) -> str:
        traits = " ".join(f"{trait}={z:+g}" for trait, z in self.traits.items())
        layers = [
            counted(len(self.text), "character of text") if self.text else "",
            *(
                counted(len(layer), noun)
                for noun, layer in (
                    ("fact", self.facts),
                    ("statement", self.statements),
                    ("relation", self.relations),
                    ("memory", self.memories),
                )
                if layer
            ),
            traits if len(traits) <= 60 else f"{len(self.traits)} traits",
        ]
        return brief(self, self.id, self.kind, *layers)

    def _texts(self) -> Iterable[str]:
        yield from (self.id, self.text, self.narrative, self.voice)
        yield from self.statements
        yield from self.memories
        for pairs in (self.facts, self.relations, self.provenance):
            yield from pairs
            yield from pairs.values()
        yield from self.traits


def _require_types(persona: Persona) -> None:
    for name, kind in _LAYER_TYPES.items():
        if not isinstance(value := getattr(persona, name), kind):
            require_type(f"persona {persona.id!r}: {name}", value, kind)
    for trait, z in persona.traits.items():
        require_type(f"persona {persona.id!r}: trait {trait!r}", z, float)


def _refuse_controls(name: str, texts: Iterable[object]) -> None:
    listed = list(texts)
    words = [text for text in listed if isinstance(text, str)]
    if len(words) < len(listed):
        stray = next(text for text in listed if not isinstance(text, str))
        raise BadValue(f"persona {name!r}: its layers hold texts, not {stray!r:.80}")
    if bad := unfit_character("\n".join(words)):
        raise BadValue(f"persona {name!r}: control character {bad} in its text; remove it")


def nobody() -> Persona:
    """Return the persona of the control arm: nothing is requested.

    >>> nobody().text
    ''
    """
    return Persona(id=CONTROL)
