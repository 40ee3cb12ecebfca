"""Who lives where: one user, one name, small files and functions, the formatter's own layout."""

import ast
from collections import Counter, defaultdict

from tests.structure.source_tree import PACKAGE, ROOT, imports, modules, public_names, tree

MAX_LINES = 320
MAX_FUNCTION = 45
MAX_FILES = 14
COMMON_FILES = {"__init__", "__main__", "study", "recipe"}


def _house(module: str) -> str:
    """The study or recipe that a module belongs to, or ""."""
    parts = module.split(".")
    if parts[:2] == ["personae", "studies"] and len(parts) > 2:
        return ".".join(parts[:3])
    if parts[:3] == ["personae", "generate", "recipes"] and len(parts) > 3:
        return ".".join(parts[:4])
    return ""


def test_a_module_with_one_user_lives_with_it() -> None:
    users = defaultdict(set)
    for found in imports():
        users[found.imported].add(found.importer)
    wrong = [
        f"{module} is used by {house} alone: move it there"
        for module, importers in users.items()
        if module in modules() and modules()[module].name != "__init__.py" and not _house(module)
        for house in [_house(next(iter(importers)))]
        if house and all(_house(importer) == house for importer in importers)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_two_modules_share_a_name() -> None:
    names = Counter(path.stem for path in modules().values() if path.stem not in COMMON_FILES)
    assert not [name for name, count in names.items() if count > 1]


def test_no_two_public_classes_share_a_name() -> None:
    homes = defaultdict(list)
    for module, path in modules().items():
        public = set(public_names(path)) if path.name != "__init__.py" else set()
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and node.name in public:
                homes[node.name].append(module)
    assert not {name: where for name, where in homes.items() if len(where) > 1}


def test_every_public_name_is_declared() -> None:
    """`__all__` lists exactly the public functions and classes that a module defines."""
    for module, path in modules().items():
        if path.name in ("__init__.py", "__main__.py"):
            continue
        defined = {
            node.name
            for node in tree(path).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        }
        assert public_names(path) or not defined, f"{module}: no __all__"
        assert defined <= set(public_names(path)), f"{module}: {defined - set(public_names(path))}"


def test_the_formatter_decides() -> None:
    folders = [PACKAGE, ROOT / "tests", ROOT / "benchmarks", ROOT / "examples"]
    marks = [f"# fmt: {what}" for what in ("skip", "off")]
    wrong = [
        str(path.relative_to(ROOT))
        for folder in folders
        for path in folder.rglob("*.py")
        if any(mark in path.read_text(encoding="utf-8") for mark in marks)
    ]
    assert not wrong


def test_files_and_functions_stay_small() -> None:
    wrong = []
    for path in modules().values():
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > MAX_LINES:
            wrong.append(f"{path.relative_to(ROOT)}: {lines} lines")
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                length -= (ast.get_docstring(node) or "").count("\n")
                if length > MAX_FUNCTION:
                    wrong.append(f"{path.relative_to(ROOT)}: {node.name} has {length} lines")
    assert not wrong, "\n".join(wrong)


def test_rooms_stay_small() -> None:
    """A room of more than about a dozen files has sub-rooms; studies and recipes are listings."""
    wrong = {}
    for folder in {path.parent for path in modules().values()}:
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        if len(files) > MAX_FILES and folder.name not in ("studies", "recipes"):
            wrong[str(folder.relative_to(ROOT))] = len(files)
    assert not wrong
