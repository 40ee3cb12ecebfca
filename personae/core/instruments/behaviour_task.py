"""Behavioural tasks as data: trials, options, and the direction of the behaviour.

A questionnaire asks what someone is like; a behavioural task records what they do.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

from personae.core.errors import BadFile, BadValue, UnknownName
from personae.core.files.resources import data_names
from personae.core.files.strict_json import read_json
from personae.core.files.usable_path import usable_path
from personae.core.hashing import content_key
from personae.core.instruments.inventory import Option

__all__ = ["BehaviourTask", "Measure", "Push", "Trial", "behaviour_tasks", "load_behaviour_task"]

Push = Literal["none", "up", "down", "waver"]
_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One question of a task.

    `base` is the situation, shared by the parts that put it differently; `group` is the unit that
    is sampled and scored (a scenario, a word list). `push` says how more of the behaviour shows:
    as a higher value (`up`), a lower one (`down`), a change of the previous answer (`waver`), or
    not at all. `after` names a part of the same base that is asked first and whose answer is shown
    with the trial. `fields` keeps the situation's other entries in the data file.
    """

    id: str
    base: str
    group: str
    part: str
    text: str
    options: tuple[Option, ...]
    push: Push = "none"
    after: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        where = f"trial {self.id!r}"
        if self.push not in get_args(Push):
            raise BadValue(f"{where}: push is one of {get_args(Push)}, not {self.push!r}")
        if not self.text.strip() or "\n" in self.text:
            raise BadValue(f"{where}: its text is one paragraph, and not empty")
        if not 2 <= len(self.options) <= 9:
            raise BadValue(f"{where}: has 2 to 9 options, not {len(self.options)}")
        if len({option.text for option in self.options}) < len(self.options):
            raise BadValue(f"{where}: two of its options have the same text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measure over a task's answers.

    `rule` names the formula (see `measure.behaviour.behaviour_scores`), `of` the unit that is
    sampled. `signs` maps a trait (O, C, E, A, N, or SR for self-regulation) to the direction, 1 or
    -1, in which people higher on it differ; a trait without a known direction is left out.
    """

    name: str
    rule: str
    unit: str
    of: str
    signs: Mapping[str, int]

    def __post_init__(self) -> None:
        if set(self.signs.values()) - {1, -1}:
            raise BadValue(f"measure {self.name!r}: signs are 1 or -1, not {dict(self.signs)}")


@dataclass(frozen=True, kw_only=True)
class BehaviourTask:
    """A behavioural task: an instruction, trials, and the measures made of the answers."""

    name: str
    title: str
    version: str
    source: str
    licence: str
    instruction: str
    trials: tuple[Trial, ...]
    measures: tuple[Measure, ...]

    def __post_init__(self) -> None:
        where = f"task {self.name!r}"
        ids = {trial.id for trial in self.trials}
        if not self.trials or not self.measures or len(ids) != len(self.trials):
            raise BadValue(f"{where}: needs trials with ids of their own, and a measure")
        known = {(trial.base, trial.part) for trial in self.trials}
        if dangling := [t.id for t in self.trials if t.after and (t.base, t.after) not in known]:
            raise BadValue(f"{where}: trials come after parts that don't exist: {dangling[:5]}")

    @cached_property
    def tag(self) -> str:
        """Name, version and the first digits of the content hash."""
        return f"{self.name}@{self.version}+{content_key(self)[:8]}"

    def every(self, step: int) -> "BehaviourTask":
        """Return the task with every `step`-th situation of each group, all its parts kept.

        A group of one situation counts with the other such groups, so that these thin out too.
        """
        bases = {trial.base: trial for trial in self.trials}
        sizes = Counter(trial.group for trial in bases.values())
        counts: Counter[tuple[str, str]] = Counter()
        bases_kept = set()
        for base, trial in bases.items():
            unit = ("", "") if sizes[trial.group] == 1 else (trial.group, trial.part)
            if counts[unit] % step == 0:
                bases_kept.add(base)
            counts[unit] += 1
        return replace(self, trials=tuple(t for t in self.trials if t.base in bases_kept))


def behaviour_tasks() -> tuple[str, ...]:
    """Name the tasks that ship with Personae, in alphabetical order."""
    return data_names("behaviour")


def load_behaviour_task(name: str) -> BehaviourTask:
    """Open a task by name, or from a JSON file of the same form.

    Raises:
        UnknownName: no task and no file is called so.
        BadFile: a file that is not a task.

    >>> load_behaviour_task("cards").trials[0].options[-1]
    Option(text='32', value=32)
    """
    if name in behaviour_tasks():
        return _shipped(name)
    if not name.endswith(".json"):
        raise UnknownName("behavioural task", name, behaviour_tasks())
    if not usable_path(name).is_file():
        raise BadFile(f"{name}: no such task file. Shipped: {', '.join(behaviour_tasks())}")
    return _read(Path(name))


@cache
def _shipped(name: str) -> BehaviourTask:
    return _read(Path(str(files("personae") / "data" / "behaviour" / f"{name}.json")))


def _read(path: Path) -> BehaviourTask:
    try:
        raw: Any = read_json(path)
        head = {k: raw[k] for k in ("name", "title", "version", "source", "licence")}
        return BehaviourTask(
            **head,
            instruction=raw["instruction"],
            trials=tuple(
                _trial(row, part, raw)
                for row in raw["trials"]
                for part in row.get("parts", raw["parts"])
            ),
            measures=tuple(Measure(name=k, **v) for k, v in raw["measures"].items()),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadFile(f"{path}: not a task ({type(error).__name__}: {error})") from error


def _trial(row: Mapping[str, Any], part: str, raw: Mapping[str, Any]) -> Trial:
    """Fill a part's template with a situation's fields; in one pass, as these may have braces."""
    part_data = raw["parts"][part]
    others = {k: v for k, v in row.items() if k not in ("id", "group", "parts", "options")}
    if odd := [k for k, v in others.items() if not isinstance(v, str | int | float)]:
        raise BadValue(f"trial {row['id']!r}: {odd[0]!r} is a text or a number")
    fields = {k: str(v) for k, v in others.items()}
    listed = part_data.get("options") or row.get("options") or raw["options"]
    return Trial(
        id=f"{row['id']}/{part}",
        base=row["id"],
        group=row.get("group", row["id"]),
        part=part,
        text=_FIELD.sub(lambda match: fields[match[1]], part_data["text"]),
        options=tuple(Option(text, value) for text, value in listed),
        push=part_data.get("push", "none"),
        after=part_data.get("after", ""),
        fields=fields,
    )
