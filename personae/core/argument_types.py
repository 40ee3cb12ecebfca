"""Values given in Python, checked against the annotations of their parameters."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, wraps
from inspect import signature
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from personae.core.errors import BadValue, UnknownName

__all__ = ["checks_types", "require_type"]

P = ParamSpec("P")
R = TypeVar("R")

WORDS: Mapping[Any, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    Path: "a path",
    NoneType: "None",
    Mapping: "a dict",
}
SHOWN = 80
"""Characters of a value in a message."""


def require_type(name: str, value: object, kind: Any) -> None:  # noqa: ANN401  (an annotation)
    """Refuse a value that doesn't fit a parameter's annotation.

    Numbers of numpy are numbers; a truth value is no number, and a text no sequence of texts.
    Elements are looked at in sequences, not in what can be read once. An annotation of another form
    than those of this package is not checked.

    Raises:
        UnknownName: a text that isn't one of the named values; carries near matches.
        BadValue: anything else that doesn't fit.

    >>> require_type("quick", "yes", bool)
    Traceback (most recent call last):
    personae.core.errors.BadValue: quick is True or False, not 'yes'
    >>> require_type("names", "E", tuple[str, ...])
    Traceback (most recent call last):
    personae.core.errors.BadValue: names is a list of texts, not 'E'
    """
    if _fits(value, kind):
        return
    if get_origin(kind) is Literal and isinstance(value, str):
        raise UnknownName(name, value, map(str, get_args(kind)))
    shown = repr(value)
    shown = shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"
    raise BadValue(f"{name} is {_words(kind)}, not {shown}")


def checks_types(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function refuse arguments that don't fit its annotations, before anything else.

    >>> @checks_types
    ... def doubled(n: int) -> int:
    ...     return 2 * n
    >>> doubled("4")
    Traceback (most recent call last):
    personae.core.errors.BadValue: n is a whole number, not '4'
    """
    form = signature(function)
    collections = {
        name for name, p in form.parameters.items() if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }
    hints = cache(lambda: get_type_hints(function))  # some names exist only once it is called

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        given = form.bind(*args, **kwargs).arguments
        for name in given.keys() - collections:
            if name in hints():
                require_type(name, given[name], hints()[name])
        return function(*args, **kwargs)

    return checked


def _fits(value: object, kind: Any) -> bool:  # noqa: ANN401
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in inner)
    if origin is Literal:
        return isinstance(value, tuple(map(type, inner))) and value in inner
    if origin is Iterable:
        return hasattr(value, "__iter__") and not isinstance(value, str | bytes)
    if origin in (tuple, list, Sequence):
        return _is_sequence(value) and _have_kinds(value, inner)
    kind = origin or kind
    return _is_a(value, kind) if isinstance(kind, type) and kind is not Any else True


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _have_kinds(values: Any, kinds: tuple[Any, ...]) -> bool:  # noqa: ANN401
    if len(kinds) == 1 or kinds[1:] == (...,):
        return all(_fits(value, kinds[0]) for value in values)
    return len(values) == len(kinds) and all(map(_fits, values, kinds))


def _is_a(value: object, kind: type) -> bool:
    if kind is bool:
        return isinstance(value, bool)
    if kind in (int, float):
        return isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
    return isinstance(value, kind)


def _words(kind: Any) -> str:  # noqa: ANN401
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        *first, last = map(_words, inner)
        return f"{', '.join(first)} or {last}"
    if origin is Literal:
        return "one of " + ", ".join(map(str, inner))
    if origin is tuple and inner[1:] != (...,):
        return f"a pair of {_plural(inner[0])}" if len(inner) == 2 else f"{len(inner)} values"
    if origin in (tuple, list, Sequence, Iterable):
        return f"a list of {_plural(inner[0])}"
    kind = origin or kind
    name = getattr(kind, "__name__", str(kind))
    return WORDS.get(kind, f"{'an' if name[0] in 'AEIOU' else 'a'} {name}")


def _plural(kind: Any) -> str:  # noqa: ANN401
    noun, of, others = _words(kind).removeprefix("a ").removeprefix("an ").partition(" of ")
    plural = noun if noun.endswith("s") else f"{noun}s"
    return "truth values" if kind is bool else f"{plural}{of}{others}"
