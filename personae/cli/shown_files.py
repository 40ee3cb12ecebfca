"""What `show` says of a path: a persona, a file of several, an inventory, the results of a run."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from personae.core import (
    BadFile,
    InputError,
    Inventory,
    Note,
    Part,
    Persona,
    Report,
    Table,
    load_inventory,
    usable_path,
)
from personae.generate.quality.describing import describe_report
from personae.personas.exchange import import_personas, load_persona
from personae.report.render.report_files import DATA, read_report
from personae.run.folder.manifest import NAME, read_manifest

__all__ = ["is_path", "shown_file"]

KNOWN = (
    "show takes a name (personae list), a file of personas, an inventory or the folder of a run; "
    "answers: personae score FILE --inventory NAME"
)


def is_path(text: str) -> bool:
    """Whether a text is the path of a file or folder, also of FILE#ID, or looks like one.

    >>> is_path("out/card"), is_path("people.jsonl#ada"), is_path("sac")
    (True, True, False)
    """
    file = Path(text.partition("#")[0])
    return "\0" in text or file.exists() or bool(file.suffix) or len(file.parts) > 1


def shown_file(text: str) -> Inventory | Report:
    """Return what a file or folder holds, for `show`.

    Raises:
        BadFile: there is none, or it holds neither personas, an inventory nor results.
        BadValue: several personas with the id after `#`.
        UnknownName: no persona with the id after `#`; carries near matches.
    """
    path = usable_path(text)
    folder = path.parent if path.name in (DATA, NAME) else path
    if (folder / DATA).exists():
        return read_report(folder)
    if (folder / NAME).exists():
        status = read_manifest(folder)["status"]
        raise BadFile(f"the run in {folder} is {status}, and has no report yet")
    if not path.exists():
        if "#" in text and Path(text.rpartition("#")[0]).exists():
            return _persona_report(load_persona(text))
        raise BadFile(f"{text}: no such file or folder; {KNOWN}")
    return _inventory(path) or _personas(path)


def _inventory(path: Path) -> Inventory | None:
    try:
        return load_inventory(str(path)) if path.suffix == ".json" and path.is_file() else None
    except InputError:
        return None


def _personas(path: Path) -> Report:
    """Show the only persona of a file or folder, or describe all of them."""
    skipped: list[InputError] = []
    personas = import_personas(path, skipped=skipped)
    try:
        first = list(islice(personas, 2))
    except InputError as error:
        raise BadFile(f"{error}; {KNOWN}") from error
    if len(first) == 1 and not skipped:
        return _persona_report(first[0])
    skipped.clear()
    return describe_report(import_personas(path, skipped=skipped), skipped)


def _persona_report(persona: Persona) -> Report:
    """Show a persona: its text, then its other layers, each if there is any."""
    return Report(title=f"Persona: {persona.id}", parts=tuple(_layers(persona)))


def _layers(persona: Persona) -> Iterator[Part]:
    yield Note(persona.text or "It has no text.", "verdict")
    for title in ("narrative", "voice"):
        if words := getattr(persona, title):
            yield Note(f"{title.capitalize()}: {words}", "verdict")
    traits = {name: f"{z:+g}" for name, z in persona.traits.items()}
    yield from _pairs("traits", "Requested traits, in z units", traits)
    yield from _pairs("facts", "Facts", persona.facts)
    yield from _pairs("relations", "Relations", persona.relations)
    for title, texts in (("statements", persona.statements), ("memories", persona.memories)):
        if texts:
            rows = tuple((text,) for text in texts)
            yield Table(name=title, title=title.capitalize(), columns=("text",), rows=rows)
    yield from _pairs("provenance", "Provenance", {"kind": persona.kind, **persona.provenance})


def _pairs(name: str, title: str, pairs: Mapping[str, str]) -> Iterator[Part]:
    if pairs:
        yield Table(name=name, title=title, columns=("name", "value"), rows=tuple(pairs.items()))
