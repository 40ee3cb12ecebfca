"""Writes small JSON files for tests of readers."""

import json
from pathlib import Path
from typing import Any


def put(path: Path, content: Any) -> Path:
    """Write an object as JSON, or several as lines of JSON."""
    rows = content if path.suffix == ".jsonl" else [content]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path
