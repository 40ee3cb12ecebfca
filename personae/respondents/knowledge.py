"""What a simulated respondent knows: the shipped problems, as hard as their words make them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from personae.respondents.latent import draw

__all__ = ["Known", "recognise"]


@dataclass(frozen=True, slots=True)
class Known:
    """A problem met in a chat: its text and right answer."""

    text: str
    answer: str

    def chosen(self, texts: list[str], ability: float) -> int:
        """Give the place of the option taken: the right one on a share `ability` of problems."""
        right = texts.index(self.answer)
        if draw("difficulty", self.text) < ability or len(texts) == 1:
            return right
        wrong = [place for place in range(len(texts)) if place != right]
        return wrong[int(draw("slip", self.text) * len(wrong))]

    def written(self, ability: float) -> str:
        """Write the answer out, or another number where the problem is too hard."""
        solved = draw("difficulty", self.text) < ability
        return f"Therefore, the answer is {self.answer if solved else self.answer + '1'}."


@cache
def _problems() -> Mapping[str, Known]:
    folder = Path(str(files("personae") / "data" / "problems"))
    found = {}
    for path in sorted(folder.glob("*.json")):
        for row in json.loads(path.read_text(encoding="utf-8"))["problems"]:
            found[row["text"]] = Known(row["text"], row["answer"])
    return found


def recognise(ask: str) -> Known | None:
    """Find a shipped problem in what is asked, behind "Question:".

    >>> recognise("Question: What is 15 percent of 80?").answer
    '12'
    """
    _, found, rest = ask.partition("Question: ")
    return _problems().get(rest.partition("\n")[0].strip()) if found else None
