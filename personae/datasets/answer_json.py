"""Answers in JSON: the layouts that tools write, as rows of text.

Rows: one object per answer, such as {"item": 1, "answer": 4} or the {"id_question": 1, "id_select":
4} of five-factor-e. Respondents: one object each, of answers by item, or with a list of such rows
under `answers`; as a list, or by name.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from personae.core import BadFile
from personae.datasets.answer_headers import respondent_column

__all__ = ["answer_rows"]

Row = dict[str, str | None]
_ITEM = ("item", "id_question", "question", "question_id", "item_id")
_ANSWER = ("answer", "id_select", "value", "response")
_LISTS = ("answers", "responses", "items")


def answer_rows(value: object, source: Path) -> tuple[list[Row], str]:
    """Turn a JSON value into rows of text, and name its layout.

    Raises:
        BadFile: no known layout of answers; scores by facet, as bigfive-web writes them, are not
            answers to items.
    """
    rows = list(_rows(value, source))
    if rows and all("item" in row and "answer" in row for row in rows):
        if respondent_column([name for row in rows[:1] for name in row]) is None:
            rows = [{"respondent": "row 1", **row} for row in rows]
        return rows, "one object per answer"
    return rows, "one object per respondent"


def _rows(value: object, source: Path) -> Iterator[Row]:
    if isinstance(value, list):
        for number, element in enumerate(value, start=1):
            if not isinstance(element, dict):
                raise _no_layout(source, f"element {number} of its list is not an object")
            yield from _of_object(element, source, f"row {number}", listed=True)
    elif isinstance(value, dict):
        if value and all(isinstance(part, dict) for part in value.values()):
            for name, part in value.items():
                yield from _of_object({"respondent": name, **part}, source, str(name), listed=True)
        else:
            yield from _of_object(value, source, "row 1", listed=False)
    else:
        raise _no_layout(source, "it is neither a list nor an object")


def _of_object(row: Mapping[str, object], source: Path, who: str, *, listed: bool) -> Iterator[Row]:
    """Yield the answer of an object that is one, or those of a respondent."""
    lists = (row.get(name) for name in _LISTS)
    nested = next((part for part in lists if isinstance(part, list | dict)), None)
    if nested is None:
        if "parts" in row and "title" in row:
            raise BadFile(
                f"{source}: a report, which holds no answers; give the answers.parquet beside it"
            )
        yield _answer(row, source) if _is_answer(row) else _flat(row, source)
        return
    rest = {k: v for k, v in row.items() if not isinstance(v, list | dict)}
    known = rest if respondent_column(list(rest)) is not None else {"respondent": who, **rest}
    if isinstance(nested, dict):
        yield _flat({**known, **nested}, source)
        return
    for element in nested:
        if not isinstance(element, dict) or not _is_answer(element):
            raise _no_layout(source, _reason(element))
        yield _flat({**known, **_answer(element, source)}, source)


def _is_answer(row: Mapping[str, object]) -> bool:
    return any(name in row for name in _ITEM) and any(name in row for name in _ANSWER)


def _answer(row: Mapping[str, object], source: Path) -> Row:
    item = next(name for name in _ITEM if name in row)
    answer = next(name for name in _ANSWER if name in row)
    names = {item: "item", answer: "answer"}
    return _flat({names.get(name, name): value for name, value in row.items()}, source)


def _flat(row: Mapping[str, object], source: Path) -> Row:
    for name, value in row.items():
        if isinstance(value, list | dict):
            raise _no_layout(source, f"{name[:80]!r} holds a list or an object")
    return {name: None if value is None else str(value) for name, value in row.items()}


def _reason(element: object) -> str:
    if isinstance(element, dict) and "score" in element and "domain" in element:
        return "it has scores of domains and facets, already keyed, and not the answers to items"
    return "its answers don't name their items"


def _no_layout(source: Path, reason: str) -> BadFile:
    return BadFile(
        f"{source}: not a known layout of answers: {reason}. Known: a list of "
        '{"respondent": ..., "item": ..., "answer": ...}, or an object of answers by item for each '
        "respondent"
    )
