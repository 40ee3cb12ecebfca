"""Answers made in Python: what isn't answers is one typed line, never the inside's traceback."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from personae.core import Answers, BadValue, InputError, Persona, UnknownName

ANY: Any = Answers
GOOD = Answers.of([{"respondent": "r", "item": "1", "value": 2.0, "tag": 1}])


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: ANY.of(3), BadValue, "rows is a list of dicts, not 3"),
        (lambda: ANY.of("abc"), BadValue, "rows is a list of dicts, not 'abc'"),
        (lambda: ANY.of([3]), BadValue, "an answer is a dict, not 3"),
        (lambda: ANY.of({"value": 1.0}), BadValue, "an answer is a dict, not"),
        (lambda: ANY.of([{3: 1.0}]), BadValue, "a column's name is a text, not 3"),
        (
            lambda: ANY.of([{"value": 1.0}, {"value": "x"}]),
            BadValue,
            "'value' holds 'x', .* number",
        ),
        (lambda: ANY.of([{"value": 10**400}]), BadValue, "'value' holds 1000.* not a number"),
        (lambda: ANY.of([{"key": 1.5}]), BadValue, "'key' holds 1.5, which is not a whole number"),
        (lambda: ANY.of([{"item": 3}]), BadValue, "'item' holds 3, which is not a text"),
        (lambda: ANY.of([{"logp": "x"}]), BadValue, "'logp' holds 'x', .* list of numbers"),
        (lambda: ANY.of([{"tag": 1}, {"tag": "x"}]), BadValue, "'tag' holds 'x'"),
        (lambda: ANY.of([{"value": 1.0, "tag": object()}]), BadValue, r"wrong type: \['tag'\]"),
        (lambda: ANY(3), BadValue, "from a polars frame, or by Answers.of, not from 3"),
        (lambda: ANY.concat(3), BadValue, "parts is a list of Answers, not 3"),
        (lambda: ANY.concat([GOOD, 3]), BadValue, "parts is a list of Answers"),
        (lambda: Answers.concat([GOOD, GOOD.tag(tag="x")]), BadValue, "tags differ in type"),
        (lambda: GOOD.tag(x=ANY), BadValue, "a column can't have this value"),
        (lambda: GOOD.tag(key="x"), BadValue, "a column can't have this value: {'key': 'x'}"),
        (lambda: GOOD.where(respondant="r"), UnknownName, "did you mean 'respondent'"),
        (lambda: GOOD.where(respondent=3), BadValue, "no value of this type: {'respondent': 3}"),
        (lambda: GOOD.missing(["arms"]), UnknownName, "did you mean 'arm'"),
        (lambda: GOOD.missing("arm"), BadValue, "by is a list of texts, not 'arm'"),
        (lambda: Persona(id="a", facts={"b": ANY}), BadValue, "its layers hold texts, not"),
    ],
)
def test_what_is_no_answer_is_one_typed_line(
    make: Callable[[], object], kind: type[InputError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        make()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_rows_may_still_be_read_once() -> None:
    rows = ({"respondent": name, "value": 1} for name in "ab")
    assert Answers.of(rows).rows["value"].to_list() == [1.0, 1.0]
    assert Answers.of([]).rows.height == 0 and isinstance(Answers.concat([]).rows, pl.DataFrame)
