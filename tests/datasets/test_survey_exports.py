"""Answers as survey tools, spreadsheets and other projects write them; each file is our own."""

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from personae.core import BadFile, Inventory, Item, KeyingAlarm, Option, load_inventory
from personae.datasets.answer_cells import CellRules
from personae.datasets.answer_headers import unread_columns
from personae.datasets.answer_tables import AnswerFile, read_answer_file, read_answers

NEO = load_inventory("ipip-neo-120")
BFI = load_inventory("bfi-44")
SD3 = load_inventory("sd3")
ANSWERS = [[1 + (7 * k + 3 * r) % 5 for k in range(120)] for r in range(3)]
LABELS = ["Strongly disagree", "Disagree", "Neither agree nor disagree", "Agree", "Strongly agree"]


def small(count: int = 4, low: int = 1, options: int = 5) -> Inventory:
    return Inventory(
        name="own",
        title="Own",
        version="1",
        source="",
        licence="",
        kind="statement",
        scales={"E": "Extraversion", "N": "Neuroticism"},
        options=tuple(Option(f"option {v}", v) for v in range(low, low + options)),
        items=tuple(
            Item(id=str(k + 1), text=f"do thing {k}", scale="EN"[k % 2]) for k in range(count)
        ),
    )


def wide(separator: str = ",", end: str = "\n") -> str:
    lines = [["who", *(f"Q{k}" for k in range(1, 121))]]
    lines += [[f"p{r}", *map(str, row)] for r, row in enumerate(ANSWERS)]
    return end.join(separator.join(line) for line in lines) + end


def read(tmp_path: Path, content: str | bytes, name: str = "a.csv") -> AnswerFile:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_answer_file(path, NEO)


def values(file: AnswerFile) -> list[list[float]]:
    found = file.answers.rows["value"].to_list()
    return [found[start : start + 120] for start in range(0, len(found), 120)]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (wide(end="\r"), "UTF-8, comma-separated, line ends CR"),
        (wide(end="\r\n"), "UTF-8, comma-separated;"),
        (wide(";").encode("utf-16"), "UTF-16, semicolon-separated"),
        (b"\xfe\xff" + wide().encode("utf-16-be"), "UTF-16, comma"),
        (wide("\t").encode("utf-16-le"), "UTF-16, tab-separated"),
        (wide().encode("utf-8-sig"), "UTF-8, comma"),
        (wide().replace("p1", "Zoë").encode("cp1252"), "Windows-1252, comma"),
        ("\n\n" + wide(), "UTF-8, comma"),
        (wide(";").replace(";3", ";3,0").replace(";4", ";4,00"), "UTF-8, semicolon"),
        (wide().replace(",3", ',"3"').replace(",5", ",5 "), "UTF-8, comma"),
    ],
)
def test_encodings_line_ends_and_separators_are_read_and_said(
    tmp_path: Path, content: str | bytes, says: str
) -> None:
    file = read(tmp_path, content)
    assert values(file) == ANSWERS
    assert file.reading.startswith(says) and "360 of 360 answers read" in file.reading


def test_names_in_windows_1252_stay_whole(tmp_path: Path) -> None:
    content = wide().replace("who", "respondent").replace("p1", "Zoë").encode("cp1252")
    assert "Zoë" in read(tmp_path, content).answers.rows["respondent"].to_list()


