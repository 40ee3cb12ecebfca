"""A population as data: variables with shares, margins to rake to, traits, a text.

See `personae/data/populations/adults.json` for one, and `docs/guide/generate.md` for all fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from personae.core import BadFile, BadValue, Kind, UnknownName, data_json, read_json

__all__ = ["Margin", "PopulationSpec", "Variable", "load_spec"]

TEXTS = ("name", "title", "version", "source", "licence", "kind", "text")
FIELDS = {*TEXTS, "variables", "margins", "traits", "rules", "sets", "levels", "owners"}
KINDS = ("shares", "whole", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One fact of each persona.

    `shares`: value -> weight; with `given`, that variable's value -> such a mapping. Exact quotas
    unless `exact` is false: then each is drawn independently. `whole`: a range of whole numbers,
    both ends included, or with `given` one range per value. `text`: a template over earlier
    variables. A `hidden` variable only serves others and is no fact of the persona.
    """

    name: str
    shares: Mapping[str, Any] = field(default_factory=dict)
    whole: Any = None
    text: str = ""
    given: str = ""
    exact: bool = True
    hidden: bool = False

    @property
    def values(self) -> tuple[str, ...]:
        """The values that shares name, in order of mention."""
        tables = self.shares.values() if self.given else (self.shares,)
        return tuple(dict.fromkeys(v for table in tables for v in table))

    def table(self, of: str | None) -> Mapping[str, float]:
        """Return the shares, or those under a value of the given variable."""
        return self.shares if of is None else self.shares[of]


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """Target shares over one or more variables, nested in their order."""

    of: tuple[str, ...]
    shares: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationSpec:
    """A population's description."""

    name: str
    title: str
    version: str = "1"
    source: str = ""
    licence: str = ""
    kind: str = "demographic"
    variables: tuple[Variable, ...] = ()
    margins: tuple[Margin, ...] = ()
    traits: Mapping[str, Any] | None = None
    rules: tuple[Mapping[str, Any], ...] = ()
    sets: Mapping[str, Any] = field(default_factory=dict)
    levels: Mapping[str, Any] | None = None
    owners: tuple[Mapping[str, Any], ...] = ()
    text: str = ""

    @property
    def facts(self) -> tuple[str, ...]:
        """The facts that its variables, levels and owners name."""
        field_lists = [owner.get("fields") for owner in self.owners]
        fields = [f for fields in field_lists if isinstance(fields, list) for f in fields]
        owned_paths = (str(f.get("path", "")) for f in fields if isinstance(f, dict))
        groups = (self.levels or {}).get("groups", {})
        levels = (f"{group}/{name}" for group, names in groups.items() for name in names)
        return tuple(dict.fromkeys((*(v.name for v in self.variables), *levels, *owned_paths)))

    @property
    def terms(self) -> Mapping[str, str]:
        """The terms that the provenance of its personas states; none without a licence."""
        return {"licence": self.licence} if self.licence else {}


def _shipped_names() -> tuple[str, ...]:
    """List the shipped populations."""
    folder = files("personae") / "data" / "populations"
    return tuple(sorted(p.name.removesuffix(".json") for p in folder.iterdir()))


def load_spec(source: str | Path | Mapping[str, Any]) -> PopulationSpec:
    """Load a shipped population by name, or the user's own: a JSON file, or what it would hold.

    Raises:
        UnknownName: no such name, and no file ending in .json.
        BadFile: the file can't be read or is no sound JSON object.
        BadValue: a field that isn't allowed; says which.
    """
    if isinstance(source, Mapping):
        return _parse_spec(dict(source), "own population")
    name = str(source)
    if name in _shipped_names():
        return _parse_spec(data_json(f"populations/{name}.json"), name)
    if not name.endswith(".json"):
        raise UnknownName("population", name, [*_shipped_names(), "FILE.json"])
    return _parse_spec(read_json(Path(name)), name)


