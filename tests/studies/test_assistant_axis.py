"""The assistant axis: planted axes are found, caps do what their formula says, nothing is lost."""

import json
from collections.abc import Callable
from dataclasses import replace
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from personae.cli import main
from personae.core import (
    BadFile,
    Edit,
    InputError,
    Message,
    Reply,
    Request,
    Sampling,
    Site,
    Touch,
    say,
)
from personae.respondents.scripted import ScriptedModel
from personae.studies.assistant_axis.caps import Caps, _capped_blocks, assistant_caps, cap_shifts
from personae.studies.assistant_axis.components import principal_components
from personae.studies.assistant_axis.drift import scripted_drift, slope, trajectories
from personae.studies.assistant_axis.roles import (
    DEFAULT,
    Conversation,
    RoleBank,
    load_roles,
    load_transcripts,
    scripted_conversations,
)
from personae.studies.assistant_axis.rollouts import Rollout, judged_roles, perform_roles
from personae.studies.assistant_axis.space import GAP, RoleSpace, record_roles
from personae.studies.assistant_axis.study import assistant_axis
from tests.support.embedded import embedded
from tests.support.tiny_networks import tiny_model

WIDTH = 16
SHORT = Sampling(max_tokens=6, seed=1)


def rollout(role: str, question: int, prompt: int = 0) -> Rollout:
    chat = (*say(f"Question {question}?", system=role), Message("assistant", "So."))
    return Rollout(role=role, prompt=prompt, question=question, chat=chat, reply=Reply(text="So."))


class Writes:
    """A model that only replies."""

    def __init__(self, inner: ScriptedModel) -> None:
        self.name, self.fingerprint, self.reply = inner.name, inner.fingerprint, inner.reply


def space(
    roles: int, gap: float = 3.0, *, shift: float = 0.0, seed: int = 0, left_out: str = ""
) -> RoleSpace:
    """Roles scattered about, each reply .1 around its role; the default's mean plus `gap` on e0."""
    random = np.random.default_rng(seed)
    means = {f"role {i}": random.normal(size=WIDTH) for i in range(roles)}
    means[DEFAULT] = np.mean(list(means.values()), axis=0) + gap * np.eye(WIDTH)[0]
    rows, rollouts = [], []
    for name in (DEFAULT, *sorted(set(means) - {DEFAULT})):
        for question in range(6):
            row = means[name] + random.normal(scale=0.1, size=WIDTH) + shift
            if name != left_out:
                rows.append(row)
                rollouts.append(rollout(name, question))
    names = tuple(sorted(set(means) - {DEFAULT, left_out}))
    return RoleSpace(tuple(rollouts), names, {Site(0): np.array(rows)}, {})


def cosine(a: Any, b: Any) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


# The axis. -----------------------------------------------------------------------------------


def test_the_axis_is_default_less_roles() -> None:
    roles = space(20)
    axis = roles.axis(Site(0))
    assert cosine(axis, np.eye(WIDTH)[0]) > 0.99
    along = roles.activations[Site(0)] @ axis
    means = {
        n: along[[r.role == n for r in roles.rollouts]].mean() for n in (DEFAULT, *roles.roles)
    }
    assert means[DEFAULT] > max(means[name] for name in roles.roles)
    scale = roles.scale(Site(0))
    vectors = roles.vectors(Site(0))
    assert scale(vectors[DEFAULT][None])[0] == pytest.approx(1)
    centre = np.mean([vectors[n] for n in roles.roles], axis=0)
    assert scale(centre[None])[0] == pytest.approx(0, abs=1e-12)


def test_the_axis_is_stable() -> None:
    roles = space(60)
    assert np.allclose(space(60, shift=5.0).axis(Site(0)), roles.axis(Site(0)))
    without = space(60, left_out="role 7")
    assert cosine(roles.axis(Site(0)), without.axis(Site(0))) > 0.99


def test_default_is_a_whole_name() -> None:
    mixed = [rollout(name, q) for name in (DEFAULT, "defaulter", "ghost") for q in range(3)]
    recorded = record_roles(tiny_model(), mixed, [Site(1)])
    assert recorded.roles == ("defaulter", "ghost")


