"""The content of a file of personas: filled fields, distributions of facts, requested traits."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from math import sqrt

from personae.core import (
    BIG_FIVE,
    Cell,
    Figure,
    InputError,
    Note,
    Part,
    Persona,
    Report,
    Table,
    counted,
)
from personae.core.persona import Kind
from personae.generate.quality.outcome import Tally
from personae.personas import FIELDS, evident_kinds, persona_frame
from personae.report.build import warning
from personae.report.build.drawings import ValueAxis, bars

__all__ = ["describe_report"]

_BATCH = 4096
_FEW, _BINS, _PICTURES = 30, 10, 12
_SHOWN = 20
_KINDS: Mapping[Kind, str] = {
    "character": "a character",
    "demographic": "a demographic persona",
    "individual": "an individual",
}


def describe_report(personas: Iterable[Persona], skipped: Sequence[InputError] = ()) -> Report:
    """Describe personas in one pass, a batch at a time: filled fields, facts, requested traits.

    `skipped` are the rows that couldn't be read, once the personas have been.
    """
    tally, filled, kinds = Tally(), Counter[str](), Counter[tuple[Kind, tuple[Kind, ...]]]()
    moments: dict[str, list[float]] = {}
    remaining = iter(personas)
    while batch := list(islice(remaining, _BATCH)):
        tally.add(persona_frame(batch))
        for persona in batch:
            filled.update(name for name in (*FIELDS[2:], "extra") if getattr(persona, name))
            kinds[persona.kind, evident_kinds(persona) or (persona.kind,)] += 1
            for trait, z in persona.traits.items():
                n, total, squares = moments.get(trait, [0, 0.0, 0.0])
                moments[trait] = [n + 1, total + z, squares + z * z]
    return Report(
        title="Description of personas",
        parts=(*_parts(tally, filled, kinds, moments), *_left_out(skipped)),
    )


def _left_out(skipped: Sequence[InputError]) -> Iterator[Part]:
    if skipped:
        yield warning(f"Left out, as it can't be read: {counted(len(skipped), 'entry')}.")
        yield from (warning(str(error)) for error in skipped[:_SHOWN])


def _kind_words(count: int, kind: Kind, evident: Sequence[Kind]) -> str:
    """Say how many personas are of a kind, and where their content shows others.

    >>> _kind_words(2, "character", ("character",))
    '2 characters'
    >>> _kind_words(2, "character", ("demographic", "individual"))
    '2 characters with the content of a demographic persona and an individual'
    """
    words = counted(count, _KINDS[kind].partition(" ")[2])
    content = " and ".join(_KINDS[shown] for shown in evident)
    return words if tuple(evident) == (kind,) else f"{words} with the content of {content}"


def _parts(
    tally: Tally,
    filled: Counter[str],
    kinds: Counter[tuple[Kind, tuple[Kind, ...]]],
    moments: Mapping[str, list[float]],
) -> Iterator[Part]:
    n = tally.rows
    groups = [_kind_words(count, *kind) for kind, count in kinds.most_common(4)]
    lead = f"{counted(n, 'persona')}: " if groups[1:] else ""
    yield Note(f"{lead}{', '.join(groups)}.", "verdict")
    names = [name for name in (*FIELDS[2:], "extra") if filled[name]]
    shares = [filled[name] / n for name in names]
    yield _bars("filled", "Fields filled", names, shares)
    facts = sorted(tally.facts.items(), key=lambda item: (-item[1].total(), item[0]))
    for path, values in facts[:_PICTURES]:
        if distribution := _distribution(values):
            labels, counts = distribution
            yield _bars(f"fact {path}", path, labels, [c / n for c in counts])
    if facts or tally.free:
        yield _fact_table(facts, tally, n)
    if moments:
        yield _trait_table(moments, n)


def _bars(name: str, title: str, labels: list[str], shares: list[float]) -> Figure:
    top = max(zip(shares, labels, strict=True), default=(0.0, "nothing"))
    return bars(
        name,
        title,
        labels,
        {"personas": shares},
        ValueAxis("share of personas", low=0),
        alt=f"Share of personas by {title}; most: {top[1]} ({top[0]:.0%}).",
    )


def _distribution(values: Counter[str]) -> tuple[list[str], list[int]] | None:
    """Return labels and counts: of each value if they are few, of bins of numbers if many.

    None for free text.
    """
    numbers = _numbers(values)
    if numbers and len(values) > _FEW:
        low, high = min(numbers), max(numbers)
        width = (high - low) / _BINS
        counts = [0] * _BINS
        for number, count in numbers.items():
            counts[min(_BINS - 1, int((number - low) / width))] += count
        edges = [low + width * i for i in range(_BINS + 1)]
        return [f"{a:g} to {b:g}" for a, b in pairwise(edges)], counts
    if 2 <= len(values) <= _FEW:
        labels = sorted(values, key=lambda v: (float(v) if numbers else 0.0, -values[v], v))
        return labels, [values[label] for label in labels]
    return None


def _numbers(values: Counter[str]) -> Counter[float]:
    """Count the values as numbers if all are whole numbers; otherwise there are none.

    >>> _numbers(Counter({"7": 2, "07": 1})), _numbers(Counter({"7": 2, "old": 1}))
    (Counter({7.0: 3}), Counter())
    """
    counts = Counter[float]()
    if all(v.isascii() and v.removeprefix("-").isdigit() and len(v) < 16 for v in values):
        for value, count in values.items():
            counts[float(value)] += count
    return counts


def _fact_table(facts: list[tuple[str, Counter[str]]], tally: Tally, n: int) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for path, values in facts:
        (top, times), *_ = sorted(values.items(), key=lambda item: (-item[1], item[0]))
        total = values.total()
        numbers = _numbers(values)
        mean = sum(x * c for x, c in numbers.items()) / total if numbers else None
        top_label = top if len(top) <= 60 else top[:57] + "..."
        rows.append((path, total / n, len(values), top_label, times / total, mean))
    rows += [(path, None, None, "(free text)", None, None) for path in sorted(tally.free)]
    return Table(
        name="facts",
        title="Facts",
        columns=("fact", "share filled", "values", "most common", "its share", "mean"),
        rows=tuple(rows),
    )


def _trait_table(moments: Mapping[str, list[float]], n: int) -> Table:
    rows: list[tuple[Cell, ...]] = []
    order = "".join(BIG_FIVE)
    for trait in sorted(moments, key=lambda t: (order.index(t[0]), t)):
        count, total, squares = moments[trait]
        mean = total / count
        spread = sqrt(max(0.0, squares - count * mean * mean) / (count - 1)) if count > 1 else None
        rows.append((trait, count / n, mean, spread))
    return Table(
        name="traits",
        title="Requested traits (z)",
        columns=("trait", "share requested", "mean", "SD"),
        rows=tuple(rows),
    )
