"""Simulated respondents: the truth comes out, habits show where they should and nowhere else."""

import json
from dataclasses import replace
from typing import Any

import jsonschema
import polars as pl
import pytest

from personae.core import (
    BadValue,
    Form,
    Request,
    Sampling,
    UnknownName,
    is_control,
    load_inventory,
    requests_of,
    say,
)
from personae.measure.inventories.administer import administer
from personae.respondents.latent import parse_spec
from personae.respondents.simulated import open_simulated
from personae.stats.scores.scales import scale_scores
from personae.traits.norms import norm_standing
from personae.traits.trait_words import read_standings

TRUTH = {"O": 1.0, "C": -1.0, "E": 1.5, "A": -1.5, "N": 0.5}
SPEC = "simulated:" + ",".join(f"{domain}={z}" for domain, z in TRUTH.items())
IPIP = load_inventory("ipip-neo-120")
MPI = load_inventory("mpi-120")


def means(spec: str, inventory: str = "mpi-120", **form: Any) -> dict[str, float]:
    answers = administer(open_simulated(spec), load_inventory(inventory), Form(**form))
    assert (answers.rows["status"] == "ok").all()
    scores = scale_scores(answers)
    return dict(zip(scores["scale"], scores["mean"], strict=True))


@pytest.mark.parametrize("channel", ["label", "option", "reply"])
@pytest.mark.parametrize("inventory", ["ipip-neo-120", "ipip-neo-300"])
@pytest.mark.parametrize("noise", ["0", "0.3"])
def test_norm_standings_recover_the_truth(channel: str, inventory: str, noise: str) -> None:
    scale_means = means(f"{SPEC},noise={noise}", inventory, channel=channel)
    for domain, z in TRUTH.items():
        norms = load_inventory("ipip-neo-120")
        standing = norm_standing(scale_means[domain], norms, domain, group="sex-neutral 21-40")
        assert standing.z == pytest.approx(z, abs=0.35)


@pytest.mark.parametrize("inventory", ["mpi-1k", "saucier-mini-markers", "goldberg-bipolar"])
def test_other_inventories_rank_the_same_truth(inventory: str) -> None:
    high, low = means("simulated:E=1.5,noise=0", inventory), means("simulated:E=-1.5", inventory)
    width = (load_inventory(inventory).high - 1) / 4
    assert high["E"] - low["E"] > 1.2 * width
    assert all(abs(high[d] - low[d]) < 0.4 * width for d in "OCAN")


def test_the_statement_channel_tells_opposites_apart() -> None:
    high = means(f"{SPEC},noise=0", channel="statement")
    low = means("simulated:E=-1.5,O=-1,noise=0", channel="statement")
    assert high["E"] > low["E"] + 0.5
    assert high["O"] > low["O"] + 0.5


def test_content_only_is_invariant_to_order_and_labels() -> None:
    """An answer's value belongs to the option's text: exactly the same values in every form."""
    model = open_simulated(f"{SPEC},noise=0")
    forms = [
        form
        for order in ("forward", "reverse", "20413")
        for form in (
            Form(wording="mpi", order=order),
            Form(wording="mpi", order=order, labels="numbers"),
            Form(wording="mpi", order=order, labels="none", channel="reply"),
        )
    ]
    answer_sets = [administer(model, MPI, form) for form in forms]
    first = answer_sets[0].rows["value"].to_list()
    assert len(set(first)) == 5
    assert all(answers.rows["value"].to_list() == first for answers in answer_sets)
    by_value = [s.rows["logp"].to_list() for s in answer_sets if s.rows["logp"][0] is not None]
    assert all(rows == pytest.approx(by_value[0][0]) for rows in (x[0] for x in by_value))


def test_every_wording_gives_the_same_answers_without_noise() -> None:
    model = open_simulated(f"{SPEC},noise=0")
    forms = [
        Form(wording="plain"),
        Form(wording="whois", labels="numbers", layout="options-first"),
        Form(wording="enfj", labels="numbers", person="second"),
    ]
    values = [administer(model, IPIP, form).rows["value"].to_list() for form in forms]
    assert values[0] == values[1] == values[2]