def test_the_axis_separates_the_default_on_held_out_questions() -> None:
    clear = space(12).separation(Site(0))
    assert clear.default.value == 1
    assert clear.default.low > clear.random
    nothing = space(12, gap=0.0).separation(Site(0))
    assert nothing.default.low < nothing.random
    assert space(12).split_half(Site(0)) > 0.95


def test_few_rollouts_leave_a_role_out_by_name() -> None:
    mixed = [rollout(name, q) for name in (DEFAULT, "ghost", "monk", "poet") for q in range(4)]
    lost = Reply(text=" ", status="ok")
    mixed = [r.answered(lost) if r.role == "monk" and r.question else r for r in mixed]
    recorded = record_roles(tiny_model(), mixed, [Site(1)])
    assert recorded.dropped == {"monk": 1}
    assert "monk" not in recorded.roles
    with pytest.raises(InputError, match="monk 1"):
        record_roles(tiny_model(), [r for r in mixed if r.role != "ghost"], [Site(1)])


def test_a_judge_decides_what_counts_and_loses_nothing() -> None:
    bank = RoleBank(roles={DEFAULT: ("",), "ghost": ("Be a ghost.",)}, questions=("Why?", "How?"))
    rollouts = [rollout(role, q) for role in bank.roles for q in (0, 1)]
    judging = Writes(ScriptedModel(lambda chat: "3" if "Why?" in chat[-1].text else "no idea"))
    answers, counted = judged_roles(judging, rollouts, bank)
    assert [r.id for r in counted] == ["default/pos_p0_q0", "default/pos_p0_q1", "ghost/pos_p0_q0"]
    assert answers.rows["status"].to_list() == ["ok", "unparsed"]


def test_replies_are_read_in_their_place() -> None:
    """Two turns of the same words differ by place; a system turn shifts nothing."""
    model = tiny_model()
    turns = (
        *say("Is it?"),
        Message("assistant", "Yes."),
        Message("user", "And that?"),
        Message("assistant", "Yes."),
    )
    rows = model.record([turns, (Message("system", "Be brief."), *turns)], [Site(1)], "replies")
    assert rows[Site(1)].shape[0] == 4
    assert not np.allclose(rows[Site(1)][0], rows[Site(1)][1])
    tokens = model.record([turns], [Site(1)], "all")[Site(1)]
    ids, ranges = model.loaded.codec.turns(turns)
    for row, turn in ((0, 1), (1, 3)):
        low, high = ranges[turn]
        assert model.loaded.codec.decode(ids[low:high]).strip() == "Yes."
        assert np.allclose(rows[Site(1)][row], tokens[low:high].mean(axis=0), atol=1e-5)


def test_components_of_roles() -> None:
    rows = np.outer([-2.0, -1.0, 0.0, 3.0], np.eye(5)[2]) + 1.0
    parts = principal_components(rows)
    assert parts.shares.tolist() == [1.0]
    assert abs(parts.axes[0, 2]) == pytest.approx(1)
    with pytest.raises(InputError, match="all rows are equal"):
        principal_components(np.ones((3, 2)))


# Caps. ---------------------------------------------------------------------------------------


def states(edits: tuple[Edit, ...], chat: Any) -> Any:
    with tiny_model().edited(edits) as changed:
        return changed.record([chat], [Site(1)], "all")[Site(1)]


def test_a_cap_lifts_to_its_threshold_and_no_further() -> None:
    unit = np.random.default_rng(0).normal(size=32)
    unit /= np.linalg.norm(unit)
    chat = say("I worry about things, or not at all.")
    plain = states((), chat)
    along = plain @ unit
    tau = float(np.median(along))
    cap = Edit(Site(1), unit, op="cap", bounds=(tau, inf))
    capped = states((cap,), chat)
    below = along < tau
    assert np.allclose((capped @ unit)[below], tau, atol=1e-4)
    flat = np.eye(32) - np.outer(unit, unit)
    assert np.allclose(capped @ flat, plain @ flat, atol=1e-5)
    assert (capped[~below] == plain[~below]).all()
    assert np.allclose(states((cap, cap), chat), capped, atol=1e-5)
    mirrored = Edit(Site(1), -unit, op="cap", bounds=(-inf, -tau))
    assert np.allclose(states((mirrored,), chat), capped, atol=1e-5)


