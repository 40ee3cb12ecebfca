"""Theory of mind: scenes of true and false belief as problems with two answers.

The design is that of BigToM (Gandhi et al. 2023, arXiv 2306.15448): a scene has an event that its
person notices or not. A person who did not notice keeps the earlier belief; in a control, the event
changes nothing. Shipped scenes are our own; `load_scenes` also reads BigToM's published file, and
`fantom` the dialogues of FANToM (Kim et al. 2023, arXiv 2310.15421).
"""

import csv
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from personae.core import Answers, BadFile, BadValue, content_key, data_json, read_json, usable_path
from personae.measure.tasks.problems import Problem, ProblemSet

__all__ = [
    "CONDITIONS",
    "VARIABLES",
    "Scene",
    "belief_problems",
    "by_scene",
    "fantom",
    "load_scenes",
]

VARIABLES = ("forward belief", "forward action", "backward belief")
CONDITIONS = ("true belief", "false belief", "true control", "false control")
_COLUMNS = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One scene; the last sentence of `story` states the person's belief."""

    id: str
    story: tuple[str, ...]
    event: str
    aware: str
    unaware: str
    acts_aware: str
    acts_unaware: str
    belief_question: str
    action_question: str
    belief_aware: str
    belief_unaware: str
    action_aware: str
    action_unaware: str
    other_event: str
    saw_other: str
    missed_other: str

    def context(self, variable: str, condition: str, *, shown: bool) -> str:
        """Write the scene; `shown` is whether the initial belief is stated.

        For a backward belief, the person's action implies whether they noticed.
        """
        sentences = list(self.story if shown else self.story[:-1])
        control, noticed = condition.endswith("control"), condition.startswith("true")
        sentences.append(self.other_event if control else self.event)
        if control:
            sentences.append(self.saw_other if noticed else self.missed_other)
        if variable == "backward belief":
            sentences.append(self.acts_aware if noticed and not control else self.acts_unaware)
        elif not control:
            sentences.append(self.aware if noticed else self.unaware)
        return " ".join(sentences)

    def problem(self, variable: str, condition: str, *, shown: bool) -> Problem:
        """Make one problem; the position of the right answer is drawn from its id.

        A person who noticed the event holds the new belief; all others, and all in controls, hold
        the earlier one.
        """
        action = variable == "forward action"
        now = self.action_aware if action else self.belief_aware
        before = self.action_unaware if action else self.belief_unaware
        name = f"{self.id}/{variable}/{condition}/{'shown' if shown else 'hidden'}"
        question = self.action_question if action else self.belief_question
        options = [now, before]
        random.Random(content_key(name)).shuffle(options)
        return Problem(
            id=name,
            text=f"{self.context(variable, condition, shown=shown)}\n{question}",
            answer=now if condition == "true belief" else before,
            options=tuple(options),
            field=condition,
        )

    def percept(self, *, noticed: bool) -> Problem:
        """Ask whether the person knows of the event, given only what they noticed."""
        name = f"{self.id}/percept/{'true' if noticed else 'false'}"
        story = " ".join([*self.story[:-1], self.event, self.aware if noticed else self.unaware])
        options = ["Yes, they know about it.", "No, they do not know about it."]
        answer = options[0 if noticed else 1]
        random.Random(content_key(name)).shuffle(options)
        text = f"{story}\nDoes the person know what has happened?"
        return Problem(
            id=name, text=text, answer=answer, options=tuple(options), field="percept to belief"
        )


def load_scenes(source: str = "") -> tuple[Scene, ...]:
    """Open the shipped scenes, or BigToM's published file (a CSV with semicolons, 19 columns).

    Raises:
        BadFile: a file of another form.

    >>> len(load_scenes())
    14
    """
    if source:
        return _bigtom(source)
    data: dict[str, Any] = data_json("tasks/scenes.json")
    return tuple(Scene(**{**row, "story": tuple(row["story"])}) for row in data["scenes"])


