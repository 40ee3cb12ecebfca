"""Edits of an open model's activations: where, when and how; frozen values."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, isnan
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from personae.core.errors import BadValue
from personae.core.hashing import content_key

__all__ = [
    "Anatomy",
    "Edit",
    "EditGate",
    "Op",
    "Phase",
    "Site",
    "SitePart",
    "Touch",
    "When",
    "edits_key",
]

SitePart = Literal["block", "heads", "mlp", "embedding"]
Phase = Literal["all", "prompt", "generation"]
Op = Literal["add", "project", "ablate", "cap", "replace"]
Vector = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Site:
    """A site in the residual stream: a transformer block 0..L-1 and a part of it.

    `block` is the block's output, `heads` its attention heads side by side before the output
    projection (heads * head width), `mlp` its MLP's output; `embedding` is the input of block 0.
    """

    block: int
    part: SitePart = "block"


@dataclass(frozen=True, slots=True)
class Anatomy:
    """The size of a model: blocks, width of the residual stream, heads and their width."""

    blocks: int
    width: int
    heads: int
    head_width: int


@dataclass(frozen=True, slots=True)
class When:
    """The tokens of a text for which an edit holds.

    Phase `generation` is the prompt's last token, from which the reply's first one is predicted,
    and all tokens of the reply; `prompt` is the tokens before. `start` and `stop` select a window
    of the phase as a slice does: counted from the phase's first token, in the prompt also from its
    end (negative). `positions` are absolute, from 0, and take the place of phase and window.

    >>> [p for p in range(8) if When("generation", stop=2).holds(p, prompt=5)]
    [4, 5]
    >>> [p for p in range(8) if When("prompt", start=-2).holds(p, prompt=5)]
    [2, 3]
    """

    phase: Phase = "all"
    start: int = 0
    stop: int | None = None
    positions: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.phase not in get_args(Phase):
            raise BadValue(f"a phase is one of {get_args(Phase)}, not {self.phase!r}")
        if self.phase != "prompt" and min(self.start, self.stop or 0) < 0:
            raise BadValue(f"only the phase 'prompt' has an end to count from, not {self.phase!r}")
        windowed = (self.phase, self.start, self.stop) != ("all", 0, None)
        if self.positions is not None and (windowed or min(self.positions, default=0) < 0):
            raise BadValue("positions count from 0 and are given without phase, start and stop")

    def holds(self, position: int, prompt: int) -> bool:
        """Whether the edit holds for the token at a position, given a prompt of `prompt` tokens."""
        if self.positions is not None:
            return position in self.positions
        before = max(prompt - 1, 0)
        if self.phase == "prompt":
            return position < before and position in range(before)[self.start : self.stop]
        offset = position - before if self.phase == "generation" else position
        return offset >= self.start and (self.stop is None or offset < self.stop)


@dataclass(frozen=True, slots=True, eq=False)
class EditGate:
    """Restricts an edit to tokens h with <h, probe> > threshold, h taken at the edit's site."""

    probe: Vector
    threshold: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "probe", _vector(self.probe))


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """One change to the residual stream at a site: each token h moves by `strength` of the op.

    With s the strength, v the vector (width,), u = v / |v| and p = <h, u>:

    ========= =============================== ==================================================
    `add`     h + s v                         steering
    `project` h - s (part of h in the span)   removes a direction, or the span of rows (k, width)
    `ablate`  h + s (v - p u)                 sets the component along v to that of v
    `cap`     h + s (clamp(p, low, high) - p) u   keeps the component within `bounds`
    `replace` h + s (v - h)                   replaces h by v
    ========= =============================== ==================================================

    Strength 0 is the identity for every op. Several edits at a site work in the order given.
    `key` identifies the edit by content; edits of one key are equal.

    Raises:
        BadValue: numbers that aren't finite, no direction where the op needs one, wrong bounds.

    >>> Edit(Site(3), np.ones(4), strength=2.0).vector.dtype
    dtype('float32')
    """

    site: Site
    vector: Vector
    strength: float = 1.0
    op: Op = "add"
    bounds: tuple[float, float] = (-inf, inf)
    when: When = When()
    gate: EditGate | None = None
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "vector", _vector(self.vector))
        _check(self)
        gate = None if self.gate is None else (_bytes(self.gate.probe), self.gate.threshold)
        parts = [self.site, float(self.strength), self.op, list(map(str, self.bounds)), self.when]
        object.__setattr__(self, "key", content_key([_bytes(self.vector), *parts, gate]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Edit) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def _check(edit: Edit) -> None:
    low, high = edit.bounds
    if edit.op not in get_args(Op):
        raise BadValue(f"an edit's op is one of {get_args(Op)}, not {edit.op!r}")
    if not np.isfinite(edit.strength):
        raise BadValue(f"an edit's strength is a finite number, not {edit.strength}")
    if edit.vector.ndim != 1 and not (edit.op == "project" and edit.vector.ndim == 2):
        shape = edit.vector.shape
        raise BadValue(f"an edit's vector is (width,), for 'project' also (k, width), not {shape}")
    if edit.op in ("project", "ablate", "cap") and not edit.vector.any():
        raise BadValue(f"{edit.op!r} needs a direction; this vector is zero")
    if isnan(low) or isnan(high) or low > high:
        raise BadValue(f"bounds are (low, high) with low <= high, not {edit.bounds}")
    if (edit.op == "cap") == (edit.bounds == (-inf, inf)):
        raise BadValue("the op 'cap' needs a bound, and no other op takes one")


def _vector(values: Vector) -> NDArray[np.float32]:
    """Return a read-only copy in float32: an edit can't change after it was hashed."""
    vector = np.array(values, dtype=np.float32)
    if not np.isfinite(vector).all():
        raise BadValue("an edit's vectors are finite numbers")
    vector.setflags(write=False)
    return vector


def _bytes(vector: Vector) -> str:
    digest = hashlib.sha256(repr(vector.shape).encode())
    digest.update(vector.astype("<f4").tobytes())
    return digest.hexdigest()


def edits_key(fingerprint: str, edits: Sequence[Edit]) -> str:
    """Fingerprint a model under edits: its own, joined with those whose strength isn't 0.

    >>> edits_key("f0", [Edit(Site(0), np.ones(2), strength=0)])
    'f0'
    """
    keys = [edit.key for edit in edits if edit.strength != 0]
    return content_key([fingerprint, keys]) if keys else fingerprint


@dataclass(frozen=True, slots=True)
class Touch:
    """What an edit did to a token in one forward pass: where, and the norm of the change."""

    site: Site
    op: Op
    position: int
    norm: float
