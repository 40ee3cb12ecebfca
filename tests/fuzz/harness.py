"""Reads damaged files and judges how: refused in one clear line, or read without a silent wrong."""

import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import polars as pl
import torch

from personae.core import PersonaeError
from tests.fuzz.damage import HUGE, Damage, damaged, neutral, poisoned
from tests.fuzz.surfaces import Surface

__all__ = ["faults"]

LONGEST = 1000
"""Characters of a message; a line that a person reads."""
_COERCED = re.compile(r"""['"]\[?\{'poison': 1""")


def faults(surface: Surface, count: int, seed: int, folder: Path) -> Iterator[str]:
    """Damage a surface's file `count` times and yield a description of each fault found."""
    path = surface.make(folder)
    sound = path.read_bytes()
    meaning = plain(surface.read(path))
    for damage in neutral(sound, path.suffix, ordered=surface.ordered) if surface.text else ():
        path.write_bytes(damage.data)
        if same := _neutral_fault(surface, path, meaning):
            yield f"{surface.name}: {damage.what}: {same}"
    for number in range(count):
        random = Random(f"{surface.name}/{seed}/{number}")
        damage = damaged(sound, path.suffix, random)
        path.write_bytes(damage.data)
        if fault := _fault(surface, path, sound, meaning, damage):
            yield f"{surface.name} (seed {seed}, number {number}): {damage.what}: {fault}"


def _neutral_fault(surface: Surface, path: Path, meaning: object) -> str:
    try:
        return "" if plain(surface.read(path)) == meaning else "is read as something else"
    except Exception as error:  # whatever is raised is the fault that is looked for
        return f"{type(error).__name__}: {error}"


def _fault(surface: Surface, path: Path, sound: bytes, meaning: object, damage: Damage) -> str:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            value = plain(surface.read(path))
        except PersonaeError as error:
            return _message_fault(error)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # polars' panics are no Exceptions
            return f"{type(error).__name__}: {error!s:.200}"
    if warned:
        return ""
    fault = ""
    if _COERCED.search(repr(value)):
        fault = "an object is read as if it were text"
    elif not surface.keeps_odd and not _sound(value):
        fault = "a number that isn't finite, or half a character, is read without a word"
    elif (
        value == meaning and _destroyed(damage) and _is_read(surface, path, sound, meaning, damage)
    ):
        fault = "the value that was destroyed is replaced without a word"
    return fault


def _destroyed(damage: Damage) -> bool:
    """Tell whether no field can mean this: an object, half a character, a number without end."""
    value = damage.value
    if damage.path is None or "extra" in damage.path:  # what is kept beside a persona is any JSON
        return False
    if isinstance(value, dict | list):
        return "poison" in repr(value)
    return value in (HUGE, "\ud800") or (isinstance(value, float) and not math.isfinite(value))


def _is_read(surface: Surface, path: Path, sound: bytes, meaning: object, damage: Damage) -> bool:
    """Tell whether another sound value in this place changes what is read, or is refused."""
    assert damage.path is not None
    path.write_bytes(poisoned(sound, path.suffix, damage.path, _other))
    try:
        return bool(plain(surface.read(path)) != meaning)
    except PersonaeError:
        return True


def _other(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    return value[1:] if isinstance(value, list) else dict(list(value.items())[1:])


def _message_fault(error: PersonaeError) -> str:
    text = str(error)
    complaints = {
        f"exit code {error.exit_code}": error.exit_code not in (2, 3),
        "the message is empty": not text.strip(),
        "the message isn't one printable line": not text.isprintable(),
        f"the message has {len(text)} characters": len(text) > LONGEST,
    }
    complaint = next((what for what, holds in complaints.items() if holds), "")
    return f"{complaint}: {text[:200]!r}" if complaint else ""


def plain(value: object) -> object:
    """Make what was read comparable: frames, arrays and dataclasses as plain values."""
    if isinstance(value, pl.DataFrame):
        return value.to_dicts()
    if isinstance(value, np.ndarray | torch.Tensor):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    return plain(vars(value)) if hasattr(value, "__dict__") else value


def _sound(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return not re.search("[\ud800-\udfff]", value)
    if isinstance(value, dict):
        return all(_sound(k) and _sound(v) for k, v in value.items())
    return all(map(_sound, value)) if isinstance(value, list) else True
