"""The manifest of a run, stored with its results: what was run, on which model, and when.

Two runs with the same identity give the same bytes. Times and machine facts stay out of the
identity, and out of the report.
"""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from personae.core import BadFile, BadValue, canonical_json, content_key, plain

__all__ = [
    "Manifest",
    "open_manifest",
    "read_manifest",
    "read_object",
    "today",
    "write_atomically",
]

NAME = "manifest.json"
PACKAGES = ("numpy", "polars", "scipy", "torch", "transformers", "tokenizers", "llguidance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A run's `identity`, and the circumstances of its execution (all other fields)."""

    identity: Mapping[str, object]
    date: str
    status: str = "running"
    started: str = ""
    seconds: float = 0.0
    machine: Mapping[str, object] = field(default_factory=dict)
    results: Mapping[str, object] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The first 16 hexadecimal digits of the identity's hash."""
        return content_key(self.identity)[:16]

    def write(self, folder: Path) -> None:
        """Write `manifest.json` into the folder, whole or not at all."""
        body = {"schema": 1, "id": self.id, **dict(plain(self))}  # type: ignore[call-overload]
        text = json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        write_atomically(folder / NAME, text.encode())

    def ended(self, status: str, **changes: object) -> "Manifest":
        """Return the manifest of a run that ended with a status, `done` or `stopped`."""
        return replace(self, status=status, **changes)  # type: ignore[arg-type]


def today() -> str:
    """Return today's date in ISO form, UTC; SOURCE_DATE_EPOCH fixes it for reproducible builds."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch and not epoch.isdigit():
        raise BadValue(f"SOURCE_DATE_EPOCH is a whole number of seconds, not {epoch!r}")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return moment.date().isoformat()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is the old one or the new one as a whole, even after a crash."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, path)


def open_manifest(folder: Path, identity: Mapping[str, object], *, fresh: bool) -> Manifest:
    """Begin a run in a folder, or resume the same one.

    A folder that holds another run is refused unless `fresh`, which starts over there.

    Raises:
        BadValue: the folder holds another run; says how they differ.
        BadFile: the folder can't be made, or its manifest can't be read.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadFile(f"can't use {folder} for results: {error}") from error
    old = None if fresh else read_object(folder / NAME)
    if old is not None:
        then, now = old.get("identity"), plain(identity)
        if canonical_json(then) != canonical_json(now):
            raise BadValue(
                f"{folder} holds another run ({_difference(then, now)}); "
                "choose another --out, or start over there with --fresh"
            )
    earlier = old or {}
    manifest = Manifest(
        identity=identity,
        date=str(earlier.get("date") or today()),
        started=str(earlier.get("started") or datetime.now(UTC).isoformat(timespec="seconds")),
        machine=_machine(),
    )
    manifest.write(folder)
    return manifest


def read_manifest(folder: Path) -> Mapping[str, object]:
    """Read a run's manifest.

    Raises:
        BadFile: the folder has none, or it can't be read.
    """
    body = read_object(folder / NAME)
    if body is None:
        raise BadFile(f"{str(folder)!r} has no {NAME}; give the folder of a finished run")
    return body


def read_object(path: Path) -> Mapping[str, object] | None:
    """Read the JSON object of a record that runs write; None if there is no such file.

    Raises:
        BadFile: it can't be read, or is no object.
    """
    if not path.exists():
        return None
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadFile(f"{path} can't be read ({error}); remove it or use --fresh") from error
    if not isinstance(body, dict):
        raise BadFile(f"{path} is not a JSON object; remove it or use --fresh")
    return body


def _difference(then: object, now: object) -> str:
    if not isinstance(then, dict) or not isinstance(now, dict):
        return "its manifest has no identity"
    names = sorted(k for k in {*then, *now} if then.get(k) != now.get(k))
    return "; ".join(f"{k}: {_short(then.get(k))} there, {_short(now.get(k))} here" for k in names)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _machine() -> Mapping[str, object]:
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "packages": packages,
    }
