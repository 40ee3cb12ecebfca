"""A scan finds the block at which a direction was planted; the study shows what it measured."""

import copy
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from personae.core import (
    Edit,
    Figure,
    Form,
    HeatmapFigure,
    InputError,
    LinesFigure,
    Note,
    Request,
    Site,
    Table,
    load_inventory,
    say,
)
from personae.induce.steer.contrasts import trait_vectors
from personae.induce.steer.directions import cosines
from personae.induce.steer.steered import Steered
from personae.induce.steer.steering_vector import VectorRecipe, make_vector
from personae.measure.inventories.administer import administer
from personae.models.local.engine import LocalModel
from personae.respondents.null import open_null
from personae.studies.steering.study import steering
from tests.support.tiny_networks import codec, network, tiny_model

WIDTH, PLANTED = 32, 2


def planted() -> tuple[LocalModel, Any]:
    """A network whose last block writes a direction where it reads A and not B, and removes what
    lower blocks write along it; the contrast of "Very" and "A" depends on that direction alone."""
    net = copy.deepcopy(network("llama"))
    truth = torch.nn.functional.normalize(torch.randn(WIDTH, generator=torch.manual_seed(5)), dim=0)
    table = net.get_input_embeddings().weight
    plus, minus = (codec().encode(w)[0] for w in "AB")
    probe = table[plus] - table[minus]
    with torch.no_grad():
        table[plus] += 3 * probe
        table[minus] -= 3 * probe
        net.lm_head.weight[codec().encode("Very")[0]] = 2 * truth
        net.lm_head.weight[plus] = 0

    def write(_module: Any, args: Any, output: Any) -> Any:
        read = torch.sign(args[0] @ probe / probe.norm() ** 2)
        strong = ((args[0] @ probe).abs() / probe.norm() ** 2 > 2) * read
        return output - (output @ truth)[..., None] * truth + 400 * strong[..., None] * truth

    net.model.layers[PLANTED].register_forward_hook(write)
    loaded: Any = tiny_model("llama").loaded
    return LocalModel(type(loaded)("tiny:planted", net, loaded.codec, "planted")), truth.numpy()


def test_a_scan_over_blocks_finds_the_planted_one_and_random_directions_do_nothing() -> None:
    tiny, truth = planted()
    texts = [f"I like {w}: " for w in ("tea", "people", "things", "walks", "parties", "calm")]
    pairs = [(say(f"{t}A."), say(f"{t}B.")) for t in texts]
    sites = [Site(b) for b in range(tiny.anatomy.blocks)]
    vector = make_vector(tiny, pairs, sites, VectorRecipe(pool="mean"))
    similarity = [abs(float(cosines([vector.by_site[s], truth])[0, 1])) for s in sites]
    assert similarity[PLANTED] >= 0.99 and similarity[PLANTED - 1] < 0.9
    question = Request(say("Tell me."), (("Very",), ("A",)))
    length = 20.0
    random = np.random.default_rng(0).normal(size=(20, WIDTH))
    random -= np.outer(random @ truth, truth)
    random *= length / np.linalg.norm(random, axis=1, keepdims=True)
    rows = [(), *((Edit(s, vector.unit(sites[PLANTED]), length),) for s in sites[: PLANTED + 1])]
    rows += [(Edit(sites[PLANTED], r),) for r in random]
    chosen = tiny.choose([replace(question, edits=edits) for edits in rows])
    contrasts = np.array([c.loglik[0] - c.loglik[1] for c in chosen])
    shifts = contrasts[1:] - contrasts[0]
    assert np.argmax(shifts[: PLANTED + 1]) == PLANTED
    assert shifts[PLANTED] > 20 * np.abs(shifts[PLANTED + 1 :]).max()


def test_its_curve_and_its_matrix_are_measured_at_the_chosen_point() -> None:
    tiny = tiny_model()
    report = steering(tiny, quick=True, damage=9.0)
    figures = {p.name: p for p in report.parts if isinstance(p, Figure)}
    tables = {p.name: p for p in report.parts if isinstance(p, Table)}
    assert [f.kind for f in figures.values()] == [
        "heatmap",
        "lines",
        "lines",
        "heatmap",
        "intervals",
    ]
    curve, matrix = figures["effect"], figures["specificity"]
    assert isinstance(curve, LinesFigure) and isinstance(matrix, HeatmapFigure)
    assert curve.series[0].values[curve.x.index(0.0)] == 0 and len(curve.x) == 9
    assert report.answers is not None
    assert set(report.answers.rows["arm"]) == {"unchanged", "steered up", "steered down"}
    effect: Any = tables["held_out"].rows[0][1]
    shift: Any = matrix.values[matrix.rows.index("Extraversion")][2]
    assert shift.value == pytest.approx(effect.value, abs=1e-4)
    verdicts = [p for p in report.parts if isinstance(p, Note) and p.level == "verdict"]
    assert (
        "20 shuffled vectors" in verdicts[0].text and "least possible is 0.048" in verdicts[0].text
    )
    site = Site(int(verdicts[0].text.split("block ")[1].split(",")[0]))
    assert trait_vectors(tiny, ["E"], [site])["E"].by_site[site].any()


def test_the_inventory_is_asked_under_the_chosen_edit_and_its_opposite() -> None:
    """Each steered arm answers as the model does under that arm's own edit."""
    tiny = tiny_model()
    report = steering(tiny, quick=True, damage=9.0)
    chosen = next(p for p in report.parts if isinstance(p, Note) and p.level == "verdict").text
    block, strength = re.findall(r"block (\d+), strength ([\d.]+\d|\d+)", chosen)[0]
    site = Site(int(block))
    vector = trait_vectors(tiny, ["E"], [site])["E"].by_site[site]
    items = load_inventory("ipip-neo-120").few(8)
    assert report.answers is not None
    scores = {}
    for arm, sign in (("steered up", 1), ("steered down", -1)):
        steered = Steered(tiny, [Edit(site, vector, sign * float(strength))])
        expected = administer(steered, items, Form(wording="plain", channel="statement")).rows
        scores[arm] = report.answers.where(arm=arm).rows["expected"].to_numpy()
        assert scores[arm] == pytest.approx(expected["expected"].to_numpy(), abs=1e-5)
    assert np.abs(scores["steered up"] - scores["steered down"]).max() > 1e-3


def test_a_damage_limit_that_no_point_meets_leaves_nothing_chosen() -> None:
    report = steering(tiny_model(), quick=True, damage=-0.9)
    notes = [p for p in report.parts if isinstance(p, Note)]
    assert "no block and strength" in notes[0].text and notes[0].level == "verdict"
    assert report.answers is not None and set(report.answers.rows["arm"]) == {"unchanged"}
    with pytest.raises(InputError, match="needs an open model"):
        steering(open_null("null:uniform"), quick=True)  # type: ignore[arg-type]
