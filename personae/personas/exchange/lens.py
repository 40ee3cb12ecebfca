"""The conversion that makes every exchange lossless in both directions.

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
from personae.personas.exchange.file_layout import LAYOUT
from personae.personas.exchange.patch import Patch, apply_patch, is_patch, make_patch

__all__ = ["Lens", "export_row", "import_row", "rewritten"]


@dataclass(frozen=True, slots=True)
class Lens:
    """The conversion between an object of a format and a persona's row.

    `slot` is the path at which the format keeps data of other tools; its last name is ours. `tidy`
    puts an object's names in the order of its file format, if it has one.
    """

    name: str
    read: Callable[[Mapping[str, object]], Json]
    write: Callable[[Persona], Json]
    slot: Sequence[str] = ("personae",)
    tidy: Callable[[Json], Json] = dict


def import_row(lens: Lens, foreign: Json, where: str) -> Persona:
    """Convert a foreign object to a persona.

    Raises:
        BadFile, BadValue: a value that a persona can't have; the message begins with `where`.
    """
    foreign_without_slot, slot = _without_slot(lens, foreign)
    fields = {"id": "", **lens.read(foreign_without_slot)}
    fields["id"] = _id(fields["id"], foreign_without_slot, lens.name)
    lossy_persona = persona_of(fields, where)
    row = persona_row(lossy_persona)
    if residue := make_patch(_write_without_slot(lens, lossy_persona), foreign_without_slot):
        row["extra"] = {lens.name: residue}
    return persona_of(apply_patch(row, slot), where) if slot else persona_of(row, where)


def export_row(lens: Lens, persona: Persona) -> Json:
    """Convert a persona to a foreign object.

    Raises:
        BadFile: what an earlier import kept in `extra` was damaged.
    """
    residue = persona.extra.get(lens.name)
    has_residue = is_patch(residue)
    extra = {k: v for k, v in persona.extra.items() if not (has_residue and k == lens.name)}
    foreign = _write_without_slot(lens, replace(persona, extra=extra))
    if has_residue:
        foreign = _object(apply_patch(foreign, residue), persona.id)  # type: ignore[arg-type]
    foreign = lens.tidy(foreign)
    if not _residue_of(lens, foreign, persona):
        return foreign
    # Adding the slot may add the object around it, which is then read back too.
    foreign_without_slot, _ = _without_slot(lens, _with_slot(lens, foreign, []))
    return _with_slot(lens, foreign_without_slot, _residue_of(lens, foreign_without_slot, persona))


def rewritten(lens: Lens, foreign: Json, change: Callable[[Json], Json]) -> Json:
    """Change an exported object in what the format shows, so that it still gives the same persona.

    Raises:
        BadFile: the object is none of the format.
    """
    persona = import_row(lens, foreign, "an exported object")
    changed, _ = _without_slot(lens, _with_slot(lens, change(_without_slot(lens, foreign)[0]), []))
    return _with_slot(lens, changed, _residue_of(lens, changed, persona))


def _residue_of(lens: Lens, foreign_without_slot: Json, persona: Persona) -> Patch:
    imported = import_row(lens, foreign_without_slot, f"persona {persona.id!r}")
    return make_patch(persona_row(imported), persona_row(persona))


def _write_without_slot(lens: Lens, persona: Persona) -> Json:
    """Write, but leave the slot free: it can't hold a fact of that name."""
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


def _id(foreign_id: object, foreign_without_slot: Json, name: str) -> str:
    text = foreign_id if isinstance(foreign_id, str) else ""
    if 0 < len(text) <= 200:
        return text
    content = {key: value for key, value in foreign_without_slot.items() if key != LAYOUT}
    return f"{name}-{content_key(content)[:16]}"


def _without_slot(lens: Lens, foreign: Json) -> tuple[Json, Patch]:
    remainder = deepcopy(foreign)
    holder: object = remainder
    for name in lens.slot[:-1]:
        holder = holder.get(name) if isinstance(holder, dict) else None
    slot = holder.pop(lens.slot[-1], None) if isinstance(holder, dict) else None
    if slot is None or slot == []:
        return remainder, []
    if not is_patch(slot):
        raise BadFile(f"the value of {'.'.join(lens.slot)!r} was not written by Personae")
    return remainder, slot


def _with_slot(lens: Lens, foreign: Json, slot_value: Patch) -> Json:
    copy = deepcopy(foreign)
    holder: Json = copy
    for name in lens.slot[:-1]:
        inner = holder.get(name)
        if inner is None:  # absent, or null for an optional object
            inner = holder[name] = {}
        if not isinstance(inner, dict):
            raise BadFile(f"{'.'.join(lens.slot[:-1])!r} is an object in this format")
        holder = inner
    holder[lens.slot[-1]] = slot_value
    return copy
