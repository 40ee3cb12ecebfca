"""Rao, Leung & Miao 2023 (arXiv 2303.01248): the released answers about people, men and women.

Levels by the published parser run from -3 (correct) to 3 (wrong). Two of the six released files
are in the test data; slot counts are those of the prompts with permuted options.
"""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from personae.core import Form, load_inventory
from personae.measure.inventories.forms import Frame
from personae.measure.parse import parse_reply
from personae.studies.assess_human.judge_profiles import slot_uniformity
from personae.studies.assess_human.subjects import inventory_about, parse_subject

Find = Callable[[str], Path]
OPTIONS = (
    "correct",
    "generally correct",
    "partially correct",
    "neither correct nor wrong",
    "partially wrong",
    "generally wrong",
    "wrong",
)
PARSED = (
    ("generally correct", -2),
    ("partially correct", -1),
    ("neither correct nor wrong", 0),
    ("partially wrong", 1),
    ("partially incorrect", 1),
    ("generally wrong", 2),
    ("generally incorrect", 2),
    ("wrong", 3),
    ("incorrect", 3),
    ("correct", -3),
)
LEVELS = (-3, -2, -1, 0, 1, 2, 3, None)
COUNTS = {
    ("ChatGPT", "people"): (0, 16, 8, 21, 1, 14, 0, 0),
    ("ChatGPT", "men"): (0, 2, 1, 40, 0, 17, 0, 0),
    ("ChatGPT", "women"): (0, 3, 0, 44, 0, 13, 0, 0),
    ("InstructGPT", "people"): (4, 33, 0, 19, 0, 3, 1, 0),
    ("InstructGPT", "men"): (2, 17, 1, 27, 0, 12, 1, 0),
    ("InstructGPT", "women"): (1, 22, 0, 19, 1, 11, 6, 0),
}
SUBJECTS = ("people", "men", "women")


def released(model: str, find: Find) -> dict[str, list[tuple[str, str]]]:
    """By subject the (prompt, answer) pairs, in the order of the items."""
    path = find(f"assess-human-mbti/{model}_answer_people_men_women.csv")
    with path.open(encoding="utf-8", errors="replace", newline="") as stream:
        rows = list(csv.reader(stream))[1:]
    return {s: [(r[3 * k], r[3 * k + 1]) for r in rows] for k, s in enumerate(SUBJECTS)}


def legacy_level(answer: str) -> int | None:
    """The published parser: the first hit anywhere in the explanation, in a fixed order."""
    return next((level for words, level in PARSED if words in answer.lower()), None)


def shown(prompt: str) -> list[str] | None:
    found = re.match(r"\d+\.\s*Is it (.*?)\s+(?:for|with)\s+the following", prompt, re.DOTALL)
    if found is None:
        return None
    return [part.removeprefix("or ").strip() for part in re.split(r",\s*", found[1])]


@pytest.mark.parametrize(("model", "subject"), COUNTS)
def test_levels_are_counted_as_published_and_none_is_dropped(
    model: str, subject: str, test_data: Find
) -> None:
    levels = [legacy_level(answer) for _, answer in released(model, test_data)[subject]]
    assert len(levels) == 60
    assert tuple(levels.count(level) for level in LEVELS) == COUNTS[model, subject]


def slots(model: str, find: Find) -> tuple[list[int], int, int]:
    """Slots of the options chosen; how many prompts had the fixed order, and how many no list."""
    chosen, fixed, bare = [], 0, 0
    for pairs in released(model, find).values():
        for prompt, answer in pairs:
            options, level = shown(prompt), legacy_level(answer)
            bare += options is None
            fixed += options == list(OPTIONS)
            if options is not None and options != list(OPTIONS) and level is not None:
                chosen.append(options.index(OPTIONS[level + 3]))
    return chosen, fixed, bare


def test_the_oldest_model_prefers_what_was_shown_last(test_data: Find) -> None:
    chosen, fixed, bare = slots("InstructGPT", test_data)
    assert [chosen.count(s) for s in range(7)] == [7, 13, 25, 28, 27, 35, 45]
    assert (fixed, bare) == (0, 0)
    found = slot_uniformity(chosen, 7)
    assert "chi2(6) = 38.01" in found.method and found.p == pytest.approx(1.118e-6, rel=1e-3)


def test_the_newer_one_shows_no_such_preference(test_data: Find) -> None:
    chosen, fixed, bare = slots("ChatGPT", test_data)
    assert [chosen.count(s) for s in range(7)] == [29, 14, 17, 21, 22, 16, 12]
    assert (len(chosen), fixed, bare) == (131, 48, 1)
    found = slot_uniformity(chosen, 7)
    assert "chi2(6) = 10.66" in found.method and found.p == pytest.approx(0.0996, abs=1e-4)


def test_our_parser_reads_one_option_or_none(test_data: Find) -> None:
    """Where an explanation names several options the published parser takes one; ours none."""
    tool = inventory_about(load_inventory("open-types"), parse_subject("people"))
    options = Frame(tool, Form(wording="correctness", labels="none", channel="option")).options
    alike = other = unread = 0
    for model in ("ChatGPT", "InstructGPT"):
        for pairs in released(model, test_data).values():
            for _, answer in pairs:
                found = parse_reply(answer, options)
                level = legacy_level(answer)
                unread += found.value is None
                if found.value is not None and level is not None:
                    alike += found.value == 4 - level
                    other += found.value != 4 - level
    assert alike + other + unread == 360
    assert (alike, other, unread) == (301, 0, 59)