def quoted(*lines: list[str]) -> str:
    rows = (",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines)
    return "\n".join(rows) + "\n"


def test_a_qualtrics_export(tmp_path: Path) -> None:
    """Three header rows; texts decide which column is which item, whatever its number."""
    order = list(range(119, -1, -1))
    names = ["StartDate", "Status", "ResponseId", "Q1", *(f"Q7_{k + 1}" for k in range(120))]
    stem = "Please rate how accurately it describes you.\nBe honest. - "
    texts = ["Start Date", "Response Type", "Response ID", "Do you agree to take part?"]
    texts += [stem + NEO.items[k].text for k in order]
    imports = [json.dumps({"ImportId": f"QID{j}", "timeZone": "UTC"}) for j in range(len(names))]
    rows = [
        ["2026-01-01", "IP Address", f"R_{r}", "Yes", *(LABELS[row[k] - 1] for k in order)]
        for r, row in enumerate(ANSWERS)
    ]
    file = read(tmp_path, quoted(names, texts, imports, *rows))
    assert values(file) == ANSWERS
    assert file.answers.rows["respondent"].unique(maintain_order=True).to_list() == [
        "R_0",
        "R_1",
        "R_2",
    ]
    assert "an export of Qualtrics with 3 header rows" in file.reading
    assert "matched by item text" in file.reading
    assert "labels from “strongly disagree” to “strongly agree” read as 1 to 5" in file.reading


def test_the_inventorys_own_labels_are_said_to_be_words(tmp_path: Path) -> None:
    """A file of labels and numbers: which of both was read is seen from the report."""
    texts = {option.value: option.text for option in NEO.options}
    rows = [[texts[v] if r else str(v) for v in row] for r, row in enumerate(ANSWERS)]
    file = read(tmp_path, quoted([f"Q{k}" for k in range(1, 121)], *rows))
    assert values(file) == ANSWERS
    low, high = (option.text for option in (NEO.options[0], NEO.options[-1]))
    words = f"240 of them in words: labels from “{low}” to “{high}” read as 1 to 5"
    assert f"360 of 360 answers read; {words}" in file.reading
    assert "in words" not in read(tmp_path, wide()).reading


def test_a_google_form_with_sentences_or_a_grid(tmp_path: Path) -> None:
    for form in ("I {}.", "How well does this fit you? [{}]", "{n}. I {}"):
        heads = [
            form.format(item.text[0].lower() + item.text[1:], n=j)
            for j, item in enumerate(NEO.items, start=7)
        ]
        lines = [["2026/01/01 9:00", *map(str, row)] for row in ANSWERS]
        file = read(tmp_path, quoted(["Timestamp", *heads], *lines))
        assert values(file) == ANSWERS, form


def test_a_surveymonkey_export(tmp_path: Path) -> None:
    names = ["Respondent ID", "Collector ID", "Rate yourself:", *[""] * 119]
    below = ["", "", *(item.text for item in NEO.items)]
    lines = [
        [f"r{r}", "c", *(NEO.options[v - 1].text for v in row)] for r, row in enumerate(ANSWERS)
    ]
    file = read(tmp_path, quoted(names, below, *lines))
    assert values(file) == ANSWERS and "SurveyMonkey with 2 header rows" in file.reading


@pytest.mark.parametrize("head", ["bfi_{}", "BFI[SQ{:03d}]", "G1Q2 [{}]"])
def test_a_complete_series_of_numbers_under_any_head(tmp_path: Path, head: str) -> None:
    path = tmp_path / "a.csv"
    heads = [head.format(k) for k in range(1, 45)]
    path.write_text(quoted(["Q1", "Q2", *heads], ["9", "x", *["2"] * 44]))
    file = read_answer_file(path, BFI)
    assert file.answers.rows["value"].to_list() == [2.0] * 44
    assert "number in a complete series" in file.reading


def test_labels_are_read_only_if_they_fit_one_scale(tmp_path: Path) -> None:
    def answers(*cells: str) -> list[float | None]:
        path = tmp_path / "a.csv"
        rows = "\n".join(f"a,{k},{cell}" for k, cell in enumerate(cells, start=1))
        path.write_text(f"respondent,item,answer\n{rows}\n")
        return read_answers(path, NEO).rows["value"].to_list()[: len(cells)]

    assert answers("Somewhat agree", "strongly  DISAGREE.", "neutral") == [4.0, 1.0, 3.0]
    assert answers("5 - Strongly agree", "Disagree (2)", "3") == [5.0, 2.0, 3.0]
    assert answers("4", "5 - Disagree", "Agree") == [4.0, None, 4.0]
    assert answers("3", "Agree", "Somewhat agree") == [3.0, None, None]  # of seven options
    assert answers("3", "Very accurate", "Agree") == [3.0, 5.0, None]  # of two scales


def test_unread_texts_are_counted_by_name(tmp_path: Path) -> None:
    cells = ["3"] * 117 + ["meh", "meh", "?"]
    heads = [f"Q{k}" for k in range(1, 121)]
    file = read(tmp_path, quoted(heads, cells))
    assert "117 of 120 answers read; 3 answers could not be read: 'meh' 2 times" in file.reading
    assert file.answers.rows["value"].null_count() == 3


def zero_based(tmp_path: Path, top: int = 4) -> Path:
    path = tmp_path / "zero.csv"
    path.write_text(f"1,2,3,4\n0,1,2,{top}\n{top},3,1,0\n")
    return path


def test_options_that_begin_at_zero_are_noticed_and_shifted_when_told(tmp_path: Path) -> None:
    path = zero_based(tmp_path)
    with pytest.raises(BadFile, match=r"began at 0.*--shift 1.*--missing 0"):
        read_answers(path, small())
    file = read_answer_file(path, small(), CellRules(shift=1))
    assert file.answers.rows["value"].to_list() == [1, 2, 3, 5, 5, 4, 2, 1]
    assert "+1 added to each number" in file.reading
    path.write_text("1,2,3,4\n1,5,2,3\n")
    with pytest.raises(BadFile, match=r"began at 1.*--shift -1"):
        read_answers(path, small(low=0))


def test_zeros_beside_the_whole_range_may_stand_for_no_answer(tmp_path: Path) -> None:
    path = zero_based(tmp_path, top=5)
    with pytest.raises(BadFile, match=r"2 of 8 answers lie outside.*--missing 0"):
        read_answers(path, small())
    rows = read_answer_file(path, small(), CellRules(missing=("0",))).answers.rows
    assert rows["value"].to_list() == [None, 1, 2, 5, 5, 3, 1, None]
    assert rows["why"].to_list().count("empty") == 2


def test_heads_numbered_within_scales_need_the_users_word(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    scales = [(p, SD3.where(scale=s).items) for p, s in zip("MNP", SD3.scales, strict=True)]
    heads = [f"{p}{k}" for p, items in scales for k in range(1, len(items) + 1)]
    cells = [str(1 + k % 5) for k in range(27)]
    path.write_text("\t".join([*heads, "country"]) + "\n" + "\t".join([*cells, "GB"]) + "\n")
    with pytest.raises(BadFile, match=r"numbered within scales \(M1 to P9\).*--by-scale"):
        read_answers(path, SD3)
    rows = read_answer_file(path, SD3, CellRules(by_scale=True)).answers.rows
    by_item = dict(zip(rows["item"], rows["value"], strict=True))
    flat = [item.id for _, items in scales for item in items]
    assert [by_item[item] for item in flat] == [float(cell) for cell in cells]


FIVE_FACTOR = [{"id_question": k, "id_select": v} for k, v in enumerate(ANSWERS[0], start=1)]


BY_NUMBER = {str(k): v for k, v in enumerate(ANSWERS[0], start=1)}
ROWS = [{"respondent": "a", "item": k, "answer": v} for k, v in BY_NUMBER.items()]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ({"answers": FIVE_FACTOR}, "a.json"),
        ({"answers": [{**row, "domain": "N", "facet": 1} for row in FIVE_FACTOR]}, "a.json"),
        (FIVE_FACTOR, "a.json"),
        (ROWS, "a.json"),
        (BY_NUMBER, "a.json"),
        ({"respondent": "a", "answers": {f"Q{k}": v for k, v in BY_NUMBER.items()}}, "a.json"),
        ([{f"item_{k}": f"{v}.0" for k, v in BY_NUMBER.items()}], "a.json"),
        ({"ann": BY_NUMBER}, "a.json"),
        ({"respondent": "a", "answers": FIVE_FACTOR}, "a.jsonl"),
    ],
)
def test_layouts_of_json(tmp_path: Path, content: object, name: str) -> None:
    file = read(tmp_path, json.dumps(content), name)
    assert values(file) == ANSWERS[:1] and "JSON" in file.reading


