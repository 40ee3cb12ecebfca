"""Inventories of one's own: each field is checked, and a wrong one is named in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from personae.analyses.score import score_report
from personae.core import Answers, BadFile, BadValue, Note, UnknownName, load_inventory
from personae.datasets.answer_tables import read_answers
from tests.support.report_parts import table

Raw = dict[str, Any]
Change = Callable[[Raw], object]


def raw() -> Raw:
    norm = {"group": "all", "scale": "E", "mean": 9.0, "sd": 2.0}
    return {
        "name": "own",
        "title": "Own",
        "version": "1",
        "source": "ours",
        "licence": "CC0",
        "kind": "statement",
        "scales": {"E": "Extraversion", "N": "Neuroticism"},
        "options": [["no", 1], ["perhaps", 2], ["yes", 3]],
        "items": [
            {"id": f"{s}{k}", "text": f"do thing {k}", "scale": s, "facet": "f"}
            for s in "EN"
            for k in range(4)
        ],
        "norms": [norm],
    }


def put(folder: Path, content: object) -> str:
    path = folder / "own.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


WRONG: list[tuple[str, Change, str]] = [
    ("numeric id", lambda r: r["items"][0].update(id=1), "id, text, scale"),
    ("blank id", lambda r: r["items"][0].update(id=""), "id not empty"),
    ("no text", lambda r: r["items"][0].update(text=None), "are texts"),
    ("text a list", lambda r: r["items"][0].update(text=["a"]), "are texts"),
    ("key a text", lambda r: r["items"][0].update(key="1"), "key is the number"),
    ("key true", lambda r: r["items"][0].update(key=True), "key is the number"),
    ("an unknown field", lambda r: r["items"][0].update(weight=2), "weight"),
    ("no items", lambda r: r.update(items=[]), "has items"),
    ("an item is a list", lambda r: r.update(items=[[]]), "not an inventory"),
    ("two of one id", lambda r: r["items"].append(r["items"][0]), "repeated: ['E0']"),
    ("scale a number", lambda r: r["scales"].update(E=1), "scales are an object"),
    ("scales a list", lambda r: r.update(scales=["E", "N"]), "not an inventory"),
    ("no scales", lambda r: r.update(scales={}), "scales are an object"),
    ("one option", lambda r: r.update(options=[["yes", 1]]), "two options or more"),
    ("no options", lambda r: r.update(options=[]), "two options or more"),
    ("value a text", lambda r: r.update(options=[["a", "1"], ["b", "2"]]), "whole number"),
    ("value true", lambda r: r.update(options=[["a", True], ["b", 2]]), "whole number"),
    ("name a number", lambda r: r.update(name=5), "name must be text"),
    ("an @ in its name", lambda r: r.update(name="a@b"), "without '@'"),
    ("version a number", lambda r: r.update(version=1.0), "version must be text"),
    ("kind unknown", lambda r: r.update(kind="song"), "kind is one of"),
    ("kind a list", lambda r: r.update(kind=[]), "kind is one of"),
    ("sd negative", lambda r: r["norms"][0].update(sd=-3), "above 0, not 9.0 and -3"),
    ("sd zero", lambda r: r["norms"][0].update(sd=0), "above 0"),
    ("sd null", lambda r: r["norms"][0].update(sd=None), "above 0"),
    ("sd a text", lambda r: r["norms"][0].update(sd="2"), "above 0"),
    ("sd true", lambda r: r["norms"][0].update(sd=True), "above 0"),
    ("mean null", lambda r: r["norms"][0].update(mean=None), "mean is a number"),
    ("group a number", lambda r: r["norms"][0].update(group=1), "are texts"),
    (
        "a norm twice",
        lambda r: r["norms"].append({**r["norms"][0], "mean": 1.0}),
        "norms are unique",
    ),
    ("a norm of no scale", lambda r: r["norms"][0].update(scale="Z"), "no item has"),
    ("a norm of no facet", lambda r: r["norms"][0].update(facet="Z"), "no item has"),
    ("norms an object", lambda r: r.update(norms={"a": 1}), "not an inventory"),
]


@pytest.mark.parametrize(("change", "says"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_wrong_field_is_named(tmp_path: Path, change: Change, says: str) -> None:
    content = raw()
    change(content)
    with pytest.raises(BadFile) as caught:
        load_inventory(put(tmp_path, content))
    assert says in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 50_000,
        "[]",
        "5",
        '{"name": "\\ud800"}',
        json.dumps(raw()).replace("do thing 1", "\\udc00"),
        json.dumps(raw()).replace("9.0", "NaN"),
        json.dumps(raw()).replace("9.0", "1e999"),
    ],
)
def test_json_that_is_no_inventory_is_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadFile) as caught:
        load_inventory(put(tmp_path, text))
    assert len(str(caught.value)) < 500 and "\n" not in str(caught.value)


def answers(folder: Path) -> tuple[Answers, Any]:
    inventory = load_inventory(put(folder, raw()))
    (folder / "a.csv").write_text("E0,E1,E2,E3,N0,N1,N2,N3\n3,3,2,3,1,2,1,2\n")
    return read_answers(folder / "a.csv", inventory), inventory


def test_scales_that_have_norms_get_a_t_and_the_rest_is_said(tmp_path: Path) -> None:
    report = score_report(*answers(tmp_path), norms_group="all")
    rows = [
        dict(zip(table(report, "scale_scores").columns, row, strict=True))
        for row in table(report, "scale_scores").rows
    ]
    assert [row["T"] for row in rows] == [pytest.approx(50 + 10 * (11 - 9) / 2), None]
    warnings = [p.text for p in report.parts if isinstance(p, Note) and p.level == "warning"]
    bare = "all has no norms of: Extraversion, f; Neuroticism; Neuroticism, f. They get no T."
    assert bare in warnings


def test_the_report_says_how_a_file_was_read(tmp_path: Path) -> None:
    report = score_report(*answers(tmp_path), reading="a CSV")
    verdicts = [p.text for p in report.parts if isinstance(p, Note) and p.level == "verdict"]
    assert verdicts[1] == "Read as a CSV."


def test_a_part_of_an_inventory_is_one_that_exists() -> None:
    mpi = load_inventory("mpi-120")
    by_title, by_code = mpi.where(scale="Extraversion"), mpi.where(scale="E")
    assert by_title == by_code and len(by_code.items) == 24
    assert not by_code.where(scale="N").items  # a scale that it has, without items left
    with pytest.raises(UnknownName, match=r"no scale of mpi-120 is called 'Extravers'; did you"):
        mpi.where(scale="Extravers")
    with pytest.raises(UnknownName, match=r"no facet of mpi-120 is called 'Anxieties'; did you"):
        mpi.where(facet="Anxieties")
    with pytest.raises(UnknownName, match="no facet of mpi-120 is called 'Anxiety'"):
        mpi.where(scale="E", facet="Anxiety")
    with pytest.raises(BadValue, match="one item per scale or more, not 0"):
        mpi.few(0)
    with pytest.raises(BadValue, match="scale is a text, not 3"):
        mpi.where(scale=3)  # type: ignore[arg-type]
