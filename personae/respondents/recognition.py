"""The registry of recognisers: how a respondent understands instruments it doesn't know.

Each instrument registers a function that parses its prompts, beside the code that renders them.
Shipped ones are modules called `..._recogniser.py`; they are imported when a respondent first
reads a prompt, so that its answers never depend on what else a process has imported. What they read
in `personae/data` and the recognisers from outside the package are part of the fingerprint of every
control, so that a journal never recalls what was answered under others.
"""

import inspect
import marshal
import sys
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar, cast

from personae.core import BadValue, content_key, file_sha256
from personae.respondents.stimuli import Prompt

__all__ = [
    "Recogniser",
    "outside_modules",
    "reading_cache",
    "recognise",
    "recognition_key",
    "register",
]

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)
P = ParamSpec("P")
PACKAGE = "personae"


class Recogniser(Protocol[S_co]):
    """Finds the stimuli of one instrument in prompts."""

    def __call__(self, prompt: Prompt, /) -> S_co | None:
        """Find the stimulus in a prompt; None where the prompt isn't the instrument's."""


class _Entry(NamedTuple):
    """A registered recogniser, and the hash of its source; "" for a shipped one."""

    recogniser: Recogniser[Any]
    source: str


_REGISTERED: dict[type, dict[str, _Entry]] = {}
_CACHES: list[Any] = []


def register(kind: type[S], name: str) -> Callable[[Recogniser[S]], Recogniser[S]]:
    """Register a function as the recogniser of an instrument's stimuli of one kind.

    If several recognise a prompt, the first by name is used, those from outside the package before
    the shipped ones; the order of imports doesn't matter.

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
        entries = _REGISTERED.setdefault(kind, {})
        if name in entries and _origin(entries[name].recogniser) != _origin(recogniser):
            raise BadValue(
                f"{kind.__name__}: a recogniser called {name!r} is registered already, by "
                f"{'.'.join(_origin(entries[name].recogniser))}; give yours another name"
            )
        source = "" if _shipped(recogniser) else content_key(_source(recogniser))
        entries[name] = _Entry(recogniser, source)
        for cached in _CACHES:
            cached.cache_clear()
        return recogniser

    return registered


def reading_cache(function: Callable[P, S]) -> Callable[P, S]:
    """Cache a function of prompts or chats until another recogniser is registered."""
    cached = lru_cache(maxsize=1 << 14)(function)
    _CACHES.append(cached)
    return cast(Callable[P, S], cached)


def recognise(kind: type[S], prompt: Prompt) -> S | None:
    """Find a stimulus of one kind in a prompt; None where no recogniser finds any.

    >>> from personae.respondents.stimuli import KeyedStatement
    >>> recognise(KeyedStatement, Prompt("Like you? 'She never worries about things.'")).key
    -1
    """
    _import_shipped()
    return cast("S | None", _first_stimulus(kind, prompt))


@reading_cache
def _first_stimulus(kind: type, prompt: Prompt) -> object:
    entries = _REGISTERED.get(kind, {})
    for name in sorted(entries, key=lambda name: (_shipped(entries[name].recogniser), name)):
        stimulus = entries[name].recogniser(prompt)
        if stimulus is not None:
            return stimulus
    return None


def outside_modules() -> tuple[str, ...]:
    """List the modules outside the package that have registered a recogniser, sorted by name.

    Another process understands the same prompts once it has imported them.
    """
    return tuple(sorted({entry.recogniser.__module__ for _, _, entry in _outside_entries()}))


def recognition_key() -> str:
    """Hash (hex) what the answers of controls depend on beside their own settings.

    That is the shipped data and, for each recogniser from outside the package, its kind, name and
    source: the text of the whole module, or of the function alone where the module has no file.
    Files that such a module reads are not part of it.
    """
    outside = [(kind.__name__, name, entry.source) for kind, name, entry in _outside_entries()]
    return content_key([_data_key(_folder() / "data"), sorted(outside)])


@cache
def _data_key(folder: Path) -> str:
    paths = sorted(folder.rglob("*.json"))
    return content_key([(p.relative_to(folder).as_posix(), file_sha256(str(p))) for p in paths])


def _outside_entries() -> Iterator[tuple[type, str, _Entry]]:
    for kind, entries in _REGISTERED.items():
        for name, entry in entries.items():
            if not _shipped(entry.recogniser):
                yield kind, name, entry


def _source(recogniser: Recogniser[Any]) -> str:
    """Return the text of a recogniser's module, else its function's, else the compiled function."""
    function = recogniser if inspect.isfunction(recogniser) else type(recogniser)
    for part in (sys.modules.get(recogniser.__module__), function):
        try:
            return inspect.getsource(part)  # type: ignore[arg-type]
        except (OSError, TypeError):
            continue
    return marshal.dumps(getattr(function, "__code__", None)).hex()


def _origin(recogniser: Recogniser[Any]) -> tuple[str, str]:
    return recogniser.__module__, getattr(recogniser, "__qualname__", type(recogniser).__name__)


def _shipped(recogniser: Recogniser[Any]) -> bool:
    return recogniser.__module__.partition(".")[0] == PACKAGE


@cache
def _import_shipped() -> None:
    folder = _folder()
    for path in sorted(folder.rglob("*_recogniser.py")):
        import_module(".".join([PACKAGE, *path.relative_to(folder).with_suffix("").parts]))


@cache
def _folder() -> Path:
    return Path(str(files(PACKAGE)))
