"""Merges many attribute paths into one taxonomy: similar names are united, faults removed.

Wang et al. 2025 (arXiv 2511.07338, section 3): paths found in conversations are filtered by their
level of abstraction, merged where they mean the same, then cleaned of duplicates and of wrong
links between parent and child. Here this is done by rules; every dropped path is counted.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personae.core import BadValue
from personae.generate.taxonomy.attribute_tree import Attribute, AttributePath, Taxonomy
from personae.generate.text_vectors import Embed, HashedVectors, words_of

__all__ = ["MergedTaxonomy", "merge_paths"]

ALIKE = 0.85
"""Least cosine at which two siblings become one."""
SHARED = 1 / 3
"""Least share of two titles' words (Jaccard) at which two categories become one."""
_DEEPEST = 3
_LONGEST = 6


@dataclass(frozen=True, slots=True)
class MergedTaxonomy:
    """A taxonomy, the count of each of its paths, and the counts of dropped paths by reason."""

    taxonomy: Taxonomy
    counts: Mapping[AttributePath, int]
    dropped: Mapping[str, int]


def merge_paths(
    paths: Iterable[AttributePath],
    *,
    alike: float = ALIKE,
    embed: Embed | None = None,
) -> MergedTaxonomy:
    """Merge attribute paths, given as often as they were found, into one taxonomy.

    Titles of categories are merged by shared words, then siblings, level by level, where the
    cosine of "parent > child" is `alike` (0..1) or more; the most frequent name stays. `embed`
    returns unit rows; by default they are `HashedVectors` of the paths. Dropped are paths deeper
    than three levels below their category, paths with a name of more than six words or without a
    word, and leaves that occur more often elsewhere in their category. A name that repeats one
    above it is removed from the path; a path that others continue becomes a branch.

    Raises:
        BadValue: no path is left, or `alike` is not in 0..1.

    >>> merged = merge_paths([("Food", "favourite dish"), ("Food", "FavouriteDishes")])
    >>> [attribute.name for attribute in merged.taxonomy.attributes], merged.counts
    (['Food/favourite dish'], {('Food', 'favourite dish'): 2})
    """
    if not 0 <= alike <= 1:
        raise BadValue(f"alike is a cosine in 0..1, not {alike}")
    dropped: Counter[str] = Counter()
    counts: Counter[AttributePath] = Counter()
    for path in paths:
        cleaned = _without_repeats(tuple(" ".join(name.split()) for name in path))
        if problem := _path_problem(cleaned):
            dropped[problem] += 1
        else:
            counts[cleaned] += 1
    counts = _rename(counts, _merge_categories(_prefix_counts(counts, 1)))
    embed = embed or HashedVectors([" ".join(path) for path in counts])
    for depth in range(2, max(map(len, counts), default=1) + 1):
        counts = _merge_level(counts, depth, alike, embed)
    counts = _deduplicate_leaves(counts, dropped)
    if not counts:
        raise BadValue(f"no attribute path is left to make a taxonomy of; dropped: {dict(dropped)}")
    return MergedTaxonomy(
        Taxonomy(tuple(Attribute(p) for p in counts)), dict(counts), dict(dropped)
    )


def _merge_categories(titles: Mapping[AttributePath, int]) -> Mapping[AttributePath, AttributePath]:
    """Map each category to the one it is merged into: a third of both titles' words shared.

    >>> _merge_categories({("Core Values",): 2, ("Core Values and Beliefs",): 5})
    {('Core Values',): ('Core Values and Beliefs',), ...}
    """
    paths = list(titles)
    word_sets = [set(words_of(path[0])) for path in paths]
    pairs = [
        (i, j)
        for i in range(len(paths))
        for j in range(i)
        if len(word_sets[i] & word_sets[j]) >= SHARED * len(word_sets[i] | word_sets[j]) > 0
    ]
    return _canonical_names(paths, _disjoint_sets(len(paths), pairs), titles)


