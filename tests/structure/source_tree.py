"""The package as syntax trees: what the structure tests read, each file parsed once."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "personae"


class Import(NamedTuple):
    """One import of a module: who imports what, and whether at the top of the file."""

    importer: str
    imported: str
    top: bool


@cache
def modules() -> dict[str, Path]:
    """All modules by dotted name; a package has the name of its folder."""
    named = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports() -> tuple[Import, ...]:
    """All imports between modules of the package and of other packages, also inside functions.

    `from a import b` counts as an import of `a.b` where that is a module; imports for type
    checkers alone don't count.
    """
    return tuple(found for name, path in modules().items() for found in _imports(name, path))


def _imports(name: str, path: Path) -> Iterator[Import]:
    body = tree(path)
    ignored = {
        id(node)
        for block in ast.walk(body)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for node in ast.walk(block)
    }
    top = set(map(id, body.body))
    for node in ast.walk(body):
        if id(node) in ignored:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, alias.name, id(node) in top)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                yield Import(name, inside if inside in modules() else node.module, id(node) in top)


def room(module: str) -> str:
    """The room a module lies in: the part of its name after `personae`."""
    return module.split(".")[1] if "." in module else ""


def public_names(path: Path) -> list[str]:
    for node in tree(path).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return list(ast.literal_eval(node.value))
    return []
