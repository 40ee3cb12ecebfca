"""How small a shift of a trait can be and still be seen, by what is weighed.

Planted on the embedded model: all adjectives of one domain, "extremely" high and low, for each of
the five; and eight system texts without content, which ask for nothing. Each design weighs the same
first-person statements of IPIP-NEO; what differs is with what a statement is compared. A shift is
an arm's value less the mean of the content-free texts', keyed, in nats a token, averaged over
wordings. Its error has two parts: items differ, and texts without content differ from each other.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import sqrt

import numpy as np
from scipy import stats

from personae.core import Array, Chooser, Inventory, Persona, Request, load_inventory, say
from personae.induce.prompt.prompt_inductions import adjectives, own_text
from personae.measure.blank_question import per_token
from personae.measure.inventories.forms import wording
from personae.measure.inventories.statements import statement_pairs
from personae.models.opening import open_model
from personae.traits.item_grammar import item_text

WORDINGS = ("plain", "mpi", "whois")
DOMAINS = "NEOAC"
TEXTS = (
    "You are about to read some text. It is about ordinary things, such as a table, the weather, "
    "a street or a piece of paper. The text is neither long nor short.",
    "This conversation takes place on a weekday. The room has a window and a chair.",
    "You will be given a question. Read it and answer it in English.",
    "The date is the third of May. The text below was typed on a keyboard and has ordinary "
    "spelling.",
    "You are a participant in this conversation. It has two sides, and each side takes a turn.",
    "Numbers follow one another. A street has houses on both of its sides, and some have a garden.",
    "The following lines belong to a longer document. The document has several pages, and each "
    "page has a number.",
    "You live in a house. There is a road near the house, and in the morning it gets light.",
)
"""System texts that ask for nothing."""
NEGATIONS = (
    (r"^I am not\b", "I am"),
    (r"^I (?:don't|do not)\b", "I"),
    (r"^I can't\b", "I can"),
    (r"^I am\b", "I am not"),
    (r"^I can\b", "I can't"),
    (r"^I would never\b", "I would"),
    (r"^I (?:never|seldom|rarely) ", "I often "),
    (r"^I ", "I don't "),
)
LEVEL = 0.05 / len(DOMAINS)
SEEN = stats.norm.ppf(1 - LEVEL / 2) + stats.norm.ppf(0.8)
"""Errors that a shift must be, to be found in four of five runs at the level of five domains."""


def negation(sentence: str) -> str:
    for pattern, put in NEGATIONS:
        changed = re.sub(pattern, put, sentence)
        if changed != sentence:
            return changed
    return f"It isn't true that {sentence[0].lower()}{sentence[1:]}"


@dataclass(frozen=True, slots=True)
class Items:
    """One inventory's statements and their negations; `place` is a sentence's in the list asked."""

    inventory: Inventory
    place: Mapping[str, int]

    def sentences(self) -> tuple[list[int], list[int]]:
        said = [f"{item_text(self.inventory, i, 'first')}." for i in self.inventory.items]
        return [self.place[s] for s in said], [self.place[negation(s)] for s in said]

    def column(self, name: str) -> Array:
        return np.array([getattr(item, name) for item in self.inventory.items])


def everything(inventories: list[Inventory]) -> dict[str, int]:
    said = [f"{item_text(i, item, 'first')}." for i in inventories for item in i.items]
    return {s: k for k, s in enumerate(dict.fromkeys([*said, *map(negation, said)]))}


def weighed(model: Chooser, place: Mapping[str, int], name: str) -> Array:
    """Return the log-likelihood of each sentence as a reply, shape (sentences,), nats a token."""
    request = wording(name)["request"]
    chat = say(request["user"], system=request["system"])
    return per_token(model.choose([Request(chat, tuple((s,) for s in place))])[0])


def keyed_units(design: str, items: Items, rates: Array) -> tuple[Array, Array]:
    """Return each unit's keyed value under a design, and each unit's domain."""
    said, denied = items.sentences()
    key, scale = items.column("key"), items.column("scale")
    if design == "opposite pairs":
        index = {item.id: k for k, item in enumerate(items.inventory.items)}
        pairs = statement_pairs(items.inventory)
        high = rates[[said[index[p.positive.id]] for p in pairs]]
        low = rates[[said[index[p.negative.id]] for p in pairs]]
        return (high - low) / 2, np.array([p.scale for p in pairs])
    values = rates[said] if design == "items alone" else (rates[said] - rates[denied]) / 2
    return (values - values.mean()) * key, scale


def measured(design: str, items: Items, by_wording: list[Array]) -> tuple[Array, Array]:
    units = [keyed_units(design, items, rates) for rates in by_wording]
    return np.mean([values for values, _ in units], axis=0), units[0][1]


@dataclass(frozen=True, slots=True)
class Figures:
    """What one design finds. Shares are of the model's own reach: extremely high less low."""

    reach: float
    item_error: float
    text_error: float
    planted: int
    blind_alarms: float
    alarms: float