def _without_repeats(path: AttributePath) -> AttributePath:
    """Remove names that repeat one above them: a child can't be its own ancestor."""
    names: list[str] = []
    for name in path:
        if words_of(name) not in [words_of(above) for above in names]:
            names.append(name)
    return tuple(names)


def _path_problem(path: AttributePath) -> str:
    if any(not words_of(name) for name in path) or not path:
        return "a name without words"
    if len(path) < 2:
        return "a category alone"
    if len(path) > _DEEPEST + 1:
        return "too specific: more than three levels"
    if any(len(name.split()) > _LONGEST for name in path):
        return "a sentence and no name"
    return ""


def _prefix_counts(counts: Mapping[AttributePath, int], depth: int) -> Counter[AttributePath]:
    """Count the paths by their first `depth` names."""
    prefixes: Counter[AttributePath] = Counter()
    for path, count in counts.items():
        if len(path) >= depth:
            prefixes[path[:depth]] += count
    return prefixes


def _rename(
    counts: Mapping[AttributePath, int], names: Mapping[AttributePath, AttributePath]
) -> Counter[AttributePath]:
    depth = len(next(iter(names), ((),)))
    renamed: Counter[AttributePath] = Counter()
    for path, count in counts.items():
        renamed[names.get(path[:depth], path[:depth]) + path[depth:]] += count
    return renamed


def _merge_level(
    counts: Counter[AttributePath], depth: int, alike: float, embed: Embed
) -> Counter[AttributePath]:
    siblings: dict[AttributePath, list[AttributePath]] = {}
    level = _prefix_counts(counts, depth)
    for path in level:
        siblings.setdefault(path[:-1], []).append(path)
    names: dict[AttributePath, AttributePath] = {}
    for parent, children in siblings.items():
        texts = [" ".join(words_of(child[-1])) for child in children]
        vectors = embed([f"{' '.join(words_of(parent[-1]))} > {text}" for text in texts])
        matches = np.argwhere(np.triu(vectors @ vectors.T >= alike, 1))
        pairs = [(int(i), int(j)) for i, j in matches]
        pairs += [(i, texts.index(text)) for i, text in enumerate(texts)]
        names |= _canonical_names(children, _disjoint_sets(len(children), pairs), level)
    return _rename(counts, names)


def _disjoint_sets(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Union-find: give each member the first member of its set."""
    first = list(range(count))

    def root(i: int) -> int:
        while first[i] != i:
            first[i] = first[first[i]]
            i = first[i]
        return i

    for i, j in pairs:
        low, high = sorted((root(i), root(j)))
        first[high] = low
    return [root(i) for i in range(count)]


def _canonical_names(
    members: Sequence[AttributePath], sets: Sequence[int], counts: Mapping[AttributePath, int]
) -> dict[AttributePath, AttributePath]:
    """Name each set after its most frequent member, the first of equally frequent ones."""
    representatives: dict[int, AttributePath] = {}
    for path, group in zip(members, sets, strict=True):
        if group not in representatives or counts[path] > counts[representatives[group]]:
            representatives[group] = path
    return {path: representatives[group] for path, group in zip(members, sets, strict=True)}


def _deduplicate_leaves(
    counts: Counter[AttributePath], dropped: Counter[str]
) -> Counter[AttributePath]:
    """Keep each leaf at its most frequent place in a category; drop leaves that are branches."""
    branches = {path[:depth] for path in counts for depth in range(1, len(path))}
    representatives: dict[tuple[str, ...], AttributePath] = {}
    for path, count in counts.items():
        key = (path[0], *words_of(path[-1]))
        if key not in representatives or count > counts[representatives[key]]:
            representatives[key] = path
    leaves: Counter[AttributePath] = Counter()
    for path, count in counts.items():
        if path in branches:
            dropped["a branch, not an attribute"] += count
        elif representatives[(path[0], *words_of(path[-1]))] != path:
            dropped["stands elsewhere in its category more often"] += count
        else:
            leaves[path] = count
    return leaves
