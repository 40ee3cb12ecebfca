"""The smallest inventory that a card can be made with: eight items of one scale, in a file."""

import json
from pathlib import Path

import personae

SOURCE = Path(personae.__file__).parent / "data" / "inventories" / "mpi-120.json"


def eight_items(folder: Path, scale: str = "E") -> str:
    """Write four opposite pairs of one scale as an own inventory and return its path."""
    data = json.loads(SOURCE.read_text(encoding="utf-8"))
    items = [item for item in data["items"] if item["scale"] == scale]
    chosen = [[item for item in items if item["key"] == key][:4] for key in (1, -1)]
    del data["norms"], data["fixes"]  # of all items
    data["name"] = "eight-items"
    data["scales"] = {scale: data["scales"][scale]}
    data["items"] = [*chosen[0], *chosen[1]]
    path = folder / "eight-items.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return str(path)
