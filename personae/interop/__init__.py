"""Other tools' formats in and out, without loss, both ways."""

from personae.interop.registry import (
    FORMATS,
    NATIVE,
    Format,
    detect,
    export_personas,
    import_personas,
    import_rows,
)

__all__ = [
    "FORMATS",
    "NATIVE",
    "Format",
    "detect",
    "export_personas",
    "import_personas",
    "import_rows",
]
