"""Reports on personas in files: errors and risks, and the differences between two files."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from personae.core import BadValue, InputError, Note, Part, Persona, Report, counted
from personae.personas import ABSENT, FIELDS, differences, persona_row
from personae.personas.persona_layers import UNREAD_FIELDS, UNREAD_TRAITS
from personae.personas.risks import RiskRule, find_risks
from personae.report.build import Row, table, verdict, warning

__all__ = ["CheckResult", "check_report", "diff_report"]

_ERRORS, _EXAMPLES = 20, 5
_MAX_ROWS = 500
_FORMAT_RULES = {
    "unread-traits": "its file says something about traits that is neither a level nor a number on "
    "a known scale; set the traits by hand",
    "unread-fields": "a field of its file has a value of another type than usual; it is kept "
    "in extra and reaches no prompt",
    "unknown-field": "a field that the schema doesn't know resembles one it does",
}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check: its report, and the numbers of rows, with errors, with warnings."""

    report: Report
    count: int
    errors: int
    warnings: int


def check_report(
    rows: Iterable[tuple[str, Persona | InputError]], rules: Sequence[RiskRule]
) -> CheckResult:
    """Check rows, each a persona or the error that says why it isn't one.

    All errors are counted, and the first 20 are shown with their position; likewise the first 5
    matches of each rule.

    Raises:
        BadValue: there are no rows.
    """
    messages: list[str] = []
    count = errors = warnings = 0
    counts: Counter[str] = Counter()
    examples: dict[str, list[Row]] = {}
    for where, row in rows:
        count += 1
        if isinstance(row, InputError):
            errors += 1
            messages += [str(row)] if len(messages) < _ERRORS else []
            continue
        levels = set()
        for code, level, excerpt in _findings(row, rules):
            counts[code] += 1
            levels.add(level)
            listed = examples.setdefault(code, [])
            if len(listed) < _EXAMPLES:
                position = where.rpartition(", ")[2]
                listed.append(
                    {"rule": code, "position": position, "persona": row.id, "excerpt": excerpt}
                )
        errors += "error" in levels
        warnings += levels == {"warning"}
    if not count:
        raise BadValue("no persona in it: nothing to check")
    summary = (
        f"{counted(count, 'persona')}: {errors:,} with errors, {warnings:,} with warnings only."
    )
    parts: list[Part] = [verdict(summary), *(warning(text) for text in messages)]
    if errors > len(messages) and len(messages) == _ERRORS:
        parts.append(Note(f"Errors are shown for the first {_ERRORS} rows that have them."))
    parts += _rule_tables(counts, examples, rules)
    return CheckResult(
        Report(title="Check of personas", parts=tuple(parts)), count, errors, warnings
    )


def _findings(persona: Persona, rules: Sequence[RiskRule]) -> Iterator[tuple[str, str, str]]:
    for risk in find_risks(persona, rules):
        yield risk.rule.code, risk.rule.level, risk.excerpt
    for code, name in (("unread-traits", UNREAD_TRAITS), ("unread-fields", UNREAD_FIELDS)):
        if unread := persona.provenance.get(name):
            yield code, "warning", unread[:200]
    for name in persona.extra:
        if matches := get_close_matches(name.lower(), FIELDS, n=1, cutoff=0.8):
            yield (
                "unknown-field",
                "warning",
                f"{name!r} is kept as extra; did you mean {matches[0]!r}?",
            )


def _rule_tables(
    counts: Counter[str],
    examples: dict[str, list[Row]],
    rules: Sequence[RiskRule],
) -> Iterator[Part]:
    known = {rule.code: (rule.level, rule.risk, rule.reason) for rule in rules}
    known |= {code: ("warning", "format", reason) for code, reason in _FORMAT_RULES.items()}
    codes = [code for code in known if counts[code]]
    if not codes:
        return
    findings: list[Row] = []
    for code in codes:
        level, risk, reason = known[code]
        findings.append(
            {
                "rule": code,
                "level": level,
                "risk": risk,
                "personas": counts[code],
                "why it matters": reason,
            }
        )
    yield table("findings", "What the rules found", findings)
    matches = [match for code in codes for match in examples[code]]
    yield table("examples", "Examples", matches, f"The first {_EXAMPLES} of each rule.")


def diff_report(old: Iterable[Persona], new: Iterable[Persona]) -> Report:
    """Compare two sets of personas by id, field by field."""
    before, after = ({persona.id: persona for persona in side} for side in (old, new))
    removed = [name for name in before if name not in after]
    added = [name for name in after if name not in before]
    changes = [
        row for name in before if name in after for row in _field_changes(before[name], after[name])
    ]
    changed = len({row["persona"] for row in changes})
    unchanged = len(before) - len(removed) - changed
    ids: list[Row] = [
        {"persona": name, "change": change}
        for names, change in ((removed, "removed"), (added, "added"))
        for name in names
    ]
    parts: list[Part] = [
        verdict(
            f"{len(added):,} added, {len(removed):,} removed, {changed:,} changed, "
            f"{unchanged:,} equal."
        )
    ]
    for name, title, rows in (("ids", "Added and removed", ids), ("changes", "Changed", changes)):
        if rows:
            note = f"The first {_MAX_ROWS:,} of {len(rows):,}." if len(rows) > _MAX_ROWS else ""
            parts.append(table(name, title, rows[:_MAX_ROWS], note))
    return Report(title="Difference of personas", parts=tuple(parts))


def _field_changes(old: Persona, new: Persona) -> Iterator[Row]:
    for path, was, value in differences(persona_row(old), persona_row(new)):
        field_path = "/".join(map(str, path))
        yield {
            "persona": old.id,
            "field": field_path,
            "was": _shortened(was),
            "is": _shortened(value),
        }


def _shortened(value: object) -> str:
    if value is ABSENT:
        return "(absent)"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
