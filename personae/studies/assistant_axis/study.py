"""The assistant axis: where a model's default stands among roles, how it drifts, what a cap holds.

System   assistant-axis
Paper    Lu, Gallagher, Michala, Fish & Lindsey 2026 (arXiv:2601.10387)
Asks     Is there a direction from roles to the default assistant, do conversations of some kinds
         drift away along it, and does capping activations hold the assistant without damage?
Differs  replies are found by their place in the chat and not by their text; the axis is judged on
         questions that didn't make it, beside random directions and beside any one role against
         the others; a role with too few rollouts is named; what a cap holds is read from what was
         said by the model without the cap, beside a cap along a random direction; without a judge
         every reply counts; fewer rollouts by default, with split-half cosines
Version  2
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np

from personae.core import (
    Answers,
    Cell,
    Estimate,
    Heading,
    Model,
    Note,
    OpenModel,
    Part,
    Report,
    Sampling,
    Site,
    Table,
    require_white_box,
)
from personae.designs.steering_bench import shipped_bench
from personae.report.render.figure_json import figure_from_data
from personae.stats.effects.effect_sizes import mean_difference, paired_permutation
from personae.stats.resample import mean
from personae.stats.two_level import two_level_mean
from personae.studies.assistant_axis.drift import (
    OPEN_ENDED,
    Caps,
    Drift,
    Held,
    assistant_caps,
    drift_of,
    held_by,
    slope,
    trajectories,
)
from personae.studies.assistant_axis.roles import (
    Conversation,
    load_roles,
    load_transcripts,
    scripted_conversations,
)
from personae.studies.assistant_axis.space import (
    GAP,
    RoleSpace,
    Rollout,
    Separation,
    held_roles,
    perform_roles,
    read_roles,
)
from personae.studies.assistant_axis.space_parts import projections, space_tables

__all__ = ["assistant_axis"]


@dataclass(frozen=True, slots=True)
class _Size:
    """How much is asked: roles, system texts, questions, reply tokens, conversations, turns."""

    roles: int
    prompts: int
    questions: int
    tokens: int
    conversations: int
    turns: int


QUICK, WHOLE = _Size(8, 1, 6, 12, 1, 3), _Size(1000, 1000, 1000, 64, 2, 6)


def assistant_axis(
    model: OpenModel,
    roles: str = "",
    transcripts: str = "",
    judge: Model | None = None,
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Map a model's roles inside, find the assistant's axis, watch it drift, and cap it.

    Args:
        model: who speaks; its activations are read.
        roles: a folder of published role files; 24 shipped roles and 12 questions without it.
        transcripts: a published transcript, or a folder of them, to be read along the axis.
        judge: who says how far a reply holds its role; without a judge every reply counts.
        seed: seed of the replies and of the resampling.
        quick: eight roles, six questions, short replies.
    """
    subject = require_white_box(model, "the study of the assistant axis")
    size = QUICK if quick else WHOLE
    given = load_transcripts(transcripts) if transcripts else []
    bank = load_roles(roles).few(size.roles, size.prompts, size.questions)
    sampling = Sampling(max_tokens=size.tokens, temperature=0.7, top_p=0.9, seed=seed)
    rollouts = perform_roles(subject, bank, sampling)
    judged, kept = (None, rollouts) if judge is None else held_roles(judge, rollouts, bank)
    space = read_roles(subject, kept, [Site(b) for b in range(subject.anatomy.blocks)])
    middle = Site(subject.anatomy.blocks // 2)
    apart = space.told_apart(middle, seed)
    caps = assistant_caps(subject, space, seed)
    scripts = scripted_conversations(size.conversations, size.turns)
    drift = drift_of(subject, space, caps, scripts, sampling)
    held = held_by(subject, space, caps, sampling)
    own = _rows(space, rollouts, middle, bank.tag)
    return Report(
        title=f"Assistant axis: {subject.name}",
        parts=(
            *_verdicts(apart, drift, held, middle, seed),
            Heading("Where the roles stand"),
            projections(space, middle, seed),
            *space_tables(space, middle, apart, seed),
            Heading("Drift over a conversation"),
            *_drifted(drift, size.turns, seed),
            *_transcripts(subject, given, space, middle),
            Heading("Capping"),
            *_capped(subject, caps, held, seed),
            Heading("Coverage"),
            *_coverage(rollouts, space, judge),
        ),
        answers=own if judged is None else Answers.concat([own, judged]),
    )


def _rows(space: RoleSpace, rollouts: Sequence[Rollout], site: Site, tag: str) -> Answers:
    """Make each rollout a row: its projection, or why there is none."""
    along = dict(
        zip(
            (r.id for r in space.rollouts),
            space.scale(site)(space.activations[site]).tolist(),
            strict=True,
        )
    )
    made = []
    for r in rollouts:
        value = along.get(r.id)
        status = "ok" if value is not None else r.reply.status
        if value is None and status in ("ok", "cut"):
            status = "unparsed"
        why = (
            ""
            if value is not None
            else r.reply.why or ("the role was not held" if r.said else "an empty reply")
        )
        made.append(
            {
                "respondent": r.role,
                "inventory": tag,
                "item": f"p{r.prompt}_q{r.question}",
                "scale": "assistant axis",
                "channel": "activation",
                "form": f"block {site.block}",
                "unit": GAP,
                "raw": r.reply.text,
                "value": value,
                "status": status,
                "why": why,
                "tokens_in": r.reply.tokens_in,
                "tokens_out": r.reply.tokens_out,
            }
        )
    return Answers.of(made)


def _held(held: Held, seed: int) -> tuple[Estimate, Estimate]:
    shift, other = (
        two_level_mean(table, name=name, of="question", unit=GAP, seed=seed)
        for name, table in (("cap along the axis", held.axis), ("random cap", held.random))
    )
    return shift, other


def _difference(drift: Drift) -> Estimate:
    return mean_difference(
        drift.slopes(open_ended=True),
        drift.slopes(open_ended=False),
        name="therapy and philosophy less coding and writing",
        of="conversation",
        unit=f"{GAP} a turn",
    )


def _verdicts(apart: Separation, drift: Drift, held: Held, middle: Site, seed: int) -> list[Part]:
    auc, roles = apart.default, float(np.median(apart.roles))
    clear = auc.low > max(0.5, apart.random)
    told = "tells" if clear else "does not clearly tell"
    drifts = _difference(drift)
    away = "drift away more" if drifts.high < 0 else "are not shown to drift away more"
    shift, other = _held(held, seed)
    beyond = two_level_mean(
        held.axis - held.random, name="difference", of="question", unit=GAP, seed=seed
    )
    holds = "brings" if beyond.low > 0 else "is not shown to bring"
    return [
        Note(
            f"The axis {told} the default assistant from roles on held-out questions at block "
            f"{middle.block}: AUC {auc.value:.2f} [{auc.low:.2f}, {auc.high:.2f}]; random "
            f"directions stay under {apart.random:.2f}; any one role against the others reaches "
            f"{roles:.2f} (median).",
            "verdict",
        ),
        Note(f"Conversations about feelings and minds {away} than tasks: {drifts}.", "verdict"),
        Note(
            f"Capping {holds} what the farthest roles say nearer to the assistant than a random "
            f"cap does: {shift}; {other}; {beyond}.",
            "verdict",
        ),
    ]


def _drifted(drift: Drift, turns: int, seed: int) -> list[Part]:
    domains = dict.fromkeys(talk.domain for talk in drift.talks)
    series, rows = [], []
    for domain in domains:
        own = [i for i, talk in enumerate(drift.talks) if talk.domain == domain]
        padded = np.full((2, len(own), turns), np.nan)
        for k, i in enumerate(own):
            for arm, values in enumerate((drift.plain[i], drift.capped[i])):
                padded[arm, k, : len(values)] = values
        with np.errstate(invalid="ignore"):
            line = [
                float(np.mean(c[~np.isnan(c)])) if (~np.isnan(c)).any() else None
                for c in padded[0].T
            ]
        series.append({"name": domain, "y": line})
        slopes = mean(
            [slope(drift.plain[i]) for i in own],
            name=domain,
            of="conversation",
            unit=f"{GAP} a turn",
            seed=seed,
        )
        shift = paired_permutation(
            (padded[1] - padded[0]).ravel(), name=domain, of="turn", unit=GAP, seed=seed
        )
        rows.append((domain, line[0], line[-1], slopes, shift))
    figure = figure_from_data(
        name="drift",
        title="Projection turn by turn",
        kind="lines",
        data={
            "x": list(range(1, turns + 1)),
            "x_label": "turn",
            "y_label": GAP,
            "series": series,
            "reference": 1.0,
        },
        alt="; ".join(f"{row[0]}: {row[1]:.2f} at first, {row[2]:.2f} at last" for row in rows),
    )
    table = Table(
        name="drift",
        title="Drift by domain",
        rows=tuple(rows),
        columns=("domain", "first turn", "last turn", "change a turn", "capped less not capped"),
        note="Users' turns are scripted and the same in both arms; what was said is read without "
        f"the cap. Open-ended: {', '.join(OPEN_ENDED)}.",
    )
    return [figure, table]


def _transcripts(
    model: OpenModel, given: Sequence[Conversation], space: RoleSpace, site: Site
) -> list[Part]:
    if not given:
        return []
    found = trajectories(model, given, site, space.scale(site))
    rows: list[tuple[Cell, ...]] = []
    for talk, values in zip(given, found, strict=True):
        turns = sum(m.role == "assistant" for m in talk.chat)
        ends = (float(values[0]), float(values[-1])) if len(values) else (None, None)
        change = slope(values) if len(values) > 1 else None
        rows.append((talk.name, talk.domain, turns, len(values), *ends, change))
    longest = max(len(values) for values in found)
    series = [
        {"name": talk.name, "y": [*map(float, v), *[None] * (longest - len(v))]}
        for talk, v in zip(given, found, strict=True)
    ]
    figure = figure_from_data(
        name="transcripts",
        title="Given conversations, turn by turn",
        kind="lines",
        data={
            "x": list(range(1, longest + 1)),
            "x_label": "turn",
            "y_label": GAP,
            "series": series,
            "reference": 1.0,
        },
        alt="; ".join(f"{row[0]}: {row[4]} to {row[5]}" for row in rows),
    )
    table = Table(
        name="transcripts",
        title="Given conversations",
        rows=tuple(rows),
        columns=("conversation", "domain", "turns", "turns read", "first", "last", "change a turn"),
        note="The words are those of the transcript; this model only reads them.",
    )
    return [figure, table]


def _capped(model: OpenModel, caps: Caps, held: Held, seed: int) -> list[Part]:
    bench = shipped_bench((), texts=6, choices=20)
    measured = bench.measure(model, [(), caps.axis, caps.random])
    shifts = _held(held, seed)
    rows: list[tuple[Cell, ...]] = []
    for arm, name in enumerate(("along the axis", "along a random direction"), start=1):
        nats = mean(
            measured.nats[arm] - measured.nats[0],
            name="perplexity",
            of="text",
            unit="nats a token",
            seed=seed,
        )
        right = mean(
            measured.right[arm] - measured.right[0],
            name="right",
            of="question",
            unit="share",
            seed=seed,
        )
        rows.append((name, shifts[arm - 1], nats, exp(nats.value), right))
    moved = caps.moved
    table = Table(
        name="capping",
        title=f"Capping at blocks {caps.blocks[0]} to {caps.blocks[-1]}",
        columns=("cap", "replies moved", "loss on plain text", "perplexity ratio", "right answers"),
        rows=tuple(rows),
        note=f"Replies of {', '.join(held.roles)}. Each cap lifts what lies below the 25th "
        f"percentile of the default's own tokens: {moved[0]:.0%} of its tokens and "
        f"{moved[1]:.0%} of the roles' at block {caps.blocks[0]}.",
    )
    return [table]


def _coverage(rollouts: Sequence[Rollout], space: RoleSpace, judge: Model | None) -> list[Part]:
    kept = {r.id for r in space.rollouts}
    rows: list[tuple[Cell, ...]] = []
    for name in dict.fromkeys(r.role for r in rollouts):
        own = [r for r in rollouts if r.role == name]
        states = [r.reply.status for r in own]
        empty = sum(r.reply.status in ("ok", "cut") and not r.said for r in own)
        rows.append(
            (
                name,
                len(own),
                sum(r.id in kept for r in own),
                states.count("refused"),
                empty,
                states.count("error"),
                "no" if name in space.dropped else "yes",
            )
        )
    how = "every reply counts" if judge is None else f"{judge.name} judged them"
    parts: list[Part] = [
        Table(
            name="coverage",
            title="Replies",
            rows=tuple(rows),
            columns=("role", "asked", "used", "refused", "unparsed", "error", "counts"),
            note=f"Unparsed: an empty reply. Of the roles {how}.",
        )
    ]
    if space.dropped:
        left = ", ".join(f"{name} ({n})" for name, n in space.dropped.items())
        parts.append(Note(f"Left out for too few replies that hold the role: {left}.", "warning"))
    return parts
