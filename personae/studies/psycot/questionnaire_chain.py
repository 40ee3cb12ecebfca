"""A questionnaire as chain of thought: a model rates a text's author item by item, then concludes.

After Yang et al. 2023 (arXiv 2310.20256). Each text and scale has a conversation of its own: every
answer stands in the next turn, and the last turn asks which pole is likelier. The note about what
the items mean is made from their keys. The text comes before everything that differs between
scales, so that it is read once for all of them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from personae.core import (
    BIG_FIVE,
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
from personae.traits.item_grammar import item_text
from personae.traits.trait_words import trait_side

__all__ = ["CONCLUSION", "Chain", "keying_note", "poles"]

CONCLUSION = "conclusion"
"""The item of a row that holds a conclusion: nats for the high pole, over both orders."""
ORDERS = ("high-first", "low-first")
_FIELD = re.compile(r"\{(\w+)\}")
Thread = tuple[Message, ...]


def poles(tool: Inventory, scale: str) -> tuple[str, str]:
    """Give the words for the low and the high end of a scale.

    >>> from personae.core import load_inventory
    >>> poles(load_inventory("mpi-120"), "N"), poles(load_inventory("oejts"), "FT")
    (('emotionally stable', 'neurotic'), ('feeling', 'thinking'))
    """
    title = tool.scales[scale]
    low, to, high = title.lower().partition(" to ")
    if to:
        return low, high
    if scale in BIG_FIVE and BIG_FIVE[scale] == title:
        return trait_side(scale, -1).plain, trait_side(scale, 1).plain
    return f"low in {title.lower()}", f"high in {title.lower()}"


def keying_note(tool: Inventory, scale: str) -> str:
    """Say which statements speak for which pole, from the items' keys.

    >>> from personae.core import load_inventory
    >>> keying_note(load_inventory("mpi-120").few(2).keys_in_turn(), "E")
    'A high number for S0 means rather extraverted. A high number for S1 means rather introverted.'
    """
    items = tool.where(scale=scale).items
    said = []
    for key, pole in ((1, poles(tool, scale)[1]), (-1, poles(tool, scale)[0])):
        listed = [f"S{place}" for place, item in enumerate(items) if item.key == key]
        if listed:
            said.append(_fill("for", items=", ".join(listed), pole=pole))
    return " ".join(said)


@dataclass(frozen=True, eq=False)
class Chain:
    """One model that reads texts by one inventory.

    `channel` is `label`, which weighs the numbers and the letters, or `reply`, which parses
    what is said. `orders` are those in which the two poles are put in the last question. All
    texts and scales advance together: one turn of all of them is one batch.
    """

    model: Model
    tool: Inventory
    scales: tuple[str, ...]
    channel: str = "label"
    orders: tuple[str, ...] = ORDERS

    def __post_init__(self) -> None:
        if not self.tool.has_text:
            raise BadValue(
                f"inventory {self.tool.name!r} comes without item texts; give your own item file"
            )
        if strange := [s for s in self.scales if not self.tool.where(scale=s).items]:
            raise BadValue(f"inventory {self.tool.name!r} has no items of the scales {strange}")
        if self.channel not in ("label", "reply"):
            raise BadValue(f"the channel is 'label' or 'reply', not {self.channel!r}")
        if self.channel == "label" and not isinstance(self.model, Chooser):
            raise BadValue(f"{self.model.name!r} gives no likelihoods: use the channel 'reply'")

    def questionnaire(self, texts: Sequence[Labelled]) -> Answers:
        """Rate every item for every text, then conclude; one row an item and one a conclusion.

        An item without an answer is a row with its status, and leaves no trace in the
        conversation.
        """
        cases = [(one, scale) for one in texts for scale in self.scales]
        threads = [self._opening(one) for one, _ in cases]
        sheets = []
        items = {scale: self.tool.where(scale=scale).items for scale in self.scales}
        for turn in range(max(map(len, items.values()))):
            live = [k for k, (_, scale) in enumerate(cases) if turn < len(items[scale])]
            asked = [items[cases[k][1]][turn] for k in live]
            ask = [self._ask(cases[k][1], item, turn) for k, item in zip(live, asked, strict=True)]
            chats = [_next(threads[k], text) for k, text in zip(live, ask, strict=True)]
            columns = self._rate(chats, Sampling(max_tokens=12))
            for place, k in enumerate(live):
                if columns["status"][place] == "ok":
                    said = str(round(_number(columns["value"][place])))
                    threads[k] = (*chats[place], Message("assistant", said))
            sheets.append(self._rows([cases[k] for k in live], asked, columns))
        sheets.append(self._conclude(cases, threads, "last", "psycot"))
        return Answers.concat(sheets).tag(arm="psycot")

    def standard(self, texts: Sequence[Labelled]) -> Answers:
        """Ask for the pole at once, without items: the baseline."""
        cases = [(one, scale) for one in texts for scale in self.scales]
        threads = [self._opening(one) for one, _ in cases]
        return self._conclude(cases, threads, "direct", "standard").tag(arm="standard")

    def step_by_step(self, texts: Sequence[Labelled], sampling: Sampling) -> Answers:
        """Let the model reason in words, then ask for the pole: zero-shot chain of thought."""
        cases = [(one, scale) for one in texts for scale in self.scales]
        chats = []
        for one, scale in cases:
            low, high = poles(self.tool, scale)
            chats.append(_next(self._opening(one), _fill("think", low=low, high=high)))
        replies = self.model.reply(requests_of(chats), sampling)
        threads = [
            (*chat, Message("assistant", reply.text)) if reply.text.strip() else self._opening(one)
            for chat, reply, (one, _) in zip(chats, replies, cases, strict=True)
        ]
        return self._conclude(cases, threads, "direct", "step by step").tag(arm="step by step")

    def _opening(self, one: Labelled) -> Thread:
        data = data_json("chain.json")
        body = one.shown.replace("</text>", "")
        return (Message("system", data["system"]), Message("user", _fill("text", text=body)))

    def _ask(self, scale: str, item: Item, turn: int) -> str:
        put = _fill("item", number=turn, item=item_text(self.tool, item, "third"))
        parts = [f"{put}\n{data_json('chain.json')['how']}"]
        if turn == 0:
            options = "\n".join(s.line for s in self._shown())
            low, high = poles(self.tool, scale)
            last = len(self.tool.where(scale=scale).items) - 1
            note = keying_note(self.tool, scale)
            parts.insert(
                0, _fill("task", last=last, options=options, low=low, high=high, note=note)
            )
        return "\n\n".join(parts)

    def _shown(self) -> tuple[DisplayedOption, ...]:
        return tuple(
            DisplayedOption(str(o.value), o.text, o.value, f"{o.value}. {o.text}")
            for o in self.tool.options
        )

    def _rate(self, chats: Sequence[Chat], sampling: Sampling) -> Columns:
        return self._read(chats, self._shown(), sampling)

    def _read(
        self, chats: Sequence[Chat], shown: Sequence[DisplayedOption], sampling: Sampling
    ) -> Columns:
        if self.channel == "reply":
            return read_replies(self.model.reply(requests_of(chats), sampling), shown)
        assert isinstance(self.model, Chooser)
        forms = tuple((s.label, f" {s.label}") for s in shown)
        return read_labels([*self.model.choose(requests_of(chats, forms))], shown)

    def _rows(
        self, cases: Sequence[tuple[Labelled, str]], items: Sequence[Item], columns: Columns
    ) -> Answers:
        constant = {"inventory": self.tool.tag, "form": "chain", "channel": self.channel}
        return Answers.of(
            {
                **constant,
                "respondent": one.id,
                "scale": scale,
                "item": item.id,
                "facet": item.facet,
                "key": item.key,
                **{n: c[row] for n, c in columns.items()},
            }
            for row, ((one, scale), item) in enumerate(zip(cases, items, strict=True))
        )

    def _conclude(
        self, cases: Sequence[tuple[Labelled, str]], threads: Sequence[Thread], ask: str, form: str
    ) -> Answers:
        """Ask for the pole in each order; `value` is the mean margin, a tie is exactly 0."""
        question = data_json("chain.json")[ask]
        margins: list[list[float | None]] = [[] for _ in cases]
        status: list[tuple[str, str]] = [("ok", "")] * len(cases)
        for order in self.orders:
            chats, shown = [], []
            for (_, scale), thread in zip(cases, threads, strict=True):
                pair = _pair(poles(self.tool, scale), order)
                shown.append(pair)
                choice = _fill("choice", first=pair[0].text, second=pair[1].text)
                chats.append(_next(thread, f"{question}\n{choice}"))
            columns = self._read(chats, shown[0], Sampling(max_tokens=24))
            for row in range(len(cases)):
                margins[row].append(_margin(columns, row, order))
                if columns["status"][row] != "ok":
                    status[row] = (str(columns["status"][row]), str(columns["why"][row]))
        rows = []
        for (one, scale), found, (state, why) in zip(cases, margins, status, strict=True):
            known = [m for m in found if m is not None]
            value = sum(known) / len(known) if len(known) == len(found) else None
            if value is not None and abs(value) < 1e-9:
                value = 0.0
            rows.append(
                {
                    "inventory": self.tool.tag,
                    "respondent": one.id,
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
                    "raw": "" if value is None else ("tie", *poles(self.tool, scale))[_side(value)],
                }
            )
        return Answers.of(rows)


def _side(margin: float) -> int:
    return 0 if margin == 0 else 1 + (margin > 0)


def _pair(words: tuple[str, str], order: str) -> tuple[DisplayedOption, DisplayedOption]:
    """List the two poles; the value of either order is that of the letter, A first."""
    first, second = words[::-1] if order == ORDERS[0] else words
    return DisplayedOption("A", first, 1, f"A. {first}"), DisplayedOption(
        "B", second, 0, f"B. {second}"
    )


def _margin(columns: Columns, row: int, order: str) -> float | None:
    """Read nats for the high pole; a parsed letter counts as one nat."""
    if columns["status"][row] != "ok":
        return None
    logp = columns["logp"][row]
    if isinstance(logp, list):
        second, first = logp  # from the low value, that of B, to the high one, of A
        margin = float(first - second)
    else:
        margin = 2 * _number(columns["value"][row]) - 1
    return margin if order == ORDERS[0] else -margin


def _number(value: object) -> float:
    assert isinstance(value, float)
    return value


def _next(thread: Thread, text: str) -> Chat:
    """Add a user's turn; the text of the author and the first question are one turn."""
    if thread[-1].role == "user":
        return (*thread[:-1], Message("user", f"{thread[-1].text}\n\n{text}"))
    return (*thread, Message("user", text))


def _fill(name: str, **fields: object) -> str:
    """Fill a template in one pass, so that braces in a text stay plain text."""
    template: str = data_json("chain.json")[name]
    known: Mapping[str, object] = fields
    return _FIELD.sub(lambda found: str(known[found[1]]), template)
