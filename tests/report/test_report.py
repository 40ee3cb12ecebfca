"""Reports as JSON, page, terminal text and folder."""

import dataclasses
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from io import BytesIO, TextIOWrapper
from itertools import pairwise
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from personae.core import (
    Answers,
    BadFile,
    BadValue,
    Estimate,
    Figure,
    ForestFigure,
    ForestRow,
    Heading,
    HeatmapFigure,
    Note,
    Part,
    ProfileFigure,
    Report,
    Table,
)
from personae.report.render.figure_data import RowPlot, figure_table, read_figure
from personae.report.render.figure_json import figure_from_data
from personae.report.render.html import report_html
from personae.report.render.plots import drawings
from personae.report.render.report_files import read_report, write_report
from personae.report.render.report_json import report_from_json, report_json
from personae.report.render.terminal import print_report
from tests.support.report_example import bars, example_report, heatmap, lines, profile, reliability

GOLDEN = Path(__file__).parents[1] / "golden" / "example_report.json"
HOSTILE = (
    "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*191 }}{% raw %}]]>&#60;</title>"
    "</style></svg><!--\x00\x1b[31m\u202e\ud800\r\n`"
)
VOID = {"meta", "br", "img", "link", "input", "hr"}

numbers = st.floats() | st.integers(-10_000, 10_000)
words = st.text(max_size=30)


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    value, low, high, p = (draw(st.floats()) for _ in range(4))
    return Estimate(
        name=draw(words),
        value=value,
        low=low,
        high=high,
        p=p,
        of="item",
        n=draw(st.integers(0, 99)),
        unit=draw(words),
        why_missing="few",
    )


cells = numbers | words | st.none() | st.booleans() | estimates()


@st.composite
def tables(draw: st.DrawFn) -> Table:
    columns = tuple(draw(st.lists(words, max_size=4)))
    row = st.tuples(*[cells for _ in columns])
    return Table(
        name="t",
        title=draw(words),
        columns=columns,
        note=draw(words),
        rows=tuple(draw(st.lists(row, max_size=4))),
    )


@st.composite
def profiles(draw: st.DrawFn) -> Figure:
    scales = draw(st.lists(words, max_size=5))
    value = st.none() | numbers | estimates()
    series = st.fixed_dictionaries(
        {"name": words, "values": st.lists(value, min_size=len(scales), max_size=len(scales))}
    )
    data = {
        "scales": scales,
        "low": 1,
        "high": 5.0,
        "unit": "points",
        "series": draw(st.lists(series, max_size=9)),
    }
    return figure_from_data(name="f", title=draw(words), kind="profile", data=data, alt=draw(words))


levels = st.sampled_from(("verdict", "warning", "info"))
parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(Heading, words), st.builds(Note, words, levels), tables(), profiles(), estimates()
)
reports = st.builds(
    Report,
    title=words,
    parts=st.lists(parts, max_size=6).map(tuple),
    provenance=st.none() | st.just(example_report().provenance),
)


