"""Files as TinyTroupe, EDSL, PersonaHub and `datasets` read and write them."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from personae.core import Persona
from personae.personas.exchange import FORMATS, NATIVE, detect, export_personas, import_personas

ANN = Persona(
    id="p1",
    text="You are Ann.",
    facts={"name": "Ann", "age": "34", "job": "cook", "nationality": "Irish", "city": "Cork"},
    traits={"E": 1.0},
    statements=("I cook.",),
)
BO = Persona(id="p2", facts={"name": "Ann"}, memories=("Rain.",))


def tinytroupe_agents(folder: Path) -> Iterator[tuple[str, str]]:
    """What TinyTroupe 0.6 needs: files by suffix, unique names, and what `minibio` reads."""
    names: set[str] = set()
    for path in sorted(folder.iterdir()):
        if not path.name.endswith(".agent.json"):
            continue
        agent = json.loads(path.read_text())
        assert agent["type"] == "TinyPerson"
        spec = agent["persona"]
        assert spec["name"] not in names, "a second agent of a name is refused"
        names.add(spec["name"])
        yield (
            spec["name"],
            f"{spec['name']} is a {spec['age']} year old {spec['occupation']['title']}, "
            f"{spec['nationality']}, currently living in {spec['residence']}.",
        )


def test_a_folder_for_tinytroupe_loads_there(tmp_path: Path) -> None:
    people = [ANN, BO, Persona(id="Ann 2"), Persona(id="p4", facts={"occupation": "cook"})]
    export_personas(people, tmp_path / "agents", "tinytroupe")
    agents = dict(tinytroupe_agents(tmp_path / "agents"))
    assert list(agents) == ["Ann", "Ann 2", "Ann 2 2", "p4"]
    assert agents["Ann"] == "Ann is a 34 year old cook, Irish, currently living in Cork."
    assert agents["p4"].startswith("p4 is a None year old cook")
    assert list(import_personas(tmp_path / "agents")) == people


AGENTS = [
    {"traits": {"age": 34, "job": "pilot"}, "name": "Rita", "edsl_class_name": "Agent"},
    {"traits": {"age": 51, "job": "baker"}, "name": "Tom", "instruction": "Be brief."},
]
HEADER = {"__header__": True, "edsl_class_name": "AgentList", "n_agents": 2}


@pytest.mark.parametrize("header", [None, HEADER, {**HEADER, "edsl_version": "1.0.9"}])
def test_agents_of_edsl_come_an_object_a_line(
    header: dict[str, Any] | None, tmp_path: Path
) -> None:
    source = tmp_path / "agents.jsonl"
    rows = ([header] if header else []) + AGENTS
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert detect(source) == "edsl"
    people = list(import_personas(source))
    assert [p.id for p in people] == ["Rita", "Tom"]
    assert people[1].facts == {"age": "51", "job": "baker", "instruction": "Be brief."}
    export_personas(people, tmp_path / "back.jsonl", "edsl")
    back = [json.loads(line) for line in (tmp_path / "back.jsonl").read_text().splitlines()]
    assert back == rows


def test_agents_of_edsl_may_be_packed(tmp_path: Path) -> None:
    document = {"agent_list": AGENTS, "edsl_version": "1.0.9", "edsl_class_name": "AgentList"}
    source = tmp_path / "agents.json.gz"
    source.write_bytes(gzip.compress(json.dumps(document).encode()))
    assert detect(source) == "edsl"
    people = list(import_personas(source))
    export_personas(people, tmp_path / "back.json.gz", "edsl")
    assert json.loads(gzip.decompress((tmp_path / "back.json.gz").read_bytes())) == document
    first = (tmp_path / "back.json.gz").read_bytes()
    export_personas(people, tmp_path / "back.json.gz", "edsl")
    assert (tmp_path / "back.json.gz").read_bytes() == first


@pytest.mark.parametrize("name", [*FORMATS, NATIVE])
def test_every_file_may_be_packed(name: str, tmp_path: Path) -> None:
    suffixes = FORMATS[name].suffixes if name in FORMATS else (".json", ".jsonl")
    for suffix in {".json", ".jsonl"} & {*suffixes}:
        export_personas([ANN], tmp_path / f"ann{suffix}", name)
        packed = tmp_path / f"packed{suffix}.gz"
        packed.write_bytes(gzip.compress((tmp_path / f"ann{suffix}").read_bytes()))
        assert detect(packed) == name
        assert list(import_personas(packed)) == [ANN]


def test_personahub_is_read_from_parquet(tmp_path: Path) -> None:
    rows = {"persona": ["A nurse who keeps bees", "The cook"], "score": [0.5, None]}
    pl.DataFrame(rows).write_parquet(tmp_path / "hub.parquet")
    assert detect(tmp_path / "hub.parquet") == "personahub"
    people = list(import_personas(tmp_path / "hub.parquet"))
    assert [p.text for p in people] == ["You are a nurse who keeps bees", "You are the cook"]
    export_personas(people, tmp_path / "back.parquet", "personahub")
    assert pl.read_parquet(tmp_path / "back.parquet").equals(pl.DataFrame(rows))


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_plain_columns_have_one_type_in_every_file(suffix: str, tmp_path: Path) -> None:
    schemas = []
    for number, people in enumerate(([ANN], [BO], [Persona(id="p3")])):
        path = tmp_path / f"people{number}{suffix}"
        export_personas(people, path, "columns")
        assert detect(path) == "columns" and list(import_personas(path)) == people
        frame = pl.read_ndjson(path) if suffix == ".jsonl" else pl.read_parquet(path)
        schemas.append(frame.schema)
        assert set(frame.dtypes) == {pl.String()} and not frame.null_count().sum_horizontal()[0]
    assert schemas[0] == schemas[1] == schemas[2]
    frame = pl.read_parquet(path) if suffix == ".parquet" else pl.read_ndjson(path)
    assert frame["facts"].to_list() == [""]
