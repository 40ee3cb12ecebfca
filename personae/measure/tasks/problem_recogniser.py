"""Finds the shipped problems in a prompt, behind "Question:"."""

from collections.abc import Mapping
from functools import cache

from personae.core import data_json, data_names
from personae.respondents.recognition import register
from personae.respondents.stimuli import KnownProblem, Prompt

__all__: list[str] = []


@register(KnownProblem, "problems")
def _problem(prompt: Prompt) -> KnownProblem | None:
    _, mark, question = prompt.text.partition("Question: ")
    return _problems().get(question.partition("\n")[0].strip()) if mark else None


@cache
def _problems() -> Mapping[str, KnownProblem]:
    rows = [
        row for n in data_names("problems") for row in data_json(f"problems/{n}.json")["problems"]
    ]
    return {row["text"]: KnownProblem(row["text"], row["answer"]) for row in rows}
