"""What every model keeps, whatever it is: order, batches, seeds, normalised likelihoods."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from math import exp, isfinite
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest

from personae.core import (
    Choice,
    Chooser,
    Edit,
    Form,
    InputError,
    OpenModel,
    Reply,
    Request,
    Sampling,
    Site,
    content_key,
    is_control,
    load_inventory,
    requests_of,
    say,
)
from personae.measure.inventories.administer import administer
from personae.measure.inventories.forms import Frame
from personae.models.journal.journal import Journal
from personae.models.journal.recorded import recorded
from personae.models.opening import open_model
from personae.respondents.null import NULLS, open_null
from personae.respondents.scripted import ScriptedModel
from personae.respondents.simulated import open_simulated

Maker = Callable[[Path, ExitStack], Chooser]
Make = Callable[[], Chooser]
RICH = "simulated:E=1.5,N=-1,noise=0.5,position=0.2,acquiescence=0.3,spread=0.2,drift=0.1,seed=4"
SPECS = ["simulated:noise=0", RICH, *(f"null:{kind}" for kind in NULLS), "null:uniform,seed=7"]
FRAME = Frame(load_inventory("mpi-120"), Form(wording="mpi"))
ITEMS = FRAME.inventory.items[:12]
CHATS = [
    *(FRAME.chat(FRAME.text(item)) for item in ITEMS),
    say("Describe yourself."),
    say("Go on.", system="You are extremely talkative.", lead="Well,"),
    (),
]
QUESTIONS = [
    *(Request(chat, FRAME.label_forms()) for chat in CHATS[:12]),
    *(Request(chat, FRAME.text_forms()) for chat in CHATS[:4]),
    Request(say("Say something true."), (("I worry a lot.",), ("I am calm.",))),
    Request(chat=(), options=(("I worry about things.",), ("I love large parties.",))),
    Request(say("Yes or no?"), (("Yes", " Yes"), ("No", " No"))),
]
COLD, HOT = Sampling(max_tokens=60), Sampling(max_tokens=60, temperature=1.0, seed=5)


def of_spec(spec: str) -> Maker:
    return lambda *_: open_simulated(spec) if spec.startswith("simulated") else open_null(spec)


def scripted(*_: object) -> Chooser:
    return ScriptedModel(lambda chat: ["one", "two", "three"], faults={"refused": 0.2})


def journalled(folder: Path, stack: ExitStack) -> Chooser:
    journal = stack.enter_context(Journal(Path(mkdtemp(dir=folder)) / "journal.sqlite"))
    return recorded(open_simulated(RICH), journal)


MAKERS: dict[str, Maker] = {
    **{spec: of_spec(spec) for spec in SPECS},
    "scripted": scripted,
    "recorded": journalled,
}


@pytest.fixture(params=list(MAKERS))
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    maker = MAKERS[request.param]
    with ExitStack() as stack:
        yield lambda: maker(tmp_path, stack)


def test_it_is_a_chooser_with_a_name_and_a_fingerprint(make: Make) -> None:
    model = make()
    assert isinstance(model, Chooser)
    assert is_control(model.name)
    assert len(model.fingerprint) == len(content_key(1)) and int(model.fingerprint, 16)
    assert make().fingerprint == model.fingerprint and make().name == model.name


def test_one_answer_for_each_request_in_order(make: Make) -> None:
    model = make()
    replies, choices = model.reply(requests_of(CHATS), COLD), model.choose(QUESTIONS)
    assert len(replies) == len(CHATS) and len(choices) == len(QUESTIONS)
    assert all(isinstance(r, Reply) for r in replies)
    assert replies == [model.reply([Request(chat)], COLD)[0] for chat in CHATS]
    assert choices == [model.choose([question])[0] for question in QUESTIONS]


def test_an_empty_batch_is_answered_with_nothing(make: Make) -> None:
    assert make().reply([], COLD) == [] == make().choose([])


def test_a_request_without_options_is_no_question(make: Make) -> None:
    with pytest.raises(InputError, match="no options"):
        make().choose([QUESTIONS[0], Request(CHATS[0])])


def test_edits_are_refused_by_what_cannot_be_edited(make: Make) -> None:
    """A recorded model refuses them too, also where the same request without them is known."""
    model, edits = make(), (Edit(Site(0), np.ones(2)),)
    model.reply(requests_of(CHATS), COLD)
    model.choose(QUESTIONS)
    assert not isinstance(model, OpenModel)
    with pytest.raises(InputError, match="not an open model"):
        model.reply(requests_of(CHATS, edits=edits), COLD)
    with pytest.raises(InputError, match="not an open model"):
        model.choose([replace(question, edits=edits) for question in QUESTIONS])


def test_the_rest_of_a_batch_does_not_matter(make: Make) -> None:
    model = make()
    assert model.reply(requests_of(CHATS[::-1]), HOT)[::-1] == model.reply(requests_of(CHATS), HOT)
    assert model.choose(QUESTIONS[::-1])[::-1] == model.choose(QUESTIONS)
    double = model.reply(requests_of([CHATS[0], CHATS[1], CHATS[0]]), HOT)
    assert double[0] == double[2]


def test_equal_seeds_agree(make: Make) -> None:
    for sampling in (COLD, HOT, replace(HOT, repeat=3)):
        assert make().reply(requests_of(CHATS), sampling) == make().reply(
            requests_of(CHATS), sampling
        )
    assert make().choose(QUESTIONS) == make().choose(QUESTIONS)


def test_likelihoods_are_normalised(make: Make) -> None:
    for question, choice in zip(QUESTIONS, make().choose(QUESTIONS), strict=True):
        if choice.status != "ok":
            assert choice.loglik == choice.logp == choice.tokens == () and choice.why
            continue
        count = len(question.options)
        assert len(choice.loglik) == len(choice.logp) == len(choice.tokens) == count
        assert sum(map(exp, choice.logp)) == pytest.approx(1.0)
        assert sum(map(exp, choice.loglik)) == pytest.approx(choice.mass, rel=1e-6)
        assert 0 < choice.mass <= 1 and min(choice.tokens) >= 1
        assert all(isfinite(value) and value <= 0 for value in choice.loglik)


def test_answers_are_handed_over_as_they_come(make: Make) -> None:
    heard: dict[int, Reply | Choice] = {}
    replies = make().reply(requests_of(CHATS), COLD, done=heard.__setitem__)
    assert heard == dict(enumerate(replies))
    heard.clear()
    choices = make().choose(QUESTIONS, done=heard.__setitem__)
    assert heard == dict(enumerate(choices))


def test_texts_are_within_their_limits(make: Make) -> None:
    for reply in make().reply(requests_of(CHATS), Sampling(max_tokens=2)):
        assert reply.tokens_out <= 2 and (reply.status != "cut" or reply.why)


@pytest.mark.parametrize("spec", ["simulated:E=1,noise=0", "null:yes", "null:midpoint"])
def test_content_alone_counts_whatever_the_order(spec: str) -> None:
    """The value belongs to the option's text: shown elsewhere, it is chosen all the same."""
    model = open_model(spec)
    sheets = [
        administer(model, FRAME.inventory, Form(wording="mpi", order=order)).rows
        for order in ("forward", "reverse", "31420")
    ]
    for sheet in sheets[1:]:
        assert sheet["value"].to_list() == sheets[0]["value"].to_list()
        logp, first = (np.array(rows["logp"].to_list()) for rows in (sheet, sheets[0]))
        assert np.allclose(logp, first, rtol=0, atol=1e-9)


def test_a_journal_changes_nothing(tmp_path: Path) -> None:
    plain = open_simulated(RICH)
    with Journal(tmp_path / "j.sqlite") as journal:
        for _ in range(2):
            kept = recorded(plain, journal)
            assert kept.reply(requests_of(CHATS), HOT) == plain.reply(requests_of(CHATS), HOT)
            assert kept.choose(QUESTIONS) == plain.choose(QUESTIONS)
