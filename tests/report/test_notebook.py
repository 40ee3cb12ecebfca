"""Results in a notebook and as data frames."""

import sys

import pytest

import personae.report as report_room
from personae.core import (
    Answers,
    Estimate,
    ForestFigure,
    ForestRow,
    MissingExtra,
    Report,
    Table,
    html_form,
)

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
