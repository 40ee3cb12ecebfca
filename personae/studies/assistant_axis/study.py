"""The assistant axis: a model's default among roles, its drift over a conversation, and a cap.

System   assistant-axis
Paper    Lu, Gallagher, Michala, Fish & Lindsey 2026 (arXiv:2601.10387)
Asks     Is there a direction from roles to the default assistant, do conversations of some kinds
         drift away along it, and does capping activations hold the assistant without damage?
Differs  replies are located by their position in the chat, not by their text; the axis is tested on
         held-out questions, beside random directions and beside each role against the others; a
         role with too few rollouts is named; the effect of a cap is recorded without the cap,
         beside that of a cap along a random direction; without a judge every reply counts; fewer
         rollouts by default, with split-half cosines
Version  2
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from personae.core import (
    Answers,
    Heading,
    Model,
    OpenModel,
    Part,
    Report,
    Sampling,
    Site,
    require_white_box,
)
from personae.report.build import estimate_words, verdict
from personae.stats.effects.effect_sizes import mean_difference
from personae.studies.assistant_axis.caps import CapShifts, assistant_caps, cap_shifts
from personae.studies.assistant_axis.drift import Drift, scripted_drift
from personae.studies.assistant_axis.drift_tables import (
    cap_table,
    drift_parts,
    shift_estimate,
    transcript_parts,
)
from personae.studies.assistant_axis.role_tables import (
    component_table,
    depth_table,
    projection_figure,
    rollout_coverage,
)
from personae.studies.assistant_axis.roles import (
    load_roles,
    load_transcripts,
    scripted_conversations,
)
from personae.studies.assistant_axis.rollouts import Rollout, judged_roles, perform_roles
from personae.studies.assistant_axis.space import GAP, RoleSpace, Separation, record_roles

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


QUICK, FULL = _Size(8, 1, 6, 12, 1, 3), _Size(1000, 1000, 1000, 64, 2, 6)


def assistant_axis(
    model: OpenModel,
    roles: str = "",
    transcripts: str = "",
    judge: Model | None = None,
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Record a model's states in roles, find the assistant axis, measure drift on it, and cap it.

    Args:
        model: who speaks; its activations are recorded.
        roles: a folder of published role files; without it, 24 shipped roles and 12 questions.
        transcripts: a published transcript, or a folder of them, to be projected on the axis.
        judge: who rates how fully a reply plays its role; without a judge every reply counts.
        seed: seed of the replies and of the resampling.
        quick: eight roles, six questions, short replies.
    """
    subject = require_white_box(model, "the study of the assistant axis")
    size = QUICK if quick else FULL
    talks = load_transcripts(transcripts) if transcripts else []
    bank = load_roles(roles).few(size.roles, size.prompts, size.questions)
    sampling = Sampling(max_tokens=size.tokens, temperature=0.7, top_p=0.9, seed=seed)
    rollouts = perform_roles(subject, bank, sampling)
    judged, counted = (None, rollouts) if judge is None else judged_roles(judge, rollouts, bank)
    space = record_roles(subject, counted, [Site(b) for b in range(subject.anatomy.blocks)])
    middle = Site(subject.anatomy.blocks // 2)
    separation = space.separation(middle, seed)
    caps = assistant_caps(subject, space, seed)
    scripts = scripted_conversations(size.conversations, size.turns)
    drift = scripted_drift(subject, space, caps, scripts, sampling)
    shifts = cap_shifts(subject, space, caps, sampling)
    answers = _projection_answers(space, rollouts, middle, bank.tag)
    return Report(
        title=f"Assistant axis: {subject.name}",
        parts=(
            *_verdicts(separation, drift, shifts, middle, seed),
            Heading("Where the roles stand"),
            projection_figure(space, middle, seed),
            depth_table(space, middle, separation, seed),
            component_table(space, middle),
            Heading("Drift over a conversation"),
            *drift_parts(drift, size.turns, seed),
            *transcript_parts(subject, talks, space, middle),
            Heading("Capping"),
            cap_table(subject, caps, shifts, seed),
            Heading("Coverage"),
            *rollout_coverage(rollouts, space, judge.name if judge else ""),
        ),
        answers=answers if judged is None else Answers.concat([answers, judged]),
    )


def _projection_answers(
    space: RoleSpace, rollouts: Sequence[Rollout], site: Site, tag: str
) -> Answers:
    """Give each rollout's projection as an answer, or why there is none."""
    values = space.scale(site)(space.activations[site]).tolist()
    projections = dict(zip((r.id for r in space.rollouts), values, strict=True))
    return Answers.of(
        {
            "respondent": r.role,
            "inventory": tag,
            "item": f"p{r.prompt}_q{r.question}",
            "scale": "assistant axis",
            "channel": "activation",
            "form": f"block {site.block}",
            "unit": GAP,
            "raw": r.reply.text,
            "value": projections.get(r.id),
            "tokens_in": r.reply.tokens_in,
            "tokens_out": r.reply.tokens_out,
            **_status(r, projected=r.id in projections),
        }
        for r in rollouts
    )


def _status(rollout: Rollout, *, projected: bool) -> dict[str, str]:
    if projected:
        return {"status": "ok", "why": ""}
    lost = rollout.reply.status not in ("ok", "cut")
    reason = "the role was not played" if rollout.has_text else "an empty reply"
    return {
        "status": rollout.reply.status if lost else "unparsed",
        "why": rollout.reply.why or reason,
    }


def _verdicts(
    separation: Separation, drift: Drift, shifts: CapShifts, middle: Site, seed: int
) -> list[Part]:
    clear = separation.default.low > max(0.5, separation.random)
    separates = "separates" if clear else "is not shown to separate"
    difference = mean_difference(
        drift.slopes(open_ended=True),
        drift.slopes(open_ended=False),
        name="therapy and philosophy less coding and writing",
        of="conversation",
        unit=f"{GAP} per turn",
    )
    drifts = "drift away more" if difference.high < 0 else "are not shown to drift away more"
    axis = shift_estimate(shifts.axis, "cap along the axis", seed)
    control = shift_estimate(shifts.random, "random cap", seed)
    beyond = shift_estimate(shifts.axis - shifts.random, "difference", seed)
    brings = "brings" if beyond.low > 0 else "is not shown to bring"
    return [
        verdict(
            f"The axis {separates} the default assistant from roles on held-out questions at block "
            f"{middle.block}: AUC {estimate_words(separation.default, '.2f')}; 95 % of random "
            f"directions stay below {separation.random:.2f}; a role is separated from the other "
            f"roles with {np.median(separation.roles):.2f} (median)."
        ),
        verdict(f"Conversations about feelings and minds {drifts} than tasks: {difference}."),
        verdict(
            f"A cap along the axis {brings} the replies of the farthest roles closer to the "
            f"assistant than a random cap does: {axis}; {control}; {beyond}."
        ),
    ]
