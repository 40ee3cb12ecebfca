"""Runs and problems in other tools' formats, read back by those tools where they are installed."""

import json
import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from personae.cli import main
from personae.core import (
    Answers,
    BadFile,
    BadValue,
    Form,
    Message,
    Model,
    Persona,
    Report,
    load_inventory,
)
from personae.designs.ability import ability
from personae.induce.prompt.prompt_inductions import persona_text
from personae.measure.inventories.administer import administer
from personae.measure.situations.situation_bank import SituationBank, load_bank
from personae.measure.tasks.problems import load_problems
from personae.models.journal.prompts import read_prompts
from personae.models.opening import open_model
from personae.respondents.null import open_null
from personae.respondents.simulated import open_simulated
from personae.run.execute import Job, execute
from personae.run.export.finished_run import open_run
from personae.run.export.harness_tasks import export_bank, export_problems
from personae.stats.scores.scales import keyed
from tests.support.finished_runs import finished

ROOT = Path(__file__).parents[2]


def tool(package: str, folder: str) -> str:
    """Give a Python that has a package: this one, or that of `make inspect` or `make lm-eval`."""
    if find_spec(package):
        return sys.executable
    python = ROOT / "out" / folder / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{package} is not installed; make {folder}")
    return str(python)


def run(python: str, *order: str) -> str:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [python, *order], capture_output=True, text=True, env=env, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def leave(*order: str) -> object:
    with pytest.raises(SystemExit) as exit_info:
        main(["export", *order])
    return exit_info.value.code


READ = """
import json, sys
from inspect_ai.log import read_eval_log
log = read_eval_log(sys.argv[1])
one = next(s for s in log.samples if s.metadata["item"] == sys.argv[2])
text = one.input if isinstance(one.input, str) else "".join(m.text for m in one.input)
print(json.dumps({
    "status": log.status, "task": log.eval.task, "model": log.eval.model, "n": len(log.samples),
    "ids": len({(s.id, s.epoch) for s in log.samples}), "input": text, "target": one.target,
    "choices": one.choices, "said": one.output.completion, "item": one.metadata["item"],
    "values": [s.scores["correct"].value for s in log.samples],
    "metrics": {n: m.value for n, m in log.results.scores[0].metrics.items()},
}))
"""


@pytest.mark.parametrize("suffix", [".eval", ".json"])
def test_inspect_reads_a_run(suffix: str, tmp_path: Path) -> None:
    python = tool("inspect_ai", "inspect")
    problems = load_problems("plain-knowledge").per_field(2)
    answers = ability(open_simulated("simulated:noise=0.3"), problems).answers.where(form="label")
    lost = answers.rows.to_dicts()
    lost[0] |= {"value": None, "status": "refused", "outcome": "abstained"}
    folder = finished(tmp_path / "run", type(answers).of(lost))
    out = tmp_path / f"log{suffix}"
    run(python, "-m", "personae", "export", str(folder), "--to", "inspect", "--out", str(out))
    summary = json.loads(run(python, "-c", READ, str(out), problems.problems[0].id))
    assert (summary["status"], summary["task"], summary["model"]) == (
        "success",
        "asked",
        "null:yes",
    )
    assert summary["n"] == summary["ids"] == len(answers) == 32
    first = problems.problems[0]
    assert (summary["input"], summary["target"]) == (first.text, first.answer)
    assert sorted(summary["choices"]) == sorted(first.options)
    assert summary["values"].count("N") == 1 and set(summary["values"]) == {"C", "I", "N"}
    right = sum(v == "C" for v in summary["values"]) / 32
    assert summary["metrics"]["accuracy"] == pytest.approx(right)
    assert summary["metrics"]["stderr"] > 0
    content = out.read_bytes()
    run(python, "-m", "personae", "export", str(folder), "--to", "inspect", "--out", str(out))
    if suffix == ".json":  # an .eval is a zip, in which the library writes the time of day
        assert out.read_bytes() == content
    assert not list(tmp_path.glob(".*"))


TRAITS = """
import json, sys
from inspect_ai.log import read_eval_log
log = read_eval_log(sys.argv[1])
print(json.dumps({
    "samples": [{"arm": s.metadata["arm"], "item": s.metadata["item"],
                 "sent": [[m.role, m.text] for m in s.input],
                 "messages": [m.role for m in s.messages],
                 "scores": {n: [v.value, v.metadata] for n, v in s.scores.items()}}
                for s in log.samples],
    "results": {s.name: {n: m.value for n, m in s.metrics.items()} for s in log.results.scores},
}))
"""


