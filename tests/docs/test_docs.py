"""The documentation is true: its Python runs and prints what is shown, its commands parse."""

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from personae.cli import main
from personae.core import ModelUnavailable
from personae.models.local.loading import load_embedded
from personae.run.study_registry import studies

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guide").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def blocks(page: Path) -> Iterator[tuple[str, str, str]]:
    """Give language, text, and the output shown right after a block, if there is one."""
    text = page.read_text(encoding="utf-8")
    found = list(FENCE.finditer(text))
    for place, match in enumerate(found):
        after = found[place + 1] if place + 1 < len(found) else None
        adjacent = after is not None and not text[match.end() : after.start()].strip()
        shown = after[2] if after is not None and adjacent and not after[1] else ""
        yield match[1], match[2], shown


def commands() -> list[tuple[str, str]]:
    found = []
    for page in [*PAGES, ROOT / "docs" / "index.md"]:
        for language, text, _ in blocks(page):
            if language in ("", "bash", "console"):
                lines = text.replace("\\\n", " ").splitlines()
                said = [line.removeprefix("$ ") for line in lines]
                found += [(page.name, line) for line in said if line.startswith("personae ")]
    return found


def needs_embedded(code: str) -> bool:
    return "smollm2" in code or "load_embedded" in code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_runs_and_prints_what_is_shown(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    code = [(text, shown) for language, text, shown in blocks(page) if language == "python"]
    if any(needs_embedded(text) for text, _ in code):
        try:
            load_embedded()
        except ModelUnavailable as error:
            pytest.skip(str(error))
    names: dict[str, object] = {"__name__": page.stem.replace("-", "_")}
    for text, shown in code:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(text, str(page), "exec"), names)
        assert printed.getvalue().strip() == shown.strip(), text


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


def test_an_unknown_command_or_option_would_be_found() -> None:
    for line in ("crad examples/ada.json", "card examples/ada.json --modle smollm2"):
        with pytest.raises(SystemExit) as left:
            main(line.split())
        assert left.value.code == 2


def test_readme_lists_the_studies() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = text.split("<!-- studies -->")[1].strip()
    assert listed == study_table()


def study_table() -> str:
    rows = [f"| `{s.name}` | {s.summary} | {s.fields['Paper']} |" for s in studies()]
    return "\n".join(["| study | what it does | source |", "| --- | --- | --- |", *rows])


def test_every_page_is_in_the_site_and_every_room_has_one() -> None:
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [p.relative_to(ROOT / "docs").as_posix() for p in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if page not in site] == []
    rooms = {p.parent.name for p in (ROOT / "personae").glob("*/__init__.py")} - {"data"}
    assert rooms - {p.stem for p in (ROOT / "docs" / "api").glob("*.md")} == set()


def test_the_first_page_leads_to_every_guide() -> None:
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    guides = [p.name for p in (ROOT / "docs" / "guide").glob("*.md")]
    assert [name for name in guides if f"guide/{name}" not in text] == []
