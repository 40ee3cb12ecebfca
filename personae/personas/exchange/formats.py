"""The formats by name; which one a file is; and the two directions of exchange."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from personae.core import BadFile, BadValue, InputError, Json, Persona, UnknownName
from personae.personas import (
    FIELDS,
    has_consent,
    persona_of,
    persona_rows,
    public_part,
    read_personas,
    save_personas,
)
from personae.personas.exchange import character_cards as cards
from personae.personas.exchange import edsl, genagents, nemotron, personahub, sotopia, tinytroupe
from personae.personas.exchange.foreign_files import (
    ForeignObject,
    NamedObjects,
    load_json,
    load_lines,
    load_parquet,
)
from personae.personas.exchange.lens import Lens, export_row, import_row
from personae.personas.exchange.png_text import png_texts, read_picture

__all__ = [
    "FORMATS",
    "NATIVE",
    "Format",
    "detect",
    "export_personas",
    "import_personas",
    "import_rows",
]

NATIVE = "personae"


@dataclass(frozen=True, slots=True)
class Format:
    """A foreign format: what it is called, how its files are read and written, what it looks like.

    `suffixes` are those that it writes; "" is a folder. `matches` is asked with the first object of
    a file, before the format takes it apart.
    """

    title: str
    suffixes: tuple[str, ...]
    lens: Lens
    load: Callable[[Path], Iterator[ForeignObject]]
    dump: Callable[[NamedObjects, Path], None]
    matches: Callable[[Mapping[str, object]], bool]


def _is_card(spec: str) -> Callable[[Mapping[str, object]], bool]:
    return lambda sample: sample.get("spec") == spec


def _format(title: str, module: object, *suffixes: str) -> Format:
    parts = {name: getattr(module, name) for name in ("load", "dump", "matches")}
    return Format(title, suffixes, module.LENS, **parts)  # type: ignore[attr-defined]


FORMATS: Mapping[str, Format] = {
    "card-v2": Format(
        "character card, version 2 (JSON or PNG)",
        (".json", ".png", ""),
        cards.LENS_V2,
        cards.load_v2,
        cards.dump,
        _is_card(cards.V2),
    ),
    "card-v3": Format(
        "character card, version 3 (JSON or PNG)",
        (".json", ".png", ""),
        cards.LENS_V3,
        cards.load_v3,
        cards.dump,
        _is_card(cards.V3),
    ),
    "tinytroupe": _format("TinyTroupe agents and fragments (JSON)", tinytroupe, ".json", ""),
    "edsl": _format("EDSL agent list (JSON)", edsl, ".json"),
    "sotopia": _format("Sotopia agent profiles (JSON, JSON lines)", sotopia, ".json", ".jsonl"),
    "nemotron": _format(
        "Nemotron-Personas columns (Parquet, JSON lines)", nemotron, ".parquet", ".jsonl"
    ),
    "personahub": _format("PersonaHub lines (JSON lines)", personahub, ".jsonl"),
    "genagents": _format("genagents folders, or scratches as JSON lines", genagents, "", ".jsonl"),
}


def detect(path: str | Path) -> str:
    """Tell a file's or folder's format by what is in it; `personae` is our own.

    Raises:
        BadFile: it can't be read, or it looks like none of them.
    """
    source = Path(path)
    if source.is_dir():
        return "genagents" if genagents.is_folder(source) else _of_folder(source)
    if source.suffix.lower() == ".png":
        texts = png_texts(read_picture(source), ("ccv3", "chara"), str(source))
        return "card-v3" if "ccv3" in texts or not texts else "card-v2"
    sample = _sample(source)
    own = sample.keys() & {*FIELDS, "schema"}
    if "id" in own and len(own) > 1:
        return NATIVE
    for name, one in FORMATS.items():
        if one.matches(sample):
            return name
    if own:
        return NATIVE
    if not sample:
        raise BadFile(f"{source}: no persona in it, or none that begins with an object of fields")
    raise BadFile(
        f"{source}: looks like no format of personas (its first object has "
        f"{', '.join(sorted(sample)[:8])}); name it: {', '.join([NATIVE, *FORMATS])}"
    )


def _of_folder(folder: Path) -> str:
    try:
        inside = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in (".json", ".png")]
    except OSError as error:
        raise BadFile(f"can't read {folder}: {error.strerror or error}") from error
    if not inside:
        raise BadFile(f"{folder}: a folder without a scratch.json, a card or an agent in it")
    return detect(inside[0])


def _sample(source: Path) -> Mapping[str, object]:
    if source.suffix == ".parquet":
        found = next(iter(load_parquet(source)), None)
    elif source.suffix == ".jsonl":
        found = next(iter(load_lines(source)), None)
    else:
        value = load_json(source)
        first = value[0] if isinstance(value, list) and value else value
        return first if isinstance(first, dict) else {}
    return found.value if found else {}


def _find(name: str) -> Format:
    if name not in FORMATS:
        raise UnknownName("format", name, [NATIVE, *FORMATS])
    return FORMATS[name]


def import_personas(path: str | Path, form: str = "") -> Iterator[Persona]:
    """Read personas of any format, told by its content unless named; ids are made unique.

    Raises:
        UnknownName: no such format.
        BadFile, BadValue: the file isn't of the format, or holds what a persona may not.
    """
    name = form or detect(path)
    if name == NATIVE:
        yield from read_personas(path)
        return
    seen: set[str] = set()
    for _, one in import_rows(path, name):
        if isinstance(one, InputError):
            raise one
        yield _distinct(one, seen)
    if not seen:
        raise BadFile(f"{path}: no persona in it")


def import_rows(path: str | Path, form: str = "") -> Iterator[tuple[str, Persona | InputError]]:
    """Give each persona with its place, or the error that says why a row isn't one.

    Raises:
        UnknownName: no such format.
        BadFile: the file as a whole can't be read.
    """
    name = form or detect(path)
    if name == NATIVE:
        seen: set[str] = set()
        for where, row in persona_rows(path):
            yield where, _tried(partial(_own, row, where, seen))
        return
    one = _find(name)
    for where, value in one.load(Path(path)):
        yield where, _tried(partial(import_row, one.lens, value, where))


def _tried(make: Callable[[], Persona]) -> Persona | InputError:
    try:
        return make()
    except InputError as error:
        return error


def _own(row: object, where: str, seen: set[str]) -> Persona:
    if isinstance(row, InputError):
        raise row
    one = persona_of(row, where)
    if one.id in seen:
        raise BadFile(f"{where}: the id {one.id!r} stands twice; ids are unique")
    seen.add(one.id)
    return one


def _distinct(persona: Persona, seen: set[str]) -> Persona:
    name, count = persona.id, 1
    while name in seen:
        count += 1
        name = f"{persona.id[:190]}-{count}"
    seen.add(name)
    return persona if name == persona.id else replace(persona, id=name)


def export_personas(
    personas: Iterable[Persona],
    path: str | Path,
    form: str = NATIVE,
    *,
    public: bool = False,
    dropped: list[str] | None = None,
) -> int:
    """Write personas in a format, whole or not at all; give their number.

    With `public`, layers that belong to an individual are left out, and `dropped` is told of each.

    Raises:
        UnknownName: no such format.
        BadValue: an individual didn't consent, the format can't hold so many, or its files don't
            end so.
        BadFile: the place can't be written.
    """
    told = [] if dropped is None else dropped
    shared = (_public(one, told) if public else one for one in personas)
    if form == NATIVE:
        return save_personas(shared, path)
    one = _find(form)
    if Path(path).suffix not in one.suffixes:
        allowed = " or ".join(s or "nothing (a folder)" for s in one.suffixes)
        raise BadValue(f"{path}: what is written as {form} ends in {allowed}")
    count = 0

    def objects() -> Iterator[tuple[str, Json]]:
        nonlocal count
        for persona in shared:
            if not has_consent(persona):
                raise BadValue(
                    f"persona {persona.id!r} is an individual without consent; note it in "
                    f"provenance ('consent'), or leave their layers out (public)"
                )
            count += 1
            yield persona.id, export_row(one.lens, persona)

    listed = objects()
    first = list(islice(listed, 1))
    if not first:
        raise BadValue(f"{path}: no persona to write")
    one.dump((pair for part in (first, listed) for pair in part), Path(path))
    return count


def _public(persona: Persona, told: list[str]) -> Persona:
    kept, layers = public_part(persona)
    if layers:
        told.append(f"{persona.id}: {', '.join(layers)}")
    return kept
