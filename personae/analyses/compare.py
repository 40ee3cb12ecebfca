"""Compares two finished runs: what `personae compare` reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from personae.analyses.comparison_summary import comparison_summary, largest_first
from personae.analyses.pairing import Pairing, pair_answers
from personae.analyses.run_differences import (
    MARGINS,
    Comparison,
    ComparisonRules,
    compare_pairs,
    comparison_table,
)
from personae.core import (
    Answers,
    BadValue,
    ForestFigure,
    Heading,
    Note,
    Part,
    Report,
    Table,
    UnknownName,
    brief,
    canonical_json,
    counted,
    plain,
)
from personae.report.build import Row, ValueAxis, estimate_words, forest, table, warning

__all__ = ["Run", "compare_runs"]

DRAWN = 30
"""Rows of a figure."""
STATUSES = ("ok", "refused", "unparsed", "cut", "error")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """A finished run: its folder, its start (ISO time), its identity, report and answers."""

    folder: Path
    id: str
    started: str
    identity: dict[str, object]
    report: Report
    answers: Answers

    def __repr__(self) -> str:
        return brief(
            self, str(self.folder), self.report.title, counted(len(self.answers), "answer")
        )

    @property
    def model(self) -> str:
        """The models' names, separated by commas."""
        models = self.identity.get("models")
        names = [str(m.get("name")) for m in models.values()] if isinstance(models, dict) else []
        return ", ".join(names)


def compare_runs(
    first: Run,
    second: Run,
    arms: tuple[str, str] | None = None,
    judging: ComparisonRules | None = None,
) -> Report:
    """Compare two runs by their paired answers; `arms` compares one arm of each.

    Raises:
        BadValue: different versions of a study or of an instrument; no pair of answers.
        UnknownName: an arm that a run doesn't have, or a margin in a unit that no pair has.
    """
    _check_studies(first, second)
    judging = judging or ComparisonRules()
    answers = [_own_answers(run) for run in (first, second)]
    across = arms is not None and arms[0] != arms[1]
    if arms:
        answers = _of_arms(answers, arms)
    pairing = pair_answers(*answers)
    _check_margins(judging, pairing.rows["unit"].unique().to_list())
    comparisons = compare_pairs(pairing, judging)
    if not any(comparison.shift.n for comparison in comparisons):
        raise BadValue(
            f"no question was answered in both runs: {counted(pairing.rows.height, 'pair')}, each "
            "without one of its answers (refused, unparsed, cut or failed)"
        )
    return Report(
        title=f"Two runs compared: {_label(first, second)} and {_label(second, first)}",
        parts=(
            *comparison_summary(comparisons),
            *_warnings(first, second, pairing, across=across),
            Heading("Scale by scale"),
            *_figures(comparisons, judging),
            comparison_table(comparisons, judging),
            Heading("What was compared"),
            _runs(first, second),
            pairing.table,
            *(Note(text) for text in pairing.remarks),
            _coverage(pairing),
        ),
    )


def _check_studies(first: Run, second: Run) -> None:
    study, version = (
        [r.identity.get(k) for r in (first, second)] for k in ("study", "study_version")
    )
    if study[0] == study[1] and version[0] != version[1]:
        raise BadValue(
            f"the runs come from versions {version[0]} and {version[1]} of {study[0]!r}, whose "
            "answers are not comparable; run both with one version of Personae"
        )


def _check_margins(judging: ComparisonRules, units: Sequence[str]) -> None:
    for unit in judging.margins:
        if unit not in (*MARGINS, *units):
            raise UnknownName("unit of the answers", unit, units)


def _of_arms(runs: Sequence[Answers], arms: tuple[str, str]) -> list[Answers]:
    """Keep one arm of each run, under one name."""
    answers = [_of_arm(a, arm) for a, arm in zip(_without_parts(*runs), arms, strict=True)]
    name = arms[0] if arms[0] == arms[1] else f"{arms[1]} against {arms[0]}"
    return [a.tag(arm=name) for a in _set_against_each(*answers)]


def _of_arm(answers: Answers, arm: str) -> Answers:
    known = answers.rows["arm"].unique().to_list()
    if arm not in known:
        raise UnknownName("arm", arm, known)
    return answers.where(arm=arm)


def _own_answers(run: Run) -> Answers:
    """Give a model that answers for itself, such as the control, one name whichever model it is."""
    models = run.identity.get("models")
    roles = models.items() if isinstance(models, dict) else ()
    names = {str(model.get("name")): f"the {role}" for role, model in reversed(list(roles))}
    rows = run.answers.rows.with_columns(pl.col("respondent").replace(names))
    return Answers(rows)


def _without_parts(first: Answers, second: Answers) -> list[Answers]:
    """Let parts of an instrument that both runs asked alike count as that instrument.

    An instrument's tag ends in the hash of the items asked, and arms may have asked different ones.
    """
    parts: list[dict[str, set[str]]] = [{}, {}]
    for known, answers in zip(parts, (first, second), strict=True):
        for tag in answers.rows["inventory"].unique():
            known.setdefault(tag.partition("+")[0], set()).add(tag)
    whole = {
        tag: name
        for name in parts[0].keys() & parts[1].keys()
        if parts[0][name] == parts[1][name]
        for tag in parts[0][name]
    }
    return [
        Answers(a.rows.with_columns(pl.col("inventory").replace(whole))) for a in (first, second)
    ]


