"""The table of file formats: for each a small sound file, and the function that reads it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from personae.core import Persona, data_json, load_inventory
from personae.core.instruments.behaviour_task import load_behaviour_task
from personae.datasets.answer_tables import read_answers
from personae.datasets.hub import read_dataset
from personae.datasets.labelled_texts import load_labelled
from personae.generate.biography.people import load_people_tables
from personae.generate.conversations import read_conversations
from personae.generate.population.population_spec import load_spec
from personae.generate.taxonomy.attribute_tree import read_tree
from personae.induce.steer.vector_files import load_vector
from personae.measure.situations.situation_bank import load_bank
from personae.measure.tasks.opinions import load_opinions
from personae.measure.tasks.problems import load_problems
from personae.measure.tasks.theory_of_mind import load_scenes
from personae.models.gguf.gguf_file import read_gguf
from personae.models.journal.journal import Journal
from personae.personas.exchange import FORMATS, export_personas, import_personas
from personae.personas.persona_store import load_personas, save_personas
from personae.personas.risks import load_risk_rules
from personae.report.render.report_files import read_report
from personae.run.export.finished_run import open_run
from personae.run.population.shards import Shard, read_shard, write_shard
from personae.studies.assistant_axis.roles import load_roles, load_transcripts
from personae.studies.citizens.survey import load_survey
from personae.studies.pas.papi import load_papi
from personae.studies.persona_paradox.triage import load_settings
from personae.studies.soul_engine.characters import load_characters
from tests.support.finished_runs import finished
from tests.support.gguf_files import gguf_bytes, tiny_metadata, tiny_tensors

__all__ = ["SURFACES", "WIDE", "Surface", "finished_run", "saved_personas"]

ADA = Persona(
    id="ada",
    text="You are Ada, a baker from Leeds.",
    facts={"work": "baker", "town": "Leeds"},
    traits={"E": 1.5, "N": -0.5},
    statements=("I like company.",),
)
BEN = Persona(id="ben", text="You are Ben.", traits={"C": 1.0})


@dataclass(frozen=True)
class Surface:
    """A format: `make` writes a sound file into a folder and returns it; `read` reads it.

    `text` formats must read alike with a byte order mark and other line ends, and with the names of
    objects in another order unless they are `ordered`. Those that `keeps_odd` may hold numbers that
    aren't finite.
    """

    name: str
    make: Callable[[Path], Path]
    read: Callable[[Path], object]
    text: bool = True
    ordered: bool = False
    keeps_odd: bool = False


def _json(name: str, content: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        rows = content if path.suffix == ".jsonl" else [content]
        path.write_text("\n".join(map(json.dumps, rows)) + "\n")
        return path

    return make


def _text(name: str, content: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_text(content)
        return folder / name

    return make


def saved_personas(path: Path) -> Path:
    """Write two personas to a file."""
    save_personas([ADA, BEN], path)
    return path


def _saved(name: str) -> Callable[[Path], Path]:
    return lambda folder: saved_personas(folder / name)


def _contents_of(path: Path) -> object:
    """Read personas without what is kept of their file beside them."""
    return [replace(persona, extra={}) for persona in import_personas(path)]


def _exported(kind: str, suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / f"{kind}{suffix}"
        many = suffix in (".jsonl", ".parquet") or kind == "edsl"
        export_personas([ADA, BEN] if many else [ADA], path, kind)
        return path

    return make


def _foreign() -> list[Surface]:
    return [
        Surface(
            f"{kind}{suffix}",
            _exported(kind, suffix),
            _contents_of,
            text=suffix in (".json", ".jsonl"),
        )
        for kind, form in FORMATS.items()
        for suffix in form.suffixes
        if suffix
    ]


DARK_TRIAD = load_inventory("sd3")
WIDE = "respondent," + ",".join(i.id for i in DARK_TRIAD.items) + "\n"
WIDE += "".join(f"p{p}," + ",".join(str(1 + (p + i) % 5) for i in range(27)) + "\n" for p in (1, 2))
ANSWER_ROWS = [{"respondent": "a", "item": i.id, "answer": 3} for i in DARK_TRIAD.items]
LONG = "respondent,item,answer\n" + "".join(
    f"p1,{item.id},{1 + n % 5}\n" for n, item in enumerate(DARK_TRIAD.items)
)
PROBLEMS = [
    {"id": "a", "text": "2 + 2?", "options": ["3", "4"], "answer": "4", "field": "sums"},
    {"id": "b", "text": "3 + 2?", "wrong": ["3", "4"], "answer": "5"},
]
SITUATION = {
    "personality": "Openness",
    "situation": "A friend is bored.",
    "query": "What now?",
    "response_high1": "Paint",
    "response_high2": "Travel",
    "response_low1": "Rest",
    "response_low2": "Wait",
}
LABELLED = [
    {"id": str(n), "text": f"Text {n}", "labels": {"E": n % 2, "N": 1 - n % 2}} for n in range(4)
]
CHARACTERS = [{"character": "Ada", "utterances": ["Hello."], "ocean": [0.1, 0.2, 0.3, 0.4, 0.5]}]
SCENE = ";".join(["One. Two. Three. Four. Five.", *(f"c{n}" for n in range(1, 19))]) + "\n"
TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
PEOPLE = [{"case": 1, **{f"i{n}": 1 + n % 5 for n in range(1, 301)}}]


def _first(value: Any, count: int = 2) -> Any:
    """Cut the long lists of a shipped file, so that damage hits every kind of field."""
    if isinstance(value, dict):
        return {name: _first(v, count) for name, v in value.items()}
    if isinstance(value, list):
        return [_first(v, count) for v in (value[:count] if len(value) > 12 else value)]
    return value


def _inventory() -> Any:
    raw = dict(data_json("inventories/sd3.json"))
    items = [row for scale in raw["scales"] for row in raw["items"] if row["scale"] == scale]
    return {**raw, "items": items[::4], "norms": raw.get("norms", [])[:3]}


def finished_run(folder: Path) -> Path:
    """Make the folder of a finished run, two respondents on one inventory."""
    answers = folder.with_suffix(".csv")
    answers.write_text(WIDE)
    return finished(folder, read_answers(answers, DARK_TRIAD))


def _run_file(name: str) -> Callable[[Path], Path]:
    return lambda folder: finished_run(folder / "run") / name


def _shard(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        rows = pl.DataFrame({"id": ["a"], "text": ["b"]})
        signs = np.ones((1, 4), dtype=np.uint32)
        shard = Shard(np.arange(2), rows, signs, {1: "no reply"}, {"written": 1})
        write_shard(shard, folder / "1")
        return folder / name

    return make


def _journal(folder: Path) -> Path:
    path = folder / "journal.sqlite"
    with Journal(path) as journal:
        for number in range(3):
            journal.write(f"k{number}", "reply", "{}")
    return path


def _find_all(path: Path) -> object:
    with Journal(path) as journal:
        return journal.find(["k0", "k1", "k2"])


def _roles(folder: Path) -> Path:
    (folder / "roles").mkdir()
    for name in ("default", "baker", "pirate"):
        body = {"instruction": [{"pos": f"You are a {name}."}]}
        (folder / "roles" / f"{name}.json").write_text(json.dumps(body))
    (folder / "extraction_questions.jsonl").write_text('{"question": "Who are you?"}\n')
    return folder / "roles" / "baker.json"


def _tensor(content: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        torch.save(content, folder / "vector.pt")
        return folder / "vector.pt"

    return make


def _gguf(folder: Path) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(gguf_bytes(tiny_metadata("llama"), tiny_tensors("llama")))
    return path


def _tensors(path: Path) -> object:
    file = read_gguf(path)
    return [file.metadata, {name: tensor.shape for name, tensor in file.tensors.items()}]


def _report(path: Path) -> object:
    return read_report(path.parent)


SURFACES: Sequence[Surface] = (
    Surface("personae.json", _saved("p.json"), load_personas),
    Surface("personae.jsonl", _saved("p.jsonl"), load_personas),
    Surface("personae.parquet", _saved("p.parquet"), load_personas, text=False),
    *_foreign(),
    Surface("answers, wide", _text("a.csv", WIDE), lambda p: read_answers(p, DARK_TRIAD).rows),
    Surface("answers, long", _text("a.csv", LONG), lambda p: read_answers(p, DARK_TRIAD).rows),
    Surface(
        "answers, JSON", _json("a.json", ANSWER_ROWS), lambda p: read_answers(p, DARK_TRIAD).rows
    ),
    Surface("inventory", _json("own.json", _inventory()), lambda p: load_inventory(str(p))),
    Surface(
        "item texts",
        _text(
            "items.csv", "item,text\n" + "".join(f"{i.id},Text {i.id}\n" for i in DARK_TRIAD.items)
        ),
        lambda p: load_inventory("sd3", p),
    ),
    Surface(
        "data set (csv)",
        _text("t.csv", "a,b\nx,1\ny,2\n"),
        lambda p: read_dataset(p).rows,
        keeps_odd=True,
    ),
    Surface("data set (jsonl)", _json("t.jsonl", PROBLEMS), lambda p: read_dataset(p).rows),
    Surface("labelled texts", _json("l.jsonl", LABELLED), lambda p: load_labelled(str(p)).texts),
    Surface("problems", _json("q.jsonl", PROBLEMS), lambda p: load_problems(str(p))),
    Surface("situations", _json("s.jsonl", [SITUATION]), lambda p: load_bank(str(p))),
    Surface(
        "opinions",
        _text("o.csv", "prompt,category,counter\nTea is best.,food,Tea is worst.\n"),
        lambda p: load_opinions(str(p)),
    ),
    Surface("scenes", _text("s.csv", SCENE), lambda p: load_scenes(str(p))),
    Surface(
        "behavioural task",
        _json("task.json", _first(data_json("behaviour/cards.json"))),
        lambda p: load_behaviour_task(str(p)),
    ),
    Surface(
        "taxonomy",
        _json("t.json", _first(data_json("personas/taxonomy.json"))),
        read_tree,
        ordered=True,
    ),
    Surface(
        "population",
        _json("p.json", data_json("populations/students.json")),
        lambda p: load_spec(str(p)),
        ordered=True,
    ),
    Surface(
        "people",
        _json("p.json", {"countries": data_json("personas/people.json")["countries"]}),
        lambda p: load_people_tables(p).raw,
    ),
    Surface(
        "risk rules", _json("r.json", _first(data_json("persona_rules.json"))), load_risk_rules
    ),
    Surface("conversations", _json("c.jsonl", [TURNS, {"messages": TURNS}]), read_conversations),
    Surface(
        "survey", _json("s.json", data_json("surveys/canada.json")), lambda p: load_survey(str(p))
    ),
    Surface(
        "urgency settings",
        _json("s.json", _first(data_json("tasks/triage.json"))),
        lambda p: load_settings(str(p)),
        ordered=True,
    ),
    Surface(
        "people's answers", _json("p.json", PEOPLE), lambda p: load_papi(p).keyed, keeps_odd=True
    ),
    Surface("characters", _json("c.jsonl", CHARACTERS), load_characters),
    Surface("roles", _roles, lambda p: load_roles(p.parent.parent)),
    Surface("transcript", _json("t.json", {"conversation": TURNS}), load_transcripts),
    Surface(
        "vector (.pt)",
        _tensor(torch.ones(4, 8)),
        partial(load_vector, depth=4),
        text=False,
    ),
    Surface("model (.gguf)", _gguf, _tensors, text=False, keeps_odd=True),
    Surface("report", _run_file("report.json"), _report, keeps_odd=True),
    Surface("manifest", _run_file("manifest.json"), lambda p: open_run(p.parent).identity),
    Surface(
        "answers of a run",
        _run_file("answers.parquet"),
        lambda p: read_answers(p, DARK_TRIAD).rows,
        text=False,
    ),
    Surface("shard", _shard("1.json"), lambda p: read_shard(p.with_suffix(""))),
    Surface(
        "shard's rows", _shard("1.parquet"), lambda p: read_shard(p.with_suffix("")), text=False
    ),
    Surface(
        "shard's signatures", _shard("1.npy"), lambda p: read_shard(p.with_suffix("")), text=False
    ),
    Surface("journal", _journal, _find_all, text=False),
)
