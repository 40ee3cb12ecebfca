"""Expert and low-knowledge personas, as data.

After Basil et al. 2025 (arXiv 2512.05858), whose fields these are; all texts are our own.
"""

from typing import Any

from personae.core import Persona, data_json

__all__ = ["EXPERTS", "FIT", "LOW", "expert"]

_DATA: dict[str, Any] = data_json("identities.json")
EXPERTS: tuple[str, ...] = tuple(_DATA["experts"])
LOW: tuple[str, ...] = tuple(_DATA["low_knowledge"])
FIT: dict[str, tuple[str, str]] = {f: (near, far) for f, (near, far) in _DATA["fit"].items()}
"""Field -> the experts of an adjacent field and of an unrelated one."""


def expert(name: str) -> Persona:
    """Return an expert or low-knowledge persona, by field or level.

    >>> expert("toddler").facts["level"]
    'low'
    """
    if name in EXPERTS:
        facts = {"field": name, "level": "expert"}
        return Persona(id=f"{name}-expert", text=_DATA["experts"][name], facts=facts)
    return Persona(id=name, text=_DATA["low_knowledge"][name], facts={"level": "low"})
