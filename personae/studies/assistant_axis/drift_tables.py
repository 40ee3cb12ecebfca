"""Parts of the report on conversations and caps: drift by domain, transcripts, effects of caps."""

from collections.abc import Sequence
from math import exp

import numpy as np

from personae.core import Array, Estimate, Figure, OpenModel, Part, Point, Site, Table
from personae.designs.steering_bench import shipped_bench
from personae.report.build import Row, ValueAxis, lines, table
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.resample import mean
from personae.stats.two_level import two_level_mean
from personae.studies.assistant_axis.caps import Caps, CapShifts
from personae.studies.assistant_axis.drift import OPEN_ENDED, Drift, slope, trajectories
from personae.studies.assistant_axis.roles import Conversation
from personae.studies.assistant_axis.space import GAP, RoleSpace

__all__ = ["cap_table", "drift_parts", "shift_estimate", "transcript_parts"]


def drift_parts(drift: Drift, turns: int, seed: int) -> list[Part]:
    """Draw and tabulate the mean trajectory of each domain, and what the cap changes."""
    curves: dict[str, list[float | None]] = {}
    rows: list[Row] = []
    for domain in dict.fromkeys(talk.domain for talk in drift.talks):
        indices = [i for i, talk in enumerate(drift.talks) if talk.domain == domain]
        plain, capped = (
            _padded([values[i] for i in indices], turns) for values in (drift.plain, drift.capped)
        )
        curve = _turn_means(plain)
        curves[domain] = curve
        rows.append(
            {
                "domain": domain,
                "first turn": curve[0],
                "last turn": curve[-1],
                "change a turn": mean(
                    [slope(drift.plain[i]) for i in indices],
                    name=domain,
                    of="conversation",
                    unit=f"{GAP} a turn",
                    seed=seed,
                ),
                "capped less not capped": paired_permutation(
                    (capped - plain).ravel(), name=domain, of="turn", unit=GAP, seed=seed
                ),
            }
        )
    note = (
        "Users' turns are scripted and the same in both arms; replies are recorded without the "
        f"cap. Open-ended domains: {', '.join(OPEN_ENDED)}."
    )
    return [
        _curve_figure("drift", "Projection turn by turn", curves),
        table("drift", "Drift by domain", rows, note),
    ]


def _padded(trajectories: Sequence[Array], turns: int) -> Array:
    """Stack trajectories as (conversations, turns), NaN after the end of each."""
    stack = np.full((len(trajectories), turns), np.nan)
    for row, values in zip(stack, trajectories, strict=True):
        row[: len(values)] = values
    return stack


def _turn_means(stack: Array) -> list[float | None]:
    """Average (conversations, turns) over the conversations that reach a turn; None where none."""
    known = ~np.isnan(stack)
    return [
        float(column[mask].mean()) if mask.any() else None
        for column, mask in zip(stack.T, known.T, strict=True)
    ]


def _curve_figure(name: str, title: str, curves: dict[str, list[float | None]]) -> Figure:
    """Draw projections by turn, one curve a name."""
    turns = range(1, max(map(len, curves.values())) + 1)
    return lines(
        name,
        title,
        ("turn", tuple(turns)),
        curves,
        ValueAxis(GAP, reference=1.0),
        alt="; ".join(_ends(label, curve) for label, curve in curves.items()),
    )


def _ends(label: str, curve: Sequence[float | None]) -> str:
    known = [value for value in curve if value is not None]
    if not known:
        return f"{label}: not known"
    return f"{label}: {known[0]:.2f} at first, {known[-1]:.2f} at last"


def transcript_parts(
    model: OpenModel, transcripts: Sequence[Conversation], space: RoleSpace, site: Site
) -> list[Part]:
    """Draw and tabulate given conversations along the axis; nothing where there is none."""
    if not transcripts:
        return []
    projections = trajectories(model, transcripts, site, space.scale(site))
    longest = max(len(values) for values in projections)
    curves: dict[str, list[float | None]] = {}
    rows: list[Row] = []
    for talk, values in zip(transcripts, projections, strict=True):
        ends: tuple[Point, Point] = (
            (float(values[0]), float(values[-1])) if len(values) else (None, None)
        )
        curves[talk.name] = [*map(float, values), *[None] * (longest - len(values))]
        rows.append(
            {
                "conversation": talk.name,
                "domain": talk.domain,
                "turns": sum(m.role == "assistant" for m in talk.chat),
                "turns read": len(values),
                "first": ends[0],
                "last": ends[1],
                "change a turn": slope(values) if len(values) > 1 else None,
            }
        )
    note = "The words are those of the transcript; the model only reads them."
    return [
        _curve_figure("transcripts", "Given conversations, turn by turn", curves),
        table("transcripts", "Given conversations", rows, note),
    ]


def shift_estimate(shifts: Array, name: str, seed: int) -> Estimate:
    """Estimate a cap's mean shift over (questions, roles), both resampled."""
    return two_level_mean(shifts, name=name, of="question", unit=GAP, seed=seed)


def cap_table(model: OpenModel, caps: Caps, shifts: CapShifts, seed: int) -> Table:
    """Tabulate what each cap does to replies, to the loss on plain text and to right answers."""
    bench = shipped_bench((), texts=6, choices=20)
    scores = bench.measure(model, [(), caps.axis, caps.random])
    arms = {
        "along the axis": shift_estimate(shifts.axis, "cap along the axis", seed),
        "along a random direction": shift_estimate(shifts.random, "random cap", seed),
    }
    rows: list[Row] = []
    for index, (name, shift) in enumerate(arms.items(), start=1):
        nats = scores.nats[index] - scores.nats[0]
        right = scores.right[index] - scores.right[0]
        loss = mean(nats, name="perplexity", of="text", unit="nats a token", seed=seed)
        rows.append(
            {
                "cap": name,
                "shift of replies": shift,
                "loss on plain text": loss,
                "perplexity ratio": exp(loss.value),
                "right answers": mean(right, name="right", of="question", unit="share", seed=seed),
            }
        )
    note = (
        f"Replies of {', '.join(shifts.roles)}. Each cap lifts what lies below the 25th percentile "
        f"of the default's own tokens: {caps.lifted[0]:.0%} of its tokens and "
        f"{caps.lifted[1]:.0%} of the roles' at block {caps.blocks[0]}."
    )
    title = f"Capping at blocks {caps.blocks[0]} to {caps.blocks[-1]}"
    return table("capping", title, rows, note)