class Page(HTMLParser):
    """Checks that tags nest, and keeps tags, attributes, text and the order of headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data

    def count(self, tag: str) -> int:
        return sum(t == tag for t, _ in self.tags)


def poisoned(value: Any) -> Any:
    """Put the hostile string into every text of a report that is not a fixed word of ours."""
    if isinstance(value, str):
        return value + HOSTILE
    if isinstance(value, list | tuple):
        return type(value)(poisoned(v) for v in value)
    if isinstance(value, dict):
        return {k if k.isidentifier() else poisoned(k): poisoned(v) for k, v in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type | Answers):
        fixed = ("kind", "level", "money", "unit" if isinstance(value, Answers) else "")
        return dataclasses.replace(
            value,
            **{
                f.name: poisoned(getattr(value, f.name))
                for f in dataclasses.fields(value)
                if f.name not in fixed
            },
        )
    return value


def terminal(report: Report, width: int = 100, encoding: str = "utf-8") -> str:
    raw = BytesIO()
    stream = TextIOWrapper(raw, encoding=encoding, newline="")
    print_report(report, Console(file=stream, width=width, color_system=None))
    stream.flush()
    return raw.getvalue().decode(encoding)


# JSON


@given(reports)
def test_json_round_trip(report: Report) -> None:
    text = report_json(report)
    again = report_from_json(text)
    assert report_json(again) == text
    assert again.title == report.title and len(again.parts) == len(report.parts)
    for old, new in zip(report.parts, again.parts, strict=True):
        assert type(old) is type(new)
        if isinstance(old, Estimate) and isinstance(new, Estimate):
            assert new.value == pytest.approx(old.value, rel=1e-9, nan_ok=True)
            assert new.p == pytest.approx(old.p, rel=1e-9, nan_ok=True)
        if isinstance(old, Note | Heading):
            assert old == new


def test_json_keeps_estimates_everywhere_and_writes_nan_as_null() -> None:
    report = example_report()
    text = report_json(report)
    assert "NaN" not in text and json.loads(text)["schema"] == "personae-report/1"
    figure = next(p for p in report_from_json(text).parts if isinstance(p, Figure))
    assert isinstance(figure, ProfileFigure)
    first, *_, last = figure.series[1].values
    assert isinstance(first, Estimate) and isinstance(last, Estimate) and isnan(last.value)
    assert report_from_json(text).provenance == report.provenance


def test_json_rounds_to_ten_digits_and_takes_numpy() -> None:
    row = (0.1 + 0.2, -0.0, inf, np.float64(1 / 3), nan)
    table = Table(name="t", title="", columns=tuple("abcde"), rows=(row,))
    text = report_json(Report(title="", parts=(table,)))
    assert '[[0.3, 0.0, "inf", 0.3333333333, null]]' in text
    figure = HeatmapFigure(
        name="f", title="", alt="", rows=("a",), columns=("b",), values=((np.float64(1),),)
    )
    assert '"values": [[1.0]]' in report_json(Report(title="", parts=(figure,)))


def test_json_refuses_what_has_no_plain_form() -> None:
    cell: Any = object()
    table = Table(name="t", title="", columns=("a",), rows=((cell,),))
    with pytest.raises(BadValue, match="can't hold a object"):
        report_json(Report(title="", parts=(table,)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"schema": "other/9"}',
        '{"schema": "personae-report/1"}',
        '{"schema": "personae-report/1", "title": 3, "parts": [], "provenance": null}',
        '{"schema": "personae-report/1", "title": "", "parts": [1], "provenance": null}',
        '{"schema": "personae-report/1", "title": "", "provenance": null, "parts": [{"part": 1}]}',
        '{"schema": "personae-report/1", "title": "", "parts": [], "provenance": {"usage": 1}}',
        '{"schema": "personae-report/1", "title": "", "provenance": null, "parts": '
        '[{"part": "note", "text": "", "level": "loud"}]}',
        '{"schema": "personae-report/1", "title": "", "provenance": null, "parts": '
        '[{"part": "table", "name": "", "title": "", "columns": ["a"], "rows": [[1, 2]]}]}',
    ],
)
def test_broken_json_is_a_bad_file(text: str) -> None:
    with pytest.raises(BadFile):
        report_from_json(text)


def test_golden_json() -> None:
    text = report_json(example_report())
    if not GOLDEN.exists():
        GOLDEN.write_text(text, encoding="utf-8")
        pytest.fail(f"{GOLDEN.name} was absent and is written now: look at it and commit it")
    assert text == GOLDEN.read_text(encoding="utf-8"), f"delete {GOLDEN.name} to write it again"


# the page


@given(reports)
def test_any_report_gives_a_well_formed_page(report: Report) -> None:
    page = report_html(report)
    assert Page(page).count("h1") == 1
    for picture in re.findall(r"<svg.*?</svg>", page, re.S):
        ET.fromstring(picture)


def test_page_is_equal_from_the_report_and_from_its_json() -> None:
    report = example_report()
    again = dataclasses.replace(report_from_json(report_json(report)), answers=report.answers)
    assert report_html(again) == report_html(report) == report_html(example_report())


def test_page_loads_nothing() -> None:
    text = report_html(example_report())
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "base"} & {t for t, _ in page.tags}
    links = [a[k] for _, a in page.tags for k in ("href", "src") if k in a]
    assert links and all(link and link.startswith("#") for link in links)
    assert not re.search(r"url\(|@import|style=", text)
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv"))
    assert policy is not None and policy.startswith("default-src 'none'; style-src 'sha256-")


def test_hostile_text_is_inert_in_the_page() -> None:
    clean, text = Page(report_html(example_report())), report_html(poisoned(example_report()))
    page = Page(text)
    assert [t for t, _ in page.tags].count("script") == 0
    assert {t for t, _ in page.tags} <= {t for t, _ in clean.tags}
    assert page.count("svg") == clean.count("svg") and page.count("tr") == clean.count("tr")
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert "{{ 7*191 }}" in text and "1337" not in text
    assert not set(text) & {"\x00", "\x1b", "\u202e", "\ud800", "\r"}
    for picture in re.findall(r"<svg.*?</svg>", text, re.S):
        ET.fromstring(picture)


def test_very_long_texts_are_cut_and_say_so() -> None:
    report = Report(title="x" * 300, parts=(Note("word " * 1_000_000),))
    text = report_html(report)
    assert len(text) < 60_000 and "more characters in report.json" in text
    assert len(report_json(report)) > 5_000_000


def test_verdicts_come_first_and_headings_nest() -> None:
    page = Page(report_html(example_report()))
    short, first = page.text.index("In short"), page.text.index("Requested against measured")
    verdict, warning = page.text.index("Asked to be outgoing"), page.text.index("Warning.")
    assert short < verdict < warning < first < page.text.index("tokens read")
    ranks = [int(t[1]) for t, _ in page.tags if re.fullmatch("h[1-6]", t)]
    assert ranks[0] == 1 and all(b <= a + 1 for a, b in pairwise(ranks))


def test_sentences_and_tables_have_one_minus_sign() -> None:
    figure = ForestFigure(name="f", title="F", alt="E -0.50", rows=(ForestRow("E", -0.5),))
    table = Table(name="t", title="T", columns=("a",), rows=((-0.5,),), note="Without -1.")
    notes = (Note("It fell by -0.2 [-.5, 0.1].", "verdict"), Note("Items 1-4, 2020-01-02: -3%."))
    report = Report(title="Signs", parts=(*notes, figure, table))
    for text in (Page(report_html(report)).text, terminal(report)):
        assert "It fell by −0.2 [−.5, 0.1]." in text and "Items 1-4, 2020-01-02: −3%." in text
        assert "E −0.50" in text and "Without −1." in text and "-0." not in text
    assert "It fell by -0.2" in terminal(report, encoding="ascii")


def test_within_a_section_pictures_come_before_tables() -> None:
    text = report_html(example_report())
    assert text.index("Answered, refused, unparsed</h3>") < text.index(
        "Which induction worked best"
    )


def test_pictures_and_tables_are_accessible() -> None:
    page = Page(report_html(example_report()))
    pictures = [a for t, a in page.tags if t == "svg" and a.get("role") == "img"]
    assert len(pictures) == 12 and all(a["aria-label"] for a in pictures)
    assert page.count("desc") == 12
    assert all(a.get("scope") in ("col", "row") for t, a in page.tags if t == "th")
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {a["href"] for t, a in page.tags if t == "a"}
    assert targets <= {f"#{i}" for i in ids}


def test_estimates_show_interval_n_p_method_and_reason() -> None:
    page = Page(report_html(example_report()))
    assert "0.31 [0.11, 0.51] p = 0.004" in page.text and "p < 0.001" in page.text
    titles = {a["title"] or "" for t, a in page.tags if t == "td" and "title" in a}
    assert any("n = 120 items" in t and "paired permutation" in t for t in titles)
    assert "not known" in page.text and "fewer than 80 % answered" in page.text
    assert "60 answers: 54 ok, 3 refused, 3 unparsed." in page.text


@pytest.mark.parametrize(
    ("model", "quick", "control"),
    [("smollm2", False, False), ("smollm2", True, False), ("null:uniform", False, True)],
)
def test_banners_for_controls_and_quick_runs(model: str, quick: bool, control: bool) -> None:
    report = example_report(model, quick)
    for text in (report_html(report), " ".join(terminal(report).split())):
        assert ("A quick run." in text) is quick
        assert ("A control, not a language model." in text) is control


def luminance(colour: str) -> float:
    light = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in light]
    return sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_colours_have_contrast_in_light_and_dark() -> None:
    style = report_html(Report(title="", parts=())).split("<style>")[1]
    themes = [dict(re.findall(r"--([\w-]+): (#\w{6})", b)) for b in style.split(":root")[1:3]]
    pairs = [(a, b, 4.5) for a in ("ink", "soft", "accent") for b in ("paper", "card")]
    pairs += [("warn-ink", "warn", 4.5), *((f"c{i}", "card", 3.0) for i in range(6))]
    for theme in themes:
        for front, back, least in pairs:
            high, low = sorted((luminance(theme[front]), luminance(theme[back])), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= least, (front, back)


# pictures


@pytest.mark.parametrize("figure", [profile("d", ("A", "B", "C")), reliability(), bars()])
def test_places_are_true_to_the_values(figure: Figure) -> None:
    """Centres of intervals, in pixels, are one linear map of the values."""
    plot = read_figure(figure)
    assert isinstance(plot, RowPlot)
    points = [s.points[i] for i in range(len(plot.labels)) for s in plot.series]
    known = [p.value for p in points if p.low > plot.low and p.high < plot.high]
    for canvas in drawings(figure).values():
        ends = [
            (float(m.attrs["x1"]), float(m.attrs["x2"]))
            for m in canvas.marks
            if m.attrs.get("class", "").startswith("interval")
        ]
        inside = [
            (a + b) / 2
            for (a, b), p in zip(ends, (p for p in points if not isnan(p.low)), strict=True)
            if p.low > plot.low and p.high < plot.high
        ]
        if len(set(known)) > 1:
            slope, start = np.polyfit(known, inside, 1)
            assert slope > 0 and np.allclose(np.array(known) * slope + start, inside, atol=0.2)


def test_every_known_value_is_drawn_and_missing_ones_are_not() -> None:
    figure = profile("domains", ("A", "B", "C", "D"))
    known = 3 + 3 + 4
    for canvas in drawings(figure).values():
        assert sum(m.attrs.get("class", "").startswith("dot") for m in canvas.marks) == known
    kinds = {m.attrs["d"] for m in canvas.marks if m.attrs.get("class", "").startswith("dot")}
    assert len(kinds) == 3, "series differ in shape, not in colour alone"


def test_a_line_breaks_where_a_value_is_missing() -> None:
    data = {
        "x": [1, 2, 3, 4, 5],
        "x_label": "x",
        "y_label": "y",
        "series": [{"name": "a", "y": [1, 2, None, 2, 1]}],
    }
    figure = figure_from_data(name="f", title="", kind="lines", data=data, alt="")
    marks = drawings(figure)["wide"].marks
    assert sum(m.attrs.get("class", "").startswith("course") for m in marks) == 2


def test_marks_stay_inside_the_picture() -> None:
    for figure in (profile("d", ("A" * 200, "B", "C")), reliability(), lines(), heatmap(), bars()):
        for canvas in drawings(figure).values():
            for mark in canvas.marks:
                for key in ("x", "x1", "x2"):
                    assert 0 <= float(mark.attrs.get(key, 0)) <= canvas.width
                for key in ("y", "y1", "y2"):
                    assert 0 <= float(mark.attrs.get(key, 0)) <= canvas.height


@pytest.mark.parametrize("kind", ["profile", "intervals", "lines", "heatmap", "bars"])
def test_empty_figures_are_drawn(kind: Any) -> None:
    data = {
        "scales": [],
        "low": 1,
        "high": 5,
        "series": [],
        "rows": [],
        "x": [],
        "columns": [],
        "values": [],
        "categories": [],
    }
    figure = figure_from_data(name="f", title="", kind=kind, data=data, alt="")
    report = Report(title="", parts=(figure,))
    assert report_html(report) and terminal(report)


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        ("bars", {"categories": ["a"]}, "lacks 'series'"),
        ("profile", {"scales": ["a"], "series": [], "low": 1, "high": 1}, "`low` and `high`"),
        ("pie", {}, "no kind 'pie'"),
        ("bars", {"categories": ["a"], "series": [{"name": "s", "values": [1, 2]}]}, "2 values"),
        ("bars", {"categories": ["a"], "series": [{"name": "s", "values": ["x"]}]}, "'x'"),
        ("heatmap", {"rows": ["a"], "columns": ["b"], "values": [[1, 2]]}, "1 rows of 1"),
        ("intervals", {"rows": 3}, "a list belongs"),
    ],
)
def test_bad_figure_data_names_the_figure(kind: Any, data: dict[str, Any], message: str) -> None:
    with pytest.raises(BadValue, match=message) as caught:
        figure_from_data(name="fig", title="", kind=kind, data=data, alt="")
    assert "'fig'" in str(caught.value)


def test_figures_give_their_numbers_as_a_table() -> None:
    table = figure_table(reliability())
    assert table.columns == ("group", "", "estimate") and len(table.rows) == 19
    assert figure_table(lines()).columns == ("steering strength", "trait", "fluency", "reasoning")
    assert figure_table(lines()).rows[1][2] == -0.3
    assert figure_table(heatmap()).rows[0][1:3] == (None, 0.34)


# the terminal


@pytest.mark.parametrize("width", [30, 60, 80, 140])
def test_terminal_fits_its_width(width: int) -> None:
    lines_ = terminal(example_report(), width).splitlines()
    assert max(map(len, lines_)) <= width


def test_terminal_draws_profiles_and_lists_numbers() -> None:
    text = terminal(example_report())
    row = next(line for line in text.splitlines() if line.startswith("Extraversion"))
    assert "●" in row and "◆" in row and row.index("●") < row.index("◆")
    assert text.index("Asked to be outgoing") < text.index("Warning:") < text.index("◆ requested")
    assert "60 answers: 54 ok" in text and "tokens read 412,332" in text


def test_terminal_without_utf8_draws_plainly() -> None:
    text = terminal(example_report(), encoding="ascii")
    assert text.isascii() and "[-0.42, 0.02]" in text


def test_hostile_text_is_inert_in_the_terminal() -> None:
    report = poisoned(example_report())
    text = terminal(dataclasses.replace(report, title=report.title + "[red]x[/nothing]"))
    assert not set(text) & {"\x00", "\x1b", "\u202e", "\ud800"}
    assert "[red]x[/nothing]" in text.replace("\n", "")


# the folder


def test_folder_round_trip_in_the_same_bytes(tmp_path: Path) -> None:
    report = example_report()
    paths = write_report(report, tmp_path / "a" / "b")
    assert [p.name for p in paths] == ["answers.parquet", "report.html", "report.json"]
    again = read_report(tmp_path / "a" / "b")
    assert again.answers is not None and report.answers is not None
    assert again.answers.rows.equals(report.answers.rows)
    for old, new in zip(paths, write_report(again, tmp_path / "c"), strict=True):
        assert old.read_bytes() == new.read_bytes()
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == sorted(p.name for p in paths)


def test_answers_file_has_the_same_bytes_for_many_rows(tmp_path: Path) -> None:
    rows = pl.concat([example_report().answers.rows] * 3000)  # type: ignore[union-attr]
    report = Report(title="", parts=(), answers=Answers(rows))
    first, second = (write_report(report, tmp_path / n)[0].read_bytes() for n in "ab")
    assert first == second


def test_a_report_without_answers_replaces_one_with(tmp_path: Path) -> None:
    write_report(example_report(), tmp_path)
    (tmp_path / "mine.txt").write_text("mine")
    write_report(Report(title="T", parts=()), tmp_path)
    assert read_report(tmp_path).answers is None
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_nothing_is_written_when_a_report_can_not_be(tmp_path: Path) -> None:
    write_report(example_report(), tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    cell: Any = object()
    bad = Table(name="t", title="", columns=("a",), rows=((cell,),))
    with pytest.raises(BadValue):
        write_report(Report(title="", parts=(bad,)), tmp_path)
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_full_disk_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_report(example_report(), tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(BadFile, match="No space left"):
        write_report(Report(title="other", parts=()), tmp_path)
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadFile, match="can't write"):
        write_report(Report(title="", parts=()), tmp_path / "file")


@pytest.mark.parametrize("broken", ["answers.parquet", "report.json"])
def test_broken_files_are_named(tmp_path: Path, broken: str) -> None:
    write_report(example_report(), tmp_path)
    data = (tmp_path / broken).read_bytes()
    for damage in (data[: len(data) // 2], b"", b"\xff\xfe\x00"):
        (tmp_path / broken).write_bytes(damage)
        with pytest.raises(BadFile):
            read_report(tmp_path)
    with pytest.raises(BadFile, match="finished run"):
        read_report(tmp_path / "nowhere")
