"""Checks of a user's own tables of people, before anyone is drawn from them."""

from collections.abc import Mapping
from math import isfinite

from personae.core import BadFile

__all__ = ["check_people_tables"]

_FORM = "it has the form of personae/data/personas/people.json"
_AGES = (0, 150)


def check_people_tables(tables: Mapping[str, object], where: str) -> None:
    """Check that every table has names to draw from, and weights that can be drawn by.

    Raises:
        BadFile: a table of another form, without a name, or with a weight that isn't finite and
            >= 0, or only weights of 0.
    """
    countries = _object(tables["countries"], f"{where}: countries")
    weights = {}
    for name, country in countries.items():
        entry = _object(country, f"{where}: country {name!r}")
        weights[name] = entry.get("weight")
        for field in ("family", "female", "male", "cities"):
            _check_names(entry.get(field), f"{where}: {field!r} of {name!r}")
    _check_names(weights, f"{where}: the weights of countries")
    for field in ("genders", "occupations", "without_work"):
        _check_names(tables[field], f"{where}: {field}")
    _check_ages(tables["ages"], f"{where}: ages")
    retired_from = tables["retired_from"]
    if type(retired_from) is not int:
        raise BadFile(f"{where}: retired_from is a whole number of years, not {retired_from!r}")


def _object(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict) or not value:
        raise BadFile(f"{where}: needs an object that isn't empty, not {value!r:.60}; {_FORM}")
    return value


def _check_names(table: object, where: str) -> None:
    """Check a list of names, or an object of names with their weights."""
    if not isinstance(table, list | dict) or not table:
        raise BadFile(
            f"{where}: needs a list of names, or an object of names and weights, that isn't empty; "
            f"not {table!r:.60}"
        )
    for name in table:
        if not isinstance(name, str) or not name.strip():
            raise BadFile(f"{where}: a name is a text that isn't blank, not {name!r:.60}")
    if isinstance(table, dict):
        _check_weights(table, where)


def _check_weights(table: Mapping[str, object], where: str) -> None:
    total = 0.0
    for name, weight in table.items():
        is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not is_number or not isfinite(weight) or not 0 <= weight < 1e100:  # type: ignore[arg-type,operator]
            raise BadFile(f"{where}: {name!r} has a finite weight >= 0, not {weight!r:.60}")
        total += weight  # type: ignore[operator]
    if total <= 0:
        raise BadFile(f"{where}: at least one weight is above 0")


def _check_ages(ages: object, where: str) -> None:
    """Check [youngest, oldest], or an object of such ranges, as "18-29", with their weights."""
    if isinstance(ages, dict) and ages:
        _check_weights(ages, where)
        bands = [[_years(part) for part in band.split("-", 1)] for band in ages]
    else:
        bands = (
            [[age if type(age) is int else -1 for age in ages]] if isinstance(ages, list) else [[]]
        )
    for band in bands:
        if len(band) not in (1, 2) or not _AGES[0] <= band[0] <= band[-1] <= _AGES[1]:
            raise BadFile(
                f"{where}: needs [youngest, oldest] in whole years, or an object such as "
                f'{{"18-29": 20, "30-59": 50}}; not {ages!r:.60}'
            )


def _years(text: str) -> int:
    return int(text) if text.strip().isascii() and text.strip().isdigit() else -1