def by_domain(units: Array, scale: Array) -> tuple[Array, Array]:
    """Return the mean and its standard error over items, each of shape (domains,)."""
    groups = [units[scale == d] for d in DOMAINS]
    return (
        np.array([g.mean() for g in groups]),
        np.array([g.std(ddof=1) / sqrt(g.size) for g in groups]),
    )


def p_values(shift: Array, item: Array, text: float, texts: int) -> Array:
    """Test shifts against items and texts; the texts' variance is pooled over domains."""
    part = text**2 * (1 + 1 / texts)
    error = np.sqrt(item**2 + part)
    freedom = error**4 / (part**2 / (len(DOMAINS) * (texts - 1)) + item**4 / 20 + 1e-300)
    return np.asarray(2 * stats.t.sf(abs(shift) / error, freedom))


def figures(design: str, items: Items, rates: Mapping[str, list[Array]]) -> Figures:
    values = {arm: measured(design, items, by_wording) for arm, by_wording in rates.items()}
    scale = values["text 0"][1]
    blank = np.array([values[f"text {k}"][0] for k in range(len(TEXTS))])
    means = np.array([by_domain(row, scale)[0] for row in blank])
    text = sqrt(means.var(axis=0, ddof=1).mean())
    reach, errors, planted = [], [], 0
    for k, domain in enumerate(DOMAINS):
        high, low = (values[f"{domain}{sign}"][0] for sign in "+-")
        reach.append(by_domain(high - low, scale)[0][k])
        for side, sign in ((high, 1), (low, -1)):
            shift, error = by_domain(side - blank.mean(axis=0), scale)
            errors.append(error[k])
            p = p_values(shift, error, text, len(TEXTS))[k]
            planted += bool(sign * shift[k] > 0 and p < LEVEL)
    blind, honest = [], []
    for left in range(len(TEXTS)):
        others = np.delete(blank, left, axis=0)
        shift, error = by_domain(blank[left] - others.mean(axis=0), scale)
        spread = sqrt(np.delete(means, left, axis=0).var(axis=0, ddof=1).mean())
        blind.append((2 * stats.t.sf(abs(shift) / error, 30) < LEVEL).any())
        honest.append((p_values(shift, error, spread, len(others)) < LEVEL).any())
    share = 1 / float(np.mean(reach))
    return Figures(
        reach=float(np.mean(reach)),
        item_error=share * float(np.mean(errors)),
        text_error=share * text,
        planted=planted,
        blind_alarms=float(np.mean(blind)),
        alarms=float(np.mean(honest)),
    )


def arms() -> dict[str, tuple[str, Persona]]:
    blank = {f"text {k}": ("text", Persona(id="blank", text=t)) for k, t in enumerate(TEXTS)}
    planted = {
        f"{d}{sign}": ("adjectives", Persona(id=d, traits={d: 2.0 if sign == "+" else -2.0}))
        for d, sign in product(DOMAINS, "+-")
    }
    return blank | planted


def main() -> None:
    model = open_model("smollm2")
    assert isinstance(model, Chooser)
    inventories = [load_inventory(f"ipip-neo-{n}") for n in (120, 300)]
    place = everything(inventories)
    rates: dict[str, list[Array]] = {}
    began = time.process_time()
    for arm, (kind, persona) in arms().items():
        induction = adjectives() if kind == "adjectives" else own_text
        with induction(model, persona) as carrier:
            rates[arm] = [weighed(carrier, place, name) for name in WORDINGS]
    second = (time.process_time() - began) / (len(rates) * len(WORDINGS) * len(place))
    print(
        "| weighed | items | wordings | CPU s an arm | own reach, nats a token | error over items "
        "| error over texts | smallest shift seen | planted, of 10 | alarms, items alone "
        "| alarms |\n"
        "| --- " + "| --: " * 10 + "|"
    )
    for design, inventory, count in product(
        ("opposite pairs", "items alone", "items against negations"), inventories, (1, 3)
    ):
        items = Items(inventory, place)
        few = {arm: by_wording[:count] for arm, by_wording in rates.items()}
        f = figures(design, items, few)
        asked = len(inventory.items) * (2 if "negations" in design else 1) * count
        seen = SEEN * sqrt(f.item_error**2 + f.text_error**2 * (1 + 1 / len(TEXTS)))
        print(
            f"| {design} | {len(inventory.items)} | {count} | {asked * second:.1f} | "
            f"{f.reach:.3f} | {f.item_error:.2f} | {f.text_error:.2f} | {seen:.2f} | "
            f"{f.planted} | {f.blind_alarms:.2f} | {f.alarms:.2f} |"
        )
    print(
        "\nErrors and the smallest shift seen (80 % power, two-sided, five domains) are shares of "
        "the model's own reach. Planted: extremely high and low adjectives of each domain, found "
        f"against {len(TEXTS)} texts without content. Alarms: the share of those texts under which "
        "any domain shifts against the others, tested over items alone, or over items and texts."
    )
