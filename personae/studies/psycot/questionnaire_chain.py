"""A questionnaire as chain of thought: a model rates a text's author item by item, then concludes.

After Yang et al. 2023 (arXiv 2310.20256). Each text and scale has a conversation of its own, in
which every turn shows the previous answers and the last one asks which pole is likelier. The note
about the items' meaning is derived from their keys. The text precedes everything that differs
between scales, so that it is read once for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

from personae.core import (
    Answers,
    BadValue,
    Chat,
    Chooser,
    Inventory,
    Item,
    Message,
    Model,
    Sampling,
    data_json,
    requests_of,
)
from personae.datasets.labelled_texts import Labelled
from personae.measure.inventories.forms import DisplayedOption
from personae.measure.reply_columns import Columns, read_labels, read_replies
from personae.studies.psycot.chain_words import (
    ORDERS,
    Thread,
    filled,
    keying_note,
    next_turn,
    opening,
    poles,
    shown_poles,
)
from personae.traits.item_grammar import item_text

__all__ = ["CONCLUSION", "Chain"]

CONCLUSION = "conclusion"
"""Item id of a conclusion, whose value is the margin of the high pole in nats, over both orders."""
TIE = 1e-9
"""Margins below this, in nats, are ties: likelihoods equal up to rounding."""
Case = tuple[Labelled, str]
"""A text, and a scale that is asked about."""


@dataclass(frozen=True, eq=False)
class Chain:
    """One model that reads texts by one inventory.

    All texts and scales advance in lock-step: each turn is one batch.

    Args:
        model: who reads; the channel `label` needs likelihoods.
        inventory: whose items are rated, with texts.
        scales: the scales asked about.
        channel: `label` weighs the numbers and letters, `reply` parses what is written.
        orders: orders in which the last question shows the two poles.

    Raises:
        BadValue: no item texts, a scale without items, or a channel that the model doesn't offer.
    """

    model: Model
    inventory: Inventory
    scales: tuple[str, ...]
    channel: str = "label"
    orders: tuple[str, ...] = ORDERS

    def __post_init__(self) -> None:
        name = self.inventory.name
        if not self.inventory.has_text:
            raise BadValue(f"inventory {name!r} comes without item texts; give your own item file")
        if strange := [s for s in self.scales if not self._items(s)]:
            raise BadValue(f"inventory {name!r} has no items of the scales {strange}")
        if self.channel not in ("label", "reply"):
            raise BadValue(f"the channel is 'label' or 'reply', not {self.channel!r}")
        if self.channel == "label" and not isinstance(self.model, Chooser):
            raise BadValue(f"{self.model.name!r} gives no likelihoods: use the channel 'reply'")

    def questionnaire(self, texts: Sequence[Labelled]) -> Answers:
        """Rate every item for every text, then conclude; one row an item and one a conclusion.

        An unanswered item is a row with its status, and is left out of the conversation.
        """
        cases = self._cases(texts)
        threads = [opening(text) for text, _ in cases]
        sheets = []
        for turn in range(max(len(self._items(scale)) for scale in self.scales)):
            live = [i for i, (_, scale) in enumerate(cases) if turn < len(self._items(scale))]
            chats = [next_turn(threads[i], self._question(cases[i][1], turn)) for i in live]
            columns = self._read(chats, self._numbers(), Sampling(max_tokens=12))
            for row, i in enumerate(live):
                if columns["status"][row] == "ok":
                    rating = str(round(_number(columns["value"][row])))
                    threads[i] = (*chats[row], Message("assistant", rating))
            sheets.append(self._ratings([cases[i] for i in live], turn, columns))
        sheets.append(self._conclusions(cases, threads, "last", "psycot"))
        return Answers.concat(sheets).tag(arm="psycot")

    def standard(self, texts: Sequence[Labelled]) -> Answers:
        """Ask for the pole directly, without items, as the baseline."""
        cases = self._cases(texts)
        threads = [opening(text) for text, _ in cases]
        return self._conclusions(cases, threads, "direct", "standard").tag(arm="standard")

    def step_by_step(self, texts: Sequence[Labelled], sampling: Sampling) -> Answers:
        """Let the model reason in words, then ask for the pole.

        Zero-shot chain of thought, Kojima et al. 2022 (arXiv 2205.11916).
        """
        cases = self._cases(texts)
        chats = []
        for text, scale in cases:
            low, high = poles(self.inventory, scale)
            chats.append(next_turn(opening(text), filled("think", low=low, high=high)))
        replies = self.model.reply(requests_of(chats), sampling)
        threads = [
            (*chat, Message("assistant", reply.text)) if reply.text.strip() else opening(text)
            for chat, reply, (text, _) in zip(chats, replies, cases, strict=True)
        ]
        return self._conclusions(cases, threads, "direct", "step by step").tag(arm="step by step")

    def _cases(self, texts: Sequence[Labelled]) -> list[Case]:
        return [(text, scale) for text in texts for scale in self.scales]

    def _items(self, scale: str) -> tuple[Item, ...]:
        return self.inventory.where(scale=scale).items

    def _question(self, scale: str, turn: int) -> str:
        """Write the question about one item, after the task if it is the first."""
        items = self._items(scale)
        text = item_text(self.inventory, items[turn], "third")
        question = f"{filled('item', number=turn, item=text)}\n{data_json('chain.json')['how']}"
        if turn:
            return question
        low, high = poles(self.inventory, scale)
        task = filled(
            "task",
            last=len(items) - 1,
            options="\n".join(option.line for option in self._numbers()),
            low=low,
            high=high,
            note=keying_note(self.inventory, scale),
        )
        return f"{task}\n\n{question}"

    def _numbers(self) -> tuple[DisplayedOption, ...]:
        """Show the inventory's options by their numbers."""
        return tuple(
            DisplayedOption(str(o.value), o.text, o.value, f"{o.value}. {o.text}")
            for o in self.inventory.options
        )

    def _read(
        self, chats: Sequence[Chat], shown: Sequence[DisplayedOption], sampling: Sampling
    ) -> Columns:
        if self.channel == "reply":
            return read_replies(self.model.reply(requests_of(chats), sampling), shown)
        assert isinstance(self.model, Chooser)
        forms = tuple((option.label, f" {option.label}") for option in shown)
        return read_labels([*self.model.choose(requests_of(chats, forms))], shown)

    def _ratings(self, cases: Sequence[Case], turn: int, columns: Columns) -> Answers:
        rows = []
        for row, (text, scale) in enumerate(cases):
            item = self._items(scale)[turn]
            rows.append(
                {
                    "inventory": self.inventory.tag,
                    "form": "chain",
                    "channel": self.channel,
                    "respondent": text.id,
                    "scale": scale,
                    "item": item.id,
                    "facet": item.facet,
                    "key": item.key,
                    **{name: values[row] for name, values in columns.items()},
                }
            )
        return Answers.of(rows)

    def _conclusions(
        self, cases: Sequence[Case], threads: Sequence[Thread], question: str, form: str
    ) -> Answers:
        """Ask for the pole in each order; `value` is the mean margin in nats, a tie exactly 0."""
        margins: list[list[float | None]] = [[] for _ in cases]
        status: list[tuple[str, str]] = [("ok", "")] * len(cases)
        for order in self.orders:
            columns = self._chosen_poles(cases, threads, question, order)
            for row in range(len(cases)):
                margins[row].append(_margin(columns, row, order))
                if columns["status"][row] != "ok":
                    status[row] = (str(columns["status"][row]), str(columns["why"][row]))
        rows = []
        for (text, scale), by_order, (state, why) in zip(cases, margins, status, strict=True):
            value = _mean_margin(by_order)
            rows.append(
                {
                    "inventory": self.inventory.tag,
                    "respondent": text.id,
                    "scale": scale,
                    "form": form,
                    "item": CONCLUSION,
                    "channel": self.channel,
                    "order": "+".join(self.orders),
                    "value": value,
                    "expected": value,
                    "unit": "nats",
                    "status": state,
                    "why": why,
                    "raw": "" if value is None else _pole(value, poles(self.inventory, scale)),
                }
            )
        return Answers.of(rows)

    def _chosen_poles(
        self, cases: Sequence[Case], threads: Sequence[Thread], question: str, order: str
    ) -> Columns:
        """Ask which pole is likelier, the two shown in one order."""
        text = data_json("chain.json")[question]
        pairs = [shown_poles(poles(self.inventory, scale), order) for _, scale in cases]
        choices = [filled("choice", first=a.text, second=b.text) for a, b in pairs]
        chats = [
            next_turn(thread, f"{text}\n{choice}")
            for thread, choice in zip(threads, choices, strict=True)
        ]
        return self._read(chats, pairs[0], Sampling(max_tokens=24))


def _mean_margin(margins: Sequence[float | None]) -> float | None:
    """Average the margins over orders; None where one is missing, exactly 0 for a tie.

    Counted replies can be all of one pole, an infinite margin; opposite ones in both orders tie.
    """
    known = [margin for margin in margins if margin is not None]
    if len(known) < len(margins):
        return None
    mean = sum(known) / len(known)
    return 0.0 if isnan(mean) or abs(mean) < TIE else mean


def _pole(margin: float, words: tuple[str, str]) -> str:
    if margin == 0:
        return "tie"
    return words[int(margin > 0)]


def _margin(columns: Columns, row: int, order: str) -> float | None:
    """Read nats for the high pole; a parsed letter counts as one nat."""
    if columns["status"][row] != "ok":
        return None
    logp = columns["logp"][row]
    if isinstance(logp, list):
        second, first = logp  # by value: that of B, 0, then that of A, 1
        margin = float(first - second)
    else:
        margin = 2 * _number(columns["value"][row]) - 1
    return margin if order == ORDERS[0] else -margin


def _number(value: object) -> float:
    assert isinstance(value, float)
    return value
