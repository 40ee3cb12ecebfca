"""What the labels of Yang et al. (2023, arXiv 2310.20256) alone give: shares and floors.

The paper tested on 247 essays and 200 authors of posts; the test data holds the first 124 and 100.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from personae.datasets.labelled_texts import Labelled, load_labelled
from personae.stats.prediction.classification import accuracy, floor_predictions, macro_f1

Find = Callable[[str], Path]
HALF = {"O": 65, "C": 65, "E": 69, "A": 64, "N": 60}
WHOLE = {"IE": (48, 152), "SN": (173, 27), "FT": (85, 115), "JP": (122, 78)}
"""Authors of the high and of the low pole, among the 200 of the paper."""
PUBLISHED = {"IE": (0.760, 0.432), "SN": (0.865, 0.464), "FT": (0.575, 0.365), "JP": (0.610, 0.379)}
OURS = {"IE": (0.710, 0.415), "SN": (0.860, 0.462), "FT": (0.600, 0.375), "JP": (0.690, 0.408)}


def texts(test_data: Find, name: str, count: int) -> list[Labelled]:
    corpus = load_labelled(str(test_data(f"psycot/{name}")))
    return [one for one in corpus.texts if int(one.id) < count]


def test_shares_of_the_essays(test_data: Find) -> None:
    found = texts(test_data, "essays_test.jsonl", 124)
    assert len(found) == 124
    assert {s: sum(one.labels[s] for one in found) for s in HALF} == HALF


def test_no_author_of_posts_is_too_short_to_show(test_data: Find) -> None:
    found = texts(test_data, "kaggle_mbti_test.jsonl", 100)
    assert round(float(np.mean([len(one.posts) for one in found])), 1) == 47.9
    assert all(one.excerpt.startswith("Post 1: ") for one in found)


@pytest.mark.parametrize("scale", PUBLISHED)
def test_majority_floor(test_data: Find, scale: str) -> None:
    high, low = WHOLE[scale]
    assert floor([1] * high + [0] * low) == PUBLISHED[scale]
    authors = texts(test_data, "kaggle_mbti_test.jsonl", 100)
    assert floor([one.labels[scale] for one in authors]) == OURS[scale]


def test_how_much_two_hundred_authors_can_tell() -> None:
    """An accuracy of .70 is known to within about 6 points."""
    found = accuracy([1] * 200, [1] * 140 + [0] * 60)
    assert (found.high - found.low) / 2 == pytest.approx(0.063, abs=0.003)


def floor(truth: list[int]) -> tuple[float, float]:
    guess = floor_predictions(truth, [1.0] * len(truth))["majority"]
    right, f1 = accuracy(truth, guess), macro_f1(truth, guess)
    return round(right.value, 3), round(f1.value, 3)
