"""A registry of personas that are groups: generic ones, and the specific ones that belong to them.

The design of UniversalPersona (Wan et al. 2023, arXiv 2310.05280): 73 generic personas in nine
groups, and 89 specific ones of three kinds, each linked by `belongs` to the generic ones that it
is an instance of. Audits ask whether a model treats them alike. The list is Personae's own; a
JSON file of the same form adds entries. Real people in it are historical figures, no longer alive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from personae.core import BadFile, BadValue, Persona, UnknownName, data_json, read_json

__all__ = ["GroupKind", "GroupPersona", "group_personas"]

GroupKind = Literal["generic", "specific"]
FIGURES = "political figure"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPersona:
    """One entry: its key, a first-person statement, its group, and the groups it belongs to."""

    key: str
    statement: str
    group: str
    kind: GroupKind
    belongs: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        texts = (self.key, self.statement, self.group)
        belongs: object = self.belongs  # what a file gave
        links = belongs if isinstance(belongs, dict) else {"": None}
        if not all(isinstance(text, str) for text in (*texts, *links, *links.values())):
            raise TypeError("key, statement and group are texts, belongs an object of texts")
        if self.kind not in get_args(GroupKind):
            raise BadValue(f"{self.key!r}: kind is generic or specific, not {self.kind!r}")
        if not self.statement.lower().startswith("i am ") or not self.key or not self.group:
            raise BadValue(f"{self.key!r}: needs a key, a group, and a statement 'I am ...'")

    @property
    def persona(self) -> Persona:
        """The entry as a persona; its groups are facts, `groups/GROUP` -> key."""
        statement = self.statement.rstrip(".")
        is_figure = self.group == FIGURES
        return Persona(
            id=f"{self.group}: {self.key}",
            kind="individual" if is_figure else "demographic",
            text=f"You are {statement[5:]}.",
            statements=(f"{statement}.",),
            facts={
                f"groups/{group}": key
                for group, key in {self.group: self.key, **self.belongs}.items()
            },
            provenance={
                "made by": "Personae's registry of groups",
                "source": "design after arXiv:2310.05280",
                "licence": "Apache-2.0",
                "consent": "a public figure, no longer alive"
                if is_figure
                else "an invented person",
            },
            extra={"registry": self.kind},
        )


def group_personas(
    *,
    kind: GroupKind | None = None,
    groups: Sequence[str] = (),
    registry: str | Path | None = None,
    named: bool = True,
) -> tuple[GroupPersona, ...]:
    """List the registry in its order, followed by the entries of a user's file (`registry`).

    Args:
        kind: generic or specific ones alone.
        groups: only these groups; all by default.
        registry: JSON file with a list of entries, or an object that has it under `personas`.
        named: whether real public figures are among them.

    Raises:
        UnknownName: a group that no entry has.
        BadFile: the file is no such list, or an entry occurs twice.

    >>> len(group_personas()), len(group_personas(kind="generic"))
    (162, 73)
    """
    entries = list(_entries(data_json("personas/groups.json")["personas"], "the shipped registry"))
    if registry is not None:
        entries += _read_registry(Path(registry))
    keys = [(entry.group, entry.key) for entry in entries]
    if len(set(keys)) < len(keys):
        duplicate = next(pair for pair in keys if keys.count(pair) > 1)
        raise BadFile(f"the registry has {duplicate[1]!r} of {duplicate[0]!r} twice")
    known = dict.fromkeys(entry.group for entry in entries)
    for group in groups:
        if group not in known:
            raise UnknownName("group", group, known)
    return tuple(
        entry
        for entry in entries
        if kind in (None, entry.kind)
        and (not groups or entry.group in groups)
        and (named or entry.group != FIGURES)
    )


def _read_registry(path: Path) -> list[GroupPersona]:
    content = read_json(path)
    rows = content.get("personas") if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise BadFile(f"{path}: a list of entries, or an object that has it under 'personas'")
    return _entries(rows, str(path))


def _entries(rows: Sequence[object], where: str) -> list[GroupPersona]:
    entries = []
    for number, row in enumerate(rows, start=1):
        try:
            entries.append(GroupPersona(**row))  # type: ignore[arg-type]
        except (TypeError, AttributeError) as error:
            raise BadFile(
                f"{where}, entry {number}: an entry has key, statement, group, kind and perhaps "
                f"belongs ({error})"
            ) from error
    return entries
