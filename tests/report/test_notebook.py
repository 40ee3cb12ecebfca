"""Results in a notebook and as data frames."""

import sys
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import personae.report as report_room
from personae.analyses.compare import Run
from personae.core import (
    Answers,
    BadFile,
    BadValue,
    Estimate,
    Figure,
    ForestFigure,
    ForestRow,
    Inventory,
    Item,
    MissingExtra,
    Note,
    Option,
    Persona,
    Reply,
    Report,
    Request,
    Site,
    Table,
    html_form,
    load_inventory,
    missing,
    say,
)
from personae.generate.recipe import Order
from personae.generate.recipe_registry import recipes
from personae.induce.registry import find_induction
from personae.induce.steer.steering_vector import SteeringVector, VectorOrigin
from personae.report.render.figure_data import Grid, read_figure
from personae.report.render.report_files import read_report
from personae.respondents.null import open_null
from personae.respondents.scripted import ScriptedModel
from personae.respondents.simulated import open_simulated
from tests.support.report_example import bars, heatmap, lines, profile, reliability

SHIFT = Estimate(name="shift <b>", value=0.5, low=0.2, high=0.8, n=9, of="item", unit="SD", p=0.01)
TABLE = Table(
    name="arms",
    title="Arms <i>",
    columns=("arm", "shift", "arm"),
    rows=(("P2", SHIFT, 1), ("none & all", None, "x")),
)


def test_reports_and_figures_are_framed_and_everything_is_escaped() -> None:
    assert report_room.__doc__
    figure = ForestFigure(name="f", title="</iframe><b>", alt="", rows=(ForestRow("E", SHIFT),))
    for page in (
        Report(title="A <b> title", parts=(TABLE, figure))._repr_html_(),
        figure._repr_html_(),
    ):
        assert page.startswith("<iframe sandbox") and page.count("<") == 2
        assert "&lt;svg" in page


def test_a_figure_has_a_frame_of_its_size_up_to_that_of_a_report() -> None:
    def height(rows: int) -> int:
        row = ForestRow("E", SHIFT)
        page = ForestFigure(name="f", title="", alt="", rows=(row,) * rows)._repr_html_()
        return int(page.partition("height: ")[2].partition("px")[0])

    assert height(1) < height(6) < height(60) == height(90) == 640


def test_tables_and_estimates_are_shown_with_their_intervals() -> None:
    table = TABLE._repr_html_()
    assert "<td>none &amp; all</td>" in table and "0.50 [0.20, 0.80]" in table
    assert "Arms &lt;i&gt;" in table and "n = 9 items" in table
    estimate = SHIFT._repr_html_()
    assert "shift &lt;b&gt;" in estimate and "0.50 [0.20, 0.80]" in estimate
    assert html_form(3) == "<pre>3</pre>"
    assert "&lt;b&gt;" in Answers.of([{"raw": "<b>", "value": 1.0}])._repr_html_()


def test_tables_are_frames_with_estimates_spread_over_columns() -> None:
    frame = Report(title="", parts=(TABLE,)).tables["arms"].frame()
    assert frame.columns == [
        "arm",
        "shift",
        "shift low",
        "shift high",
        "shift n",
        "shift p",
        "arm 3",
    ]
    assert frame["shift"].to_list() == [0.5, None] and frame["shift n"].to_list() == [9, None]
    assert frame["arm 3"].to_list() == ["1", "x"]
    assert SHIFT.frame().select("name", "value", "n").rows() == [("shift <b>", 0.5, 9)]
    assert Answers.of([{"value": 1.0}]).frame()["value"].to_list() == [1.0]


def test_pandas_is_asked_for_by_name_where_it_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pandas", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=r"personae\[pandas\]"):
        TABLE.to_pandas()


def test_estimates_count_their_unit_in_the_plural() -> None:
    assert str(SHIFT) == "shift <b>: 0.500 SD [0.200, 0.800], n = 9 items, p = 0.01"


