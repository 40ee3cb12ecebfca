"""Propose, validate, revise: owners write on a shared board, rules find faults, owners mend them.

Each owner sees the board as it stands and answers by a small schema of its own fields. What the
rules find, or a model that reads the boards, goes with code, words and hint to the owners
concerned, who may change their own fields only. Where the rounds don't suffice, values that can be
drawn are taken from the draft; what the rules still find then fails, and says so.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from personae.core import Chat, Model, Sampling, requests_of, say
from personae.generate.population.fact_rules import Rules
from personae.generate.recipes.hachimi.contradictions import ContradictionValidator
from personae.generate.recipes.hachimi.owners import (
    Issue,
    OwnedField,
    Owner,
    parse_reply,
    reply_schema,
)

__all__ = ["RevisionLoop", "Whiteboard"]

Whiteboard = dict[str, str]
TOP_P = 0.9
"""Cuts the unlikely tail, in which small models lose the thread."""
PREAMBLE = (
    "You help to invent one person; several writers share a board. Reply with one JSON object "
    "that has only the keys asked for. Don't contradict the board. Nobody is perfect: give the "
    "person strengths and weaknesses that fit together."
)


@dataclass(eq=False, kw_only=True)
class RevisionLoop:
    """Writers and rules. `derive` fills in what follows from a board; `counts` says what happened.

    `seed` is the seed of every reply; `max_rounds` bounds the rounds of revision. What a `reader`
    objects to is revised like faults; what it objects to at the end is counted and fails nothing.
    """

    model: Model
    owners: Sequence[Owner]
    rules: Rules
    seed: int
    max_rounds: int = 3
    derive: Callable[[Whiteboard], None] = lambda board: None
    counts: Counter[str] = field(default_factory=Counter)
    reader: ContradictionValidator | None = None

    def write(
        self, drafts: Sequence[Whiteboard], variations: Sequence[str]
    ) -> tuple[list[Whiteboard], dict[int, str]]:
        """Write on boards that begin as drafts; give them, and the faults of those that fail.

        Facts of a draft that no owner writes are fixed. `variations` tell apart boards that begin
        alike.
        """
        owned = {f.path for owner in self.owners for f in owner.fields}
        boards = [{k: v for k, v in draft.items() if k not in owned} for draft in drafts]
        unread: list[set[str]] = [set() for _ in boards]
        for owner in self.owners:
            jobs = [(i, owner.fields, ()) for i in range(len(boards))]
            self._ask(owner, boards, jobs, variations, unread)
        issues = self._validated(boards, unread)
        for _ in range(self.max_rounds):
            if not any(issues):
                break
            self._revise(boards, issues, variations, unread)
            issues = self._validated(boards, unread)
        if self.reader is not None:
            left = sum(issue.code == self.reader.code for found in issues for issue in found)
            self.counts["objections left at the end"] += left
        self._fall_back(boards, drafts, issues)
        faults = self._issues(boards, unread)
        return boards, {i: _named(found) for i, found in enumerate(faults) if found}

    def _revise(
        self,
        boards: Sequence[Whiteboard],
        issues: Sequence[Sequence[Issue]],
        variations: Sequence[str],
        unread: Sequence[set[str]],
    ) -> None:
        for owner in self.owners:
            jobs = []
            for i, found in enumerate(issues):
                mine = tuple(issue for issue in found if issue.owner == owner.name)
                if mine:
                    named = {path for issue in mine for path in issue.fields}
                    fields = tuple(f for f in owner.fields if f.path in named) or owner.fields
                    jobs.append((i, fields, mine))
            self.counts["revisions"] += len(jobs)
            self._ask(owner, boards, jobs, variations, unread)

    def _ask(
        self,
        owner: Owner,
        boards: Sequence[Whiteboard],
        jobs: Sequence[tuple[int, tuple[OwnedField, ...], tuple[Issue, ...]]],
        variations: Sequence[str],
        unread: Sequence[set[str]],
    ) -> None:
        """Ask an owner for fields of several boards at once, and write what it says on them."""
        alike: dict[tuple[OwnedField, ...], list[tuple[int, tuple[Issue, ...]]]] = defaultdict(list)
        for i, fields, issues in jobs:
            alike[fields].append((i, issues))
        for fields, those in alike.items():
            chats = [_chat(owner, fields, boards[i], issues, variations[i]) for i, issues in those]
            sampling = Sampling(
                max_tokens=owner.max_tokens,
                temperature=owner.temperature,
                top_p=TOP_P,
                schema=reply_schema(fields),
                seed=self.seed,
            )
            replies = self.model.reply(requests_of(chats), sampling)
            for (i, _), reply in zip(those, replies, strict=True):
                patch = parse_reply(reply.text, fields)
                boards[i].update(patch.facts)
                unread[i].difference_update(patch.facts)
                unread[i].update(patch.unusable)
                self.derive(boards[i])
                self.counts["replies"] += 1
                if reply.status != "ok":
                    self.counts[f"replies {reply.status}"] += 1
                self.counts["replies with JSON among other text"] += patch.mended
                self.counts["fields without a usable value"] += len(patch.unusable)
                self.counts["keys of others, dropped"] += patch.dropped

    def _validated(
        self, boards: Sequence[Whiteboard], unread: Sequence[set[str]]
    ) -> list[list[Issue]]:
        """Find the faults of each board, and what the reader objects to where they have none."""
        issues = self._issues(boards, unread)
        if self.reader is not None:
            whole = [i for i, found in enumerate(issues) if not found]
            for i, said in zip(whole, self.reader.read([boards[i] for i in whole]), strict=True):
                issues[i] += [said] if said else []
        return issues

    def _issues(
        self, boards: Sequence[Whiteboard], unread: Sequence[set[str]]
    ) -> list[list[Issue]]:
        """Find the faults of each board: unusable fields, then what the rules say."""
        owners = {f.path: owner.name for owner in self.owners for f in owner.fields}
        found: list[list[Issue]] = [
            [
                Issue(
                    code="unusable",
                    says=f"{path} was missing or not allowed",
                    owner=owners[path],
                    fields=(path,),
                    hint="answer by the schema",
                )
                for path in sorted(paths)
                if path not in boards[i]
            ]
            for i, paths in enumerate(unread)
        ]
        names = sorted({name for rule in self.rules.rules for name in rule.facts})
        table = pl.DataFrame(
            {name: [board.get(name) for board in boards] for name in names},
            schema=dict.fromkeys(names, pl.String),
        )
        for rule, broken in self.rules.broken(table):
            if rule.severity == "hard":
                issue = Issue(
                    code=rule.code,
                    says=rule.says,
                    owner=rule.owner,
                    fields=rule.fields,
                    hint=rule.hint,
                )
                for i in broken.nonzero()[0]:
                    found[i].append(issue)
        return found

    def _fall_back(
        self,
        boards: Sequence[Whiteboard],
        drafts: Sequence[Whiteboard],
        issues: Sequence[Sequence[Issue]],
    ) -> None:
        """Take what can be drawn from the draft, for boards that are still at fault.

        All of it, since the draft's values obey the rules together and not one by one.
        """
        drawable = [f.path for o in self.owners for f in o.fields if not f.is_text]
        for board, draft, found in zip(boards, drafts, issues, strict=True):
            if any(path in drawable for issue in found for path in issue.fields):
                board.update({path: draft[path] for path in drawable if path in draft})
                self.derive(board)
                self.counts["boards whose levels were drawn after all"] += 1


def _named(issues: Sequence[Issue]) -> str:
    return "at fault after all rounds: " + ", ".join(dict.fromkeys(i.code for i in issues))


def _chat(
    owner: Owner,
    fields: Sequence[OwnedField],
    board: Mapping[str, str],
    issues: Sequence[Issue],
    variation: str,
) -> Chat:
    """Put the owner's task, the board and the faults into words."""
    known = "\n".join(f"- {path}: {value}" for path, value in board.items())
    wanted = "\n".join(_wanted(f) for f in fields)
    said = f"{owner.task}\n\nThe board:\n{known}\n\nKeys:\n{wanted}"
    if issues:
        faults = "\n".join(f"- {i.code}: {i.says}. To do: {i.hint}." for i in issues)
        said += f"\n\nFaults to mend:\n{faults}"
    return say(f"{said}\n\nVariation {variation}.", system=PREAMBLE)


def _wanted(one: OwnedField) -> str:
    if one.allowed:
        few = ", ".join(one.allowed[:8]) + (", ..." if len(one.allowed) > 8 else "")
        return f"- {one.key}: one of {few}"
    kind = f"whole number from {one.low} to {one.high}"
    if not one.whole:
        kind = f"text of {one.low} to {one.high} characters"
    return f"- {one.key}: {kind}" + (f"; {one.says}" if one.says else "")
