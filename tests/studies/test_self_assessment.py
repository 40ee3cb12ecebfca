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
    load_inventory,
)
from personae.report.render.report_json import report_from_json, report_json
from personae.respondents.null import open_null
from personae.respondents.scripted import ScriptedModel
from personae.respondents.simulated import open_simulated
from personae.run.study_registry import studies
from personae.studies.self_assessment.study import self_assessment
from tests.support.report_parts import table, verdict_text

CONTENT = "simulated:E=1,noise=0,follow=0"  # follow=0: the system text is no persona


class FourthOption:
    """Always picks the option in the fourth position, whatever it says."""

    name = "null:fourth"
    fingerprint = "f0"

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        logp = tuple(log(0.96 if slot == 3 else 0.01) for slot in range(5))
        return [Choice(loglik=logp, logp=logp, mass=1.0, tokens=(1,) * 5) for _ in requests]

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return [Reply(text="4") for _ in requests]


def rows_of(report: Report, name: str) -> list[dict[str, Cell]]:
    shown = table(report, name)
    return [dict(zip(shown.columns, row, strict=True)) for row in shown.rows]


def value(cell: Cell) -> float:
    assert isinstance(cell, Estimate)
    return cell.value


def p(cell: Cell) -> float:
    assert isinstance(cell, Estimate)
    return cell.p


@pytest.fixture(scope="module")
def content() -> Report:
    return self_assessment(open_simulated(CONTENT), quick=True)


@pytest.fixture(scope="module")
def fourth() -> Report:
    return self_assessment(FourthOption(), "ipip-neo-120")


def test_answers_by_content_alone_are_invariant(content: Report) -> None:
    assert verdict_text(content).startswith("Invariant")
    for row in rows_of(content, "agreement"):
        assert value(row["exact agreement"]) == 1.0
        assert value(row["quadratic kappa"]) == pytest.approx(1.0)
        assert row["follows the labels' meaning"] == "yes"
    pairs = rows_of(content, "wordings") + rows_of(content, "orders")
    assert len(pairs) == 2 * 2 * 3 * 5
    for row in pairs:
        assert p(row["Mann-Whitney (Cliff's delta)"]) == 1.0
        assert p(row["Wilcoxon (rank-biserial)"]) == 1.0
        assert row["verdict"] == "equivalent"


def test_identical_columns_have_statistic_zero(content: Report) -> None:
    for row in rows_of(content, "all_wordings"):
        assert value(row["Friedman (Kendall's W)"]) == 0.0
        assert value(row["Kruskal-Wallis (epsilon squared)"]) == pytest.approx(0.0, abs=1e-12)
        assert p(row["Friedman (Kendall's W)"]) == 1.0
        assert p(row["Kruskal-Wallis (epsilon squared)"]) == pytest.approx(1.0)


def test_answers_by_position_alone_are_unreliable(fourth: Report) -> None:
    assert verdict_text(fourth).startswith("Unreliable")
    keys: dict[str, list[int]] = {}
    tool = load_inventory("ipip-neo-120")
    for item in tool.items:
        keys.setdefault(tool.scales[item.scale], []).append(item.key)
    for row in rows_of(fourth, "scores"):
        away = -1 if row["order"] == "forward" else 1
        own = keys[str(row["trait"])]
        assert value(row["unkeyed agreement"]) == 3 + away
        assert value(row["keyed score"]) == pytest.approx(3 + away * sum(own) / len(own))
    for row in rows_of(fourth, "acquiescence"):
        assert value(row["acquiescence"]) == (2 if row["order"] == "forward" else 4)
    for row in rows_of(fourth, "agreement"):
        assert value(row["exact agreement"]) == 0.0
        assert row["follows the labels' meaning"] == "no"


def one_wording(question: Request) -> list[float]:
    """Take the first option in the wording "like me", else the middle one."""
    preferred = 0 if "like me" in " ".join(turn.text for turn in question.chat) else 2
    return [0.96 if slot == preferred else 0.01 for slot in range(5)]


def test_a_respondent_that_reacts_to_one_wording_differs_in_its_pairs_alone() -> None:
    report = self_assessment(ScriptedModel(choose=one_wording, name="one wording"), quick=True)
    rows = [row for row in rows_of(report, "wordings") if row["scoring"] == "unkeyed"]
    assert {row["verdict"] for row in rows if "whois" in str(row["between"])} == {"different"}
    assert {row["verdict"] for row in rows if "whois" not in str(row["between"])} == {"equivalent"}
    orders = {
        (r["between"], r["verdict"]) for r in rows_of(report, "orders") if r["scoring"] == "unkeyed"
    }
    assert orders == {
        ("mpi forward - mpi reverse", "equivalent"),
        ("enfj forward - enfj reverse", "equivalent"),
        ("whois forward - whois reverse", "different"),
    }


def test_keying_cancels_a_constant_position_in_a_balanced_scale() -> None:
    report = self_assessment(open_null("null:first"), quick=True)
    assert verdict_text(report).startswith("Unreliable")
    for row in rows_of(report, "spread"):
        assert value(row["unkeyed"]) == 4.0
        assert value(row["keyed"]) == 0.0


def test_neither_difference_nor_equivalence_is_inconclusive() -> None:
    """Answers by position to balanced items: keyed differences of +4 and -4 prove nothing."""
    report = self_assessment(open_null("null:first"), quick=True)
    rows = [r for r in rows_of(report, "orders") if r["scoring"] == "keyed"]
    assert {r["verdict"] for r in rows} == {"inconclusive"}
    for row in rows:
        assert p(row["Wilcoxon (rank-biserial)"]) > 0.05
        assert p(row["equivalence"]) > 0.05


def test_refusals_are_counted_and_nothing_is_scored() -> None:
    report = self_assessment(open_null("null:refusing"), quick=True)
    assert verdict_text(report).startswith("Inconclusive")
    assert all(row["ok"] == 0 and row["refused"] == 50 for row in rows_of(report, "coverage"))
    assert all(isnan(value(row["keyed score"])) for row in rows_of(report, "scores"))
    assert all(isnan(value(row["residual"])) for row in rows_of(report, "variance"))


def test_a_constant_midpoint_is_warned_about() -> None:
    report = self_assessment(open_null("null:midpoint"), quick=True)
    warnings = [n.text for n in report.parts if isinstance(n, Note) and n.level == "warning"]
    assert any("All answers are the same" in text for text in warnings)


@pytest.mark.parametrize(("channel", "wordings"), [("option", 2), ("reply", 3)])
def test_other_channels_give_a_row_for_each_wording_that_fits(channel: str, wordings: int) -> None:
    study = studies.load(studies.find("self-assessment"))
    report = study(open_simulated(CONTENT), channel=channel, quick=True)
    assert len(rows_of(report, "agreement")) == wordings
    assert len(rows_of(report, "scores")) == wordings * 2 * 5


def test_the_verdict_comes_first_the_figure_before_tables_and_bytes_repeat(content: Report) -> None:
    shown = [part for part in content.parts if not isinstance(part, Note)]
    assert isinstance(content.parts[0], Note)
    assert isinstance(shown[0], Figure)
    again = self_assessment(open_simulated(CONTENT), quick=True)
    assert report_json(again) == report_json(content)
    assert report_from_json(report_json(content)).title == content.title
