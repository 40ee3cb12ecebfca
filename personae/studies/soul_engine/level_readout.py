"""Levels read from a model's states by two heads, beside simple readers and an ideal one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from personae.core import Array, Estimate, Message, OpenModel, Site, say
from personae.induce.steer.directions import cosines
from personae.stats.prediction.linear_probes import ridge_probes
from personae.stats.resample import bootstrap
from personae.studies.soul_engine.characters import Character, ideal_levels
from personae.studies.soul_engine.dual_head import DualHead

__all__ = [
    "CharacterSpeech",
    "LevelReadout",
    "Overlap",
    "explained_share",
    "linear_levels",
    "mean_overlap",
    "record_speech",
    "retrieval",
    "simple_readouts",
    "without_span",
]

REQUEST = "Tell me something about yourself."
PENALTY = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class CharacterSpeech:
    """Characters and the states of their utterances, one array (utterances, width) each.

    `empty` counts utterances without text, which have no states.
    """

    characters: Sequence[Character]
    states: Sequence[Array]
    empty: int

    @property
    def levels(self) -> Array:
        """The levels, (characters, 5)."""
        return np.array([c.ocean for c in self.characters])

    @property
    def means(self) -> Array:
        """Each character's mean state, (characters, width)."""
        return np.stack([own.mean(axis=0) for own in self.states])


def record_speech(model: OpenModel, characters: Sequence[Character], site: Site) -> CharacterSpeech:
    """Record each distinct utterance once, as the assistant's own turn, at a site.

    Utterances without text are skipped, and a character who has no other is left out.
    """
    texts = list(dict.fromkeys(t for c in characters for t in c.utterances if t.strip()))
    chats = [(*say(REQUEST), Message("assistant", text.strip())) for text in texts]
    rows = model.record(chats, [site], "replies")[site] if chats else np.empty((0, 1))
    index = {text: row for row, text in enumerate(texts)}
    speakers = [c for c in characters if any(t.strip() for t in c.utterances)]
    states = [rows[[index[t] for t in c.utterances if t.strip()]] for c in speakers]
    empty = sum(not t.strip() for c in characters for t in c.utterances)
    return CharacterSpeech(speakers, states, empty)


@dataclass(frozen=True, slots=True, eq=False)
class LevelReadout:
    """One reader's levels in 0..1 of characters outside its training, (characters, 5)."""

    name: str
    levels: Array

    def errors(self, truth: Array) -> Array:
        """Squared errors, (characters, 5), against true levels of the same shape."""
        return (self.levels - truth) ** 2


def explained_share(
    readout: LevelReadout, constant: LevelReadout, truth: Array, seed: int = 0
) -> Estimate:
    """Estimate R squared: the share of the constant's squared error that a reader removes.

    At most 1, below 0 where the reader is worse. The textbook coefficient of determination, but
    against a constant from the training; BCa bootstrap over characters (Efron 1987, JASA 82).

    Args:
        readout: the reader's levels.
        constant: the levels of a constant guess.
        truth: the true levels, (characters, 5).
        seed: seed of the bootstrap.
    """
    errors, baseline = readout.errors(truth).mean(axis=1), constant.errors(truth).mean(axis=1)
    share = bootstrap(lambda w: 1 - (w @ errors) / (w @ baseline), len(errors), seed=seed)
    return replace(share, name=readout.name, of="character", unit="R squared")


def simple_readouts(train: CharacterSpeech, test: CharacterSpeech) -> list[LevelReadout]:
    """Estimate the levels without heads: a constant, words alone, a linear probe, an ideal reader.

    The constant is the mean level in training and comes first. The ideal reader knows which
    sentence speaks for which trait; it exists for simulated characters only.
    """
    constant = np.tile(train.levels.mean(axis=0), (len(test.characters), 1))
    vocabulary = sorted({w for c in train.characters for w in _words(c)})
    shares = [_word_shares(side.characters, vocabulary) for side in (train, test)]
    readouts = [
        LevelReadout("constant", constant),
        LevelReadout("words alone", linear_levels(shares[0], train.levels, shares[1])),
        LevelReadout("linear probe", linear_levels(train.means, train.levels, test.means)),
    ]
    ideal = ideal_levels(test.characters)
    return readouts if np.isnan(ideal).any() else [*readouts, LevelReadout("ideal reader", ideal)]


