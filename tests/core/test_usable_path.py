"""A path that no file can have is refused by every verb, in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest

import personae
from personae.core import BadFile, BadValue
from personae.run.population.population_files import refuse_place

ADA = personae.Persona(id="ada", text="You are Ada.")
PATHS = (
    "a\0b",
    "x" * 300,
    "x" * 300 + ".json",
    "folder/" + "é" * 200 + ".jsonl",
    "a\ud800",
    "a\udcff",
)
VERBS: dict[str, Callable[[str], object]] = {
    "score": lambda path: personae.score(path, "sd3"),
    "score by an inventory": lambda path: personae.score("answers.csv", path + ".json"),
    "load a persona": personae.load_persona,
    "load personas": personae.load_personas,
    "load an inventory": lambda path: personae.load_inventory(path + ".json"),
    "compare": lambda path: personae.compare(path, path),
    "draw from a sample": lambda path: personae.generate("population", 1, sample=path + ".csv"),
    "save personas": lambda path: personae.save_personas([ADA], path + ".parquet"),
    "generate into a file": lambda path: refuse_place(Path(path + ".jsonl")),
    "card": lambda path: personae.card(path, "null:yes"),
    "open a GGUF file": lambda path: personae.open_model("gguf:" + path),
    "open a folder": lambda path: personae.open_model("hf:" + path),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("path", PATHS, ids=ascii)
def test_a_path_that_no_file_can_have_is_refused(verb: str, path: str) -> None:
    refusals = r"no file can be called|can't read|not in UTF-8|is a text in Unicode"
    with pytest.raises((BadFile, BadValue), match=refusals):
        VERBS[verb](path)