def test_facets_stand_where_they_are_put() -> None:
    answers = administer(open_simulated("simulated:E:Assertiveness=2,noise=0"), IPIP, Form())
    scores = scale_scores(answers, level="facet")
    facets = dict(zip(scores["facet"], scores["mean"], strict=True))
    norms = {n.facet: n.mean / 4 for n in IPIP.norms if n.group == "sex-neutral 21-40"}
    assert facets["Assertiveness"] > norms["Assertiveness"] + 0.8
    assert abs(facets["Friendliness"] - norms["Friendliness"]) < 0.5


def test_spread_moves_facets_but_not_their_domain() -> None:
    def keyed(spec: str) -> pl.DataFrame:
        return scale_scores(administer(open_simulated(spec), IPIP, Form()), level="facet")

    plain, spread = keyed("simulated:noise=0"), keyed("simulated:noise=0,spread=0.8")
    gap = (spread["mean"] - plain["mean"]).to_numpy()
    assert gap.std() > 0.3
    assert abs(gap.mean()) < 0.15


def raw_mean(spec: str, **form: Any) -> float:
    answers = administer(open_simulated(spec), MPI, Form(wording="mpi", **form))
    return float(answers.rows["value"].mean())  # type: ignore[arg-type]


def test_habits_of_answering_move_raw_answers() -> None:
    plain = raw_mean("simulated:noise=0")
    assert raw_mean("simulated:noise=0,acquiescence=1") > plain + 0.6
    forward = raw_mean("simulated:noise=0,position=0.5")
    reverse = raw_mean("simulated:noise=0,position=0.5", order="reverse")
    assert forward > plain + 0.4 > plain > reverse + 0.4
    assert raw_mean("simulated:noise=0,position=1") == 5.0
    assert raw_mean("simulated:noise=0,position=-1") == 1.0


def test_noise_is_of_the_size_named() -> None:
    """Sampled answers to one item spread by about the named SD, beside rounding."""
    model = open_simulated("simulated:noise=0.8")
    sampling = Sampling(temperature=1.0)
    answers = administer(
        model, IPIP.where(scale="C"), Form(channel="reply"), sampling=sampling, repeats=60
    )
    spread = answers.rows.group_by("item").agg(pl.col("value").var())["value"].mean()
    assert isinstance(spread, float)
    assert 0.55 < (spread - 1 / 12) ** 0.5 < 0.9


def test_drift_takes_the_standing_away() -> None:
    model = open_simulated("simulated:E=2,noise=0,drift=0.2")
    form = Form(channel="reply")
    answers = administer(model, IPIP.where(scale="E"), form, repeats=8)
    scores = scale_scores(answers).sort("repeat")["mean"].to_list()
    assert scores[0] > scores[3] > scores[7] + 0.1
    shared = administer(model, IPIP.where(scale="E"), replace(form, context="shared"))
    assert scale_scores(shared)["mean"][0] < scores[0]


def test_a_persona_is_followed_as_far_as_the_setting_says() -> None:
    text = "You are extremely talkative, extremely energetic and extremely bold."
    item = "Here is a statement: 'I talk to a lot of different people at parties'"
    options = "A. Very Inaccurate\nB. Moderately Inaccurate\nC. Neither Accurate Nor Inaccurate\n"
    options += "D. Moderately Accurate\nE. Very Accurate"
    chat = say(f"{item}\n\n{options}", system=text)
    answers = [
        open_simulated(f"simulated:E=-2,noise=0,follow={f}")
        .reply([Request(chat)], Sampling())[0]
        .text
        for f in ("0", "1")
    ]
    assert answers[0][0] in "AB" and answers[1][0] in "DE"


def test_the_same_request_has_the_same_answer() -> None:
    chats = [say(f"Question {i}: what do you do?") for i in range(4)]
    hot = Sampling(temperature=1.0, seed=3)
    model, again = open_simulated(SPEC), open_simulated(SPEC)
    assert model.reply(requests_of(chats), hot) == again.reply(requests_of(chats), hot)
    assert model.reply(requests_of(chats[::-1]), hot) == model.reply(requests_of(chats), hot)[::-1]
    assert model.reply(requests_of(chats), hot) != model.reply(
        requests_of(chats), replace(hot, repeat=1)
    )
    assert model.reply(requests_of(chats), Sampling()) != open_simulated("simulated:E=2").reply(
        requests_of(chats), Sampling()
    )


