"""Pairs of a chosen and a rejected reply from a finished run, in the form that TRL trains on.

A row has `prompt`, `chosen` and `rejected` as lists of messages, and where the pair comes from.
Three sources: replies that a judge compared, replies to one question that were rated, and replies
of one arm against another's. Only what was written counts; options that were weighed are no
replies.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isnan
from pathlib import Path
from statistics import fmean
from typing import Any

import polars as pl

from personae.analyses.compare import Run
from personae.core import (
    CONTROL,
    Answers,
    BadValue,
    Chat,
    Message,
    UnknownName,
    counted,
    say,
    write_atomically,
)
from personae.measure.judge.judge import settle
from personae.models.journal.prompts import read_prompts
from personae.run.export.asked_items import asked_items
from personae.stats.scores.scales import keyed

__all__ = ["preference_pairs", "write_pairs"]

SOURCES = ("judged", "arms", "rated")
"""In the order in which they are tried."""
SMALLEST = 1e-9
"""Difference of a preference from one half below which it is rounding."""
WEIGHED = ("label", "option", "statement")
"""Channels in which nothing is written."""
QUESTION = ("inventory", "item", "form", "order")


@dataclass(frozen=True, slots=True)
class _Side:
    """One reply of a pair: the row that holds it, and the chat that it answers."""

    row: Mapping[str, Any]
    chat: Chat

    @property
    def text(self) -> str:
        """The reply, behind the words that it was given to begin with."""
        lead = self.chat[-1].text if self.chat and self.chat[-1].role == "assistant" else ""
        gap = " " if lead and not lead[-1].isspace() else ""
        return f"{lead}{gap}{self.row['raw']}" if lead else str(self.row["raw"])


def preference_pairs(
    run: Run, source: str | None = None, arms: tuple[str, str] | None = None
) -> tuple[list[dict[str, Any]], Counter[str]]:
    """Make pairs from a run: rows for a JSON Lines file, and what was left out, counted by reason.

    Args:
        run: a finished run.
        source: judged, rated or arms; by default the first of judged, arms, rated with a pair.
        arms: whose replies are chosen and whose rejected; by default every arm against the control.

    Raises:
        BadValue: the run has no pair; says what it has.
        UnknownName: a source that there isn't, or an arm that the run doesn't have.
    """
    if arms:
        known = run.answers.rows["arm"].unique().to_list()
        for arm in arms:
            if arm not in known:
                raise UnknownName("arm", arm, known)
    if source is not None and source not in SOURCES:
        raise UnknownName("source of pairs", source, SOURCES)
    makers: Mapping[str, Callable[[Run, Counter[str]], Iterator[dict[str, Any]]]] = {
        "judged": _judged,
        "rated": _rated,
        "arms": partial(_arms, arms=arms),
    }
    reasons = []
    for name in (source,) if source else ("arms",) if arms else SOURCES:
        left: Counter[str] = Counter()
        rows = [{**row, "source": name, **_origin(run)} for row in makers[name](run, left)]
        if rows:
            return rows, left
        reasons.append(f"{name}: {_listed(left) or 'nothing of the kind'}")
    raise BadValue(f"the run in {run.folder} has no pair of replies ({'; '.join(reasons)})")


def _listed(left: Counter[str]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in left.items())


def _origin(run: Run) -> dict[str, str]:
    return {"study": str(run.identity.get("study", "")), "run": run.id, "model": run.model}


def _row(prompt: Chat, texts: tuple[str, str], **columns: object) -> dict[str, Any]:
    chosen, rejected = ([{"role": "assistant", "content": text}] for text in texts)
    asked = [{"role": m.role, "content": m.text} for m in prompt]
    return {"prompt": asked, "chosen": chosen, "rejected": rejected, **columns}


def _judged(run: Run, left: Counter[str]) -> Iterator[dict[str, Any]]:
    """Pair the two texts of each comparison by the mean verdict of its judges."""
    rows = run.answers.rows
    if "compared" not in rows.columns:
        return
    judged = rows.filter(pl.col("compared").is_not_null())
    for (tag, scale), part in judged.group_by("inventory", "scale", maintain_order=True):
        cases = dict(part.select("item", "compared").unique("item", maintain_order=True).rows())
        values = defaultdict(list)
        for verdict in settle(Answers(part)):
            values[verdict.case].append(verdict.value)
        for item, text in cases.items():
            fields = json.loads(text)
            known = [value for value in values[item] if not isnan(value)]
            share = fmean(known) if known else 0.5
            reason = ""
            if not (fields["first"].strip() and fields["second"].strip()):
                reason = "replies without a text"
            elif not fields.get("question"):
                reason = "comparisons without a question"
            elif not known:
                reason = "comparisons without a verdict"
            elif abs(share - 0.5) < SMALLEST:
                reason = "ties"
            if reason:
                left[reason] += 1
                continue
            texts = fields["first"], fields["second"]
            yield _row(
                say(fields["question"]),
                texts if share > 0.5 else texts[::-1],
                inventory=tag,
                item=item,
                criterion=scale,
                margin=abs(2 * share - 1),
                chosen_arm="",
                rejected_arm="",
            )


def _rated(run: Run, left: Counter[str]) -> Iterator[dict[str, Any]]:
    """Pair the best and the worst of the replies to one question, on each scale."""
    sides = _sides(run, left)
    groups: dict[tuple[str, ...], list[_Side]] = defaultdict(list)
    for side in sides:
        if side.row["score"] is None:
            left["replies without a rating"] += 1
            continue
        groups[(*(side.row[c] for c in QUESTION), side.row["scale"], side.row["unit"])].append(side)
    for group in groups.values():
        best, worst = (pick(group, key=lambda s: s.row["score"]) for pick in (max, min))
        if best.row["score"] == worst.row["score"] or best.text == worst.text:
            left["questions with one reply alone" if len(group) == 1 else "ties"] += 1
            continue
        margin = float(best.row["score"] - worst.row["score"])
        yield from _pair(best, worst, left, margin=margin)


def _arms(run: Run, left: Counter[str], arms: tuple[str, str] | None) -> Iterator[dict[str, Any]]:
    """Pair the replies of an arm with another's to the same question."""
    by_arm: dict[str, dict[tuple[str, ...], dict[str, _Side]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for side in _sides(run, left):
        question = (*(side.row[c] for c in QUESTION), side.row["repeat"])
        by_arm[side.row["arm"]][question].setdefault(side.row["respondent"], side)
    chosen_arms = [arms[0]] if arms else [arm for arm in by_arm if arm != CONTROL]
    rejected = by_arm.get(arms[1] if arms else CONTROL, {})
    for arm in chosen_arms:
        for question, replies in by_arm.get(arm, {}).items():
            others = rejected.get(question, {})
            for who, side in replies.items():
                other = others.get(who) or (
                    next(iter(others.values())) if len(others) == 1 else None
                )
                if other is None:
                    left["replies without a partner"] += 1
                elif side.text == other.text:
                    left["ties"] += 1
                else:
                    yield from _pair(side, other, left, margin=None)


def _sides(run: Run, left: Counter[str]) -> list[_Side]:
    """List the written replies with their chats; count the others by what they lack."""
    prompts, items = read_prompts(run.folder), asked_items(run.answers)
    sides = []
    for row in keyed(run.answers).iter_rows(named=True):
        if row.get("compared") is not None:
            continue
        item = items.get((row["inventory"], row["item"]))
        chat = prompts.get(row.get("request") or "", say(item.text) if item else ())
        reason = ""
        if row["channel"] in WEIGHED:
            reason = "answers weighed, not written"
        elif row["status"] != "ok":
            reason = f"replies {row['status']}" if row["status"] != "error" else "failed requests"
        elif not (row["raw"] or "").strip():
            reason = "replies without a text"
        elif not any(message.role == "user" for message in chat):
            reason = "replies whose prompt wasn't kept"
        if reason:
            left[reason] += 1
        else:
            sides.append(_Side(row, chat))
    return sides


def _pair(
    chosen: _Side, rejected: _Side, left: Counter[str], *, margin: float | None
) -> Iterator[dict[str, Any]]:
    prompt = _prompt(chosen, rejected)
    if not prompt:
        left["pairs without a common prompt"] += 1
        return
    row = chosen.row
    yield _row(
        prompt,
        (chosen.text, rejected.text),
        inventory=row["inventory"],
        item=row["item"],
        criterion=row["scale"] if margin is not None else "",
        margin=margin,
        chosen_arm=row["arm"],
        rejected_arm=rejected.row["arm"],
    )


def _prompt(chosen: _Side, rejected: _Side) -> Chat:
    """Give what both were asked: without a persona, if one of the two is the control's."""
    sides = (chosen, rejected)
    bare = next((side.chat for side in sides if side.row["arm"] == CONTROL), None)
    shared = set(rejected.chat)
    chat: Sequence[Message] = bare or [m for m in chosen.chat if m in shared]
    prompt = chat[:-1] if chat and chat[-1].role == "assistant" else chat
    return tuple(prompt) if prompt and prompt[-1].role == "user" else ()


def write_pairs(rows: Sequence[Mapping[str, Any]], left: Counter[str], path: Path) -> str:
    """Write pairs as JSON Lines, whole or not at all; say what was written and left out.

    Raises:
        BadValue: the file has another ending.
        BadFile: the file can't be written.
    """
    if path.suffix != ".jsonl":
        raise BadValue(f"pairs are JSON Lines: give a file .jsonl, not {path.name!r}")
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_atomically(path, text.encode())
    remainder = f"left out: {_listed(left)}" if left else "nothing left out"
    return f"Written: {path}, {counted(len(rows), 'pair')} ({rows[0]['source']}); {remainder}"
