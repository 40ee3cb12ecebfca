"""Every command as it is typed: what it prints and writes, and how it refuses."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from personae import __version__
from personae.cli import main
from personae.cli.perform import confirm
from personae.core import Answers, Form, inventories, load_inventory
from personae.generate.recipe_registry import recipes
from personae.induce.steer import steering_vector
from personae.induce.steer.vector_files import load_vector
from personae.induce.steer.vector_quality import Quality
from personae.measure.inventories.administer import administer
from personae.models import opening
from personae.models.opening import open_model
from personae.personas import load_personas
from personae.run import doctor, plan
from personae.run.plan import CostEstimate
from personae.run.study_registry import studies
from tests.support.faulty_server import MODEL, FaultyServer, always, says
from tests.support.finished_runs import finished
from tests.support.strict_servers import HostedServer
from tests.support.tiny_networks import tiny_model

Capture = pytest.CaptureFixture[str]
STUDY = ("run", "expert_personas", "--quick")


def personae(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


def refusal(capsys: Capture, *arguments: str) -> str:
    """Give the message of a command that exits with 2."""
    capsys.readouterr()
    assert personae(*arguments) == 2
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err + printed.out
    return " ".join(printed.err.split())


def test_the_version_is_the_packages(capsys: Capture) -> None:
    assert personae("--version") == 0
    assert capsys.readouterr().out == f"personae, version {__version__}\n"


def test_a_name_in_another_encoding_is_refused(tmp_path: Path, capsys: Capture) -> None:
    items = ("--items", str(tmp_path / "caf\udce9.json"), "--model", "null:yes")
    assert r"caf\udce9.json' is not in UTF-8" in refusal(capsys, "run", "trait", *items)


def test_list_names_all_there_is(capsys: Capture) -> None:
    assert personae("list") == 0
    listed = capsys.readouterr().out
    names = [*inventories(), *(h.name for h in (*studies.headers(), *recipes.headers()))]
    assert len(names) > 30
    assert all(name in listed for name in names)
    assert "uniform" in listed and "adjectives" in listed
    assert "unexpected extra argument" in refusal(capsys, "list", "studies")


def test_show_gives_source_and_options(capsys: Capture) -> None:
    assert personae("show", "self-assessment") == 0
    shown = capsys.readouterr().out
    assert "arXiv:2309.08163" in shown and "Differs " in shown
    assert "Usage: personae run self_assessment" in shown and "--channel" in shown
    assert "--fresh" not in shown
    assert personae("show", "card") == 0
    assert "Usage: personae card" in capsys.readouterr().out
    assert "did you mean 'trait'" in refusal(capsys, "show", "trai")


def test_doctor_prints_its_lines_as_they_come(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(doctor, "checkup", lambda *, thorough: iter(["✓ always: numpy", "– ray"]))
    assert personae("doctor") == 0
    assert capsys.readouterr().out == "✓ always: numpy\n– ray\n"


def test_new_refuses_a_name_or_kind_that_does_not_fit(capsys: Capture) -> None:
    assert "personae/studies/mpi exists already" in refusal(capsys, "new", "study", "mpi")
    assert "is like my-rubric" in refusal(capsys, "new", "rubric", "My_Rubric")
    assert "'poem' is not one of" in refusal(capsys, "new", "poem", "ode")


def test_a_folder_of_another_run_is_refused_before_the_plan(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = (*STUDY, "--out", str(tmp_path / "out"))
    assert personae(*order, "--model", "simulated:E=1") == 0

    def no_plan(*_: object, **__: object) -> None:
        raise AssertionError("planned before the folder was looked at")

    monkeypatch.setattr(plan, "estimate_work", no_plan)
    words = refusal(capsys, *order, "--model", "simulated:E=2")
    assert "models.model.name: simulated:E=1 there, simulated:E=2 here" in words
    assert "{" not in words


def test_a_study_writes_its_folder_and_resumes(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    order = (*STUDY, "--model", "null:first", "--out", str(out), "--seed", "3")
    assert personae(*order) == 0
    printed = capsys.readouterr()
    assert "null:first" in printed.out
    assert "report.html, report.json, answers.parquet, manifest.json" in printed.err
    record = json.loads((out / "manifest.json").read_text())
    assert (record["status"], record["identity"]["options"]["seed"]) == ("done", 3)
    report = (out / "report.json").read_bytes()
    other = refusal(capsys, *order[:-1], "4")
    assert "holds another run (options.seed: 3 there, 4 here); choose" in other
    (out / "manifest.json").write_text("{")
    assert "manifest.json: not valid JSON" in refusal(capsys, *order)
    assert personae(*order, "--fresh") == 0
    assert (out / "report.json").read_bytes() == report


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "expert_persona"), "did you mean 'expert_personas'"),
        ((*STUDY, "--model", "simulatd:"), "did you mean"),
        ((*STUDY, "--max-money", "0"), "--max-money"),
        ((*STUDY, "--max-calls", "0"), "--max-calls"),
        ((*STUDY, "--ray", "--max-minutes", "1"), "give --ray or a limit, not both"),
        (("run", "self_assessment", "--channel", "letter"), "'letter' is not one of"),
        (("run", "self_assessment", "--inventory", "mpi-121"), "did you mean 'mpi-120'"),
        (("card", "--trait", "E=1", "--sections", "behavior"), "did you mean 'behaviour'"),
        (("card", "--trait", "E=1", "--trait", "extraversion=2"), "E is requested twice"),
    ],
)
def test_wrong_options_leave_nothing(
    arguments: tuple[str, ...], message: str, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "out"
    model = () if "--model" in arguments else ("--model", "null:yes")
    assert message in refusal(capsys, *arguments, *model, "--out", str(out))
    assert not out.exists()


def test_a_server_is_asked_only_after_consent_and_within_limits(
    tmp_path: Path, capsys: Capture
) -> None:
    with FaultyServer(always(says("I bake bread. I like it."))) as server:
        out = tmp_path / "people.jsonl"
        plain = ("generate", "population", "-n", "3", "--out", str(out))
        order = (*plain, "--model", f"{server.url}#{MODEL}")
        assert "add --yes or a limit" in refusal(capsys, *order)
        assert "a price is IN,OUT" in refusal(capsys, *order, "--yes", "--price", "cheap")
        assert "finite number >= 0" in refusal(capsys, *order, "--yes", "--price=-1,2")
        assert "positive number" in refusal(capsys, *order, "--max-money", "nan")
        assert not server.bodies
        assert personae(*order, "--max-calls", "1", "--price", "1,2") == 4
        assert "At 1,2 per million: at most about" in capsys.readouterr().err
        assert len(server.bodies) == 1 and not out.exists()
        assert personae(*order, "--yes") == 0
        assert len(load_personas(out)) == 3 and len(server.bodies) > 1


def test_scores_with_own_items_and_norms(tmp_path: Path, capsys: Capture) -> None:
    tool = load_inventory("ipip-neo-120")
    table, out = tmp_path / "answers.csv", tmp_path / "scores"
    answers = administer(open_model("simulated:E=2,noise=0.3"), tool, Form()).tag(respondent="ada")
    answers.rows.select("respondent", "item", answer="value").write_csv(table)
    order = ("score", str(table), "--inventory", "ipip-neo-120")
    assert personae(*order, "--norms", "sex-neutral 21-40", "--out", str(out)) == 0
    assert "120 of 120 answers" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} >= {"report.html", "report.json"}
    assert "no norm group" in refusal(capsys, *order, "--norms", "elves")
    assert "can't write" in refusal(capsys, *order, "--out", str(table / "x"))
    assert "nowhere.csv" in refusal(capsys, *order, "--items", str(tmp_path / "nowhere.csv"))
    assert "--inventory" in refusal(capsys, "score", str(table))


def test_own_items_give_an_inventory_its_texts(tmp_path: Path, capsys: Capture) -> None:
    tool = load_inventory("sd3")
    table, items = tmp_path / "answers.csv", tmp_path / "items.csv"
    items.write_text("item,text\n" + "\n".join(f"{i.id},I do {i.id}" for i in tool.items))
    table.write_text(",".join(["respondent", *(i.id for i in tool.items)]) + "\na" + ",3" * 27)
    assert personae("score", str(table), "--inventory", "sd3", "--items", str(items)) == 0
    assert "27 of 27 answers" in capsys.readouterr().out


def test_a_vector_of_chosen_blocks_and_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(opening, "open_model", lambda name: tiny_model())
    out = tmp_path / "e.safetensors"
    order = ("vector", "extraversion", "--out", str(out))
    for arguments, message in (
        (("--blocks", "2-1"), "blocks are FIRST-LAST"),
        (("--blocks", "all"), "blocks are FIRST-LAST"),
        (("--blocks", "9"), "this model has the blocks 0 to 2, not 9"),
        (("--method", "median"), "no method is called 'median'"),
    ):
        assert message in refusal(capsys, *order, *arguments)
    assert "no Big Five domain" in refusal(capsys, "vector", "courage", "--out", str(out))
    wrong = ("vector", "E", "--model", "hf:none", "--out", str(tmp_path / "e.bin"))
    assert "no kind of vector file is called '.bin'" in refusal(capsys, *wrong)
    for name, blocks, message in (("e.pt", "1-2", "one block"), ("e.gguf", "0-1", "from 1 on")):
        order_of = ("vector", "E", "--out", str(tmp_path / name), "--blocks", blocks)
        assert message in refusal(capsys, *order_of)
    assert not list(tmp_path.iterdir())
    assert personae(*order, "--blocks", "2", "--method", "ridge", "--seed", "5") == 0
    printed = capsys.readouterr()
    assert "held-out" in printed.out and "steer:" in printed.err
    vector = load_vector(out)
    assert [site.block for site in vector.sites] == [2]
    assert vector.origin.method == "ridge"


@pytest.mark.parametrize(
    ("margin", "says"), [(-0.1, "at none of 2 blocks"), (0.1, "at 1 of 2 blocks, most clearly at")]
)
def test_a_vector_no_better_than_random_directions_is_said_to_be_none(
    margin: float, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    margins = iter([-0.1, margin])

    def quality(*_: object) -> Quality:
        auc = 0.7 + next(margins)
        return Quality(
            norm=1, residual=1, split_half=0.9, auc=auc, random_auc=0.7, quantiles=(0.0,) * 7
        )

    monkeypatch.setattr(opening, "open_model", lambda name: tiny_model())
    monkeypatch.setattr(steering_vector, "vector_quality", quality)
    out = ("--out", str(tmp_path / "e.safetensors"))
    assert personae("vector", "E", *out, "--blocks", "1-2", "--method", "ridge") == 0
    assert says in " ".join(capsys.readouterr().out.split())


def test_a_vector_needs_an_open_model(tmp_path: Path, capsys: Capture) -> None:
    order = ("vector", "E", "--model", "null:yes", "--out", str(tmp_path / "e.gguf"))
    assert "null:yes is not an open model" in refusal(capsys, *order)


def test_a_report_is_rendered_again_and_its_damage_named(tmp_path: Path, capsys: Capture) -> None:
    folder = finished(tmp_path / "run", answers_of(0.0))
    page = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    assert personae("report", str(folder)) == 0
    assert (folder / "report.html").read_bytes() == page
    (folder / "report.json").write_text("{")
    assert "not valid JSON" in refusal(capsys, "report", str(folder))


def answers_of(level: float) -> Answers:
    tool = load_inventory("mpi-120")
    sheets = [
        administer(open_model(f"simulated:E={level},noise=0.3,seed={seed}"), tool, Form())
        for seed in range(6)
    ]
    return Answers.concat([s.tag(respondent=f"r{i}") for i, s in enumerate(sheets)])


def test_runs_compared_by_respondent_and_each(tmp_path: Path, capsys: Capture) -> None:
    first = str(finished(tmp_path / "a", answers_of(0.0)))
    second = str(finished(tmp_path / "b", answers_of(2.0), model="null:uniform"))
    assert personae("compare", first, second, "--unit", "respondent", "--full") == 0
    assert "respondent" in capsys.readouterr().out
    assert personae("compare", first, second, "--each", "--seed", "2", "--full") == 0
    assert "r5" in capsys.readouterr().out
    for arguments, message in (
        (("--unit", "respondent", "--each"), "one respondent by itself"),
        (("--unit", "answer"), "'answer' is not one of"),
        (("--arms", "A,B"), "A"),
        (("--margin", "points"), "--margin is UNIT=X"),
        (("--margin", "point=0.2"), "did you mean 'points'"),
    ):
        assert message in refusal(capsys, "compare", first, second, *arguments)
    assert "nowhere" in refusal(capsys, "compare", first, str(tmp_path / "nowhere"))


def test_problems_exported_from_a_file(tmp_path: Path, capsys: Capture) -> None:
    problems, out = tmp_path / "own.jsonl", tmp_path / "tasks"
    problems.write_text('{"text": "1 + 1?", "answer": "2", "wrong": ["3"]}\n')
    order = ("export", "--to", "lm-eval", "--problems", str(problems))
    assert personae(*order, "--out", str(out)) == 0
    assert f"--include_path {out}" in capsys.readouterr().out
    assert {path.suffix for path in out.iterdir()} == {".py", ".jsonl", ".yaml"}
    assert "--out" in refusal(capsys, *order)


def test_a_taxonomy_from_conversations(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "taxonomy.json"
    order = ("taxonomy", "examples/conversations.jsonl", "--model", "null:yes", "--out", str(out))
    assert personae(*order, "--seed", "1") == 0
    assert f"Written: {out}" in capsys.readouterr().out.replace("\n", " ")
    assert "nowhere.jsonl" in refusal(capsys, "taxonomy", "nowhere.jsonl", "--out", str(out))


def test_generated_files_are_replaced_only_when_asked(tmp_path: Path, capsys: Capture) -> None:
    rows, out = tmp_path / "rows.csv", tmp_path / "people.jsonl"
    rows.write_text("sex,town\n" + "female,Ulm\nmale,Bonn\n" * 20)
    spec = tmp_path / "spec.json"
    body = {
        "name": "towns",
        "variables": {"sex": {"shares": {"female": 1, "male": 1}}},
        "traits": {},
        "text": "You live in {town}.",
    }
    spec.write_text(json.dumps(body))
    order = ("generate", "population", "-n", "4", "--out", str(out))
    sampled = (*order, "--spec", str(spec), "--sample", str(rows))
    assert personae(*sampled) == 0
    assert {persona.facts["town"] for persona in load_personas(out)} == {"Ulm", "Bonn"}
    assert "is not this population" in refusal(capsys, *order)
    (tmp_path / "people.jsonl.manifest.json").write_text("{")
    assert "people.jsonl.manifest.json: not valid JSON" in refusal(capsys, *sampled)
    assert personae(*order, "--fresh", "--seed", "2") == 0
    assert len(load_personas(out)) == 4


def test_a_mistyped_induction_is_no_missing_plan(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    monkeypatch.setattr("personae.cli.perform.open_model", lambda *_, **__: tiny_model())
    order = ("card", "--trait", "E=1", "--model", "hf:tiny", "--out", str(tmp_path / "card"))
    message = refusal(capsys, *order, "--inductions", "persona_txt")
    assert "did you mean 'persona_text'" in message and "No plan" not in message


def test_the_price_says_what_a_server_without_log_probabilities_costs(capsys: Capture) -> None:
    console = Console(stderr=True, width=200)
    given = {"price": "1,2", "yes": True, "max_calls": None} | dict.fromkeys(
        ("max_tokens", "max_money", "max_minutes")
    )
    ten = CostEstimate(requests=10, tokens_in=10**6, tokens_out=10**6, calls=10, most_calls=200)
    confirm(ten, given, console)
    words = "at most about 3.00 USD; about 60.00 if the server shows no log-probabilities"
    assert words in capsys.readouterr().err
    confirm(replace(ten, most_calls=10), given, console)
    assert capsys.readouterr().err.endswith("at most about 3.00 USD\n")


def test_a_finished_run_on_a_server_says_that_nothing_new_was_asked(
    tmp_path: Path, capsys: Capture
) -> None:
    """Started again it makes no plan and no call, and asks for no consent to a cost."""
    with HostedServer() as server:
        order = (*STUDY, "--model", server.address)
        out = ("--out", str(tmp_path / "out"))
        assert personae(*order, *out, "--price", "1,2", "--yes") == 0
        first, paid = " ".join(capsys.readouterr().err.split()), server.paid
        assert "about" in first and "Sent to servers: " in first and "Nothing new" not in first
        assert personae(*order, *out, "--price", "1,2") == 0
        again = " ".join(capsys.readouterr().err.split())
        assert server.paid == paid
    assert "Nothing new was asked; this run's cost so far: " in again and " USD" in again
    assert "Sent to servers" not in again and "per million" not in again


def test_a_finished_population_is_not_planned_or_paid_for_again(
    tmp_path: Path, capsys: Capture
) -> None:
    with FaultyServer(always(says("I bake bread. I like it."))) as server:
        plain = ("generate", "population", "-n", "2", "--out", str(tmp_path / "people.jsonl"))
        order = (*plain, "--model", f"{server.url}#{MODEL}")
        assert personae(*order, "--yes") == 0
        capsys.readouterr()
        calls = len(server.bodies)
        assert personae(*order) == 0
        again = " ".join(capsys.readouterr().err.split())
        assert len(server.bodies) == calls and "Sent to servers" not in again
    assert "Nothing new is made or asked" in again and "requests" not in again
