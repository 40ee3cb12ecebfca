"""One mechanism that makes every exchange exact, both ways.

A format says how to read one of its objects into a persona's row (`read`) and how to write one
(`write`); both may be lossy. What reading loses is kept as a patch in the persona's `extra`, under
the format's name; what writing loses is kept as a patch in the format's own place for extensions.
So foreign -> persona -> foreign gives the same object, and persona -> foreign -> persona gives the
same persona; and where someone edits in between, the edit wins.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

from personae.core import BadFile, Json, Persona, content_key
from personae.personas import persona_of, persona_row
from personae.personas.exchange.patch import Patch, apply_patch, is_patch, make_patch

__all__ = ["Lens", "export_row", "import_row"]


@dataclass(frozen=True, slots=True)
class Lens:
    """How one object of a format and a persona's row turn into each other.

    `slot` is the path at which the format lets others keep data; its last name is ours. `tidy`
    brings an object's names into the order that its file gives them, where the file has one.
    """

    name: str
    read: Callable[[Mapping[str, object]], Json]
    write: Callable[[Persona], Json]
    slot: Sequence[str] = ("personae",)
    tidy: Callable[[Json], Json] = dict


def import_row(lens: Lens, foreign: Json, where: str) -> Persona:
    """Make a persona of a foreign object.

    Raises:
        BadFile, BadValue: it holds what a persona may not; the message begins with `where`.
    """
    bare, slot = _without_slot(lens, foreign)
    read = {"id": "", **lens.read(bare)}
    read["id"] = _id(read["id"], bare, lens.name)
    plain = persona_of(read, where)
    row = persona_row(plain)
    if residue := make_patch(_written(lens, plain), bare):
        row["extra"] = {lens.name: residue}
    return persona_of(apply_patch(row, slot), where) if slot else persona_of(row, where)


def export_row(lens: Lens, persona: Persona) -> Json:
    """Make a foreign object of a persona."""
    residue = persona.extra.get(lens.name)
    ours = is_patch(residue)
    extra = {k: v for k, v in persona.extra.items() if not (ours and k == lens.name)}
    foreign = _written(lens, replace(persona, extra=extra))
    if ours:
        foreign = _object(apply_patch(foreign, residue), persona.id)  # type: ignore[arg-type]
    foreign = lens.tidy(foreign)
    if not _lost(lens, foreign, persona):
        return foreign
    # Making room for the slot may make an object around it: what is read back is that.
    bare, _ = _without_slot(lens, _with_slot(lens, foreign, []))
    return _with_slot(lens, bare, _lost(lens, bare, persona))


def _lost(lens: Lens, bare: Json, persona: Persona) -> Patch:
    back = import_row(lens, bare, f"persona {persona.id!r}")
    return make_patch(persona_row(back), persona_row(persona))


def _written(lens: Lens, persona: Persona) -> Json:
    """Write, but leave the slot free: a fact of its name can't stand there."""
    foreign = lens.tidy(lens.write(persona))
    holder: object = foreign
    for name in lens.slot[:-1]:
        holder = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(holder, dict):
        holder.pop(lens.slot[-1], None)
    return foreign


def _object(value: object, who: str) -> Json:
    if not isinstance(value, dict):
        raise BadFile(f"persona {who!r}: what an import kept in extra was damaged; remove it")
    return value


def _id(given: object, bare: Json, name: str) -> str:
    text = given if isinstance(given, str) else ""
    if 0 < len(text) <= 200:
        return text
    return f"{name}-{content_key(bare)[:16]}"


def _without_slot(lens: Lens, foreign: Json) -> tuple[Json, Patch]:
    bare = deepcopy(foreign)
    holder: object = bare
    for name in lens.slot[:-1]:
        holder = holder.get(name) if isinstance(holder, dict) else None
    found = holder.pop(lens.slot[-1], None) if isinstance(holder, dict) else None
    if found is None or found == []:
        return bare, []
    if not is_patch(found):
        raise BadFile(f"what stands under {'.'.join(lens.slot)!r} was not written by Personae")
    return bare, found


def _with_slot(lens: Lens, foreign: Json, kept: Patch) -> Json:
    whole = deepcopy(foreign)
    holder: Json = whole
    for name in lens.slot[:-1]:
        inner = holder.setdefault(name, {})
        if not isinstance(inner, dict):
            raise BadFile(f"{'.'.join(lens.slot[:-1])!r} is an object in this format")
        holder = inner
    holder[lens.slot[-1]] = kept
    return whole