def crowded() -> list[object]:
    """Each noun, with much inside."""
    long = "word " * 9_000
    items = tuple(Item(id=str(i), text=long, scale="E") for i in range(300))
    options = tuple(Option(long, i) for i in range(1, 6))
    inventory = Inventory(
        name="long" * 40,
        title=long,
        kind="statement",
        scales={"E": "Extraversion"},
        options=options,
        items=items,
        version="1",
        source=long,
        licence=long,
    )
    answers = Answers.of({"respondent": str(i), "raw": long, "value": 1.0} for i in range(99))
    figure = ForestFigure(name="f", title=long, alt="", rows=(ForestRow("E", SHIFT),) * 500)
    table = replace(TABLE, rows=TABLE.rows * 500)
    report = Report(title=long, parts=(table, figure), answers=answers)
    facts = {str(i): "x" for i in range(300)}
    persona = Persona(id="p" * 200, text=long, facts=facts, traits=dict.fromkeys("OCEAN", -1.2345))
    population = recipes.load(recipes.find("population"))(Order(n=5))
    run = Run(folder=Path("out"), id="", started="", identity={}, report=report, answers=answers)
    wide = SteeringVector({Site(b): np.ones(999) for b in range(99)}, VectorOrigin(name=long))
    models = [open_null("null:uniform"), open_simulated("simulated:E=1"), ScriptedModel([])]
    return [
        inventory,
        answers,
        figure,
        table,
        report,
        persona,
        population,
        run,
        wide,
        *models,
        replace(SHIFT, name=long),
        Request(say(long, system=long), (("A",), ("B",))),
        Reply(text=long, status="error", why=long),
        find_induction("persona_text & steer:2 & words & naive & adjectives"),
    ]


def test_every_noun_says_in_a_line_what_it_is_and_how_big() -> None:
    for value in crowded():
        text = repr(value)
        assert len(text) <= 200 and "\n" not in text, text
        assert type(value).__name__ in text and " object at " not in text


def test_a_repr_names_and_counts() -> None:
    assert repr(TABLE) == "<Table 'arms': 2 rows of 3 columns>"
    assert repr(SHIFT) == f"<Estimate: {SHIFT}>"
    report = Report(title="A", parts=(TABLE,), answers=Answers.of([{"value": 1.0}]))
    assert repr(report) == "<Report 'A': 1 table, 1 answer>"
    assert repr(report.answers) == "<Answers: 1 answer of 1 respondent, 1 usable>"
    persona = Persona(id="ada", text="Calm.", traits={"E": 1.5}, facts={"age": "34"})
    assert repr(persona) == "<Persona 'ada': character, 5 characters of text, 1 fact, E=+1.5>"
    mini = load_inventory("saucier-mini-markers")
    assert repr(Request(say("Tea?", system="Be kind."))) == "<Request 'Tea?': 2 messages>"
    assert repr(Reply(text="Gladly.", tokens_out=3)) == "<Reply 'Gladly.': ok, 3 tokens>"
    both = find_induction("persona_text & naive")
    assert repr(both) == "<CombinedInduction 'persona_text & naive'>"
    assert repr(mini) == "<Inventory 'saucier-mini-markers': 40 items, 5 scales, 9 options>"


def test_a_report_is_shown_and_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(title="A", parts=(Note("So.", "verdict"), replace(TABLE, rows=TABLE.rows * 40)))
    report.show()
    summary = capsys.readouterr().out
    assert summary.startswith("A\n• So.") and "report.show(full=True)" in summary
    report.show(full=True)
    assert len(capsys.readouterr().out.splitlines()) > 80
    assert [path.name for path in report.save(tmp_path)] == ["report.html", "report.json"]
    assert read_report(tmp_path).title == "A"


class StandIn:
    """What we use of altair, which the tests' environment lacks."""

    class Chart:
        @staticmethod
        def from_dict(spec: dict[str, Any]) -> dict[str, Any]:
            return spec


@pytest.mark.parametrize("figure", [profile("d", ("A", "B", "C")), reliability(), bars(), lines()])
def test_a_chart_has_every_known_value(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "altair", StandIn)
    spec = figure.to_altair()
    assert spec["title"] == figure.title and spec["$schema"].endswith("v5.json")
    charted = [row["value"] for row in spec["data"]["values"] if row["value"] is not None]
    plot = read_figure(figure)
    assert not isinstance(plot, Grid)
    values = [point.value for series in plot.series for point in series.points]
    assert sorted(charted) == sorted(value for value in values if not isnan(value))


