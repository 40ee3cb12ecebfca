"""`personae new KIND NAME`: the example of a guide page, written into a checkout under a new name.

The pages `docs/guide/add-a-KIND.md` are the scaffolds: a block titled with a path is a file, and
the first path's name is the example's, which NAME replaces everywhere. So what is written is what
the page shows, and what the tests run.
"""

import keyword
import re
from collections.abc import Mapping
from pathlib import Path

from personae.core import BadValue, InputError, atomic_path

__all__ = ["KINDS", "guide", "scaffold"]

KINDS = {
    "study": "personae/studies/{}.py",
    "inventory": "personae/data/inventories/{}.json",
    "induction": "personae/induce/prompt/{}.py",
    "recipe": "personae/generate/recipes/{}.py",
    "rubric": "personae/data/rubrics/{}.json",
}
"""What can be begun, and the file that it is."""
ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def scaffold(kind: str, name: str, root: Path = ROOT) -> list[Path]:
    """Write the files of a new study, inventory, induction, recipe or rubric; give their paths.

    Raises:
        BadValue: a name that no file of this kind can have, or that is taken.
        InputError: this is no checkout of the repository.
    """
    page = root / guide(kind)
    if not page.is_file() or not (root / "tests").is_dir():
        raise InputError(
            f"a new {kind} belongs to a checkout of Personae's repository, and {root} is none: "
            "clone it, install it there with pip install -e, and run this again"
        )
    _refuse_name(kind, name, root)
    texts = _renamed(page, name)
    for path, text in texts.items():
        _write(root / path, text)
    return [root / path for path in texts]


def guide(kind: str) -> str:
    """Name the page of the guide about a kind."""
    article = "an" if kind[0] in "aeiou" else "a"
    return f"docs/guide/add-{article}-{kind}.md"


def _refuse_name(kind: str, name: str, root: Path) -> None:
    """Refuse what is no name, or is taken: code has underscores between its words, data hyphens."""
    is_data = KINDS[kind].endswith(".json")
    joint = "-" if is_data else "_"
    if not re.fullmatch(rf"[a-z][a-z0-9]*({joint}[a-z0-9]+)*", name) or keyword.iskeyword(name):
        example = joint.join(("my", kind))
        raise BadValue(f"the name of a new {kind} is like {example}, not {name!r}")
    taken = [root / KINDS[kind].format(name)]
    if not is_data:
        taken = [path for path in (root / "personae").rglob(name + "*") if path.stem == name]
    for path in taken:
        if path.exists():
            raise BadValue(f"{path.relative_to(root)} exists already; choose another name")


def _renamed(page: Path, name: str) -> Mapping[str, str]:
    """Read a page's files, path to text, with the example's name replaced."""
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    example = re.compile(rf"(?<![a-z]){re.escape(Path(blocks[0][0]).stem)}(?![a-z])")
    return {example.sub(name, path): example.sub(name, text) for path, text in blocks}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")
