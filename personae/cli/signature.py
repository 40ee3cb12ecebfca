"""A study's signature as a command line: each parameter becomes an option, by its annotation.

int, float, str, bool    the like-named option
Literal["a", "b"]        a choice
tuple[str, ...]          names separated by commas
Persona                  an argument PERSONA (a file of any format of personas, or FILE#ID for one
                         of many) and --trait NAME=Z, repeatable
Sequence[Persona]        a file of any format of personas
Model, Chooser, ...      a model string; the parameter `model` itself is a common option
a dataclass              each of its fields, as if it were a parameter of its own
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from itertools import islice
from math import isfinite
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import click

from personae.cli.command_group import WHOLE
from personae.core import (
    BadValue,
    Chooser,
    Model,
    OpenModel,
    Persona,
    UnknownName,
    content_key,
    domain_code,
)
from personae.personas.exchange import import_personas

__all__ = ["Parameter", "convert", "options_of", "parameters", "take"]

MODELS = (Model, Chooser, OpenModel)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a study: name, annotation without None, default, and its help text.

    `of` names the study's parameter that it is a field of, if it is one.
    """

    name: str
    kind: Any
    default: Any
    help: str
    of: str = ""

    @property
    def is_model(self) -> bool:
        """Whether it takes a model string."""
        return self.kind in MODELS


def parameters(function: Callable[..., object]) -> tuple[Parameter, ...]:
    """Read a study's parameters in order; help comes from the docstring's Args section."""
    hints, notes = get_type_hints(function), _argument_notes(inspect.getdoc(function) or "")
    found: list[Parameter] = []
    for name, spec in inspect.signature(function).parameters.items():
        kind = _without_none(hints[name])
        if _is_noun(kind):
            found += _fields(kind, name)
        else:
            found.append(Parameter(name, kind, spec.default, notes.get(name, "")))
    return tuple(found)


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


def take(
    function: Callable[..., object], given: Mapping[str, Any]
) -> tuple[dict[str, object], dict[str, object]]:
    """Turn what was typed into (the study's arguments but models, their plain form)."""
    arguments: dict[str, object] = {}
    options: dict[str, object] = {}
    nouns: dict[str, dict[str, object]] = {}
    for parameter in parameters(function):
        if parameter.is_model:
            continue
        value, options[parameter.name] = convert(parameter, given)
        into = nouns.setdefault(parameter.of, {}) if parameter.of else arguments
        into[parameter.name] = value
    hints = get_type_hints(function)
    return arguments | {of: hints[of](**values) for of, values in nouns.items()}, options


def options_of(parameter: Parameter) -> Iterator[click.Parameter]:
    """Turn a parameter into click's options and arguments."""
    flag = "--" + parameter.name.replace("_", "-")
    kind, default, note = parameter.kind, parameter.default, parameter.help
    required = default is inspect.Parameter.empty
    if kind is Persona:
        yield click.Argument([parameter.name], required=False)
        yield click.Option(
            ["--trait"],
            multiple=True,
            metavar="NAME=Z",
            help="Ask for a trait, such as extraversion=1.5 (z units); may be repeated.",
        )
    elif kind is bool:
        yield click.Option([flag], is_flag=True, default=bool(default), help=note)
    elif get_origin(kind) is Literal:
        choice = click.Choice([str(v) for v in get_args(kind)])
        yield click.Option([flag], type=choice, default=default, show_default=True, help=note)
    elif kind in (int, float, str):
        kind = WHOLE if kind is int else kind
        fixed = {} if required else {"default": default, "show_default": default is not None}
        yield click.Option([flag], type=kind, required=required, help=note, **fixed)
    elif _is_names(kind):
        shown = None if required else ",".join(default)
        yield click.Option([flag], default=shown, show_default=True, metavar="A,B,...", help=note)
    elif parameter.is_model or _is_personas(kind):
        metavar = "MODEL" if parameter.is_model else "FILE"
        yield click.Option([flag], required=required, metavar=metavar, help=note)
    else:
        raise TypeError(f"no command-line form for parameter {parameter.name}: {kind}")


def convert(parameter: Parameter, given: Mapping[str, Any]) -> tuple[object, object]:
    """Turn what was typed into (the object that the study takes, its plain form for the record)."""
    raw = given.get(parameter.name)
    if parameter.kind is Persona:
        persona = _persona(raw, given.get("trait") or ())
        return persona, {"id": persona.id, "sha256": content_key(persona)}
    if _is_personas(parameter.kind):
        if raw is None:
            return parameter.default, None
        personas = tuple(import_personas(raw))
        return personas, {"count": len(personas), "sha256": content_key(personas)}
    if _is_names(parameter.kind):
        names = tuple(part.strip() for part in str(raw or "").split(",") if part.strip())
        return names, list(names)
    return raw, raw


def _persona(path: str | None, traits: Sequence[str]) -> Persona:
    wanted = dict(_trait(text) for text in traits)
    if path is None:
        if not wanted:
            raise BadValue("give a persona file, or traits such as --trait extraversion=1.5")
        name = " ".join(f"{k}={v:+g}" for k, v in sorted(wanted.items()))
        return Persona(id=name, traits=wanted, kind="character")
    chosen = _chosen(path)
    return replace(chosen, traits={**chosen.traits, **wanted})


def _chosen(path: str) -> Persona:
    """Read the one persona of a file of any format, or the one that FILE#ID names."""
    for mark in re.finditer("#", path) if not Path(path).exists() else ():
        file, name = path[: mark.start()], path[mark.end() :]
        if Path(file).is_file():
            return _named(name, file)
    first = list(islice(import_personas(path), 2))
    if len(first) > 1:
        raise BadValue(f"{path} holds several personas; name one: {path}#{first[0].id}")
    return first[0]


def _named(name: str, file: str) -> Persona:
    ids = []
    for one in import_personas(file):
        if one.id == name:
            return one
        ids.append(one.id)
    raise UnknownName(f"persona in {file}", name, ids)


def _trait(text: str) -> tuple[str, float]:
    name, equals, number = text.partition("=")
    domain, colon, facet = name.partition(":")
    try:
        z = float(number)
    except ValueError:
        z = float("nan")
    if not equals or not isfinite(z):
        raise BadValue(f"a trait is NAME=Z with a number in z units, not {text!r}")
    return domain_code(domain) + colon + facet, z


def _without_none(annotation: Any) -> Any:  # noqa: ANN401
    kept = [a for a in get_args(annotation) if a is not NoneType]
    is_optional = NoneType in get_args(annotation) and len(kept) == 1
    return kept[0] if is_optional else annotation


def _is_names(kind: Any) -> bool:  # noqa: ANN401
    return get_origin(kind) is tuple and get_args(kind) == (str, ...)


def _is_personas(kind: Any) -> bool:  # noqa: ANN401
    return get_origin(kind) in (Sequence, tuple, list) and Persona in get_args(kind)


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
