"""Populations in files: the same bytes whatever the shards, killed or not; quotas in the file."""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from personae.core import BadValue, Chat, Done, Model, Note, Reply, Request, Sampling, UnknownName
from personae.generate.population.persona_table import persona_table
from personae.generate.quality.near_duplicates import SameFacts
from personae.generate.recipe import Order, PersonaBatch, Population
from personae.generate.recipe_registry import recipes
from personae.generate.recipes.hachimi.recipe import hachimi
from personae.generate.recipes.population import population
from personae.generate.slots import Slots
from personae.personas import load_personas
from personae.respondents.scripted import ScriptedModel
from personae.run.population import population_run as generating
from personae.run.population import regeneration
from personae.run.population.population_files import Commission
from personae.run.population.population_run import generate

QUIET = Console(quiet=True)


def adults(n: int) -> Callable[[Model | None], Population]:
    return lambda model: population(Order(n=n, seed=5, model=model))


def made(out: Path, n: int = 300, **changes: bool) -> bytes:
    job = Commission(recipe="population", version="1", options={}, out=out, **changes)
    generate(job, adults(n), None, QUIET)
    return out.read_bytes()


def test_same_bytes_whatever_the_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    single = made(tmp_path / "whole.parquet")
    monkeypatch.setattr(generating, "STRUCTURE", 37)
    parts = made(tmp_path / "parts.parquet")
    assert pl.read_parquet(tmp_path / "parts.parquet").equals(
        pl.read_parquet(tmp_path / "whole.parquet")
    )
    assert parts == single
    pages = [tmp_path / f"{name}.parquet.report.html" for name in ("whole", "parts")]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert not (tmp_path / "parts.parquet.work").exists()


def test_killed_and_resumed_hachimi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generating, "STRUCTURE", 37)
    uninterrupted = made(tmp_path / "whole.parquet", 100)
    asked: list[int] = []

    def build(limit: int) -> Callable[[Model | None], Population]:
        inner = population(Order(n=100, seed=5))

        def make(slots: Slots) -> PersonaBatch:
            if len(asked) >= limit:
                raise KeyboardInterrupt
            asked.append(int(slots.indices[0]))
            return inner.make(slots)

        return lambda model: replace(inner, make=make)

    out = tmp_path / "killed.parquet"
    job = Commission(recipe="population", version="1", options={}, out=out)
    with pytest.raises(KeyboardInterrupt):
        generate(job, build(1), None, QUIET)
    assert not out.exists()
    generate(job, build(99), None, QUIET)
    assert asked == [0, 37, 74]  # nothing is made twice
    assert out.read_bytes() == uninterrupted
    assert pl.read_parquet(out)["id"].n_unique() == 100


def test_lines_hold_the_same_personas(tmp_path: Path) -> None:
    made(tmp_path / "a.parquet", 20)
    made(tmp_path / "a.jsonl", 20)
    assert load_personas(tmp_path / "a.jsonl") == load_personas(tmp_path / "a.parquet")


def test_another_population_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "a.parquet"
    made(out, 20)
    assert made(out, 20)
    with pytest.raises(BadValue, match="not this population"):
        made(out, 21)
    assert made(out, 21, fresh=True)
    with pytest.raises(BadValue, match="ends in"):
        made(tmp_path / "a.csv")


def test_recipes_are_found_with_near_matches() -> None:
    assert recipes.find("population").version
    with pytest.raises(UnknownName, match="did you mean 'population'"):
        recipes.find("populaton")


SPEC = {
    "name": "gss",
    "variables": {
        "sex": {"shares": {"Male": 0.6, "Female": 0.4}},
        "political_views": {
            "shares": {
                "Extremely liberal": 1,
                "Liberal": 2,
                "Slightly liberal": 2,
                "Moderate, middle of the road": 6,
                "Slightly conservative": 2,
                "Conservative": 3,
                "Extremely conservative": 1,
            }
        },
    },
    "traits": {"norms": {"sex": {"of": "sex", "Male": "M", "Female": "F"}, "age": "age"}},
    "rules": [{"code": "A", "says": "adults only", "holds": {"of": "age", ">=": 18}}],
}


def test_survey_rows_raked_to_margins(test_data: Callable[[str], Path], tmp_path: Path) -> None:
    """Margins are exact, and what goes together in the sample still does."""
    rows = test_data("genagents/gss_demographics_600.jsonl")
    spec = tmp_path / "gss.json"
    spec.write_text(json.dumps(SPEC))
    survey = population(Order(n=1700, seed=2), str(spec), str(rows))
    people = [p for p in survey.make(survey.slots(0, 1700)).rows["facts"].to_list()]
    facts = [{pair["key"]: pair["value"] for pair in person} for person in people]
    assert Counter(f["sex"] for f in facts) == {"Male": 1020, "Female": 680}
    views = Counter(f["political_views"] for f in facts)
    assert views["Moderate, middle of the road"] == 600 and views["Extremely liberal"] == 100
    sample = pl.read_ndjson(rows)
    party = "Strong democrat"
    for view in ("Liberal", "Conservative"):
        those = sample.filter(pl.col("political_views") == view)
        share = (those["party_identification"] == party).mean()
        mine = [f["party_identification"] == party for f in facts if f["political_views"] == view]
        assert abs(sum(mine) / len(mine) - float(share or 0)) < 0.12  # type: ignore[arg-type]


