"""The detection of a file's format by its content."""

from collections.abc import Mapping
from pathlib import Path

from personae.core import BadFile, InputError, usable_path
from personae.personas import FIELDS
from personae.personas.exchange.cards.card_files import CARD_PICTURES, read_cards
from personae.personas.exchange.cards.character_cards import is_lorebook
from personae.personas.exchange.foreign_files import (
    load_json,
    load_lines,
    load_parquet,
    persona_files,
)
from personae.personas.exchange.formats import FORMATS, NATIVE
from personae.personas.exchange.tools import genagents, plain_columns

__all__ = ["detect"]


def detect(path: str | Path) -> str:
    """Detect the format of a file by its content; `personae` is the native one.

    A folder's files are detected one by one when it is read; its format is that of the first one
    that has one, or `genagents`.

    Raises:
        BadFile: it can't be read, or matches no format.
    """
    source = usable_path(path)
    if source.is_dir():
        return "genagents" if genagents.is_folder(source) else _detect_in_folder(source)
    sample = _sample(source)
    own_fields = sample.keys() & {*FIELDS, "schema"}
    if plain_columns.matches(sample):
        return "columns"
    if "id" in own_fields and len(own_fields) > 1:
        return NATIVE
    for name, foreign_format in FORMATS.items():
        if foreign_format.matches(sample):
            return name
    if own_fields:
        return NATIVE
    if not sample:
        raise BadFile(f"{source}: no persona in it, or none that begins with an object of fields")
    if is_lorebook(sample):
        raise BadFile(f"{source}: a lorebook, not a persona: it describes a world, not someone")
    raise BadFile(
        f"{source}: not a known format of personas (its first object has "
        f"{', '.join(sorted(sample)[:8])}); name it: {', '.join([NATIVE, *FORMATS])}"
    )


def _detect_in_folder(folder: Path) -> str:
    first_error: InputError | None = None
    for file in persona_files(folder):
        try:
            return detect(file)
        except InputError as error:
            first_error = first_error or error
    raise first_error or BadFile(f"{folder}: a folder without a file of personas")


_OTHER_TABLES = (".csv", ".tsv", ".xls", ".xlsx", ".ods")


def _sample(source: Path) -> Mapping[str, object]:
    if source.suffix.lower() in _OTHER_TABLES and source.is_file():
        raise BadFile(
            f"{source}: personas aren't read from a {source.suffix} table; save it as JSON lines "
            f"(.jsonl) or Parquet"
        )
    if source.suffix.lower() in CARD_PICTURES:
        return read_cards(source)[0]
    if source.suffix == ".parquet":
        rows = load_parquet(source)
    elif ".jsonl" in source.suffixes[-2:]:
        rows = load_lines(source)
    else:
        value = load_json(source)
        first = value[0] if isinstance(value, list) and value else value
        return first if isinstance(first, dict) else {}
    first_error: InputError | None = None
    for _, row in rows:
        if not isinstance(row, InputError):
            return row
        first_error = first_error or row
    if first_error is not None:
        raise first_error
    return {}
