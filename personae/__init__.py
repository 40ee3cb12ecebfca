"""Personae: personas and personality in language models.

Generate personas, induce them in a model, measure which personality really came out, and report
it with intervals. Names are loaded when first used, so that importing Personae costs little.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from personae.core import Answers, Estimate, Form, Inventory, Persona, Report, load_inventory
    from personae.models.opening import open_model
    from personae.personas import load_personas

__version__ = "0.1.0"

_HOMES = {
    "Answers": "personae.core",
    "Estimate": "personae.core",
    "Form": "personae.core",
    "Inventory": "personae.core",
    "Persona": "personae.core",
    "Report": "personae.core",
    "load_inventory": "personae.core",
    "load_personas": "personae.personas",
    "open_model": "personae.models.opening",
}

__all__ = [
    "Answers",
    "Estimate",
    "Form",
    "Inventory",
    "Persona",
    "Report",
    "__version__",
    "load_inventory",
    "load_personas",
    "open_model",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'personae' has no attribute {name!r}")
