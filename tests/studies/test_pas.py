"""Alignment by attention heads: planted heads, the same as a bias, no look at what is asked."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from personae.core import (
    Anatomy,
    Answers,
    BadFile,
    Edit,
    InputError,
    Request,
    content_key,
    load_inventory,
    say,
)
from personae.measure.inventories.administer import administer
from personae.models.local.engine import LocalModel
from personae.models.local.loading import Loaded
from personae.stats.scores.reliability import alpha
from personae.studies.pas.head_directions import LEAST, HeadVectors, fit_heads, person_labels
from personae.studies.pas.papi import Panel, load_papi, simulated_panel, trait_errors
from personae.studies.pas.person_heads import (
    ARMS,
    FORM,
    STRENGTHS,
    PersonHeads,
    ask_arms,
    masked,
    person_heads,
    record_heads,
)
from personae.studies.pas.study import pas
from tests.support.tiny_networks import codec, network, tiny_model

NEO = load_inventory("ipip-neo-300")
SCALES = [item.scale for item in NEO.items]


def composite(predicted: Any, truth: Any) -> float:
    return float(np.mean(np.sum(list(trait_errors(predicted, truth, SCALES).values()), axis=0)))


# People's answers. --------------------------------------------------------------------------


def test_wrong_files_of_people_say_where(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    for text, why in (
        ("{}", "people are a list"),
        ("[3]", "person 0"),
        (json.dumps([{"i1": 7}]), "i1 is 1 to 5, or 0, not 7"),
    ):
        file.write_text(text)
        with pytest.raises(BadFile, match=why):
            load_papi(file)
    file.write_text(json.dumps([{"case": 1, **{f"i{i}": i % 6 for i in range(1, 301)}}]))
    panel = load_papi(file)
    assert np.isnan(panel.keyed[0, 5])
    assert panel.raw[0, 0] == 1


def test_simulated_answers_are_keyed_like_published_ones() -> None:
    panel = simulated_panel(60)
    own = np.array([s == "E" for s in SCALES])
    assert alpha(panel.keyed[:, own]).value > 0.9
    assert composite(panel.floor("own facet mean"), panel.keyed) < composite(
        panel.floor("always 3"), panel.keyed
    )


# Heads. --------------------------------------------------------------------------------------

ANATOMY = Anatomy(blocks=2, width=32, heads=4, head_width=8)


def planted(head: int = 5, items: int = 120, seed: int = 0) -> tuple[Any, Any]:
    """Heads of noise, one of which holds on axis 0 whether the person would say so."""
    random = np.random.default_rng(seed)
    answers = random.choice([1.0, 2.0, 4.0, 5.0], size=items)
    rows = random.normal(size=(2, items, 8, 8))
    rows[0, :, head, 0] += np.where(answers > 3, 2.0, -2.0)
    rows[1, :, head, 0] -= np.where(answers > 3, 2.0, -2.0)
    return (rows[0], rows[1]), answers


def test_a_planted_head_is_found() -> None:
    rows, answers = planted()
    vectors = fit_heads(rows, answers, ANATOMY, keep=8)
    assert vectors.heads[0] == (1, 1)
    assert vectors.theta[0, 0] > 0.95
    assert vectors.held_out[0] > 0.95
    assert abs(np.mean(vectors.held_out[1:]) - 0.5) < 0.1
    assert vectors.sigma[0] == pytest.approx(np.sqrt(5), abs=0.3)


def test_reversed_labels_reverse_directions_and_3_says_nothing() -> None:
    rows, answers = planted()
    vectors, reversed_vectors = (
        fit_heads(rows, answers, ANATOMY),
        fit_heads(rows, 6 - answers, ANATOMY),
    )
    assert reversed_vectors.heads[0] == vectors.heads[0]
    assert np.allclose(reversed_vectors.theta[0], -vectors.theta[0])
    empty = answers.copy()
    empty[:60] = [3, 0, np.nan] * 20
    poisoned = tuple(r.copy() for r in rows)
    for side in poisoned:
        side[:60] = 1e6
    cleaned = fit_heads((poisoned[0], poisoned[1]), empty, ANATOMY)
    assert cleaned.heads[0] == (1, 1)
    assert np.abs(cleaned.theta).max() <= 1
    few = np.full(120, 3.0)
    few[: LEAST - 1] = 5
    with pytest.raises(
        InputError, match=f"at least {LEAST} items answered otherwise than 3, not 7"
    ):
        fit_heads(rows, few, ANATOMY)
    assert person_labels(few)[0].tolist() == list(range(LEAST - 1))


def test_the_letter_alone_is_no_finding() -> None:
    """Who agrees to nearly all is guessed from the letter; the figure stands beside."""
    random = np.random.default_rng(1)
    answers = np.where(np.arange(60) < 6, 1.0, 5.0)
    rows = random.normal(size=(2, 60, 8, 8))
    rows[0] += 3  # every head holds the letter
    vectors = fit_heads((rows[0], rows[1]), answers, ANATOMY)
    assert vectors.chance == pytest.approx(0.9, abs=0.06)
    assert vectors.held_out.mean() == pytest.approx(vectors.chance, abs=0.05)


def heads(seed: int = 0) -> HeadVectors:
    random = np.random.default_rng(seed)
    theta = random.normal(size=(3, 8))
    theta /= np.linalg.norm(theta, axis=1, keepdims=True)
    heads = ((0, 1), (2, 0), (2, 3))
    size = Anatomy(blocks=3, width=32, heads=4, head_width=8)
    return HeadVectors(heads, theta, np.array([1.0, 0.5, 2.0]), theta[:, 0], theta[:, 0], 0.5, size)


def test_heads_are_a_bias_of_the_output_projection() -> None:
    """W_o delta as the projection's bias gives the same; 0 gives the same bits; nothing stays."""
    model, question = tiny_model(), Request(say("Well?"), (("Yes",), ("No",)))
    plain = model.choose([question])[0]
    vectors, strength = heads(), 3.0
    edited = model.choose([replace(question, edits=tuple(vectors.edits(strength)))])[0]
    assert edited.loglik != plain.loglik
    net = copy.deepcopy(network("long"))
    for edit in vectors.edits(strength):
        projection = net.model.layers[edit.site.block].self_attn.o_proj
        delta = torch.tensor(np.array(edit.vector)) * strength
        projection.bias = torch.nn.Parameter(projection.weight @ delta, requires_grad=False)
    coder: Any = codec()
    biased = LocalModel(Loaded("tiny:bias", net, coder, content_key("bias"))).choose([question])[0]
    assert edited.loglik == pytest.approx(biased.loglik, abs=1e-5)
    assert model.choose([replace(question, edits=tuple(vectors.edits(0.0)))])[0] == plain
    assert model.choose([question])[0] == plain