def test_a_heatmap_is_a_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "altair", StandIn)
    spec = heatmap().to_altair()
    assert spec["mark"]["type"] == "rect" and len(spec["data"]["values"]) == 25
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(MissingExtra, match=r"personae\[altair\]"):
        heatmap().to_altair()


def test_a_report_is_one_long_frame_a_row_a_cell() -> None:
    reason = missing("alpha", "one item", n=1, of="item")
    mixed = Table(
        name="mixed",
        title="",
        columns=("arm", "measure", "shown", "d", "remark"),
        rows=(("a", "b", True, None, "x"), ("c", "d", False, reason, "y")),
    )
    texts = Table(name="texts", title="", columns=("q", "a"), rows=(("one", "two"),))
    parts = (Note("n"), TABLE, SHIFT, mixed, texts, bars())
    report = Report(title="", parts=parts)
    frame = report.frame()
    assert frame["part"].unique(maintain_order=True).to_list() == [
        *("arms", SHIFT.name, "mixed", "texts")
    ]
    shift = frame.filter(part="arms", column="shift").row(0, named=True)
    assert shift["value"] == 0.5 and (shift["low"], shift["high"], shift["n"]) == (0.2, 0.8, 9)
    assert (shift["unit"], shift["of"], shift["level"], shift["p"]) == ("SD", "item", 0.95, 0.01)
    alone = frame.filter(part=SHIFT.name)
    assert alone.select("row", "label", "column", "value").rows() == [(1, "", SHIFT.name, 0.5)]
    cells = frame.filter(part="mixed")
    assert cells.select("row", "label", "column", "value", "text").rows() == [
        (1, "a, b", "arm", None, "a"),
        (1, "a, b", "measure", None, "b"),
        (1, "a, b", "shown", 1.0, None),
        (1, "a, b", "remark", None, "x"),
        (2, "c, d", "arm", None, "c"),
        (2, "c, d", "measure", None, "d"),
        (2, "c, d", "shown", 0.0, None),
        (2, "c, d", "d", None, "one item"),
        (2, "c, d", "remark", None, "y"),
    ]
    assert frame.filter(part="texts")["label"].to_list() == ["one", "one"]
    empty = Report(title="", parts=()).frame()
    assert empty.columns == frame.columns and empty.dtypes == frame.dtypes and not empty.height
    with_rowless = replace(texts, rows=())
    assert not Report(title="", parts=(with_rowless,)).frame().height


@pytest.mark.parametrize(
    ("title", "parts", "message"),
    [
        (3, (), "title is a text, not 3"),
        ("r", "abc", "parts is a tuple or a list, not 'abc'"),
        ("r", (TABLE, 3), "a part of a report is a Heading, .* or a Figure, not 3"),
    ],
)
def test_a_report_holds_what_can_be_shown(title: Any, parts: Any, message: str) -> None:
    with pytest.raises(BadValue, match=message):
        Report(title=title, parts=parts)


def test_a_report_is_saved_as_the_form_that_its_name_ends_in(tmp_path: Path) -> None:
    report = Report(title="Shifts", parts=(TABLE,))
    page, data = tmp_path / "pages" / "card.html", tmp_path / "card.JSON"
    assert report.save(page) == [page] and report.save(str(data)) == [data]
    folder = tmp_path / "gpt-4.1"
    assert report.save(folder) == [folder / "report.html", folder / "report.json"]
    assert page.read_bytes() == (folder / "report.html").read_bytes()
    assert data.read_bytes() == (folder / "report.json").read_bytes()
    for name in ("card.md", "card.PDF", "card.parquet"):
        with pytest.raises(BadFile, match=r"names a file, and results are a folder: say '.*card'"):
            report.save(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.JSON", "gpt-4.1", "pages"]
    with pytest.raises(BadValue, match="it is empty"):
        report.save("")
    with pytest.raises(BadValue, match="path is a text or a path, not 3"):
        report.save(3)  # type: ignore[arg-type]
    (tmp_path / "blocked").write_text("")
    with pytest.raises(BadFile, match="blocked"):
        report.save(tmp_path / "blocked" / "card.html")
