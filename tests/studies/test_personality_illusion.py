"""Self-report beside behaviour: planted agreement and planted gaps lead to different findings."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from benchmarks.illusion import false_alarms
from personae.core import (
    Answers,
    BadFile,
    BadValue,
    Chooser,
    Estimate,
    InputError,
    Note,
    Report,
    load_behaviour_task,
    load_inventory,
)
from personae.designs.report_behaviour import (
    BehaviourMeasure,
    persona_shifts,
    profiles,
    sign_agreement,
)
from personae.measure.inventories.administer import administer
from personae.measure.inventories.forms import published_form
from personae.models.opening import open_model
from personae.respondents.scripted import ScriptedModel
from personae.stats.scores.scales import scale_scores
from personae.studies.personality_illusion import study
from personae.studies.personality_illusion.coupling import coupling, regress
from personae.studies.personality_illusion.opposite_personas import TRAITS, opposite_arms
from personae.studies.personality_illusion.sign_verdicts import sign_verdict
from personae.studies.personality_illusion.study import personality_illusion
from tests.support.report_parts import table, verdict_text


@cache
def report_of(spec: str) -> Report:
    return personality_illusion(opened(spec), quick=True)


def opened(spec: str) -> Chooser:
    model = open_model(spec)
    assert isinstance(model, Chooser)
    return model


def share(report: Report) -> float:
    return table(report, "signs").rows[0][2].value  # type: ignore[union-attr]


def test_behaviour_that_follows_the_traits_is_aligned() -> None:
    """A model whose behaviour = trait + noise shows alignment above 90 %."""
    for spec in ("simulated:noise=0.3", "simulated:noise=0.3,gap=0.5,seed=2"):
        report = report_of(spec)
        assert share(report) > 0.9
        assert "behaviour agree" in verdict_text(report)


def test_behaviour_of_its_own_is_not_called_aligned() -> None:
    """One with independent behaviour shows 50 % within its interval; no "aligned"."""
    report = report_of("simulated:noise=0.3,gap=1")
    signs = table(report, "signs").rows[0][2]
    assert signs.low <= 0.5 <= signs.high  # type: ignore[union-attr]
    assert "3 of 3 traits moved as asked" in verdict_text(report)
    assert "not shown" in verdict_text(report) and "behaviour agree" not in verdict_text(report)


def test_a_gap_halves_what_personas_do_to_behaviour_and_leaves_reports() -> None:
    def shifts(spec: str, *, report: bool) -> list[float]:
        rows = table(report_of(spec), "moved").rows
        return [
            abs(row[3].value)  # type: ignore[union-attr]
            for row in rows
            if (row[1] == "own report") == report
        ]

    without, half = "simulated:noise=0.3", "simulated:noise=0.3,gap=0.5,seed=2"
    reports = [sum(shifts(spec, report=True)) for spec in (without, half)]
    assert reports[1] == pytest.approx(reports[0], rel=0.2)
    ratio = sum(shifts(half, report=False)) / sum(shifts(without, report=False))
    assert 0.3 < ratio < 0.75


@pytest.mark.parametrize("spec", ["null:uniform", "null:first", "null:yes", "simulated:follow=0"])
def test_a_respondent_that_ignores_personas_gives_no_finding(spec: str) -> None:
    report = report_of(spec)
    assert "nothing to compare" in verdict_text(report)
    assert "0 of 3 traits" in verdict_text(report)


def test_false_alarms_are_rare() -> None:
    """Small version of the benchmark: at most 1 of 10 respondents whose behaviour is their own."""
    assert false_alarms(range(10)) <= 1


def test_all_six_reports_at_once_on_a_full_set_of_conditions() -> None:
    """With 39 conditions the regression is determined, and finds the planted signs."""
    report = _full("simulated:noise=0.3")
    rows = table(report, "regressions").rows
    assert len(rows) == 5 * 6
    slopes = {(r[0], r[1]): r[2].value for r in rows}  # type: ignore[union-attr]
    assert slopes["risk taking", "Agreeableness"] < -0.2
    assert slopes["implicit bias", "Neuroticism"] > 0.2
    clear = [r for r in rows if r[4] < 0.05]  # type: ignore[operator]
    assert len(clear) >= 8
    nothing = table(_full("simulated:noise=0.3,follow=0"), "regressions").rows
    assert sum(r[4] < 0.05 for r in nothing) == 0  # type: ignore[operator]


@cache
def _full(spec: str) -> Report:
    """The whole study, on each fourth trial of every task."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "load_behaviour_task", lambda name: load_behaviour_task(name).every(4))
        return personality_illusion(opened(spec))


