"""The nouns keep their promises."""

import json
from collections.abc import Callable
from math import nan
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core import (
    Answers,
    BadFile,
    BadValue,
    Estimate,
    Form,
    Inventory,
    Item,
    Option,
    Persona,
    Request,
    Sampling,
    Table,
    UnknownName,
    canonical_json,
    content_key,
    load_behaviour_task,
    load_inventory,
    plain,
    say,
)

LIKERT = tuple(Option(text, i + 1) for i, text in enumerate("abcde"))


def tiny(*items: Item) -> Inventory:
    return Inventory(
        name="tiny",
        title="Tiny",
        version="1",
        source="here",
        licence="none",
        kind="statement",
        scales={"E": "Extraversion"},
        options=LIKERT,
        items=items,
    )


@given(st.integers(2, 6), st.data())
def test_an_order_reversed_twice_is_itself(count: int, data: st.DataObject) -> None:
    order = "".join(data.draw(st.permutations("012345"[:count])))
    once = Form(order=order[::-1]).arrange(count)
    assert tuple(reversed(once)) == Form(order=order).arrange(count)
    assert Form(order="reverse").arrange(count) == tuple(reversed(range(count)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"order": "013"},
        {"order": "up"},
        {"channel": "voice"},
        {"labels": "emoji"},
        {"layout": "x"},
        {"person": "fourth"},
        {"context": "none"},
        {"wording": 3},
        {"order": None},
    ],
)
def test_a_form_says_what_it_allows(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadValue, match="a form's"):
        Form(**wrong)


def test_orders_of_another_length_are_refused() -> None:
    with pytest.raises(BadValue, match="5 options, not 4"):
        Form(order="01234").arrange(4)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_canonical_json_reads_back_and_ignores_order(value: object) -> None:
    assert content_key(value) == content_key(json.loads(json.dumps(plain(value))))
    if isinstance(value, dict):
        assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


def test_sampling_refuses_what_makes_no_sense() -> None:
    for wrong in (
        {"temperature": -1.0},
        {"temperature": nan},
        {"top_p": 0.0},
        {"max_tokens": 0},
        {"stop": ("",)},
    ):
        with pytest.raises(BadValue):
            Sampling(**wrong)


def test_questions_need_options_that_can_be_told_apart() -> None:
    for options in ((("A",), ()), (("A",), ("",)), (("A", "B"), ("B",))):
        with pytest.raises(BadValue):
            Request(say("?"), options)


def test_an_estimate_without_a_value_gives_its_reason() -> None:
    with pytest.raises(BadValue, match="no reason"):
        Estimate(name="x", value=1.0, low=nan, high=nan, n=3, of="item")
    assert "because" in str(
        Estimate(name="x", value=nan, low=nan, high=nan, n=0, of="item", why_missing="because")
    )


def test_keys_are_numbers() -> None:
    for key in ("-1", 0, 2, True):
        with pytest.raises(BadValue, match="key"):
            Item(id="1", text="x", scale="E", key=key)  # type: ignore[arg-type]


def test_inventories_are_checked_as_they_are_made() -> None:
    with pytest.raises(BadValue, match="unique"):
        tiny(Item(id="1", text="a", scale="E"), Item(id="1", text="b", scale="E"))
    with pytest.raises(BadValue, match="scales it doesn't have"):
        tiny(Item(id="1", text="a", scale="Z"))
    with pytest.raises(UnknownName, match="did you mean 'ipip-neo-120'"):
        load_inventory("ipip-neo-12")
    with pytest.raises(BadFile, match="no such inventory file"):
        load_inventory("nowhere.json")


SHORT = {"name": "x", "title": "x", "version": "1", "source": "", "licence": "", "items": []}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"name": 1}',
        json.dumps({**SHORT, "kind": "statement", "scales": {}, "options": [["a"]]}),
        json.dumps({**SHORT, "kind": "statement", "scales": {}, "options": []}),
    ],
)
def test_broken_inventory_files(tmp_path: Path, content: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(content)
    with pytest.raises(BadFile, match=r"not an inventory|not valid JSON"):
        load_inventory(str(path))


@pytest.mark.parametrize("load", [load_inventory, load_behaviour_task])
def test_a_name_that_occurs_twice_in_a_file_loses_no_value(
    tmp_path: Path, load: Callable[[str], object]
) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"name": "x", "title": "first", "title": "second"}')
    with pytest.raises(BadFile, match="'title' occurs twice"):
        load(str(path))


def test_the_users_own_items_fill_a_keys_only_inventory(tmp_path: Path) -> None:
    bare = load_inventory("sd3")
    assert not bare.has_text
    path = tmp_path / "items.csv"
    rows = [f"{item.id},My text {item.id}" for item in bare.items]
    path.write_text("\n".join(["item,text", *rows]))
    assert load_inventory("sd3", path).items[3].text == "My text 4"
    for broken in (rows[1:], [*rows, rows[0]], ["99,x", *rows], [*rows[:-1], "27,"]):
        path.write_text("\n".join(["item,text", *broken]))
        with pytest.raises(BadFile, match="once each"):
            load_inventory("sd3", path)
    for unreadable in ("number;words", f"item,text\n1,{'long ' * 30_000}"):
        path.write_text(unreadable)
        with pytest.raises(BadFile, match="columns item,text"):
            load_inventory("sd3", path)


def test_answers_are_never_silently_ok() -> None:
    with pytest.raises(BadValue, match="no value"):
        Answers.of([{"item": "1", "value": None}])
    answers = Answers.of([{"item": "1", "status": "refused"}, {"item": "2", "value": 3.0}])
    counted = answers.missing(by=("arm",)).row(0, named=True)
    assert (counted["asked"], counted["ok"], counted["refused"]) == (2, 1, 1)
    both = Answers.concat([answers.tag(persona="ada"), answers])
    assert both.rows["persona"].to_list() == ["ada", "ada", None, None]


def test_answers_without_the_range_of_their_options_say_what_to_do() -> None:
    rows = Answers.of([{"item": "1", "value": 1.0}]).rows
    with pytest.raises(BadValue, match=r"lack the columns low and high.*`personae score`"):
        Answers(rows.drop("low", "high"))
    with pytest.raises(BadValue, match=r"lack the columns \['low', 'raw'\]; build them"):
        Answers(rows.drop("low", "raw"))


def test_tables_are_rectangular() -> None:
    with pytest.raises(BadValue, match="2 cells"):
        Table(name="t", title="T", columns=("a", "b"), rows=((1,),))


def test_a_domain_is_written_by_its_letter() -> None:
    """Whoever looks for the letter would silently miss a trait under the domain's name."""
    assert Persona(id="a", traits={"E": 1.0, "N:Anger": -1.0}).traits
    for trait in ("extraversion", "e", "Neuroticism:Anger"):
        with pytest.raises(BadValue, match="is written"):
            Persona(id="a", traits={trait: 1.0})
