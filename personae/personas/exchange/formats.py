"""The formats by name: how the files of each are recognised, read and written."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from personae.core import UnknownName
from personae.personas.exchange.cards.card_files import dump_cards, load_card
from personae.personas.exchange.cards.character_cards import LENSES, V1, V2, V3, card_version
from personae.personas.exchange.foreign_files import ForeignObject, NamedObjects
from personae.personas.exchange.lens import Lens
from personae.personas.exchange.tools import (
    edsl,
    genagents,
    nemotron,
    personahub,
    plain_columns,
    sotopia,
    tinytroupe,
)

__all__ = ["FORMATS", "NATIVE", "Format", "find_format"]

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


def _format(title: str, module: object, *suffixes: str) -> Format:
    parts = {name: getattr(module, name) for name in ("load", "dump", "matches")}
    return Format(title, suffixes, module.LENS, **parts)  # type: ignore[attr-defined]


def _card_format(version: str, title: str) -> Format:
    return Format(
        f"character card, {title} (JSON, PNG or charx)",
        (".json", ".png", ""),
        LENSES[version],
        partial(load_card, version=version),
        dump_cards,
        lambda sample: card_version(sample) == version,
    )


FORMATS: Mapping[str, Format] = {
    "card-v1": _card_format(V1, "version 1"),
    "card-v2": _card_format(V2, "version 2"),
    "card-v3": _card_format(V3, "version 3"),
    "tinytroupe": _format("TinyTroupe agents and fragments (JSON)", tinytroupe, ".json", ""),
    "edsl": _format("EDSL agent list (JSON, JSON lines)", edsl, ".json", ".jsonl", ".json.gz"),
    "sotopia": _format("Sotopia agent profiles (JSON, JSON lines)", sotopia, ".json", ".jsonl"),
    "nemotron": _format(
        "Nemotron-Personas columns (Parquet, JSON lines)", nemotron, ".parquet", ".jsonl"
    ),
    "personahub": _format("PersonaHub (JSON lines, Parquet)", personahub, ".jsonl", ".parquet"),
    "genagents": _format("genagents folders, or scratches as JSON lines", genagents, "", ".jsonl"),
    "columns": _format(
        "plain columns for datasets and data frames (Parquet, JSON lines)",
        plain_columns,
        ".parquet",
        ".jsonl",
    ),
}


def find_format(name: str) -> Format:
    """Return a foreign format by name.

    Raises:
        UnknownName: no such format.
    """
    if name not in FORMATS:
        raise UnknownName("format", name, [NATIVE, *FORMATS])
    return FORMATS[name]
