"""The manifest of a run, stored with its results: what was run, on which model, and when.

Two runs with the same identity give the same bytes. Times and machine facts stay out of the
identity, and out of the report.
"""

import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from personae.core import (
    BadFile,
    BadValue,
    canonical_json,
    content_key,
    plain,
    read_record,
    write_atomically,
)
from personae.models.package_versions import installed_versions

__all__ = [
    "REMEDY",
    "Manifest",
    "ManifestRecord",
    "open_manifest",
    "read_manifest",
    "same_run",
    "today",
]

NAME = "manifest.json"
REMEDY = "remove it, or start over with --fresh"
MOST_DIFFERENCES = 4
"""Differences from another run that a refusal names."""
PACKAGES = ("numpy", "polars", "scipy", "torch", "transformers", "tokenizers", "llguidance")


class ManifestRecord(TypedDict):
    """A manifest as it is written."""

    id: str
    identity: dict[str, object]
    date: str
    status: str
    started: str
    seconds: float
    machine: dict[str, object]
    results: dict[str, object]


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


def open_manifest(
    folder: Path, identity: Mapping[str, object], packages: Mapping[str, str] | None = None
) -> tuple[Manifest, bool]:
    """Begin a run in a folder, or resume the same one; also tell whether it had ended as done.

    `packages` are versions by which the models compute; those that every run may use are added.

    Raises:
        BadValue: the folder holds another run; says how they differ.
        BadFile: its manifest can't be read or written.
    """
    old = same_run(folder, identity)
    status = old["status"] if old else ""
    manifest = Manifest(
        identity=identity,
        status="writing" if status == "writing" else "running",
        date=(old and old["date"]) or today(),
        started=(old and old["started"]) or datetime.now(UTC).isoformat(timespec="seconds"),
        machine=_machine(packages or {}),
    )
    manifest.write(folder)
    return manifest, status == "done"


def same_run(folder: Path, identity: Mapping[str, object]) -> ManifestRecord | None:
    """Return the record of the run of this identity in a folder; None where there is no run.

    Raises:
        BadValue: the folder holds another run; says how they differ.
        BadFile: its manifest can't be read.
    """
    old = read_record(folder / NAME, ManifestRecord, REMEDY)
    if old is not None:
        then, now = old["identity"], plain(identity)
        assert isinstance(now, dict)
        if canonical_json(then) != canonical_json(now):
            raise BadValue(
                f"{folder} holds another run ({_difference(then, now)}); "
                "choose another --out, or start over there with --fresh"
            )
    return old


def read_manifest(folder: Path) -> ManifestRecord:
    """Read a run's manifest.

    Raises:
        BadFile: the folder has none, or it can't be read.
    """
    body = read_record(folder / NAME, ManifestRecord, REMEDY)
    if body is None:
        raise BadFile(f"{str(folder)!r} has no {NAME}; give the folder of a finished run")
    return body


def _difference(then: Mapping[str, object], now: Mapping[str, object]) -> str:
    """Say which values differ, each by its path, whatever else stands beside it."""
    there, here = dict(_leaves(then)), dict(_leaves(now))
    differing = [k for k in sorted({*there, *here}) if there.get(k) != here.get(k)]
    words = [f"{k}: {_short(there.get(k))} there, {_short(here.get(k))} here" for k in differing]
    more = len(words) - MOST_DIFFERENCES
    return "; ".join(words[:MOST_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")


def _leaves(value: Mapping[str, object], path: str = "") -> Iterator[tuple[str, object]]:
    for key, part in value.items():
        if isinstance(part, Mapping) and part:
            yield from _leaves(part, f"{path}{key}.")
        else:
            yield f"{path}{key}", part


def _short(value: object) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _machine(packages: Mapping[str, str]) -> Mapping[str, object]:
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "packages": installed_versions(PACKAGES) | dict(packages),
    }
