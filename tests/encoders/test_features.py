"""Passages, lexicon and features: the hand values and invariants of Kerz et al. 2022."""

import random
from collections.abc import Sequence
from math import isnan

import numpy as np
import pytest

from personae.core import UnknownName
from personae.encoders.lexicon import Lexicon, load_lexicon
from personae.encoders.passages import passage, syllables
from personae.encoders.prose import complexity, readability, richness, syntax
from personae.encoders.text_features import FAMILIES, Features, feature_table

NATIVE = [name for name in FAMILIES if name not in ("embedding", "sentiment")]
CAT = "The cat sat on the mat."
TEN = "the cat sat on the mat the dog sat too"


def counted(sizes: Sequence[tuple[int, int]]) -> str:
    """Sentences of so many words and commas."""
    return " ".join(" ".join(["word"] * words) + "," * commas + "." for words, commas in sizes)


def test_a_ratio_is_taken_over_the_whole_text() -> None:
    text = counted([(4, 1), (6, 3), (8, 5), (2, 7)])
    commas = feature_table([text], ["syntax"]).column("syntax", "commas")
    assert commas == pytest.approx([16 / 20])  # not the mean of the sentences' ratios


def test_richness_by_hand() -> None:
    ten = passage(TEN)
    values = richness(ten)
    assert (len(ten.words), len(set(ten.words))) == (10, 7)
    assert values["TTR"] == pytest.approx(0.70)
    assert values["root TTR"] == pytest.approx(2.2136, abs=1e-4)
    assert values["Herdan"] == pytest.approx(0.8451, abs=1e-4)
    assert values["Yule K"] == pytest.approx(800)
    fifty = [a + b for a in "abcde" for b in "fghijklmno"]
    moving = passage(" ".join([*fifty, fifty[-1]]))  # windows of 50 and of 49 different words
    assert richness(moving)["MATTR"] == pytest.approx((1 + 49 / 50) / 2)


def test_readability_by_hand() -> None:
    cat = passage(CAT)
    assert (len(cat.words), cat.syllables, cat.letters, len(cat.sentences)) == (6, 6, 17, 1)
    values = readability(cat)
    assert values["Flesch"] == pytest.approx(116.145)
    assert values["Flesch-Kincaid"] == pytest.approx(-1.45)
    assert values["ARI"] == pytest.approx(-5.085)


def test_a_text_twice_changes_no_average() -> None:
    text = "My uncle sold the boat. We never asked why, and nobody told us! Did it matter?"
    once, twice = passage(text), passage(f"{text} {text}")
    assert set(twice.words) == set(once.words)
    for name, value in readability(once).items():
        assert readability(twice)[name] == pytest.approx(value, abs=1e-9)
    assert syntax(twice)["words a sentence"] == syntax(once)["words a sentence"]
    assert richness(twice)["TTR"] == pytest.approx(richness(once)["TTR"] / 2)
    assert len(twice.sentences) == 2 * len(once.sentences)


def test_deflate_reflects_repetition_and_disorder() -> None:
    text = "The old man went down to the water and washed his hands in the cold stream. "
    alone = complexity(passage(text))["deflated"]
    assert complexity(passage(text * 20))["deflated"] < 0.3 * alone
    letters = list(text * 5)
    random.Random(1).shuffle(letters)
    mixed = complexity(passage("".join(letters)))["deflated"]
    assert mixed > complexity(passage(text * 5))["deflated"]


@pytest.mark.parametrize("text", ["", "   ", "...", "?!"])
def test_what_is_undefined_is_nan_never_zero(text: str) -> None:
    table = feature_table([text], NATIVE)
    ratios = [k for k, (family, _) in enumerate(table.columns) if family != "complexity"]
    assert np.isnan(table.values[0, ratios]).all()


def test_sentences_without_ends_are_cut_into_twenties() -> None:
    unended = passage("word " * 90)
    assert [len(w) for w in unended.words_of] == [20, 20, 20, 20, 10]
    assert len(passage("Mr. Lee and Dr. Wu met at 5.30 p.m. today. They ate.").sentences) == 2


def test_syllables_mostly_agree_with_a_dictionary() -> None:
    known = {
        "people": 2,
        "walked": 1,
        "created": 3,
        "houses": 2,
        "simple": 2,
        "apple": 2,
        "idea": 3,
        "makes": 1,
        "business": 3,
        "everyone": 4,
        "tables": 2,
        "loved": 1,
        "beautiful": 3,
        "the": 1,
        "strength": 1,
        "university": 5,
    }
    right = sum(syllables(word) == count for word, count in known.items())
    assert right / len(known) >= 0.7


def test_counts_are_those_of_a_loop_over_words() -> None:
    lexicon = load_lexicon("topics")
    texts = ["I love my mother, my friends and loud parties.", "Nobody planned the receipts.", ""]
    counts = lexicon.count([passage(text) for text in texts])
    for row, text in zip(counts, texts, strict=True):
        by_hand = np.zeros(len(lexicon.categories))
        for word in passage(text).words:
            by_hand[list(lexicon.find(word))] += 1
        assert np.array_equal(row, by_hand)
    assert counts[1, lexicon.categories.index("order")] == 2


def test_a_word_counts_once_in_a_category() -> None:
    lexicon = Lexicon.of({"a": ["run*", "runn*", "running"], "b": ["x"]})
    assert lexicon.find("running") == (0,)
    assert lexicon.count([passage("Running x running")]).tolist() == [[2.0, 1.0]]


def test_unknown_names_come_with_near_ones() -> None:
    with pytest.raises(UnknownName, match="did you mean 'topics'"):
        feature_table(["x"], ["topic"])
    with pytest.raises(UnknownName, match="nown: commas"):
        Features((("syntax", "commas"),), np.zeros((1, 1))).column("syntax", "colons")
    with pytest.raises(UnknownName):
        load_lexicon("animals")


def test_sentiment_separates_praise_from_blame() -> None:
    pytest.importorskip("vaderSentiment")
    compound = feature_table(
        ["What a lovely, wonderful day!", "I hate this horrible mess.", ""], ["sentiment"]
    ).column("sentiment", "compound")
    assert compound[0] > 0.5 and compound[1] < -0.5 and isnan(compound[2])
