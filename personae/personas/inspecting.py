"""Reports about personas in files: what is wrong or risky, what is in them, what changed."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from personae.core import Cell, InputError, Note, Part, Persona, Report, Table
from personae.personas import ABSENT, FIELDS, differences, persona_row
from personae.personas.risks import RiskRule, find_risks

__all__ = ["CheckResult", "check_report", "diff_report"]

_ERRORS, _EXAMPLES = 20, 5
_MAX_ROWS = 500


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found: its report, and how many rows had errors and warnings."""

    report: Report
    errors: int
    warnings: int


def check_report(
    rows: Iterable[tuple[str, Persona | InputError]], rules: Sequence[RiskRule]
) -> CheckResult:
    """Check rows, each a persona or the error that says why it isn't one.

    Errors are all counted and the first ones shown with their place; so is what each rule finds.
    """
    wrong: list[str] = []
    count = errors = warned = 0
    counts: Counter[str] = Counter()
    examples: dict[str, list[tuple[Cell, ...]]] = {}
    for where, one in rows:
        count += 1
        if isinstance(one, InputError):
            errors += 1
            wrong += [str(one)] if len(wrong) < _ERRORS else []
            continue
        levels = set()
        for code, level, found in _found(one, rules):
            counts[code] += 1
            levels.add(level)
            listed = examples.setdefault(code, [])
            if len(listed) < _EXAMPLES:
                listed.append((code, where.rpartition(", ")[2], one.id, found))
        errors += "error" in levels
        warned += levels == {"warning"}
    said = f"{count:,} personas: {errors:,} with errors, {warned:,} with warnings only."
    parts: list[Part] = [Note(said, "verdict"), *(Note(text, "warning") for text in wrong)]
    if errors > len(wrong) and len(wrong) == _ERRORS:
        parts.append(Note(f"Errors are shown for the first {_ERRORS} rows that have them."))
    parts += _rule_tables(counts, examples, rules)
    return CheckResult(Report(title="Check of personas", parts=tuple(parts)), errors, warned)


def _found(persona: Persona, rules: Sequence[RiskRule]) -> Iterator[tuple[str, str, str]]:
    for one in find_risks(persona, rules):
        yield one.rule.code, one.rule.level, one.found
    for name in persona.extra:
        if near := get_close_matches(name.lower(), FIELDS, n=1, cutoff=0.8):
            yield (
                "unknown-field",
                "warning",
                f"{name!r} is kept as extra; did you mean {near[0]!r}?",
            )


def _rule_tables(
    counts: Counter[str],
    examples: dict[str, list[tuple[Cell, ...]]],
    rules: Sequence[RiskRule],
) -> Iterator[Part]:
    known = {rule.code: (rule.level, rule.risk, rule.reason) for rule in rules}
    unknown = ("warning", "format", "a field that the schema doesn't know resembles one it does")
    said = [(code, *known.get(code, unknown), counts[code]) for code in [*known, "unknown-field"]]
    rows = tuple((c, level, risk, n, why) for c, level, risk, why, n in said if n)
    if not rows:
        return
    yield Table(
        name="findings",
        title="What the rules found",
        columns=("rule", "level", "risk", "personas", "why it matters"),
        rows=rows,
    )
    shown = tuple(row for code, *_ in rows for row in examples[str(code)])
    yield Table(
        name="examples",
        title="Where",
        columns=("rule", "place", "persona", "found"),
        rows=shown,
        note=f"The first {_EXAMPLES} of each rule.",
    )


def diff_report(old: Iterable[Persona], new: Iterable[Persona]) -> Report:
    """Compare two sets of personas by id, field by field."""
    before, after = ({one.id: one for one in side} for side in (old, new))
    gone = [name for name in before if name not in after]
    come = [name for name in after if name not in before]
    rows = [row for name in before if name in after for row in _changes(before[name], after[name])]
    changed = len({row[0] for row in rows})
    same = len(before) - len(gone) - changed
    said = f"{len(come):,} added, {len(gone):,} removed, {changed:,} changed, {same:,} equal."
    parts: list[Part] = [Note(said, "verdict")]
    listed = [*((name, "removed") for name in gone), *((name, "added") for name in come)]
    for name, title, columns, cells in (
        ("ids", "Added and removed", ("persona", "what"), listed),
        ("changes", "Changed", ("persona", "where", "was", "is"), rows),
    ):
        if cells:
            note = f"The first {_MAX_ROWS:,} of {len(cells):,}." if len(cells) > _MAX_ROWS else ""
            shown = tuple(cells[:_MAX_ROWS])
            parts.append(Table(name=name, title=title, columns=columns, rows=shown, note=note))
    return Report(title="Difference of personas", parts=tuple(parts))


def _changes(old: Persona, new: Persona) -> Iterator[tuple[str, str, str, str]]:
    for at, was, now in differences(persona_row(old), persona_row(new)):
        yield old.id, "/".join(map(str, at)), _short(was), _short(now)


def _short(value: object) -> str:
    if value is ABSENT:
        return "(absent)"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
