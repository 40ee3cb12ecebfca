"""Local names are nouns that say what they hold: a list of riddles must not come back."""

import ast
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.structure.source_tree import PACKAGE, ROOT, tree

BANNED = {"came", "found", "got", "heard", "one", "place", "places", "posed", "said", "told"}
"""Names of variables, parameters and inner functions that don't say what they hold."""
ALLOWED: dict[str, int] = {}
"""Uses still left in rooms that are not clean yet; these numbers only ever fall."""


def bound_names(function: ast.AST) -> Iterator[str]:
    """Give the names that a function, lambda or comprehension in it binds, inner ones included."""
    for node in ast.walk(function):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if node is not function:
                    yield name


def riddles(module: ast.Module, label: str) -> list[str]:
    """List the banned names of a module's functions and methods, each once a function."""
    outer = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    for item in module.body:
        if isinstance(item, ast.ClassDef):
            outer += [node for node in item.body if isinstance(node, ast.FunctionDef)]
    return [
        f"{label}:{function.lineno}: {function.name} has a local `{name}`"
        for function in outer
        for name in sorted(BANNED.intersection(bound_names(function)))
    ]


def test_locals_are_nouns_that_say_what_they_hold() -> None:
    by_room: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        label = path.relative_to(ROOT).as_posix()
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        by_room.setdefault(room, []).extend(riddles(tree(path), label))
    worse = {room: lines for room, lines in by_room.items() if len(lines) > ALLOWED.get(room, 0)}
    listing = "\n".join(line for lines in worse.values() for line in lines)
    counts = Counter({room: len(lines) for room, lines in worse.items()})
    assert not worse, f"{listing}\nrename them to nouns; uses by room: {dict(counts)}"


def test_the_allowance_names_only_rooms_that_exist() -> None:
    assert set(ALLOWED) <= {path.stem for path in PACKAGE.iterdir()}


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    found = 1",
        "def f(place): ...",
        "def f():\n    return [one for one in ()]",
        "def f():\n    def told(): ...",
        "class C:\n    def f(self):\n        return lambda said: said",
        "def f():\n    for place, word in (): ...",
    ],
)
def test_a_banned_name_would_be_found(text: str) -> None:
    assert len(riddles(ast.parse(text), "text.py")) == 1


@pytest.mark.parametrize("text", ["def f():\n    row.found = 1", "def f():\n    g(one=1)"])
def test_attributes_and_keywords_of_others_are_left_alone(text: str) -> None:
    assert not riddles(ast.parse(text), "text.py")
