"""Applies edits token by token during one pass.

Which edits hold for a token is its mark: a small number beside the token's id, 0 where none does.
Marked tokens take the place of tokens wherever texts are compared, so that texts share a prefix,
a cached context or a pass exactly as far as they share both tokens and edits; one batch may hold
rows under different edits. Positions are absolute, so the cache can't shift them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import torch
from torch import Tensor

from personae.core import BadValue, Edit, Site, Touch, When
from personae.models.local.sites import Change, Sites

__all__ = ["EditCombinations", "Editing", "token_of"]

SHIFT = 32
TOKEN = (1 << SHIFT) - 1
COMPILED = 64
"""Most combinations of marks whose edits are kept compiled."""
SiteHooks = Sequence[tuple[Site, Change]]


def token_of(marked: int) -> int:
    """Return a marked token's id."""
    return marked & TOKEN


class EditCombinations:
    """Numbers combinations of edits, as marks of tokens: one each, 0 for no edit."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, ...], int] = {(): 0}
        self.edits: list[tuple[Edit, ...]] = [()]

    def number(self, edits: tuple[Edit, ...]) -> int:
        """Return the number of a combination of edits in this order."""
        key = tuple(edit.key for edit in edits)
        if key not in self._numbers:
            self._numbers[key] = len(self.edits)
            self.edits.append(edits)
        return self._numbers[key]


class Editing:
    """The edits of a batch: each row is under one of the `variants`."""

    def __init__(
        self,
        sites: Sites,
        combinations: EditCombinations,
        variants: Sequence[tuple[Edit, ...]] = ((),),
        trace: list[Touch] | None = None,
    ) -> None:
        self.sites, self.combinations = sites, combinations
        self.variants, self.trace = variants, trace
        self._always = [
            combinations.number(edits) if all(e.when == When() for e in edits) else None
            for edits in variants
        ]
        self._compiled: dict[tuple[int, ...], dict[Site, list[_Step]]] = {}

    def check(self) -> None:
        """Refuse edits that don't fit the network.

        Raises:
            BadValue: an unknown site, or a vector of another width.
        """
        for edit in (edit for edits in self.variants for edit in edits):
            width = self.sites.width(edit.site)
            if edit.vector.shape[-1] != width:
                raise BadValue(
                    f"vectors at {edit.site} have the width {width} in this model, "
                    f"not {edit.vector.shape[-1]}"
                )
            if edit.gate is not None and edit.gate.probe.shape != (width,):
                raise BadValue(f"a gate's probe has the shape ({width},) at {edit.site}")

    def marked(
        self, tokens: Sequence[int], prompt: int, variant: int = 0, start: int = 0
    ) -> tuple[int, ...]:
        """Mark a variant's tokens from position `start` on, after a prompt of `prompt` tokens."""
        always = self._always[variant]
        if always is not None:
            return tuple(t | always << SHIFT for t in tokens) if always else tuple(tokens)
        edits = self.variants[variant]
        active = (
            tuple(e for e in edits if e.when.holds(position, prompt))
            for position in range(start, start + len(tokens))
        )
        return tuple(
            token | self.combinations.number(edits_here) << SHIFT
            for token, edits_here in zip(tokens, active, strict=True)
        )

    def in_marks(self, sequences: Sequence[Sequence[int]]) -> list[Edit]:
        """Return the edits that hold for any token of marked sequences."""
        marks = {token >> SHIFT for sequence in sequences for token in sequence}
        return [edit for mark in sorted(marks) for edit in self.combinations.edits[mark]]

    @contextmanager
    def in_force(
        self, tokens: Sequence[int], positions: Sequence[int], hooks: SiteHooks = ()
    ) -> Iterator[None]:
        """Edit the marked tokens of one pass, and pass the hidden states to `hooks`."""
        marks = [t >> SHIFT for t in tokens]
        distinct = tuple(sorted(set(marks)))
        changes: list[tuple[Site, Change]] = []
        if distinct != (0,):
            row_of = {mark: row for row, mark in enumerate(distinct)}
            rows = None if len(distinct) == 1 else torch.tensor([row_of[mark] for mark in marks])
            for site, steps in self._steps(distinct).items():
                changes += [(site, self._change(site, s, rows, positions)) for s in steps]
        handles = []
        try:
            for site, change in (*changes, *hooks):
                handles.append(self.sites.hook(site, change))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _change(
        self, site: Site, step: "_Step", rows: Tensor | None, positions: Sequence[int]
    ) -> Change:
        trace = self.trace

        def change(hidden: Tensor) -> Tensor:
            here = None if rows is None else rows.to(hidden.device)
            moved = step.on(hidden.device).delta(hidden, here)
            if trace is not None:
                norms = moved.float().norm(dim=-1).expand(len(positions)).tolist()
                pairs = zip(positions, norms, strict=True)
                trace.extend(Touch(site, step.edit.op, p, n) for p, n in pairs if n)
            return hidden + moved.to(hidden.dtype)

        return change

    def _steps(self, distinct: tuple[int, ...]) -> Mapping[Site, list["_Step"]]:
        if distinct not in self._compiled:
            if len(self._compiled) >= COMPILED:
                self._compiled.clear()
            self._compiled[distinct] = _compile([self.combinations.edits[m] for m in distinct])
        return self._compiled[distinct]