def _set_against_each(first: Answers, second: Answers) -> list[Answers]:
    """Where one arm has a single respondent, such as the control, set it against each of the other.

    Items are averaged over respondents before anything is tested, so nothing is counted twice.
    """
    people = [a.rows["respondent"].unique(maintain_order=True).to_list() for a in (first, second)]
    sides = [first, second]
    for i, (own, other) in enumerate((people, people[::-1])):
        if len(own) == 1 and len(other) > 1 and own[0] not in other:
            sides[i] = Answers.concat([sides[i].tag(respondent=name) for name in other])
    return sides


def _label(run: Run, other: Run) -> str:
    """Name a run by its model, or by its folder where both have the same model or it has none."""
    return run.model if run.model not in ("", other.model) else run.folder.name


def _warnings(first: Run, second: Run, pairing: Pairing, *, across: bool) -> list[Part]:
    parts: list[Part] = []
    same_run = canonical_json(first.identity) == canonical_json(second.identity)
    if same_run and not across:
        parts.append(warning("Both are the same run."))
    elif first.identity.get("study") != second.identity.get("study"):
        parts.append(
            warning(
                "The runs come from different studies; only what both asked in the same way is "
                "compared."
            )
        )
    paired = pairing.rows.height
    unpaired = [
        f"{count - paired:,} of {count:,} answers of the {run} run"
        for run, count in zip(("first", "second"), pairing.counts, strict=True)
        if count > paired and not across
    ]
    if unpaired:
        parts.append(warning(f"Without a partner, and not compared: {' and '.join(unpaired)}."))
    return parts


def _figures(comparisons: Sequence[Comparison], judging: ComparisonRules) -> list[ForestFigure]:
    figures = []
    tested = [c for c in comparisons if c.verdict != "not tested"] or comparisons
    for unit in dict.fromkeys(c.cell[3] for c in tested):
        drawn = [c for c in tested if c.cell[3] == unit]
        title = "Second run minus first, and the margin of equivalence"
        if drawn[DRAWN:]:
            title += f": the {DRAWN} largest of {len(drawn)}"
            largest = {id(c) for c in largest_first(drawn)[:DRAWN]}
            drawn = [c for c in drawn if id(c) in largest]
        margin = judging.margins.get(unit)
        listed = "; ".join(
            f"{c.shift.name} {estimate_words(c.shift.value, '+.3g')}: {c.verdict}"
            for c in drawn[:12]
        )
        figures.append(
            forest(
                f"shift_{unit.replace('/', '_')}",
                title,
                [
                    (" ".join([*c.cell[4:], c.cell[2] or c.cell[1]]), c.cell[0], c.shift)
                    for c in drawn
                ],
                ValueAxis(unit, 0.0, None if margin is None else (-margin, margin)),
                alt=listed,
            )
        )
    return figures


def _runs(first: Run, second: Run) -> Table:
    """Tabulate the two identities side by side; what differs is marked."""
    left, right = _identity(first), _identity(second)
    rows: list[Row] = [
        {
            "": name,
            "first": left.get(name, ""),
            "second": right.get(name, ""),
            "same?": "" if left.get(name) == right.get(name) else "differs",
        }
        for name in dict.fromkeys([*left, *right])
    ]
    return table("runs", "The two runs", rows)


def _identity(run: Run) -> dict[str, str]:
    fields = {"folder": run.folder.name, "run": run.id}
    models = run.identity.get("models")
    for role, model in models.items() if isinstance(models, dict) else ():
        fields[role] = f"{model.get('name')} ({str(model.get('fingerprint'))[:16]})"
    for name in ("study", "study_version", "personae"):
        fields[name] = str(run.identity.get(name, ""))
    options = run.identity.get("options")
    for name, value in options.items() if isinstance(options, dict) else ():
        text = value if isinstance(value, str) else canonical_json(plain(value))
        fields[f"--{name}"] = text if len(text) <= 60 else text[:57] + "..."
    return fields


def _coverage(pairing: Pairing) -> Table:
    """Count the matched answers by status in each run, arm by arm."""
    rows: list[Row] = []
    for arm, part in pairing.rows.group_by("arm", maintain_order=True):
        for number, run in ((1, "first"), (2, "second")):
            counts = dict(part[f"status_{number}"].value_counts().rows())
            row: Row = {"arm": str(arm[0]), "run": run, "asked": part.height}
            rows.append(row | {status: counts.get(status, 0) for status in STATUSES})
    lost = pairing.rows.select(
        ((pl.col("status_1") == "ok") != (pl.col("status_2") == "ok")).sum()
    ).item()
    note = f"Answered in one run only: {counted(lost, 'pair')}."
    return table("coverage", "Matched answers by status", rows, note)
