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
    domains = [conversation.domain for conversation in drift.conversations]
    for domain in dict.fromkeys(domains):
        indices = [i for i, other in enumerate(domains) if other == domain]
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
                "change per turn": mean(
                    [slope(drift.plain[i]) for i in indices],
                    name=domain,
                    of="conversation",
                    unit=f"{GAP} per turn",
                    seed=seed,
                ),
                "with the cap less without": paired_permutation(
                    (capped - plain).ravel(), name=domain, of="turn", unit=GAP, seed=seed
                ),
            }
        )
    note = (
        "The users' turns are scripted, the same with and without the cap; replies are recorded "
        f"without it. Open-ended domains: {', '.join(OPEN_ENDED)}."
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
    """Draw projections by turn, one curve per name."""
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
    return f"{label}: from {known[0]:.2f} to {known[-1]:.2f}"


def transcript_parts(
    model: OpenModel, transcripts: Sequence[Conversation], space: RoleSpace, site: Site
) -> list[Part]:
    """Draw and tabulate transcripts along the axis; nothing where there is none."""
    if not transcripts:
        return []
    projections = trajectories(model, transcripts, site, space.scale(site))
    longest = max(len(values) for values in projections)
    curves: dict[str, list[float | None]] = {}
    rows: list[Row] = []
    for transcript, values in zip(transcripts, projections, strict=True):
        ends: tuple[Point, Point] = (
            (float(values[0]), float(values[-1])) if len(values) else (None, None)
        )
        curves[transcript.name] = [*map(float, values), *[None] * (longest - len(values))]
        rows.append(
            {
                "conversation": transcript.name,
                "domain": transcript.domain,
                "turns": sum(m.role == "assistant" for m in transcript.chat),
                "turns recorded": len(values),
                "first": ends[0],
                "last": ends[1],
                "change per turn": slope(values) if len(values) > 1 else None,
            }
        )
    note = "The model reads the transcripts and writes nothing itself."
    return [
        _curve_figure("transcripts", "Transcripts, turn by turn", curves),
        table("transcripts", "Transcripts", rows, note),
    ]


def shift_estimate(shifts: Array, name: str, seed: int) -> Estimate:
    """Estimate a cap's mean shift in units of the gap; questions and roles are both resampled.

    The interval is that of `two_level_mean` (Owen 2007, Ann. Appl. Stat. 1). Undefined without a
    reply.

    Args:
        shifts: shape (questions, roles), NaN where there is no reply.
        name: what the estimate is called.
        seed: seed of the resampling.
    """
    return two_level_mean(shifts, name=name, of="question", unit=GAP, seed=seed)


def cap_table(model: OpenModel, caps: Caps, shifts: CapShifts, seed: int) -> Table:
    """Tabulate each cap's effect on replies, on the loss on plain text and on right answers."""
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
        loss = mean(nats, name="perplexity", of="text", unit="nats per token", seed=seed)
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
        f"Replies of {', '.join(shifts.roles)}. Each cap lifts tokens that lie below the 25th "
        f"percentile of the default's own: {caps.lifted[0]:.0%} of its tokens and "
        f"{caps.lifted[1]:.0%} of the roles' at block {caps.blocks[0]}."
    )
    title = f"Capping at blocks {caps.blocks[0]} to {caps.blocks[-1]}"
    return table("capping", title, rows, note)
