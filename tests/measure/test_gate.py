"""The content gate: silent on those who don't read, open to those who do."""

from collections.abc import Sequence
from dataclasses import replace
from math import log

import pytest

from personae.core import (
    Choice,
    Chooser,
    Done,
    Estimate,
    Reply,
    Request,
    Sampling,
    content_key,
    load_inventory,
)
from personae.measure.gate import CHANNEL_ORDER, LEAST_SPREAD, content_gate
from personae.models.local.engine import LocalModel
from personae.models.opening import open_model
from personae.respondents.null import NULLS
from personae.respondents.recognition import recognise
from personae.respondents.scripted import ScriptedModel
from personae.respondents.stimuli import KeyedStatement, Prompt
from tests.support.embedded import embedded

MPI = load_inventory("mpi-120")


def chooser(spec: str) -> Chooser:
    model = open_model(spec)
    assert isinstance(model, Chooser)
    return model


class Quirk:
    """Prefers whatever the last words of the question hash to: consistent, and without meaning."""

    name, fingerprint = "test:quirk", "02"

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return [Reply(text="") for _ in requests]

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        return [self.weigh(question) for question in requests]

    def weigh(self, question: Request) -> Choice:
        if len(question.options) == 2:  # two statements: each has a pull of its own in a chat
            pulls = [self.pull(forms[0]) if question.chat else 0.0 for forms in question.options]
            raw = [
                len(f[0].split()) * (p - 3.0) for p, f in zip(pulls, question.options, strict=True)
            ]
            return Choice(
                loglik=tuple(raw),
                logp=tuple(raw),
                mass=0.1,
                tokens=tuple(len(f[0].split()) for f in question.options),
            )
        agrees = 1 + 4 * self.pull(question.chat[-1].text.rpartition("Statement:")[2])
        up = {
            text: v
            for v, text in enumerate(
                (
                    "Very Inaccurate",
                    "Moderately Inaccurate",
                    "Neither Accurate Nor Inaccurate",
                    "Moderately Accurate",
                    "Very Accurate",
                ),
                1,
            )
        }
        texts = question.chat[-1].text.splitlines()
        value = {
            f[0]: up[line[3:]]
            for f in question.options
            for line in texts
            if line.startswith(f"{f[0]}. ")
        } or up
        raw = [-abs(value[f[0]] - agrees) + log(0.1) for f in question.options]
        return Choice(loglik=tuple(raw), logp=tuple(raw), mass=0.5, tokens=(1,) * len(raw))

    def pull(self, text: str) -> float:
        return int(content_key([self.seed, text])[:6], 16) / 0xFFFFFF


@pytest.mark.parametrize("kind", NULLS)
def test_null_respondents_pass_in_no_channel(kind: str) -> None:
    gate = content_gate(chooser(f"null:{kind}"), MPI)
    assert gate.main is None and [c.channel for c in gate.checks] == list(CHANNEL_ORDER)
    assert "does not show that it reads the items in any channel" in gate.sentence


def test_the_constant_answer_of_mpis_bart_row_is_caught() -> None:
    """MPI's BART always says "(A)"; with whatever probability, it reads nothing."""

    def always_a(question: Request) -> list[float]:
        rest = 0.2 / max(1, len(question.options) - 1)
        return [0.8, *[rest] * (len(question.options) - 1)]

    gate = content_gate(ScriptedModel(choose=always_a), MPI)
    assert gate.main is None
    share = next(e for e, _, _ in gate.checks[0].checks if e.name.startswith("share"))
    assert share.value == 0.0 and share.high == 0.0


def test_a_quirk_of_the_words_is_not_content() -> None:
    """Answers that each item keeps, but that have nothing to do with what it says.

    The tests of content err at 2.5 to 5 %, so that three of 12 by chance are one in twenty.
    """
    opened = 0
    for seed in range(12):
        gate = content_gate(Quirk(seed), MPI)
        label, option, statement = ({e.name: h for e, _, h in c.checks} for c in gate.checks)
        assert label["same answer in both orders"] and option["same answer in both orders"]
        assert statement["same contrast in every wording"]
        opened += gate.main is not None
    assert opened <= 3


@pytest.mark.parametrize(
    "spec",
    [
        "simulated:E=1.5,N=-1",
        "simulated:E=1.2,A=1,C=1,N=-1,O=0.8,noise=0.5",
        "simulated:O=-1.5,A=1.5,noise=0.3,acquiescence=0.5",
    ],
)
def test_respondents_with_traits_pass_in_every_channel(spec: str) -> None:
    gate = content_gate(chooser(spec), MPI)
    assert [c.passed for c in gate.checks] == [True, True, True]
    assert gate.main == "label" and "label" in gate.sentence


class ContextFollower(Quirk):
    """A quirk of the words for every item, and no profile, but it takes what is said of it."""

    def weigh(self, question: Request) -> Choice:
        plain = super().weigh(question)
        if len(question.chat) < 2 or len(question.options) != 2:
            return plain
        said = recognise(KeyedStatement, Prompt(question.chat[0].text))
        if said is None:
            return plain
        asked = [recognise(KeyedStatement, Prompt(forms[0])) for forms in question.options]
        loglik = tuple(
            value + 0.3 * n * (a is not None and a.domain == said.domain and a.key == said.key)
            for value, n, a in zip(plain.loglik, plain.tokens, asked, strict=True)
        )
        return replace(plain, loglik=loglik, logp=loglik)


def test_a_flat_profile_that_follows_the_context_passes_by_statements() -> None:
    gates = [content_gate(ContextFollower(seed), MPI) for seed in range(4)]
    statements = [gate.checks[-1] for gate in gates]
    assert all(check.passed for check in statements)
    moved = [e for check in statements for e, *_ in check.either if "context sensitivity" in e.name]
    assert moved
    assert all(0.4 < e.low <= e.value < 0.7 for e in moved)


def test_a_respondent_with_a_position_bias_passes_by_statements() -> None:
    gate = content_gate(chooser("simulated:E=1,N=-1,position=0.9"), MPI)
    assert (
        gate.main == "statement" and "not read them in the channel label or option" in gate.sentence
    )


def test_the_gate_is_the_same_twice_and_shows_its_limits() -> None:
    model = chooser("simulated:E=1.5,N=-1")
    one, two = content_gate(model, MPI, seed=3), content_gate(model, MPI, seed=3)
    assert str(one.checks) == str(two.checks)
    assert one.answers.rows.equals(two.answers.rows)
    (table,) = one.parts()
    rows = table.rows  # type: ignore[union-attr]
    assert {row[0] for row in rows} == set(CHANNEL_ORDER)
    assert all(isinstance(row[2], Estimate) for row in rows)
    assert any(f"> {LEAST_SPREAD}" in str(row[4]) for row in rows)


@pytest.mark.parametrize("name", ["goldberg-bipolar", "saucier-mini-markers"])
def test_adjectives_and_poles_go_through_the_gate(name: str) -> None:
    tool = load_inventory(name)
    assert content_gate(chooser("simulated:E=1.5,N=-1.5"), tool).main == "label"
    assert content_gate(chooser("null:first"), tool).main is None


@pytest.mark.slow
@pytest.mark.embedded
def test_the_embedded_models_letters_are_no_answers() -> None:
    """SmolLM2 gives 3.00 ± 0.03 by letters whatever the item says; the gate must not open."""
    gate = content_gate(LocalModel(embedded()), MPI.where(scale="E").few(6))
    label = gate.checks[0]
    assert label.channel == "label" and not label.passed
    spread = next(e for e, _, _ in label.checks if e.name == "items differ")
    assert spread.high < LEAST_SPREAD
