"""Theory of mind under personalities: the published scenes, their keys, and planted effects."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest

from personae.core import (
    Answers,
    BadFile,
    Choice,
    Done,
    Note,
    Persona,
    Reply,
    Request,
    Sampling,
)
from personae.designs.arms import CONTROL_ARM, Arm
from personae.designs.grid import Asking, ask_grid
from personae.designs.question_effects import effects, question_scores
from personae.induce.prompt.prompt_inductions import own_text
from personae.measure.situations.situation_bank import load_bank, pole_text
from personae.measure.tasks.problems import load_problems
from personae.measure.tasks.theory_of_mind import (
    belief_problems,
    by_scene,
    fantom,
    load_scenes,
)
from personae.respondents.null import open_null
from personae.respondents.respondent_answers import choice_from_logliks
from personae.respondents.simulated import open_simulated
from personae.stats.prediction.classification import weighted_f1
from personae.studies.phantom import phantom
from tests.support.report_parts import table

OWN = belief_problems(load_scenes())


class Knowing:
    """Knows the key of the shipped scenes: an oracle, or one who sees the world and no minds."""

    fingerprint = "0" * 64

    def __init__(self, kind: str) -> None:
        self.name = f"scripted:{kind}"
        self._kind = kind

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return [Reply(text="(A)") for _ in requests]

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        return [self._one(question) for question in requests]

    def _one(self, question: Request) -> Choice:
        text = "\n".join(m.text for m in question.chat)
        problem = next((p for p in OWN.problems if p.text in text), None)
        if problem is None:
            return choice_from_logliks(question, [-1.0] * len(question.options))
        taken = problem.answer
        if self._kind == "world" or (self._kind == "dark" and "psychopathy" in text.lower()):
            scene = next(s for s in load_scenes() if s.id == problem.id.split("/")[0])
            now = {scene.belief_aware, scene.action_aware} & set(problem.options)
            control = "control" in problem.field
            taken = next(o for o in problem.options if (o in now) != control)
        return choice_from_logliks(question, [0.0 if o == taken else -5.0 for o in problem.options])


def test_the_first_published_scene(test_data: Callable[[str], Path]) -> None:
    scene = load_scenes(str(test_data("phantom/bigtom.csv")))[0]
    false = scene.problem("forward belief", "false belief", shown=False)
    context = false.text.splitlines()[0]
    assert context.endswith("Noor does not see her coworker swapping the milk.")
    assert "believes" not in context
    assert "oat milk" in false.answer
    true = scene.problem("forward belief", "true belief", shown=False)
    assert "almond milk" in true.answer
    assert "oat milk" in scene.problem("forward belief", "false control", shown=True).answer


def test_the_published_design_has_five_thousand_balanced_items(
    test_data: Callable[[str], Path],
) -> None:
    scenes = load_scenes(str(test_data("phantom/bigtom.csv")))
    assert len(scenes) == 200
    assert len(belief_problems(scenes).problems) == 4800
    whole = belief_problems(scenes, percepts=True)
    assert len(whole.problems) == 5000
    assert 0.45 <= sum(p.letter == "A" for p in whole.problems) / 5000 <= 0.55
    first = ask_grid(open_null("null:first"), [CONTROL_ARM], whole, Asking(channel="label"))
    assert first.rows["value"].mean() == pytest.approx(0.5, abs=0.02)


def test_an_oracle_and_one_who_sees_no_minds() -> None:
    sheet = ask_grid(Knowing("oracle"), [CONTROL_ARM], OWN, Asking(channel="label"))
    assert sheet.rows["value"].mean() == 1.0
    blind = ask_grid(Knowing("world"), [CONTROL_ARM], OWN, Asking(channel="label"))
    means = dict(blind.rows.group_by("scale").agg(pl.col("value").mean()).rows())
    assert (means["true belief"], means["false belief"]) == (1.0, 0.0)
    report = phantom(Knowing("world"), quick=True)
    assert table(report, "beliefs").rows[0][3].value == 0.0  # type: ignore[union-attr]


def test_an_unparsed_reply_scores_better_than_a_wrong_one_by_the_published_measure() -> None:
    assert weighted_f1("yyyn", "ynyn") == pytest.approx(0.7667, abs=5e-5)
    assert weighted_f1("yyyn", "y?yn") == pytest.approx(0.85)


def test_a_blind_model_has_no_spread_and_cannot_be_steered() -> None:
    report = phantom(Knowing("oracle"), quick=True)
    assert [row[1] for row in table(report, "spread").rows] == [0.0, 0.0, 0.0]
    assert all(row[1].value == 0.0 for row in table(report, "controllability").rows)  # type: ignore[union-attr]


class Choosing(Knowing):
    """Takes a trait's high actions under that trait's own persona alone."""

    def _one(self, question: Request) -> Choice:
        text = "\n".join(m.text for m in question.chat)
        situations = [item for item in load_bank().of(self._kind).items if item.text in text]
        if pole_text(self._kind, True) not in text or not situations:
            return super()._one(question)
        high = {action for item in situations for action in item.high}
        texts = [" ".join(forms[0].split()) for forms in question.options]
        return choice_from_logliks(
            question, [0.0 if any(a in option for a in high) else -5.0 for option in texts]
        )


def test_own_choices_rise_under_the_one_persona_that_moves_them() -> None:
    report = phantom(Choosing("Psychopathy"), quick=True)
    rises = {row[0]: row[1] for row in table(report, "controllability").rows}
    assert rises["Psychopathy"].value > 0.05  # type: ignore[union-attr]
    assert all(r.value == 0.0 for name, r in rises.items() if name != "Psychopathy")  # type: ignore[union-attr]


def test_a_planted_loss_under_one_personality_is_found() -> None:
    person = Persona(id="Psychopathy", text="You are an assistant with high psychopathy.")
    arms = [CONTROL_ARM, Arm(name="system", induction=own_text, persona=person)]
    sheet = ask_grid(Knowing("dark"), arms, OWN, Asking(channel="label"))
    by_scale = {e.scale: e for e in effects(sheet, "unchanged")}
    assert by_scale["false belief"].verdict == "worse"
    assert by_scale["true belief"].shift.value == 0.0


def test_questions_about_one_scene_are_one_case() -> None:
    """A persona that is lucky in some scenes throughout has that many lucky cases, not 24 each."""
    rows: list[dict[str, object]] = [
        {"item": f"s{scene}/{question}", "respondent": who, "value": float(value)}
        for scene in range(8)
        for question in range(24)
        for who, value in (("unchanged", 1.0), ("lucky", scene >= 4))
    ]
    answers = Answers.of(rows)
    [questions] = effects(answers, "unchanged")
    [scenes] = effects(by_scene(answers), "unchanged", of="scene")
    assert questions.shift.value == scenes.shift.value == -0.5
    assert (questions.shift.n, scenes.shift.n, scenes.shift.of) == (192, 8, "scene")
    assert scenes.shift.p == 0.125 > questions.shift.p  # 4 of 8 scenes: 2 of 16 patterns


def test_a_planted_loss_is_found_scene_by_scene() -> None:
    report = phantom(Knowing("dark"), quick=True)
    effect = next(r for r in table(report, "effects").rows if r[:2] == ("Psychopathy", "all"))
    assert effect[-1] == "worse"
    assert effect[3].of == "scene" and effect[3].n == 12  # type: ignore[union-attr]


def write_dialogue(path: Path, answer: str) -> None:
    """Write a FANToM file of one dialogue whose two yes-no questions have the given answer."""
    asked = {"question": "Does Ann know this?", "correct_answer": answer}
    path.write_text(
        json.dumps(
            [
                {
                    "set_id": "0-0",
                    "short_context": "Ann: Hello.",
                    "full_context": "Ann: Hello. Bye.",
                    "factQA": {
                        "question": "What pet?",
                        "correct_answer": "A cat.",
                        "wrong_answer": "A dog.",
                    },
                    "beliefQAs": [
                        {
                            "question": "What does Ann believe?",
                            "correct_answer": "A cat.",
                            "wrong_answer": "Nothing.",
                        }
                    ],
                    "answerabilityQAs_binary": [asked],
                    "infoAccessibilityQAs_binary": [asked],
                }
            ]
        )
    )


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Yes, he knows", "yes"),
        ("No.", "no"),
        ("He does not know", "no"),
        ("no:long", "no"),
    ],
)
def test_yes_and_no(text: str, read: str, tmp_path: Path) -> None:
    write_dialogue(tmp_path / "fantom.json", text)
    assert fantom(tmp_path / "fantom.json").problems[0].answer == read.capitalize()


@pytest.mark.parametrize("text", ["He knows", "there is no doubt he knows"])
def test_neither_yes_nor_no_is_a_bad_file(text: str, tmp_path: Path) -> None:
    write_dialogue(tmp_path / "fantom.json", text)
    with pytest.raises(BadFile, match="needs an id, a text and an answer"):
        fantom(tmp_path / "fantom.json")


def test_agreeing_with_everything_matches_half_of_the_statements(
    test_data: Callable[[str], Path],
) -> None:
    """On the published statements of two traits."""
    for trait in ("extraversion", "narcissism"):
        path = test_data(f"phantom/mwe_persona/{trait}.jsonl")
        statements = load_problems(str(path))
        assert len(statements.problems) == 1000
        sheet = ask_grid(
            open_null("null:first"), [CONTROL_ARM], statements, Asking(channel="label")
        )
        assert sheet.rows["value"].mean() == 0.5


def test_likelihoods_do_not_depend_on_the_batch() -> None:
    """On a control; the contract of models tests it on the embedded one."""
    model = open_simulated("simulated:ability=0.5")
    sheets = [ask_grid(model, [CONTROL_ARM], OWN, Asking(channel="label")) for _ in range(2)]
    scores = [question_scores(sheet, "arm", ["unchanged"], use="expected")[0] for sheet in sheets]
    assert scores[0].tolist() == scores[1].tolist()


def test_fantom_is_read_and_bad_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "fantom_v1.json"
    write_dialogue(path, "no:long")
    problems = fantom(path).problems
    assert [p.field for p in problems] == ["information access", "answerability", "belief"]
    assert (problems[0].answer, "A cat." in problems[0].text) == ("No", True)
    assert "A cat." not in problems[1].text
    report = phantom(open_simulated("simulated:"), str(path), quick=True)
    assert table(report, "weighted_f1").rows
    assert any(isinstance(p, Note) for p in report.parts)
    path.write_text("[{}]")
    for reader in (fantom, load_scenes):
        with pytest.raises(BadFile):
            reader(str(path))
