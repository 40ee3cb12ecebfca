"""The mechanism that makes every exchange lossless in both directions.

A format says how to read one of its objects into a persona's row (`read`) and how to write one
(`write`); both may be lossy. What reading loses is kept as a patch in the persona's `extra`, under
the format's name; what writing loses is kept as a patch in the format's field for extensions.
So foreign -> persona -> foreign gives the same object, and persona -> foreign -> persona gives the
same persona; an edit made in between wins over the patch.
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
    """The conversion between an object of a format and a persona's row.

    `slot` is the path at which the format keeps data of other tools; its last name is ours. `tidy`
    orders an object's names as its file does, where the file has an order.
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
    if residue := make_patch(_write_without_slot(lens, plain), bare):
        row["extra"] = {lens.name: residue}
    return persona_of(apply_patch(row, slot), where) if slot else persona_of(row, where)


def export_row(lens: Lens, persona: Persona) -> Json:
    """Make a foreign object of a persona."""
    residue = persona.extra.get(lens.name)
    ours = is_patch(residue)
    extra = {k: v for k, v in persona.extra.items() if not (ours and k == lens.name)}
    foreign = _write_without_slot(lens, replace(persona, extra=extra))
    if ours:
        foreign = _object(apply_patch(foreign, residue), persona.id)  # type: ignore[arg-type]
    foreign = lens.tidy(foreign)
    if not _residue_of(lens, foreign, persona):
        return foreign
    # Adding the slot may add the object around it, which is then read back too.
    bare, _ = _without_slot(lens, _with_slot(lens, foreign, []))
    return _with_slot(lens, bare, _residue_of(lens, bare, persona))


def _residue_of(lens: Lens, bare: Json, persona: Persona) -> Patch:
    back = import_row(lens, bare, f"persona {persona.id!r}")
    return make_patch(persona_row(back), persona_row(persona))


def _write_without_slot(lens: Lens, persona: Persona) -> Json:
    """Write, but leave the slot free: it can't hold a fact of its name."""
    foreign = lens.tidy(lens.write(persona))
    holder: object = foreign
    for name in lens.slot[:-1]:
        holder = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(holder, dict):
        holder.pop(lens.slot[-1], None)
    return foreign


def _object(value: object, persona_id: str) -> Json:
    if not isinstance(value, dict):
        raise BadFile(
            f"persona {persona_id!r}: what an import kept in extra was damaged; remove it"
        )
    return value


def _id(foreign_id: object, bare: Json, name: str) -> str:
    text = foreign_id if isinstance(foreign_id, str) else ""
    if 0 < len(text) <= 200:
        return text
    return f"{name}-{content_key(bare)[:16]}"


def _without_slot(lens: Lens, foreign: Json) -> tuple[Json, Patch]:
    bare = deepcopy(foreign)
    holder: object = bare
    for name in lens.slot[:-1]:
        holder = holder.get(name) if isinstance(holder, dict) else None
    slot = holder.pop(lens.slot[-1], None) if isinstance(holder, dict) else None
    if slot is None or slot == []:
        return bare, []
    if not is_patch(slot):
        raise BadFile(f"what stands under {'.'.join(lens.slot)!r} was not written by Personae")
    return bare, slot


def _with_slot(lens: Lens, foreign: Json, slot_value: Patch) -> Json:
    copy = deepcopy(foreign)
    holder: Json = copy
    for name in lens.slot[:-1]:
        inner = holder.setdefault(name, {})
        if not isinstance(inner, dict):
            raise BadFile(f"{'.'.join(lens.slot[:-1])!r} is an object in this format")
        holder = inner
    holder[lens.slot[-1]] = slot_value
    return copy