def _parse_spec(body: object, where: str) -> PopulationSpec:
    if not isinstance(body, dict):
        raise BadFile(f"{where}: a population is a JSON object, not {type(body).__name__}")
    for name in body:
        if name not in FIELDS:
            raise UnknownName(f"field of a population ({where})", name, FIELDS)
    texts = {name: body[name] for name in TEXTS if name in body}
    if not all(isinstance(v, str) for v in texts.values()):
        raise BadValue(f"{where}: {', '.join(TEXTS)} are texts")
    if body.get("kind", "demographic") not in get_args(Kind):
        raise UnknownName(f"kind of persona ({where})", body["kind"], get_args(Kind))
    texts.setdefault("name", Path(where).stem)
    texts.setdefault("title", texts["name"])
    bodies = _mapping(body.get("variables", {}), f"{where}: variables")
    variables: list[Variable] = []
    for name, variable_body in bodies.items():
        variables.append(_parse_variable(name, variable_body, variables, where))
    if any(not name.strip() or not name.isprintable() for name in bodies):
        raise BadValue(f"{where}: a variable's name is printable text, not empty")
    margins = body.get("margins", [])
    if not isinstance(margins, list):
        raise BadValue(f"{where}: margins is a list")
    return PopulationSpec(
        **texts,
        variables=tuple(variables),
        margins=tuple(_parse_margin(m, where) for m in margins),
        traits=_mapping(body["traits"], f"{where}: traits") if body.get("traits") else None,
        rules=_parse_objects(body, "rules", where),
        sets=_mapping(body.get("sets", {}), f"{where}: sets"),
        levels=_mapping(body["levels"], f"{where}: levels") if body.get("levels") else None,
        owners=_parse_objects(body, "owners", where),
    )


def _parse_objects(body: Mapping[str, Any], name: str, where: str) -> tuple[Mapping[str, Any], ...]:
    objects = body.get(name, [])
    if not isinstance(objects, list):
        raise BadValue(f"{where}: {name} is a list of objects")
    return tuple(_mapping(entry, f"{where}: one of {name}") for entry in objects)


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadValue(f"{where} is an object, not {type(value).__name__}")
    return value


def _parse_variable(name: str, body: object, earlier: list[Variable], where: str) -> Variable:
    location = f"{where}: variable {name!r}"
    fields = _mapping(body, location)
    for key in fields:
        if key not in (*KINDS, "given", "exact", "hidden"):
            raise UnknownName(f"field of {location}", key, (*KINDS, "given", "exact", "hidden"))
    if sum(kind in fields for kind in KINDS) != 1:
        raise BadValue(f"{location} has one of shares, whole (a range of whole numbers), text")
    parent_name = fields.get("given", "")
    parent = next((v for v in earlier if v.name == parent_name), None)
    if parent_name and (parent is None or not parent.shares):
        known = [v.name for v in earlier if v.shares]
        raise UnknownName(f"variable with shares before {name!r}", str(parent_name), known)
    _check_kind(fields, parent, location)
    for key in ("exact", "hidden"):
        if not isinstance(fields.get(key, False), bool):
            raise BadValue(f"{location}: {key} is true or false, not {fields[key]!r:.60}")
    return Variable(
        name=name,
        shares=fields.get("shares", {}),
        whole=fields.get("whole"),
        text=fields.get("text", ""),
        given=parent_name,
        exact=fields.get("exact", True),
        hidden=fields.get("hidden", False),
    )


def _check_kind(fields: Mapping[str, Any], parent: Variable | None, location: str) -> None:
    if "text" in fields:
        if not isinstance(fields["text"], str):
            raise BadValue(f"{location}: text is a template such as '{{first name}} {{last name}}'")
        return
    table = fields["shares"] if "shares" in fields else fields["whole"]
    if parent is not None:
        lacking = sorted(set(parent.values) - set(_mapping(table, location)))
        if lacking:
            raise BadValue(f"{location} lacks entries for {lacking}, values of {parent.name!r}")
    for entry in table.values() if parent is not None else (table,):
        (_check_shares if "shares" in fields else _check_range)(entry, location)


def _check_shares(table: object, where: str) -> None:
    shares = _mapping(table, f"{where}: shares").values()
    numbers = [s for s in shares if isinstance(s, int | float) and not isinstance(s, bool)]
    if (
        len(numbers) < len(shares)
        or not numbers
        or min(numbers) < 0
        or not 0 < sum(numbers) < 1e300
    ):
        raise BadValue(f"{where}: shares are numbers >= 0, not all 0")


def _check_range(ends: object, where: str) -> None:
    if (
        not isinstance(ends, list)
        or [type(e) for e in ends] != [int, int]
        or not -(10**9) <= ends[0] <= ends[1] <= 10**9
    ):
        raise BadValue(f"{where}: whole is [low, high], two whole numbers in order, not {ends!r}")


def _parse_margin(body: object, where: str) -> Margin:
    fields = _mapping(body, f"{where}: a margin")
    of = fields.get("of")
    names = (of,) if isinstance(of, str) else tuple(of) if isinstance(of, list) else ()
    if not names or not all(isinstance(n, str) for n in names):
        raise BadValue(f"{where}: a margin has 'of', one variable or a list of them")
    return Margin(of=names, shares=_mapping(fields.get("shares"), f"{where}: shares of {names}"))
