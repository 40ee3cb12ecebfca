"""Unequal harm: the registry, the same prompts for all, planted harm, scorers with their errors."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from personae.core import (
    Answers,
    BadFile,
    BadValue,
    Chat,
    Choice,
    Done,
    InputError,
    Persona,
    Reply,
    Request,
    Sampling,
    UnknownName,
)
from personae.designs.harms import DIMENSIONS, NOBODY, ask_harms, passes
from personae.generate.population.persona_groups import group_personas
from personae.measure.judge.harm_scorers import find_scorer, scorer_errors
from personae.respondents.null import open_null
from personae.respondents.respondent_answers import choice_from_logliks
from personae.studies.universal_persona.study import universal_persona
from tests.support.report_parts import table

PEOPLE = tuple(
    Persona(id=f"{group}: {name}", text=f"You are {name}.")
    for group, name in (("race", "Ada"), ("race", "Bo"), ("gender", "Cy"), ("gender", "Di"))
)


class Speaking:
    """Harmless, but for one persona; declines as another; a control with likelihoods."""

    fingerprint = "0" * 64

    def __init__(self, rude: str = "", evasive: str = "") -> None:
        self.name = f"scripted:speaking {rude}{evasive}"
        self._rude, self._evasive = rude, evasive

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return [Reply(text=self._one(request.chat)) for request in requests]

    def _one(self, chat: Chat) -> str:
        text = "\n".join(m.text for m in chat)
        if self._evasive and f"You are {self._evasive}." in text:
            return "As an AI language model, I cannot answer."
        if self._rude and f"You are {self._rude}." in text:
            return "You idiot."
        return "How nice."

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        return [choice_from_logliks(q, [0.0] + [-5.0] * (len(q.options) - 1)) for q in requests]


def test_harm_under_one_persona_lowers_the_personas_rate_and_not_the_one_without() -> None:
    report = universal_persona(Speaking(rude="Ada"), PEOPLE, quick=True)
    rates = {row[0]: row[1:] for row in table(report, "rates").rows}
    alone, personas = rates["offensiveness"]
    assert alone.value == 1.0 and personas.value == 0.75  # type: ignore[union-attr]


class Leaning(Speaking):
    """Leans towards agreeing with every statement by `lean` nats."""

    def __init__(self, lean: float) -> None:
        super().__init__()
        self._lean = lean

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        assert requests[0].options[-1] == (" AGREE",)
        return [choice_from_logliks(question, self._leans(question.chat)) for question in requests]

    def _leans(self, chat: Chat) -> list[float]:
        lean = 0.0 if chat[-2].text.startswith("...") else self._lean  # the question left blank
        return [share * lean for share in (-1, -0.5, 0.5, 1)]


@pytest.mark.parametrize(
    ("lean", "passed"), [(1.0, 0.0), (-1.0, 1.0), (0.0, 1.0), (1e-15, 1.0), (-1e-15, 1.0)]
)
def test_an_even_split_of_stances_is_no_agreement(lean: float, passed: float) -> None:
    lexicon = find_scorer("lexicon", open_null("null:yes"))
    sheet = ask_harms(Leaning(lean), PEOPLE[:1], lexicon, count=2).rows
    stances = sheet.filter(sheet["scale"].str.contains("agreement|control"))
    assert set(stances["value"]) == {passed}


def test_the_registry_has_the_published_sizes() -> None:
    sizes = [
        sum(p.group == g for p in group_personas())
        for g in dict.fromkeys(p.group for p in group_personas())
    ]
    assert sorted(sizes) == sorted([7, 6, 3, 4, 6, 17, 7, 8, 15, 50, 12, 27])


def test_a_model_that_ignores_personas_scores_zero() -> None:
    report = universal_persona(Speaking(), PEOPLE)
    scores = [row[1] for row in table(report, "differences").rows[:-1]]
    assert [getattr(s, "value", None) for s in scores] == [0.0] * len(DIMENSIONS)


def test_harm_under_one_persona_is_found_in_its_group_alone() -> None:
    report = universal_persona(Speaking(rude="Bo"), PEOPLE)
    groups = {row[0]: row[2] for row in table(report, "groups").rows}
    assert isinstance(groups["race"], float)
    assert groups["race"] > 0
    assert groups["gender"] == 0.0
    swapped = universal_persona(Speaking(rude="Bo"), (*PEOPLE[1::-1], *PEOPLE[2:]))
    assert table(swapped, "differences").rows[-1][1] == table(report, "differences").rows[-1][1]


def test_personas_asked_other_prompts_are_refused() -> None:
    rows: list[dict[str, object]] = [
        {"respondent": who, "item": item, "scale": "regard", "value": 1.0}
        for who, item in (("a", "1"), ("a", "2"), ("b", "1"), ("b", "3"))
    ]
    with pytest.raises(BadValue, match="same prompts"):
        passes(Answers.of(rows), "regard", ["a", "b"])


def test_evasions_are_counted_and_leave_the_denominator() -> None:
    """Evaded plus scored is all; offensiveness is two equal halves."""
    lexicon = find_scorer("lexicon", open_null("null:yes"))
    sheet = ask_harms(Speaking(evasive="Ada"), PEOPLE, lexicon, count=4)
    written = sheet.where(respondent="race: Ada", form="written").rows
    assert (written["status"] == "refused").all()
    assert written["value"].null_count() == written.height
    counted = sheet.rows.group_by("status").len()["len"].sum()
    assert counted == len(sheet)
    offence = sheet.where(scale="offensiveness", respondent=NOBODY).rows["item"]
    assert len(offence) == 8


def test_bad_scorers_say_what_is_known(tmp_path: Path) -> None:
    model = open_null("null:yes")
    with pytest.raises(UnknownName, match="lexicon"):
        find_scorer("lexikon", model)
    with pytest.raises(BadFile, match="classifier"):
        find_scorer(f"hub:{tmp_path / 'nothing'}", model)
    with pytest.raises(InputError, match="none of"):
        scorer_errors(find_scorer("model", open_null("null:refusing")))


def test_a_classifier_opens_without_notes_on_optional_kernels_and_errors_stay(
    tmp_path: Path,
) -> None:
    kernels = logging.getLogger("torchao")
    kernels.setLevel(logging.NOTSET)
    with pytest.raises(BadFile):
        find_scorer(f"hub:{tmp_path / 'nothing'}", open_null("null:yes"))
    assert not kernels.isEnabledFor(logging.WARNING)
    assert kernels.isEnabledFor(logging.ERROR)


def test_scorers_are_measured_on_labelled_texts() -> None:
    model = open_null("null:yes")
    missed, false, lost = scorer_errors(find_scorer("lexicon", model))
    assert (missed.value, false.value, lost) == (0.0, 0.0, 0)
    missed, false, _ = scorer_errors(find_scorer("sentiment", model))
    assert 0 < missed.value < 1
    assert false.value < 0.5


def test_a_classifier_from_a_folder_is_read_by_its_harmful_class(tmp_path: Path) -> None:
    """The real loading code on a tiny classifier with random weights, saved as safetensors."""
    transformers: Any = pytest.importorskip("transformers")
    tokenizers: Any = pytest.importorskip("tokenizers")
    words = {"[PAD]": 0, "[UNK]": 1, "you": 2, "idiot": 3}
    raw = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    raw.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]"
    )
    fast.save_pretrained(tmp_path)
    config = transformers.BertConfig(
        vocab_size=4,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        id2label={0: "ok", 1: "toxic"},
        label2id={"ok": 0, "toxic": 1},
    )
    transformers.BertForSequenceClassification(config).save_pretrained(tmp_path)
    scorer = find_scorer(f"hub:{tmp_path}", open_null("null:yes"))
    rates = scorer.harm(["you idiot", "you", ""])
    assert ((rates > 0) & (rates < 1)).all()
    assert scorer.harm(["you idiot"])[0] == pytest.approx(rates[0], abs=1e-6)
