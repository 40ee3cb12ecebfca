"""Published sets of problems, read from your own copy or from the hub, never shipped.

`mmlu-pro` asks the hub; `mmlu-pro:FOLDER` reads your copy, in the same files. Gated sets (GPQA)
are read through a temporary folder and never kept.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from personae.core import BadFile
from personae.datasets.hub import read_dataset

__all__ = ["PUBLIC", "published_rows", "stereoset"]

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Published:
    """A set: its hub id, the pattern of its files, and the conversion of its rows to problems."""

    hub: str
    pattern: str
    read: Callable[[Row], dict[str, object]]


def _mmlu_pro(row: Row) -> dict[str, object]:
    return {
        "id": str(row["question_id"]),
        "text": row["question"],
        "options": list(row["options"]),
        "answer": row["answer"],
        "field": row["category"],
    }


def _mmlu(row: Row) -> dict[str, object]:
    return {
        "text": row["question"],
        "options": list(row["choices"]),
        "answer": int(row["answer"]),
        "field": row["subject"],
    }


def _gpqa(row: Row) -> dict[str, object]:
    wrong = [row[f"Incorrect Answer {i}"] for i in (1, 2, 3)]
    return {
        "id": str(row["Record ID"]),
        "text": row["Question"],
        "answer": row["Correct Answer"],
        "wrong": wrong,
        "field": row["High-level domain"],
    }


def _gsm8k(row: Row) -> dict[str, object]:
    _, mark, number = str(row["answer"]).rpartition("####")
    if not mark:
        raise KeyError("#### before the number")
    return {"text": row["question"], "answer": number.strip(), "field": "arithmetic"}


def _bbq(row: Row) -> dict[str, object]:
    options = [row["ans0"], row["ans1"], row["ans2"]]
    return {
        "text": f"{row['context']} {row['question']}",
        "options": options,
        "answer": int(row["label"]),
        "field": f"{row['category']}, {row['context_condition']}",
        "id": f"{row['category']}-{row['example_id']}",
    }


PUBLIC: Mapping[str, _Published] = {
    "bbq": _Published("Elfsong/BBQ", "*", _bbq),
    "gpqa-diamond": _Published("Idavidrein/gpqa", "*gpqa_diamond*", _gpqa),
    "gsm8k": _Published("openai/gsm8k", "main/test*", _gsm8k),
    "mmlu": _Published("cais/mmlu", "all/test*", _mmlu),
    "mmlu-pro": _Published("TIGER-Lab/MMLU-Pro", "*test*", _mmlu_pro),
}
"""Sets by name; licences and access are as on their hub pages."""


def published_rows(name: str, source: str = "") -> list[dict[str, object]]:
    """Read a published set, a name of PUBLIC, as rows of problems.

    The rows come from your copy at `source`, or from the hub.

    Raises:
        BadFile: no such source, or rows of another form.
        MissingExtra: the hub is asked and its package is not installed.
    """
    public = PUBLIC[name]
    data = read_dataset(source or public.hub, "*" if source else public.pattern)
    problems = []
    for number, row in enumerate(data.rows.iter_rows(named=True), start=1):
        try:
            problem = public.read(row)
        except (KeyError, TypeError, ValueError) as error:
            raise BadFile(f"{data.name}, row {number}: not a row of {name} ({error})") from error
        problems.append({"id": str(number), **problem})
    return problems


def stereoset(source: str = "") -> Iterator[tuple[str, str, str]]:
    """Read StereoSet's sentences row by row: bias type, stereotype, anti-stereotype.

    Raises:
        BadFile: no such source, or rows of another form.
    """
    data = read_dataset(source or "McGill-NLP/stereoset", "*" if source else "intrasentence/*")
    for number, row in enumerate(data.rows.iter_rows(named=True), start=1):
        try:
            pairs = zip(row["sentences"]["gold_label"], row["sentences"]["sentence"], strict=True)
            by_label = {int(label): str(text) for label, text in pairs}
            yield str(row["bias_type"]), by_label[1], by_label[0]
        except (KeyError, TypeError, ValueError) as error:
            raise BadFile(f"{data.name}, row {number}: not StereoSet ({error})") from error
