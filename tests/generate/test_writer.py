"""Small objects under a schema: batches, second tries, and counts of what failed."""

import json
from collections.abc import Sequence

from personae.core import Done, Reply, Request, Sampling, say
from personae.generate.writer import FieldRequest, Writer, text_schema
from personae.respondents.scripted import ScriptedModel


class BatchRecorder(ScriptedModel):
    """Keeps each batch's size and sampling."""

    def __init__(self, replies: Sequence[str | Reply]) -> None:
        super().__init__(list(replies))
        self.batches: list[tuple[int, Sampling]] = []

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        self.batches.append((len(requests), sampling))
        return super().reply(requests, sampling, done=done)


def field_request(*names: str, text: str = "x") -> FieldRequest:
    return FieldRequest(
        chat=say(text),
        fields={name: text_schema(1, 9) for name in names},
        check=lambda _, value: "" if isinstance(value, str) and value.islower() else "not small",
    )


def test_one_schema_is_one_batch_and_fields_keep_their_order() -> None:
    model = BatchRecorder(['{"b": "x", "a": "y"}'] * 3)
    same = [field_request("b", "a", text=t) for t in "123"]
    answers = Writer(model, Sampling(seed=4)).ask(same)
    assert [answer.values for answer in answers] == [{"b": "x", "a": "y"}] * 3
    ((count, sampling),) = model.batches
    assert count == 3
    assert list(json.loads(str(sampling.schema))["properties"]) == ["b", "a"]
    assert sampling.seed == 4


def test_a_retry_is_warmer_repeats_failed_requests_and_keeps_fit_fields() -> None:
    model = BatchRecorder(
        ['{"a": "good", "b": "BAD"}', '{"a": "ok"}', '{"a": "new", "b": "better"}']
    )
    writer = Writer(model, Sampling())
    first, second = writer.ask([field_request("a", "b"), field_request("a")])
    assert first.values == {"a": "good", "b": "better"}
    assert second.values == {"a": "ok"}
    assert [(n, s.repeat, s.temperature) for n, s in model.batches] == [
        (1, 0, 0.0),
        (1, 0, 0.0),
        (1, 1, 0.7),
    ]
    assert writer.counts == {
        "asked": 2,
        "asked again": 1,
        "unfit values": 1,
        "unreadable replies": 0,
    }


def test_what_stays_unfit_is_named_with_its_reason() -> None:
    replies: list[str | Reply] = ["[]", Reply(text="Sorry", status="refused", why="declines")]
    writer = Writer(ScriptedModel(replies), Sampling())
    (answer,) = writer.ask([field_request("a")])
    assert not answer.values
    assert answer.unfit == {"a": "declines"}
    assert writer.counts["unreadable replies"] == 2
    (lacking,) = Writer(ScriptedModel(lambda _: '{"z": 1}'), Sampling()).ask([field_request("a")])
    assert lacking.unfit == {"a": "the field is missing"}
