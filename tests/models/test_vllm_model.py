"""vLLM's offline engine, by a stand-in of its interface, against the local engine."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from personae.core import (
    BadValue,
    Chooser,
    Edit,
    InputError,
    MissingExtra,
    ModelError,
    ModelUnavailable,
    OpenModel,
    Persona,
    Reply,
    Request,
    Sampling,
    Site,
    UnknownName,
    When,
    canonical_json,
    requests_of,
    say,
)
from personae.induce.registry import find_induction
from personae.induce.steer.steering_vector import SteeringVector, VectorOrigin
from personae.induce.steer.vector_files import save_vector
from personae.models.opening import open_model
from tests.support import vllm_stand_in as stand_in
from tests.support.tiny_folders import byte_tokenizer, save_model

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
CHATS = (
    say("I am calm."),
    say("I worry.", system="You are Ada."),
    say("Hm", system="You are Bo. " * 9, lead="I say "),
)
OPTIONS = (("A", " A"), ("B",), ("Very accurate", "Very"))
REQUESTS = requests_of(CHATS, OPTIONS)


@pytest.fixture(name="folder", scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizer = byte_tokenizer("<s>", "</s>")
    return save_model(tmp_path_factory.mktemp("model"), tokenizer, template=TEMPLATE)


@pytest.fixture(name="vllm")
def opened(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    stand_in.install(tmp_path, monkeypatch)
    return open_model(f"vllm:{folder}")


@pytest.fixture(name="local", scope="module")
def local_engine(folder: Path) -> Any:
    return open_model(f"hf:{folder}")


def test_choices_are_those_of_the_local_engine(vllm: Any, local: Any) -> None:
    heard: list[int] = []
    choices = vllm.choose(REQUESTS, done=lambda index, _: heard.append(index))
    for ours, theirs in zip(choices, local.choose(REQUESTS), strict=True):
        assert ours.status == "ok" and ours.tokens == theirs.tokens
        np.testing.assert_allclose(ours.loglik, theirs.loglik, atol=1e-4)
        np.testing.assert_allclose(ours.logp, theirs.logp, atol=1e-4)
        assert ours.mass == pytest.approx(theirs.mass, abs=1e-5)
    assert heard == [0, 1, 2]
    empty = [Request((), (("I am calm",), ("I worry",)))]
    np.testing.assert_allclose(
        vllm.choose(empty)[0].loglik, local.choose(empty)[0].loglik, atol=1e-4
    )


def test_replies_are_those_of_the_local_engine_where_nothing_is_drawn(
    vllm: Any, local: Any
) -> None:
    for sampling in (Sampling(max_tokens=9), Sampling(max_tokens=9, stop=("a", "e", "<"))):
        ours, theirs = (m.reply(REQUESTS, sampling) for m in (vllm, local))
        assert [(r.text, r.status) for r in ours] == [(r.text, r.status) for r in theirs]
        assert [(r.tokens_in, r.tokens_out) for r in ours] == [
            (r.tokens_in, r.tokens_out) for r in theirs
        ]


def test_draws_follow_from_seed_repeat_and_chat(vllm: Any) -> None:
    def texts(requests: Any, **changes: int) -> list[str]:
        sampling = Sampling(max_tokens=8, temperature=1.0, **changes)  # type: ignore[arg-type]
        return [reply.text for reply in vllm.reply(requests, sampling)]

    first = texts(REQUESTS)
    assert texts(REQUESTS[::-1])[::-1] == first != texts(REQUESTS, seed=1)
    assert texts(REQUESTS, repeat=1) != first


def test_replies_by_a_schema_are_valid(vllm: Any) -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"x": {"enum": ["a", "b"]}},
        "required": ["x"],
    }
    schema |= {"additionalProperties": False}
    sampling = Sampling(max_tokens=60, schema=canonical_json(schema))
    for reply in vllm.reply(REQUESTS[:2], sampling):
        assert reply.status == "ok" and json.loads(reply.text)["x"] in "ab"
    with pytest.raises(BadValue, match="without stop strings"):
        vllm.reply(REQUESTS, Sampling(schema=canonical_json(schema), stop=("a",)))


def test_what_is_too_long_is_a_record(folder: Path, vllm: Any) -> None:
    model: Any = open_model(f"vllm:{folder}?max_model_len=40")
    long, short = say("I am calm. " * 9), say("Hm")
    statuses = [c.status for c in model.choose(requests_of([long, short, long], OPTIONS[:2]))]
    assert statuses == ["error", "ok", "error"]
    assert [c.status for c in model.choose(requests_of([long], OPTIONS))] == ["error"]
    replies = model.reply(requests_of([long, short]), Sampling(max_tokens=99))
    assert "the model reads at most 40" in replies[0].why and replies[0].status == "error"
    assert replies[1].tokens_in + replies[1].tokens_out <= 40
    assert model.choose([]) == [] == model.reply([], Sampling())
    codec = model.engine.codec
    length = len(codec.encode(codec.render(short))) + 1  # vLLM wants room for one token more
    for limit, status in ((length, "error"), (length + 1, "ok")):
        model = open_model(f"vllm:{folder}?max_model_len={limit}")
        assert [c.status for c in model.choose(requests_of([short], OPTIONS[1:2]))] == [status]


def test_numbers_that_are_missing_or_nan_are_errors(
    vllm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = stand_in.LLM.answer

    def spoilt(change: Any) -> Any:
        def answered(self: Any, *arguments: Any) -> Any:
            output = answer(self, *arguments)
            change(output)
            return output

        return answered

    for change in (
        lambda out: out.prompt_logprobs.pop(),
        lambda out: out.prompt_logprobs.__setitem__(-1, None),
        lambda out: out.prompt_logprobs.__setitem__(-1, {-1: stand_in.Logprob(-1.0)}),
        lambda out: setattr(out, "prompt_logprobs", None),
        lambda out: out.prompt_logprobs[-1].update(
            {t: stand_in.Logprob(float("nan")) for t in out.prompt_logprobs[-1]}
        ),
    ):
        monkeypatch.setattr(stand_in.LLM, "answer", spoilt(change))
        assert [c.status for c in vllm.choose(REQUESTS)] == ["error"] * 3
    monkeypatch.setattr(
        stand_in.LLM,
        "answer",
        spoilt(lambda out: setattr(out.outputs[0], "finish_reason", "abort")),
    )
    reply: Reply = vllm.reply(REQUESTS[:1], Sampling(max_tokens=2))[0]
    assert (reply.status, reply.text) == ("error", "") and "abort" in reply.why


def test_the_engine_is_opened_as_asked(folder: Path, vllm: Any) -> None:
    kinds = [isinstance(vllm, kind) for kind in (Chooser, OpenModel)]
    assert kinds == [True, False]
    assert vllm.name == f"vllm:{folder}" and vllm.notes == ()
    llm = vllm.engine.llm
    assert llm.enable_prefix_caching and not llm.trust_remote_code
    spread: Any = open_model(f"vllm:{folder}?tensor_parallel_size=2&dtype=bfloat16")
    assert (spread.engine.llm.tensor_parallel_size, spread.engine.llm.dtype) == (2, "bfloat16")
    half: Any = open_model(f"vllm:{folder}", dtype="bfloat16")
    assert half.fingerprint == spread.fingerprint != vllm.fingerprint
    for query, message in (
        ("trust_remote_code=true", "no argument of vLLM in a model string"),
        ("max_model_len=[1]", "a word or a number"),
        ("dtype=", "a word or a number"),
    ):
        with pytest.raises((UnknownName, BadValue), match=message):
            open_model(f"vllm:{folder}?{query}")
    with pytest.raises(UnknownName, match="option of this model"):
        open_model(f"vllm:{folder}", device="cuda")
    with pytest.raises(ModelUnavailable, match="vllm:no folder"):
        open_model("vllm:no folder")
    (folder / "empty").mkdir(exist_ok=True)
    with pytest.raises(ModelError, match="vLLM can't open it"):
        open_model(f"vllm:{folder / 'empty'}")


def test_without_vllm_the_package_is_named(folder: Path) -> None:
    with pytest.raises(MissingExtra, match=r"vllm.*pip install 'personae\[vllm\]'"):
        open_model(f"vllm:{folder}")


def test_without_a_steering_layer_steering_is_refused(vllm: Any) -> None:
    with pytest.raises(InputError, match="vllm: with a steering layer"):
        with find_induction("steer:E=+4@1")(vllm, Persona(id="a", text="A.")):
            pass
    edit = Edit(Site(1), np.ones(32))
    with pytest.raises(InputError, match="not an open model"):
        vllm.choose([Request(CHATS[0], OPTIONS, (edit,))])


LAYERS = {"EasySteer": stand_in.EASY_STEER, "vLLM-Hook": stand_in.VLLM_HOOK}


@pytest.mark.parametrize("layer", LAYERS)
def test_steering_by_a_file_is_that_of_the_local_engine(
    layer: str, folder: Path, local: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.install(tmp_path, monkeypatch, LAYERS[layer])
    model: Any = open_model(f"vllm:{folder}")
    assert (model.engine.layer.name, isinstance(model, OpenModel)) == (layer, True)
    assert model.anatomy == local.anatomy
    random = np.random.default_rng(0)
    vector = SteeringVector({Site(1): random.normal(size=32).astype("f4")}, VectorOrigin(name="x"))
    save_vector(vector, tmp_path / "x.safetensors")
    induction, ada = find_induction(f"steer:{tmp_path / 'x.safetensors'}*2@1"), Persona(id="a")
    with induction(model, ada) as ours, induction(local, ada) as theirs:
        assert ours.fingerprint not in (model.fingerprint, theirs.fingerprint)
        for one, two, plain in zip(
            ours.choose(REQUESTS), theirs.choose(REQUESTS), model.choose(REQUESTS), strict=True
        ):
            np.testing.assert_allclose(one.loglik, two.loglik, atol=1e-4)
            assert abs(one.loglik[0] - plain.loglik[0]) > 0.01
        sampling = Sampling(max_tokens=6)
        texts = [[r.text for r in m.reply(REQUESTS, sampling)] for m in (ours, theirs)]
        assert texts[0] == texts[1]
    np.testing.assert_allclose(  # nothing is left behind
        model.choose(REQUESTS)[0].loglik, local.choose(REQUESTS)[0].loglik, atol=1e-4
    )
    sweep = [Request(CHATS[0], OPTIONS, (vector.edits(s))) for s in (-2.0, 0.0, 2.0)]
    for one, two in zip(model.choose(sweep), local.choose(sweep), strict=True):
        np.testing.assert_allclose(one.loglik, two.loglik, atol=1e-4)


@pytest.mark.parametrize("layer", LAYERS)
def test_what_a_steering_layer_cannot_do_is_refused(
    layer: str, folder: Path, local: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.install(tmp_path, monkeypatch, LAYERS[layer])
    model: Any = open_model(f"vllm:{folder}")
    ones = np.ones(32, np.float32)
    for edit in (
        Edit(Site(1), ones, op="cap", bounds=(0.0, 1.0)),
        Edit(Site(1, "mlp"), ones),
        Edit(Site(1), ones, when=When("prompt")),
        Edit(Site(7), ones),
        Edit(Site(1), np.ones(5)),
    ):
        with pytest.raises(BadValue, match=r"steering layers of vLLM|doesn't fit"):
            with model.edited([edit]):
                pass
    with pytest.raises(InputError, match="gives no activations"):
        with find_induction("steer:E=+4@1")(model, Persona(id="a")):
            pass
    two = [Request(CHATS[0], OPTIONS, (Edit(Site(0), ones), Edit(Site(1), 2 * ones)))]
    if layer == "vLLM-Hook":
        with pytest.raises(BadValue, match="one direction a request"):
            model.choose(two)
        two = [Request(CHATS[0], OPTIONS, (Edit(Site(0), ones), Edit(Site(1), ones)))]
    ours, theirs = (m.choose(two)[0].loglik for m in (model, local))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_an_older_interface_of_a_layer_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.install(tmp_path, monkeypatch, stand_in.OLD_EASY_STEER)
    with pytest.raises(ModelError, match="this EasySteer has no ApplySpec, SteeringSpec"):
        open_model(f"vllm:{folder}")
