"""Registries that list themselves: a package's modules, and the header of each.

A module's docstring begins with one sentence, followed by lines `Field  text`; the module defines a
function of its own name. A package stands for the module `MAIN.py` inside it. Headers
are read from the syntax tree, so that listing imports nothing.
"""

import ast
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Generic, TypeVar

from personae.core.errors import BadFile, UnknownName

__all__ = ["Header", "Registry", "read_header", "read_headers"]

Result = TypeVar("Result")

_INDENT = " " * 9  # a field's further lines stand under its text


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Header of a module: its name, first sentence, fields, and import path."""

    name: str
    summary: str
    fields: Mapping[str, str]
    module: str

    @property
    def version(self) -> str:
        """The field Version up to its first space, or ""."""
        return self.fields.get("Version", "").partition(" ")[0]


def read_headers(package: str, main: str, fields: Sequence[str]) -> tuple[Header, ...]:
    """Read the headers of a package's modules, and of its packages' modules `main`, by name.

    Raises:
        BadFile: a header lacks one of the fields.
    """
    folder = Path(str(files(package)))
    paths = [*folder.glob("[!_]*.py"), *folder.glob(f"*/{main}.py")]
    return tuple(
        sorted(
            (read_header(path, package, main, fields) for path in paths),
            key=lambda header: header.name,
        )
    )


def read_header(path: Path, package: str, main: str, fields: Sequence[str]) -> Header:
    """Read the header of one module of a package.

    Raises:
        BadFile: it lacks one of the fields.
    """
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    inside = path.stem == main
    name = path.parent.name if inside else path.stem
    values = _fields(text, fields)
    lacking = [field for field in fields if not values[field]]
    if lacking:
        raise BadFile(f"{name}: its header lacks {', '.join(lacking)}")
    return Header(
        name=name,
        summary=" ".join(text.split("\n\n", 1)[0].split()),
        fields=values,
        module=f"{package}.{name}.{main}" if inside else f"{package}.{name}",
    )


def _fields(text: str, fields: Sequence[str]) -> dict[str, str]:
    values = dict.fromkeys(fields, "")
    current = ""
    for line in text.splitlines():
        match = re.match(rf"({'|'.join(fields)})\s+(\S.*)", line)
        if match:
            current = match[1]
            values[current] = match[2]
        elif current and line.startswith(_INDENT):
            values[current] += " " + line.strip()
        else:
            current = ""
    return values


@dataclass(frozen=True, slots=True)
class Registry(Generic[Result]):
    """The modules of one kind by name, such as the studies, with the function that each defines.

    `kind` names them in messages; `headers` lists their headers in the order of display.
    """

    kind: str
    headers: Callable[[], tuple[Header, ...]]

    def find(self, name: str) -> Header:
        """Return a header by name; hyphens and underscores are alike.

        Raises:
            UnknownName: none has this name; carries near matches.
        """
        by_name = {header.name: header for header in self.headers()}
        key = name.replace("-", "_")
        if key not in by_name:
            raise UnknownName(self.kind, name, by_name)
        return by_name[key]

    def load(self, header: Header) -> Callable[..., Result]:
        """Import the function that has its module's name.

        Raises:
            BadFile: the module defines no such function.
        """
        function = getattr(import_module(header.module), header.name, None)
        if not inspect.isfunction(function):
            raise BadFile(f"{header.module} defines no function {header.name}")
        return function
