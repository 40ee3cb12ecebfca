"""`personae new KIND NAME`: the example of a guide page, written into a checkout under a new name.

The pages `docs/guide/add-a-KIND.md` are the scaffolds: a block titled with a path is a file, or the
lines to add to one, and the first path's name is the example's, which NAME replaces everywhere. So
what is written is what the page shows, and what the tests run.
"""

import keyword
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from subprocess import run

from personae.core import BadFile, BadValue, InputError, atomic_path

__all__ = ["KINDS", "guide", "scaffold"]

KINDS = {
    "study": "personae/studies/{}.py",
    "inventory": "personae/data/inventories/{}.json",
    "induction": "personae/induce/prompt/{}.py",
    "recipe": "personae/generate/recipes/{}.py",
    "rubric": "personae/data/rubrics/{}.json",
}
"""Each kind of part and the path of its file."""
ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r'^```(\w+) title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def scaffold(kind: str, name: str, root: Path = ROOT) -> list[Path]:
    """Write the files of a new study, inventory, induction, recipe or rubric; give their paths.

    Raises:
        BadValue: a name that is invalid for this kind, or exists.
        InputError: this is no checkout of the repository.
        BadFile: a file that lines are added to is not as the guide expects it.
    """
    page = root / guide(kind)
    if not page.is_file() or not (root / "tests").is_dir():
        raise InputError(
            f"a new {kind} belongs to a checkout of Personae's repository, and {root} is none: "
            "clone it, install it there with pip install -e, and run this again"
        )
    _refuse_name(kind, name, root)
    texts = _renamed(page, name, root)
    for path, text in texts.items():
        _write(path, text)
    _format([path for path in texts if path.suffix == ".py"])
    return list(texts)


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


def _renamed(page: Path, name: str, root: Path) -> Mapping[Path, str]:
    """Give the files of a page, with the example's name replaced and differences applied."""
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    example = re.compile(rf"(?<![a-z]){re.escape(Path(blocks[0][1]).stem)}(?![a-z])")
    texts = {}
    for language, title, block in blocks:
        path, text = root / example.sub(name, title), example.sub(name, block)
        texts[path] = _patched(path, text) if language == "diff" else text
    return texts


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
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")
