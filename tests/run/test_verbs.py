"""The verbs of `import personae`: found at the top, light to import, the commands' results."""

import json
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import personae as p
from personae.card.card import card as card_study
from personae.core import (
    BadFile,
    BadValue,
    Form,
    InputError,
    NoUsableAnswers,
    Persona,
    Report,
    UnknownName,
)
from personae.generate.recipe import Order
from personae.generate.recipe_registry import recipes
from personae.generate.recipes.population import population
from personae.measure.inventories.administer import administer
from personae.personas import frame_personas
from personae.report.render.report_json import report_json
from personae.respondents.scripted import ScriptedModel
from personae.run.verbs import model_verbs
from tests.support.tiny_networks import tiny_model

ANY: Any = p
"""What no type checker knows."""
ADA = Persona(id="ada", text="You are very talkative.", traits={"E": 1.5, "N": -1.0})
EXAMPLE = Path(__file__).parents[2] / "examples" / "ada.json"


def test_every_name_is_found_at_the_top() -> None:
    assert set(p.__all__) <= set(dir(p))
    for name in p.__all__:
        assert callable(getattr(p, name)) or name == "__version__", name
    with pytest.raises(AttributeError, match="no attribute 'crad'"):
        getattr(p, "crad")  # noqa: B009


def test_verbs_stay_functions_beside_rooms_of_their_names() -> None:
    code = (
        "import personae as p, personae.card.card, personae.generate.recipe, personae.run.verbs\n"
        "from personae.card.card import Design\n"
        "print(p.card.__module__, p.generate.__module__, p.run.__module__, Design.__module__)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.split() == [
        *("personae.run.verbs.model_verbs", "personae.run.verbs.population_verb"),
        *("personae.run.verbs.model_verbs", "personae.card.card"),
    ]


def test_a_card_is_the_studys_own() -> None:
    model = p.open_model("simulated:follow=1,noise=0.2")
    report = p.card(ADA, model, quick=True, sections=())
    from_file = p.card(EXAMPLE, "null:midpoint", quick=True, sections=())
    assert isinstance(report, Report)
    assert report.title == f"Persona card: ada on {model.name}"
    assert from_file.title == "Persona card: ada on null:midpoint"
    defaults = {n: s.default for n, s in signature(p.card).parameters.items()}
    assert defaults["seed"] == 0 and defaults["quick"] is False
    assert card_study.__name__ == "card"
    with pytest.raises(UnknownName, match="did you mean 'sections'"):
        p.card(ADA, model, section=())


def test_every_study_runs_by_name() -> None:
    report = p.run("mpi", "null:midpoint", quick=True, seed=3)
    assert report.answers is not None and report.title.startswith("Machine Personality Inventory")
    card = p.run("card", "null:midpoint", quick=True, persona=str(EXAMPLE), sections=())
    assert card.title == "Persona card: ada on null:midpoint"
    with pytest.raises(UnknownName, match="did you mean 'sac'"):
        p.run("sax", "null:midpoint")
    with pytest.raises(UnknownName, match="option of mpi is called 'quik'"):
        p.run("mpi", "null:midpoint", quik=True)
    with pytest.raises(InputError, match="null:midpoint is not one"):
        p.run("assistant_axis", "null:midpoint", quick=True)


def test_a_study_takes_a_file_of_personas(tmp_path: Path) -> None:
    people = [ADA, Persona(id="ben", text="You are calm.", facts={"work": "nurse"})]
    p.save_personas(people, tmp_path / "people.jsonl")
    from_file, given = (
        p.run("universal_persona", "null:uniform", quick=True, personas=personas)
        for personas in (str(tmp_path / "people.jsonl"), people)
    )
    assert report_json(from_file) == report_json(given)
    with pytest.raises(BadFile, match="can't read"):
        p.run("universal_persona", "null:uniform", quick=True, personas=tmp_path / "none.jsonl")


def test_generated_personas_are_the_recipes_own() -> None:
    personas = p.generate("universal_persona", 5, seed=3, kind="generic")
    population = recipes.load(recipes.find("universal_persona"))(Order(n=5, seed=3), kind="generic")
    batch = population.make(population.slots(0, 5))
    assert personas == tuple(frame_personas(batch.rows))


