"""Coding of replies to problems: correct, wrong, abstained, or unparsed.

A persona's loss of accuracy may be a refusal in character rather than an error of reasoning, and
some replies decline first and answer nevertheless. Both are distinguished here, and unreadable
replies are a class of their own; Gupta et al. 2023 (arXiv 2311.04892) count all three as wrong.
"""

import re
from dataclasses import dataclass
from typing import Literal

from personae.core import Reply, Status
from personae.measure.parse import is_denied
from personae.measure.tasks.problems import Problem

__all__ = ["Coded", "Outcome", "code_reply", "declines"]

Outcome = Literal["correct", "wrong", "abstained", "unparsed", "cut", "error"]

_CUT = re.compile(r"answer(?: is:?|:)(.*)", re.IGNORECASE)
_GROUPED = r"[1-9]\d*(?:,\d{2,3})*,\d{3}(?!\d)(?:\.\d+)?"  # 1,200 and 1,00,000.5
_CONTINENTAL = r"[1-9]\d{0,2}(?:\.\d{3})+,\d+|(?<!,)\d+,\d+(?!,?\d)"  # 1.200,50 and 12,5
_ANY_NUMBER = rf"-?(?:{_GROUPED}|{_CONTINENTAL}|\d+(?:\.\d+)?)"
_NUMBER = re.compile(_ANY_NUMBER)
_STATED = re.compile(rf"[\s:*$€£]*((?>{_ANY_NUMBER}))(?!\s*[-+*/×÷=^x])")
"""A number right after "answer is" that doesn't begin a sum."""
_MARKUP = re.compile(r"\*\*|__|[`#]+")
_DECLINES = re.compile(
    r"\bi(?:'m| am)?,? (?:just |only |simply |therefore |personally |really )?"
    r"(?:unable|not able|incapable|not capable|unqualified|not qualified|not equipped"
    r"|not in a position|can ?not|can't|could ?n[o']t|won't|will not|must decline|decline|refuse"
    r"|would rather not|am afraid i (?:can|do)|lack\b)"
    r"|\b(?:makes|leaves|renders) (?:me|it) (?:unable|impossible|incapable)"
    r"|\bi (?:do not|don't|would not|wouldn't) (?:really )?(?:have|possess|know|understand)\b"
    r"|\bi have (?:no|never|little) (?:idea|knowledge|learned|studied|training|understanding)"
    r"|\b(?:in good conscience|as an? (?:ai|artificial|language model))\b"
    r"|\b(?:i'm|i am) (?:so |very )?sorry\b|\bi apologi[sz]e\b"
    r"|\bnot an expert\b|\blacks? the (?:relevant )?(?:expertise|knowledge|training)\b"
    r"|\b(?:beyond|outside) (?:of )?my (?:expertise|abilities|capabilities|knowledge|field)"
    r"|\bunable to (?:answer|provide|perform|calculate|determine|solve|help|choose|give)\b"
    r"|\b(?:no|not an?) answer (?:can|will) be given\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Coded:
    """A reply's outcome; `answer` is what it answers, `protested` whether it also declines.

    `why` is the reason for a missing answer.
    """

    outcome: Outcome
    answer: str = ""
    protested: bool = False
    why: str = ""

    @property
    def status(self) -> Status:
        """The outcome as an answer's status."""
        statuses: dict[Outcome, Status] = {
            "correct": "ok",
            "wrong": "ok",
            "abstained": "refused",
            "unparsed": "unparsed",
            "cut": "cut",
            "error": "error",
        }
        return statuses[self.outcome]


def declines(text: str) -> bool:
    """Tell whether a text says, in words, that its writer can't or won't answer.

    >>> declines("As a sailor I am unable to do sums."), declines("It can't be B, so (A).")
    (True, False)
    """
    return bool(_DECLINES.search(text.replace("’", "'")))


def _last_letter(text: str, letters: str) -> str:
    """Return the letter that a reply names as its answer; "" if it names none.

    Tried in this order: the letter right after the last "answer is" or "answer:"; the last letter
    after it, in brackets or alone; the last letter in brackets anywhere; a letter that begins the
    reply, alone or before a mark. A letter that is denied ("the answer is not (B)") is no answer.
    """
    cases = letters + letters.lower()
    cuts = _CUT.findall(text)
    if cuts:
        right_after = re.match(rf"[\s:*]*\(?([{letters}])(?![\w'])", cuts[-1])
        offered = [right_after[1]] if right_after else _named(rf"\(([{cases}])\)", cuts[-1])
        offered = offered or _named(rf"(?<![\w'(])([{letters}])(?![\w'])", cuts[-1])
        if offered:
            return offered[-1].upper()
    offered = _named(rf"\(([{cases}])\)", text)
    if not offered:
        offered = _named(rf"\A\W*([{letters}])(?=\s*\Z|\s*[).:,\n])", text)
    return offered[-1].upper() if offered else ""


def _named(pattern: str, text: str) -> list[str]:
    matches = re.finditer(pattern, text)
    return [match[1] for match in matches if not is_denied(text, match.start())]


def code_reply(reply: Reply, problem: Problem) -> Coded:
    """Code a reply; a cut reply is coded by its answer if it named one before the cut.

    An abstention declines and names no option; if it names one it is an answer with a protest. A
    number without "answer is" counts as the answer only if the reply is complete and doesn't
    decline, since the last number of an unfinished sum or of an excuse is none.
    """
    if reply.status == "error":
        return Coded("error", why=reply.why)
    text = reply.text.replace("’", "'")
    protested = declines(text)
    answer = _answer_in(text, problem, complete=reply.status != "cut" and not protested)
    if answer:
        return Coded("correct" if answer == problem.answer else "wrong", answer, protested)
    if protested or reply.status == "refused":
        return Coded("abstained", why="declines in words and gives no answer")
    if reply.status == "cut":
        return Coded("cut", why=reply.why or "cut before an answer")
    return Coded("unparsed", why="names no option" if problem.options else "names no number")


def _answer_in(text: str, problem: Problem, *, complete: bool) -> str:
    text = _MARKUP.sub("", text)
    if problem.options:
        letter = _last_letter(text, problem.letters)
        if letter:
            return problem.options[problem.letters.index(letter)]
        cuts = _CUT.findall(text)
        conclusion = (cuts[-1] if cuts else text).strip(" .:*\"'\n").lower()
        matches = [option for option in problem.options if option.lower() == conclusion]
        return matches[0] if matches else ""
    cuts = _CUT.findall(text)
    stated = _STATED.match(cuts[-1]) if cuts else None
    numbers = [stated[1]] if stated else _NUMBER.findall(cuts[-1] if cuts else "")
    numbers = numbers or (_NUMBER.findall(text) if complete else [])
    if not numbers:
        return ""
    number = _plain(numbers[-1])
    equal = _value(number) == _value(_plain(problem.answer))
    return problem.answer if equal else number


def _plain(number: str) -> str:
    """Write a number without groups of digits and with a decimal point.

    A comma before exactly three digits sets off a group, as in 1,200; any other is a decimal comma.
    """
    if re.fullmatch(rf"-?(?:{_CONTINENTAL})", number) and not re.fullmatch(f"-?{_GROUPED}", number):
        return number.replace(".", "").replace(",", ".")
    return number.replace(",", "")


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
