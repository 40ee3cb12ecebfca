"""The formats by name, their detection, import and export."""

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
    entries,
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
    """A foreign format: its title, and how its files are recognised, read and written.

    `suffixes` are those it writes; "" stands for a folder. `matches` gets the first object of a
    file as it was read.
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
    """Detect the format of a file or folder by its content; `personae` is the native one.

    Raises:
        BadFile: it can't be read, or matches no format.
    """
    source = Path(path)
    if source.is_dir():
        return "genagents" if genagents.is_folder(source) else _detect_in_folder(source)
    if source.suffix.lower() == ".png":
        texts = png_texts(read_picture(source), ("ccv3", "chara"), str(source))
        return "card-v3" if "ccv3" in texts or not texts else "card-v2"
    sample = _sample(source)
    own_fields = sample.keys() & {*FIELDS, "schema"}
    if "id" in own_fields and len(own_fields) > 1:
        return NATIVE
    for name, foreign_format in FORMATS.items():
        if foreign_format.matches(sample):
            return name
    if own_fields:
        return NATIVE
    if not sample:
        raise BadFile(f"{source}: no persona in it, or none that begins with an object of fields")
    raise BadFile(
        f"{source}: looks like no format of personas (its first object has "
        f"{', '.join(sorted(sample)[:8])}); name it: {', '.join([NATIVE, *FORMATS])}"
    )


def _detect_in_folder(folder: Path) -> str:
    inside = [p for p in entries(folder) if p.suffix.lower() in (".json", ".png")]
    if not inside:
        raise BadFile(f"{folder}: a folder without a scratch.json, a card or an agent in it")
    return detect(inside[0])


def _sample(source: Path) -> Mapping[str, object]:
    if source.suffix == ".parquet":
        first_object = next(iter(load_parquet(source)), None)
    elif source.suffix == ".jsonl":
        first_object = next(iter(load_lines(source)), None)
    else:
        value = load_json(source)
        first = value[0] if isinstance(value, list) and value else value
        return first if isinstance(first, dict) else {}
    return first_object.value if first_object else {}


def _find_format(name: str) -> Format:
    if name not in FORMATS:
        raise UnknownName("format", name, [NATIVE, *FORMATS])
    return FORMATS[name]


def import_personas(path: str | Path, form: str = "") -> Iterator[Persona]:
    """Read personas of a format, detected from the content unless named.

    In foreign formats a repeated id gets a number, such as `ada-2`.

    Raises:
        UnknownName: no such format.
        BadFile, BadValue: the file isn't of the format, or has a value that a persona can't have.
    """
    name = form or detect(path)
    if name == NATIVE:
        yield from read_personas(path)
        return
    seen: set[str] = set()
    for _, persona in import_rows(path, name):
        if isinstance(persona, InputError):
            raise persona
        yield _with_unique_id(persona, seen)
    if not seen:
        raise BadFile(f"{path}: no persona in it")


def import_rows(path: str | Path, form: str = "") -> Iterator[tuple[str, Persona | InputError]]:
    """Yield each row's position with its persona, or with the error that says why it isn't one.

    Raises:
        UnknownName: no such format.
        BadFile: the file as a whole can't be read.
    """
    name = form or detect(path)
    if name == NATIVE:
        seen: set[str] = set()
        for where, row in persona_rows(path):
            yield where, _result_or_error(partial(_parse_own_row, row, where, seen))
        return
    foreign_format = _find_format(name)
    for where, value in foreign_format.load(Path(path)):
        yield where, _result_or_error(partial(import_row, foreign_format.lens, value, where))


def _result_or_error(make: Callable[[], Persona]) -> Persona | InputError:
    try:
        return make()
    except InputError as error:
        return error


def _parse_own_row(row: object, where: str, seen: set[str]) -> Persona:
    if isinstance(row, InputError):
        raise row
    persona = persona_of(row, where)
    if persona.id in seen:
        raise BadFile(f"{where}: the id {persona.id!r} occurs twice; ids are unique")
    seen.add(persona.id)
    return persona


def _with_unique_id(persona: Persona, seen: set[str]) -> Persona:
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
    """Write personas in a format, whole or not at all; return their number.

    With `public`, layers that belong to an individual are left out and listed in `dropped`.

    Raises:
        UnknownName: no such format.
        BadValue: an individual without consent, more personas than the format holds, or a suffix
            that it doesn't have.
        BadFile: the path can't be written.
    """
    dropped_layers = [] if dropped is None else dropped
    shared = (_public(persona, dropped_layers) if public else persona for persona in personas)
    if form == NATIVE:
        return save_personas(shared, path)
    foreign_format = _find_format(form)
    if Path(path).suffix not in foreign_format.suffixes:
        allowed = " or ".join(s or "nothing (a folder)" for s in foreign_format.suffixes)
        raise BadValue(f"{path}: a file of format {form} ends in {allowed}")
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
            yield persona.id, export_row(foreign_format.lens, persona)

    listed = objects()
    first = list(islice(listed, 1))
    if not first:
        raise BadValue(f"{path}: no persona to write")
    foreign_format.dump((pair for part in (first, listed) for pair in part), Path(path))
    return count


def _public(persona: Persona, dropped_layers: list[str]) -> Persona:
    public_persona, layers = public_part(persona)
    if layers:
        dropped_layers.append(f"{persona.id}: {', '.join(layers)}")
    return public_persona
