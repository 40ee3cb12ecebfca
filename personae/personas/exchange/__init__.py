"""Other tools' persona formats, read and written exactly."""

from personae.personas.exchange.chosen_persona import load_persona
from personae.personas.exchange.detection import detect
from personae.personas.exchange.formats import FORMATS, NATIVE, Format
from personae.personas.exchange.import_export import export_personas, import_personas, import_rows

__all__ = [
    "FORMATS",
    "NATIVE",
    "Format",
    "detect",
    "export_personas",
    "import_personas",
    "import_rows",
    "load_persona",
]
