"""`personae new KIND NAME`: the example of a guide page, written into a checkout under a new name.

The pages `docs/guide/add-a-KIND.md` are the scaffolds: a block titled with a path is a file, or the
lines to add to one. NAME replaces the example's name, that of the first path, everywhere, in titles
as words. So the files written are those that the page shows and the tests run.
"""

import keyword
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from subprocess import run
from typing import Literal

from personae.core import BadFile, BadValue, InputError, atomic_path
from personae.generate.recipe_registry import recipes
from personae.induce.registry import is_registered
from personae.run.study_registry import studies

__all__ = ["KINDS", "guide", "scaffold", "write_golden_report"]

KINDS = {
    "study": "personae/studies/{}.py",
    "inventory": "personae/data/inventories/{}.json",
    "induction": "personae/induce/prompt/{}.py",
    "recipe": "personae/generate/recipes/{}.py",
    "rubric": "personae/data/rubrics/{}.json",
}
"""Each kind of part and the path of its file."""
Change = Literal["Written", "Changed"]
ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r'^```(\w+) title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def scaffold(kind: str, name: str, root: Path = ROOT) -> Mapping[Path, Change]:
    """Write the files of a new study, inventory, induction, recipe or rubric.

    Returns:
        Each file's path, and whether the file is new or lines were added to it.

    Raises:
        BadValue: a name that is invalid for this kind, or exists.
        InputError: this is no checkout of the repository, or the current folder lies outside it.
        BadFile: a file to which lines are added is not as the guide expects it.
    """
    page = root / guide(kind)
    if not page.is_file() or not (root / "tests").is_dir():
        raise InputError(
            f"a new {kind} is written into a checkout of Personae's repository, which {root} is "
            "not: clone the repository, install it with pip install -e, and run this inside it"
        )
    if not Path.cwd().resolve().is_relative_to(root.resolve()):
        raise InputError(
            f"a new {kind} would be written into {root}, outside the current folder: "
            "change to that folder, or run the Personae of the checkout you mean"
        )
    _refuse_name(kind, name, root)
    texts = _renamed(page, name, root)
    changes: dict[Path, Change] = {
        path: "Changed" if path.exists() else "Written" for path in texts
    }
    for path, text in texts.items():
        _write(path, text)
    _format([path for path in texts if path.suffix == ".py"])
    return changes


def write_golden_report(name: str, root: Path = ROOT) -> Path:
    """Write the golden report of a study of this checkout, which its contracts compare with.

    Raises:
        InputError: the study or its tests can't be run here.
    """
    command = [sys.executable, "-m", "tests.golden", name]
    done = run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().rpartition("\n")[2]
        raise InputError(
            f"the golden report of {name} could not be written ({reason}): install what the tests "
            f"need with pip install -e '.[dev]', then run python -m tests.golden {name}"
        )
    return root / f"tests/golden/studies/{name}.json"


def guide(kind: str) -> str:
    """Name the page of the guide about a kind."""
    article = "an" if kind[0] in "aeiou" else "a"
    return f"docs/guide/add-{article}-{kind}.md"


def _refuse_name(kind: str, name: str, root: Path) -> None:
    """Refuse an invalid or existing name: code separates words by underscores, data by hyphens."""
    is_data = KINDS[kind].endswith(".json")
    joint = "-" if is_data else "_"
    if not re.fullmatch(rf"[a-z][a-z0-9]*({joint}[a-z0-9]+)*", name) or keyword.iskeyword(name):
        example = joint.join(("my", kind))
        raise BadValue(f"the name of a new {kind} is like {example}, not {name!r}")
    existing_paths = [root / KINDS[kind].format(name)]
    if not is_data:
        existing_paths = [
            path for path in (root / "personae").rglob(name + "*") if path.stem == name
        ]
    for path in existing_paths:
        if path.exists():
            raise BadValue(f"{path.relative_to(root)} exists already; choose another name")
    for other, names in _registered_names(root):
        if name.replace("-", "_") in names:
            raise BadValue(f"the {other} {name} exists already; choose another name")
    if is_registered(name):
        raise BadValue(f"the induction {name} exists already; choose another name")


def _registered_names(root: Path) -> Iterator[tuple[str, set[str]]]:
    """Yield each kind of registered part but inductions, and its names with underscores."""
    yield "study", {study.name for study in studies.headers()}
    yield "recipe", {recipe.name for recipe in recipes.headers()}
    for kind in ("inventory", "rubric"):
        files = (root / KINDS[kind]).parent.glob("*.json")
        yield kind, {path.stem.replace("-", "_") for path in files}


def _renamed(page: Path, name: str, root: Path) -> Mapping[Path, str]:
    """Return the texts of a page's files, with the name replaced and differences applied."""
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    example = Path(blocks[0][1]).stem
    texts = {}
    for language, title, block in blocks:
        path, text = root / _with_name(title, example, name), _with_name(block, example, name)
        texts[path] = _patched(path, text) if language == "diff" else text
    return texts


def _with_name(text: str, example: str, name: str) -> str:
    """Put a name in the example's place: as an identifier, or as words where the example is words.

    >>> _with_name("Yes-saying (yes-saying) is yes_saying", "yes_saying", "my_study")
    'My study (my study) is my_study'
    """
    words, hyphenated = re.sub("[-_]", " ", name), example.replace("_", "-")
    forms = {hyphenated: words, example: name, hyphenated.capitalize(): words.capitalize()}
    pattern = "|".join(map(re.escape, forms))
    return re.sub(rf"(?<![A-Za-z])({pattern})(?![a-z])", lambda form: forms[form[0]], text)


def _patched(path: Path, difference: str) -> str:
    """Add lines to a file: each after the line that stands before it in the difference."""
    text, anchor = path.read_text(encoding="utf-8"), ""
    for line in difference.splitlines():
        if not line.startswith("+"):
            anchor = line[1:] + "\n"
        elif text.count(anchor) == 1:
            text = text.replace(anchor, anchor + line[1:] + "\n")
        else:
            raise BadFile(f"{path} has no single line {anchor.strip()!r}: add {line[1:]!r} by hand")
    return text


def _format(paths: Sequence[Path]) -> None:
    """Lay code out by the repository's formatter, which a name's length may call for."""
    if find_spec("ruff") is not None and paths:
        for command in (["check", "--fix", "--select", "I"], ["format"]):
            run([sys.executable, "-m", "ruff", *command, "--quiet", *map(str, paths)], check=False)


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")
