"""Preference pairs from runs: who is chosen, what the prompt is, and what is left out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from personae.analyses.compare import Run
from personae.cli import main
from personae.core import (
    Answers,
    BadValue,
    Chat,
    Model,
    Persona,
    Reply,
    Report,
    Sampling,
    UnknownName,
    requests_of,
    say,
)
from personae.induce.prompt.prompt_inductions import persona_text
from personae.measure.judge.judge import judge
from personae.measure.judge.rubric import Case, load_rubric
from personae.respondents.scripted import ScriptedModel
from personae.run.execute import Job, execute
from personae.run.export.finished_run import open_run
from personae.run.export.preference_pairs import preference_pairs

ADA = Persona(id="ada", text="You are Ada, who is warm.")
QUESTIONS = ("Tea?", "Rain?", "Work?", "Rest?")


def speak(chat: Chat) -> str | Reply:
    """Ada is warm, the bare model dry; to rain both say the same, and rest is refused."""
    text, warm = chat[-1].text, chat[0].role == "system"
    if "Rest" in text:
        return Reply(text="I can't say.", status="refused")
    return "Wet." if "Rain" in text else f"{'Gladly' if warm else 'No'}: {text}"


def ask(model: Model, arm: str, respondent: str) -> Answers:
    replies = model.reply(requests_of([say(q) for q in QUESTIONS]), Sampling())
    return Answers.of(
        {
            "item": question,
            "scale": "A",
            "inventory": "own@1",
            "arm": arm,
            "respondent": respondent,
            "channel": "reply",
            "raw": reply.text,
            "status": reply.status,
            "value": None if reply.status != "ok" else float(reply.text.startswith("Gladly")),
            "request": reply.request,
        }
        for question, reply in zip(QUESTIONS, replies, strict=True)
    )


def finished(folder: Path, model: Model, work: Callable[[Model], Answers]) -> Run:
    def study(model: Model) -> Report:
        return Report(title="Asked", parts=(), answers=work(model))

    job = Job(study="asked", version="1", options={"seed": 0}, out=folder)
    execute(job, study, {"model": model}, Console(quiet=True))
    return open_run(folder)


def two_arms(model: Model) -> Answers:
    with persona_text(model, ADA) as induced:
        return Answers.concat([ask(model, "unchanged", "bare"), ask(induced, "ada", "ada")])


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return finished(tmp_path / "run", ScriptedModel(speak), two_arms)


def contents(row: dict[str, Any]) -> tuple[list[str], str, str]:
    prompt = [f"{m['role']}: {m['content']}" for m in row["prompt"]]
    (chosen,), (rejected,) = row["chosen"], row["rejected"]
    assert chosen["role"] == rejected["role"] == "assistant"
    return prompt, chosen["content"], rejected["content"]


def test_a_persona_is_chosen_over_the_bare_model_without_its_prompt(run: Run) -> None:
    rows, left = preference_pairs(run)
    assert [contents(row) for row in rows] == [
        (["user: Tea?"], "Gladly: Tea?", "No: Tea?"),
        (["user: Work?"], "Gladly: Work?", "No: Work?"),
    ]
    assert left == {"ties": 1, "replies refused": 2}
    first = rows[0]
    origin = [first[name] for name in ("source", "chosen_arm", "rejected_arm", "study", "model")]
    assert origin == ["arms", "ada", "unchanged", "asked", "scripted:test"]
    (reverse, _), _ = preference_pairs(run, arms=("unchanged", "ada"))
    assert contents(reverse) == (["user: Tea?"], "No: Tea?", "Gladly: Tea?")


def test_the_better_rated_reply_is_chosen(run: Run) -> None:
    rows, left = preference_pairs(run, "rated")
    assert [contents(row)[1:] for row in rows] == [
        ("Gladly: Tea?", "No: Tea?"),
        ("Gladly: Work?", "No: Work?"),
    ]
    assert (rows[0]["margin"], rows[0]["criterion"]) == (1.0, "A")
    assert left == {"replies refused": 2, "ties": 1}


def test_two_personas_share_what_both_were_asked(tmp_path: Path) -> None:
    def work(model: Model) -> Answers:
        parts = []
        for arm, text in (("warm", "You are warm."), ("cold", "You are cold.")):
            with persona_text(model, Persona(id=arm, text=text)) as induced:
                parts.append(ask(induced, arm, arm))
        return Answers.concat(parts)

    cold = finished(tmp_path / "run", ScriptedModel(lambda c: f"{c[0].text} {c[-1].text}"), work)
    rows, _ = preference_pairs(cold, arms=("warm", "cold"))
    assert contents(rows[0]) == (
        ["user: Tea?"],
        "You are warm. Tea?",
        "You are cold. Tea?",
    )
    with pytest.raises(BadValue, match="has no pair of replies"):
        preference_pairs(cold, "arms")  # no control
    with pytest.raises(UnknownName, match="known: cold, warm"):
        preference_pairs(cold, arms=("warm", "hot"))


def test_a_judged_comparison_chooses_the_text_that_its_judge_prefers(tmp_path: Path) -> None:
    texts = [("See a doctor today.", "Wait a month."), ("Rest.", "Rest well."), ("", "Sleep.")]
    cases = [
        Case(str(i), {"question": f"Pain {i}?", "first": first, "second": second})
        for i, (first, second) in enumerate(texts)
    ]

    def prefer(request: Any) -> tuple[float, float]:
        """Prefer the answer about doctors, wherever it stands; else the letter A."""
        text = request.chat[-1].text
        later = "doctor" in text.split("Answer B:")[1]
        return (0.1, 0.9) if later else (0.9, 0.1)

    rubric = load_rubric("answer-safety")
    run = finished(
        tmp_path / "run", ScriptedModel(choose=prefer), lambda model: judge(model, rubric, cases)
    )
    (row,), left = preference_pairs(run)
    assert contents(row) == (["user: Pain 0?"], "See a doctor today.", "Wait a month.")
    assert row["criterion"] == "answer-safety" and row["margin"] == pytest.approx(0.8)
    assert left == {"ties": 1, "replies without a text": 1}


def test_the_file_is_written_whole_and_counts_what_is_left_out(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "pairs" / "ada.jsonl"

    def leave(*order: str) -> object:
        with pytest.raises(SystemExit) as left:
            main(["export", str(run.folder), "--to", "dpo", "--out", *order])
        return left.value.code

    assert leave(str(out)) == 0
    said = capsys.readouterr().out
    assert "2 pairs (arms); left out: " in said and "1 ties" in said
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["item"] for row in rows] == ["Tea?", "Work?"]
    assert not list(out.parent.glob(".*"))
    assert leave(str(tmp_path / "a.csv")) == 2
    assert "give a file .jsonl" in capsys.readouterr().err
    assert leave(str(tmp_path / "b.jsonl"), "--pairs", "judged") == 2
    assert "no pair of replies (judged: nothing of the kind)" in capsys.readouterr().err
    assert not (tmp_path / "b.jsonl").exists()
    assert leave(str(tmp_path / "c.jsonl"), "--problems", "plain-knowledge") == 2
    assert "--problems is no option of --to dpo" in capsys.readouterr().err
    with pytest.raises(UnknownName):
        preference_pairs(run, "guessed")
