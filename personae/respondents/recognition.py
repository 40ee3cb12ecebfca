"""The registry of recognisers: how a respondent understands instruments it doesn't know.

Each instrument registers a function that parses its prompts, beside the code that renders them.
Shipped ones are modules called `..._recogniser.py`; they are imported when a respondent first
reads a prompt, so that its answers never depend on what else a process has imported.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from personae.core import BadValue
from personae.respondents.stimuli import Prompt

__all__ = ["Recogniser", "outside_modules", "reading_cache", "recognise", "register"]

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)
P = ParamSpec("P")
PACKAGE = "personae"


class Recogniser(Protocol[S_co]):
    """Reads prompts of one instrument: the stimulus in a prompt, or None where it isn't its own."""

    def __call__(self, prompt: Prompt, /) -> S_co | None:
        """Find the stimulus in a prompt."""


_REGISTERED: dict[type, dict[str, Recogniser[Any]]] = {}
_CACHES: list[Any] = []


def register(kind: type[S], name: str) -> Callable[[Recogniser[S]], Recogniser[S]]:
    """Register a function as the recogniser of an instrument's stimuli of one kind.

    If several recognise a prompt, the first in order of name is used, those from outside the
    package before the shipped ones; the order of imports doesn't matter.

    Raises:
        BadValue: another recogniser of this kind has the name.

    >>> from personae.respondents.stimuli import KeyedStatement
    >>> @register(KeyedStatement, "parties")
    ... def parties(prompt):
    ...     loud = "Parties: good or bad?" in prompt.text
    ...     return KeyedStatement("E", "", 1, "parties be good") if loud else None
    >>> recognise(KeyedStatement, Prompt("Parties: good or bad?")).domain
    'E'
    """

    def registered(recogniser: Recogniser[S]) -> Recogniser[S]:
        registered_recognisers = _REGISTERED.setdefault(kind, {})
        if name in registered_recognisers and _origin(registered_recognisers[name]) != _origin(
            recogniser
        ):
            raise BadValue(
                f"{kind.__name__}: a recogniser called {name!r} is registered already, by "
                f"{'.'.join(_origin(registered_recognisers[name]))}; give yours another name"
            )
        registered_recognisers[name] = recogniser
        for reading in _CACHES:
            reading.cache_clear()
        return recogniser

    return registered


def reading_cache(function: Callable[P, S]) -> Callable[P, S]:
    """Cache what was read of a prompt, until another recogniser is registered."""
    cached = lru_cache(maxsize=1 << 14)(function)
    _CACHES.append(cached)
    return cast(Callable[P, S], cached)


def recognise(kind: type[S], prompt: Prompt) -> S | None:
    """Find a stimulus of one kind in a prompt: the first that a registered recogniser finds.

    >>> from personae.respondents.stimuli import KeyedStatement
    >>> recognise(KeyedStatement, Prompt("Like you? 'She never worries about things.'")).key
    -1
    """
    _import_shipped()
    return cast("S | None", _first_stimulus(kind, prompt))


@reading_cache
def _first_stimulus(kind: type, prompt: Prompt) -> object:
    recognisers = _REGISTERED.get(kind, {})
    for name in sorted(recognisers, key=lambda name: (_shipped(recognisers[name]), name)):
        stimulus = recognisers[name](prompt)
        if stimulus is not None:
            return stimulus
    return None


def outside_modules() -> tuple[str, ...]:
    """Name the modules outside the package that have registered a recogniser, in order.

    Another process understands the same prompts once it has imported them.
    """
    return tuple(
        sorted(
            {
                recogniser.__module__
                for recognisers in _REGISTERED.values()
                for recogniser in recognisers.values()
                if not _shipped(recogniser)
            }
        )
    )


def _origin(recogniser: Recogniser[Any]) -> tuple[str, str]:
    return recogniser.__module__, getattr(recogniser, "__qualname__", type(recogniser).__name__)


def _shipped(recogniser: Recogniser[Any]) -> bool:
    return recogniser.__module__.partition(".")[0] == PACKAGE


@cache
def _import_shipped() -> None:
    folder = Path(str(files(PACKAGE)))
    for path in sorted(folder.rglob("*_recogniser.py")):
        import_module(".".join([PACKAGE, *path.relative_to(folder).with_suffix("").parts]))
