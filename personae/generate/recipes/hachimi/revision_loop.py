"""Propose, validate, revise: owners fill a shared board, rules find faults, owners correct them.

After HACHIMI (Jiang et al. 2026, arXiv:2603.04855). Each owner sees the current board and answers
under a small schema of its own fields. Faults found by the rules, or by a model that reads the
boards, go with code, description and hint to the owners concerned, who may change only their own
fields. If the rounds don't suffice, values that can be drawn are taken from the draft; boards that
still break a rule fail.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from personae.core import Chat, Model, Sampling, say
from personae.generate.population.fact_rules import Rules
from personae.generate.recipes.hachimi.contradictions import ContradictionValidator, board_lines
from personae.generate.recipes.hachimi.owners import (
    Issue,
    OwnedField,
    Owner,
    parse_reply,
    reply_schema,
)
from personae.generate.writer import reply_by_schema

__all__ = ["Facts", "RevisionLoop"]

Facts = dict[str, str]
TOP_P = 0.9
"""Cuts off the unlikely tail, in which small models lose coherence."""
PREAMBLE = (
    "You help to invent one person; several writers share a board. Reply with one JSON object "
    "that has only the keys asked for. Don't contradict the board. Nobody is perfect: give the "
    "person strengths and weaknesses that fit together."
)


@dataclass(slots=True)
class _Board:
    """The facts of one person so far, a variation for its prompts, and its unusable fields."""

    facts: Facts
    variation: str
    unusable: set[str] = field(default_factory=set)


class _Task(NamedTuple):
    """Fields of one board that an owner must write, and the faults that it should correct."""

    board: _Board
    fields: tuple[OwnedField, ...]
    issues: tuple[Issue, ...] = ()


@dataclass(eq=False, kw_only=True)
class RevisionLoop:
    """Owners who write and rules that validate.

    `derive` adds facts that follow from others, `seed` is the seed of all replies, `max_rounds`
    limits the rounds of revision, and `counts` collects events. Objections of a `reader` are
    revised like faults; those left at the end are counted, but don't fail a board.
    """

    model: Model
    owners: Sequence[Owner]
    rules: Rules
    seed: int
    max_rounds: int = 3
    derive: Callable[[Facts], None] = lambda facts: None
    counts: Counter[str] = field(default_factory=Counter)
    reader: ContradictionValidator | None = None

    def write(
        self, drafts: Sequence[Facts], variations: Sequence[str]
    ) -> tuple[list[Facts], dict[int, str]]:
        """Write one board per draft; return the boards, and the faults of failed ones by index.

        Facts of a draft that no owner writes are fixed. `variations` distinguish the prompts of
        equal drafts.
        """
        owned = {f.path for owner in self.owners for f in owner.fields}
        boards = [
            _Board({k: v for k, v in draft.items() if k not in owned}, variation)
            for draft, variation in zip(drafts, variations, strict=True)
        ]
        for owner in self.owners:
            self._ask(owner, [_Task(board, owner.fields) for board in boards])
        issues = self._find_issues(boards)
        for _ in range(self.max_rounds):
            if not any(issues):
                break
            self._revise(boards, issues)
            issues = self._find_issues(boards)
        if self.reader is not None:
            objections = sum(i.code == self.reader.code for listed in issues for i in listed)
            self.counts["objections left at the end"] += objections
        self._use_drafts(boards, drafts, issues)
        faults = {i: listed for i, listed in enumerate(self._rule_issues(boards)) if listed}
        return [board.facts for board in boards], {i: _summary(f) for i, f in faults.items()}

    def _revise(self, boards: Sequence[_Board], issues: Sequence[Sequence[Issue]]) -> None:
        for owner in self.owners:
            tasks = []
            for board, listed in zip(boards, issues, strict=True):
                own_issues = tuple(issue for issue in listed if issue.owner == owner.name)
                if own_issues:
                    paths = {path for issue in own_issues for path in issue.fields}
                    fields = tuple(f for f in owner.fields if f.path in paths) or owner.fields
                    tasks.append(_Task(board, fields, own_issues))
            self.counts["revisions"] += len(tasks)
            self._ask(owner, tasks)

    def _ask(self, owner: Owner, tasks: Sequence[_Task]) -> None:
        """Ask an owner for fields of several boards at once, and write the answers on them."""
        sampling = Sampling(
            max_tokens=owner.max_tokens,
            temperature=owner.temperature,
            top_p=TOP_P,
            seed=self.seed,
        )
        requests = [(_chat(owner, task), reply_schema(task.fields)) for task in tasks]
        replies = reply_by_schema(self.model, requests, sampling)
        for (board, fields, _), reply in zip(tasks, replies, strict=True):
            answers = parse_reply(reply.text, fields)
            board.facts.update(answers.facts)
            board.unusable.difference_update(answers.facts)
            board.unusable.update(answers.unusable)
            self.derive(board.facts)
            self.counts["replies"] += 1
            if reply.status != "ok":
                self.counts[f"replies {reply.status}"] += 1
            self.counts["replies with JSON among other text"] += answers.was_embedded
            self.counts["fields without a usable value"] += len(answers.unusable)
            self.counts["keys of others, dropped"] += answers.dropped

    def _find_issues(self, boards: Sequence[_Board]) -> list[list[Issue]]:
        """Find the faults of each board, and the reader's objections to boards without any."""
        issues = self._rule_issues(boards)
        if self.reader is not None:
            faultless = [i for i, listed in enumerate(issues) if not listed]
            objections = self.reader.read([boards[i].facts for i in faultless])
            for i, objection in zip(faultless, objections, strict=True):
                issues[i] += [objection] if objection else []
        return issues

    def _rule_issues(self, boards: Sequence[_Board]) -> list[list[Issue]]:
        """List the faults of each board: unusable fields, then broken rules."""
        owners = {f.path: owner.name for owner in self.owners for f in owner.fields}
        issues = [
            [
                _unusable(path, owners[path])
                for path in sorted(board.unusable)
                if path not in board.facts
            ]
            for board in boards
        ]
        names = sorted({name for rule in self.rules.rules for name in rule.facts})
        table = pl.DataFrame(
            {name: [board.facts.get(name) for board in boards] for name in names},
            schema=dict.fromkeys(names, pl.String),
        )
        for rule, broken in self.rules.broken(table):
            if rule.severity == "hard":
                issue = Issue(
                    code=rule.code,
                    description=rule.description,
                    owner=rule.owner,
                    fields=rule.fields,
                    hint=rule.hint,
                )
                for i in broken.nonzero()[0]:
                    issues[i].append(issue)
        return issues

    def _use_drafts(
        self,
        boards: Sequence[_Board],
        drafts: Sequence[Facts],
        issues: Sequence[Sequence[Issue]],
    ) -> None:
        """Replace all values that can be drawn by the draft's, on boards at fault in one of them.

        All of them, since the draft's values obey the rules together, not one by one.
        """
        drawable = [f.path for o in self.owners for f in o.fields if not f.is_text]
        for board, draft, listed in zip(boards, drafts, issues, strict=True):
            if any(path in drawable for issue in listed for path in issue.fields):
                board.facts.update({path: draft[path] for path in drawable if path in draft})
                self.derive(board.facts)
                self.counts["boards whose levels were drawn after all"] += 1


