"""A report in forty lines: headline and warnings always, the rest cut and counted."""

from dataclasses import replace
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from personae.core import Heading, Note, Part, Report, Table
from personae.report.render.report_json import report_from_json
from personae.report.render.terminal import print_report, print_summary
from personae.report.render.values import with_minus
from tests.support.report_example import example_report

GOLDEN = sorted((Path(__file__).parents[1] / "golden").rglob("*.json"))
PLACE = "--full, or out/card/report.html"


def printed(
    report: Report, width: int = 100, *, whole: bool = False, encoding: str = "utf-8"
) -> str:
    raw = BytesIO()
    stream = TextIOWrapper(raw, encoding=encoding, newline="")
    console = Console(file=stream, width=width, color_system=None)
    if whole:
        print_report(report, console)
    else:
        print_summary(report, console, PLACE)
    stream.flush()
    return raw.getvalue().decode(encoding)


def flat(text: str) -> str:
    """A text as it reads whatever its line breaks; leads of list entries are no part of it."""
    return " ".join(text.replace("• ", "").split())


def table(name: str, rows: int, columns: int = 3) -> Table:
    heads = tuple(f"{name} {j}" for j in range(columns))
    cells = tuple(tuple(f"{name}{i}.{j}" for j in range(columns)) for i in range(rows))
    return Table(name=name, title=f"Table {name}", columns=heads, rows=cells)


def crowd(*others: Part) -> Report:
    return Report(title="Crowd", parts=(*others, *(table(f"t{i}", 8) for i in range(9))))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_studys_report_fits_forty_lines(path: Path) -> None:
    report = report_from_json(path.read_text(encoding="utf-8"))
    text = printed(report)
    assert len(text.splitlines()) <= 40
    assert text.startswith(report.title)
    for part in report.parts:
        if isinstance(part, Note) and part.level in ("verdict", "warning"):
            assert flat(with_minus(part.text)) in flat(text)
    assert f"All: {PLACE}" in text or text == printed(report, whole=True)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_whole_report_has_every_part(path: Path) -> None:
    report = report_from_json(path.read_text(encoding="utf-8"))
    lines = printed(report, 400, whole=True).splitlines()
    text = flat(" ".join(lines))
    for part in report.parts:
        words = part.text if isinstance(part, Note | Heading) else getattr(part, "title", part.name)
        assert flat(with_minus(words)) in text
    rows = sum(len(t.rows) for t in report.tables.values())
    assert len(lines) > rows


@pytest.mark.parametrize("width", [40, 60, 80, 160])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_it_fits_a_terminal_of_any_width(width: int, encoding: str) -> None:
    for report in (example_report(), crowd(Note("x " * 300, "verdict"))):
        lines = printed(report, width, encoding=encoding).splitlines()
        assert len(lines) <= 40
        assert encoding == "ascii" or max(map(len, lines)) <= width


def test_a_short_report_is_printed_whole() -> None:
    report = Report(title="Short", parts=(Note("It holds.", "verdict"), table("a", 12)))
    assert printed(report) == printed(report, whole=True)
    assert "Not shown" not in printed(report)


def test_what_is_left_out_is_counted() -> None:
    text = printed(crowd(Note("By the way."), table("wide", 7, 40)))
    assert "… 2 more rows, 3" in text and "more columns." in text
    assert "wide4.0" in text and "wide5.0" not in text
    shown = sum(f"Table t{i}" in text for i in range(9)) + 1
    assert f"Not shown: {10 - shown} tables, 1 note. All: {PLACE}" in text


def test_warnings_come_first_and_are_whole_if_they_fit() -> None:
    notes = [Note(f"Warned of {i}: {'why ' * 12}end{i}.", "warning") for i in range(5)]
    text = printed(crowd(Note("The answer.", "verdict"), *notes))
    assert all(f"end{i}." in text for i in range(5))
    assert text.index("Warned of 4") < text.index("The answer.") < text.index("Table t0")


def test_what_a_control_is_ends_in_an_ellipsis_where_it_is_cut() -> None:
    source = example_report().provenance
    assert source is not None
    source = replace(source, model="simulated:follow=1,noise=0.3", options={"quick": True})
    report = replace(crowd(), provenance=source)
    first, *_ = printed(report, 60).split("Table t0")
    remarks = [line.rstrip() for line in first.splitlines()[1:] if line.strip()]
    assert remarks[0].startswith("A control, not a") and remarks[0].endswith(" …")
    assert remarks[1].startswith("A quick run.") and remarks[-1].endswith("a conclusion on it.")


def test_the_first_findings_are_whole_and_the_last_are_cut() -> None:
    notes = [Note(f"Found {i}: {'why ' * 30}end{i}.", "verdict") for i in range(12)]
    for warnings in (0, 10):
        told = [Note(f"Warned of {i}.", "warning") for i in range(warnings)]
        lines = printed(crowd(*told, *notes), 60).splitlines()
        text = flat(" ".join(lines))
        whole = [f"end{i}." in text for i in range(12)]
        assert whole[0] and not whole[-1] and whole == sorted(whole, reverse=True)
        assert all(f"Found {i}:" in text for i in range(12)) and len(lines) <= 40


def test_many_warnings_take_a_line_each_and_then_a_count() -> None:
    notes = [Note(f"Warned of {i}. {'why ' * 60}", "warning") for i in range(30)]
    text = printed(crowd(Note("The answer.", "verdict"), *notes[:10]))
    assert all(f"Warning: Warned of {i}." in text for i in range(10))
    assert len(text.splitlines()) <= 40
    text = printed(crowd(Note("The answer.", "verdict"), *notes))
    assert "Warning: Warned of 8." in text and "… 21 more warnings" in text
    assert "The answer." in text and len(text.splitlines()) <= 40


part_kinds: list[Part] = [
    Note("Reason. " * 9, "verdict"),
    Note("Warned. " * 30, "warning"),
    Note("By the way.", "info"),
    table("t", 8),
    table("wide", 2, 30),
]


@given(st.lists(st.sampled_from(part_kinds), max_size=60))
@settings(max_examples=15)
def test_no_report_takes_more_than_forty_lines(parts: list[Part]) -> None:
    text = printed(Report(title="T " * 200, parts=tuple(parts)))
    assert len(text.splitlines()) <= 40
    assert ("Warning: Warned." in text) == (part_kinds[1] in parts)