def _compile(rows: Sequence[tuple[Edit, ...]]) -> dict[Site, list["_Step"]]:
    """Group the edits of all rows by site; the k-th edits of the rows are applied together."""
    steps: dict[Site, list[_Step]] = {}
    for site in dict.fromkeys(e.site for edits in rows for e in edits):
        at_site = [[e for e in edits if e.site == site] for edits in rows]
        for k in range(max(map(len, at_site))):
            groups: dict[str, list[Edit | None]] = {}
            for row, edits in enumerate(at_site):
                if k < len(edits):
                    kind = replace(edits[k], strength=1.0, when=When()).key
                    if edits[k].op == "add" and edits[k].gate is None:
                        kind = "add"  # vectors are summed up in a table, whatever they are
                    groups.setdefault(kind, [None] * len(rows))[row] = edits[k]
            steps.setdefault(site, []).extend(
                [_step(kind, group) for kind, group in groups.items()]
            )
    return steps


def _step(kind: str, group: Sequence[Edit | None]) -> "_Step":
    first = next(e for e in group if e is not None)
    strengths = np.array([0.0 if e is None else e.strength for e in group], dtype=np.float32)
    table = None
    if kind == "add":
        nothing = np.zeros_like(first.vector)
        vectors = np.stack([nothing if e is None else e.vector for e in group])
        table = torch.from_numpy(vectors * strengths[:, None])
    vector = torch.tensor(first.vector)
    axes = _basis(vector) if first.op == "project" else (vector / vector.norm())[..., None]
    return _Step(first, torch.from_numpy(strengths), table, vector, axes)


@dataclass(frozen=True, eq=False)
class _Step:
    """One edit of one or more rows, at strengths (rows,); `table` (rows, width) is what they add.

    `axes` (width, k) are the edit's orthonormal directions.
    """

    edit: Edit
    strengths: Tensor
    table: Tensor | None
    vector: Tensor
    axes: Tensor
    copies: dict[torch.device, "_Step"] = field(default_factory=dict)

    def on(self, device: torch.device) -> "_Step":
        """Return this step with its tensors on a device, copied there once."""
        if device == self.vector.device:
            return self
        if device not in self.copies:
            self.copies[device] = _Step(
                self.edit,
                self.strengths.to(device),
                None if self.table is None else self.table.to(device),
                self.vector.to(device),
                self.axes.to(device),
            )
        return self.copies[device]

    def delta(self, hidden: Tensor, rows: Tensor | None) -> Tensor:
        """Return the change of each token, (tokens, width); zero where the edit doesn't apply."""
        if self.table is not None:
            return self.table if rows is None else self.table[rows]
        h = hidden.float()
        moved = self._whole(h) * (self.strengths if rows is None else self.strengths[rows])[:, None]
        gate = self.edit.gate
        if gate is None:
            return moved
        probe = torch.tensor(gate.probe, device=h.device)
        return torch.where((h @ probe > gate.threshold)[:, None], moved, 0.0)

    def _whole(self, h: Tensor) -> Tensor:
        """Return the change at strength 1, shape (tokens, width)."""
        op = self.edit.op
        if op == "add":
            return self.vector
        if op == "replace":
            return self.vector - h
        along = h @ self.axes
        if op == "project":
            return -along @ self.axes.T
        if op == "ablate":
            return self.vector - along @ self.axes.T
        low, high = self.edit.bounds
        return (along.clamp(low, high) - along) @ self.axes.T


def _basis(rows: Tensor) -> Tensor:
    """Return an orthonormal basis (width, rank) of the span of one or more rows."""
    _, sizes, directions = torch.linalg.svd(rows.reshape(-1, rows.shape[-1]), full_matrices=False)
    nonzero = sizes > sizes[0] * 1e-6
    return cast(Tensor, directions[nonzero].T)
