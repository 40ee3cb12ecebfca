"""`reply`: greedy text equals a hand-written loop; a draw doesn't depend on its batch."""

import json
from dataclasses import replace
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from personae.core import BadValue, Chat, Reply, Sampling, canonical_json, say
from personae.models.constrain import Grammar
from personae.models.drawing import draw, stream
from personae.models.generating import Writer
from personae.models.reading import Reader
from tests.unit.tiny_networks import KINDS, codec, network

LIMIT = 512
CHATS: list[Chat] = [
    *(say(f"I like {w}.", system="You are Ada. " * 12) for w in ("tea", "rain", "the sea", "it")),
    say("I worry about things " * 12),
    say("Hm", lead="I say"),
    (),
]
VOCABULARY = Grammar.vocabulary(codec().tokenizer, codec().eos_ids)


def write(kind: str, chats: list[Chat], sampling: Sampling, **options: Any) -> list[Reply]:
    reader = Reader(network(kind), token_budget=options.pop("budget", 1024))
    schema = sampling.schema
    grammar = None if schema is None else Grammar(VOCABULARY, schema)
    return Writer(reader, codec(), LIMIT, **options).replies(chats, sampling, grammar, None)


def plain_greedy(kind: str, chat: Chat, count: int) -> list[int]:
    ids = codec().encode(codec().render(chat))
    for _ in range(count):
        with torch.no_grad():
            ids.append(int(network(kind)(torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] in codec().eos_ids:
            break
    return ids[len(codec().encode(codec().render(chat))) :]


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_equals_a_loop_without_cache(kind: str) -> None:
    for options in ({}, {"rows": 2}, {"budget": 20}):
        got = write(kind, CHATS, Sampling(max_tokens=30), **options)
        for chat, reply in zip(CHATS, got, strict=True):
            ids = plain_greedy(kind, chat, 30)
            assert reply.tokens_out == len(ids)
            ended = ids[-1] in codec().eos_ids
            assert reply.text == codec().decode(ids[:-1] if ended else ids)
            assert reply.status == ("ok" if ended else "cut")


@settings(max_examples=15)
@given(
    st.permutations(range(len(CHATS))),
    st.integers(1, 7),
    st.sampled_from([(1.0, 1.0), (0.7, 0.8), (3.0, 0.999)]),
)
def test_a_draw_does_not_depend_on_its_batch(
    order: list[int], count: int, heat: tuple[float, float]
) -> None:
    sampling = Sampling(max_tokens=12, temperature=heat[0], top_p=heat[1], seed=3)
    alone = [write("llama", [chat], sampling)[0] for chat in CHATS]
    batch = write("llama", [CHATS[i] for i in order[:count]], sampling, rows=3)
    assert batch == [alone[i] for i in order[:count]]


def test_seed_repeat_and_chat_change_the_draw() -> None:
    base = Sampling(max_tokens=12, temperature=1.0)
    draws = [
        write("llama", CHATS[:1], replace(base, seed=seed, repeat=repeat))[0].text
        for seed in (0, 1)
        for repeat in (0, 1)
    ]
    assert len(set(draws)) == 4
    twice = write("llama", [CHATS[0], CHATS[4], CHATS[0]], base)
    assert twice[0] == twice[2] != twice[1]


def test_draws_follow_the_distribution() -> None:
    """Against the softmax: 20,000 draws, every share within 4 standard errors."""
    logits = torch.tensor([1.0, 0.0, -1.0, 2.0, float("-inf")])
    n = 20_000
    uniforms = stream(Sampling(), "x").random(n).tolist()
    for top_p, kept in ((1.0, [0, 1, 2, 3]), (0.8, [0, 3])):
        sampling = Sampling(temperature=0.7, top_p=top_p)
        tokens = draw(logits.expand(n, -1), sampling, uniforms)
        share = np.bincount(tokens, minlength=5) / n
        p = torch.softmax(logits.double() / 0.7, -1).numpy()
        p = np.where(np.isin(np.arange(5), kept), p, 0)
        p /= p.sum()
        assert np.all(np.abs(share - p) <= 4 * np.sqrt(p * (1 - p) / n))


def test_stop_strings_end_a_reply_before_themselves() -> None:
    whole = write("llama", CHATS[:1], Sampling(max_tokens=40))[0]
    stop = whole.text[10:13]
    cut = write("llama", CHATS[:1], Sampling(max_tokens=40, stop=(stop, "never to be seen")))[0]
    assert cut.status == "ok"
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.tokens_out < whole.tokens_out


def test_long_chats_are_records() -> None:
    got = write("gpt2", [say("I worry. " * 400), CHATS[0]], Sampling(max_tokens=5))
    assert [r.status for r in got] == ["error", "cut"]
    assert "512" in got[0].why
    near = say("a " * 480)
    room = LIMIT - len(codec().encode(codec().render(near)))
    assert 0 < room < 30
    assert write("gpt2", [near], Sampling(max_tokens=30))[0].tokens_out <= room


OBJECT = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 18, "maximum": 99},
        "mood": {"enum": ["calm", "wild", "calmer"]},
        "height": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 3},
        "likes": {"type": "array", "items": {"type": "string", "minLength": 3}, "minItems": 2},
        "home": {
            "type": "object",
            "properties": {"town": {"type": "string"}, "own": {"type": "boolean"}},
            "required": ["own"],
            "additionalProperties": False,
        },
    },
    "required": ["name", "age", "mood", "height", "likes", "home"],
    "additionalProperties": False,
}
SCHEMAS: list[dict[str, Any]] = [
    OBJECT,
    {"type": "array", "items": {"type": "integer"}, "minItems": 3},
    {"type": "string", "maxLength": 12},
    {"enum": ["yes", "no", 3, None]},
    {"anyOf": [{"type": "null"}, {"type": "object", "additionalProperties": {"type": "number"}}]},
    {
        "$ref": "#/$defs/tree",
        "$defs": {
            "tree": {
                "type": "object",
                "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/$defs/tree"}},
                "required": ["v"],
            }
        },
    },
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
@pytest.mark.parametrize("heat", [0.0, 1.0, 20.0])
def test_every_reply_obeys_its_schema(schema: dict[str, Any], heat: float) -> None:
    text = canonical_json(schema)
    shortest = Grammar(VOCABULARY, text).shortest
    assert shortest is not None
    for room in (shortest, shortest + 7, 3 * shortest):
        sampling = Sampling(max_tokens=room, temperature=heat, schema=text)
        for reply in write("llama", CHATS, sampling):
            assert reply.status == "ok"
            assert reply.tokens_out <= room
            jsonschema.validate(json.loads(reply.text), schema)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"schema": "not json"}, "not a JSON object"),
        ({"schema": "[1]"}, "JSON object"),
        ({"schema": '{"type": "nonsense"}'}, "can't be enforced"),
        ({"schema": '{"type": "array", "uniqueItems": true}'}, "can't be enforced"),
        ({"schema": canonical_json(OBJECT), "max_tokens": 9}, "shortest reply needs"),
        ({"schema": canonical_json(OBJECT), "stop": ("x",)}, "stop strings"),
    ],
)
def test_bad_schemas_are_refused_before_anything_runs(options: dict[str, Any], says: str) -> None:
    with pytest.raises(BadValue, match=says):
        write("llama", [], Sampling(**options))
