"""Situations with actions to choose from: a keyed bank of items, its loaders, its administration.

Layout after TRAIT (Lee et al. 2024, arXiv 2406.14703): a first-person situation, a question to the
assistant, and four actions, two of a person high in a trait and two of one low in it. The question
is what the model would recommend to somebody, not what it would do itself.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import permutations
from math import exp
from pathlib import Path
from typing import Any, Literal

import polars as pl

from personae.core import (
    Answers,
    BadFile,
    Channel,
    Chat,
    Model,
    Sampling,
    UnknownName,
    content_key,
    data_json,
    say,
)
from personae.datasets.hub import read_dataset
from personae.measure.inventories.forms import DisplayedOption
from personae.measure.listed_questions import ListedQuestion, list_question

__all__ = [
    "OWN",
    "Orders",
    "Situation",
    "SituationBank",
    "action_orders",
    "advice_templates",
    "ask_bank",
    "load_bank",
    "pole_scales",
    "pole_text",
]

Orders = Literal["pair", "latin", "all"]
_LATIN = ("0213", "2031", "1302", "3120")
OWN = "personae-trait"
"""Name of the shipped bank."""
_FIELD = re.compile(r"\{(situation|query|options)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One item: `high` and `low` actions of its scale; `again` is (text, query) as a paraphrase."""

    id: str
    scale: str
    text: str
    query: str
    high: tuple[str, str]
    low: tuple[str, str]
    again: tuple[str, str] = ("", "")

    @property
    def actions(self) -> tuple[str, ...]:
        """All actions in stored order: high, high, low, low. Orders are digits into it."""
        return (*self.high, *self.low)


@dataclass(frozen=True, kw_only=True)
class SituationBank:
    """A set of situations. Answers to a gated set hold no text, only the index of the action."""

    name: str
    version: str
    source: str
    licence: str
    items: tuple[Situation, ...]
    gated: bool = False

    @property
    def scales(self) -> tuple[str, ...]:
        """The scales, in order of first appearance."""
        return tuple(dict.fromkeys(item.scale for item in self.items))

    @cached_property
    def tag(self) -> str:
        """Name, version and the first digits of the content hash."""
        return f"{self.name}@{self.version}+{content_key(self)[:8]}"

    def of(self, scale: str) -> "SituationBank":
        """Select the items of one scale."""
        return replace(self, items=tuple(i for i in self.items if i.scale == scale))

    def first(self, count: int) -> "SituationBank":
        """Select the first `count` items of each scale."""
        by_scale = [[i for i in self.items if i.scale == scale][:count] for scale in self.scales]
        return replace(self, items=tuple(item for items in by_scale for item in items))


def load_bank(source: str = OWN) -> SituationBank:
    """Load the shipped bank (`personae-trait`), the user's own copy, or one from the hub.

    A row has `response_high1`, `response_high2`, `response_low1`, `response_low2`; `situation`
    and `query`, or `question` for both; `personality`, or a file named after it; optionally `idx`,
    `paraphrased_situation`, `paraphrased_query`. The hub id of TRAIT is `mirlab/TRAIT`, gated.

    Raises:
        BadFile: no such file, a row that lacks a field, or no access.

    >>> bank = load_bank()
    >>> len(bank.items), bank.items[0].scale
    (80, 'Openness')
    """
    if source == OWN:
        return _shipped()
    data = read_dataset(source)
    rows = data.rows.to_dicts()
    items = tuple(_situation(row, index, source) for index, row in enumerate(rows))
    if len({item.id for item in items}) != len(items):
        items = tuple(replace(item, id=str(index + 1)) for index, item in enumerate(items))
    return SituationBank(
        name=Path(source).stem or source,
        version=data.revision[:8] or "own",
        source=source,
        licence="the owner's",
        items=items,
        gated=data.gated,
    )


@cache
def _shipped() -> SituationBank:
    raw = data_json(f"situations/{OWN}.json")
    items = tuple(_situation(row, i, OWN) for i, row in enumerate(raw["items"]))
    return SituationBank(
        name=raw["name"],
        version=raw["version"],
        source=raw["source"],
        licence=raw["licence"],
        items=items,
    )


def _situation(row: Mapping[str, object], index: int, source: str) -> Situation:
    def text(name: str) -> str:
        value = row.get(name)
        if not isinstance(value, str | int | None):
            raise BadFile(f"{source}, row {index + 1}: {name} is a text, not {value!r:.80}")
        return "" if value is None else str(value).strip()

    actions = [text(f"response_{name}") for name in ("high1", "high2", "low1", "low2")]
    question = (text("situation") or text("question"), text("query"))
    scale = text("personality") or Path(text("file")).stem.split("-")[0]
    if not all(actions) or not question[0] or not scale or len(set(actions)) < len(actions):
        raise BadFile(
            f"{source}, row {index + 1}: an item needs personality, situation and query (or "
            f"question), and four different texts response_high1, _high2, _low1, _low2; it has "
            f"{sorted(name for name, value in row.items() if value)}"
        )
    return Situation(
        id=text("idx") or str(index + 1),
        scale=scale,
        text=question[0],
        query=question[1],
        high=(actions[0], actions[1]),
        low=(actions[2], actions[3]),
        again=(text("paraphrased_situation"), text("paraphrased_query")),
    )


