"""The rooms and their arrows, read off the syntax trees: layers, cycles, heavy imports."""

import ast
import subprocess
import sys

from tests.structure.source_tree import ROOT, imports, modules, room, tree

ORDER: list[set[str]] = [
    {"core"},
    {"traits", "stats", "report"},
    {"respondents", "personas"},
    {"models", "encoders", "datasets"},
    {"generate", "induce", "memory", "measure", "readers"},
    {"converse", "train"},
    {"designs"},
    {"studies", "analyses"},
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
ANYWHERE = {
    "personae.models.codec",
    "personae.models.local",
    "personae.models.vllm",
    "personae.encoders",
    "personae.induce.steer",
    "personae.run.inspect_extension",
    "personae.studies",
}
"""Packages whose modules may import a heavy library at their top: they are imported lazily.

A study is imported only when it is run; listing studies reads their heads, which is tested."""
IN_FUNCTIONS = {
    "personae.run.export.inspect_log": {"inspect_ai"},
    "personae.run.export.inspect_scores": {"inspect_ai"},
    "personae.datasets.hub": {"huggingface_hub"},
    "personae.run.cluster": {"ray"},
    "personae.run.cluster_model": {"ray"},
    "personae.readers.text.trained_readers": {"sklearn"},
}
"""Modules that may import a heavy library inside a function."""


def test_imports_point_one_way() -> None:
    wrong = []
    for found in imports():
        here, there = room(found.importer), room(found.imported)
        if not found.imported.startswith("personae.") or not here or here == "__main__":
            continue
        if there in (here, "__version__"):
            continue
        assert here in LEVEL, f"{found.importer}: no such room in the design: {here}"
        if LEVEL[there] >= LEVEL[here]:
            wrong.append(f"{found.importer} imports {found.imported}")
    assert not wrong, "\n".join(wrong)


def test_no_study_imports_another() -> None:
    wrong = [
        found
        for found in imports()
        if room(found.importer) == room(found.imported) == "studies"
        and found.importer.split(".")[2] != found.imported.split(".")[2]
    ]
    assert not wrong


def test_no_module_is_part_of_a_cycle() -> None:
    """Also none that is hidden in a function. A package's own listing of its parts is no arrow."""
    arrows: dict[str, set[str]] = {name: set() for name in modules()}
    for found in imports():
        inside = found.imported.startswith(f"{found.importer}.")
        if found.imported in arrows and not inside:
            arrows[found.importer].add(found.imported)
    on_path: list[str] = []
    done: set[str] = set()

    def visit(name: str) -> None:
        assert name not in on_path, " -> ".join([*on_path[on_path.index(name) :], name])
        if name in done:
            return
        on_path.append(name)
        for imported in sorted(arrows[name]):
            visit(imported)
        on_path.pop()
        done.add(name)

    for name in arrows:
        visit(name)


def test_heavy_libraries_stay_in_their_rooms() -> None:
    wrong = []
    for found in imports():
        library = found.imported.split(".")[0]
        home = any(found.importer.startswith(package) for package in ANYWHERE)
        if library not in HEAVY or home:
            continue
        if found.top or library not in IN_FUNCTIONS.get(found.importer, ()):
            wrong.append(f"{found.importer} imports {library}")
    assert not wrong, "\n".join(wrong)


def test_scipy_stats_loads_at_its_first_use() -> None:
    """`scipy` loads its parts when they are named; this one costs a second at the start."""
    wrong = [
        name
        for name, path in modules().items()
        for node in tree(path).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "scipy" in (source := ast.unparse(node))
        and "stats" in source
    ]
    assert not wrong


def test_importing_personae_loads_nothing_heavy() -> None:
    code = "import personae, sys; print(sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    names = set(ast.literal_eval(loaded.stdout))
    assert not names & (HEAVY | {"polars", "scipy", "numpy", "rich", "httpx", "jinja2"})


def test_tests_of_one_room_borrow_from_no_other() -> None:
    """What several rooms' tests need lies in `tests/support`; the drawing itself lies here."""
    folder = ROOT / "tests"
    wrong = []
    for path in sorted(folder.rglob("*.py")):
        here = path.relative_to(folder).parts[0]
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests."):
                there = str(node.module).split(".")[1]
                if there not in (here, "support", "structure") and here != "golden":
                    wrong.append(f"{path.relative_to(ROOT)} imports {node.module}")
    assert not wrong, "\n".join(wrong)


def test_listing_studies_loads_nothing_heavy() -> None:
    code = (
        "import sys; from personae.run.study_registry import studies; "
        "assert len(studies.headers()) > 1; "
        "print(sorted({m.split('.')[0] for m in sys.modules}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not set(ast.literal_eval(loaded.stdout)) & HEAVY
