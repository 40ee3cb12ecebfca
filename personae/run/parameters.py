"""The parameters of a study or a recipe, read from its signature.

A parameter whose annotation is a dataclass stands for its fields: each is a parameter of its own,
on the command line as by keyword.
"""

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from personae.core import BadValue, Chooser, Model, OpenModel, Persona, UnknownName, require_type

__all__ = ["Parameter", "bind", "parameters", "require_given"]

MODELS = (Model, Chooser, OpenModel)
LARGEST = 2**32 - 1
"""The largest whole number of an option: no generator takes a larger seed."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name, annotation without None, default, and help text.

    `of` names the function's own parameter of which this one is a field, or is empty.
    """

    name: str
    kind: Any
    default: Any
    help: str
    of: str = ""

    @property
    def is_model(self) -> bool:
        """Whether it takes a model."""
        return self.kind in MODELS

    @property
    def is_personas(self) -> bool:
        """Whether it takes several personas."""
        return get_origin(self.kind) in (Sequence, tuple, list) and Persona in get_args(self.kind)


def parameters(function: Callable[..., object]) -> tuple[Parameter, ...]:
    """Read a function's parameters in order; help comes from the docstring's Args section."""
    hints, notes = get_type_hints(function), _argument_notes(inspect.getdoc(function) or "")
    rows: list[Parameter] = []
    for name, spec in inspect.signature(function).parameters.items():
        kind = _without_none(hints[name])
        if _is_noun(kind):
            rows += _fields(kind, name)
        else:
            rows.append(Parameter(name, kind, spec.default, notes.get(name, "")))
    return tuple(rows)


def bind(function: Callable[..., object], values: Mapping[str, object]) -> dict[str, Any]:
    """Turn values by name into the function's arguments: fields are gathered into their dataclass.

    A path becomes a text where a text is expected.

    Raises:
        UnknownName: the function has no parameter of that name, or the parameter no value of that
            name; carries near matches.
        BadValue: a value of another type, or a whole number that is negative or above 2^32 - 1.
    """
    known = {parameter.name: parameter for parameter in parameters(function)}
    hints = get_type_hints(function)
    arguments: dict[str, Any] = {}
    nouns: dict[str, dict[str, object]] = {}
    for name, value in values.items():
        if name not in known:
            raise UnknownName(f"option of {function.__name__}", name, known)
        target = nouns.setdefault(known[name].of, {}) if known[name].of else arguments
        target[name] = _checked(known[name], value)
    return arguments | {
        of: _without_none(hints[of])(**field_values) for of, field_values in nouns.items()
    }


def require_given(
    function: Callable[..., object], names: Collection[str], *, apart: str = ""
) -> None:
    """Refuse to go on without a value that a function needs, models and fields of `apart` aside.

    Raises:
        BadValue: a parameter without a default is not among the names.
    """
    needed = [p for p in parameters(function) if p.default is inspect.Parameter.empty]
    needed = [p for p in needed if not p.is_model and (p.of != apart or not apart)]
    if lacking := [p.name for p in needed if p.name not in names]:
        raise BadValue(f"{function.__name__} needs {' and '.join(lacking)}, which is not given")


def _checked(parameter: Parameter, value: object) -> object:
    if value is None and parameter.default is None:
        return None
    value = str(value) if parameter.kind is str and isinstance(value, Path) else value
    require_type(parameter.name, value, Model if parameter.is_model else parameter.kind)
    if isinstance(value, str) and not _is_unicode(value):
        raise BadValue(f"{parameter.name} is a text in Unicode, not {value:.80}")
    if parameter.kind is int and not 0 <= int(str(value)) <= LARGEST:
        raise BadValue(f"{parameter.name} is a whole number from 0 to {LARGEST:,}, not {value}")
    return tuple(value) if isinstance(value, list) else value


def _is_unicode(text: str) -> bool:
    """Whether files and reports can hold a text: it has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_noun(kind: Any) -> bool:  # noqa: ANN401
    return isinstance(kind, type) and is_dataclass(kind) and kind is not Persona


def _fields(noun: type, of: str) -> list[Parameter]:
    hints, notes = get_type_hints(noun), _argument_notes(inspect.getdoc(noun) or "")
    return [
        Parameter(
            field.name,
            _without_none(hints[field.name]),
            inspect.Parameter.empty if field.default is MISSING else field.default,
            notes.get(field.name, ""),
            of,
        )
        for field in fields(noun)
    ]


def _without_none(annotation: Any) -> Any:  # noqa: ANN401
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    if str in kinds and all(k is str or k is Path or get_origin(k) is Mapping for k in kinds):
        return str  # on the command line a file's path is text
    is_optional = NoneType in get_args(annotation) and len(kinds) == 1
    return kinds[0] if is_optional else annotation


def _argument_notes(doc: str) -> Mapping[str, str]:
    _, _, section = doc.partition("Args:\n")
    notes: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if not line.strip():
            break
        if match := re.match(r" {4}(\w+): (.*)", line):
            name, notes[match[1]] = match[1], match[2]
        elif name:
            notes[name] += " " + line.strip()
    return notes
