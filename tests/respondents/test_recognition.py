"""Recognisers: an instrument is understood once its own is registered, in any process alike."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from math import exp
from pathlib import Path

import pytest

from personae.core import BadValue, Chat, Request, Sampling, say
from personae.models.journal.journal import Journal
from personae.models.journal.recorded import recorded
from personae.models.opening import open_model
from personae.respondents import recognition
from personae.respondents.comprehension import comprehend
from personae.respondents.recognition import recognise, register
from personae.respondents.simulated import open_simulated
from personae.respondents.stimuli import (
    AnswerScale,
    KeyedStatement,
    Prompt,
    TaskTrial,
    relative_levels,
)
from tests.support.own_recognisers import own_recognisers

GARDEN = {"Weeds are friends": ("A", 1), "Hedges should be straight": ("C", 1)}
RUNGS = ("Bottom rung", "Second rung", "Middle rung", "Fourth rung", "Top rung")
LADDER = relative_levels({rung.lower(): index for index, rung in enumerate(RUNGS)})
COUNT = "At the gate, in the evening light, you count the swallows."


@pytest.fixture
def registry() -> Iterator[None]:
    """What a test registers is gone after it."""
    with own_recognisers():
        yield


def garden_statement(prompt: Prompt) -> KeyedStatement | None:
    for words, (domain, key) in GARDEN.items():
        if words in prompt.text:
            return KeyedStatement(domain, "", key, words)
    return None


def ladder(prompt: Prompt) -> AnswerScale | None:
    return AnswerScale.among([LADDER], prompt.options)


def swallows(prompt: Prompt) -> TaskTrial | None:
    if COUNT not in prompt.text:
        return None
    levels = relative_levels({"two": 2, "nine": 9})
    return TaskTrial("swallows", {"O": 1}, "gate", "up", levels)


def garden_chat(words: str) -> Chat:
    listed = "\n".join(f"- {rung}" for rung in RUNGS)
    return say(f"How high on the garden's ladder?\n\n{words}\n\n{listed}")


def rung(spec: str, words: str) -> int:
    reply = open_simulated(spec).reply([Request(garden_chat(words))], Sampling())[0]
    return RUNGS.index(reply.text.removeprefix("- "))


@pytest.mark.usefixtures("registry")
def test_an_instrument_of_ones_own_is_understood_once_it_is_registered() -> None:
    reading = comprehend(garden_chat("Weeds are friends"))
    assert reading.statement is None and reading.options[0].level is None
    register(KeyedStatement, "garden")(garden_statement)
    register(AnswerScale, "garden")(ladder)
    assert rung("simulated:A=2.5,noise=0", "Weeds are friends") == 4
    assert rung("simulated:A=-2.5,noise=0", "Weeds are friends") <= 2
    assert rung("simulated:C=-2.5,noise=0", "Hedges should be straight") <= 2


@pytest.mark.usefixtures("registry")
def test_a_task_of_ones_own_is_understood_once_it_is_registered() -> None:
    question = Request(say(f"{COUNT}\n\n- two\n- nine"), (("two",), ("nine",)))

    def share_of_nine(spec: str) -> float:
        return exp(open_simulated(spec).choose([question])[0].logp[1])

    assert share_of_nine("simulated:O=3") == pytest.approx(share_of_nine("simulated:O=-3"))
    register(TaskTrial, "swallows")(swallows)
    assert share_of_nine("simulated:O=3") > 0.9
    assert share_of_nine("simulated:O=-3") < 0.1


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("names", [("first", "second"), ("second", "first")])
def test_the_order_of_registering_does_not_matter(names: tuple[str, str]) -> None:
    for name in names:
        statement = KeyedStatement("E", "", 1, name)
        register(KeyedStatement, name)(
            lambda prompt, statement=statement: statement if "Zeppelins" in prompt.text else None
        )
    stimulus = recognise(KeyedStatement, Prompt("Zeppelins"))
    assert stimulus is not None and stimulus.words == "first"


@pytest.mark.usefixtures("registry")
def test_ones_own_instrument_comes_before_the_shipped_ones() -> None:
    words = "I worry about things in my garden"
    shipped = recognise(KeyedStatement, Prompt(words))
    assert shipped is not None and shipped.domain == "N"
    own = KeyedStatement("C", "", 1, words)
    register(KeyedStatement, "worries")(lambda prompt: own if words in prompt.text else None)
    assert recognise(KeyedStatement, Prompt(words)) == own


@pytest.mark.usefixtures("registry")
def test_a_name_is_not_taken_twice() -> None:
    register(AnswerScale, "garden")(ladder)
    register(AnswerScale, "garden")(ladder)  # the same again, as when a module is loaded anew
    with pytest.raises(BadValue, match="'garden' is registered already"):
        register(AnswerScale, "garden")(lambda prompt: None)


KITES = """
from personae.respondents.recognition import register
from personae.respondents.stimuli import KeyedStatement

