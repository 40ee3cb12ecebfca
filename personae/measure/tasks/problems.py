"""Problems with a known answer: shipped sets, the user's own files, and published sets.

A problem has options, one of which is right, or an exact answer. The order of options is drawn from
the problem's id, so that the right one has no typical position.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from personae.core import (
    BadFile,
    BadValue,
    UnknownName,
    content_key,
    data_json,
    data_names,
    json_lines,
    typed,
)
from personae.datasets.published_problems import PUBLIC, published_rows

__all__ = [
    "LETTERS",
    "Problem",
    "ProblemSet",
    "load_problems",
    "problem_sets",
]

LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem; `options` in the order shown, or none if the `answer` is to be written out."""

    id: str
    text: str
    answer: str
    options: tuple[str, ...] = ()
    field: str = ""

    def __post_init__(self) -> None:
        if not (self.id and self.text.strip() and self.answer.strip()):
            raise BadValue(f"problem {self.id!r} needs an id, a text and an answer")
        if len(set(self.options)) != len(self.options) or len(self.options) == 1:
            raise BadValue(f"problem {self.id!r}: options are at least two, and all different")
        if self.options and self.answer not in self.options:
            raise BadValue(f"problem {self.id!r}: its answer is none of its options")
        if len(self.options) > len(LETTERS):
            raise BadValue(f"problem {self.id!r} has {len(self.options)} options, at most 10")

    @property
    def letters(self) -> str:
        """The letters of its options."""
        return LETTERS[: len(self.options)]

    @property
    def letter(self) -> str:
        """The right option's letter; "" for an exact answer."""
        return LETTERS[self.options.index(self.answer)] if self.options else ""

    def rotated(self, steps: int) -> "Problem":
        """Return the problem with its options rotated by a number of positions."""
        if not self.options:
            return self
        cut = steps % len(self.options)
        return replace(self, options=self.options[cut:] + self.options[:cut])


@dataclass(frozen=True, kw_only=True)
class ProblemSet:
    """Problems with their source; `tag` pins them by name, version and content."""

    name: str
    title: str
    version: str
    source: str
    licence: str
    problems: tuple[Problem, ...]

    def __post_init__(self) -> None:
        ids = [p.id for p in self.problems]
        if len(set(ids)) != len(ids):
            duplicates = sorted({i for i in ids if ids.count(i) > 1})
            raise BadValue(f"{self.name}: problem ids are unique; twice or more: {duplicates[:5]}")
        if not ids:
            raise BadValue(f"{self.name}: no problem in it")

    @property
    def tag(self) -> str:
        """Name, version and the first digits of the content hash."""
        return f"{self.name}@{self.version}+{content_key(self.problems)[:8]}"

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of its problems, in order of appearance."""
        return tuple(dict.fromkeys(p.field for p in self.problems))

    def per_field(self, count: int) -> "ProblemSet":
        """Select the first `count` problems of each field."""
        selected = [
            p for f in self.fields for p in [q for q in self.problems if q.field == f][:count]
        ]
        return replace(self, problems=tuple(selected))


def problem_sets() -> tuple[str, ...]:
    """List the names of the shipped sets in alphabetical order."""
    return data_names("problems")


def load_problems(name: str) -> ProblemSet:
    """Open a shipped set by name, a published one, or the user's own JSONL file of problems.

    Published sets (mmlu, mmlu-pro, gpqa-diamond, gsm8k, bbq) come from the hub, or from your copy
    as `mmlu-pro:FOLDER`; none is shipped.

    A line holds `text` (or `question`), `answer`, and for a choice `options` or `wrong`; `id` and
    `field` may be left out. With `options`, `answer` is the right one's text, letter or position
    from 0; with `wrong`, the options' order is drawn from the id. Statements of model-written
    evaluations (`answer_matching_behavior`) are problems with the options Yes and No.

    Raises:
        UnknownName: no set and no file is called so.
        BadFile: a file that holds something else.

    >>> load_problems("word-problems").problems[0].answer
    '8'
    """
    if name in problem_sets():
        raw = data_json(f"problems/{name}.json")
        head = {k: raw[k] for k in ("name", "title", "version", "source", "licence")}
        return ProblemSet(problems=_read_problems(raw["problems"], name), **head)
    public, _, source = name.partition(":")
    if public in PUBLIC:
        published = published_rows(public, source)
        return ProblemSet(
            name=public,
            title=public,
            version="1",
            source=source or PUBLIC[public].hub,
            licence="see its hub page",
            problems=_read_problems(published, public),
        )
    if not name.endswith(".jsonl"):
        raise UnknownName("set of problems", name, (*problem_sets(), *PUBLIC))
    path = Path(name)
    rows = [row for _, row in json_lines(path)]
    for row in rows:
        if isinstance(row, BadFile):
            raise row
    return ProblemSet(
        name=path.stem,
        title=path.stem,
        version="1",
        source=path.name,
        licence="the user's own",
        problems=_read_problems(rows, str(path)),
    )


def _read_problems(rows: Iterable[object], source: str) -> tuple[Problem, ...]:
    """Read problems from rows as `load_problems` describes them."""
    return tuple(_problem(row, f"{source}, problem {i + 1}", i) for i, row in enumerate(rows))


class _Row(TypedDict, total=False):
    id: str | int
    text: str
    question: str
    options: Sequence[str | int | float]
    wrong: Sequence[str | int | float]
    answer: str | int | float
    answer_matching_behavior: str
    field: str
    category: str


def _problem(row: object, source: str, index: int) -> Problem:
    fields = typed(row, _Row, source)
    text = fields.get("text", fields.get("question"))
    options, wrong = fields.get("options", []), fields.get("wrong", [])
    answer = fields.get("answer")
    if "answer_matching_behavior" in fields:
        options, answer = ["Yes", "No"], fields["answer_matching_behavior"].strip()
    if text is None or answer is None:
        raise BadFile(f"{source}: needs a text `text`, an `answer`, and lists `options` or `wrong`")
    name = str(fields.get("id", index + 1))
    choices = [str(option) for option in options]
    right = _right(answer, choices, source) if choices else str(answer)
    if wrong and not choices:
        choices = [right, *(str(option) for option in wrong)]
        random.Random(content_key(name)).shuffle(choices)
    try:
        return Problem(
            id=name,
            text=text,
            answer=right,
            options=tuple(choices),
            field=fields.get("field", fields.get("category", "")),
        )
    except BadValue as error:
        raise BadFile(f"{source}: {error}") from error


def _right(answer: object, options: Sequence[str], source: str) -> str:
    """Find the right option by its text, its letter or its position from 0."""
    by_letter: Mapping[str, str] = dict(zip(LETTERS, options, strict=False))
    if isinstance(answer, int) and 0 <= answer < len(options):
        return options[answer]
    if str(answer) in options:
        return str(answer)
    if str(answer).strip("() .") in by_letter:
        return by_letter[str(answer).strip("() .")]
    raise BadFile(f"{source}: the answer {answer!r} is none of its {len(options)} options")