def asked_in_person(folder: Path) -> Path:
    """A run over six items of extraversion, three of them reversed, bare and as a persona."""
    inventory = load_inventory("ipip-neo-120").where(scale="E").few(6)

    def work(model: Model) -> Report:
        sheets = [administer(model, inventory, FORM).tag(respondent="bare")]
        with persona_text(model, ADA) as induced:
            sheets.append(administer(induced, inventory, FORM).tag(arm="ada", respondent="ada"))
        return Report(title="Asked", parts=(), answers=Answers.concat(sheets))

    job = Job(study="asked", version="1", options={"seed": 0}, out=folder)
    execute(job, work, {"model": open_model("simulated:noise=0.2")}, Console(quiet=True))
    return folder


FORM = Form(channel="label")
ADA = Persona(id="ada", text="You are Ada. You are extremely talkative.")


def test_a_run_keeps_what_was_asked_as_it_was_sent(tmp_path: Path) -> None:
    folder = asked_in_person(tmp_path / "run")
    prompts = read_prompts(folder)
    rows = open_run(folder).answers.rows
    assert rows["request"].null_count() == 0 and len(prompts) == len(rows) == 12
    for row in rows.iter_rows(named=True):
        chat = prompts[row["request"]]
        text = load_inventory("ipip-neo-120").items[int(row["item"]) - 1].text
        assert text.lower().split()[-1] in chat[-1].text.lower()
        assert (chat[0] == Message("system", ADA.text)) == (row["arm"] == "ada")
    before = (folder / "prompts.json").read_bytes()
    asked_in_person(folder)  # a second start recalls every answer
    assert (folder / "prompts.json").read_bytes() == before
    assert read_prompts(tmp_path) == {}
    (folder / "prompts.json").write_text(
        '{"schema": "personae-prompts/1", "texts": [], "chats": 3}'
    )
    with pytest.raises(BadFile, match=r"prompts\.json"):
        read_prompts(folder)


def test_inspect_samples_hold_the_persona_and_keyed_trait_scores(tmp_path: Path) -> None:
    python = tool("inspect_ai", "inspect")
    folder, out = asked_in_person(tmp_path / "run"), tmp_path / "log.json"
    run(python, "-m", "personae", "export", str(folder), "--to", "inspect", "--out", str(out))
    log = json.loads(run(python, "-c", TRAITS, str(out)))
    rows = keyed(open_run(folder).answers)
    assert len(log["samples"]) == len(rows) == 12
    samples = {(sample["arm"], sample["item"]): sample for sample in log["samples"]}
    for row in rows.iter_rows(named=True):
        sample = samples[row["arm"], row["item"]]
        assert (sample["sent"][0] == ["system", ADA.text]) == (row["arm"] == "ada")
        assert sample["messages"][-2:] == ["user", "assistant"]
        details = {"scale": "E", "key": row["key"], "value": row["value"]}
        assert sample["scores"] == {"E": [row["score"], details]}
    assert any(row["score"] != row["value"] for row in rows.iter_rows(named=True))
    for arm in ("unchanged", "ada"):
        mean = rows.filter(pl.col("arm") == arm)["score"].mean()
        assert log["results"]["E"][f"mean ({arm})"] == pytest.approx(mean)


EVALUATE = """
import json, sys
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate
from personae.run.inspect_extension import persona
samples = [Sample(input=f"Question {i}?", target="e") for i in range(4)]
def evaluate(*solvers, **options):
    task = Task(dataset=samples, solver=list(solvers), scorer=includes())
    (log,) = eval(task, model="personae/simulated:noise=0.3", log_dir=sys.argv[2],
                  display="none", **options)
    return log
good = evaluate(persona(sys.argv[1]), logprobs=True, num_choices=2)
bad = evaluate(persona(sys.argv[1], induction="p2"))
steps = evaluate(persona(sys.argv[1], answer=False), generate())
print(json.dumps({
    "status": [good.status, bad.status], "error": str(bad.error),
    "messages": [[m.role, m.text] for m in good.samples[3].messages],
    "steps": [m.role for m in steps.samples[3].messages],
    "choices": [[c.message.text, c.stop_reason, [t.token for t in c.logprobs.content],
                 c.logprobs.content[0].logprob] for c in good.samples[3].output.choices],
    "tokens": good.samples[3].output.usage.total_tokens,
}))
"""


def test_inspect_asks_our_models_and_puts_personas_in(tmp_path: Path) -> None:
    python = tool("inspect_ai", "inspect")
    output = run(python, "-c", EVALUATE, str(ROOT / "examples" / "ada.json"), str(tmp_path))
    log = json.loads(output.splitlines()[-1])
    assert log["status"] == ["success", "error"] and "the solver" in log["error"]
    (system, user, assistant) = log["messages"]
    assert system[0] == "system" and system[1].startswith("You are Ada")
    assert user == ["user", "Question 3?"] and assistant[0] == "assistant" and assistant[1]
    assert log["steps"] == ["system", "user", "assistant"], "another solver may have it answer"
    assert len(log["choices"]) == 2 and log["tokens"] > 0
    for text, stop, tokens, logprob in log["choices"]:
        assert (stop, tokens) == ("stop", [text]) and logprob <= 0


