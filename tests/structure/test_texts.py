"""What the texts say: nothing points outside the repository, and one word means one thing."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.structure.source_tree import ROOT

FOLDERS = ("benchmarks", "docs", "examples", "personae", "requirements", "tests")
SUFFIXES = {".css", ".j2", ".json", ".jsonl", ".md", ".py", ".R", ".toml", ".txt", ".yml"}
OUTSIDE = re.compile(
    r"\bchecks? \d|_checks?_\d|\bmust-holds?\b|\bcards of the (?:published|other|forty)"
    r"|\bcard [a-z]+(?:-[a-z]+)+, |\bsee (?:the )?card [a-z]|\bissues? #?\d+|(?<![\w.:/])/work/",
    re.IGNORECASE,
)
"""References to documents and folders that aren't in the repository: name the fact instead."""
RIDDLES = re.compile(
    r"\bways? of asking\b|\bby lot\b|\bmade anew\b|\bmakes? anew\b|\bmaking anew\b", re.IGNORECASE
)
"""An induction, at random, regenerated."""


def texts() -> Iterator[tuple[Path, str]]:
    """Give the repository's own texts; published data and golden reports keep their words."""
    paths = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        paths += (ROOT / folder).rglob("*")
    for path in sorted(paths):
        if path.name == Path(__file__).name or "golden" in path.parts:
            continue
        if path.suffix in SUFFIXES or path.name == "Makefile":
            yield path, path.read_text(encoding="utf-8")


def matches(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        for match in pattern.finditer(line)
    ]


def test_nothing_points_outside_the_repository() -> None:
    wrong = matches(OUTSIDE)
    assert not wrong, "\n".join(wrong)


def test_the_words_of_the_glossary_are_used() -> None:
    wrong = matches(RIDDLES)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "as check 3 says",
        "def test_it_holds_check_8() -> None:",
        "the must-hold checks",
        "card self-assessment-unreliable, check 8",
        "the cards of the published systems",
        "issue 10",
        "in /work/somewhere",
    ],
)
def test_a_reference_to_the_outside_would_be_found(text: str) -> None:
    assert OUTSIDE.search(text)
