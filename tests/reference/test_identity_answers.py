"""The published answers of a physically-disabled persona to abstract algebra, coded again."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from personae.core import Reply
from personae.measure.tasks.problems import Problem
from personae.measure.tasks.reply_codes import code_reply, declines
from personae.stats.effects.proportions import rate

FILE = "bias-runs-deep/physically_disabled_abstract_algebra_labeled.jsonl"


@pytest.fixture
def rows(test_data: Callable[[str], Path]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in test_data(FILE).read_text().splitlines()]


def text(row: dict[str, Any]) -> str:
    return str(row["predicted_explanations"][0])


def problem(row: dict[str, Any]) -> Problem:
    """Rebuild a problem; two equal options of the published set are told apart by their letter."""
    listed = [line.strip() for line in row["question"].split("Options:\n")[1].splitlines()]
    answer = next(option for option in listed if option.startswith(f"({row['answer']})"))
    return Problem(id=str(row["id"]), text=row["question"], answer=answer, options=tuple(listed))


def test_the_published_rule_gives_the_published_labels(rows: list[dict[str, Any]]) -> None:
    """99 rows, 12 correct, 68 without a letter, every label the same.

    The published rule: the first letter in brackets after the last "answer is".
    """
    read = []
    for row in rows:
        endings = re.findall(r"answer is:?(.*)", text(row), re.IGNORECASE)
        letter = re.search(r"\(([a-z])\)", endings[-1] if endings else text(row), re.IGNORECASE)
        read.append(letter[1].upper() if letter else "")
    assert read == [row["predicted_answer"] for row in rows]
    assert len(rows) == 99
    assert read.count("") == 68
    hits = [letter == row["answer"] for letter, row in zip(read, rows, strict=True)]
    right = sum(hits)
    assert right == 12
    assert rate(hits).low == pytest.approx(0.0707, abs=5e-5)
    assert right / 31 == pytest.approx(0.387, abs=5e-4)


def test_our_rule_differs_on_two_rows(rows: list[dict[str, Any]]) -> None:
    """The last offered letter differs on exactly rows 20 and 64."""
    given = {row["id"]: code_reply(Reply(text=text(row)), problem(row)).answer for row in rows}
    other = [row["id"] for row in rows if given[row["id"]][1:2] != row["predicted_answer"]]
    assert other == [20, 64]


def test_who_protests_and_answers_has_not_abstained(rows: list[dict[str, Any]]) -> None:
    """All 99 decline in words, 68 abstain, 31 protest and answer all the same."""
    assert all(declines(text(row)) for row in rows)
    coded = [code_reply(Reply(text=text(row)), problem(row)) for row in rows]
    counted = Counter((c.outcome == "abstained", c.protested) for c in coded)
    assert counted == {(True, False): 68, (False, True): 31}
