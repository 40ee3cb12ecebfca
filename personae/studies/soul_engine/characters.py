"""Characters: their utterances, and their levels of the Big Five in 0..1.

A row of a JSONL file is `{"character", "utterances", "ocean": [O, C, E, A, N]}`. Simulated
characters speak Personae's own sentences: for a trait drawn at random, the probability of the high
sentence is the character's level. So both the levels and their best possible estimate are known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np

from personae.core import BIG_FIVE, Array, BadFile, BadValue, data_json, json_lines, typed

__all__ = ["Character", "ideal_levels", "load_characters", "simulated_characters"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """A name, what it says, and its levels in the order of OCEAN, each in 0..1."""

    name: str
    utterances: tuple[str, ...]
    ocean: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.ocean) != 5 or not all(0 <= level <= 1 for level in self.ocean):
            raise BadValue(f"character {self.name!r}: five levels in 0..1, not {self.ocean}")


class _Row(TypedDict):
    character: str
    utterances: tuple[str, ...]
    ocean: tuple[float, ...]


def load_characters(path: str | Path) -> list[Character]:
    """Read characters from a JSONL file, one a row.

    Utterances without text are kept; recording skips and counts them.

    Raises:
        BadFile: an invalid row, named by its line; no row, or a name that occurs twice.
    """
    characters = []
    for line, row in json_lines(Path(path)):
        if isinstance(row, BadFile):
            raise row
        fields = typed(row, _Row, f"{line}: not a character")
        try:
            characters.append(
                Character(
                    name=fields["character"],
                    utterances=fields["utterances"],
                    ocean=fields["ocean"],
                )
            )
        except BadValue as error:
            raise BadFile(f"{line}: {error}") from error
    if len({c.name for c in characters}) < len(characters) or not characters:
        raise BadFile(f"{path}: at least one character, each named once")
    return characters


def simulated_characters(
    count: int, utterances: int, part: slice = slice(None), seed: int = 0
) -> list[Character]:
    """Draw characters with levels uniform in 0..1 who speak some of the shipped sentences.

    Args:
        count: number of characters.
        utterances: number of sentences that each says.
        part: the slice of each trait's twelve pairs of sentences that they choose from.
        seed: seed of levels and sentences.

    >>> ada, = simulated_characters(1, 3)
    >>> len(ada.utterances), [round(level, 2) for level in ada.ocean]
    (3, [0.64, 0.27, 0.04, 0.02, 0.81])
    """
    random = np.random.default_rng(seed)
    pairs = [data_json("contrast_pairs.json")["statements"][trait][part] for trait in BIG_FIVE]
    characters = []
    for number in range(count):
        ocean = random.random(5)
        sentences = []
        for _ in range(utterances):
            trait = int(random.integers(5))
            high, low = pairs[trait][int(random.integers(len(pairs[trait])))]
            sentences.append(high if random.random() < ocean[trait] else low)
        characters.append(
            Character(
                name=f"simulated {number + 1}",
                utterances=tuple(sentences),
                ocean=tuple(float(level) for level in ocean),
            )
        )
    return characters


def ideal_levels(characters: Sequence[Character]) -> Array:
    """Estimate simulated characters' levels as well as possible: posterior means, (n, 5) in 0..1.

    Levels are uniform and a trait's sentences binomial, so the mean is that of a Beta
    distribution, (high + 1) / (all + 2) (Laplace's rule of succession; Gelman et al. 2013,
    Bayesian Data Analysis, section 2.1). NaN for characters who say anything else.
    """
    statements = data_json("contrast_pairs.json")["statements"]
    cells = {
        text: (row, side)
        for row, trait in enumerate(BIG_FIVE)
        for pair in statements[trait]
        for side, text in enumerate(pair)
    }
    levels = np.full((len(characters), 5), np.nan)
    for number, character in enumerate(characters):
        if all(text in cells for text in character.utterances):
            counts = np.ones((5, 2))
            for text in character.utterances:
                counts[cells[text]] += 1
            levels[number] = counts[:, 0] / counts.sum(axis=1)
    return levels
