"""Two finished runs compared: what is paired, what differs, what is alike, what is refused."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import personae as p
from personae.analyses.compare import compare_runs
from personae.analyses.pairing import pair_answers
from personae.analyses.run_differences import ComparisonRules, compare_pairs
from personae.cli import main
from personae.core import Answers, BadFile, BadValue, Note, Report, UnknownName
from personae.report.render.report_files import write_report
from personae.run.export.finished_run import open_run
from tests.support.finished_runs import finished
from tests.support.report_parts import table

TOOL = "ipip-neo-120@1+c61ffbaf"


def sheet(values: Sequence[float | None], **same: Any) -> Answers:
    """Make an answer an item, in order; None is a refusal."""
    base = {
        "inventory": TOOL,
        "low": 1.0,
        "high": 5.0,
        "scale": "E",
        "respondent": "ada",
        "form": "plain",
    } | same
    return Answers.of(
        {**base, "item": str(i), "value": v, "status": "refused" if v is None else "ok"}
        for i, v in enumerate(values)
    )


def test_shift_size_and_levels_by_hand() -> None:
    first, second = [1.0, 2, 3, 2, 1, 3], [2.0, 3, 3, 4, 1, 4]
    (comparison,) = compare_pairs(pair_answers(sheet(first), sheet(second)))
    apart = np.subtract(second, first)
    assert comparison.shift.value == pytest.approx(apart.mean())
    assert comparison.size.value == pytest.approx(apart.mean() / apart.std(ddof=1))
    assert comparison.levels == pytest.approx((2.0, 17 / 6))
    assert comparison.shift.p == 2 / 2**4  # four pairs differ, all one way
    assert comparison.holm == comparison.shift.p
    assert comparison.shift.n == 6


def test_reversed_items_are_turned_and_repeats_are_no_items() -> None:
    keys = {"key": -1}
    first = Answers.concat([sheet([4.0] * 6, **keys, repeat=r) for r in range(5)])
    second = Answers.concat([sheet([2.0] * 6, **keys, repeat=r) for r in range(5)])
    (comparison,) = compare_pairs(pair_answers(first, second))
    assert (comparison.shift.value, comparison.levels, comparison.shift.n) == (2.0, (2.0, 4.0), 6)
    own = Answers.of({**row, "high": None} for row in first.rows.to_dicts())
    (comparison,) = compare_pairs(pair_answers(own, own))
    assert (
        comparison.shift.value == 0 and np.isnan(comparison.levels).all()
    )  # its range isn't known


def test_a_run_and_itself_are_equivalent() -> None:
    answers = sheet(np.arange(10.0).tolist())
    (comparison,) = compare_pairs(pair_answers(answers, answers))
    assert (comparison.shift.value, comparison.shift.p, comparison.verdict) == (
        0.0,
        1.0,
        "equivalent",
    )


def test_a_lost_answer_is_wrong_in_problems_and_no_pair_in_points() -> None:
    first, second = [1.0] * 8, [1.0] * 6 + [None] * 2
    right = dict(unit="correct", inventory="problems@1")
    whole, scale = compare_pairs(pair_answers(sheet(first, **right), sheet(second, **right)))
    assert whole.shift.value == scale.shift.value == -0.25
    assert (whole.cell[2], whole.lost) == ("all", 2)
    (points,) = compare_pairs(pair_answers(sheet(first), sheet(second)))
    assert (points.shift.value, points.shift.n, points.lost) == (0.0, 6, 2)


def test_few_pairs_are_shown_and_not_tested() -> None:
    (comparison,) = compare_pairs(pair_answers(sheet([1.0] * 5), sheet([5.0] * 5)))
    assert (
        comparison.verdict == "not tested"
        and comparison.shift.value == 4.0
        and np.isnan(comparison.holm)
    )


def test_only_what_was_asked_alike_is_matched_and_the_rest_counted() -> None:
    first = Answers.concat([sheet([3.0] * 7), sheet([3.0] * 7, order="reverse")])
    second = Answers.concat([sheet([4.0] * 6), sheet([3.0] * 7, form="other")])
    pairing = pair_answers(first, second)
    assert pairing.table.rows == ((TOOL, 14, 13, 6, 8, 7),)
    assert "Only in the second run, form: other." in pairing.remarks
    twice = Answers.concat([sheet([3.0] * 7)] * 2)
    with pytest.raises(BadValue, match="no answer of one run has a partner"):
        pair_answers(sheet([3.0] * 7), twice)  # once here, twice there: who is whose partner?
    assert pair_answers(twice, twice).rows.height == 14


def test_one_respondent_each_is_paired_across_names() -> None:
    pairing = pair_answers(sheet([3.0] * 7), sheet([4.0] * 7, respondent="bo"))
    assert pairing.rows.height == 7 and "'ada' with 'bo'" in pairing.remarks[0]
    two = Answers.concat([sheet([4.0] * 7, respondent=r) for r in ("bo", "cy")])
    with pytest.raises(BadValue, match="respondent: ada in the first, bo, cy in the second"):
        pair_answers(sheet([3.0] * 7), two)


def test_respondents_as_the_unit_and_each_by_itself() -> None:
    names = [f"r{i}" for i in range(8)]
    first = Answers.concat([sheet([2.0] * 3, respondent=r) for r in names])
    second = Answers.concat([sheet([2.0 + i] * 3, respondent=r) for i, r in enumerate(names)])
    pairing = pair_answers(first, second)
    (comparison,) = compare_pairs(pairing, ComparisonRules(unit="respondent"))
    assert (comparison.shift.n, comparison.shift.of, comparison.shift.value) == (
        8,
        "respondent",
        3.5,
    )
    each = compare_pairs(pairing, ComparisonRules(each=True))
    assert [c.cell[4] for c in each] == names
    with pytest.raises(BadValue, match="no spread of respondents"):
        ComparisonRules(unit="respondent", each=True)


def simulated(seed: int, shift: float) -> tuple[Answers, Answers]:
    """Eight scales of 20 items in two forms; E alone differs by `shift`."""
    random = np.random.default_rng(seed)
    sheets: tuple[list[Answers], list[Answers]] = ([], [])
    for scale in "EABCDFGH":
        item = random.normal(3, 1, 20)
        for run, moved in ((0, 0.0), (1, shift if scale == "E" else 0.0)):
            own = item + random.normal(0, 0.4, 20)
            for form in ("one", "two"):
                values = (own + random.normal(0, 0.4, 20) + moved).tolist()
                sheets[run].append(sheet(values, scale=scale, form=form))
    return Answers.concat(sheets[0]), Answers.concat(sheets[1])


def test_equal_runs_rarely_differ_and_a_planted_shift_is_found() -> None:
    false = power = alike = 0
    for seed in range(20):
        none = compare_pairs(pair_answers(*simulated(seed, 0.0)))
        false += any(c.verdict.startswith("different") for c in none)
        some = {c.cell[2]: c for c in compare_pairs(pair_answers(*simulated(seed, 1.0)))}
        power += some["E"].verdict == "different"
        alike += sum(c.verdict == "equivalent" for s, c in some.items() if s == "E")
    assert false <= 4  # P = 0.003 at a family-wise rate of 5 %
    assert power >= 18 and alike == 0


def test_the_report_of_two_folders(tmp_path: Path) -> None:
    first = open_run(finished(tmp_path / "a", sheet([2.0] * 12)))
    moved = [3.0, 3.5] * 6
    second = open_run(finished(tmp_path / "b", sheet(moved), model="null:uniform"))
    report = compare_runs(first, second)
    verdict = next(p for p in report.parts if isinstance(p, Note))
    assert (
        "1 of 1 comparison differs after Holm's adjustment; namely: E, unchanged +1.25 points"
        in verdict.text
    )
    runs = {row[0]: row[1:] for row in table(report, "runs").rows}
    assert runs["study"] == ("asked", "asked", "") and runs["model"][2] == "differs"
    assert table(report, "coverage").rows[1][:4] == ("unchanged", "second", 12, 12)
    same = compare_runs(first, first)
    assert any(isinstance(p, Note) and "Both are the same run" in p.text for p in same.parts)
    assert compare_runs(first, second) == report


def test_arms_set_against_each_other(tmp_path: Path) -> None:
    both = Answers.concat([sheet([2.0] * 8), sheet([3.0] * 8, arm="P2")])
    run = open_run(finished(tmp_path / "a", both))
    compared = table(compare_runs(run, run, ("unchanged", "P2")), "comparison")
    assert len(compared.rows) == 1 and compared.rows[0][4:6] == (2.0, 3.0)
    with pytest.raises(UnknownName, match="known: P2, unchanged"):
        compare_runs(run, run, ("unchanged", "P3"))


def studied(own: float, induced: Sequence[float], name: str, *, tag: str = TOOL) -> Answers:
    """A study's answers: the model itself, named after it, on 12 items; two personas on half."""
    control = sheet([own, own + 1] * 6, respondent=name, inventory=tag)
    half = {"arm": "naive", "inventory": "ipip-neo-120@1+0half000"}
    personas = [sheet([v, v + 1] * 4, respondent=f"p{i}", **half) for i, v in enumerate(induced)]
    return Answers.concat([control, *personas])