def test_several_respondents_in_json_keep_their_names(tmp_path: Path) -> None:
    people = [
        {"id": f"p{r}", "answers": [{"item": k, "value": v} for k, v in enumerate(row, start=1)]}
        for r, row in enumerate(ANSWERS)
    ]
    by_name = {f"p{r}": dict(enumerate(row, start=1)) for r, row in enumerate(ANSWERS)}
    for content, name in ((people, "a.json"), (by_name, "b.json")):
        file = read(tmp_path, json.dumps(content), name)
        assert values(file) == ANSWERS
        assert file.answers.rows["respondent"].unique().sort().to_list() == ["p0", "p1", "p2"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([{"domain": "N", "facet": 1, "score": 4}], "no column is an item"),
        ({"answers": [{"domain": "N", "facet": 1, "score": 4}]}, "already keyed"),
        ({"answers": [3, 4, 5]}, "don't name their items"),
        ([[1, 2]], "element 1 of its list is not an object"),
        ("text", "neither a list nor an object"),
        ([{"1": {"a": 1}}], "holds a list or an object"),
        ({"title": "A", "parts": [], "provenance": {}}, "a report, which holds no answers"),
        ([], "no answers in it"),
        ([{"item": 1, "answer": 2}, {"item": 1, "answer": 3}], "more than once"),
    ],
)
def test_json_without_answers_is_refused(tmp_path: Path, content: object, says: str) -> None:
    with pytest.raises(BadFile, match=says):
        read(tmp_path, json.dumps(content), "a.json")


