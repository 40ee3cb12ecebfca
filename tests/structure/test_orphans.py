"""No orphans: what nothing uses is deleted. Tests and a part's own file don't count as use.

A public type counts as used where a used part of its file takes or returns it, or is built on it.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.structure.source_tree import ROOT, modules, public_names, tree

OUTSIDE = [
    *(ROOT / "examples").glob("*.py"),
    *(ROOT / "docs" / "guide").glob("*.md"),
    *(ROOT / "benchmarks").glob("*.py"),
    ROOT / "README.md",
]


def _entry_points() -> set[str]:
    """Studies and recipes are used from the command line, by the name of their module."""
    return {
        path.parent.name if path.stem in ("study", "recipe") else path.stem
        for module, path in modules().items()
        if module.startswith(("personae.studies.", "personae.generate.recipes."))
    }


def _words(path: Path) -> set[str]:
    """The words of a page, or the names that code uses: no comments, no texts but annotations."""
    if path.suffix != ".py":
        return set(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    return set(_names(tree(path)))


def _names(node: ast.AST) -> Iterator[str]:
    for child in ast.walk(node):
        if isinstance(child, ast.Name):
            yield child.id
        elif isinstance(child, ast.Attribute):
            yield child.attr
        elif isinstance(child, ast.alias):
            yield child.name.rpartition(".")[2]
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield from re.findall(r"\w+", child.value) if len(child.value) < 80 else ()


def _signature(node: ast.stmt) -> set[str]:
    """What a part shows of itself: annotations, defaults, bases, fields and methods' signatures."""
    if isinstance(node, ast.FunctionDef):
        shown = [node.args, *([node.returns] if node.returns else [])]
        return {name for part in shown for name in _names(part)}
    if isinstance(node, ast.ClassDef):
        inside = [n for n in node.body if isinstance(n, ast.FunctionDef | ast.AnnAssign)]
        parts = [n.annotation if isinstance(n, ast.AnnAssign) else n for n in inside]
        names = {name for base in node.bases for name in _names(base)}
        for part in parts:
            names |= _signature(part) if isinstance(part, ast.FunctionDef) else set(_names(part))
        return names
    return set(_names(node)) if isinstance(node, ast.Assign) else set()


def _definitions(path: Path) -> dict[str, ast.stmt]:
    found: dict[str, ast.stmt] = {}
    for node in tree(path).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found.update({t.id: node for t in node.targets if isinstance(t, ast.Name)})
    return found


def test_every_public_name_is_used() -> None:
    listings = {path for path in modules().values() if path.name == "__init__.py"}
    paths = [*(set(modules().values()) - listings), *OUTSIDE]
    words = {path: _words(path) for path in paths}
    own = _entry_points() | {"card", "main"}
    orphans = []
    for path in sorted(set(modules().values()) - listings):
        public = set(public_names(path))
        outside = {name for other in paths if other != path for name in words[other] & public}
        used = outside | (public & own)
        definitions = _definitions(path)
        while True:
            shown = {
                n for name in used if name in definitions for n in _signature(definitions[name])
            }
            if not (shown & public) - used:
                break
            used |= shown & public
        orphans += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(public - used)]
    assert not orphans, "\n".join(orphans)
