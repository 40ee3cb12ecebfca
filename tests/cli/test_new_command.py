"""`personae new` in a copy of the repository: what it writes passes its contracts at once."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from personae.cli.new_command import KINDS, scaffold
from personae.core import BadValue, InputError

ROOT = Path(__file__).parents[2]
NAMES = {
    "study": "stranger_study",
    "inventory": "stranger-inventory",
    "induction": "stranger_induction",
    "recipe": "stranger_recipe",
    "rubric": "stranger-rubric",
}
ALL_KINDS = """
import sys
from personae.cli import main
for order in sys.argv[1:]:
    try:
        main(["new", *order.split()])
    except SystemExit as left:
        assert not left.code
    print("----", flush=True)
"""
"""Types `personae new` for each kind in one process, since each start costs seconds."""
CONTRACTS = [
    "tests/contracts/test_inductions.py",
    "tests/contracts/test_inventories.py",
    "tests/contracts/test_recipes.py",
    "tests/contracts/test_studies.py",
    "tests/generate/test_stranger_recipe.py",
    "tests/studies/test_stranger_study.py",
]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which a stranger has begun one of each kind."""
    root = tmp_path_factory.mktemp("checkout")
    for name in ("docs", "examples", "personae", "tests"):
        shutil.copytree(ROOT / name, root / name)  # with byte code: compiling takes longer
    for name in ("mkdocs.yml", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, root)
    done = run(root, "-c", ALL_KINDS, *(f"{kind} {name}" for kind, name in NAMES.items()))
    assert done.returncode == 0, done.stderr
    printed = dict(zip(NAMES, done.stdout.split("----\n"), strict=False))
    for kind, name in NAMES.items():
        assert f"Written: {root / KINDS[kind].format(name)}" in printed[kind]
        registry = f"Changed: {root / 'personae/induce/registry.py'}"
        assert (registry in printed[kind]) == (kind == "induction")
    return root


def run(
    root: Path, *arguments: str, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder or root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_scaffold_passes_its_contracts(checkout: Path) -> None:
    assert (checkout / "tests/golden/studies/stranger_study.json").exists()
    done = run(
        checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "stranger", *CONTRACTS
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout
    rubric = "from personae.measure.judge.rubric import load_rubric as load; "
    assert run(checkout, "-c", f"{rubric}load('stranger-rubric')").returncode == 0


def test_a_scaffold_is_formatted_and_listed(checkout: Path) -> None:
    registry = checkout / "personae/induce/registry.py"
    code = [str(registry), *map(str, checkout.rglob("*stranger*.py"))]
    assert len(code) == 6
    for command in (["format", "--check"], ["check"]):
        done = run(checkout, "-m", "ruff", *command, "--no-cache", *code)
        assert done.returncode == 0, done.stdout
    listed = run(checkout, "-m", "personae", "list").stdout
    assert all(name in listed for kind, name in NAMES.items() if kind != "rubric")
    assert run(checkout, "-m", "docs.extensions.pages").returncode == 0
    assert "| `stranger_study` |" in (checkout / "README.md").read_text()


def test_a_taken_or_unfit_name_is_refused() -> None:
    for kind, name in (
        ("study", "mpi"),
        ("study", "bias_runs_deep"),
        ("study", "forms"),
        ("inventory", "ipip-neo-120"),
        ("recipe", "hachimi"),
    ):
        with pytest.raises(BadValue, match="exists already"):
            scaffold(kind, name)
    registry = (ROOT / "personae/induce/registry.py").read_text()
    for kind, name, owner in (
        ("induction", "naive", "induction"),
        ("induction", "p2_asked", "induction"),
        ("induction", "cap", "induction"),
        ("recipe", "naive", "induction"),
        ("rubric", "soul-engine", "study"),
        ("inventory", "hachimi", "recipe"),
        ("induction", "bfi_2", "inventory"),
        ("induction", "role_held", "rubric"),
    ):
        with pytest.raises(BadValue, match=f"the {owner} {name} exists already"):
            scaffold(kind, name)
    assert (ROOT / "personae/induce/registry.py").read_text() == registry
    for kind, name in (
        ("study", "My Study"),
        ("study", "my-study"),
        ("study", "class"),
        ("study", "../mpi"),
        ("inventory", "my_inventory"),
        ("rubric", ""),
    ):
        with pytest.raises(BadValue, match=f"the name of a new {kind} is like my"):
            scaffold(kind, name)


def test_elsewhere_than_in_a_checkout_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not: clone the repository"):
        scaffold("study", "stranger", tmp_path)
    assert not list(tmp_path.iterdir())


def test_outside_the_checkout_that_it_would_write_to_it_refuses(
    checkout: Path, tmp_path: Path
) -> None:
    done = run(checkout, "-m", "personae", "new", "study", "distant_study", folder=tmp_path)
    assert done.returncode == 2
    assert "outside the current folder" in done.stderr
    assert not list(checkout.rglob("*distant_study*"))
    assert run(
        checkout, "-m", "personae", "new", "rubric", "near", folder=checkout / "docs"
    ).stdout.startswith("Written: ")


def test_the_name_stands_in_the_header_and_the_title(checkout: Path) -> None:
    text = (checkout / "personae/studies/stranger_study.py").read_text()
    assert text.startswith('"""Stranger study: whether')
    assert "System   stranger study\n" in text
    assert 'title=f"Stranger study: ' in text
    assert not re.search("yes.saying", text, re.IGNORECASE)