def _unusable(path: str, owner: str) -> Issue:
    return Issue(
        code="unusable",
        description=f"{path} was missing or not allowed",
        owner=owner,
        fields=(path,),
        hint="answer by the schema",
    )


def _summary(issues: Iterable[Issue]) -> str:
    return "at fault after all rounds: " + ", ".join(dict.fromkeys(i.code for i in issues))


def _chat(owner: Owner, task: _Task) -> Chat:
    """Phrase the owner's task with the board, the keys asked for and the faults."""
    keys = "\n".join(map(_field_line, task.fields))
    text = f"{owner.task}\n\nThe board:\n{board_lines(task.board.facts)}\n\nKeys:\n{keys}"
    if task.issues:
        faults = "\n".join(f"- {i.code}: {i.description}. To do: {i.hint}." for i in task.issues)
        text += f"\n\nFaults to mend:\n{faults}"
    return say(f"{text}\n\nVariation {task.board.variation}.", system=PREAMBLE)


def _field_line(owned: OwnedField) -> str:
    if owned.allowed:
        examples = ", ".join(owned.allowed[:8]) + (", ..." if len(owned.allowed) > 8 else "")
        return f"- {owned.key}: one of {examples}"
    kind = f"whole number from {owned.low} to {owned.high}"
    if not owned.whole:
        kind = f"text of {owned.low} to {owned.high} characters"
    return f"- {owned.key}: {kind}" + (f"; {owned.says}" if owned.says else "")
