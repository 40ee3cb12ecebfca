"""A tree of attributes that a person may have: category > branch > attribute.

The twelve categories are those of Wang et al. 2025 (arXiv 2511.07338). For many attributes the
shipped taxonomy lists the values and a sentence that states them; any tree of nested JSON objects,
with {} as a leaf, is a taxonomy too.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from personae.core import BIG_FIVE, BadFile, BadValue, data_json, read_json
from personae.core.files.atomic_path import atomic_path

__all__ = ["Attribute", "Taxonomy", "flatten", "read_tree", "shipped_taxonomy"]

AttributePath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """A leaf: its path from the category down, and what is known of its values.

    `values` are ordered from low to high where the attribute depends on a Big Five domain: `leans`
    is that domain's letter, followed by "-" if they run from high to low. `say` is a sentence with
    {} for the value. `ages` (years, both included) and `works` state whom the attribute suits.
    `name` is the path as a persona's fact: names joined by slashes.
    """

    path: AttributePath
    say: str = ""
    values: tuple[str, ...] = ()
    leans: str = ""
    ages: tuple[int, int] = (0, 150)
    works: bool = False
    name: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        joined = "/".join(name.replace("/", "-") for name in self.path)
        object.__setattr__(self, "name", joined)
        where = f"attribute {'/'.join(self.path)!r}"
        if not self.path or any(not name.strip() for name in self.path):
            raise BadValue(f"{where}: no name on the path may be blank")
        if self.leans and self.leans.removesuffix("-") not in BIG_FIVE:
            raise BadValue(f"{where}: leans is one of {', '.join(BIG_FIVE)}, not {self.leans!r}")
        if self.say and self.say.count("{}") != 1:
            raise BadValue(f"{where}: its sentence has {{}} once, for the value")

    def suits(self, age: int, works: bool) -> bool:
        """Tell whether it suits a person of this age (years), in or out of work."""
        return self.ages[0] <= age <= self.ages[1] and (works or not self.works)

    def sentence(self, value: str) -> str:
        """State a value in the second person.

        >>> Attribute(("Diet",), say="You eat {}.").sentence("no meat")
        'You eat no meat.'
        >>> Attribute(("Home", "Pets")).sentence("a cat")
        'Pets: a cat.'
        """
        if self.say:
            return self.say.replace("{}", value)
        return f"{self.path[-1]}: {value.rstrip('.')}."


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """Attributes in reading order, each path once.

    Raises:
        BadValue: no attribute, or a path twice.
    """

    attributes: tuple[Attribute, ...]

    def __post_init__(self) -> None:
        if not self.attributes:
            raise BadValue("a taxonomy has at least one attribute")
        names = [attribute.name for attribute in self.attributes]
        if duplicates := sorted(
            {n for n in names if names.count(n) > 1} if _has_duplicates(names) else ()
        ):
            raise BadValue(f"a taxonomy has each path once; twice or more: {duplicates[:5]}")

    @property
    def categories(self) -> tuple[str, ...]:
        """The top names, in order."""
        return tuple(dict.fromkeys(attribute.path[0] for attribute in self.attributes))

    def by_category(self) -> Mapping[str, tuple[Attribute, ...]]:
        """Return each category's attributes."""
        groups: dict[str, list[Attribute]] = {}
        for attribute in self.attributes:
            groups.setdefault(attribute.path[0], []).append(attribute)
        return {category: tuple(group) for category, group in groups.items()}

    def save(self, path: str | Path) -> None:
        """Write it as a JSON tree, each attribute with its values and conditions.

        Raises:
            BadFile: the file can't be written.
        """
        leaves = {attribute.path: _leaf(attribute) for attribute in self.attributes}
        text = json.dumps(_unflatten(leaves), ensure_ascii=False, indent=1)
        with atomic_path(Path(path)) as part:
            part.write_text(text + "\n", encoding="utf-8")


def _has_duplicates(names: list[str]) -> bool:
    return len(set(names)) < len(names)