def test_deep_json_and_half_characters_are_one_line(tmp_path: Path) -> None:
    for text in ("[" * 100_000, '[{"1": ' * 40_000, '[{"respondent": "\\ud800", "1": 3}]'):
        for name in ("a.json", "a.jsonl"):
            with pytest.raises(BadFile) as caught:
                read(tmp_path, text, name)
            assert "\n" not in str(caught.value)


def test_long_cells_and_odd_columns(tmp_path: Path) -> None:
    long = "x" * 200_000
    head, *lines = wide().splitlines()
    file = read(tmp_path, "\n".join([f"note,{head}", *(f"{long},{line}" for line in lines)]))
    assert values(file) == ANSWERS and len(file.answers.rows["note"][0]) == 200_000
    with pytest.raises(BadFile, match="two columns have one name"):
        read(tmp_path, "respondent,item,Item,answer\na,1,1,3\n")
    with pytest.raises(BadFile, match="two columns have one name"):
        read(tmp_path, "person,respondent,item,answer\na,b,1,3\n".replace("person", "respondent"))
    with pytest.raises(BadFile, match="also needs a column 'answer'"):
        read(tmp_path, "item,1,2\nx,3,4\n")


def test_equal_rows_without_a_respondent_are_counted(tmp_path: Path) -> None:
    row = ",".join(map(str, ANSWERS[0]))
    heads = ",".join(f"Q{k}" for k in range(1, 121))
    assert "2 rows are equal to another" in read(tmp_path, f"{heads}\n{row}\n{row}\n").reading


