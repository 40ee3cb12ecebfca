"""The MPI study: scores and prompts on respondents whose truth is known."""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

import numpy as np
import pytest

from personae.core import (
    Answers,
    BadValue,
    Chat,
    Done,
    Persona,
    Reply,
    Request,
    Sampling,
    load_inventory,
)
from personae.induce.prompt.prompt_inductions import p2, with_truth_layout, words
from personae.induce.prompt.prompted import with_truth
from personae.measure.inventories.administer import administer
from personae.measure.inventories.forms import published_form
from personae.respondents.null import open_null
from personae.respondents.scripted import ScriptedModel
from personae.respondents.simulated import open_simulated
from personae.stats.effects.contrast import paired_cells
from personae.stats.two_level import two_level_mean
from personae.studies.mpi.study import mpi
from personae.studies.mpi.vignettes import compare, hit_rates, judge_essays, write_essays
from tests.support.rendered_items import render_item
from tests.support.report_parts import row_estimates, table, verdict_text
from tests.support.tiny_networks import tiny_model

TALKATIVE = "I love parties. I am talkative, bold and friendly."
SHY = "I am quiet, shy and silent. I keep to myself."


def test_the_induced_prompt_ends_in_the_neutral_one() -> None:
    tool = load_inventory("mpi-120")
    neutral = render_item(tool, tool.items[0], published_form("mpi")).chat
    block = words.text(open_null("null:yes"), Persona(id="e", traits={"E": 1}))
    induced = with_truth(neutral, block)
    assert induced[-1].text.endswith(neutral[-1].text)
    assert induced[-1].text.startswith("Truth:\n" + block)
    assert with_truth_layout(words).layout == "truth"
    assert neutral[-1].text.count(tool.items[0].text.lower()) == 1


def test_a_respondent_that_follows_prompts_is_moved_in_their_direction() -> None:
    report = mpi(open_simulated("simulated:follow=1,noise=0.2"), quick=True)
    for channel in ("label", "statement"):
        for name in ("naive", "words"):
            for shift in row_estimates(report, f"moved_{channel}", name):
                assert shift.low > 0, (channel, name, shift)


def test_the_whole_study_weighs_all_three_inductions_on_all_five_traits() -> None:
    """P²(+) minus P²(-), averaged over the traits, with an interval."""
    report = mpi(open_simulated("simulated:follow=1,noise=0.2"))
    for name in ("naive", "words", "p2"):
        *traits, overall = row_estimates(report, "moved_label", name)
        assert len(traits) == 5
        assert overall.n > 0
        assert 0 < overall.low < overall.value < overall.high
    assert len(table(report, "prompts").rows) == 3 * 5 * 2


def test_the_shift_by_portraits_on_a_network_has_an_interval() -> None:
    """Short portraits of two traits that a random network writes: the sign is any."""
    model = tiny_model()
    induction, tool = p2(tokens=20), load_inventory("mpi-120")
    people = {(d, s): Persona(id=f"{d}{s}", traits={d: s}) for d in "EA" for s in (1, -1)}
    induction.prepare(model, list(people.values()))
    cells = []
    for domain in "EA":
        part = replace(tool, items=tool.where(scale=domain).items[:2])
        sheets = []
        for sign, arm in ((-1, "-"), (1, "+")):
            with with_truth_layout(induction)(model, people[domain, sign]) as speaker:
                sheets.append(administer(speaker, part, published_form("mpi")).tag(arm=arm))
        cells.append(paired_cells(Answers.concat(sheets), ("-", "+"))[0])
    overall = two_level_mean(np.vstack(cells), seed=1)
    assert overall.low <= overall.value <= overall.high
    assert abs(overall.value) < 4


def test_a_respondent_that_ignores_prompts_is_not_moved() -> None:
    report = mpi(open_simulated("simulated:follow=0,noise=0.2"), quick=True)
    for channel in ("label", "statement"):
        overall = row_estimates(report, f"moved_{channel}", "naive")[-1]
        assert overall.low <= 0 <= overall.high
    assert "is not shown to shift it" in verdict_text(report)


