"""Files are written whole, in folders that are made where they are missing."""

from pathlib import Path

import pytest

from personae.core import BadFile, BadValue, Persona
from personae.core.files.atomic_path import atomic_path
from personae.personas import save_personas
from personae.personas.exchange.formats import FORMATS
from personae.personas.exchange.import_export import export_personas

ADA = Persona(id="ada", text="You are Ada, a nurse.", traits={"E": 1.0})
NATIVE = ("ada.json", "ada.jsonl", "ada.parquet")


@pytest.mark.parametrize("name", NATIVE)
def test_personas_are_saved_in_a_folder_that_is_made(name: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / name
    assert save_personas([ADA], path) == 1
    assert [p.name for p in path.parent.iterdir()] == [name]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_exported_to_a_folder_that_is_made(form: str, tmp_path: Path) -> None:
    for number, suffix in enumerate(FORMATS[form].suffixes):
        path = tmp_path / str(number) / "deep" / f"people{suffix}"
        assert export_personas([ADA], path, form) == 1
        assert path.exists()


def test_a_folder_made_for_nothing_is_removed(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="disk"), atomic_path(tmp_path / "new" / "a.json"):
        raise OSError("disk")
    with pytest.raises(BadValue, match="no persona"):
        export_personas([], tmp_path / "new" / "a.json", "edsl")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_a_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "a.json", tmp_path / "file" / "deep" / "a.json"):
        with pytest.raises(BadFile, match="Not a directory"):
            save_personas([ADA], path)