def test_behaviour_correlates_with_what_reports_predict() -> None:
    def r(spec: str) -> Estimate:
        parts = _full(spec).parts
        return next(p for p in parts if isinstance(p, Estimate) and p.unit == "r")

    assert r("simulated:noise=0.3").low > 0.7
    assert abs(r("simulated:noise=0.3,follow=0").value) < 0.25
    flat = coupling([], [], ["A"])
    assert "0 complete" in flat.why_missing


def test_models_and_stages_are_compared(tmp_path: Path) -> None:
    """An earlier run of another stage is read from its answers; no model is asked again."""
    base = report_of("simulated:noise=0.3,follow=0")
    path = tmp_path / "answers.parquet"
    assert base.answers is not None
    base.answers.rows.write_parquet(path)
    report = personality_illusion(
        opened("simulated:noise=0.3"), others=(f"base={path}",), quick=True
    )
    rows = {row[0]: row for row in table(report, "stages").rows}
    assert rows["simulated:noise=0.3"][5] == "aligned" and rows["base"][5] == "not shown"
    spread = table(report, "spread").rows
    assert len(spread) == 3
    assert sum(row[4].value > 1.5 for row in spread) >= 2  # type: ignore[union-attr]
    slopes = table(report, "slopes").rows
    assert all(row[4].why_missing for row in slopes)  # type: ignore[union-attr]
    alone = " ".join(p.text for p in report_of("null:first").parts if isinstance(p, Note))
    assert "One model was asked" in alone


def test_files_of_others_are_checked(tmp_path: Path) -> None:
    model = opened("null:first")
    junk = tmp_path / "junk.parquet"
    for given, why in (("base", "NAME=PATH"), (f"b={junk}", "that exists")):
        with pytest.raises(BadFile, match=why):
            personality_illusion(model, others=(given,), quick=True)
    junk.write_text("no parquet")
    with pytest.raises(BadFile, match="can't read"):
        personality_illusion(model, others=(f"b={junk}",), quick=True)
    pl.DataFrame({"x": [1]}).write_parquet(junk)
    with pytest.raises(BadFile, match="lacks context"):
        personality_illusion(model, others=(f"b={junk}",), quick=True)
    report_of("null:first").answers.rows.write_parquet(junk)  # type: ignore[union-attr]
    with pytest.raises(InputError, match="names another run already"):
        personality_illusion(model, others=(f"null:first={junk}",), quick=True)
    with pytest.raises(InputError, match="'b' names another run already"):
        personality_illusion(model, others=(f"b={junk}", f"b={junk}"), quick=True)
    fewer = pl.read_parquet(junk).filter(pl.col("item") != "1-10-250/turned")
    fewer.write_parquet(junk)
    with pytest.raises(InputError, match="asked other questions"):
        personality_illusion(model, others=(f"b={junk}",), quick=True)
    with pytest.raises(InputError, match="separate, shared or both"):
        personality_illusion(model, context="alone", quick=True)  # type: ignore[arg-type]


def test_both_contexts_are_asked_and_compared() -> None:
    report = personality_illusion(opened("simulated:noise=0.3"), context="both", quick=True)
    rows = {row[0]: row for row in table(report, "contexts").rows}
    assert set(rows) == {"separate", "shared"}
    assert all(row[5] == "aligned" for row in rows.values())


