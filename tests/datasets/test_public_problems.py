"""Published sets through the real loading code, on stand-ins in the same files and columns."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from personae.core import BadFile, PersonaeError, UnknownName
from personae.datasets.published_problems import PUBLIC
from personae.measure.tasks.opinions import load_opinions
from personae.measure.tasks.problems import load_problems

ROWS: dict[str, dict[str, Any]] = {
    "mmlu-pro": {
        "question_id": 70,
        "question": "Which?",
        "options": ["a", "b", "c"],
        "answer": "B",
        "answer_index": 1,
        "category": "law",
    },
    "mmlu": {
        "question": "Which?",
        "subject": "anatomy",
        "choices": ["a", "b", "c", "d"],
        "answer": 1,
    },
    "gpqa-diamond": {
        "Record ID": "rec1",
        "Question": "Which?",
        "Correct Answer": "b",
        "Incorrect Answer 1": "a",
        "Incorrect Answer 2": "c",
        "Incorrect Answer 3": "d",
        "High-level domain": "Physics",
    },
    "gsm8k": {"question": "How many?", "answer": "Six and six.\n#### 1,200"},
    "bbq": {
        "example_id": 3,
        "category": "Age",
        "context": "Two people came.",
        "context_condition": "ambig",
        "question": "Who forgot?",
        "ans0": "The old man",
        "ans1": "b",
        "ans2": "Not known",
        "label": 1,
    },
}


@pytest.mark.parametrize("name", PUBLIC)
def test_a_copy_is_read_as_problems(tmp_path: Path, name: str) -> None:
    row = ROWS[name]
    if name == "gpqa-diamond":
        pl.DataFrame([row]).write_csv(tmp_path / "gpqa_diamond.csv")
    else:
        pl.DataFrame([row]).write_parquet(tmp_path / "test-00000-of-00001.parquet")
    problems = load_problems(f"{name}:{tmp_path}")
    [problem] = problems.problems
    assert problem.answer == ("1,200" if name == "gsm8k" else "b")
    assert len(problem.options) == (0 if name == "gsm8k" else len(set(problem.options)))
    assert problem.field
    assert problems.name == name


@pytest.mark.parametrize("name", PUBLIC)
def test_rows_of_another_form_are_named(tmp_path: Path, name: str) -> None:
    pl.DataFrame([{"something": 1}]).write_parquet(tmp_path / "test.parquet")
    with pytest.raises(BadFile, match=name):
        load_problems(f"{name}:{tmp_path}")


def test_an_unknown_set_and_an_absent_hub_say_so() -> None:
    with pytest.raises(UnknownName, match="mmlu-pro"):
        load_problems("mmlupro")
    with pytest.raises(PersonaeError):
        load_problems("mmlu-pro")


def test_stereoset_becomes_opinions_with_opposites(tmp_path: Path) -> None:
    row = {
        "bias_type": "profession",
        "sentences": {
            "sentence": ["The baker is rude.", "The baker is kind.", "The sky runs."],
            "gold_label": [1, 0, 2],
        },
    }
    pl.DataFrame([row]).write_parquet(tmp_path / "validation.parquet")
    claim, counter = load_opinions(f"stereoset:{tmp_path}")
    assert (claim.text, counter.text) == ("The baker is rude.", "The baker is kind.")
    assert claim.category == "profession"
