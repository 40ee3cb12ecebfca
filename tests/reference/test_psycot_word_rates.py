"""Word rates fix which way the labels of the essays run (Yang et al. 2023, arXiv 2310.20256).

Rates per 100 words, Welch t of the texts labelled 1 against those labelled 0, without any model.
The published figures are for all 247 essays; the test data holds the first 124.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from personae.core import Estimate
from personae.datasets.labelled_texts import load_labelled
from personae.encoders.lexicon import Lexicon, load_lexicon
from personae.encoders.passages import passage
from personae.stats.effects.effect_sizes import mean_difference

Find = Callable[[str], Path]
LISTS = {"social": "we friend* party people fun us", "art": "art* dream*"}
"""The words that the published figures name; the other lists are ours."""
RATES = [
    ("social", "E", 1, 2.62),
    ("art", "O", 1, 2.69),
    ("negations", "A", -1, -2.85),
    ("swearing", "A", -1, -2.23),
    ("negative", "N", 1, 1.51),
    ("i", "N", 1, 1.75),
]


def rate(test_data: Find, name: str, scale: str) -> Estimate:
    corpus = load_labelled(str(test_data("psycot/essays_test.jsonl")))
    texts = [one for one in corpus.texts if int(one.id) < 124]
    passages = [passage(one.text) for one in texts]
    words = np.array([len(one.words) for one in passages])
    if name in LISTS:
        counts = Lexicon.of({name: LISTS[name].split()}).count(passages)[:, 0]
    else:
        part = "topics" if name in load_lexicon("topics").categories else "function words"
        lexicon = load_lexicon(part)
        counts = lexicon.count(passages)[:, lexicon.categories.index(name)]
    labels = np.array([one.labels[scale] for one in texts])
    shares = 100 * counts / words
    return mean_difference(shares[labels == 1], shares[labels == 0], of="text", unit="per 100")


@pytest.mark.parametrize(("name", "scale", "sign", "published"), RATES)
def test_the_direction_of_each_rate(
    test_data: Find, name: str, scale: str, sign: int, published: float
) -> None:
    assert np.sign(published) == sign
    assert rate(test_data, name, scale).value * sign > 0


def test_negations_alone_are_significant_on_this_half(test_data: Find) -> None:
    assert rate(test_data, "negations", "A").p < 0.005
    assert all(rate(test_data, n, s).p > 0.05 for n, s, _, _ in RATES if n != "negations")