def test_what_a_file_would_hold_stands_for_the_file(tmp_path: Path) -> None:
    spec = {"variables": {"team": {"shares": {"red": 1, "blue": 1}}}}
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(spec))
    facts = [
        [dict(persona.facts)["team"] for persona in p.generate("population", 4, spec=given)]
        for given in (spec, path, str(path))
    ]
    assert facts[0] == facts[1] == facts[2] and sorted(facts[0]) == ["blue", "blue", "red", "red"]
    for given in (spec, path):
        quotas = population(Order(n=4, seed=0), spec=given).quotas
        assert set(quotas["team"]) == {"red", "blue"}
    rows = pl.DataFrame({"town": ["York", "York"], "trade": ["baker", "baker"]})
    (persona,) = p.generate("population", 1, sample=rows)
    assert dict(persona.facts) == {"town": "York", "trade": "baker"}
    entry = {"group": "trade", "key": "baker", "name": "a baker"}
    with pytest.raises(BadFile, match=r"registry\.json"):
        p.generate("universal_persona", 1, registry=[entry | {"kind": 3}])
    with pytest.raises(BadValue, match="spec: JSON has no such values"):
        p.generate("population", 1, spec={"variables": {1, 2}})


def test_personas_that_could_not_be_generated_are_counted() -> None:
    with pytest.raises(UnknownName):
        p.generate("type-bnk", 2)
    with pytest.raises(BadValue):
        p.generate("type_bank", 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(p.generate("type-bank", 4)) == 4


def test_options_of_a_noun_are_given_by_their_own_names() -> None:
    (persona,) = p.generate("deeppersona", 1, seed=7, anchors="E=1.5", depth=12)
    assert persona.traits["E"] == 1.5
    other = p.generate("deeppersona", 1, seed=7, anchors="E=1.5", depth=24)[0]
    assert len(other.facts) > len(persona.facts)


def test_steering_ends_with_its_block() -> None:
    model = tiny_model()
    before = model.fingerprint
    with p.steer(model, "E=+4@1") as steered:
        assert steered.fingerprint != before
    assert model.fingerprint == before
    with p.steer(model, "2@1", ADA) as steered:
        assert steered.fingerprint != before
    with pytest.raises(InputError), p.steer("null:midpoint", "E=+4@1"):
        pass
    with pytest.raises(InputError, match="requests no Big Five"), p.steer(model, "2@1"):
        pass


def test_answers_are_scored_from_an_object_and_from_a_file(tmp_path: Path) -> None:
    inventory = p.load_inventory("ipip-neo-120")
    model = p.open_model("simulated:E=1.5,noise=0.2")
    answers = administer(model, inventory, Form(channel="label"))
    report = p.score(answers, inventory)
    assert report_json(report) == report_json(p.score(answers, "ipip-neo-120"))
    rows = "\n".join(f"ada,{row['item']},{row['value']:g}" for row in answers.rows.to_dicts())
    (tmp_path / "answers.csv").write_text("respondent,item,value\n" + rows + "\n")
    assert p.score(tmp_path / "answers.csv", inventory).title


def test_reports_are_compared_without_folders() -> None:
    inventory = p.load_inventory("ipip-neo-120")
    reports = [
        Report(
            title="Extraversion",
            parts=(),
            answers=administer(p.open_model(spec), inventory, Form(channel="label")),
        )
        for spec in ("simulated:E=1.5,noise=0.2", "simulated:E=-1.5,noise=0.2")
    ]
    report = p.compare(*reports)
    assert "1 of 5 comparisons differs after Holm's adjustment" in str(report.parts[0])
    assert "Both are the same run" not in str(report.parts)
    assert "Both are the same run" in str(p.compare(reports[0], reports[0]).parts)
    with pytest.raises(BadValue, match="holds no answers"):
        p.compare(Report(title="empty", parts=()), reports[1])


def test_a_card_of_a_model_that_answers_nothing_is_no_card() -> None:
    broken = ScriptedModel(faults={"busy": 1.0})
    with pytest.raises(NoUsableAnswers, match="429: too many requests"):
        p.card(ADA, broken, quick=True, sections=())
    assert len(broken.asked) <= 600


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: ANY.run("sac", "null:yes", quick="x"), "quick is True or False, not 'x'"),
        (lambda: ANY.run("sac", "null:yes", seed=-1), "seed is a whole number from 0 to 4,294,967"),
        (lambda: ANY.run("sac", "null:yes", channel="lable"), "no channel is called 'lable'; did"),
        (lambda: ANY.run("sac", "null:yes", threshold=3), "threshold is one of reversed, as-is"),
        (lambda: ANY.run("sac", 3), "model is a Model or a text, not 3"),
        (lambda: ANY.run(None, "null:yes"), "study is a text, not None"),
        (lambda: ANY.run("mpi", "null:yes", judge=3), "judge is a Model, not 3"),
        (
            lambda: ANY.run("agreeable_sycophancy", "null:yes", personas=ADA),
            "personas is a list of",
        ),
        (
            lambda: ANY.card(ADA, "null:yes", inductions="naive"),
            "inductions is a list of texts, not",
        ),
        (lambda: ANY.steer(3, "E=+4@15"), "model is a Model or a text, not 3"),
        (lambda: ANY.steer("null:yes", "E", "ada"), "persona is a Persona or None, not 'ada'"),
        (lambda: ANY.card(3, "null:yes"), "persona is a Persona, a text or a path, not 3"),
        (lambda: ANY.generate("type_bank", "3"), "n is a whole number, not '3'"),
        (
            lambda: ANY.generate("type_bank", 3, bank="mbit"),
            "no bank is called 'mbit'; did you mean",
        ),
        (lambda: ANY.score("a.csv", 3), "inventory is an Inventory or a text, not 3"),
        (lambda: ANY.score("a.csv", "mpi-120", norms=3), "norms is a text or None, not 3"),
        (lambda: ANY.compare("a", 1), "second is a Run, a Report, a text or a path, not 1"),
        (lambda: ANY.compare("a", "b", arms="x"), "arms is a pair of texts or None, not 'x'"),
        (lambda: ANY.load_inventory(3), "name is a text, not 3"),
        (lambda: ANY.load_persona(None), "path is a text or a path, not None"),
        (lambda: ANY.load_personas(3), "path is a text or a path, not 3"),
        (
            lambda: ANY.save_personas(ADA, "a.json"),
            "personas is a list of Personas, not <Persona 'a",
        ),
        (lambda: ANY.open_model(None), "string is a text, not None"),
        (lambda: ANY.Persona(id=3), "persona 3: id is a text, not 3"),
        (lambda: ANY.Persona(id="a", traits="E"), "persona 'a': traits is a dict, not 'E'"),
        (lambda: ANY.Persona(id="a", traits={"E": "1"}), "persona 'a': trait 'E' is a number, not"),
    ],
)
def test_a_wrong_type_is_refused_before_anything_is_asked(
    ask: Callable[[], object], message: str
) -> None:
    with pytest.raises(InputError) as refusal:
        ask()
    assert str(refusal.value).startswith(message)


