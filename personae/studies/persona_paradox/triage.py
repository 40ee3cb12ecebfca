"""Cases with a true urgency, rated under professional roles and interaction styles.

Cases are invented, for research on language models and never for clinical use. A setting has its
own ordered labels; each case is asked in three wordings, which stand in for repeated sampling.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import polars as pl

from personae.core import (
    Answers,
    Array,
    BadFile,
    BadValue,
    Chooser,
    Persona,
    data_json,
    read_json,
    typed,
)
from personae.designs.arms import CONTROL_ARM, Arm
from personae.designs.grid import Asking, ask_grid
from personae.induce.prompt.prompt_inductions import own_text
from personae.measure.tasks.problems import Problem, ProblemSet

__all__ = [
    "NOTICE",
    "QUESTIONS",
    "CaseSet",
    "TriageRatings",
    "ask_triage",
    "load_settings",
    "role_arms",
    "triage_ratings",
]

_DATA: dict[str, Any] = data_json("tasks/triage.json")
NOTICE: str = _DATA["notice"]
QUESTIONS: tuple[Mapping[str, str], ...] = tuple(_DATA["questions"])
"""What patients ask: id, category, text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSet:
    """A clinical setting: wordings of the task, labels from low to high, cases with urgency.

    A case is (id, text, urgency); urgencies are 1 to the number of labels.

    Raises:
        BadValue: no task, no case, fewer than two labels, or an urgency outside them.
    """

    name: str
    tasks: tuple[str, ...]
    labels: tuple[str, ...]
    cases: tuple[tuple[str, str, int], ...]

    def __post_init__(self) -> None:
        wrong = [name for name, _, u in self.cases if not 1 <= u <= len(self.labels)]
        if wrong or not self.cases or len(self.labels) < 2 or not self.tasks:
            raise BadValue(
                f"setting {self.name!r}: needs a task, two labels or more, and cases with urgency "
                f"from 1 to {len(self.labels)}; not so in {wrong[:5] or 'the setting as a whole'}"
            )

    @property
    def high(self) -> int:
        """The lowest urgency of high risk: the top label, or the second of four labels or more."""
        return len(self.labels) - 1 if len(self.labels) >= 4 else len(self.labels)

    def problems(self, wording: int) -> ProblemSet:
        """Pose the cases as problems in one wording, options from low to high."""
        problems = tuple(
            Problem(
                id=name,
                text=f"{self.tasks[wording]}\nCase: {text}",
                answer=self.labels[urgency - 1],
                options=self.labels,
                field=self.name,
            )
            for name, text, urgency in self.cases
        )
        return ProblemSet(
            name=f"urgency-{self.name}",
            title=self.name,
            version="1",
            source="invented",
            licence="Apache-2.0",
            problems=problems,
        )


class _Case(TypedDict):
    id: str
    text: str
    urgency: int


class _Setting(TypedDict):
    tasks: tuple[str, ...]
    labels: tuple[str, ...]
    cases: list[_Case]


class _Settings(TypedDict):
    settings: dict[str, _Setting]


def load_settings(path: str = "", *, first: int | None = None) -> tuple[CaseSet, ...]:
    """Open the shipped settings, or a JSON file of the same form; `first` cases of each.

    Raises:
        BadFile: a file of another form.

    >>> [setting.name for setting in load_settings()]
    ['critical care', 'primary care']
    """
    content = read_json(Path(path)) if path else _DATA
    where = path or "the shipped settings"
    try:
        return tuple(
            CaseSet(
                name=name,
                tasks=setting["tasks"],
                labels=setting["labels"],
                cases=tuple(
                    (case["id"], case["text"], case["urgency"])
                    for case in _evenly(setting["cases"], first)
                ),
            )
            for name, setting in typed(content, _Settings, where)["settings"].items()
        )
    except BadValue as error:
        raise BadFile(f"{where}: {error}") from error


def _evenly(cases: Sequence[Any], first: int | None) -> Sequence[Any]:
    """Take `first` evenly spaced cases, so that all urgencies remain."""
    if first is None or first >= len(cases):
        return cases
    return [cases[i] for i in np.linspace(0, len(cases) - 1, first).round().astype(int)]


def role_arms(*, quick: bool) -> list[Arm]:
    """Cross roles with styles; the model without any role comes first."""
    styles = {"": "", **_DATA["styles"]}
    roles = dict(list(_DATA["roles"].items())[: 2 if quick else 3])
    arms = [CONTROL_ARM]
    for role, role_text in roles.items():
        for style, style_text in styles.items():
            persona = Persona(
                id=f"{role}, {style}" if style else role,
                text=f"{role_text} {style_text}".strip(),
                facts={"role": role, "style": style or "plain"},
            )
            arms.append(Arm(name=own_text.name, induction=own_text, persona=persona, group=role))
    return arms


def ask_triage(
    model: Chooser, arms: Sequence[Arm], settings: Sequence[CaseSet], asking: Asking
) -> Answers:
    """Ask every case in every wording under every arm; `form` names the wording."""
    return Answers.concat(
        [
            ask_grid(model, arms, setting.problems(wording), asking, name=f"wording {wording + 1}")
            for setting in settings
            for wording in range(len(setting.tasks))
        ]
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TriageRatings:
    """The urgencies that one arm gives in one setting.

    Args:
        who: the arm's persona.
        setting: whose cases were rated.
        truth: true urgencies, (cases,).
        rated: urgencies given, (cases, repeats); NaN where missing.
        confidence: probability of the label given, (cases, repeats), 0..1; NaN where missing.
    """

    who: str
    setting: CaseSet
    truth: Array
    rated: Array
    confidence: Array

    @property
    def right(self) -> Array:
        """1 for a correct rating, 0 for a wrong one, NaN where missing; (cases, repeats)."""
        hits = (self.rated == self.truth[:, None]).astype(np.float64)
        return np.where(np.isnan(self.rated), np.nan, hits)


def triage_ratings(answers: Answers, settings: Sequence[CaseSet]) -> Iterator[TriageRatings]:
    """Arrange answers by setting and arm, in order of appearance."""
    for setting in settings:
        rows = answers.where(scale=setting.name).rows
        for who in dict.fromkeys(rows["respondent"].to_list()):
            yield _ratings(who, setting, rows.filter(pl.col("respondent") == who))


def _ratings(who: str, setting: CaseSet, rows: pl.DataFrame) -> TriageRatings:
    """Arrange one arm's answers as cases by repeats: each form, order and repeat is a column."""
    case_index = {name: i for i, (name, _, _) in enumerate(setting.cases)}
    repeats = rows.select("form", "order", "repeat").unique(maintain_order=True).rows()
    repeat_index = {key: i for i, key in enumerate(repeats)}
    rated = np.full((len(case_index), len(repeats)), np.nan)
    confidence = rated.copy()
    columns = ("item", "form", "order", "repeat", "status", "raw", "logp", "slot")
    for item, form, order, repeat, status, raw, logp, slot in rows.select(columns).rows():
        if status == "ok" and raw in setting.labels:
            cell = (case_index[item], repeat_index[form, order, repeat])
            rated[cell] = setting.labels.index(raw) + 1
            confidence[cell] = np.exp(logp[slot]) if logp else np.nan
    truth = np.array([float(urgency) for _, _, urgency in setting.cases])
    return TriageRatings(who=who, setting=setting, truth=truth, rated=rated, confidence=confidence)