def test_limits_of_a_reply_are_kept() -> None:
    model = open_simulated(SPEC)
    chat = say("Describe yourself.")
    short = model.reply([Request(chat)], Sampling(max_tokens=3))[0]
    assert short.status == "cut" and len(short.text.split()) == 3 == short.tokens_out
    stopped = model.reply([Request(chat)], Sampling(stop=("moment",)))[0]
    assert stopped.status == "ok" and "moment" not in stopped.text


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 3, "maxLength": 20},
        "age": {"type": "integer", "minimum": 18, "maximum": 99},
        "score": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
        "kind": {"enum": ["a", "b"]},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "minItems": 2},
        "maybe": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
    },
    "required": ["name", "age", "tags"],
    "$defs": {"tag": {"type": "string"}},
}


VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@pytest.mark.parametrize("seed", range(5))
def test_json_fits_its_schema(seed: int) -> None:
    sampling = Sampling(schema=json.dumps(SCHEMA), seed=seed)
    reply = open_simulated(SPEC).reply([Request(say("Invent someone."))], sampling)[0]
    assert reply.status == "ok"
    assert list(VALIDATOR.iter_errors(json.loads(reply.text))) == []


def test_the_validator_of_this_file_can_fail() -> None:
    assert len(list(VALIDATOR.iter_errors({"name": "Jo", "age": 17, "tags": ["a", 1]}))) == 3


def test_free_text_shows_the_traits() -> None:
    chats = [say(f"Situation {i}. How do you feel, and what do you do?") for i in range(20)]
    texts = [
        r.text for r in open_simulated("simulated:E=2,N=-2").reply(requests_of(chats), Sampling())
    ]
    read = read_standings(" ".join(texts))
    assert read["E", ""] > 1 and read["N", ""] < -1


@pytest.mark.parametrize("turned", [False, True])
def test_a_judge_counts_the_trait_asked_about(turned: bool) -> None:
    texts = ["I am very talkative and bold.", "I am silent and a bit timid."]
    first, second = texts[::-1] if turned else texts
    ask = f"Text A: {first}\n\nText B: {second}\n\nWhich writer is more extraverted, A or B?"
    question = Request(say(ask), (("A",), ("B",)))
    logp = open_simulated("simulated:").choose([question])[0].logp
    assert (logp[0] > logp[1]) is not turned


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("simulated:nois=1", "did you mean 'noise'"),
        ("simulated:E:Asertiveness=1", "did you mean 'E:Assertiveness'"),
        ("simulated:X:Trust=1", "no setting"),
        ("simulated:X=1", "no setting of a simulated respondent is called 'X'"),
    ],
)
def test_unknown_settings_are_named(spec: str, message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        open_simulated(spec)


@pytest.mark.parametrize(
    "spec",
    [
        "simulated:E=9",
        "simulated:E=nan",
        "simulated:noise=-1",
        "simulated:noise=inf",
        "simulated:seed=1.5",
        "simulated:E",
        "simulated:E=1,E=2",
        "simulated:E=one",
        "simulated:=1",
    ],
)
def test_bad_values_are_refused(spec: str) -> None:
    with pytest.raises(BadValue, match="simulated:"):
        open_simulated(spec)


def test_names_and_fingerprints() -> None:
    model = open_simulated(SPEC)
    assert model.name == SPEC and is_control(model.name)
    assert model.fingerprint == open_simulated(SPEC).fingerprint
    assert model.fingerprint != open_simulated(f"{SPEC},seed=1").fingerprint
    assert model.respondent == parse_spec(SPEC)


def test_a_text_that_lists_a_line_twice_is_answered() -> None:
    chat = say("Which one?\n- Write it again.\n- Write it again.\n- Leave it.")
    assert open_simulated("simulated:").reply(requests_of([chat]), Sampling())[0].text
