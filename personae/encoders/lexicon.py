"""Word categories: one table from words to categories, and counts by one sparse product.

The lists are Personae's own (`data/lexicon.json`): closed classes of function words, which carry
the best replicated ties to traits, and topics. A star stands for any ending.
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
    """Categories by name, each a set of words and of stems that end in a star."""

    categories: tuple[str, ...]
    whole: Mapping[str, tuple[int, ...]]
    stems: Mapping[str, tuple[int, ...]]
    known: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, lists: Mapping[str, Sequence[str]]) -> "Lexicon":
        """Build the table from words by category.

        >>> Lexicon.of({"joy": ["glad", "laugh*"], "all": ["laughs"]}).find("laughs")
        (0, 1)
        """
        whole: dict[str, list[int]] = {}
        stems: dict[str, list[int]] = {}
        for place, words in enumerate(lists.values()):
            for word in words:
                table = stems if word.endswith("*") else whole
                table.setdefault(word.removesuffix("*"), []).append(place)
        return cls(
            tuple(lists),
            {w: tuple(p) for w, p in whole.items()},
            {w: tuple(p) for w, p in stems.items()},
        )

    def find(self, word: str) -> tuple[int, ...]:
        """Give the places of a word's categories, each once."""
        found = self.known.get(word)
        if found is None:
            places = set(self.whole.get(word, ()))
            for end in range(SHORTEST_STEM, len(word) + 1):
                places.update(self.stems.get(word[:end], ()))
            found = self.known[word] = tuple(sorted(places))
        return found

    def count(self, passages: Sequence[Passage]) -> Array:
        """Count each category's words, shape (passages, categories)."""
        vocabulary: dict[str, int] = {}
        words = chain.from_iterable(one.words for one in passages)
        columns = np.array([vocabulary.setdefault(w, len(vocabulary)) for w in words], dtype=int)
        rows = np.repeat(np.arange(len(passages)), [len(one.words) for one in passages])
        said = sparse.csr_array(
            (np.ones(columns.size), (rows, columns)), shape=(len(passages), len(vocabulary))
        )
        found = [self.find(word) for word in vocabulary]
        places = np.fromiter(chain.from_iterable(found), dtype=int)
        owners = np.repeat(np.arange(len(found)), [len(f) for f in found])
        table = sparse.csr_array(
            (np.ones(places.size), (owners, places)), shape=(len(found), len(self.categories))
        )
        return np.asarray((said @ table).toarray(), dtype=np.float64)


@cache
def load_lexicon(part: str) -> Lexicon:
    """Read one part of the shipped lists: `function words` or `topics`.

    Raises:
        UnknownName: no part is called so.

    >>> [load_lexicon("topics").categories[i] for i in load_lexicon("topics").find("parties")]
    ['social', 'energy']
    """
    data = data_json("lexicon.json")
    parts = [name for name, value in data.items() if isinstance(value, dict)]
    if part not in parts:
        raise UnknownName("part of the lexicon", part, parts)
    return Lexicon.of({name: words.split() for name, words in data[part].items()})
