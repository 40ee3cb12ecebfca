"""The report of `personae score`: right figures on respondents whose traits are known."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from personae.analyses import conditions
from personae.analyses import score as scoring
from personae.analyses.score import score_report
from personae.core import (
    Answers,
    BadFile,
    BadValue,
    Estimate,
    Figure,
    Form,
    Heading,
    Note,
    ProfileFigure,
    Report,
    Table,
    UnknownName,
    load_inventory,
)
from personae.datasets.answer_tables import read_answer_file, read_answers
from personae.measure.inventories.administer import administer
from personae.models.opening import open_model
from personae.report.render.report_json import report_from_json, report_json
from tests.support.report_parts import table

NEO = load_inventory("ipip-neo-120")
KEYS = np.array([item.key for item in NEO.items])
PLACES = ["NEOAC".index(item.scale) for item in NEO.items]


def people(path: Path, count: int, seed: int = 0) -> Answers:
    """Respondents with traits of mean 0, SD .7; answers rounded with noise of SD 1."""
    rng = np.random.default_rng(seed)
    traits = rng.normal(0, 0.7, (count, 5))
    latent = 3 + traits[:, PLACES] * KEYS + rng.normal(size=(count, 120))
    cells = np.clip(np.round(latent), 1, 5).astype(int)
    lines = [",".join(item.id for item in NEO.items), *(",".join(map(str, r)) for r in cells)]
    path.write_text("\n".join(lines))
    return read_answers(path, NEO)


def notes(report: Report, level: str) -> list[str]:
    return [p.text for p in report.parts if isinstance(p, Note) and p.level == level]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return people(tmp_path_factory.mktemp("crowd") / "answers.csv", 150)


@pytest.fixture(scope="module")
def report(crowd: Answers) -> Report:
    return score_report(crowd, NEO, norms_group="sex-neutral 21-40")


def test_reliability_is_what_the_simulation_put_in(report: Report) -> None:
    """Item variance .49 + 1 + rounding 1/12: item r about .31, alpha by Spearman-Brown .915."""
    scales = table(report, "scales")
    assert scales.columns == (
        "scale",
        "items",
        "mean",
        "alpha",
        "standardized alpha",
        "omega",
        "lambda 6",
        "split-half",
        "SEM",
        "reliable change",
    )
    for name, items, average, *reliability, error, change in scales.rows:
        assert name in NEO.scales.values() and items == 24
        assert isinstance(average, Estimate) and average.low < 3.0 < average.high
        assert isinstance(error, Estimate) and isinstance(change, Estimate)
        assert change.value == pytest.approx(1.96 * 2**0.5 * error.value)
        for estimate in reliability:
            assert isinstance(estimate, Estimate)
            assert 0.86 < estimate.value < 0.95
            assert estimate.low < estimate.value < estimate.high
            assert (estimate.n, estimate.of) == (150, "respondent")


def test_parts_come_verdict_first_and_without_alarm(report: Report) -> None:
    assert isinstance(report.parts[0], Note) and report.parts[0].level == "verdict"
    assert "18,000 of 18,000 answers of 150 respondents" in report.parts[0].text
    assert notes(report, "warning") == []
    assert any("its standing is a comparison" in text for text in notes(report, "info"))
    figure = next(part for part in report.parts if isinstance(part, ProfileFigure))
    assert (figure.low, figure.high) == (1, 5)


def test_scores_of_one_respondent_match_a_hand_count(crowd: Answers, report: Report) -> None:
    scores = table(report, "scale_scores")
    assert scores.columns == (
        "respondent",
        "scale",
        "score",
        "sum",
        "answered",
        "T",
        "percentile",
    )
    assert len(scores.rows) == 5 * scoring.LISTED
    assert "50 more administrations" in scores.note
    own = crowd.where(respondent="row 1", scale="N").rows
    keyed = np.where(own["key"] > 0, own["value"], 6 - own["value"])
    row = next(r for r in scores.rows if r[:2] == ("row 1", "Neuroticism"))
    score, total, answered, t, percentile = row[2:]
    assert isinstance(score, Estimate)
    assert score.value == pytest.approx(keyed.mean())
    half = 2.0687 * keyed.std(ddof=1) / np.sqrt(24)
    assert score.high - score.value == pytest.approx(half, abs=1e-3)
    assert (total, answered) == (keyed.sum(), "24 of 24")
    norm = next(
        n for n in NEO.norms if (n.group, n.scale, n.facet) == ("sex-neutral 21-40", "N", "")
    )
    assert t == pytest.approx(50 + 10 * (keyed.sum() - norm.mean) / norm.sd)
    assert isinstance(percentile, float) and 0 < percentile < 100
    facets = table(report, "facet_scores")
    assert [r[2] for r in facets.rows[:6]] == [
        "Anxiety",
        "Anger",
        "Depression",
        "Self-consciousness",
        "Immoderation",
        "Vulnerability",
    ]


def test_one_respondent_gets_scores_and_reasons(tmp_path: Path) -> None:
    report = score_report(people(tmp_path / "a.csv", 1), NEO)
    for row in table(report, "scales").rows:
        for estimate in row[3:]:
            assert isinstance(estimate, Estimate) and estimate.why_missing
    assert "T" not in table(report, "scale_scores").columns
    assert any("M <21" in text for text in notes(report, "info"))


def test_missing_answers_are_counted_not_filled(tmp_path: Path, crowd: Answers) -> None:
    rows = crowd.where(respondent="row 1").rows
    lost = pl.col("item").is_in([str(k) for k in range(1, 31)]) & (pl.col("scale") == "E")
    partial = rows.with_columns(
        value=pl.when(~lost).then("value"),
        status=pl.when(lost).then(pl.lit("refused")).otherwise("status"),
        why=pl.when(lost).then(pl.lit("says it has no personality")).otherwise("why"),
    )
    report = score_report(Answers(partial), NEO)
    assert "6 are missing and not imputed" in notes(report, "verdict")[0]
    row = next(r for r in table(report, "scale_scores").rows if r[1] == "Extraversion")
    assert isinstance(row[2], Estimate)
    assert row[2].why_missing == "18 of 24 items answered, 80 % needed"
    assert (row[3], row[4]) == (None, "18 of 24")
    assert ("refused", "says it has no personality", 6) in table(report, "coverage").rows


def test_a_scale_scored_backwards_is_announced(crowd: Answers) -> None:
    """Reversed items that come already reversed: 55 of 120 items scored backwards."""
    rows = crowd.rows.with_columns(
        value=pl.when(pl.col("key") < 0).then(6 - pl.col("value")).otherwise("value")
    )
    report = score_report(Answers(rows), NEO)
    first, remark = notes(report, "verdict")
    assert first.startswith("18,000 of 18,000 answers") and notes(report, "warning") == []
    assert remark.startswith("Check the key: ")
    assert (
        " items may be keyed the wrong way round: " in remark and " more; alpha is no h" in remark
    )
    assert "Agreeableness" in remark and remark.endswith("reversed twice, or never?")
    evidence = table(report, "keying").rows
    assert any(row[:2] == ("Agreeableness", "") and "without" in str(row[2]) for row in evidence)
    assert len([row for row in evidence if row[1]]) == int(remark.split()[3])


def test_doubts_among_few_respondents_are_one_sentence(crowd: Answers) -> None:
    few = crowd.rows.filter(pl.col("respondent").is_in([f"row {k}" for k in range(1, 7)]))
    wrong = (pl.col("item") == "1") | (pl.col("item") == "6")  # items 1 and 6 are keyed to N
    rows = few.with_columns(value=pl.when(wrong).then(6 - pl.col("value")).otherwise("value"))
    report = score_report(Answers(rows), NEO)
    (remark,) = [text for text in notes(report, "verdict") if "key" in text]
    assert remark.endswith("With 6 respondents this is often chance.")
    assert len(remark) < 300


def test_arms_are_reported_apart(crowd: Answers) -> None:
    sheet = crowd.where(respondent="row 1")
    backwards = sheet.rows.with_columns(order=pl.lit("reverse"))
    both = Answers.concat([sheet, Answers(backwards), sheet.tag(arm="P2")])
    report = score_report(both, NEO)
    assert [p.text for p in report.parts if isinstance(p, Heading)] == [
        "unchanged, table",
        "P2, table",
    ]
    names = [part.name for part in report.parts if isinstance(part, Table | Figure)]
    assert len(set(names)) == len(names)
    assert table(report, "scale_scores_1").columns[:2] == ("respondent", "order")
    pull = [row for row in table(report, "style_1").rows if row[0] == "position pull"]
    assert isinstance(pull[0][1], Estimate) and pull[0][1].why_missing


def test_report_survives_json_and_is_the_same_twice(crowd: Answers, report: Report) -> None:
    first = report_json(report)
    assert report_json(score_report(crowd, NEO, norms_group="sex-neutral 21-40")) == first
    assert report_json(report_from_json(first)) == first


def test_blocks_of_any_size_and_the_length_of_lists_leave_figures_as_they_are(
    crowd: Answers, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditions, "BLOCK", 7)
    monkeypatch.setattr(scoring, "LISTED", 3)
    short = score_report(crowd, NEO, norms_group="sex-neutral 21-40")
    for name, parts in (("scale_scores", 5), ("facet_scores", 30)):
        whole, cut = table(report, name), table(short, name)
        assert repr(cut.rows) == repr(whole.rows[: 3 * parts])
        assert "147 more administrations are scored but not listed." in cut.note
    assert table(short, "coverage").rows == table(report, "coverage").rows
    assert notes(short, "verdict") == notes(report, "verdict")


def test_a_card_is_scored_by_version_with_its_pairs_of_statements(tmp_path: Path) -> None:
    """A card asks pairs, some items alone, other instruments, and has tags such as group."""
    model = open_model("simulated:E=2,noise=0.2")
    forward, backward = (Form(channel="label", order=order) for order in ("forward", "reverse"))
    extraversion, other = NEO.where(scale="E"), load_inventory("mpi-120").few(2)
    asked = [(extraversion, forward), (extraversion, backward), (extraversion.few(4), forward)]
    asked += [(extraversion, Form(channel="statement")), (other, forward)]
    answers = Answers.concat([administer(model, *question) for question in asked])
    path = tmp_path / "answers.parquet"
    answers.rows.with_columns(group=pl.lit(None, pl.String)).write_parquet(path)
    file = read_answer_file(path, NEO)
    assert file.reading.endswith("; 10 to other instruments are left out")
    pairs = file.answers.rows.filter(pl.col("unit") == "nats/token")["item"].to_list()
    assert len(pairs) > 5 and all("|" in name for name in pairs)
    report = score_report(file.answers, NEO)
    profiles = [part.title for part in report.parts if isinstance(part, ProfileFigure)]
    assert len(profiles) == 3 and len({*profiles}) == 3
    for number, middle in zip("123", (3, 3, 0), strict=True):
        scores = table(report, f"scale_scores_{number}")
        for score in (row[scores.columns.index("score")] for row in scores.rows):
            assert isinstance(score, Estimate) and score.value > middle
    wrong = pl.when(pl.col("item") == pairs[0]).then(pl.lit("N")).otherwise("scale")
    answers.rows.with_columns(scale=wrong).write_parquet(path)
    with pytest.raises(BadFile, match="belongs to the scale 'N'"):
        read_answer_file(path, NEO)


def test_bad_requests(crowd: Answers) -> None:
    with pytest.raises(UnknownName, match="norm group"):
        score_report(crowd, NEO, norms_group="men")
    with pytest.raises(BadValue, match="no answers"):
        score_report(Answers.of([]), NEO)
