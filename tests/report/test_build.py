"""Builders of report parts: what they put where, and what they refuse."""

from math import nan
from typing import Any

import numpy as np
import polars as pl
import pytest

from personae.core import Answers, BadValue, Estimate, LinesFigure, Series, missing
from personae.report.build import (
    ValueAxis,
    bars,
    coverage,
    estimate_words,
    estimates_table,
    forest,
    frame_table,
    heatmap,
    lines,
    list_words,
    matrix_table,
    missing_answers,
    profile,
    table,
    verdict,
    warning,
    with_p,
)
from personae.report.render.figure_json import figure_data, figure_from_data


def shift(name: str, value: float, p: float = nan) -> Estimate:
    return Estimate(name=name, value=value, low=value - 0.1, high=value + 0.1, n=8, of="item", p=p)


UNKNOWN = missing("N", "two items", n=2, of="item")


def test_a_table_takes_its_heads_from_its_rows() -> None:
    counts = table("t", "T", ({"arm": arm, "n": len(arm)} for arm in ("P2", "none")), "A note.")
    assert counts.columns == ("arm", "n") and counts.rows == (("P2", 2), ("none", 4))
    assert counts.note == "A note."
    assert table("t", "T", [], columns=("arm", "n")).columns == ("arm", "n")


def test_a_table_refuses_rows_with_other_heads() -> None:
    with pytest.raises(BadValue, match=r"'t'.*'m'"):
        table("t", "T", [{"arm": "P2", "n": 1}, {"arm": "none", "m": 1}])
    with pytest.raises(BadValue, match="'t'"):
        table("t", "T", [{"arm": "P2", "n": 1}, {"n": 1, "arm": "none"}])


def test_tested_estimates_bring_their_p_values() -> None:
    assert list(with_p("shift", shift("E", 0.5, 0.01))) == ["shift", "p"]
    assert with_p("shift", shift("E", 0.5, 0.01), 0.04)["p (Holm)"] == 0.04
    assert with_p("shift", shift("E", 0.5))["p"] is None


def test_estimates_tables_show_p_only_where_something_was_tested() -> None:
    plain = estimates_table("t", "T", {"E": shift("E", 0.5)}, ("trait", "shift"))
    assert plain.columns == ("trait", "shift")
    some = {"E": shift("E", 0.5, 0.01), "N": UNKNOWN}
    assert estimates_table("t", "T", some, ("trait", "shift")).rows[1] == ("N", UNKNOWN, None)
    held = estimates_table("t", "T", some, ("trait", "shift"), adjusted=[0.02, nan])
    assert held.columns[-1] == "p (Holm)" and [row[-1] for row in held.rows] == [0.02, None]


def test_matrices_make_the_same_table_and_heat_map() -> None:
    matrix = {"E": {"E": 0.9, "N": -0.2}, "N": {"N": 0.5}}
    assert matrix_table("m", "M", matrix).rows == (("E", 0.9, -0.2), ("N", None, 0.5))
    figure = heatmap("m", "M", matrix, "SD", top=1.0)
    assert figure.values == ((0.9, -0.2), (None, 0.5)) and figure.columns == ("E", "N")
    assert figure.alt == "E, E +0.90; E, N -0.20; N, N +0.50"


def test_coverage_counts_by_status_with_heads_and_further_columns() -> None:
    answers = Answers.of(
        [
            {"arm": "P2", "facet": None, "value": 3.0},
            {"arm": "P2", "facet": None, "status": "refused"},
            {"arm": "none", "facet": None, "status": "unparsed"},
        ]
    )
    counts = coverage(
        answers, {"arm": "arm", "facet": "cue"}, extra={"mean": pl.col("value").mean()}
    )
    assert counts.name == "coverage" and counts.title == "Coverage"
    assert counts.columns[:3] == ("arm", "cue", "asked") and counts.columns[-1] == "mean"
    assert counts.rows[0] == ("P2", None, 2, 1, 1, 0, 0, 0, 3.0)
    assert counts.rows[1] == ("none", None, 1, 0, 0, 1, 0, 0, None)
    assert coverage(answers, ["arm"], title="Texts read").name == "texts_read"


def test_frames_become_tables_under_other_heads() -> None:
    frame = pl.DataFrame({"raw": ["A", "B"], "len": [3, 4]})
    letters = frame_table("letters", "Options", frame, heads={"raw": "option", "len": "count"})
    assert letters.columns == ("option", "count") and letters.rows == (("A", 3), ("B", 4))