def test_a_value_that_the_sample_lacks_is_refused(
    test_data: Callable[[str], Path], tmp_path: Path
) -> None:
    rows = test_data("genagents/gss_demographics_600.jsonl")
    spec = tmp_path / "gss.json"
    spec.write_text(json.dumps({"variables": {"sex": {"shares": {"Male": 1, "Other": 1}}}}))
    with pytest.raises(BadValue, match="no unit has"):
        population(Order(n=10), str(spec), str(rows))


def crowded(n: int, limit: int = 99) -> tuple[Callable[[Model | None], Population], list[int]]:
    """Personas with two facts of few values, so that many resemble another."""
    calls: list[int] = []

    def make(slots: Slots) -> PersonaBatch:
        if len(calls) >= limit:
            raise KeyboardInterrupt
        calls.append(len(slots))
        facts = pl.DataFrame(
            {name: pl.Series(slots.pick(name, [1] * 30)).cast(pl.String) for name in ("a", "b")}
        )
        ids = pl.Series(slots.indices).cast(pl.String)
        return PersonaBatch(persona_table(ids, facts), {}, {"made": len(slots)})

    crowd = Population(
        title="Crowd",
        order=Order(n=n, seed=1),
        make=make,
        preview=(),
        duplicate_criterion=SameFacts(("a", "b")),
    )
    return lambda model: crowd, calls


def test_near_duplicates_are_regenerated_killed_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generating, "STRUCTURE", 60)
    job = Commission(recipe="x", version="1", options={}, out=tmp_path / "whole.parquet")
    build, calls = crowded(200)
    report = generate(job, build, None, QUIET)
    frame = pl.read_parquet(job.out)
    facts = [tuple(p["value"] for p in person) for person in frame["facts"].to_list()]
    assert len(set(facts)) == 200 and frame["id"].to_list() == [str(i) for i in range(200)]
    assert len(calls) > 5  # four shards, then at least two rounds
    assert isinstance(report.parts[0], Note) and "regenerated" in report.parts[0].text
    for limit in (2, 4, 5):
        again = replace(job, out=tmp_path / f"killed{limit}.parquet")
        with pytest.raises(KeyboardInterrupt):
            generate(again, crowded(200, limit)[0], None, QUIET)
        build, later = crowded(200)
        generate(again, build, None, QUIET)
        assert len(later) == len(calls) - limit
        assert again.out.read_bytes() == job.out.read_bytes()


def test_indistinguishable_personas_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regeneration, "ROUNDS", 3)
    job = Commission(recipe="x", version="1", options={}, out=tmp_path / "full.parquet")
    report = generate(job, crowded(1500)[0], None, QUIET)  # 900 can differ at most
    assert pl.read_parquet(job.out).height == 1500
    assert isinstance(report.parts[0], Note) and "still do" in report.parts[0].text


def test_a_model_is_asked_nothing_twice(tmp_path: Path) -> None:
    """Killed between two owners, a run with a model goes on from its journal."""
    asked: list[Chat] = []

    class Dying(ScriptedModel):
        def reply(
            self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
        ) -> list[Reply]:
            asked.extend(request.chat for request in requests)
            if len(asked) > self.most:
                raise KeyboardInterrupt
            return super().reply(requests, sampling, done=done)

        most = 10**6

    def writer(most: int) -> Dying:
        model = Dying(fill_schema_for)
        model.most = most
        return model

    def fill_schema_for(chat: Chat) -> str:
        keys = re.findall(r"^- (\w+): text", chat[-1].text, re.MULTILINE)
        texts = dict.fromkeys(
            keys, "She keeps her word, and is slow to anger, as all who know her say."
        )
        if "name" in keys:
            texts["name"] = "Mei Ito"
        if "relations" in keys:
            texts["relations"] += " A shared work on birds brought her two friends in spring."
        return json.dumps(texts)

    def build(model: Model | None) -> Population:
        return hachimi(Order(n=6, seed=1, model=model), alike="allowed")

    job = Commission(recipe="hachimi", version="1", options={}, out=tmp_path / "a.jsonl")
    with pytest.raises(KeyboardInterrupt):
        generate(job, build, writer(12), QUIET)
    answered = 12
    del asked[:]
    report = generate(job, build, writer(10**6), QUIET)
    assert len(asked) == 4 * 6 - answered
    assert report.provenance is not None and report.provenance.usage.requests == 24
    people = load_personas(job.out)
    assert len(people) == 6 and all(p.provenance["model"] == "scripted:test" for p in people)