def test_personas_come_in_opposites() -> None:
    arms = opposite_arms(tuple(TRAITS), 3)
    assert len(arms) == 3 + 6 * 3 * 2
    assert len({arm.persona.text for arm in arms}) == len(arms)
    personas = [arm for arm in arms if arm.group]
    for high, low in zip(personas[::2], personas[1::2], strict=True):
        assert (high.group, high.persona.facts["strategy"]) == (
            low.group,
            low.persona.facts["strategy"],
        )
        assert (high.persona.facts["sign"], low.persona.facts["sign"]) == ("+", "-")
    with pytest.raises(BadValue, match="not X"):
        opposite_arms(["X"])
    with pytest.raises(BadValue, match="1 to 3 strategies"):
        opposite_arms(["A"], 4)


def test_missing_answers_are_left_out_and_counted() -> None:
    model = ScriptedModel(lambda chat: ["A", "B"], faults={"refused": 0.4})
    report = personality_illusion(model, quick=True)
    coverage = table(report, "coverage")
    refused = coverage.columns.index("refused")
    assert sum(row[refused] for row in coverage.rows) > 100  # type: ignore[misc]
    warned = " ".join(p.text for p in report.parts if isinstance(p, Note) and p.level == "warning")
    assert "answers are missing" in warned


def test_the_self_regulation_questionnaire() -> None:
    """All 3 gives 189 (low); 5 to plus and 1 to minus items gives 315."""
    srq = load_inventory("srq")
    assert len(srq.items) == 63 and sum(i.key < 0 for i in srq.items) == 26
    for values, total in (({1: 3.0, -1: 3.0}, 189.0), ({1: 5.0, -1: 1.0}, 315.0)):
        rows = [
            {
                "inventory": srq.tag,
                "item": i.id,
                "scale": "SR",
                "key": i.key,
                "low": 1.0,
                "high": 5.0,
                "value": values[i.key],
            }
            for i in srq.items
        ]
        assert scale_scores(Answers.of(rows))["sum"].to_list() == [total]


def test_the_questionnaire_of_the_users_own(
    tmp_path: Path, test_data: Callable[[str], Path]
) -> None:
    """The published item file has our keys and subscales; its texts load from the user's copy."""
    published = pl.read_csv(test_data("personality-illusion/srq_63.csv"))
    shipped = load_inventory("srq")
    assert [(i.id, i.facet, i.key) for i in shipped.items] == [
        (str(row["item"]), row["subscale"], row["key"]) for row in published.iter_rows(named=True)
    ]
    own = tmp_path / "srq.csv"
    published.select("item", "text").write_csv(own)
    report = personality_illusion(opened("null:yes"), srq=str(own), quick=True)
    assert report.answers is not None
    assert any("srq@" in tag for tag in report.answers.rows["inventory"].unique())


def test_the_open_self_regulation_scale_is_balanced_and_read() -> None:
    scale = load_inventory("open-self-regulation")
    facets = {i.facet for i in scale.items}
    assert len(facets) == 7 == len({i.facet for i in load_inventory("srq").items} & facets)
    assert {(i.facet, i.key) for i in scale.items} == {(f, k) for f in facets for k in (1, -1)}
    high, low = (
        scale_scores(administer(open_model(f"simulated:C={z}"), scale, published_form("plain")))
        for z in (1.5, -1.5)
    )
    assert high["mean"][0] - low["mean"][0] > 1


def test_too_few_respondents_are_not_regressed() -> None:
    answers = report_of("null:first").answers
    assert answers is not None
    own = Answers(answers.rows.filter(pl.col("context").is_not_null()))
    assert len(profiles(own, [load_inventory("ipip-neo-120").few(8)], [])) == 7
    cards = load_behaviour_task("cards")
    assert isinstance(regress([], BehaviourMeasure(cards, cards.measures[0]), list(TRAITS)), str)
    signs = sign_agreement([], "none")
    assert sign_verdict(signs) == "not shown" and signs.why_missing
    assert persona_shifts([], [], ["A"]).shifted_traits == []