def test_notes_have_their_level_and_missing_answers_are_counted() -> None:
    assert verdict("So.").level == "verdict" and warning("Oh.").level == "warning"
    assert missing_answers(Answers.of([{"value": 1.0}])) == []
    lost = Answers.of([{"value": 1.0}, {"status": "cut"}, {"status": "error"}])
    assert missing_answers(lost, "texts")[0].text == "2 of 3 texts are missing."


def test_words_say_what_is_not_known() -> None:
    assert estimate_words(shift("E", 0.5)) == "+0.50 [+0.40, +0.60]"
    assert estimate_words(UNKNOWN) == "not known (two items)"
    assert estimate_words(nan) == estimate_words(None) == "not known"
    assert estimate_words(0.25, ".0%") == "25%"
    listed = list_words([(str(i), float(i)) for i in range(30)], ".0f", most=2)
    assert listed == "0 0; 1 1; and 28 more"
    assert list_words({"N": UNKNOWN}) == "N not known"


def test_forests_take_estimates_pairs_and_triples() -> None:
    row = shift("E", 0.5)
    assert forest("f", "F", [row, UNKNOWN], "SD").alt == "E +0.50; N not known"
    assert forest("f", "F", [("high", row)], "SD").rows[0].name == "high"
    figure = forest("f", "F", [("E", "P2", row)], ValueAxis("SD", band=(-1, 1)), form="+.1f")
    assert figure.rows[0].group == "P2" and figure.alt == "E (P2) +0.5"
    assert figure.reference is None and figure.band == (-1, 1)


def test_profiles_lines_and_bars_list_their_values() -> None:
    axis = ValueAxis("points", low=1, high=5)
    series = [Series("people", (3.0, None), "baseline"), Series("model", (4.0, 2.0))]
    assert profile("p", "P", ["E", "N"], series, axis).alt == (
        "people: E 3.00; N not known. model: E 4.00; N 2.00"
    )
    assert lines("l", "L", ("x", [0, "top"]), {"y": [1.0, 2.0]}, "SD").alt == "y: 0 1.00; top 2.00"
    figure = bars("b", "B", [("sex", "women"), ("sex", "men")], {"share": [0.5, 0.4]}, "share")
    assert figure.categories == ("women", "men") and figure.groups == ("sex", "sex")


def test_figures_refuse_other_lengths_and_what_is_no_number() -> None:
    with pytest.raises(BadValue, match=r"'b'.*1 values for 2 positions"):
        bars("b", "B", ["a", "b"], {"s": [1.0]}, "SD")
    with pytest.raises(BadValue, match="two different numbers"):
        profile("p", "P", ["E"], {"s": [1.0]}, ValueAxis("points"))
    word: Any = "high"
    with pytest.raises(BadValue, match="'high' is neither"):
        LinesFigure(name="l", title="L", alt="", x=(1,), series=(Series("s", (word,)),))


def test_figures_come_back_from_their_data() -> None:
    figures = [
        forest("f", "F", [("E", "P2", shift("E", 0.5))], ValueAxis("SD", 0.0, (-1.0, 1.0))),
        profile("p", "P", [("g", "E")], {"s": [1.0]}, ValueAxis("points", 3, low=1, high=5)),
        lines("l", "L", ("x", [0, 1]), [Series("s", (1.0, None), "measured", (0.0,) * 2)], "SD"),
        heatmap("h", "H", {"E": {"N": 0.2}}, "SD", top=1.0),
        bars("b", "B", [("g", "a")], {"s": [1.0]}, ValueAxis("share", low=0, high=1)),
    ]
    for figure in figures:
        fields = {"name": figure.name, "title": figure.title, "kind": figure.kind}
        assert figure_from_data(**fields, alt=figure.alt, data=figure_data(figure)) == figure


def test_cells_are_checked_and_numbers_of_numpy_are_plain() -> None:
    made = table("t", "T", [{"arm": "x", "n": np.int64(3)}, {"arm": "y", "n": None}])
    assert [type(cell) for cell in made.rows[0]] == [str, int]
    with pytest.raises(BadValue, match="a cell is a text, a number"):
        table("t", "T", [{"arm": ["x"]}])


def test_adjusted_p_may_be_an_array_of_the_estimates_number() -> None:
    pairs = {"E": shift("E", 0.5), "N": shift("N", 0.2)}
    made = estimates_table("t", "T", pairs, ("trait", "shift"), adjusted=np.array([0.02, 0.4]))
    assert [row[-1] for row in made.rows] == [0.02, 0.4]
    with pytest.raises(BadValue, match="1 adjusted p-values for 2 estimates"):
        estimates_table("t", "T", pairs, ("trait", "shift"), adjusted=[0.02])