def _bigtom(path: str | Path) -> tuple[Scene, ...]:
    """Read BigToM's scenes: of five sentences the fourth is the belief, the fifth the event.

    Raises:
        BadFile: not readable, or a row that has another number of columns or sentences.
    """
    try:
        with usable_path(path).open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.reader(stream, delimiter=";"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadFile(f"{path}: BigToM is a CSV file with semicolons ({error})") from error
    if not rows:
        raise BadFile(f"{path}: no scene in it")
    return tuple(_scene(row, number, path) for number, row in enumerate(rows))


def _scene(row: Sequence[str], number: int, path: str | Path) -> Scene:
    cells = [cell.strip() for cell in row]
    sentences = [f"{s.strip()}." for s in cells[0].split(".") if s.strip()] if cells else []
    if len(cells) != _COLUMNS or len(sentences) != 5:
        raise BadFile(
            f"{path}, row {number + 1}: {len(cells)} columns and {len(sentences)} sentences; "
            f"BigToM has {_COLUMNS} columns and scenes of 5 sentences"
        )
    return Scene(
        id=f"bigtom-{number}",
        story=tuple(sentences[:4]),
        event=sentences[4],
        aware=cells[1],
        unaware=cells[2],
        acts_aware=cells[3],
        acts_unaware=cells[4],
        belief_question=cells[5],
        action_question=cells[7],
        belief_aware=cells[8],
        action_aware=cells[10],
        belief_unaware=cells[11],
        action_unaware=cells[13],
        other_event=cells[14],
        saw_other=cells[15],
        missed_other=cells[16],
    )


def belief_problems(
    scenes: Sequence[Scene],
    *,
    variables: Sequence[str] = VARIABLES,
    conditions: Sequence[str] = CONDITIONS,
    shown: Sequence[bool] = (False, True),
    percepts: bool = False,
) -> ProblemSet:
    """Cross scenes with variables, conditions and a stated or unstated initial belief.

    >>> len(belief_problems(load_scenes()).problems)  # 14 scenes x 3 x 4 x 2
    336
    """
    problems = [
        scene.problem(variable, condition, shown=is_shown)
        for scene in scenes
        for variable in variables
        for condition in conditions
        for is_shown in shown
    ]
    if percepts:
        problems += [scene.percept(noticed=index % 2 == 0) for index, scene in enumerate(scenes)]
    return ProblemSet(
        name="belief",
        title="True and false belief",
        version="1",
        source="Gandhi et al. 2023 (arXiv:2306.15448)",
        licence="see the scenes",
        problems=tuple(problems),
    )


def _yes_or_no(text: str) -> str:
    """Return the yes or no that begins an answer, or no for a plain denial; "" for neither.

    >>> _yes_or_no("Yes, he knows"), _yes_or_no("He does not know"), _yes_or_no("no:long")
    ('yes', 'no', 'no')
    """
    match = re.match(r"\W*(yes|no)\b", text.lower())
    if match:
        return match[1]
    return "no" if re.search(r"\b(?:does|do|did)(?: not|n't)\b", text.lower()) else ""


def by_scene(answers: Answers) -> Answers:
    """Replace items by whole scenes, since questions about one scene are not independent.

    Estimates of effects then average the answers to a scene's questions.
    """
    scene = pl.col("item").str.split("/").list.first().alias("item")
    return Answers(answers.rows.with_columns(scene))


def fantom(path: str | Path, context: str = "short") -> ProblemSet:
    """Read FANToM's binary questions on access and answerability, and its belief choices.

    `context` is `short` or `full`. Fields are `information access`, `answerability`, `belief`.
    Lists of characters are left out.

    Raises:
        BadFile: not FANToM's JSON file, or an answer in it that is neither yes nor no.
    """
    sets: Any = read_json(Path(path))
    try:
        problems = [
            p for dialogue in sets for p in _dialogue(dialogue, dialogue[f"{context}_context"])
        ]
    except (AttributeError, KeyError, TypeError, BadValue) as error:
        raise BadFile(f"{path}: not FANToM's file ({type(error).__name__}: {error})") from error
    return ProblemSet(
        name="fantom",
        title="FANToM",
        version="1",
        source="arXiv:2310.15421",
        licence="for evaluation only",
        problems=tuple(problems),
    )


def _dialogue(dialogue: Mapping[str, Any], context: str) -> Iterator[Problem]:
    fact, prefix = dialogue["factQA"], str(dialogue["set_id"])
    known = f"Information: {fact['question']} {fact['correct_answer']}"
    kinds = (
        ("information access", "infoAccessibilityQAs_binary", known),
        ("answerability", "answerabilityQAs_binary", f"Target: {fact['question']}"),
    )
    for field, key, about in kinds:
        for index, question in enumerate(dialogue[key]):
            text = f"{context}\n\n{about}\n{question['question']} Answer yes or no."
            yield Problem(
                id=f"{prefix}/{field}/{index}",
                text=text,
                options=("Yes", "No"),
                answer=_yes_or_no(question["correct_answer"]).capitalize(),
                field=field,
            )
    for index, question in enumerate(dialogue["beliefQAs"]):
        name = f"{prefix}/belief/{index}"
        options = [question["correct_answer"], question["wrong_answer"]]
        random.Random(content_key(name)).shuffle(options)
        yield Problem(
            id=name,
            text=f"{context}\n\n{question['question']}",
            field="belief",
            answer=question["correct_answer"],
            options=tuple(options),
        )
