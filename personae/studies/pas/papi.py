"""People's answers to the IPIP-NEO-300 as published for PAPI, minus-keyed items reversed back.

The stored answers to minus-keyed items are already reversed: "Cheat to get ahead" has a mean of
4.1. The literal answer is 6 less the stored value, and only that may be shown in a prompt or
compared with a model's literal answer. The published code used the stored values for both.
Source: Zhu, Weng, Yang & Zhang 2024 (arXiv 2408.11779), files of Johnson's repository.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from personae.core import (
    Array,
    BadFile,
    BadValue,
    Inventory,
    content_key,
    load_inventory,
    parse_json,
    read_text,
)

__all__ = ["FLOORS", "Panel", "load_papi", "simulated_panel", "trait_errors"]

LIMIT = 64 << 20
FLOORS = (
    "always 3",
    "mean of the others",
    "own trait mean",
    "own facet mean",
    "own facet mean, rounded",
)


@dataclass(frozen=True, eq=False)
class Panel:
    """People and their keyed answers, (people, items), 1 to 5, NaN where missing.

    Items are those of `tool`; `tag` names the people's source and content.
    """

    ids: tuple[str, ...]
    keyed: Array
    tag: str

    def __post_init__(self) -> None:
        if len(set(self.ids)) != len(self.ids):
            raise BadValue("every person has an id of their own")
        if self.keyed.shape != (len(self.ids), len(self.tool.items)):
            raise BadValue(f"answers are (people, {len(self.tool.items)}), not {self.keyed.shape}")

    @property
    def tool(self) -> Inventory:
        """The questionnaire."""
        return load_inventory("ipip-neo-300")

    @cached_property
    def keys(self) -> NDArray[np.int64]:
        """+1 or -1 for each item."""
        return np.array([item.key for item in self.tool.items])

    @cached_property
    def raw(self) -> Array:
        """Literal answers, (people, items): 6 less the keyed value of minus-keyed items."""
        return np.where(self.keys > 0, self.keyed, 6 - self.keyed)

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Mask (items,) of the short form's 120 items, which are known; the others are asked."""
        short = {item.text for item in load_inventory("ipip-neo-120").items}
        return np.array([item.text in short for item in self.tool.items])

    def take(self, count: int, seed: int = 0) -> "Panel":
        """Draw `count` people at random, or all if there are fewer."""
        chosen = np.sort(np.random.default_rng(seed).permutation(len(self.ids))[:count])
        return self.only([self.ids[i] for i in chosen])

    def only(self, ids: Sequence[str]) -> "Panel":
        """Keep the people named, in this order."""
        rows = [self.ids.index(who) for who in ids]
        return Panel(tuple(ids), self.keyed[rows], self.tag)

    def floor(self, name: str, known: NDArray[np.bool_] | None = None) -> Array:
        """Predict keyed answers, points (people, items), without a model; names as in FLOORS.

        `mean of the others` leaves the person out. A person's own means are over the known items,
        the 120 unless others are given; a facet without a known item takes its trait's mean.

        Raises:
            BadValue: an unknown floor.
        """
        if name not in FLOORS:
            raise BadValue(f"a floor is one of {FLOORS}, not {name!r}")
        if name == "always 3":
            return np.full_like(self.keyed, 3.0)
        if name == "mean of the others":
            counts = (~np.isnan(self.keyed)).sum(axis=0) - ~np.isnan(self.keyed)
            sums = np.nansum(self.keyed, axis=0) - np.nan_to_num(self.keyed)
            return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        mask = self.known if known is None else known
        means = self._own(mask, [i.scale for i in self.tool.items])
        if name != "own trait mean":
            facets = self._own(mask, [f"{i.scale}:{i.facet}" for i in self.tool.items])
            means = np.where(np.isnan(facets), means, facets)
        return np.rint(means) if name.endswith("rounded") else means

    def _own(self, known: NDArray[np.bool_], labels: Sequence[str]) -> Array:
        """Predict each item by the person's mean over the known items of the same label."""
        names = np.array(labels)
        guesses = np.full_like(self.keyed, np.nan)
        for label in np.unique(names):
            means = _row_means(self.keyed[:, (names == label) & known])
            guesses[:, names == label] = means[:, None]
        return guesses


def _row_means(values: Array) -> Array:
    """Average rows over their known cells; NaN where a row has none."""
    count = (~np.isnan(values)).sum(axis=1)
    return np.where(count > 0, np.nansum(values, axis=1) / np.maximum(count, 1), np.nan)


def trait_errors(predicted: Array, truth: Array, scales: Sequence[str]) -> Mapping[str, Array]:
    """Average |predicted - truth| over each trait's items: points, (people,) for each trait.

    Missing answers are left out; NaN where a person has none. The published composite is the sum
    over the five traits: 0 is best, 20 worst (Zhu et al. 2024).

    Args:
        predicted: answers in 1..5, (people, items), all keyed or all literal.
        truth: the people's answers, of the same shape and kind.
        scales: the trait of each item.

    >>> trait_errors(np.array([[3.0, 3.0, 3.0]]), np.array([[5.0, np.nan, 3.0]]), "EEN")["E"]
    array([2.])
    """
    errors = np.abs(predicted - truth)
    labels = np.array(list(scales))
    return {scale: _row_means(errors[:, labels == scale]) for scale in dict.fromkeys(scales)}


def load_papi(path: str | Path) -> Panel:
    """Read a file of people with the fields i1 to i300: 1 to 5, or 0 where missing.

    Raises:
        BadFile: not such a file; the message names the person and the field.
    """
    file = Path(path)
    rows = parse_json(read_text(file, LIMIT), str(file))
    if not isinstance(rows, list) or not rows:
        raise BadFile(f"{file}: people are a list of objects with the fields case, i1, ..., i300")
    table = np.array([_answers(row, index, file) for index, row in enumerate(rows)])
    ids = tuple(f"{row.get('case', 'person')}#{index}" for index, row in enumerate(rows))
    keyed = np.where(table == 0, np.nan, table)
    return Panel(ids, keyed, f"papi@{len(ids)}+{content_key(table.tolist())[:8]}")


def _answers(row: object, index: int, file: Path) -> list[float]:
    if not isinstance(row, dict):
        raise BadFile(f"{file}: person {index} is not an object")
    values = []
    for number in range(1, 301):
        value = row.get(f"i{number}")
        if type(value) is not int or not 0 <= value <= 5:
            raise BadFile(f"{file}: person {index}: i{number} is 1 to 5, or 0, not {value!r}")
        values.append(float(value))
    return values


def simulated_panel(count: int, seed: int = 0) -> Panel:
    """Simulate people: normal traits, facets scattered around them, answers around both.

    Answers are 1 to 5, none missing. Our own, for the study without a file of people.

    >>> simulated_panel(2).keyed.shape
    (2, 300)
    """
    random = np.random.default_rng(seed)
    items = load_inventory("ipip-neo-300").items
    scales, facets = (
        list(dict.fromkeys(v))
        for v in ([i.scale for i in items], [(i.scale, i.facet) for i in items])
    )
    traits = random.normal(size=(count, len(scales)))
    around = random.normal(scale=0.6, size=(count, len(facets)))
    noise = random.normal(scale=0.8, size=(count, len(items)))
    level = np.stack(
        [
            3.3
            + 0.7 * traits[:, scales.index(i.scale)]
            + around[:, facets.index((i.scale, i.facet))]
            for i in items
        ],
        axis=1,
    )
    keyed = np.clip(np.rint(level + noise), 1, 5)
    return Panel(tuple(f"simulated {i + 1}" for i in range(count)), keyed, f"simulated:seed={seed}")
