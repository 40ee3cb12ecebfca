"""The self-assessment study on respondents whose reliability is known beforehand."""

from collections.abc import Sequence
from math import isnan, log

import pytest

from personae.core import (
    Cell,
    Choice,
    Done,
    Estimate,
    Figure,
    Note,
    Reply,
    Report,
    Request,
    Sampling,
    Table,
    load_inventory,
)
from personae.report.render.report_json import report_from_json, report_json
from personae.respondents.null import open_null
from personae.respondents.simulated import open_simulated
from personae.run.study_registry import find_study, load_function
from personae.studies.self_assessment.study import self_assessment

CONTENT = "simulated:E=1,noise=0,follow=0"  # follow=0: the system text is no persona


class FourthOption:
    """Always picks the option in the fourth slot, whatever it says."""

    name = "null:fourth"
    fingerprint = "f0"

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        logp = tuple(log(0.96 if slot == 3 else 0.01) for slot in range(5))
        return [Choice(loglik=logp, logp=logp, mass=1.0, tokens=(1,) * 5) for _ in requests]

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return [Reply(text="4") for _ in requests]


def table(report: Report, name: str) -> list[dict[str, Cell]]:
    (found,) = [p for p in report.parts if isinstance(p, Table) and p.name == name]
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def value(cell: Cell) -> float:
    assert isinstance(cell, Estimate)
    return cell.value


def p(cell: Cell) -> float:
    assert isinstance(cell, Estimate)
    return cell.p


def verdicts(report: Report) -> list[str]:
    return [n.text for n in report.parts if isinstance(n, Note) and n.level == "verdict"]


@pytest.fixture(scope="module")
def content() -> Report:
    return self_assessment(open_simulated(CONTENT), quick=True)


@pytest.fixture(scope="module")
def fourth() -> Report:
    return self_assessment(FourthOption(), "ipip-neo-120")


def test_content_only_respondent_passes(content: Report) -> None:
    assert verdicts(content)[0].startswith("Invariant")
    for row in table(content, "agreement"):
        assert value(row["exact agreement"]) == 1.0
        assert value(row["quadratic kappa"]) == pytest.approx(1.0)
        assert row["reads what labels mean"] == "yes"
    pairs = table(content, "wordings") + table(content, "orders")
    assert len(pairs) == 2 * 2 * 3 * 5
    for row in pairs:
        assert p(row["Mann-Whitney (Cliff's delta)"]) == 1.0
        assert p(row["Wilcoxon (rank-biserial)"]) == 1.0
        assert row["verdict"] == "equivalent"


def test_identical_columns_have_statistic_zero(content: Report) -> None:
    for row in table(content, "all_wordings"):
        assert value(row["Friedman (Kendall's W)"]) == 0.0
        assert value(row["Kruskal-Wallis (epsilon squared)"]) == pytest.approx(0.0, abs=1e-12)
        assert p(row["Friedman (Kendall's W)"]) == 1.0
        assert p(row["Kruskal-Wallis (epsilon squared)"]) == pytest.approx(1.0)


def test_label_only_respondent_is_caught(fourth: Report) -> None:
    assert verdicts(fourth)[0].startswith("Unreliable")
    keys: dict[str, list[int]] = {}
    tool = load_inventory("ipip-neo-120")
    for item in tool.items:
        keys.setdefault(tool.scales[item.scale], []).append(item.key)
    for row in table(fourth, "scores"):
        away = -1 if row["order"] == "forward" else 1
        own = keys[str(row["trait"])]
        assert value(row["unkeyed agreement"]) == 3 + away
        assert value(row["keyed score"]) == pytest.approx(3 + away * sum(own) / len(own))
    for row in table(fourth, "acquiescence"):
        assert value(row["acquiescence"]) == (2 if row["order"] == "forward" else 4)
    for row in table(fourth, "agreement"):
        assert value(row["exact agreement"]) == 0.0
        assert row["reads what labels mean"] == "no"


def test_key_cancels_the_place_in_a_balanced_scale() -> None:
    report = self_assessment(open_null("null:first"), quick=True)
    assert verdicts(report)[0].startswith("Unreliable")
    for row in table(report, "spread"):
        assert value(row["unkeyed"]) == 4.0
        assert value(row["keyed"]) == 0.0


def test_neither_difference_nor_equivalence_is_inconclusive() -> None:
    """Balanced items of a label-only respondent: keyed differences of +4 and -4 prove nothing."""
    report = self_assessment(open_null("null:first"), quick=True)
    rows = [r for r in table(report, "orders") if r["scoring"] == "keyed"]
    assert {r["verdict"] for r in rows} == {"inconclusive"}
    for row in rows:
        assert p(row["Wilcoxon (rank-biserial)"]) > 0.05
        assert p(row["equivalence"]) > 0.05


def test_refusals_are_counted_and_nothing_is_scored() -> None:
    report = self_assessment(open_null("null:refusing"), quick=True)
    assert verdicts(report)[0].startswith("Inconclusive")
    assert all(row["ok"] == 0 and row["refused"] == 50 for row in table(report, "coverage"))
    assert all(isnan(value(row["keyed score"])) for row in table(report, "scores"))
    assert all(isnan(value(row["residual"])) for row in table(report, "variance"))


def test_constant_midpoint_is_no_evidence() -> None:
    report = self_assessment(open_null("null:midpoint"), quick=True)
    warned = [n.text for n in report.parts if isinstance(n, Note) and n.level == "warning"]
    assert any("All answers are the same" in text for text in warned)


@pytest.mark.parametrize(("channel", "wordings"), [("option", 2), ("reply", 3)])
def test_other_channels(channel: str, wordings: int) -> None:
    study = load_function(find_study("self-assessment"))
    report = study(open_simulated(CONTENT), channel=channel, quick=True)
    assert len(table(report, "agreement")) == wordings
    assert len(table(report, "scores")) == wordings * 2 * 5


def test_verdict_first_figure_before_tables_same_bytes(content: Report) -> None:
    shown = [part for part in content.parts if not isinstance(part, Note)]
    assert isinstance(content.parts[0], Note)
    assert isinstance(shown[0], Figure)
    again = self_assessment(open_simulated(CONTENT), quick=True)
    assert report_json(again) == report_json(content)
    assert report_from_json(report_json(content)).title == content.title