def test_the_control_of_two_models_is_paired(tmp_path: Path) -> None:
    """The model itself answers under its own name, and differs by 1 where personas don't."""
    names = "null:yes", "null:uniform"
    runs = [
        open_run(finished(tmp_path / str(i), studied(2.0 + i, [1, 3], name), model=name))
        for i, name in enumerate(names)
    ]
    report = compare_runs(runs[0], runs[1])
    rows = {row[0]: row for row in table(report, "comparison").rows}
    assert rows["unchanged"][3:6] == (12, 2.5, 3.5) and rows["unchanged"][-1] == "different"
    assert rows["naive"][3:6] == (8, 2.5, 2.5) and rows["naive"][-1] == "equivalent"
    (matched, *_) = (t for t in table(report, "matched").rows if t[0] == TOOL)
    assert matched[1:] == (12, 12, 12, 0, 0)
    assert not any(isinstance(p, Note) and p.level == "warning" for p in report.parts)
    assert table(report, "verdicts").rows == (
        ("unchanged", 1, 0, 0, 0, 0),
        ("naive", 0, 0, 1, 0, 0),
    )


def test_the_control_is_set_against_each_persona_of_another_arm(tmp_path: Path) -> None:
    run = open_run(finished(tmp_path / "a", studied(2.0, [3, 5], "null:yes")))
    report = compare_runs(run, run, ("unchanged", "naive"))
    (row,) = table(report, "comparison").rows
    assert row[3:7][:3] == (8, 2.5, 4.5) and row[-1] == "different"
    assert not any("same run" in p.text for p in report.parts if isinstance(p, Note))
    (reverse,) = table(compare_runs(run, run, ("naive", "unchanged")), "comparison").rows
    assert reverse[4:6] == (4.5, 2.5)


