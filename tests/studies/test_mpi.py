"""The MPI study: scores and prompts on respondents whose truth is known."""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

import numpy as np
import pytest

from personae.core import (
    Answers,
    Done,
    Estimate,
    Note,
    Persona,
    Reply,
    Report,
    Request,
    Sampling,
    Table,
    load_inventory,
)
from personae.induce.prompt.prompt_inductions import in_truth, p2, words
from personae.induce.prompt.prompted import with_truth
from personae.measure.inventories.administer import administer
from personae.measure.inventories.forms import published_form
from personae.models.local.engine import LocalModel
from personae.respondents.null import open_null
from personae.respondents.simulated import open_simulated
from personae.stats.effects.contrast import paired_cells
from personae.stats.two_level import two_level_mean
from personae.studies.mpi.study import mpi
from personae.studies.mpi.vignettes import compare, write_essays
from tests.support.embedded import embedded
from tests.support.rendered_items import render_item

TALKATIVE = "I love parties. I am talkative, bold and friendly."
SHY = "I am quiet, shy and silent. I keep to myself."


def table(report: Report, name: str) -> Table:
    return next(p for p in report.parts if isinstance(p, Table) and p.name == name)


def row(report: Report, name: str, first: str) -> list[Estimate]:
    found = next(r for r in table(report, name).rows if r[0] == first)
    return [cell for cell in found if isinstance(cell, Estimate)]


def verdicts(report: Report) -> list[str]:
    return [p.text for p in report.parts if isinstance(p, Note) and p.level == "verdict"]


def test_the_induced_prompt_ends_in_the_neutral_one() -> None:
    tool = load_inventory("mpi-120")
    neutral = render_item(tool, tool.items[0], published_form("mpi")).chat
    block = words.text(open_null("null:yes"), Persona(id="e", traits={"E": 1}))
    induced = with_truth(neutral, block)
    assert induced[-1].text.endswith(neutral[-1].text)
    assert induced[-1].text.startswith("Truth:\n" + block)
    assert in_truth(words).layout == "truth"
    assert neutral[-1].text.count(tool.items[0].text.lower()) == 1


def test_who_follows_is_moved_the_way_asked() -> None:
    report = mpi(open_simulated("simulated:follow=1,noise=0.2"), quick=True)
    for channel in ("label", "statement"):
        for name in ("naive", "words"):
            for found in row(report, f"moved_{channel}", name):
                assert found.low > 0, (channel, name, found)


def test_the_whole_study_weighs_all_three_inductions_on_all_five_traits() -> None:
    """P²(+) minus P²(-), averaged over the traits, with an interval."""
    report = mpi(open_simulated("simulated:follow=1,noise=0.2"))
    for name in ("naive", "words", "p2"):
        *traits, whole = row(report, "moved_label", name)
        assert len(traits) == 5
        assert whole.n > 0
        assert 0 < whole.low < whole.value < whole.high
    assert len(table(report, "prompts").rows) == 3 * 5 * 2


@pytest.mark.embedded
def test_the_portraits_shift_on_the_embedded_model_is_told_with_its_interval() -> None:
    """On the 135M model: short portraits, two items a trait; the sign is not guaranteed."""
    model = LocalModel(embedded())
    induction, tool = p2(tokens=30), load_inventory("mpi-120")
    people = {(d, s): Persona(id=f"{d}{s}", traits={d: s}) for d in "OCEAN" for s in (1, -1)}
    induction.prepare(model, list(people.values()))
    cells = []
    for domain in "OCEAN":
        part = replace(tool, items=tool.where(scale=domain).items[:2])
        sheets = []
        for sign, arm in ((-1, "-"), (1, "+")):
            with in_truth(induction)(model, people[domain, sign]) as speaker:
                sheets.append(administer(speaker, part, published_form("mpi")).tag(arm=arm))
        cells.append(paired_cells(Answers.concat(sheets), ("-", "+"))[0])
    whole = two_level_mean(np.vstack(cells), seed=1)
    assert whole.low <= whole.value <= whole.high
    assert abs(whole.value) < 4


def test_who_does_not_follow_is_not() -> None:
    report = mpi(open_simulated("simulated:follow=0,noise=0.2"), quick=True)
    for channel in ("label", "statement"):
        whole = row(report, f"moved_{channel}", "naive")[-1]
        assert whole.low <= 0 <= whole.high
    assert "does not show that it moves" in " ".join(verdicts(report))


def test_a_constant_answer_is_called_the_profile_of_the_key() -> None:
    """The published BART row is what anybody gets who always says the first option."""
    report = mpi(open_null("null:first"), quick=True)
    assert "that of the key" in verdicts(report)[0]
    means = [round(e.value, 3) for e in row(report, "neutral", "the model")]
    found = dict(zip(load_inventory("mpi-120").scales, means, strict=True))
    assert found == {"O": 3.0, "C": 2.833, "E": 4.0, "A": 2.167, "N": 3.833}


def test_refusals_are_counted_and_never_scored() -> None:
    report = mpi(open_null("null:refusing"), quick=True)
    assert all(isnan(e.value) for e in row(report, "neutral", "the model"))
    label = [r for r in table(report, "coverage").rows if r[0] == "label"]
    columns = table(report, "coverage").columns
    assert all(r[columns.index("refused")] == r[columns.index("asked")] for r in label)


def test_essays_are_drawn_apart_and_again_the_same() -> None:
    model = open_simulated("simulated:E=1,noise=0.3")
    sampling = Sampling(max_tokens=60, temperature=0.7, seed=3)
    block = "You are an extraverted person."
    once = write_essays(model, [("E", block), ("E", "")], 3, sampling)
    assert once == write_essays(model, [("E", block), ("E", "")], 3, sampling)
    assert once[:1] == write_essays(model, [("E", block)], 3, sampling)
    assert len({reply.text for reply in once[0]}) > 1


def test_a_judge_that_prefers_a_place_cannot_win() -> None:
    pairs = [(TALKATIVE, SHY), (SHY, TALKATIVE)]
    placed = compare(open_null("null:first"), "E", pairs)
    assert [v.value for v in placed] == pytest.approx([0.5, 0.5], abs=0.01)
    reading = compare(open_simulated("simulated:noise=0"), "E", pairs)
    assert reading[0].value > 0.9
    assert reading[1].value < 0.1


class Writer:
    """A judge without likelihoods: it names the text that speaks of parties, or nothing."""

    name = "scripted:writer"
    fingerprint = "0"

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return [Reply(text=self._answer(request.chat[-1].text)) for request in requests]

    def _answer(self, text: str) -> str:
        if "riddle" in text:
            return "I cannot say."
        return "Answer: A" if text.index("parties") < text.index("quiet") else "Answer: B"


def test_a_judge_that_only_writes_is_parsed_and_its_silence_counted() -> None:
    pairs = [(TALKATIVE, SHY), (SHY, TALKATIVE), ("riddle parties", "quiet")]
    found = compare(Writer(), "E", pairs)
    assert [found[0].value, found[1].value] == [1.0, 0.0]
    assert isnan(found[2].value)
    assert found[2].why