def _word_shares(characters: Sequence[Character], vocabulary: Sequence[str]) -> Array:
    """Compute each word's share of a character's words, (characters, words)."""
    texts = [_words(character) for character in characters]
    return np.array(
        [[text.count(word) / max(1, len(text)) for word in vocabulary] for text in texts]
    )


def _words(character: Character) -> list[str]:
    return " ".join(character.utterances).lower().replace(".", " ").replace(",", " ").split()


def linear_levels(rows: Array, levels: Array, others: Array) -> Array:
    """Fit one ridge probe a level and read the levels of other rows, clipped to 0..1.

    Ridge regression (Hoerl & Kennard 1970, Technometrics 12), features divided by their overall SD.

    Args:
        rows: features in training, (n, width).
        levels: true levels in training, (n, 5).
        others: features of the rows to read, (m, width).

    Returns:
        Levels, (m, 5).
    """
    scale = float(rows.std()) or 1.0
    columns = [
        ridge_probes(rows[:, None] / scale, levels[:, trait], PENALTY).scores(
            others[:, None] / scale
        )[:, 0]
        for trait in range(levels.shape[1])
    ]
    return np.clip(np.stack(columns, axis=1), 0, 1)


def retrieval(heads: DualHead, speech: CharacterSpeech, size: int, seed: int = 0) -> Array:
    """Score whether a subset of utterances is nearest to another one of the same character.

    The two subsets share no utterance, so that content can't reveal the character. They are halves
    where a character has fewer than twice `size` utterances; a single utterance is a miss. Our own
    test of the embedding of Wang 2025 (arXiv 2512.07092), by cosine.

    Returns:
        1 for a hit, 0 for a miss, (characters,); by chance one hit in as many as there are.
    """
    random = np.random.default_rng(seed)
    pairs = [_disjoint_means(own, size, random) for own in speech.states]
    embedded = [heads.embed(np.stack(side)) for side in zip(*pairs, strict=True)]
    nearest = (embedded[0] @ embedded[1].T).argmax(axis=1)
    single = np.array([len(own) < 2 for own in speech.states])
    return np.asarray((nearest == np.arange(len(nearest))) & ~single, dtype=np.float64)


def _disjoint_means(own: Array, size: int, random: np.random.Generator) -> tuple[Array, Array]:
    """Mean states of two subsets without a common utterance; a single utterance serves twice."""
    k = max(1, min(size, len(own) // 2))
    order = random.permutation(len(own))
    return own[order[:k]].mean(axis=0), own[order[-k:]].mean(axis=0)


def without_span(rows: Array, directions: Array) -> Array:
    """Project rows (n, width) onto the complement of the span of directions (k, width).

    Orthogonal projection (Golub & Van Loan 2013, Matrix Computations, section 2.6), its basis from
    the singular value decomposition.
    """
    basis = np.linalg.svd(directions, full_matrices=False)[2]
    return np.asarray(rows - (rows @ basis.T) @ basis)


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """Cosines of traits' directions, (traits, traits), and their mean size off the diagonal."""

    cosines: Array
    mean: Estimate


def mean_overlap(
    pairs: Mapping[str, tuple[Array, Array]], seed: int = 0, draws: int = 200
) -> Overlap:
    """Measure how far the traits' mean differences point in the same direction.

    Cosines in -1..1; their mean size has a percentile bootstrap interval over the pairs of each
    trait. Our own test of the orthogonality claimed by Wang 2025 (arXiv 2512.07092).

    Args:
        pairs: trait -> states of high and of low sentences, (pairs, width) each, in pairs by row.
        seed: seed of the bootstrap.
        draws: bootstrap draws.
    """
    gaps = [high - low for high, low in pairs.values()]
    matrix = cosines([g.mean(axis=0) for g in gaps])
    off = ~np.eye(len(gaps), dtype=bool)
    random = np.random.default_rng(seed)
    sizes = []
    for _ in range(draws):
        redrawn = cosines([g[random.integers(0, len(g), len(g))].mean(axis=0) for g in gaps])
        sizes.append(np.abs(redrawn[off]).mean())
    low, high = np.quantile(sizes, [0.025, 0.975])
    size = Estimate(
        name="mean |cosine|",
        value=float(np.abs(matrix[off]).mean()),
        low=float(low),
        high=float(high),
        n=sum(map(len, gaps)),
        of="pair",
        method=f"percentile bootstrap, {draws} draws",
    )
    return Overlap(matrix, size)