def test_errors_are_caught_by_names_at_the_top() -> None:
    with pytest.raises(p.UnknownName):
        p.load_inventory("mpi-12")
    errors = [getattr(p, name) for name in dir(p) if isinstance(getattr(p, name), type)]
    errors = [error for error in errors if issubclass(error, Exception)]
    assert len(errors) == 9 and all(issubclass(error, p.PersonaeError) for error in errors)


def test_texts_that_no_file_can_hold_are_refused_by_name() -> None:
    for study, option in (("assess_human", "items"), ("trait", "items"), ("mpi", "inventory")):
        with pytest.raises(BadValue, match=rf"{option} is a text in Unicode, not \\udcff"):
            ANY.run(study, "null:midpoint", quick=True, **{option: "\udcff"})
    with pytest.raises(BadFile, match="it holds a NUL"):
        p.load_inventory("ipip-neo-120", "a\0b")
    with pytest.raises(BadFile, match="it holds a NUL"):
        p.generate("deeppersona", 1, taxonomy="a\0b")


def test_a_run_by_a_models_name_tells_first_what_it_will_ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the command does; a model that the caller opened is not talked about, nor is a control."""
    monkeypatch.setattr(model_verbs, "open_model", lambda _: tiny_model())
    p.run("expert_personas", quick=True)
    told = capsys.readouterr().err
    assert re.match(r"\S+: about [\d,]+ requests, [\d,]+ tokens read, at most", told)
    for model in (tiny_model(), "null:first"):
        monkeypatch.undo()
        p.run("expert_personas", model, quick=True)
        assert "about" not in capsys.readouterr().err
    with pytest.raises(BadValue, match="card needs persona, which is not given"):
        p.run("card", "null:first")
    with pytest.raises(BadValue, match="profiles needs conversations, which is not given"):
        p.generate("profiles", 1)