def _leaf(attribute: Attribute) -> dict[str, object]:
    """Write an attribute's body; {} where nothing but its path is known."""
    if attribute == Attribute(attribute.path):
        return {}
    return {
        "say": attribute.say,
        "values": list(attribute.values),
        "leans": attribute.leans,
        "ages": list(attribute.ages),
        "works": attribute.works,
    }


def flatten(tree: Mapping[str, Any]) -> Iterator[tuple[AttributePath, Mapping[str, Any]]]:
    """List each leaf's path and body; a leaf is {} or an object with `values`.

    Raises:
        BadValue: a node is no JSON object.

    >>> list(flatten({"Home": {"Pets": {}, "Size": {}}}))
    [(('Home', 'Pets'), {}), (('Home', 'Size'), {})]
    """
    waiting: list[tuple[AttributePath, Any]] = [((), tree)]
    while waiting:
        path, node = waiting.pop()
        if not isinstance(node, Mapping):
            raise BadValue(f"{'/'.join(path)!r}: a node is a JSON object, not {node!r:.60}")
        if path and (not node or isinstance(node.get("values"), list)):
            yield path, node
        else:
            waiting.extend(((*path, str(k)), v) for k, v in reversed([*node.items()]))


def _unflatten(
    leaves: Iterable[AttributePath] | Mapping[AttributePath, Mapping[str, object]],
) -> dict[str, Any]:
    """Build the tree of some leaves; the inverse of `flatten`.

    Raises:
        BadValue: one path continues beyond the end of another.
    """
    leaf_bodies = leaves if isinstance(leaves, Mapping) else {path: {} for path in leaves}
    tree: dict[str, Any] = {}
    for path, leaf in leaf_bodies.items():
        node = tree
        for depth, name in enumerate(path[:-1]):
            if path[: depth + 1] in leaf_bodies:
                raise BadValue(f"{'/'.join(path)!r} continues where another path ends")
            node = node.setdefault(name, {})
        if path[-1] in node:
            raise BadValue(f"{'/'.join(path)!r} occurs twice, or ends where another continues")
        node[path[-1]] = dict(leaf)
    return tree


def read_tree(source: str | Path) -> Taxonomy:
    """Read a taxonomy from a JSON file: a tree, or an object with the tree under `tree`.

    Raises:
        BadFile: not readable, or not a taxonomy.
    """
    path = Path(source)
    content = read_json(path)
    if not isinstance(content, dict):
        raise BadFile(f"{path}: a taxonomy is a JSON object, not {type(content).__name__}")
    return _taxonomy(content, str(path))


@cache
def shipped_taxonomy() -> Taxonomy:
    """Return the taxonomy that ships with Personae: twelve categories, all filled.

    >>> len(shipped_taxonomy().categories)
    12
    """
    return _taxonomy(data_json("personas/taxonomy.json"), "the shipped taxonomy")


def _taxonomy(content: Mapping[str, Any], where: str) -> Taxonomy:
    tree = content["tree"] if isinstance(content.get("tree"), dict) else content
    try:
        return Taxonomy(tuple(_attribute(path, leaf) for path, leaf in flatten(tree)))
    except (TypeError, ValueError, AttributeError, BadValue) as error:
        raise BadFile(f"{where}: not a taxonomy ({error})") from error


def _attribute(path: AttributePath, leaf: Mapping[str, Any]) -> Attribute:
    name, values, ages = "/".join(path), leaf.get("values", []), leaf.get("ages", [0, 150])
    if not isinstance(values, list) or not all(isinstance(v, str) and v for v in values):
        raise BadValue(f"{name!r}: values are a list of texts, not {values!r:.60}")
    if not isinstance(ages, list) or [type(age) for age in ages] != [int, int]:
        raise BadValue(f"{name!r}: ages are [youngest, oldest] in whole years, not {ages!r:.60}")
    texts = {key: leaf.get(key, "") for key in ("say", "leans")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise BadValue(f"{name!r}: say and leans are texts")
    works = leaf.get("works", False)
    if not isinstance(works, bool):
        raise BadValue(f"{name!r}: works is true or false, not {works!r:.60}")
    return Attribute(path=path, values=tuple(values), ages=(ages[0], ages[1]), works=works, **texts)
