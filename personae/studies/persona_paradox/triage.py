"""Cases with a true urgency, put under professional roles and interaction styles.

Cases are made up, for research on language models and never for clinical use. A setting has its
own ordered labels; each case is put in three wordings, which are the repeats of a likelihood.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from personae.core import Answers, Array, BadFile, BadValue, Chooser, Persona, data_json
from personae.designs.arms import CONTROL_ARM, Arm
from personae.designs.grid import Asking, ask_grid
from personae.induce.prompt.prompt_inductions import own_text
from personae.measure.tasks.problems import Problem, ProblemSet

__all__ = [
    "NOTICE",
    "QUESTIONS",
    "Calls",
    "CaseSet",
    "ask_triage",
    "calls",
    "load_settings",
    "role_arms",
]

_DATA: dict[str, Any] = data_json("audit/triage.json")
NOTICE: str = _DATA["notice"]
QUESTIONS: tuple[Mapping[str, str], ...] = tuple(_DATA["questions"])
"""What patients ask: id, category, text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSet:
    """Where cases come from: wordings of the task, labels from low to high, cases with urgency.

    Urgencies are 1 to the number of labels.
    """

    name: str
    tasks: tuple[str, ...]
    labels: tuple[str, ...]
    cases: tuple[tuple[str, str, int], ...]

    def __post_init__(self) -> None:
        wrong = [name for name, _, u in self.cases if not 1 <= u <= len(self.labels)]
        if wrong or not self.cases or len(self.labels) < 2:
            raise BadValue(
                f"setting {self.name!r}: each case has an urgency from 1 to {len(self.labels)}; "
                f"not so in {wrong[:5] or 'no case at all'}"
            )

    @property
    def high(self) -> int:
        """The least urgency of high risk: the upper two of four labels or more, else the top."""
        return len(self.labels) - 1 if len(self.labels) >= 4 else len(self.labels)

    def problems(self, wording: int) -> ProblemSet:
        """Put the cases as problems in one wording; options stand from low to high."""
        made = tuple(
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
            source="made up",
            licence="Apache-2.0",
            problems=made,
        )


def load_settings(path: str = "", *, first: int | None = None) -> tuple[CaseSet, ...]:
    """Open the shipped settings, or a JSON file of the same form; `first` cases of each.

    Raises:
        BadFile: a file of another form.

    >>> [setting.name for setting in load_settings()]
    ['critical care', 'primary care']
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8")) if path else _DATA
        return tuple(
            CaseSet(
                name=name,
                tasks=tuple(one["tasks"]),
                labels=tuple(one["labels"]),
                cases=tuple(
                    (str(c["id"]), str(c["text"]), int(c["urgency"]))
                    for c in _spread(one["cases"], first)
                ),
            )
            for name, one in data["settings"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadFile(f"{path}: not a file of urgency settings ({error})") from error


def _spread(cases: Sequence[Any], first: int | None) -> Sequence[Any]:
    """Take so many cases evenly, so that all urgencies stay in."""
    if first is None or first >= len(cases):
        return cases
    return [cases[i] for i in np.linspace(0, len(cases) - 1, first).round().astype(int)]


def role_arms(*, quick: bool) -> list[Arm]:
    """Cross roles with styles; the model without any role comes first."""
    styles = {"": "", **_DATA["styles"]}
    roles = dict(list(_DATA["roles"].items())[: 2 if quick else 3])
    found = [CONTROL_ARM]
    for role, told in roles.items():
        for style, how in styles.items():
            name = f"{role}, {style}" if style else role
            person = Persona(
                id=name,
                text=f"{told} {how}".strip(),
                facts={"role": role, "style": style or "plain"},
            )
            found.append(Arm(name="system", induction=own_text, persona=person, group=role))
    return found


def ask_triage(
    model: Chooser, arms: Sequence[Arm], settings: Sequence[CaseSet], asking: Asking
) -> Answers:
    """Put every case in every wording under every arm; `form` names the wording."""
    return Answers.concat(
        [
            ask_grid(model, arms, setting.problems(wording), asking, name=f"wording {wording + 1}")
            for setting in settings
            for wording in range(len(setting.tasks))
        ]
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calls:
    """One arm in one setting: true urgencies (cases,), called ones and confidence (cases, repeats).

    A lost answer is NaN in both.
    """

    who: str
    setting: CaseSet
    truth: Array
    called: Array
    confidence: Array

    @property
    def right(self) -> Array:
        """1 where the call is the truth, 0 where not, NaN where lost; (cases, repeats)."""
        hits = (self.called == self.truth[:, None]).astype(np.float64)
        return np.where(np.isnan(self.called), np.nan, hits)


def calls(answers: Answers, settings: Sequence[CaseSet]) -> Iterator[Calls]:
    """Lay answers out by setting and arm, in order of appearance."""
    for setting in settings:
        part = answers.where(scale=setting.name).rows
        place = {name: i for i, (name, _, _) in enumerate(setting.cases)}
        truth = np.array([float(u) for _, _, u in setting.cases])
        for who in dict.fromkeys(part["respondent"].to_list()):
            own = part.filter(pl.col("respondent") == who)
            repeats = {
                key: i
                for i, key in enumerate(
                    own.select("form", "order", "repeat").unique(maintain_order=True).rows()
                )
            }
            called = np.full((truth.size, len(repeats)), np.nan)
            sure = called.copy()
            columns = ("item", "form", "order", "repeat", "status", "raw", "logp", "slot")
            for item, form, order, repeat, status, raw, logp, slot in own.select(columns).rows():
                if status == "ok" and raw in setting.labels:
                    cell = (place[item], repeats[form, order, repeat])
                    called[cell] = setting.labels.index(raw) + 1
                    sure[cell] = np.exp(logp[slot]) if logp else np.nan
            yield Calls(who=who, setting=setting, truth=truth, called=called, confidence=sure)