def test_agreeing_heads_make_agreement_likelier() -> None:
    """A network whose answer reads what agreement leaves in the last block's heads."""
    part = masked(NEO, simulated_panel(1).known).few(4)
    rows = record_heads(tiny_model(), part)
    vectors = fit_heads(rows, np.full(len(part.items), 5.0), tiny_model().anatomy, keep=12)
    last = HeadVectors(
        *_last(vectors), vectors.score, vectors.held_out, vectors.chance, vectors.anatomy
    )
    net = copy.deepcopy(network("long"))
    vector: Edit = last.edits(1.0)[0]
    along = net.model.layers[2].self_attn.o_proj.weight @ torch.tensor(np.array(vector.vector))
    coder: Any = codec()
    with torch.no_grad():
        for form, sign in (("A", 1), (" A", 1), ("E", -1), (" E", -1)):
            token = coder.encode(form, special=False)[-1]
            net.lm_head.weight[token] += sign * 3 * along / along.norm()
    model = LocalModel(Loaded("tiny:agrees", net, coder, content_key("agrees")))
    levels = []
    for strength in (0.0, 0.25, 0.5, 1.0):
        with model.edited(last.edits(strength)) as changed:
            expected = administer(changed, part, FORM).rows["expected"].to_numpy()
            levels.append(float(expected.mean()))
    assert levels == sorted(levels)
    assert levels[-1] > levels[0]


