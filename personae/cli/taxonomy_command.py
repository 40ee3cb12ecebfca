"""The command `taxonomy`: makes a taxonomy of attributes from conversations or from a tree."""

from collections.abc import Callable, Iterator
from pathlib import Path

from personae.core import Model, Sampling
from personae.generate.conversations import read_conversations
from personae.generate.taxonomy.attribute_tree import read_tree
from personae.generate.taxonomy.merging import MergedTaxonomy, merge_paths
from personae.generate.taxonomy.mining import mine_taxonomy
from personae.generate.writer import Writer

__all__ = ["make_taxonomy"]


def make_taxonomy(
    source: Path, open_writer: Callable[[], Model], out: Path, seed: int
) -> Iterator[str]:
    """Make and save a taxonomy; yield a summary line by line."""
    counts: dict[str, int] = {}
    if source.suffix == ".json":
        merged: MergedTaxonomy = merge_paths(
            attribute.path for attribute in read_tree(source).attributes
        )
    else:
        writer = Writer(open_writer(), Sampling(max_tokens=160, temperature=0.3, seed=seed))
        merged = mine_taxonomy(writer, read_conversations(source))
        counts = dict(writer.counts)
    merged.taxonomy.save(out)
    for category, attributes in merged.taxonomy.by_category().items():
        yield f"{len(attributes):>6} attributes  {category}"
    for event, count in sorted({**counts, **merged.dropped}.items()):
        yield f"{count:>6} {event}"
    yield f"Written: {out}"
