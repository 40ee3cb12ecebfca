"""Trained readers: nothing of the test authors leaks, and what is not there is not found."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from personae.core import BadValue, InputError, ModelUnavailable, UnknownName
from personae.datasets.labelled_texts import Corpus, Labelled, load_labelled
from personae.encoders.sentence_encoder import open_encoder
from personae.encoders.text_features import feature_table
from personae.readers.text.reader_skill import skill_table, skills
from personae.readers.text.self_descriptions import POOLS, self_descriptions
from personae.readers.text.trained_readers import (
    Reader,
    ReaderTraining,
    _pipeline,
    _splits,
    train_reader,
)
from personae.stats.prediction.classification import auc
from tests.support.extras import needs

pytestmark = needs("sklearn")

WORDS = ReaderTraining(recipe="words", folds=4, penalties=(1.0,))
LOADED = {"E": ("loud party crowd", "quiet alone silent"), "N": ("afraid worry", "calm easy")}
PLAIN = "the day went on and we walked along the river to the old bridge near town".split()


def loaded(texts: int = 120, seed: int = 0) -> Corpus:
    """Neutral words with a few words of the author's poles; three texts an author."""
    random = np.random.default_rng(seed)
    rows = []
    for author in range(texts // 3):
        labels = {scale: int(random.integers(0, 2)) for scale in LOADED}
        for k in range(3):
            words = list(random.choice(PLAIN, 14))
            for scale, (high, low) in LOADED.items():
                words += list(random.choice((high if labels[scale] else low).split(), 2))
            random.shuffle(words)
            rows.append(
                Labelled(id=f"{author}-{k}", labels=labels, group=str(author), text=" ".join(words))
            )
    return Corpus(name="loaded", source="made for a test", tag="loaded", texts=tuple(rows))


def signed(seed: int = 0) -> Corpus:
    """No signal but a signature: each author has words of their own, and a label by chance."""
    random = np.random.default_rng(seed)
    rows = []
    for author in range(30):
        label = author % 2
        for k in range(4):
            words = [*random.choice(PLAIN, 12), *[f"signature{chr(97 + author % 26)}{author}"] * 4]
            rows.append(
                Labelled(
                    id=f"{author}-{k}", labels={"E": label}, group=str(author), text=" ".join(words)
                )
            )
    return Corpus(name="signed", source="made for a test", tag="signed", texts=tuple(rows))


@pytest.fixture(scope="module")
def reader() -> Reader:
    return train_reader(loaded(), ("E", "N"), WORDS)


def test_known_loadings_are_detected_and_shuffled_labels_are_not(reader: Reader) -> None:
    skill = skills(reader)
    for scale in ("E", "N"):
        assert skill[scale].auc.value > 0.8 and skill[scale].above_chance
        assert skill[scale].shuffled.low <= 0.5 <= skill[scale].shuffled.high
        assert skill[scale].accuracy.value > max(skill[scale].floors.values())
    table = skill_table(skill, reader)
    assert {"AUC, shuffled labels", "accuracy, majority", "training share high"} <= {*table.columns}


def test_shuffled_labels_are_at_chance_on_average() -> None:
    """Within-fold ranks: pooled outputs would lie below one half without any signal."""
    values = []
    for seed in range(5):
        held = train_reader(loaded(60, seed), ("E",), replace(WORDS, seed=seed)).held_out["E"]
        values.append(auc(held.permuted, held.shuffled).value)
    assert abs(np.mean(values) - 0.5) < 2 * 0.09


def test_authors_are_never_on_both_sides_of_a_split() -> None:
    corpus = signed()
    groups = [text.group for text in corpus.texts]
    truth = np.array([text.labels["E"] for text in corpus.texts], dtype=float)
    for train, test in _splits(truth, groups, 5, 0):
        assert not {groups[k] for k in train} & {groups[k] for k in test}
    apart = skills(train_reader(corpus, ("E",), WORDS))["E"].auc.value
    rows = tuple(replace(text, group=text.id) for text in corpus.texts)
    leaking = skills(train_reader(replace(corpus, texts=rows), ("E",), WORDS))["E"].auc.value
    assert apart < 0.65 and leaking > 0.95


def test_standardisation_is_fitted_on_training_folds_only() -> None:
    """A text far from all others moves the mean of its fold only where it trains."""
    values = feature_table(["One two."] * 9 + ["Word, word, word, word!"], ["syntax"]).values
    truth = np.array([0.0, 1.0] * 5)
    without: Any = _pipeline(ReaderTraining(recipe="features")).fit(values[:9], truth[:9])
    everything: Any = _pipeline(ReaderTraining(recipe="features")).fit(values, truth)
    assert not np.allclose(without["scale"].mean_, everything["scale"].mean_, equal_nan=True)
    groups = [str(k) for k in range(10)]
    trained = [
        _pipeline(ReaderTraining(recipe="features")).fit(values[a], truth[a])["scale"].mean_[2]
        for a, _ in _splits(truth, groups, 5, 0)
    ]
    assert len({round(m, 6) for m in trained}) == 2  # with the odd text, and without it


def test_probabilities_are_calibrated(reader: Reader) -> None:
    """Mean output equals the share of high authors within the noise of 40 authors."""
    for scale, held in reader.held_out.items():
        assert abs(held.probabilities.mean() - held.truth.mean()) < 0.1, scale
        sure = held.probabilities > 0.8
        assert held.truth[sure].mean() > 0.8


def test_isotonic_calibration_and_a_grid_work_too() -> None:
    training = ReaderTraining(
        recipe="features", folds=3, calibration="isotonic", penalties=(0.1, 1.0)
    )
    held = train_reader(loaded(), ("E",), training).held_out["E"]
    assert ((held.probabilities >= 0) & (held.probabilities <= 1)).all()


def test_a_reader_is_an_observer(reader: Reader) -> None:
    rows = reader.rate(["a loud party in a crowd", "quiet and alone", "?!"]).rows
    by_item = {(r["item"], r["scale"]): r for r in rows.iter_rows(named=True)}
    assert by_item["0", "E"]["value"] > 0 > by_item["1", "E"]["value"]
    assert by_item["2", "E"]["status"] == "unparsed" and by_item["2", "E"]["value"] is None
    assert set(rows["unit"]) == {"nats"}
    again = train_reader(loaded(), ("E", "N"), WORDS).rate(["a loud party in a crowd"]).rows
    assert (
        again["value"].to_list() == reader.rate(["a loud party in a crowd"]).rows["value"].to_list()
    )


def test_bad_input_says_what_to_do() -> None:
    with pytest.raises(UnknownName, match="did you mean 'words'"):
        ReaderTraining(recipe="word")
    with pytest.raises(BadValue, match="sigmoid"):
        ReaderTraining(calibration="none")
    few = replace(loaded(), texts=loaded().texts[:6])
    with pytest.raises(InputError, match="3 or more"):
        train_reader(few, ("E",), WORDS)
    one_sided = replace(loaded(), texts=tuple(t for t in loaded().texts if t.labels["E"]))
    with pytest.raises(InputError, match="E = 0 stands in fewer"):
        train_reader(one_sided, ("E",), WORDS)


def test_pools_share_no_sentence() -> None:
    corpus = self_descriptions(60, seed=1)
    sentences: dict[str, set[str]] = {}
    for text in corpus.texts:
        sentences.setdefault(text.group, set()).update(text.text.removesuffix(".").split(". "))
    assert len(sentences) == POOLS
    pools = list(sentences.values())
    assert all(not a & b for k, a in enumerate(pools) for b in pools[k + 1 :])
    assert corpus == self_descriptions(60, seed=1) != self_descriptions(60, seed=2)


def test_the_encoder_gives_a_text_the_same_vector_in_any_batch() -> None:
    try:
        encoder = open_encoder()
    except ModelUnavailable as error:
        pytest.skip(str(error))
    single = encoder.encode(["I love parties."])
    encoder._kept.clear()
    many = encoder.encode(["Something else.", "I love parties.", "I love big parties."])
    assert np.array_equal(single[0], many[1]) and many.shape == (3, 384)
    assert np.allclose(np.linalg.norm(many, axis=1), 1)
    assert many[1] @ many[2] > 0.8 > many[0] @ many[1]
    assert encoder.encode([]).shape == (0, 384)


@pytest.mark.slow
def test_the_shipped_reader_carries_to_other_prose() -> None:
    """Trained on statements, it ranks the authors of the sixteen shipped texts."""
    try:
        open_encoder()
    except ModelUnavailable as error:
        pytest.skip(str(error))
    own = load_labelled()
    reader = train_reader(
        self_descriptions(240), ("E", "C"), ReaderTraining(folds=2, penalties=(0.01,))
    )
    probabilities = reader.probabilities([text.text for text in own.texts])
    for scale in ("E", "C"):
        assert auc([text.labels[scale] for text in own.texts], probabilities[scale]).value > 0.7