def test_the_entry_point_of_inspect_names_a_module() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (module,) = project["entry-points"]["inspect_ai"].values()
    assert find_spec(module) is not None


@pytest.mark.skipif(find_spec("inspect_ai") is not None, reason="inspect_ai is installed")
def test_without_inspect_the_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = ability(
        open_null("null:first"), load_problems("plain-knowledge").per_field(1)
    ).answers
    folder = str(finished(tmp_path / "run", answers))
    assert leave(folder, "--to", "inspect", "--out", str(tmp_path / "a.eval")) == 2
    assert "pip install 'personae[inspect]'" in capsys.readouterr().err
    assert leave(folder, "--to", "inspect", "--out", str(tmp_path / "a.csv")) == 2
    assert "ends in .eval or .json" in capsys.readouterr().err


TASKS = """
import json, sys
from lm_eval.tasks import TaskManager
from lm_eval import simple_evaluate
names = sys.argv[2].split(",")
manager = TaskManager(include_path=sys.argv[1], include_defaults=False)
found = simple_evaluate(model="dummy", tasks=names, task_manager=manager, bootstrap_iters=0,
                        log_samples=True)
print("\\n" + json.dumps({
    n: {"rows": len(s), "first": s[0]["arguments"], "gold": s[0]["target"],
        "metrics": [k for k in found["results"][n] if k.split(",")[0] not in
                    ("alias", "name", "sample_len", "sample_count")]}
    for n, s in found["samples"].items()}, default=str))
"""


def test_lm_eval_runs_the_tasks(tmp_path: Path) -> None:
    python = tool("lm_eval", "lm-eval")
    names = []
    for problems in ("plain-knowledge", "word-problems"):
        names += export_problems(load_problems(problems), tmp_path)
    banked = export_bank(load_bank(), tmp_path)
    output = run(python, "-c", TASKS, str(tmp_path), ",".join([*names, banked[0]]))
    summaries = json.loads(output.splitlines()[-1])
    assert set(summaries) == {*names, banked[0]}
    letters, options, written = (summaries[n] for n in names)
    assert (letters["rows"], options["rows"], written["rows"]) == (64, 64, 16)
    assert json.dumps(letters["first"]).count("(A)") >= 1
    assert any(m.startswith("acc_mutual_info") for m in options["metrics"])
    assert any(m.startswith("exact_match,last-number") for m in written["metrics"])
    assert summaries[banked[0]]["rows"] == 10


def test_tasks_hold_the_problems_and_no_usual_place(tmp_path: Path) -> None:
    names = export_problems(load_problems("plain-knowledge"), tmp_path)
    assert names == ["personae_plain_knowledge_letters", "personae_plain_knowledge_options"]
    rows = [json.loads(s) for s in (tmp_path / f"{names[0]}.jsonl").read_text().splitlines()]
    for row, problem in zip(rows, load_problems("plain-knowledge").problems, strict=True):
        assert row["options"][row["gold"]] == problem.answer
        assert f"{row['letters'][row['gold']]} {problem.answer}" in row["prompt"]
        assert row["prompt"].endswith("The answer is")
    export_bank(load_bank(), tmp_path)
    for path in tmp_path.glob("personae_trait_*.jsonl"):
        golds = [json.loads(line)["gold"] for line in path.read_text().splitlines()]
        assert all(len(gold) == 2 for gold in golds) and len(set(map(tuple, golds))) > 1
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    export_problems(load_problems("plain-knowledge"), tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_gated_items_and_scales_of_one_task_name_are_not_written(tmp_path: Path) -> None:
    own = load_bank()
    gated = SituationBank(
        name="x", version="1", source="hub", licence="own", items=own.items, gated=True
    )
    with pytest.raises(BadValue, match="is gated"):
        export_bank(gated, tmp_path)
    first, second, *_ = own.items
    items = (replace(first, scale="Self-control"), replace(second, scale="Self control"))
    with pytest.raises(BadValue, match="must differ in letters"):
        export_bank(replace(own, items=items), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "order",
    [
        ["--to", "inspect"],
        ["somewhere", "--to", "inspect"],
        ["--to", "lm-eval"],
        ["--to", "lm-eval", "--problems", "plain-knowledge", "--bank", "personae-trait"],
        ["--to", "lm-eval", "--problems", "plain-knowlege"],
    ],
)
def test_what_does_not_fit_exits_with_two(
    order: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leave(*order, "--out", str(tmp_path / "out.eval")) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "tasks")
    assert leave("--to", "lm-eval", "--bank", "personae-trait", "--out", out) == 0
    assert f"--include_path {out} --tasks personae_trait_openness" in capsys.readouterr().out