def test_a_cap_holds_while_the_model_writes() -> None:
    model = tiny_model()
    unit = np.eye(32)[3]
    question = Request(say("Well?"), (("Yes",), ("No",)))
    nothing = Edit(Site(1), unit, op="cap", bounds=(-1e30, inf))
    assert model.choose([replace(question, edits=(nothing,))]) == model.choose([question])
    cap = Edit(Site(1), unit, op="cap", bounds=(50.0, inf))
    with model.edited([cap]) as capped:
        reply = capped.reply([Request(say("Well?"))], SHORT)[0]
        trace: list[Touch] = []
        with capped.edited([cap], trace=trace) as twice:
            twice.reply([Request(say("Well?"))], SHORT)
        chat = (*say("Well?"), Message("assistant", reply.text or "x"))
        rows = capped.record([chat], [Site(1)], "all")[Site(1)]
    assert (rows @ unit >= 50 - 1e-3).all()
    assert trace  # both caps saw every token, the second moved none of them
    assert max(t.norm for t in trace if t.position > 0) < 1e3


def test_a_cap_lifts_a_quarter_of_the_default_s_tokens() -> None:
    model = tiny_model()
    bank = load_roles().few(3, 1, 4)
    recorded = record_roles(model, perform_roles(model, bank, SHORT), [Site(b) for b in range(3)])
    caps = assistant_caps(model, recorded)
    assert caps.lifted[0] == pytest.approx(0.25, abs=0.02)
    assert caps.blocks == _capped_blocks(3) == (2,)
    assert abs(cosine(caps.axis[0].vector, caps.random[0].vector)) < 1e-6
    assert all(e.bounds[1] == inf for e in caps.axis)


def test_an_exception_under_a_cap_leaves_the_model_as_it_was() -> None:
    model, question = tiny_model(), Request(say("Well?"), (("Yes",), ("No",)))
    before = model.choose([question])
    cap = Edit(Site(1), np.ones(32), op="cap", bounds=(5.0, inf))
    with pytest.raises(RuntimeError), model.edited([cap]) as changed:
        assert changed.choose([question]) != before
        raise RuntimeError
    assert model.choose([question]) == before


# Conversations. ------------------------------------------------------------------------------


def test_trajectories_follow_the_turns_and_end_at_an_empty_one() -> None:
    model = tiny_model()
    bank = load_roles().few(3, 1, 2)
    recorded = record_roles(model, perform_roles(model, bank, SHORT), [Site(1)])
    turns = [Message("user", "One?"), Message("assistant", "Yes."), Message("user", "Two?")]
    full = Conversation(name="a", domain="x", chat=(*turns, Message("assistant", "No.")))
    empty = Conversation(name="b", domain="x", chat=(*turns, Message("assistant", " ")))
    unanswered = Conversation(name="c", domain="x", chat=tuple(turns[:1]))
    both, first, nothing = trajectories(
        model, [full, empty, unanswered], Site(1), recorded.scale(Site(1))
    )
    assert (len(both), len(first), len(nothing)) == (2, 1, 0)
    assert both[0] == pytest.approx(first[0], abs=1e-5)
    assert np.isnan(slope(first))
    caps = assistant_caps(
        model, record_roles(model, perform_roles(model, bank, SHORT), [Site(b) for b in range(3)])
    )
    drift = scripted_drift(model, recorded, caps, scripted_conversations(1, 2), SHORT)
    assert len(drift.plain) == len(drift.capped) == 4
    assert len(drift.slopes(open_ended=True)) == len(drift.slopes(open_ended=False)) == 2


class ReactsToOneCap:
    """A network of one block: under the given cap it speaks as the default, else as its role."""

    def __init__(self, roles: RoleSpace, cap: tuple[Edit, ...]) -> None:
        self.anatomy = SimpleNamespace(blocks=1)
        self._cap = cap
        self._vectors = dict(roles.vectors(Site(0)))
        others = [v for name, v in self._vectors.items() if name != DEFAULT]
        self._centre = np.mean(others, axis=0)

    def reply(self, requests: Any, sampling: Sampling) -> list[Reply]:
        assert sampling == SHORT
        return [Reply(text="Near." if r.edits == self._cap else "Far.") for r in requests]

    def record(self, chats: Any, sites: Any, pool: str) -> Any:
        assert pool == "replies"
        turns = [(c, m.text) for c in chats for m in c if m.role == "assistant"]
        rows = [
            self._vectors[DEFAULT]
            if text == "Near."
            else self._vectors.get(chat[0].text, self._centre)
            for chat, text in turns
        ]
        return {site: np.array(rows) for site in sites}