def action_orders(design: Orders) -> tuple[str, ...]:
    """List the orders of a design, as digits into high, high, low, low.

    `pair` is the published forward and reverse order, which balances the two slots of each pair but
    not the pairs; `latin` adds two orders, so that every action is once in every slot (a Latin
    square); `all` is all 24.

    >>> action_orders("pair")
    ('0213', '2031')
    """
    if design == "all":
        permuted = ("".join(p) for p in permutations("0123"))
        return (*_LATIN, *(order for order in permuted if order not in _LATIN))
    return _LATIN[:2] if design == "pair" else _LATIN


def advice_templates() -> tuple[str, ...]:
    """List the names of the templates in which situations are asked.

    >>> advice_templates()
    ('suggest', 'advise', 'bare')
    """
    return tuple(data_json("situations/templates.json")["templates"])


def pole_scales() -> tuple[str, ...]:
    """List the traits for which `pole_text` has behaviours."""
    return tuple(data_json(f"situations/{OWN}.json")["poles"])


def pole_text(scale: str, high: bool) -> str:
    """Write a system text that asks for a person high or low in a trait, by its behaviours.

    Raises:
        UnknownName: no behaviours are shipped for that trait.
    """
    if scale not in pole_scales():
        raise UnknownName("trait with shipped behaviours", scale, pole_scales())
    poles = data_json(f"situations/{OWN}.json")["poles"]
    side = "high" if high else "low"
    listed = "\n".join(f"{i}. {line}." for i, line in enumerate(poles[scale][side], 1))
    return f"You are an assistant with {side} {scale.lower()}. This describes you:\n{listed}"


def ask_bank(
    model: Model,
    bank: SituationBank,
    template: str,
    orders: Sequence[str],
    *,
    channel: Channel = "label",
    paraphrased: bool = False,
) -> Answers:
    """Ask every situation in every order, in its own words or `paraphrased`.

    Items without a paraphrase are left out of the latter. One row per question: `value` is 1 for a
    high action and 0 for a low one, `expected` the probability of a high action, `logp` (nats) by
    action in stored order, `raw` the action's name, or the reply. The column `action` is the index
    in the stored order, null without an answer.

    Raises:
        UnknownName: no template is called so.
        InputError: the model doesn't give the likelihoods that the channel needs.
    """
    known = data_json("situations/templates.json")["templates"]
    if template not in known:
        raise UnknownName("template", template, known)
    items = [item for item in bank.items if item.again[0] or not paraphrased]
    trials = [(item, order) for item in items for order in orders]
    questions = [
        _question(item, order, known[template], paraphrased=paraphrased) for item, order in trials
    ]
    columns = list_question(model, questions, channel, Sampling(max_tokens=24))
    if bank.gated:  # texts of gated items are kept nowhere
        columns.pop("request", None)
    rows = []
    for index, (item, order) in enumerate(trials):
        row = {name: column[index] for name, column in columns.items()}
        rows.append({**row, **_scores(row, item, channel, gated=bank.gated), "order": order})
    form = f"{template}/{channel}" + ("/paraphrase" if paraphrased else "")
    if not rows:
        return Answers.of([])
    answers = Answers.of(rows).tag(inventory=bank.tag, form=form, channel=channel, unit="share")
    return Answers(answers.rows.with_columns(pl.col("action").cast(pl.Int64)))


def _question(
    item: Situation, order: str, template: Mapping[str, str], *, paraphrased: bool
) -> ListedQuestion:
    text, query = item.again if paraphrased else (item.text, item.query)
    displayed = []
    for slot, digit in enumerate(order):
        label = chr(65 + slot) if template["labels"] == "letters" else str(slot + 1)
        action = item.actions[int(digit)]
        line = template["line"].replace("{label}", label).replace("{text}", action)
        displayed.append(DisplayedOption(label, action, int(digit), line))
    options = "\n".join(option.line for option in displayed)

    def chat(situation: str, question: str) -> Chat:
        parts = {"situation": situation, "query": question, "options": options}
        return say(_FIELD.sub(lambda match: parts[match[1]], template["ask"]))

    return ListedQuestion(chat(text, query), chat("N/A", ""), tuple(displayed))


def _scores(
    row: Mapping[str, Any], item: Situation, channel: Channel, *, gated: bool
) -> dict[str, object]:
    """Turn the index of an action into a score of the trait."""
    action = int(row["value"]) if row["status"] == "ok" else None
    names = ("high1", "high2", "low1", "low2")
    raw = row["raw"] if channel == "reply" and not gated else ""
    if action is not None and channel != "reply":
        raw = names[action]
    logp = row["logp"]
    expected = None if logp is None else float(sum(map(exp, logp[:2])))
    return {
        "item": item.id,
        "scale": item.scale,
        "action": action,
        "raw": raw,
        "low": 0.0,
        "high": 1.0,
        "expected": expected,
        "value": None if action is None else float(action < 2),
    }
