"""The kinds of person that a persona describes, and the layers that may be shared.

Source: Chen et al. 2024 (arXiv 2404.18231), the three kinds of persona, which are nested: a persona
may be of several. Differs: memories alone don't make an individual, since characters have memories
too.
"""

from collections.abc import Mapping
from dataclasses import replace

from personae.core.persona import Kind, Persona

__all__ = [
    "LAYERS",
    "UNREAD_FIELDS",
    "UNREAD_TRAITS",
    "evident_kinds",
    "has_consent",
    "layer_provenance",
    "public_part",
]

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
UNREAD_TRAITS, UNREAD_FIELDS = "traits/unread", "fields/unread"
"""The provenance that names what a file said and could not be read: of traits, in other fields."""
_USER_NAMES = ("user id", "user_id", "user")
_PERSON_NAMES = ("name", "first name", "last name", "full name", "nickname")


def evident_kinds(persona: Persona) -> tuple[Kind, ...]:
    """List the kinds of a persona by its content; several for a composite, none if it is empty.

    A user's id, consent for a layer, or the declared kind make an individual; a name together with
    statements, a narrative or a voice makes a character; other facts or traits describe a group.

    >>> evident_kinds(Persona(id="a", facts={"demographics/age": "34", "work/role": "nurse"}))
    ('demographic',)
    """
    fact_names = {path.rpartition("/")[2].lower() for path in persona.facts}
    has_layer_consent = any(key.endswith("/consent") for key in persona.provenance)
    kinds: list[Kind] = []
    if fact_names - {*_USER_NAMES, *_PERSON_NAMES} or persona.traits:
        kinds.append("demographic")
    if fact_names & {*_PERSON_NAMES} and (persona.statements or persona.narrative or persona.voice):
        kinds = ["character"]  # the attributes of a character describe no group
    if persona.kind == "individual" or fact_names & {*_USER_NAMES} or has_layer_consent:
        kinds.append("individual")
    return tuple(kinds)


def layer_provenance(persona: Persona, layer: str, name: str) -> str:
    """Return a layer's own provenance, such as its licence, else the persona's, else "".

    >>> layer_provenance(Persona(id="a", provenance={"licence": "CC0-1.0"}), "facts", "licence")
    'CC0-1.0'
    """
    return persona.provenance.get(f"{layer}/{name}") or persona.provenance.get(name, "")


def has_consent(persona: Persona) -> bool:
    """Return whether the individual behind a persona, if there is one, agreed to its use."""
    has_note = any(k == "consent" or k.endswith("/consent") for k in persona.provenance)
    return has_note or "individual" not in evident_kinds(persona)


def public_part(persona: Persona) -> tuple[Persona, tuple[str, ...]]:
    """Remove what belongs to an individual; return the rest and the names of what was removed.

    Removed are memories, facts that name a user, layers with a consent of their own, and `extra`.
    A persona that is no individual stays as it is.
    """
    if "individual" not in evident_kinds(persona):
        return persona, ()
    consented_layers = {
        key.partition("/")[0] for key in persona.provenance if key.endswith("/consent")
    }
    changes: dict[str, object] = {}
    for layer in (*LAYERS, "extra"):
        if getattr(persona, layer) and layer in {*consented_layers, "memories", "extra"}:
            changes[layer] = () if layer in ("statements", "memories") else {}
            changes[layer] = "" if isinstance(getattr(persona, layer), str) else changes[layer]
    dropped = list(changes)
    if "facts" not in changes:
        facts = {k: v for k, v in persona.facts.items() if not _names_user(k)}
        dropped += [f"facts/{k}" for k in persona.facts if k not in facts]
        changes["facts"] = facts
    provenance = _without(persona.provenance, {*dropped, *consented_layers})
    kind: Kind = "demographic" if persona.kind == "individual" else persona.kind
    return replace(persona, kind=kind, provenance=provenance, **changes), tuple(dropped)  # type: ignore[arg-type]


def _names_user(path: str) -> bool:
    return path.rpartition("/")[2].lower() in {*_USER_NAMES}


def _without(provenance: Mapping[str, str], layers: set[str]) -> dict[str, str]:
    return {
        k: v for k, v in provenance.items() if k.partition("/")[0] not in layers or "/" not in k
    }
