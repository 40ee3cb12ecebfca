"""Whole commands at a server: what was billed is reported, and what can't work ends early."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from personae.cli import main
from personae.models.server import rate_limit as pacing
from personae.models.server import server_settings
from personae.models.server.server_settings import ServerSettings
from tests.support.eight_items import eight_items
from tests.support.faulty_server import (
    MODEL,
    Act,
    FaultyServer,
    Script,
    always,
    completion,
    continuing,
    refuses,
    says,
    top,
)

UNDER_WAY = 28
"""Most requests side by side after 20 answers: 8 at the start, one more for each answer."""
USAGE = {"prompt_tokens": 9, "completion_tokens": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class FewSamples(ServerSettings):
    """Counts four replies, where 20 prove nothing more."""

    samples: int = 4


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "BASE", 0.01)
    monkeypatch.setattr(server_settings, "ServerSettings", FewSamples)


def personae(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


def card_of(server: FaultyServer, folder: Path, *options: str) -> int:
    design = ("--inventory", eight_items(folder), "--inductions", "persona_text")
    who = ("--trait", "extraversion=1.5", "--sections", "", "--quick", "--yes")
    model = ("--model", f"{server.url}#{MODEL}", "--out", str(folder / "out"))
    return personae("card", *who, *design, *model, *options)


def shows(body: dict[str, Any], before: int) -> Act:
    shown = top(A=-0.7, B=-1.3, C=-2.5) if "logprobs" in body else None
    return Act(body=completion("A", logprobs=shown, usage=USAGE))


def shows_late(body: dict[str, Any], before: int) -> Act:
    """Its first answers to a question show nothing, and each third one can't be read."""
    if before == 0:
        return Act(body={"choices": [], "usage": USAGE})
    return Act(body=completion("A", usage=USAGE)) if before == 1 else shows(body, before)


def counted(body: dict[str, Any], before: int) -> Act:
    if "seed" in body:
        return refuses(400, 'Unknown name "seed": Cannot find field.')
    if "logprobs" in body:
        return refuses(400, "Logprobs is not enabled")
    return Act(body=completion("A", usage=USAGE))


@pytest.mark.parametrize("script", [shows, shows_late, counted])
def test_a_report_s_money_is_what_the_server_billed(
    script: Script, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    billed = 0

    def billing(body: dict[str, Any], before: int) -> Act:
        nonlocal billed
        act = script(body, before)
        billed += act.status == 200
        return act

    with FaultyServer(billing) as server:
        price = ("--price", "100,100", "--max-money", "50")
        assert card_of(server, tmp_path, *price) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    usage = report["provenance"]["usage"]
    assert usage["money"] == pytest.approx(billed * 10 * 100 / 1e6)
    assert f"{billed * 10:,} tokens, {billed / 1000:.4f} USD" in capsys.readouterr().err


def test_a_limit_counts_answers_that_cannot_be_used(tmp_path: Path) -> None:
    with FaultyServer(shows_late) as server:
        assert card_of(server, tmp_path, "--price", "100,100", "--max-money", "0.05") == 4
        assert 40 <= len(server.bodies) <= 50  # of 0.001 each


def test_a_judge_and_its_model_have_one_purse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = continuing(always(says("good", usage=USAGE)))
    with FaultyServer(script) as server, FaultyServer(script) as other:
        models = ("--model", f"{server.url}#{MODEL}", "--judge", f"{other.url}#{MODEL}", "--yes")
        run = ("run", "universal_persona", "--quick", "--out", str(tmp_path / "out"))
        assert personae(*run, *models, "--max-calls", "80") == 4
        asked, judged = len(server.bodies), len(other.bodies)
    assert asked + judged == 80 and asked > 0 < judged
    assert "80 calls" in capsys.readouterr().err


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("command", ["card", "run", "generate"])
def test_a_server_that_answers_with_errors_alone_ends_a_command_early(
    command: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with FaultyServer(always(refuses(status, "the model is on holiday"))) as server:
        model = ("--model", f"{server.url}#{MODEL}", "--yes")
        if command == "card":
            who = ("--trait", "E=1.5", "--sections", "", "--inductions", "persona_text", "--quick")
            code = personae("card", *who, "--out", str(out), *model)
        elif command == "run":
            code = personae("run", "sac", "--quick", "--out", str(out), *model)
        else:
            people = ("--out", str(out / "people.jsonl"), "-n", "60")
            code = personae("generate", "population", *people, *model)
        assert code == 3
        assert 20 <= len(server.bodies) <= 20 + UNDER_WAY
    assert "the model is on holiday" in capsys.readouterr().err
    assert not list(out.glob("report.*")) and not list(out.glob("people.jsonl"))


def test_tokens_of_one_text_reach_a_report_added(tmp_path: Path) -> None:
    tokens = [("B", -1.2), ("A", -1.35), ("A", -1.43), ("C", -2.3)]
    entries = [{"token": token, "logprob": logp} for token, logp in tokens]
    shown = {"content": [{**entries[0], "top_logprobs": entries}]}
    with FaultyServer(lambda body, before: says("B", logprobs=shown)) as server:
        model = ("--model", f"{server.url}#{MODEL}", "--yes", "--out", str(tmp_path / "out"))
        assert personae("run", "sac", "--quick", *model) == 0
    rows = pl.read_parquet(tmp_path / "out" / "answers.parquet").filter(pl.col("status") == "ok")
    assert rows["mass"].min() == pytest.approx(0.9, abs=1e-3)
