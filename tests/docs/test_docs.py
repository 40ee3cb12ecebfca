"""The documentation is true: its Python runs and prints what is shown, its commands parse."""

import contextlib
import io
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import click
import pytest

from docs.extensions.pages import GROUPS, pages
from personae.cli import main
from personae.core import ModelUnavailable
from personae.induce import registry
from personae.models.local.loading import load_embedded
from tests.structure.test_layers import ORDER
from tests.support.own_recognisers import own_recognisers

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guide").glob("*.md"))]
FENCE = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', re.M | re.S)


class Block(NamedTuple):
    """A fenced block: language, text, the output shown right after it, and the file it is."""

    language: str
    text: str
    shown: str
    title: str


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    fences = list(FENCE.finditer(text))
    for index, fence in enumerate(fences):
        after = fences[index + 1] if index + 1 < len(fences) else None
        adjacent = after is not None and not text[fence.end() : after.start()].strip()
        shown = after[3] if after is not None and adjacent and not after[1] else ""
        yield Block(fence[1], fence[3], shown, fence[2] or "")


def commands() -> list[tuple[str, str]]:
    parsed = []
    for page in [*PAGES, ROOT / "docs" / "index.md"]:
        for block in blocks(page):
            if block.language in ("", "bash"):
                lines = block.text.replace("\\\n", " ").splitlines()
                parsed += [(page.name, line) for line in lines if line.startswith("personae ")]
    return parsed


def needs_embedded(code: str) -> bool:
    return "smollm2" in code or "load_embedded" in code


def pages_of_python() -> list[Any]:
    """All pages; those that ask the embedded model are slow."""
    marked = []
    for page in PAGES:
        is_slow = any(needs_embedded(block.text) for block in python_of(page))
        marks = (pytest.mark.slow, pytest.mark.embedded) if is_slow else ()
        marked.append(pytest.param(page, id=page.name, marks=marks))
    return marked


def python_of(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.language == "python"]


@pytest.mark.parametrize("page", pages_of_python())
def test_python_runs_and_prints_what_is_shown(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_MAKERS", dict(registry._MAKERS))  # a page may add its own
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    code = python_of(page)
    if any(needs_embedded(block.text) for block in code):
        try:
            load_embedded()
        except ModelUnavailable as error:
            pytest.skip(str(error))
    names: dict[str, object] = {"__name__": page.stem.replace("-", "_")}
    with own_recognisers():
        for block in code:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(block.text, str(page), "exec"), names)
            assert printed.getvalue().strip() == block.shown.strip(), block.text
            if block.title:
                name = block.title.removesuffix(".py").replace("/", ".")
                monkeypatch.setitem(sys.modules, name, SimpleNamespace(**names))


@pytest.mark.parametrize(("page", "line"), commands())
def test_command_parses(page: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything up to the command's own work: names, options, types."""
    reached: list[str] = []

    def stop(self: click.Command, ctx: click.Context) -> None:
        reached.append(ctx.command_path)

    monkeypatch.setattr(click.Command, "invoke", stop)
    with pytest.raises(SystemExit) as left:
        main(shlex.split(line, comments=True)[1:])
    assert left.value.code == 0, f"{page}: {line}"
    assert reached or "--help" in line or "--version" in line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_copied_command_has_no_prompt(page: Path) -> None:
    """The site's button copies a block as it is."""
    assert [b.text for b in blocks(page) if re.search(r"^[$>%] ", b.text, re.M)] == []


def test_an_unknown_command_or_option_would_be_found() -> None:
    for line in ("crad examples/ada.json", "card examples/ada.json --modle smollm2"):
        with pytest.raises(SystemExit) as left:
            main(line.split())
        assert left.value.code == 2


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_generated_text_is_up_to_date(path: Path) -> None:
    """`make docs` writes it."""
    assert path.read_text(encoding="utf-8") == pages()[path]


def test_every_page_is_in_the_site_and_every_room_has_one() -> None:
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    files = [p.relative_to(ROOT / "docs").as_posix() for p in (ROOT / "docs").rglob("*.md")]
    assert [page for page in files if page not in site] == []
    rooms = {p.parent.name for p in (ROOT / "personae").glob("*/__init__.py")}
    assert rooms == {p.stem for p in (ROOT / "docs" / "api").glob("*.md")}
    assert [set(group) for group in GROUPS] == [group & rooms for group in ORDER if group & rooms]


def test_the_first_page_leads_to_every_guide() -> None:
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    guides = [p.name for p in (ROOT / "docs" / "guide").glob("*.md")]
    assert [name for name in guides if f"guide/{name}" not in text] == []