def test_a_constant_answer_is_called_the_profile_of_the_key() -> None:
    """The published BART row is what anybody gets who always says the first option."""
    report = mpi(open_null("null:first"), quick=True)
    assert "reflects the key" in verdict_text(report).splitlines()[0]
    means = [round(e.value, 3) for e in row_estimates(report, "neutral", "the model")]
    by_scale = dict(zip(load_inventory("mpi-120").scales, means, strict=True))
    assert by_scale == {"O": 3.0, "C": 2.833, "E": 4.0, "A": 2.167, "N": 3.833}


def test_refusals_are_counted_and_never_scored() -> None:
    report = mpi(open_null("null:refusing"), quick=True)
    assert all(isnan(e.value) for e in row_estimates(report, "neutral", "the model"))
    label = [r for r in table(report, "coverage").rows if r[0] == "label"]
    columns = table(report, "coverage").columns
    assert all(r[columns.index("refused")] == r[columns.index("asked")] for r in label)


def test_essays_differ_between_draws_and_repeat_under_the_same_seed() -> None:
    model = open_simulated("simulated:E=1,noise=0.3")
    sampling = Sampling(max_tokens=60, temperature=0.7, seed=3)
    block = "You are an extraverted person."
    essays = write_essays(model, [("E", block), ("E", "")], 3, sampling)
    assert essays == write_essays(model, [("E", block), ("E", "")], 3, sampling)
    assert essays[:1] == write_essays(model, [("E", block)], 3, sampling)
    assert len({reply.text for reply in essays[0]}) > 1


def test_a_judge_that_prefers_a_position_decides_nothing() -> None:
    pairs = [(TALKATIVE, SHY), (SHY, TALKATIVE)]
    blind = compare(open_null("null:first"), "E", pairs)
    assert [v.value for v in blind] == pytest.approx([0.5, 0.5], abs=0.01)
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
    judgements = compare(Writer(), "E", pairs)
    assert [judgements[0].value, judgements[1].value] == [1.0, 0.0]
    assert isnan(judgements[2].value)
    assert judgements[2].why


def test_an_essay_counts_where_it_differs_in_the_direction_of_its_persona() -> None:
    reader = open_simulated("simulated:noise=0")
    high = judge_essays(reader, "E", [(TALKATIVE, SHY)], high=True)
    low = judge_essays(reader, "E", [(SHY, TALKATIVE)], high=False)
    wrong = judge_essays(reader, "E", [(TALKATIVE, SHY)], high=False)
    rates = hit_rates([*high, *low, *wrong])
    assert {name: e.value for name, e in rates.items()} == {
        "all": pytest.approx(2 / 3),
        "E+": 1.0,
        "E-": 0.5,
    }


def one_arm(chat: Chat) -> str:
    """Write a talkative essay under the words for high extraversion, else a neutral one."""
    talkative = "Context: You have the traits of outgoing" in chat[-1].text
    return TALKATIVE if talkative else "I would wait."


def test_a_writer_that_reacts_to_one_persona_shows_that_trait_alone() -> None:
    model = ScriptedModel(one_arm, name="one arm")
    report = mpi(model, open_simulated("simulated:noise=0"), quick=True)
    rates = {
        row[0]: row_estimates(report, "vignettes", str(row[0]))[0].value
        for row in table(report, "vignettes").rows
    }
    assert rates == {"all": 0.25, "E+": 1.0, "E-": 0.0, "N+": 0.0, "N-": 0.0}


@pytest.mark.parametrize("quick", [True, False])
def test_an_inventory_without_the_big_five_is_refused(quick: bool) -> None:
    with pytest.raises(BadValue, match="scales of the Big Five"):
        mpi(open_null("null:yes"), inventory="open-types", quick=quick)
