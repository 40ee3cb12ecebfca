"""Tables of answers: what can be read is read, what can't is counted or refused in plain words."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personae.core import Answers, BadFile, InputError, KeyingAlarm, UnknownName, load_inventory
from personae.datasets import answer_files
from personae.datasets.answer_tables import read_answers
from personae.stats.scores.scales import scale_scores

NEO = load_inventory("ipip-neo-120")
HEADER = ",".join(f"item_{k}" for k in range(1, 121))

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(text: str | bytes, name: str = "answers.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return put


def cell(answers: Answers, item: str, column: str, who: str = "") -> object:
    rows = answers.where(item=item).rows
    return (rows.filter(pl.col("respondent") == who) if who else rows)[column].item()


def test_wide_table_keeps_every_cell(write: Write) -> None:
    """A byte order mark, an extra column, an empty cell, NaN, a number off the scale, a word."""
    cells = ["3"] * 114 + ["", "nan", "7", "maybe", "2.5", "NA"]
    path = write(
        f"\ufeffname,age,{HEADER}\nann,31,{','.join(cells)}\nbob,22,{','.join(['4.0'] * 120)}\n"
    )
    answers = read_answers(path, NEO)
    assert len(answers) == 240
    assert answers.rows["respondent"].unique(maintain_order=True).to_list() == ["ann", "bob"]
    assert cell(answers, "1", "age", "bob") == "22"
    whys = [cell(answers, str(k), "why", "ann") for k in range(114, 121)]
    assert whys == [
        "",
        "empty",
        "not a finite number",
        "outside 1..5",
        "matches no option",
        "between two options",
        "empty",
    ]
    assert [cell(answers, str(k), "raw", "ann") for k in (115, 117, 118)] == ["", "7", "maybe"]
    assert answers.missing(by=("respondent",)).select("ok", "unparsed").rows() == [
        (114, 6),
        (120, 0),
    ]
    assert cell(answers, "9", "key", "bob") == -1
    assert cell(answers, "9", "inventory", "bob") == NEO.tag
    assert scale_scores(answers).filter(pl.col("respondent") == "bob")["n_answered"].sum() == 120


@pytest.mark.parametrize("head", ["item_{}", "Q{}", "{}", "q0{}", "Item {}", " I-{} "])
def test_headers_are_read_with_tolerance(write: Write, head: str) -> None:
    header = ",".join(head.format(k) for k in range(1, 121))
    answers = read_answers(write(f"{header}\n{','.join(['2'] * 120)}\n"), NEO)
    assert answers.rows["value"].to_list() == [2.0] * 120
    assert answers.rows["respondent"].unique().to_list() == ["row 1"]


@pytest.mark.parametrize("mark", [";", "\t"])
def test_other_separators(write: Write, mark: str) -> None:
    text = f"id{mark}{HEADER.replace(',', mark)}\n7{mark}{mark.join(['5'] * 120)}\n"
    answers = read_answers(write(text), NEO)
    assert (cell(answers, "120", "value"), cell(answers, "120", "respondent")) == (5.0, "7")


def test_options_are_matched_by_their_text(write: Write) -> None:
    """The value belongs to the text; a letter says nothing without the order it was shown in."""
    lines = ["a,1,very  ACCURATE.", "a,2,Neither accurate nor inaccurate", "a,3,A", "a,4,5"]
    answers = read_answers(write("\n".join(["respondent,item,answer", *lines])), NEO)
    assert [cell(answers, str(k), "value") for k in range(1, 5)] == [5.0, 3.0, None, 5.0]
    assert cell(answers, "3", "why") == "matches no option"
    assert cell(answers, "5", "why") == "not in the file"
    assert len(answers) == 120
    assert answers.rows["item"].to_list() == [item.id for item in NEO.items]


def test_long_and_wide_score_alike(write: Write) -> None:
    values = [[1 + (7 * k + r) % 5 for k in range(120)] for r in range(3)]
    wide = write(
        f"respondent,{HEADER}\n"
        + "".join(f"r{r},{','.join(map(str, row))}\n" for r, row in enumerate(values)),
        "wide.csv",
    )
    long = write(
        "Participant,Item,Response\n"
        + "".join(
            f"r{r},Q{k + 1},{v}\n" for r, row in enumerate(values) for k, v in enumerate(row)
        ),
        "long.csv",
    )
    assert read_answers(wide, NEO).rows.equals(read_answers(long, NEO).rows)


def test_repeats_and_arms_are_distinguished_and_tags_kept(write: Write) -> None:
    lines = ["a,1,3,0,P2,x", "a,1,4,1,P2,y"]
    path = write("\n".join(["respondent,item,answer,repeat,arm,note", *lines]))
    answers = read_answers(path, NEO)
    assert len(answers) == 240
    first = answers.where(item="1")
    assert first.rows.select("repeat", "arm", "value", "note").rows() == [
        (0, "P2", 3.0, "x"),
        (1, "P2", 4.0, "y"),
    ]


def test_jsonl_and_parquet(write: Write, tmp_path: Path) -> None:
    lines = [{"respondent": "a", "item": "1", "answer": "3"}]
    lines.append({"respondent": "a", "item": "2", "answer": "x"})
    answers = read_answers(write("\n".join(map(json.dumps, lines)), "a.jsonl"), NEO)
    assert [cell(answers, k, "status") for k in ("1", "2")] == ["ok", "unparsed"]
    table = tmp_path / "t.parquet"
    pl.DataFrame({"respondent": ["a"], **{f"Q{k}": [4] for k in range(1, 121)}}).write_parquet(
        table
    )
    assert read_answers(table, NEO).rows["value"].to_list() == [4.0] * 120


def test_answers_of_a_run_come_back_as_they_were(write: Write, tmp_path: Path) -> None:
    answers = read_answers(write(f"{HEADER}\n{','.join(['3'] * 120)}\n"), NEO)
    path = tmp_path / "answers.parquet"
    answers.rows.write_parquet(path)
    assert read_answers(path, NEO).rows.equals(answers.rows)
    with pytest.raises(BadFile, match="no answers to sd3"):
        read_answers(path, load_inventory("sd3"))
    answers.rows.with_columns(key=pl.lit(1, dtype=pl.Int64)).write_parquet(path)
    with pytest.raises(KeyingAlarm, match="item 9 "):
        read_answers(path, NEO)


def test_answers_of_an_older_release_get_the_range_of_their_options(
    write: Write, tmp_path: Path
) -> None:
    answers = read_answers(write(f"{HEADER}\n{','.join(['3'] * 120)}\n"), NEO)
    path = tmp_path / "answers.parquet"
    answers.rows.drop("low", "high").write_parquet(path)
    assert read_answers(path, NEO).rows.equals(answers.rows)
    nats = answers.rows.with_columns(unit=pl.lit("nats/token")).drop("low", "high")
    nats.write_parquet(path)
    assert read_answers(path, NEO).rows["low"].null_count() == 120


def test_keys_of_the_file_are_cast_and_compared(write: Write) -> None:
    """The published fault: the text "-1" never equals the number -1."""
    right = "respondent,item,answer,key,scale\na,1,3,1,N\na,9,2,-1,A\n"
    answers = read_answers(write(right), NEO)
    assert cell(answers, "9", "key") == -1
    for wrong in ("1", "+", "", "x"):
        with pytest.raises(KeyingAlarm, match="item 9 "):
            read_answers(write(f"respondent,item,answer,key\na,1,3,1\na,9,2,{wrong}\n"), NEO)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a table"),
        ("respondent,item,answer\n", "only a header"),
        ("respondent,item,answer\na,1,3\na,1,2\n", "more than once, first: a, 1"),
        ("foo,bar\na,1\n", "no column is an item"),
        ("1,1,2\n3,3,3\n", "two columns have one name"),
        ("1,Q1,2\n3,3,3\n", "two columns are the same item"),
        ("item,answer\n1,3\n", "who answered"),
        ("respondent,item,answer\n,1,3\n", "doesn't say who"),
        ("respondent,item,answer,repeat\na,1,3,x\n", "whole numbers"),
        ("respondent,item,answer,status\na,1,3,ok\n", "rename the columns"),
        ("respondent,item,answer\na,1,3,9,9\n", "not a table"),
        ("respondent,item,answer\na,1,huh\n", "no answer can be read"),
        ("respondent,1,item\na,3,4\n", "also needs a column 'answer'"),
        ("respondent,1,_in_file\na,3,4\n", "rename the columns ['_in_file']".replace("[", r"\[")),
        ("1,2,3\n6,5,1\n0,2,2\n", "2 of 6 answers lie outside 1..5"),
        (bytes(range(256)) * 4, "not a table"),
    ],
)
def test_what_is_no_table_of_answers_is_refused(write: Write, text: str | bytes, says: str) -> None:
    with pytest.raises(BadFile, match=says.replace(".", r"\.")):
        read_answers(write(text), NEO)


def test_a_column_of_any_other_name_is_kept_as_a_tag(write: Write) -> None:
    """Also beside items, where `answer` is no column of answers."""
    answers = read_answers(write("respondent,1,answer,there\na,3,yes,x\n"), NEO)
    assert cell(answers, "1", "value") == 3.0
    assert (cell(answers, "1", "answer"), cell(answers, "1", "there")) == ("yes", "x")


def test_unknown_items_come_with_near_matches(write: Write) -> None:
    for text in ("respondent,item,answer\na,1,3\na,121,2\n", "respondent,1,Q121\na,1,3\n"):
        with pytest.raises(UnknownName, match="121'; did you mean"):
            read_answers(write(text), NEO)


def test_files_that_are_absent_or_broken_or_huge(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (
        tmp_path / "absent.csv",
        tmp_path,
        write("junk", "x.parquet"),
        write("{bad", "x.jsonl"),
        write('{"a": [1]}\n', "y.jsonl"),
    ):
        with pytest.raises(BadFile):
            read_answers(path, NEO)
    monkeypatch.setattr(answer_files, "_MAX_TABLE_BYTES", 10)
    with pytest.raises(BadFile, match="larger than"):
        read_answers(write("respondent,item,answer\na,1,3\n"), NEO)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(write: Write, text: str) -> None:
    for body in (text, f"respondent,item,answer\na,1,3\nb,2,{text}\n"):
        path = write(body.encode("utf-8", "surrogatepass"))
        try:
            answers = read_answers(path, NEO)
        except InputError:
            continue
        assert len(answers) % 120 == 0
