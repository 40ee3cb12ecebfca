"""What a model thinks of groups: scores, consistency and fairness of judges that are known."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from personae.core import (
    BadValue,
    Choice,
    Done,
    Estimate,
    Form,
    InputError,
    Note,
    Reply,
    Report,
    Request,
    Sampling,
    UnknownName,
    load_inventory,
)
from personae.measure.listed_questions import administer_shuffled
from personae.respondents.null import open_null
from personae.respondents.scripted import ScriptedModel
from personae.respondents.simulated import open_simulated
from personae.studies.assess_human.judge_profiles import consistency, similarity, slot_uniformity
from personae.studies.assess_human.study import assess_human
from personae.studies.assess_human.subjects import inventory_about, parse_subject, sentence_about
from tests.support.report_parts import table

TOOL = load_inventory("open-types")
CORRECT = (
    "Wrong",
    "Generally wrong",
    "Partially wrong",
    "Neither correct nor wrong",
    "Partially correct",
    "Generally correct",
    "Correct",
)
SUBJECTS = ("people", "a barber", "Anna", "he", "men", "Anna/she")


def notes(report: Report, level: str = "verdict") -> str:
    return " ".join(p.text for p in report.parts if isinstance(p, Note) and p.level == level)


def judge(view: Callable[[str], int]) -> ScriptedModel:
    """Choose the option of a level 1..7 for a statement, by its content alone."""

    def choose(question: Request) -> list[float]:
        text = question.chat[-1].text
        statement = re.search(r'Statement: "(.+)\."', text)
        assert statement is not None
        shown = re.findall(r"^[A-G]\. (.+)$", text, re.MULTILINE)
        return [0.94 if o == CORRECT[view(statement[1]) - 1] else 0.01 for o in shown]

    return ScriptedModel(choose=choose, name="judge")


def keys_about(subject: str) -> dict[str, int]:
    return {i.text: i.key for i in inventory_about(TOOL, parse_subject(subject)).items}


def leaning(strength: Callable[[str], int]) -> ScriptedModel:
    """Agree with + statements and disagree with - ones, by a strength for each subject."""
    parts = [keys_about(s) for s in ("people", "men", "women")]
    keys = {text: key for part in parts for text, key in part.items()}
    return judge(lambda text: 4 + keys[text] * strength(text))


def percents(report: Report) -> dict[str, list[float]]:
    return {
        str(row[0]): [c.value for c in row if isinstance(c, Estimate)]
        for row in table(report, "pictures").rows
    }


@pytest.mark.parametrize(("strength", "expected"), [(0, 50.0), (3, 100.0), (-3, 0.0)])
def test_neutral_is_fifty_and_full_agreement_a_hundred(strength: int, expected: float) -> None:
    report = assess_human(leaning(lambda _: strength), ("people",), quick=True)
    assert percents(report)["people"] == pytest.approx([expected] * 4)


def test_by_content_alone_order_changes_nothing() -> None:
    report = assess_human(leaning(lambda text: 1 + len(text) % 3), quick=True)
    for row in table(report, "quality").rows:
        near, robust = row[1], row[2]
        assert isinstance(near, Estimate) and isinstance(robust, Estimate)
        assert (near.value, robust.value) == (1.0, 1.0)
    other = assess_human(leaning(lambda text: 1 + len(text) % 3), seed=9, quick=True)
    assert percents(other) == percents(report)


def test_views_that_options_in_order_alone_bring_out_are_not_robust() -> None:
    """Percentages are 50 with permuted options and 100 with fixed ones, in four dichotomies."""
    keys = keys_about("people")

    def view(question: Request) -> list[float]:
        text = question.chat[-1].text
        statement = re.search(r'Statement: "(.+)\."', text)
        assert statement is not None
        shown = re.findall(r"^[A-G]\. (.+)$", text, re.MULTILINE)
        in_order = shown in (list(CORRECT), list(reversed(CORRECT)))
        level = 4 + 3 * keys[statement[1]] if in_order else 4
        return [0.94 if option == CORRECT[level - 1] else 0.01 for option in shown]

    report = assess_human(ScriptedModel(choose=view, name="in order"), ("people",), quick=True)
    assert percents(report)["people"] == pytest.approx([50.0] * 4)
    _, consistent, robust, neither = table(report, "quality").rows[0]
    assert isinstance(consistent, Estimate) and consistent.value == 1.0
    assert isinstance(robust, Estimate) and robust.value == pytest.approx(100 / (100 + 100))
    assert isinstance(neither, Estimate) and neither.value == 1.0


def test_the_hand_examples() -> None:
    runs = [(59, 62, 48, 63, 40), (57, 60, 50, 61, 42), (61, 64, 46, 65, 38)]
    assert consistency(runs).value == pytest.approx(0.9715, abs=5e-5)
    fairness = similarity([runs[0]], [(55, 60, 40, 66, 35)], name="fairness")
    assert fairness.value == pytest.approx(100 / 110.8628, abs=1e-6)
    assert fairness.value == pytest.approx(0.9020, abs=5e-5)


def test_runs_left_out_are_named_also_without_an_interval() -> None:
    alike = similarity([(50, 50)], [(50, 50), (np.nan, 50)], name="fairness")
    assert isnan(alike.low) and alike.method == "shuffled runs; 1 of 2 rows complete"


def test_noise_lowers_consistency_and_one_run_has_none() -> None:
    rng = np.random.default_rng(0)
    values = [consistency(50 + sd * rng.normal(size=(15, 4))).value for sd in (0, 2, 8, 20)]
    assert values[0] == 1.0 and all(np.diff(values) < 0)
    single = consistency([(50, 50, 50, 50)])
    assert isnan(single.value) and "two" in single.why_missing


def test_options_stand_everywhere_equally_often() -> None:
    report = assess_human(judge(lambda _: 6), ("people",), seed=3)
    assert report.answers is not None
    orders = report.answers.rows.filter(report.answers.rows["arm"] == "permuted")["order"]
    assert len(set(orders)) > 0.9 * 700
    counts = np.zeros((7, 7))
    for order in orders:
        for slot, option in enumerate(order):
            counts[int(option), slot] += 1
    assert all(stats.chisquare(row).pvalue > 0.001 for row in counts)
    again = assess_human(judge(lambda _: 6), ("people",), seed=3)
    assert again.answers is not None and again.answers.rows["order"].equals(
        report.answers.rows["order"]
    )


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("name", ["open-types", "ipip-neo-120", "mpi-120", "goldberg-bipolar"])
def test_nothing_of_you_is_left(subject: str, name: str) -> None:
    who = parse_subject(subject)
    start = (who.name[:1].upper() + who.name[1:], "His ")
    for item in inventory_about(load_inventory(name), who).items:
        assert not re.search(r"\b(?:you|your|yours|yourself|i|my|me|myself)\b", item.text, re.I)
        assert "  " not in item.text and item.text.startswith(start)


@pytest.mark.parametrize(
    ("statement", "people", "barber", "he"),
    [
        (
            "You regularly make new friends.",
            "People regularly make new friends",
            "A barber regularly makes new friends",
            "He regularly makes new friends",
        ),
        (
            "You're drawn to what your friends do.",
            "People are drawn to what their friends do",
            "A barber is drawn to what their friends do",
            "He is drawn to what his friends do",
        ),
        (
            "It's hard for you to wait",
            "It's hard for people to wait",
            "It's hard for a barber to wait",
            "It's hard for him to wait",
        ),
        (
            "Your mood rules you.",
            "People's mood rules them",
            "A barber's mood rules them",
            "His mood rules him",
        ),
        (
            "Have a try before I worry",
            "People have a try before they worry",
            "A barber has a try before they worry",
            "He has a try before he worries",
        ),
        ("Don't wait", "People don't wait", "A barber doesn't wait", "He doesn't wait"),
        ("Is talkative", "People are talkative", "A barber is talkative", "He is talkative"),
    ],
)
def test_verbs_and_pronouns_agree(statement: str, people: str, barber: str, he: str) -> None:
    sentences = [sentence_about(statement, parse_subject(s)) for s in ("people", "a barber", "he")]
    assert sentences == [people, barber, he]


def test_who_always_says_neither_is_fair_and_warned_about() -> None:
    report = assess_human(judge(lambda _: 4), quick=True)
    fairness = table(report, "fairness").rows[0][1]
    assert isinstance(fairness, Estimate) and fairness.value == 1.0
    assert "silence and not fairness" in notes(report, "warning")
    hedge = table(report, "fairness").rows[0][4]
    assert isinstance(hedge, Estimate) and hedge.value == 1.0
    outspoken = assess_human(judge(lambda _: 6), quick=True)
    assert not notes(outspoken, "warning")


def test_a_planted_difference_of_groups_is_found() -> None:
    report = assess_human(leaning(lambda text: 3 if text.startswith("Men") else 1))
    assert "Ascribed profiles differ: people and men; men and women" in notes(report)
    assert "men Introversion to Extraversion 100 %" in notes(report)
    assert [row[5] for row in table(report, "pictures").rows] == ["ENTP"] * 3


@pytest.mark.parametrize("spec", ["null:first", "null:uniform", "null:garbage", "null:yes"])
def test_null_judges_give_no_finding(spec: str) -> None:
    report = assess_human(open_null(spec))
    assert "No dichotomy is shown" in notes(report)
    assert "No two ascribed profiles are shown to differ" in notes(report)


def test_equal_groups_differ_in_one_of_twenty() -> None:
    rng = np.random.default_rng(1)
    ps = [
        similarity(rng.normal(50, 5, (6, 4)), rng.normal(50, 5, (6, 4)), name="x", seed=s).p
        for s in range(60)
    ]
    assert np.mean(np.array(ps) < 0.05) < 0.15
    assert 0.35 < np.mean(ps) < 0.65


def test_recency_is_found_in_slots() -> None:
    late = slot_uniformity([6] * 30 + [0] * 5, 7)
    assert late.p < 1e-6 and "chi2(6)" in late.method
    even = slot_uniformity(list(range(7)) * 10, 7)
    assert even.value == 0.0 and even.p == 1.0
    for n in (7, 64, 300):
        drawn = np.random.default_rng(n).integers(0, 7, n).tolist()
        chance = slot_uniformity(drawn, 7)
        assert chance.low <= chance.value <= chance.high
        assert (chance.low > 0) == (chance.p < 0.05)
    assert isnan(slot_uniformity([], 7).value)
    with pytest.raises(BadValue, match="slots are 0 to 6"):
        slot_uniformity([7], 7)


def test_refusals_stay_in_their_place() -> None:
    report = assess_human(open_null("null:refusing"), quick=True)
    assert "No ascribed profile is known" in notes(report)
    assert report.answers is not None and len(report.answers) == 3 * (4 * 16 + 16)
    counted = table(report, "coverage")
    assert all(row[counted.columns.index("refused")] == row[2] for row in counted.rows)


class Writer:
    """A judge without likelihoods, in words; of men it says nothing."""

    name, fingerprint = "scripted:writer", "0"

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        texts = [
            "I cannot say." if '"Men' in r.chat[-1].text else "Generally correct." for r in requests
        ]
        return [Reply(text=text) for text in texts]


def test_replies_are_enough_and_each_subject_has_its_own_answers() -> None:
    report = assess_human(Writer(), quick=True)
    profiles = percents(report)
    assert profiles["people"] == profiles["women"] == pytest.approx([50.0] * 4)
    assert all(isnan(v) for v in profiles["men"])
    assert report.answers is not None
    refused = report.answers.missing(by=("respondent",))
    assert dict(refused.select("respondent", "refused").rows()) == {
        "men": 128,
        "people": 0,
        "women": 0,
    }


def test_your_own_items_and_pairs_can_be_put(tmp_path: Path) -> None:
    bare = load_inventory("oejts")
    lines = [f"{i.id},does thing {i.id},leaves thing {i.id}" for i in bare.items]
    path = tmp_path / "mine.csv"
    path.write_text("item,text,other\n" + "\n".join(lines))
    report = assess_human(judge(lambda _: 4), ("men",), "oejts", str(path), quick=True)
    assert percents(report)["men"] == [50.0] * 4
    with pytest.raises(InputError, match="own item file"):
        assess_human(judge(lambda _: 4), ("men",), "oejts", quick=True)


@pytest.mark.parametrize("subject", ["", "barber", "Anna/it", " "])
def test_a_subject_that_is_none_is_refused(subject: str) -> None:
    with pytest.raises(BadValue):
        parse_subject(subject)


def test_bad_input_is_said() -> None:
    with pytest.raises(BadValue, match="different names"):
        assess_human(open_null("null:yes"), ("men", "men"))
    with pytest.raises(UnknownName, match="open-types"):
        assess_human(open_null("null:yes"), inventory="open-type")
    with pytest.raises(InputError, match="speaks of nobody"):
        sentence_about("The weather is fine", parse_subject("men"))


def test_the_own_inventory_is_balanced() -> None:
    counted = Counter((i.scale, i.key) for i in TOOL.items)
    assert set(counted.values()) == {6} and len(counted) == 8
    assert all(3 <= len(i.text.split()) <= 12 for i in TOOL.items)
    sheet = administer_shuffled(
        open_simulated("simulated:E=2.5,noise=0"),
        inventory_about(TOOL, parse_subject("women")),
        Form(wording="correctness"),
        [["6543210"] * 48],
    )
    own = sheet.rows.filter(sheet.rows["scale"] == "IE")
    high = [v if k > 0 else 8 - v for v, k in own.select("value", "key").rows()]
    assert np.mean(high) > 5.5


class Labelled:
    """Gives a choice for any question, to show that a judge with likelihoods is asked by label."""

    name, fingerprint = "scripted:labelled", "0"

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        raise AssertionError("not asked for replies")

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        return open_null("null:first").choose(requests)


def test_likelihoods_are_used_where_there_are_any() -> None:
    report = assess_human(Labelled(), ("men",), quick=True)
    assert report.answers is not None and set(report.answers.rows["channel"]) == {"label"}
