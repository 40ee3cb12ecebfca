"""The house rules that can be read off the syntax trees: layers, __all__, heavy imports."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "personae"
ORDER: list[set[str]] = [
    {"core"},
    {"stats", "models", "report"},
    {"generate", "induce", "measure", "converse", "interop"},
    {"audit"},
    {"studies"},
    {"card"},
    {"run"},
    {"cli", "studio"},
]
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
HEAVY = {
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "llguidance",
    "huggingface_hub",
    "ray",
    "sklearn",
    "vaderSentiment",
    "inspect_ai",
}
ALLOWED = {
    "interop/inspect_log.py": {"inspect_ai"},
    "measure/hub.py": {"huggingface_hub"},
    "run/cluster.py": {"ray"},
    "measure/readers.py": {"sklearn"},
    "measure/features.py": {"vaderSentiment"},
}
"""Files outside models and induce that may import a heavy library, inside a function."""
FILES = sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    part = path.relative_to(ROOT).parts[0]
    return part.removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield (module, at the top of the file or not)."""
    tree = ast.parse(path.read_text())
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in top
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, id(node) in top
            if node.module == "personae":
                for alias in node.names:
                    yield f"personae.{alias.name}", id(node) in top


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    here = room(path)
    if here in ("__init__", "__main__"):
        return
    assert here in LEVEL, f"{path}: no such room in the design: {here}"
    for module, _ in imports(path):
        parts = module.split(".")
        if parts[0] != "personae" or len(parts) < 2 or parts[1] == "__version__":
            continue
        there = parts[1]
        if there == here:
            sub = path.relative_to(ROOT).with_suffix("").parts
            if here == "studies" and len(parts) > 2 and parts[2] != sub[1]:
                raise AssertionError(f"{path}: a study imports the study {parts[2]}")
            continue
        assert LEVEL[there] < LEVEL[here], f"{path}: {here} may not import {there}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_heavy_libraries_stay_in_their_rooms(path: Path) -> None:
    allowed = ALLOWED.get(path.relative_to(ROOT).as_posix(), set())
    found = {(m.split(".")[0], top) for m, top in imports(path)}
    heavy = {m for m, top in found if m in HEAVY and (top or m not in allowed)}
    assert not heavy or room(path) in ("models", "induce"), f"{path} imports {heavy}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_public_name_is_declared(path: Path) -> None:
    """`__all__` lists exactly the public functions, classes and constants a module defines."""
    if path.name in ("__init__.py", "__main__.py"):
        return
    tree = ast.parse(path.read_text())
    declared: set[str] | None = None
    defined = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            defined.add(node.name)
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            declared = set(ast.literal_eval(node.value))
    assert declared is not None, f"{path}: no __all__"
    assert defined <= declared, f"{path}: public but not in __all__: {defined - declared}"


def test_importing_personae_loads_nothing_heavy() -> None:
    code = "import personae, sys; print(sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    names = set(ast.literal_eval(loaded.stdout))
    assert not names & (HEAVY | {"polars", "scipy", "numpy", "rich", "httpx", "jinja2"})


def test_budgets_of_size() -> None:
    """Files stay near 300 lines, functions near 40 lines of code."""
    for path in FILES:
        text = path.read_text()
        assert text.count("\n") <= 350, f"{path}: {text.count(chr(10))} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                doc = ast.get_docstring(node)
                lines = (node.end_lineno or 0) - node.lineno + 1 - (doc or "").count("\n")
                assert lines <= 55, f"{path}:{node.lineno} {node.name} has {lines} lines"