def test_without_a_pair_nothing_is_said_to_be_alike(tmp_path: Path) -> None:
    answered = open_run(finished(tmp_path / "a", sheet([1.0] * 8)))
    refused = open_run(finished(tmp_path / "b", sheet([None] * 8), model="null:uniform"))
    with pytest.raises(BadValue, match="no question was answered in both runs: 8 pairs"):
        compare_runs(answered, refused)
    few = open_run(finished(tmp_path / "c", sheet([1.0] * 4)))
    report = compare_runs(few, few)
    texts = [p.text for p in report.parts if isinstance(p, Note)]
    assert texts[0] == "Nothing could be tested: no scale has 6 pairs of answers."
    assert not any("differ" in t for t in texts)
    longer = open_run(finished(tmp_path / "d", sheet([1.0] * 9)))
    texts = [p.text for p in compare_runs(few, longer).parts if isinstance(p, Note)]
    assert "Without a partner, and not compared: 5 of 9 answers of the second run." in texts


def test_arms_with_commas_in_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = Answers.concat([sheet([2.0] * 8), sheet([3.0] * 8, arm="warm, kind")])
    folder = str(finished(tmp_path / "a", both))
    for arms in ("unchanged,warm, kind", "warm, kind,unchanged"):
        with pytest.raises(SystemExit) as left:
            main(["compare", folder, folder, "--arms", arms])
        assert left.value.code == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) <= 40 and any("1 of 1 comparison differs" in line for line in lines)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"answers": sheet([1.0] * 6, inventory="ipip-neo-120@2+c61ffbaf")}, "different versions"),
        ({"answers": sheet([1.0] * 6, inventory="sd3@1+aa")}, "share no instrument"),
        ({"answers": sheet([1.0] * 6, inventory="ipip-neo-120@1+00")}, "share no instrument"),
        ({"answers": sheet([1.0] * 6), "version": "2"}, "versions 1 and 2 of 'asked'"),
    ],
)
def test_other_instruments_and_versions_are_refused(
    tmp_path: Path, other: dict[str, Any], message: str
) -> None:
    first = open_run(finished(tmp_path / "a", sheet([1.0] * 6)))
    second = open_run(finished(tmp_path / "b", **other))
    with pytest.raises(BadValue, match=message):
        compare_runs(first, second)