def test_parquet_of_other_types_or_damaged(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.parquet"
    whole = {str(k): [v] * 30 for k, v in enumerate(ANSWERS[0][:6], start=1)}
    for odd in (pl.lit(b"\xff"), pl.lit(1).cast(pl.Duration)):
        pl.DataFrame(whole).with_columns(t=odd).write_parquet(path)
        with pytest.raises(BadFile, match="neither numbers nor text"):
            read_answers(path, NEO)
    pl.DataFrame(whole).write_parquet(path)
    sound = path.read_bytes()
    for place in range(4, len(sound), 61):
        path.write_bytes(sound[:place] + b"\xff\xfe" + sound[place + 2 :])
        try:
            read_answers(path, NEO)
        except (BadFile, LookupError):
            continue
        except Exception as error:
            assert type(error).__name__ in ("UnknownName",), error
    assert "panicked" not in capfd.readouterr().err


def own(tmp_path: Path, **columns: pl.Expr) -> Path:
    path = tmp_path / "answers.parquet"
    (tmp_path / "a.csv").write_text(wide())
    rows = read_answers(tmp_path / "a.csv", NEO).rows
    rows.with_columns(**columns).write_parquet(path)
    return path


def test_the_answers_of_a_run_are_read_from_its_folder_or_beside_its_report(tmp_path: Path) -> None:
    own(tmp_path)
    (tmp_path / "report.json").write_text("{}")
    for path in (tmp_path, tmp_path / "report.json", tmp_path / "answers.parquet"):
        assert len(read_answers(path, NEO)) == 360


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"scale": pl.lit("X")}, "belongs to the scale 'X'"),
        ({"facet": pl.lit("other")}, "facet 'other'"),
        ({"value": pl.lit(9.0)}, "lie outside 1..5"),
        ({"value": pl.lit(float("inf"))}, "lie outside 1..5"),
        ({"high": pl.lit(7.0)}, "name other options"),
        ({"status": pl.lit("fine")}, "the column status holds"),
        ({"unit": pl.lit(None, dtype=pl.String)}, "the column unit holds"),
        ({"arm": pl.lit(None, dtype=pl.String)}, "the column arm has empty cells"),
        ({"key": pl.lit("1")}, "wrong type"),
    ],
)
def test_odd_answers_of_a_run_are_refused(
    tmp_path: Path, columns: dict[str, pl.Expr], says: str
) -> None:
    with pytest.raises(BadFile, match=says):
        read_answers(own(tmp_path, **columns), NEO)


def test_a_key_of_a_run_that_contradicts_is_an_alarm(tmp_path: Path) -> None:
    with pytest.raises(KeyingAlarm):
        read_answers(own(tmp_path, key=pl.lit(None, dtype=pl.Int64)), NEO)


def test_columns_that_were_not_read_are_named_with_items_near_them(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    ids = [item.id for item in NEO.items]
    heads = ["id", "age", *(f"{i}R" if i == "3" else i for i in ids), "form"]
    rows = [",".join([f"r{r}", "30", *("4" for _ in ids), "paper"]) for r in range(2)]
    path.write_text("\n".join([",".join(heads), *rows]))
    reading = read_answer_file(path, NEO).reading
    assert "columns not read as items: 3R (near item 3), age;" in reading
    assert "238 of 240 answers read" in reading
    path.write_text("\n".join([",".join(["id", *ids]), *(r.replace(",30", "", 1) for r in rows)]))
    path.write_text(path.read_text().replace(",paper", ""))
    assert "not read" not in read_answer_file(path, NEO).reading


def test_a_long_list_of_columns_that_were_not_read_is_cut() -> None:
    heads = [f"note {name}" for name in "abcdefg"]
    words = unread_columns([*heads, "item_12_rev"], NEO)
    assert words.startswith("columns not read as items: item_12_rev (near item 12), note a")
    assert words.endswith("note d, 3 more")
    letters = replace(NEO, items=tuple(replace(i, id=f"E{i.id}") for i in NEO.items[:9]))
    assert unread_columns(["E1_R"], letters).endswith("E1_R (near item E1)")
    assert unread_columns(["age", "sex"], letters).endswith("items: age, sex")
    assert not unread_columns([], NEO)
