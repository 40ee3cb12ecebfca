"""How well characters' levels are read from inside a model, beside guesses and an ideal reader."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personae.core import Array, Message, OpenModel, Site, say
from personae.induce.steer.directions import cosines
from personae.stats.prediction.linear_probes import ridge_probes
from personae.studies.soul_engine.characters import Character, ideal_levels
from personae.studies.soul_engine.dual_head import DualHead

__all__ = [
    "CharacterSpeech",
    "LevelReadout",
    "guesses",
    "linear",
    "mean_overlap",
    "record_speech",
    "retrieval",
    "without_span",
]

REQUEST = "Tell me something about yourself."
PENALTY = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class CharacterSpeech:
    """Characters and the states of what they say, one array (utterances, width) each.

    `silent` counts utterances without text, which aren't read.
    """

    characters: Sequence[Character]
    states: Sequence[Array]
    silent: int

    @property
    def levels(self) -> Array:
        """The levels, (characters, 5)."""
        return np.array([c.ocean for c in self.characters])

    @property
    def means(self) -> Array:
        """Each character's mean state, (characters, width)."""
        return np.stack([own.mean(axis=0) for own in self.states])


def record_speech(model: OpenModel, characters: Sequence[Character], site: Site) -> CharacterSpeech:
    """Read each distinct utterance once, as the assistant's own turn, at a site.

    A character who says nothing at all is left out.
    """
    texts = list(dict.fromkeys(t for c in characters for t in c.utterances if t.strip()))
    chats = [(*say(REQUEST), Message("assistant", text.strip())) for text in texts]
    rows = model.record(chats, [site], "replies")[site] if chats else np.empty((0, 1))
    place = {text: row for row, text in enumerate(texts)}
    kept = [c for c in characters if any(t.strip() for t in c.utterances)]
    states = [rows[[place[t] for t in c.utterances if t.strip()]] for c in kept]
    silent = sum(not t.strip() for c in characters for t in c.utterances)
    return CharacterSpeech(kept, states, silent)


@dataclass(frozen=True, slots=True, eq=False)
class LevelReadout:
    """One reader's levels for characters it never met, (characters, 5)."""

    name: str
    levels: Array

    def errors(self, truth: Array) -> Array:
        """Squared errors, (characters, 5)."""
        return (self.levels - truth) ** 2


def guesses(met: CharacterSpeech, unmet: CharacterSpeech) -> list[LevelReadout]:
    """Read the levels without heads: constant, words alone, a linear probe, an ideal reader.

    The ideal reader knows which sentence speaks for which trait; it exists for simulated
    characters only.
    """
    constant = np.tile(met.levels.mean(axis=0), (len(unmet.characters), 1))
    known = sorted({w for c in met.characters for w in _words(c)})
    bags = [
        np.array(
            [[_words(c).count(w) / max(1, len(_words(c))) for w in known] for c in side.characters]
        )
        for side in (met, unmet)
    ]
    found = [
        LevelReadout("constant", constant),
        LevelReadout("words alone", linear(bags[0], met.levels, bags[1])),
        LevelReadout("linear probe", linear(met.means, met.levels, unmet.means)),
    ]
    ideal = ideal_levels(unmet.characters)
    return found if np.isnan(ideal).any() else [*found, LevelReadout("ideal reader", ideal)]


def _words(character: Character) -> list[str]:
    return " ".join(character.utterances).lower().replace(".", " ").replace(",", " ").split()


def linear(rows: Array, levels: Array, others: Array) -> Array:
    """Fit ridge probes of five levels and read them from other rows, kept in 0..1."""
    scale = float(rows.std()) or 1.0
    found = [
        ridge_probes(rows[:, None] / scale, levels[:, trait], PENALTY).scores(
            others[:, None] / scale
        )[:, 0]
        for trait in range(levels.shape[1])
    ]
    return np.clip(np.stack(found, axis=1), 0, 1)


def retrieval(heads: DualHead, spoken: CharacterSpeech, size: int, seed: int = 0) -> Array:
    """Tell whether a subset of utterances is nearest to another one of the same character.

    The two share no utterance, so that content can't give the character away; who has fewer than
    twice `size` is met in halves, who has one utterance isn't known again. 1 or 0 a character;
    chance is one in as many as there are.
    """
    random = np.random.default_rng(seed)
    pairs = [_apart(own, size, random) for own in spoken.states]
    views = [heads.embed(np.stack(side)) for side in zip(*pairs, strict=True)]
    nearest = (views[0] @ views[1].T).argmax(axis=1)
    alone = np.array([len(own) < 2 for own in spoken.states])
    return np.asarray((nearest == np.arange(len(nearest))) & ~alone, dtype=np.float64)


def _apart(own: Array, size: int, random: np.random.Generator) -> tuple[Array, Array]:
    """Mean states of two subsets without a common utterance, of one utterance twice that."""
    k = max(1, min(size, len(own) // 2))
    order = random.permutation(len(own))
    return own[order[:k]].mean(axis=0), own[order[-k:]].mean(axis=0)


def without_span(rows: Array, directions: Array) -> Array:
    """Project rows (n, width) off the span of directions (k, width)."""
    basis = np.linalg.svd(directions, full_matrices=False)[2]
    return np.asarray(rows - (rows @ basis.T) @ basis)


def mean_overlap(
    pairs: Mapping[str, tuple[Array, Array]], seed: int = 0, draws: int = 200
) -> tuple[Array, tuple[float, float, float]]:
    """Give the cosines of traits' mean differences, and the mean |cosine| between them.

    Args:
        pairs: by trait, states of high and of low sentences, row by row belonging together.
        seed: of the bootstrap over pairs.
        draws: bootstrap draws.

    Returns:
        Cosines (traits, traits), and (mean, low, high) of their magnitudes off the diagonal.
    """
    gaps = [high - low for high, low in pairs.values()]
    whole = cosines([g.mean(axis=0) for g in gaps])
    off = ~np.eye(len(gaps), dtype=bool)
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        again = cosines([g[random.integers(0, len(g), len(g))].mean(axis=0) for g in gaps])
        drawn.append(np.abs(again[off]).mean())
    low, high = np.quantile(drawn, [0.025, 0.975])
    return whole, (float(np.abs(whole[off]).mean()), float(low), float(high))
