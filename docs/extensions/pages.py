"""Writes what the documentation says of the code: `python -m docs.extensions.pages`.

README's table of studies, the tree of rooms, the API pages and their place in the site's menu; all
from headers and docstrings, so that none is edited by hand.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from personae.run.study_registry import studies

__all__ = ["GROUPS", "pages"]

ROOT = Path(__file__).parents[2]
GROUPS = (
    ("core",),
    ("traits", "stats", "report"),
    ("respondents", "personas"),
    ("models", "encoders", "datasets"),
    ("generate", "induce", "measure", "readers"),
    ("designs",),
    ("studies", "analyses"),
    ("card",),
    ("run",),
    ("cli",),
)
"""The rooms by level: each imports from the groups before its own."""
LISTINGS = ("studies", "generate/recipes")
"""Rooms whose parts are found by `personae list`, not in the tree."""
WIDTH = 24


def pages() -> Mapping[Path, str]:
    """Give each generated file's text, by its path."""
    rooms = [room for group in GROUPS for room in group]
    api = {
        ROOT / f"docs/api/{room}.md": f"# personae.{room}\n\n{_line(room)}\n\n::: personae.{room}\n"
        for room in rooms
    }
    entries = "".join(f"      - {room}: api/{room}.md\n" for room in rooms)
    guide = ROOT / "docs/guide/rooms.md"
    return {
        ROOT / "README.md": _between(ROOT / "README.md", "<!-- studies -->\n", _study_table()),
        ROOT / "mkdocs.yml": _between(ROOT / "mkdocs.yml", "      # rooms\n", entries),
        guide: _between(guide, "<!-- rooms -->\n", f"```text\n{_tree()}```\n"),
        **api,
    }


def _between(path: Path, mark: str, text: str) -> str:
    """Give a file's text with what stands between two marks replaced."""
    before, _, after = path.read_text(encoding="utf-8").split(mark)
    return f"{before}{mark}{text}{mark}{after}"


def _study_table() -> str:
    rows = [f"| `{s.name}` | {s.summary} | {s.fields['Paper']} |\n" for s in studies.headers()]
    return "".join(["| study | what it does | source |\n", "| --- | --- | --- |\n", *rows])


def _line(folder: str) -> str:
    """Give the first sentence of a room's docstring."""
    source = (ROOT / "personae" / folder / "__init__.py").read_text(encoding="utf-8")
    text = ast.get_docstring(ast.parse(source)) or ""
    return re.sub(r"\s+", " ", text.split("\n\n")[0])


def _tree() -> str:
    lines = ["personae/"]
    for group in GROUPS:
        for room in group:
            lines += _branch(room, 1)
    lines.append(f"{'  data/':<{WIDTH}} JSON: inventories, rubrics, tasks, wordings, word lists")
    return "\n".join(lines) + "\n"


def _branch(folder: str, depth: int) -> Iterator[str]:
    name = "  " * depth + folder.rpartition("/")[2] + "/"
    yield f"{name:<{WIDTH}} {_line(folder).rstrip('.')}"
    if folder not in LISTINGS:
        for path in sorted((ROOT / "personae" / folder).glob("*/__init__.py")):
            yield from _branch(f"{folder}/{path.parent.name}", depth + 1)


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
