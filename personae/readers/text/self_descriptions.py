"""Synthetic authors made of inventory statements: a training set that ships, of known scope.

Every public-domain item is a first-person sentence for one pole of one trait. An author has a pole
of each trait and writes four sentences for it, in random order. Authors come from pools that share
no item and no wording, so that a reader tested on another pool hasn't seen its sentences. A reader
learns from them how people describe themselves in questionnaires; whether that generalises to other
prose has to be tested.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from personae.core import BIG_FIVE, load_inventory
from personae.datasets.labelled_texts import Corpus, Labelled
from personae.readers.text.trained_readers import Reader, ReaderTraining, train_reader
from personae.traits.item_grammar import item_text
from personae.traits.trait_words import markers

__all__ = ["self_description_reader", "self_descriptions"]

SOURCES = ("ipip-neo-300", "mpi-1k")
POOLS = 6
SENTENCES = 4
Sentences = dict[tuple[str, int], list[str]]


def self_descriptions(authors: int = 480, seed: int = 0) -> Corpus:
    """Make `authors` synthetic texts, labelled on the Big Five, from six pools of sentences.

    >>> text = self_descriptions(6).texts[0]
    >>> text.group, sorted(text.labels), len(text.text.split(". "))
    ('pool 0', ['A', 'C', 'E', 'N', 'O'], 20)
    """
    random = np.random.default_rng(seed)
    pools = _pools(random)
    texts = []
    for index in range(authors):
        pool = pools[index % POOLS]
        labels = {scale: int(random.integers(0, 2)) for scale in BIG_FIVE}
        sentences = [
            sentence
            for scale, high in labels.items()
            for sentence in _drawn(pool[scale, high], random)
        ]
        order = random.permutation(len(sentences))
        texts.append(
            Labelled(
                id=f"author {index}",
                labels=labels,
                group=f"pool {index % POOLS}",
                text=" ".join(f"{sentences[k]}." for k in order),
            )
        )
    return Corpus(
        name="statements",
        texts=tuple(texts),
        tag=f"statements@1-{authors}-{seed}",
        source=f"synthetic authors of sentences from {', '.join(SOURCES)} and adjective markers",
    )


@lru_cache(maxsize=4)
def self_description_reader(
    scales: tuple[str, ...], training: ReaderTraining, seed: int = 0
) -> Reader:
    """Train a reader on these texts, once in a process: equal arguments give the same reader.

    Args:
        scales: the Big Five domains to read.
        training: how to train it.
        seed: of the texts' composition.

    Raises:
        MissingExtra, ModelUnavailable: what the reader needs is not installed.
    """
    return train_reader(self_descriptions(seed=seed), scales, training)


def _drawn(sentences: Sequence[str], random: np.random.Generator) -> list[str]:
    drawn = random.choice(len(sentences), size=min(SENTENCES, len(sentences)), replace=False)
    return [sentences[k] for k in drawn]


def _pools(random: np.random.Generator) -> list[Sentences]:
    """Distribute the sentences of each pole over the pools; similar ones share a pool."""
    pools: list[Sentences] = [{} for _ in range(POOLS)]
    for key, sentences in sorted(_sentences().items()):
        clusters = _alike(sentences)
        for index, k in enumerate(random.permutation(len(clusters))):
            pools[index % POOLS].setdefault(key, []).extend(clusters[k])
    return pools


def _sentences() -> Sentences:
    """Collect all sentences by trait and pole, each once; adjectives come in opposite pairs."""
    by_pole: Sentences = {}
    known: set[str] = set()
    for name in SOURCES:
        tool = load_inventory(name)
        for item in tool.items:
            text = item_text(tool, item, "first")
            if text.lower() not in known:
                known.add(text.lower())
                by_pole.setdefault((item.scale, int(item.key > 0)), []).append(text)
    for domain in BIG_FIVE:
        for pair in markers(domain):
            for high, adjective in enumerate(pair):
                by_pole.setdefault((domain, high), []).append(f"I am {adjective}")
    return by_pole


def _alike(sentences: Sequence[str]) -> list[list[str]]:
    """Cluster sentences that share most of their longer words."""
    clusters: list[tuple[set[str], list[str]]] = []
    for sentence in sentences:
        words = {w[:5] for w in re.findall(r"[a-z]{4,}", sentence.lower())}
        for core, members in clusters:
            if words and len(words & core) >= 0.6 * min(len(words), len(core)):
                members.append(sentence)
                break
        else:
            clusters.append((words, [sentence]))
    return [members for _, members in clusters]