KEY = {key}

@register(KeyedStatement, "kites")
def kite_item(prompt):
    return KeyedStatement("E", "", KEY, "fly kites") if "Fly kites" in prompt.text else None
"""
KITE_CHAT = say("Does it fit you? 'Fly kites.'\n\n1 = Very Inaccurate\n5 = Very Accurate")


@pytest.mark.usefixtures("registry")
def test_a_journal_recalls_nothing_that_was_answered_under_another_recogniser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor after a change of what the recogniser's module holds beside the function itself."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module, model = tmp_path / "kites_for_a_test.py", open_simulated("simulated:E=3,noise=0")
    module.write_text(KITES.format(key=1))
    before = model.fingerprint
    with Journal(tmp_path / "journal.sqlite") as journal:

        def reply() -> str:
            return recorded(model, journal).reply([Request(KITE_CHAT)], Sampling())[0].text

        replies = [reply()]
        kites = importlib.import_module("kites_for_a_test")
        replies.append(reply())
        module.write_text(KITES.format(key="-1  # a longer file"))
        importlib.reload(kites)
        replies.append(reply())
        assert replies[1:] == ["5 = Very Accurate", "1 = Very Inaccurate"]
        assert len(journal) == 3 and model.fingerprint != before


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("spec", ["simulated:E=1", "null:yes"])
def test_a_fingerprint_depends_on_recognisers_and_not_on_their_order(spec: str) -> None:
    def fingerprint(*names: str) -> str:
        for entries in recognition._REGISTERED.values():
            for name in ("first", "second"):
                entries.pop(name, None)
        for name in names:
            register(AnswerScale, name)(ladder)
        return open_model(spec).fingerprint

    alone, both = fingerprint("first"), fingerprint("first", "second")
    assert len({fingerprint(), alone, both}) == 3
    assert both == fingerprint("second", "first")


def test_a_fingerprint_depends_on_the_shipped_instruments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an item's key was corrected in an inventory of `personae/data`."""
    keys = []
    for number, key in enumerate((1, -1, 1)):
        folder = tmp_path / str(number) / "data" / "inventories"
        folder.mkdir(parents=True)
        (folder / "mine.json").write_text(f'{{"items": [{{"key": {key}}}]}}')
        monkeypatch.setattr(recognition, "_folder", lambda path=folder.parents[1]: path)
        keys.append([open_model(spec).fingerprint for spec in ("simulated:E=1", "null:yes")])
    assert keys[0] == keys[2] and not {*keys[0]} & {*keys[1]}


HAND_TYPED = """
import sys
from personae.core import Request, Sampling, say
from personae.models.opening import open_model
model = open_model("simulated:E=2,noise=0")
assert not any(name.startswith("personae.measure") for name in sys.modules)
chat = say("Does it fit you? 'Love large parties.'\\n\\n1 = Very Inaccurate\\n5 = Very Accurate")
print(model.reply([Request(chat)], Sampling())[0].text)
"""


def test_a_hand_typed_item_is_understood_in_a_process_that_imports_no_instrument() -> None:
    run = subprocess.run(
        [sys.executable, "-c", HAND_TYPED], capture_output=True, text=True, check=True
    )
    typed = say("Does it fit you? 'Love large parties.'\n\n1 = Very Inaccurate\n5 = Very Accurate")
    here = open_simulated("simulated:E=2,noise=0").reply([Request(typed)], Sampling())[0].text
    assert run.stdout.strip() == here == "5 = Very Accurate"
