"""The anchored core of a person: name, age, gender, place and work, from tables, without a model.

Wang et al. 2025 (arXiv 2511.07338, section 3.2) call for values free of a model's bias, so these
are drawn by weight from a table, or given. A custom table (such as census margins) has the form of
`personae/data/personas/people.json`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from personae.core import (
    BIG_FIVE,
    BadFile,
    BadValue,
    UnknownName,
    data_json,
    domain_code,
    read_json,
)
from personae.generate.biography.people_checks import check_people_tables

__all__ = ["Demographics", "PeopleTables", "age_group", "load_people_tables", "parse_anchors"]

FIELDS = ("name", "age", "gender", "place", "country", "work")
_GROUPS = (
    (12, "child"),
    (19, "adolescent"),
    (29, "young adult"),
    (45, "adult"),
    (65, "middle-aged"),
    (150, "senior"),
)
YOUNGEST, OLDEST = 7, 110
"""Years that an anchored person may be old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demographics:
    """The demographics of a person, fixed before anything else is generated; age in years."""

    name: str
    age: int
    gender: str
    place: str
    country: str
    work: str
    works: bool = True

    @property
    def facts(self) -> Mapping[str, str]:
        """The demographics as facts under Demographic Information."""
        return {
            f"Demographic Information/{title}": str(value)
            for title, value in (
                ("Name", self.name),
                ("Age", self.age),
                ("Gender", self.gender),
                ("Place", self.place),
                ("Country", self.country),
                ("Occupation", self.work),
            )
        }

    @property
    def sentence(self) -> str:
        """The demographics as a sentence in the second person."""
        home = f"{self.place}, {self.country}"
        work = f"you work as {_article(self.work)}" if self.works else f"you are {self.work}"
        person = {"female": "a woman", "male": "a man"}.get(self.gender, self.gender)
        return f"You are {self.name}, {person} aged {self.age} from {home}, and {work}."


def _article(work: str) -> str:
    return f"{'an' if work[:1].lower() in 'aeiou' else 'a'} {work}"


def age_group(age: int) -> str:
    """Name the stage of life of an age in years.

    >>> age_group(29), age_group(30)
    ('young adult', 'adult')
    """
    return next(name for last, name in _GROUPS if age <= last)


@dataclass(frozen=True, slots=True)
class PeopleTables:
    """Weighted tables to draw people from; see the data file for their form."""

    raw: Mapping[str, Any] = field(repr=False)

    def draw(self, random: np.random.Generator, fixed_facts: Mapping[str, str]) -> Demographics:
        """Draw one person; `fixed_facts` are kept unchanged.

        Raises:
            UnknownName: a fixed country that the tables lack, without a fixed place.
        """
        tables = self.raw
        country = fixed_facts.get("country") or _weighted_pick(
            random, _country_weights(tables["countries"])
        )
        country_table = (
            tables["countries"].get(country)
            or tables["countries"][_weighted_pick(random, _country_weights(tables["countries"]))]
        )
        gender = fixed_facts.get("gender") or _weighted_pick(random, tables["genders"])
        age = int(fixed_facts["age"]) if "age" in fixed_facts else _draw_age(random, tables["ages"])
        names = country_table.get(gender) or [*country_table["female"], *country_table["male"]]
        first_name = names[random.integers(len(names))]
        name = f"{first_name} {_weighted_pick(random, country_table['family'])}"
        work, works = self._work(random, age)
        if "work" in fixed_facts:
            work, works = fixed_facts["work"], fixed_facts["work"] not in _idle_names(tables)
        city = _weighted_pick(random, country_table["cities"])
        if country not in tables["countries"] and "place" not in fixed_facts:
            raise UnknownName(
                "country of the tables (or give a place too)", country, tables["countries"]
            )
        return Demographics(
            name=fixed_facts.get("name", name),
            age=age,
            gender=gender,
            place=fixed_facts.get("place", city),
            country=country,
            work=work,
            works=works,
        )

    def _work(self, random: np.random.Generator, age: int) -> tuple[str, bool]:
        occupation = _weighted_pick(random, self.raw["occupations"])
        idle = _weighted_pick(random, self.raw["without_work"])
        if age < 18:
            return "at school", False
        if age >= self.raw["retired_from"]:
            return f"retired, once {_article(occupation)}", False
        return (idle, False) if random.random() < 0.1 else (occupation, True)


def _idle_names(tables: Mapping[str, Any]) -> Sequence[str]:
    return ("at school", "retired", *tables["without_work"])


def _country_weights(countries: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(entry["weight"]) for name, entry in countries.items()}


def _weighted_pick(random: np.random.Generator, table: Mapping[str, float] | Sequence[str]) -> str:
    if not isinstance(table, Mapping):
        return table[int(random.integers(len(table)))]
    weights = np.array(list(table.values()), dtype=np.float64)
    bounds = weights.cumsum()
    index = int(np.searchsorted(bounds, random.random() * bounds[-1], side="right"))
    return list(table)[min(index, len(bounds) - 1)]


def _draw_age(random: np.random.Generator, ages: Sequence[int] | Mapping[str, float]) -> int:
    """Draw an age in years, uniformly from a range or within weighted bands as {"18-29": 20}."""
    if isinstance(ages, Mapping):
        low, _, high = _weighted_pick(random, ages).partition("-")
        return int(random.integers(int(low), int(high or low) + 1))
    return int(random.integers(ages[0], ages[1] + 1))


def load_people_tables(path: str | Path = "") -> PeopleTables:
    """Open the shipped tables, or a file of the same form that replaces some of them.

    Raises:
        BadFile: the file can't be read, or has another form.
        UnknownName: a key that the shipped tables don't have.
    """
    shipped = data_json("personas/people.json")
    if not path:
        return PeopleTables(shipped)
    custom = read_json(Path(path))
    if not isinstance(custom, dict):
        raise BadFile(f"{path}: tables of people are a JSON object with some of {list(shipped)}")
    for key in custom:
        if key not in shipped:
            raise UnknownName(f"key of {path}", key, shipped)
    check_people_tables({**shipped, **custom}, str(path))
    return PeopleTables({**shipped, **custom})


def parse_anchors(text: str) -> tuple[dict[str, str], dict[str, float]]:
    """Parse anchors such as "age=45, work=nurse, place=Lagos, E=1.5" into facts and traits (z).

    Raises:
        UnknownName: neither an anchor nor a Big Five domain.
        BadValue: not NAME=VALUE, an age that is no whole number in 7..110, or a trait that is no
            number in -3..3.

    >>> parse_anchors("age=45, work=nurse, E=1.5")
    ({'age': '45', 'work': 'nurse'}, {'E': 1.5})
    """
    facts: dict[str, str] = {}
    traits: dict[str, float] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, value = (p.strip() for p in part.partition("="))
        if not equals or not value:
            raise BadValue(f"anchors are written NAME=VALUE, not {part!r}")
        if name in FIELDS:
            facts[name] = value
        elif name.lower() in (k.lower() for pair in BIG_FIVE.items() for k in pair):
            traits[domain_code(name)] = _number(name, value, -3.0, 3.0)
        else:
            raise UnknownName("anchor", name, (*FIELDS, *BIG_FIVE))
    if "age" in facts:
        age = _number("age", facts["age"], YOUNGEST, OLDEST)
        if age != int(age):
            raise BadValue(f"age is a whole number of years, not {facts['age']!r}")
        facts["age"] = str(int(age))
    return facts, traits


def _number(name: str, text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not low <= value <= high:
        raise BadValue(f"{name} is a number from {low:g} to {high:g}, not {text!r}")
    return value
