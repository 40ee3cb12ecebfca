"""Word categories: a table from words to categories, and counts by a sparse product.

The lists are Personae's own (`data/lexicon.json`): closed classes of function words, whose
relations to traits are the best replicated, and topics. A star stands for any ending.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain

import numpy as np
from scipy import sparse

from personae.core import Array, UnknownName, data_json
from personae.encoders.passages import Passage

__all__ = ["Lexicon", "load_lexicon"]

SHORTEST_STEM = 2


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Categories, and the indices of those that each word, or stem before a star, belongs to.

    `known` caches the categories of words that were looked up.
    """

    categories: tuple[str, ...]
    words: Mapping[str, tuple[int, ...]]
    stems: Mapping[str, tuple[int, ...]]
    known: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, lists: Mapping[str, Sequence[str]]) -> "Lexicon":
        """Build the table from words by category.

        >>> Lexicon.of({"joy": ["glad", "laugh*"], "all": ["laughs"]}).find("laughs")
        (0, 1)
        """
        whole_words: dict[str, list[int]] = {}
        stems: dict[str, list[int]] = {}
        for index, entries in enumerate(lists.values()):
            for word in entries:
                table = stems if word.endswith("*") else whole_words
                table.setdefault(word.removesuffix("*"), []).append(index)
        return cls(
            tuple(lists),
            {w: tuple(p) for w, p in whole_words.items()},
            {w: tuple(p) for w, p in stems.items()},
        )

    def find(self, word: str) -> tuple[int, ...]:
        """Return the indices of a word's categories, each once, in order; () where it has none."""
        indices = self.known.get(word)
        if indices is None:
            categories = set(self.words.get(word, ()))
            for end in range(SHORTEST_STEM, len(word) + 1):
                categories.update(self.stems.get(word[:end], ()))
            indices = self.known[word] = tuple(sorted(categories))
        return indices

    def count(self, passages: Sequence[Passage]) -> Array:
        """Count each category's words in each passage, shape (passages, categories)."""
        vocabulary: dict[str, int] = {}
        words = chain.from_iterable(passage.words for passage in passages)
        columns = np.array([vocabulary.setdefault(w, len(vocabulary)) for w in words], dtype=int)
        rows = np.repeat(np.arange(len(passages)), [len(passage.words) for passage in passages])
        counts = sparse.csr_array(
            (np.ones(columns.size), (rows, columns)), shape=(len(passages), len(vocabulary))
        )
        categories = [self.find(word) for word in vocabulary]
        columns_of = np.fromiter(chain.from_iterable(categories), dtype=int)
        owners = np.repeat(np.arange(len(categories)), [len(f) for f in categories])
        table = sparse.csr_array(
            (np.ones(columns_of.size), (owners, columns_of)),
            shape=(len(categories), len(self.categories)),
        )
        return np.asarray((counts @ table).toarray(), dtype=np.float64)


@cache
def load_lexicon(part: str) -> Lexicon:
    """Read one part of the shipped lists: `function words` or `topics`.

    Raises:
        UnknownName: no part has this name.

    >>> [load_lexicon("topics").categories[i] for i in load_lexicon("topics").find("parties")]
    ['social', 'energy']
    """
    data = data_json("lexicon.json")
    parts = [name for name, value in data.items() if isinstance(value, dict)]
    if part not in parts:
        raise UnknownName("part of the lexicon", part, parts)
    return Lexicon.of({name: words.split() for name, words in data[part].items()})
