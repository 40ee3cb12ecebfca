"""vLLM's offline engine, by a stand-in of its interface, against the local engine."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from personae.core import (
    BadValue,
    Chooser,
    MissingExtra,
    ModelError,
    ModelUnavailable,
    OpenModel,
    Reply,
    Request,
    Sampling,
    UnknownName,
    canonical_json,
    requests_of,
    say,
)
from personae.models.opening import open_model
from tests.support import vllm_stand_in as stand_in

CHATS = (
    say("I am calm."),
    say("I worry.", system="You are Ada."),
    say("Hm", system="You are Bo. " * 9, lead="I say "),
)
OPTIONS = (("A", " A"), ("B",), ("Very accurate", "Very"))
REQUESTS = requests_of(CHATS, OPTIONS)


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


def test_labels_are_read_from_one_prompt_where_vllm_can(
    folder: Path, local: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = requests_of(CHATS, (("A",), ("B", "b"), ("C",)))
    reads = {}
    for name, files in {"new": {}, "old": stand_in.OLD_VLLM}.items():
        stand_in.install(tmp_path / name, monkeypatch, files)
        model: Any = open_model(f"vllm:{folder}")
        for ours, theirs in zip(
            model.choose([*labels, *REQUESTS]), local.choose([*labels, *REQUESTS]), strict=True
        ):
            np.testing.assert_allclose(ours.loglik, theirs.loglik, atol=1e-4)
            assert (ours.status, ours.tokens) == ("ok", theirs.tokens)
        reads[name] = model.engine.llm.prompts_read
    assert (reads["new"], reads["old"]) == (3 + 15, 6 + 15)  # texts that recur are read once
    many = requests_of(CHATS[:1], tuple((chr(33 + i),) for i in range(21)))
    stand_in.install(tmp_path / "many", monkeypatch)
    model = open_model(f"vllm:{folder}")
    assert model.choose(many)[0].status == "ok" and model.engine.llm.prompts_read == 21


def test_labels_that_vllm_leaves_out_are_read_as_prompts(
    vllm: Any, local: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = requests_of(CHATS, (("A",), ("B",)))
    answer = stand_in.LLM.answer

    def without(self: Any, *arguments: Any) -> Any:
        output = answer(self, *arguments)
        (output.outputs[0].logprobs or [{}])[0].pop(ord("A"), None)
        return output

    for change in (without, lambda *args: _without_logprobs(answer(*args))):
        monkeypatch.setattr(stand_in.LLM, "answer", change)
        for ours, theirs in zip(vllm.choose(labels), local.choose(labels), strict=True):
            np.testing.assert_allclose(ours.loglik, theirs.loglik, atol=1e-4)


def _without_logprobs(output: Any) -> Any:
    output.outputs[0].logprobs = None
    return output


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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("__version__ = '0.10.2'", "vLLM 0.10.2 is installed, and Personae needs 0.11 or newer"),
        ("raise ImportError('libcudart.so.12')", "vLLM can't open it: ImportError: libcudart"),
    ],
)
def test_a_vllm_that_is_old_or_broken_is_one_clear_line(
    content: str, message: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vllm").mkdir()
    (tmp_path / "vllm" / "__init__.py").write_text(content, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "vllm", raising=False)
    with pytest.raises(ModelError, match=message):
        open_model(f"vllm:{folder}")
    sys.modules.pop("vllm", None)


def test_a_vllm_built_from_source_opens_whatever_its_number(
    folder: Path, vllm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vllm.__version__", "0.1.dev1+g0ca5c0a")
    assert open_model(f"vllm:{folder}").fingerprint != vllm.fingerprint


def test_without_vllm_the_package_is_named(folder: Path) -> None:
    with pytest.raises(MissingExtra, match=r"vllm.*pip install 'personae\[vllm\]'"):
        open_model(f"vllm:{folder}")