def test_the_effect_of_a_cap_is_that_of_the_cap_along_the_axis() -> None:
    roles = space(8)
    along, other = ((Edit(Site(0), np.eye(WIDTH)[i], op="cap", bounds=(0.0, inf)),) for i in (0, 1))
    caps = Caps(along, other, (0,), (0.25, 0.5))
    model: Any = ReactsToOneCap(roles, along)
    shifts = cap_shifts(model, roles, caps, SHORT)
    assert (shifts.axis > 0.8).all()
    assert (np.abs(shifts.random) < 0.2).all()
    drift = scripted_drift(model, roles, caps, scripted_conversations(1, 3), SHORT)
    assert np.concatenate(drift.plain) == pytest.approx(np.zeros(12), abs=1e-9)
    assert np.concatenate(drift.capped) == pytest.approx(np.ones(12), abs=1e-9)


# Files. --------------------------------------------------------------------------------------


def test_published_files_are_read(test_data: Callable[[str], Path]) -> None:
    bank = load_roles(test_data("assistant-axis"))
    assert DEFAULT in bank.roles
    assert len(bank.questions) == 240
    assert all(len(texts) == 5 for texts in bank.roles.values())
    assert "{model_name}" not in "".join(bank.roles[DEFAULT])
    talks = load_transcripts(test_data("assistant-axis/transcripts"))
    assert [t.domain for t in talks] == ["coding", "therapy"]
    assert all(sum(m.role == "assistant" for m in t.chat) == 15 for t in talks)


def test_wrong_files_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 role files"):
        load_roles(tmp_path)
    with pytest.raises(BadFile, match="holds no transcript"):
        load_transcripts(tmp_path)
    file = tmp_path / "t.json"
    file.write_text(json.dumps({"conversation": [{"role": "user", "content": "Hi"}]}))
    with pytest.raises(BadFile, match="no turn of the assistant"):
        load_transcripts(file)
    file.write_text(json.dumps({"conversation": [{"role": "robot", "content": "Hi"}]}))
    with pytest.raises(BadFile, match="'robot'"):
        load_transcripts(file)
    (tmp_path / "roles").mkdir()
    (tmp_path / "roles" / "ghost.json").write_text("{}")
    with pytest.raises(BadFile, match="instruction"):
        load_roles(tmp_path)


@pytest.mark.parametrize("spec", ["null:yes", "simulated:noise=0.3"])
def test_the_command_line_says_who_can_be_opened(
    spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as ended:
        main(["run", "assistant_axis", "--model", spec, "--out", str(out)])
    assert ended.value.code == 2
    assert f"{spec} is not one: use smollm2" in " ".join(capsys.readouterr().err.split())
    assert not out.exists()


def test_transcripts_are_read_along_the_axis(test_data: Callable[[str], Path]) -> None:
    folder = str(test_data("assistant-axis/transcripts"))
    report = assistant_axis(tiny_model(), transcripts=folder, quick=True)
    table: Any = next(
        p for p in report.parts if getattr(p, "name", "") == "transcripts" and hasattr(p, "rows")
    )
    assert [row[0] for row in table.rows] == ["coding", "therapy"]
    assert all(2 <= row[3] < row[2] == 15 for row in table.rows)


@pytest.mark.slow
@pytest.mark.embedded
def test_the_embedded_model_tells_default_from_roles() -> None:
    """On average over two draws of replies: .88 and .73 were measured, .5 is chance.

    One draw this small shows nothing: 95 % of random directions stay under .77 only. The evidence
    is the study's own run, in docs/guide/inside-the-model.md; here a lost or turned axis fails.
    """
    from personae.models.local.engine import LocalModel  # noqa: PLC0415

    model = LocalModel(embedded())
    bank = load_roles().few(4, 1, 4)
    aucs = []
    for seed in range(2):
        drawn = Sampling(max_tokens=12, temperature=0.7, top_p=0.9, seed=seed)
        recorded = record_roles(model, perform_roles(model, bank, drawn), [Site(15)])
        aucs.append(recorded.separation(Site(15)).default)
    assert np.mean([auc.value for auc in aucs]) > 0.6
    assert {auc.unit for auc in aucs} == {"rate"}
    assert GAP == "of the gap"
