"""The command line of a study, from its signature: each parameter becomes an option, by annotation.

int, float, str, bool    the like-named option
Literal["a", "b"]        a choice
tuple[str, ...]          names separated by commas
Persona                  an argument PERSONA (a file or folder of any format of personas, or FILE#ID
                         for one of many), --trait NAME=Z, repeatable, and --strict
Sequence[Persona]        a file or folder of any format of personas, and --strict
Model, Chooser, ...      a model string; the parameter `model` itself is a common option
a dataclass              each of its fields, as if it were a parameter of its own
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any, Literal, get_args, get_origin

import click

from personae.cli.framework.command_group import WHOLE
from personae.cli.readable_personas import readable_persona, readable_personas
from personae.core import BadValue, InputError, Persona, content_key, domain_code
from personae.run.parameters import Parameter, bind, parameters

__all__ = ["all_options", "convert", "options_of", "take"]


def take(
    function: Callable[..., object], settings: Mapping[str, Any]
) -> tuple[dict[str, object], dict[str, object]]:
    """Convert typed values to the study's arguments except models, and to their plain form."""
    values: dict[str, object] = {}
    options: dict[str, object] = {}
    for parameter in parameters(function):
        if not parameter.is_model:
            values[parameter.name], options[parameter.name] = convert(parameter, settings)
    return bind(function, values), options


def options_of(parameter: Parameter) -> Iterator[click.Parameter]:
    """Make the click options and arguments of a parameter."""
    flag = "--" + parameter.name.replace("_", "-")
    kind, default = parameter.kind, parameter.default
    note = parameter.help[:1].upper() + parameter.help[1:]
    required = default is inspect.Parameter.empty
    if kind is Persona:
        yield click.Argument([parameter.name], required=False)
        yield click.Option(
            ["--trait"],
            multiple=True,
            metavar="NAME=Z",
            help="Request a trait, such as extraversion=1.5 (z units); may be repeated.",
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
        named = None if required or default is None else ",".join(default)
        yield click.Option([flag], default=named, show_default=True, metavar="A,B,...", help=note)
    elif parameter.is_model or parameter.is_personas:
        metavar = "MODEL" if parameter.is_model else "FILE"
        yield click.Option([flag], required=required, metavar=metavar, help=note)
    else:
        raise TypeError(f"no command-line form for parameter {parameter.name}: {kind}")


def all_options(given: Sequence[Parameter]) -> Iterator[click.Parameter]:
    """Make the options of all parameters, and --strict once if one is of personas."""
    for parameter in given:
        yield from options_of(parameter)
    if any(parameter.kind is Persona or parameter.is_personas for parameter in given):
        yield click.Option(
            ["--strict"],
            is_flag=True,
            help="Refuse a file or folder if any of its personas can't be read.",
        )


def convert(parameter: Parameter, settings: Mapping[str, Any]) -> tuple[object, object]:
    """Convert a typed value to the study's argument, and to its plain form for the record."""
    typed_value = settings.get(parameter.name)
    skipped: list[InputError] = []
    strict = bool(settings.get("strict"))
    if parameter.kind is Persona:
        persona = _persona(typed_value, settings.get("trait") or (), strict, skipped)
        record: dict[str, object] = {"id": persona.id, "sha256": content_key(persona)}
        return persona, record | _left_out(skipped)
    if parameter.is_personas:
        if typed_value is None:
            return parameter.default, None
        personas = tuple(readable_personas(typed_value, strict=strict, skipped=skipped))
        record = {"count": len(personas), "sha256": content_key(personas)}
        return personas, record | _left_out(skipped)
    if _is_names(parameter.kind) and (typed_value is not None or parameter.default is not None):
        names = tuple(part.strip() for part in str(typed_value or "").split(",") if part.strip())
        return names, list(names)
    return typed_value, typed_value


def _left_out(skipped: Sequence[InputError]) -> dict[str, object]:
    return {"left out": len(skipped)} if skipped else {}


def _persona(
    path: str | None, traits: Sequence[str], strict: bool, skipped: list[InputError]
) -> Persona:
    requested = _requested(traits)
    if path is not None:
        persona = readable_persona(path, strict=strict, skipped=skipped)
        return replace(persona, traits={**persona.traits, **requested})
    if not requested:
        raise BadValue("give a persona file, or traits such as --trait extraversion=1.5")
    name = " ".join(f"{code}={z:+g}" for code, z in sorted(requested.items()))
    return Persona(id=name, traits=requested, kind="character")


def _requested(texts: Sequence[str]) -> dict[str, float]:
    """Map each requested trait to its z units; one that is requested twice is refused."""
    traits: dict[str, float] = {}
    for text in texts:
        code, z = _trait(text)
        if code in traits:
            raise BadValue(f"the trait {code} is requested twice")
        traits[code] = z
    return traits


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


def _is_names(kind: Any) -> bool:  # noqa: ANN401
    return get_origin(kind) is tuple and get_args(kind) == (str, ...)