def test_unfinished_runs_and_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"no manifest\.json; give the folder of a finished run"):
        open_run(tmp_path)
    folder = finished(tmp_path / "a", sheet([1.0] * 6))
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"done"', '"stopped"'))
    with pytest.raises(BadValue, match="stopped, not done"):
        open_run(folder)


def test_scored_answers_are_compared_as_runs_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`score --out` leaves a report and its answers, but no manifest."""
    folders = [tmp_path / name for name in ("before", "after")]
    for folder, values in zip(folders, ([2.0, 2.0], [3.0, 3.5]), strict=True):
        write_report(Report(title="Scores", parts=(), answers=sheet(values * 6)), folder)
    with pytest.raises(SystemExit) as left:
        main(["compare", *map(str, folders)])
    assert left.value.code == 0
    assert "1 of 1 comparison differs" in (shown := capsys.readouterr().out)
    assert shown.startswith("Two runs compared: before and after")
    run = finished(tmp_path / "run", sheet([2.0, 3.0] * 6))
    assert "null:yes and after" in p.compare(run, folders[1]).title
    with pytest.raises(BadFile, match="holds a report, as score and compare write it, but no run"):
        open_run(folders[0])
    write_report(Report(title="No answers", parts=()), tmp_path / "bare")
    with pytest.raises(BadValue, match=r"'No answers' .* holds no answers to compare"):
        p.compare(run, tmp_path / "bare")
    with pytest.raises(BadFile, match=r"takes two folders, each of a finished run .* score FILE"):
        p.compare(run, tmp_path / "none")


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def leave(*order: str) -> object:
        with pytest.raises(SystemExit) as left:
            main(["compare", *order])
        return left.value.code

    first = str(finished(tmp_path / "a", sheet([2.0] * 12)))
    second = str(finished(tmp_path / "b", sheet([3.0, 3.5] * 6), model="null:uniform"))
    out = tmp_path / "out"
    assert leave(first, second, "--out", str(out), "--margin", "points=2") == 0
    assert "1 of 1 comparison differs after" in capsys.readouterr().out
    report_before = (out / "report.json").read_bytes()
    assert leave(first, second, "--out", str(out), "--margin", "points=2") == 0
    assert (out / "report.json").read_bytes() == report_before and b"within margin" in report_before
    assert leave(first, second, "--out", first) == 2  # a run is never written over
    write_report(open_run(Path(first)).report, tmp_path / "scored")
    scored = str(tmp_path / "scored")
    assert leave(first, scored, "--out", scored) == 2
    assert leave(first, second, "--margin", "points=x") == 2
    assert leave(first, second, "--margin", "points=-1") == 2
    assert leave(first, second, "--arms", "P2") == 2
    assert "Traceback" not in capsys.readouterr().err
