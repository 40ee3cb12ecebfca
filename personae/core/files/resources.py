"""Reads the data files that ship inside the package."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from personae.core.errors import BadFile

__all__ = ["data_json", "data_names"]


@cache
def data_json(name: str) -> Any:  # noqa: ANN401  (JSON has no narrower type)
    """Read `personae/data/NAME` as JSON; the result is shared and must not be changed.

    Raises:
        BadFile: the installation lacks the file.
    """
    path = files("personae") / "data" / name
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadFile(f"data file {name!r} is missing or broken; reinstall Personae") from error


@cache
def data_names(folder: str) -> tuple[str, ...]:
    """Name the JSON files in `personae/data/FOLDER`, without their ending, in alphabetical order.

    >>> data_names("nowhere")
    ()
    """
    directory = files("personae") / "data" / folder
    if not directory.is_dir():
        return ()
    names = (path.name for path in directory.iterdir())
    return tuple(sorted(name[:-5] for name in names if name.endswith(".json")))
