"""Personae: personas and personality in language models.

Generate personas, induce them in a model, measure the personality that results, and report it with
intervals. `dir(personae)` lists the names at the top level, which are loaded when first used, so
that importing Personae costs little.
"""

import sys
from importlib import import_module
from types import ModuleType

TYPE_CHECKING = False
"""Type checkers take it as true. To import it from `typing` takes 10 ms, in which a command that is
interrupted could not end quietly yet."""

if TYPE_CHECKING:
    from personae.core import (
        Answers,
        BadFile,
        BadValue,
        BudgetSpent,
        Estimate,
        Form,
        InputError,
        Inventory,
        MissingExtra,
        ModelError,
        NoUsableAnswers,
        Persona,
        PersonaeError,
        UnknownName,
        load_inventory,
    )
    from personae.models.opening import open_model
    from personae.personas import load_personas, save_personas
    from personae.personas.exchange import load_persona
    from personae.report import Report
    from personae.run.verbs import card, compare, generate, run, score, steer

__version__ = "0.1.0"

_HOMES = {
    "Answers": "personae.core",
    "BadFile": "personae.core",
    "BadValue": "personae.core",
    "BudgetSpent": "personae.core",
    "Estimate": "personae.core",
    "Form": "personae.core",
    "InputError": "personae.core",
    "Inventory": "personae.core",
    "MissingExtra": "personae.core",
    "ModelError": "personae.core",
    "NoUsableAnswers": "personae.core",
    "Persona": "personae.core",
    "PersonaeError": "personae.core",
    "Report": "personae.report",
    "UnknownName": "personae.core",
    "card": "personae.run.verbs",
    "compare": "personae.run.verbs",
    "generate": "personae.run.verbs",
    "load_inventory": "personae.core",
    "load_persona": "personae.personas.exchange",
    "load_personas": "personae.personas",
    "open_model": "personae.models.opening",
    "run": "personae.run.verbs",
    "save_personas": "personae.personas",
    "score": "personae.run.verbs",
    "steer": "personae.run.verbs",
}

__all__ = [
    "Answers",
    "BadFile",
    "BadValue",
    "BudgetSpent",
    "Estimate",
    "Form",
    "InputError",
    "Inventory",
    "MissingExtra",
    "ModelError",
    "NoUsableAnswers",
    "Persona",
    "PersonaeError",
    "Report",
    "UnknownName",
    "__version__",
    "card",
    "compare",
    "generate",
    "load_inventory",
    "load_persona",
    "load_personas",
    "open_model",
    "run",
    "save_personas",
    "score",
    "steer",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'personae' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)


class _Package(ModuleType):
    """Keeps `card`, `generate` and `run` functions, though rooms have these names.

    Importing a room sets it as an attribute of its package; the room itself stays importable.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in _HOMES):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
