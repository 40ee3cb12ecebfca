"""What kinds of person a persona is evidence of, and which layers may leave the house.

Source: Chen et al. 2024 (arXiv 2404.18231), the three kinds of persona: they are nested, so a
persona may show several. Departs from it in that memories alone don't make an individual: a
character has memories too.
"""

from collections.abc import Mapping
from dataclasses import replace

from personae.core.persona import Kind, Persona

__all__ = ["LAYERS", "evident_kinds", "has_consent", "layer_provenance", "public_part"]

LAYERS = (
    "text",
    "facts",
    "traits",
    "statements",
    "narrative",
    "voice",
    "relations",
    "memories",
)
"""The fields of a persona that say something about someone."""
_USER = ("user id", "user_id", "user")
_NAME = ("name", "first name", "last name", "full name", "nickname")


def evident_kinds(persona: Persona) -> tuple[Kind, ...]:
    """Tell which kinds a persona is by what it holds; several for a composite, none if empty.

    A user's id, consent for a layer, or the declared kind make an individual; a name together with
    quotes or a told life makes a character; other facts or traits alone describe a group.

    >>> evident_kinds(Persona(id="a", facts={"demographics/age": "34", "work/role": "nurse"}))
    ('demographic',)
    """
    ends = {path.rpartition("/")[2].lower() for path in persona.facts}
    layered = any(key.endswith("/consent") for key in persona.provenance)
    shown: list[Kind] = []
    if ends - {*_USER, *_NAME} or persona.traits:
        shown.append("demographic")
    if ends & {*_NAME} and (persona.statements or persona.narrative or persona.voice):
        shown = ["character"]  # a figure's own attributes are no group's
    if persona.kind == "individual" or ends & {*_USER} or layered:
        shown.append("individual")
    return tuple(shown)


def layer_provenance(persona: Persona, layer: str, name: str) -> str:
    """Give a layer's own provenance, such as its licence, else the persona's, else "".

    >>> layer_provenance(Persona(id="a", provenance={"licence": "CC0-1.0"}), "facts", "licence")
    'CC0-1.0'
    """
    return persona.provenance.get(f"{layer}/{name}") or persona.provenance.get(name, "")


def has_consent(persona: Persona) -> bool:
    """Tell whether the individual behind a persona, if there is one, agreed to its use."""
    has_note = any(k == "consent" or k.endswith("/consent") for k in persona.provenance)
    return has_note or "individual" not in evident_kinds(persona)


def public_part(persona: Persona) -> tuple[Persona, tuple[str, ...]]:
    """Leave out what belongs to an individual; give the rest and the names of what was dropped.

    Memories, facts that name a user, layers with a consent of their own, and `extra` go. Someone
    who shows no individual loses nothing.
    """
    if "individual" not in evident_kinds(persona):
        return persona, ()
    own = {key.partition("/")[0] for key in persona.provenance if key.endswith("/consent")}
    kept: dict[str, object] = {}
    for layer in (*LAYERS, "extra"):
        if getattr(persona, layer) and layer in {*own, "memories", "extra"}:
            kept[layer] = () if layer in ("statements", "memories") else {}
            kept[layer] = "" if isinstance(getattr(persona, layer), str) else kept[layer]
    dropped = list(kept)
    if "facts" not in kept:
        facts = {k: v for k, v in persona.facts.items() if not _names_user(k)}
        dropped += [f"facts/{k}" for k in persona.facts if k not in facts]
        kept["facts"] = facts
    origin = _without(persona.provenance, {*dropped, *own})
    kind: Kind = "demographic" if persona.kind == "individual" else persona.kind
    return replace(persona, kind=kind, provenance=origin, **kept), tuple(dropped)  # type: ignore[arg-type]


def _names_user(path: str) -> bool:
    return path.rpartition("/")[2].lower() in {*_USER}


def _without(provenance: Mapping[str, str], layers: set[str]) -> dict[str, str]:
    return {
        k: v for k, v in provenance.items() if k.partition("/")[0] not in layers or "/" not in k
    }
