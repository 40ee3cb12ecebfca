"""Characters: what they say, and the five levels in 0..1 that they are said to have.

A row of a JSONL file is `{"character", "utterances", "ocean": [O, C, E, A, N]}`. Simulated
characters speak Personae's own sentences: each says of a trait drawn at random the high sentence as
often as their level is high. So their levels are known, and so is how well they can be read at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from personae.core import BIG_FIVE, Array, BadFile, BadValue, data_json, json_lines

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


def load_characters(path: str | Path) -> list[Character]:
    """Read characters of a JSONL file; utterances without text are dropped by the caller's count.

    Raises:
        BadFile: not such a file; the message names the line.
    """
    found = []
    for where, row in json_lines(Path(path)):
        if isinstance(row, BadFile):
            raise row
        try:
            name, said, ocean = row["character"], row["utterances"], row["ocean"]  # type: ignore[index]
            texts = tuple(str(text) for text in said)
            found.append(
                Character(name=str(name), utterances=texts, ocean=tuple(float(x) for x in ocean))
            )
        except (KeyError, TypeError, ValueError, BadValue) as error:
            raise BadFile(
                f'{where}: a row is {{"character", "utterances": [TEXT], "ocean": [five levels in '
                f"0..1]}} ({error})"
            ) from error
    if len({c.name for c in found}) < len(found) or not found:
        raise BadFile(f"{path}: at least one character, each named once")
    return found


def simulated_characters(
    count: int, utterances: int, part: slice = slice(None), seed: int = 0
) -> list[Character]:
    """Draw characters with levels uniform in 0..1 who speak a part of the shipped sentences.

    >>> ada, = simulated_characters(1, 3)
    >>> len(ada.utterances), [round(level, 2) for level in ada.ocean]
    (3, [0.64, 0.27, 0.04, 0.02, 0.81])
    """
    random = np.random.default_rng(seed)
    pairs = [data_json("contrast_pairs.json")["statements"][trait][part] for trait in BIG_FIVE]
    made = []
    for number in range(count):
        ocean = random.random(5)
        said = []
        for _ in range(utterances):
            trait = int(random.integers(5))
            high, low = pairs[trait][int(random.integers(len(pairs[trait])))]
            said.append(high if random.random() < ocean[trait] else low)
        made.append(
            Character(
                name=f"simulated {number + 1}",
                utterances=tuple(said),
                ocean=tuple(float(x) for x in ocean),
            )
        )
    return made


def ideal_levels(characters: Sequence[Character]) -> Array:
    """Read simulated characters as well as can be: the posterior mean of each level, (n, 5).

    High sentences counted, with one more on each side, since levels are drawn uniformly. NaN for
    characters who say something else.
    """
    statements = data_json("contrast_pairs.json")["statements"]
    place = {
        text: (row, side)
        for row, trait in enumerate(BIG_FIVE)
        for pair in statements[trait]
        for side, text in enumerate(pair)
    }
    found = np.full((len(characters), 5), np.nan)
    for number, character in enumerate(characters):
        if all(text in place for text in character.utterances):
            counts = np.ones((5, 2))
            for text in character.utterances:
                counts[place[text]] += 1
            found[number] = counts[:, 0] / counts.sum(axis=1)
    return found
