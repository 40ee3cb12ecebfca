"""Near-duplicates: SimHash as published, every pair within the threshold found, recall checked."""

from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest

from personae.core import Persona
from personae.generate.quality.near_duplicates import (
    MinHash,
    SameFacts,
    SimHash,
    VectorCosine,
    _later_rows,
    duplicate_rows,
)
from personae.generate.quality.text_hashes import simhashes
from personae.personas import persona_frame

SUNDAY = (
    "On Sunday the small harbour was so quiet that one could hear the ropes of the boats knock "
    "against the masts whenever a gull took off."
)
OTHER = (
    "Nobody in the laboratory had expected the old microscope to matter again, yet it solved the "
    "riddle of the blue crystals within an hour."
)


def frame(texts: list[str]) -> pl.DataFrame:
    return persona_frame(Persona(id=str(i), text=t) for i, t in enumerate(texts))


def bits(first_text: str, second_text: str) -> int:
    hashes, _ = simhashes(pl.Series([first_text, second_text]))
    return int(np.bitwise_count(hashes[0] ^ hashes[1]))


def test_simhash_values() -> None:
    assert bits(SUNDAY, SUNDAY) == 0
    assert int(simhashes(pl.Series(["abc"]))[0][0]) == 0xD6963F7D28E17F72
    assert bits("abc", "abd") == 30


def test_simhash_distinguishes_an_edit_from_another_text() -> None:
    monday = SUNDAY.replace("Sunday", "Monday")
    same = SimHash()
    assert bits(SUNDAY, monday) <= 3
    assert bits(SUNDAY, OTHER) > 15
    rows = frame([SUNDAY, OTHER, monday, "abc", "abd", "abc"])
    assert same.pairs(same.sign(rows)).tolist() == [[0, 2], [3, 5]]  # short: equal texts only


def edited(count: int) -> Iterator[str]:
    """Texts of random words, and copies with one or more words changed."""
    random = np.random.default_rng(0)
    words = [f"{a}{b}{c}" for a in "bdfghklmnprst" for b in "aeiou" for c in "ndrslm"]
    for _ in range(count):
        text = random.choice(words, 40)
        yield " ".join(text)
        for _ in range(int(random.integers(0, 3))):
            text[int(random.integers(40))] = random.choice(words)
        yield " ".join(text)


def test_banding_finds_every_pair_within_the_distance() -> None:
    """All pairs by brute force, those that share their top 16 bits or not."""
    rows = frame(list(edited(600)))
    same = SimHash()
    signs = same.sign(rows)
    hashes = signs[:, 0]
    is_near = np.bitwise_count(hashes[:, None] ^ hashes[None, :]) <= 3
    true_pairs = {(int(i), int(j)) for i, j in np.argwhere(np.triu(is_near, 1))}
    pairs = set(map(tuple, same.pairs(signs).tolist()))
    assert pairs == true_pairs and len(true_pairs) > 100
    top = hashes >> np.uint64(48)
    missed = sum(top[i] != top[j] for i, j in true_pairs)
    assert missed > 0.1 * len(true_pairs)  # what comparing within the top 16 bits alone would miss


def test_minhash_recall_against_true_overlap() -> None:
    texts = list(edited(400))
    grams = [{t.replace(" ", "")[i : i + 3] for i in range(len(t) - 2)} for t in texts]
    same = MinHash(similarity=0.7)
    pairs = set(map(tuple, same.pairs(same.sign(frame(texts))).tolist()))
    overlaps = {
        (i, i + 1): len(grams[i] & grams[i + 1]) / len(grams[i] | grams[i + 1])
        for i in range(0, len(texts), 2)
    }
    near_pairs = [p for p, o in overlaps.items() if o >= 0.85]
    assert len(near_pairs) > 100 and sum(p in pairs for p in near_pairs) / len(near_pairs) > 0.99
    assert all(overlaps.get(p, 0.0) > 0.5 for p in pairs)


@pytest.mark.parametrize("differ", [0, 1, 2])
def test_facts_that_nearly_agree_are_all_found(differ: int) -> None:
    random = np.random.default_rng(differ)
    values = random.integers(0, 4, (500, 9))
    values[250:] = values[:250]
    for row in values[250:]:
        row[random.integers(9, size=int(random.integers(0, 4)))] = 9
    paths = tuple(f"f/{i}" for i in range(9))
    people = persona_frame(
        Persona(id=str(i), facts=dict(zip(paths, map(str, row), strict=True)))
        for i, row in enumerate(values.tolist())
    )
    same = SameFacts(paths, differ)
    pairs = set(map(tuple, same.pairs(same.sign(people)).tolist()))
    differences = (values[:, None, :] != values[None, :, :]).sum(axis=2)
    true_pairs = {(int(i), int(j)) for i, j in np.argwhere(np.triu(differences <= differ, 1))}
    assert pairs == true_pairs and pairs
    duplicates = set(duplicate_rows(same, same.sign(people)).tolist())
    remaining = [i for i in range(500) if i not in duplicates]
    assert not any((i, j) in true_pairs for i in remaining for j in remaining if i < j)


def test_vectors_are_compared_all_with_all() -> None:
    table = {"a": [1.0, 0.0], "b": [0.99, 0.05], "c": [0.0, 1.0]}
    same = VectorCosine(lambda texts: np.array([table[t] for t in texts]), cosine=0.98)
    assert same.pairs(same.sign(frame(["a", "c", "b"]))).tolist() == [[0, 2]]


def test_of_a_chain_only_rows_alike_to_a_kept_one_are_removed() -> None:
    assert _later_rows(np.array([[0, 1], [1, 2], [2, 3]])).tolist() == [1, 3]
