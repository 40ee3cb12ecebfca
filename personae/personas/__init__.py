"""The persona's format: rows, layers, store, checks, and exchange with other tools."""

from personae.personas.json_diff import ABSENT, Difference, differences
from personae.personas.persona_layers import (
    LAYERS,
    evident_kinds,
    has_consent,
    layer_provenance,
    public_part,
)
from personae.personas.persona_rows import (
    FIELDS,
    PERSONA_SCHEMA,
    only_personas,
    persona_of,
    persona_row,
)
from personae.personas.persona_store import (
    PERSONA_COLUMNS,
    frame_personas,
    load_personas,
    parquet_rows,
    persona_frame,
    persona_rows,
    read_personas,
    save_frames,
    save_personas,
)

__all__ = [
    "ABSENT",
    "FIELDS",
    "LAYERS",
    "PERSONA_COLUMNS",
    "PERSONA_SCHEMA",
    "Difference",
    "differences",
    "evident_kinds",
    "frame_personas",
    "has_consent",
    "layer_provenance",
    "load_personas",
    "only_personas",
    "parquet_rows",
    "persona_frame",
    "persona_of",
    "persona_row",
    "persona_rows",
    "public_part",
    "read_personas",
    "save_frames",
    "save_personas",
]
