"""Finds the studies: a directory listing is the registry, and a header is the record.

A study is a function of the same name as its file. Its module docstring begins with one sentence
and holds the lines Paper, Asks, Differs and Version; its signature is its command line.
"""

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path

from personae.core import BadFile, Report, UnknownName

__all__ = ["Study", "find_study", "load_function", "studies"]

FIELDS = ("System", "Paper", "Asks", "Differs", "Version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study's record, read from its header without importing it."""

    name: str
    summary: str
    system: str
    paper: str
    asks: str
    differs: str
    version: str


def _paths() -> list[Path]:
    package = Path(str(files("personae")))
    kept = [p for p in sorted((package / "studies").glob("*.py")) if p.name[0] != "_"]
    return [package / "card" / "card.py", *kept]


def studies() -> tuple[Study, ...]:
    """Read the headers of all studies in alphabetical order, the persona card before them."""
    return tuple(_header(path) for path in _paths())


def find_study(name: str) -> Study:
    """Find a study by name; hyphens and underscores are alike.

    Raises:
        UnknownName: no study is called so; carries near matches.
    """
    found = {study.name: study for study in studies()}
    key = name.replace("-", "_")
    if key not in found:
        raise UnknownName("study", name, found)
    return found[key]


def load_function(study: Study) -> Callable[..., Report]:
    """Import a study's function."""
    home = "personae" if study.name == "card" else "personae.studies"
    function: Callable[..., Report] | None = getattr(
        import_module(f"{home}.{study.name}"), study.name, None
    )
    if not inspect.isfunction(function):
        raise BadFile(f"{study.name}.py defines no function {study.name}")
    return function


def _header(path: Path) -> Study:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    summary = " ".join(text.split("\n\n", 1)[0].split())
    values = dict.fromkeys(FIELDS, "")
    current = ""
    for line in text.splitlines():
        match = re.match(rf"({'|'.join(FIELDS)})\s+(\S.*)", line)
        if match:
            current = match[1]
            values[current] = match[2]
        elif current and line.startswith("         "):
            values[current] += " " + line.strip()
        else:
            current = ""
    lacking = [name for name in FIELDS if not values[name]]
    if lacking:
        raise BadFile(f"{path.name}: its header lacks {', '.join(lacking)}")
    return Study(
        name=path.stem,
        summary=summary,
        system=values["System"],
        paper=values["Paper"],
        asks=values["Asks"],
        differs=values["Differs"],
        version=values["Version"].split()[0],
    )