def _last(vectors: HeadVectors) -> tuple[Any, Any, Any]:
    own = [i for i, (block, _) in enumerate(vectors.heads) if block == 2]
    return tuple(vectors.heads[i] for i in own), vectors.theta[own], vectors.sigma[own]


def test_same_seed_same_heads_and_asked_items_choose_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    panel = simulated_panel(40)
    part = masked(NEO, panel.known).few(8)
    columns = [NEO.items.index(item) for item in part.items]
    model = tiny_model()
    rows = record_heads(model, part)
    first, second = (
        person_heads(model, rows, part, panel.raw[0, columns], STRENGTHS[:2], 4) for _ in "ab"
    )
    assert first.vectors.heads == second.vectors.heads
    assert (first.strength, first.errors) == (second.strength, second.errors)

    def chosen() -> Any:
        report: Any = pas(model, quick=True)
        return next(p for p in report.parts if getattr(p, "name", "") == "chosen").rows

    honest = chosen()
    poisoned = panel.keyed.copy()
    poisoned[:, ~panel.known] = 6 - poisoned[:, ~panel.known]
    monkeypatch.setattr(
        "personae.studies.pas.study.simulated_panel",
        lambda count, seed: Panel(panel.ids, poisoned, panel.tag),
    )
    assert chosen() == honest


def test_a_person_without_usable_answers_is_left_out_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    panel = simulated_panel(3)
    neutral = panel.keyed.copy()
    neutral[1, panel.known] = 3
    monkeypatch.setattr(
        "personae.studies.pas.study.simulated_panel",
        lambda count, seed: Panel(panel.ids, neutral, panel.tag),
    )
    report: Any = pas(tiny_model(), quick=True)
    assert any("simulated 2 is left out" in getattr(p, "text", "") for p in report.parts)
    assert set(report.answers.rows["respondent"]) == {"simulated 1", "simulated 3"}


def test_each_arm_has_its_own_heads_and_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every arm is asked under exactly the heads and the shown answers that its name says."""
    panel = simulated_panel(2)
    short = masked(NEO, panel.known).few(1)
    known = np.array([item in short.items for item in NEO.items])
    own, another = (
        PersonHeads(heads(seed), strength=1.0 + seed, errors={}, usable=9) for seed in (0, 1)
    )
    requests: list[Request] = []
    question = Request(say("Well?"), (("Yes",), ("No",)))

    def administer_one(carrier: Any, inventory: Any, _form: Any) -> Answers:
        carrier.choose([question])
        return Answers.of([{"item": item.id, "value": 3.0} for item in inventory.items])

    def spy(_model: Any, batch: Any, **_: Any) -> list[Any]:
        requests.extend(batch)
        return []

    monkeypatch.setattr(LocalModel, "choose", spy)
    monkeypatch.setattr("personae.studies.pas.person_heads.administer", administer_one)
    ids = dict(zip(panel.ids, (own, another), strict=True))
    answers = ask_arms(tiny_model(), panel, known, known, ids)
    assert list(dict.fromkeys(answers.rows["arm"])) == list(ARMS)
    conditions = [
        (
            "how you have answered before" in " ".join(m.text for m in request.chat),
            _same(request.edits, own.vectors.edits(1.0)),
            _same(request.edits, another.vectors.edits(2.0)),
        )
        for request in requests
    ]
    assert conditions[1:6] == [
        (False, False, False),
        (True, False, False),
        (False, True, False),
        (False, False, True),
        (True, True, False),
    ]


def _same(edits: Any, others: Any) -> bool:
    pairs = [[(e.site, e.strength, tuple(e.vector)) for e in side] for side in (edits, others)]
    return pairs[0] == pairs[1]
