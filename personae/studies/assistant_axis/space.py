"""A model's persona space: what it is like inside while it speaks in roles, and as itself.

Each rollout is a reply under a role's system text, read as the mean over the reply's own tokens.
The assistant axis of a block is the mean over the default's rollouts less the mean over the roles'
vectors, and so points towards the assistant (Lu et al. 2026, arXiv 2601.10387).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil

import numpy as np
from numpy.typing import NDArray

from personae.core import (
    Activations,
    Answers,
    Array,
    BadValue,
    Chat,
    Estimate,
    InputError,
    Message,
    Model,
    OpenModel,
    Reply,
    Sampling,
    Site,
    requests_of,
    say,
)
from personae.induce.steer.directions import direction
from personae.measure.judge.judge import judge, settle
from personae.measure.judge.rubric import Case, load_rubric
from personae.stats.prediction.linear_probes import auc_values
from personae.stats.resample import mean
from personae.studies.assistant_axis.roles import DEFAULT, RoleBank

__all__ = [
    "GAP",
    "RoleSpace",
    "Rollout",
    "Scale",
    "Separation",
    "held_roles",
    "perform_roles",
    "read_roles",
]

Mask = NDArray[np.bool_]
LEAST_SHARE = 50 / 1200
"""Of a role's rollouts so many must hold the role, as published, or it is left out."""
RANDOM, HALVES = 200, 20
GAP = "of the gap"
"""The unit of projections that have 0 at the mean of the roles and 1 at the default assistant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A role's system text and a question by number, the chat with its reply, how it ended."""

    role: str
    prompt: int
    question: int
    chat: Chat
    reply: Reply

    @property
    def id(self) -> str:
        """The key of published activations, behind the role."""
        return f"{self.role}/pos_p{self.prompt}_q{self.question}"

    @property
    def said(self) -> bool:
        """Whether there is a reply to read."""
        return self.reply.status in ("ok", "cut") and bool(self.reply.text.strip())

    def answered(self, reply: Reply) -> "Rollout":
        """Put another reply in the place of this one's."""
        return replace(
            self, reply=reply, chat=(*self.chat[:-1], Message("assistant", reply.text.strip()))
        )


def perform_roles(model: Model, bank: RoleBank, sampling: Sampling) -> list[Rollout]:
    """Have every question answered under every system text; an empty one means no system turn."""
    asked = [
        (role, p, q, say(question, system=text or None))
        for role, texts in bank.roles.items()
        for p, text in enumerate(texts)
        for q, question in enumerate(bank.questions)
    ]
    replies = model.reply(requests_of(chat for *_, chat in asked), sampling)
    return [
        Rollout(
            role=role,
            prompt=p,
            question=q,
            reply=reply,
            chat=(*chat, Message("assistant", reply.text.strip())),
        )
        for (role, p, q, chat), reply in zip(asked, replies, strict=True)
    ]


def held_roles(
    judge_model: Model, rollouts: Sequence[Rollout], bank: RoleBank
) -> tuple[Answers, list[Rollout]]:
    """Have a judge say how far each role was held, 0 to 3; keep the default and what got a 3.

    The scale is the published one; a judgement that is lost is a row of the answers, and its
    rollout isn't kept.
    """
    played = [r for r in rollouts if r.role != DEFAULT and r.said]
    cases = [
        Case(
            r.id,
            {
                "role": bank.roles[r.role][0],
                "question": bank.questions[r.question],
                "answer": r.chat[-1].text,
            },
        )
        for r in played
    ]
    answers = judge(judge_model, load_rubric("role-held"), cases)
    scores = {verdict.case: verdict.value for verdict in settle(answers)}
    kept = [r for r in rollouts if r.role == DEFAULT or scores.get(r.id, 0.0) >= 2.5]
    return answers, kept


def read_roles(model: OpenModel, rollouts: Sequence[Rollout], sites: Sequence[Site]) -> "RoleSpace":
    """Record the rollouts that said something at the sites, each as the mean over its reply.

    A role with too few rollouts, at least 2 and at least 50 of 1,200, is left out and named in
    `dropped`.

    Raises:
        InputError: fewer than two roles are left, or nothing of the default.
    """
    spoken = [r for r in rollouts if r.said]
    counts = {
        name: sum(r.role == name for r in spoken)
        for name in dict.fromkeys(r.role for r in rollouts)
    }
    asked = max(sum(r.role == name for r in rollouts) for name in counts)
    least = max(2, ceil(LEAST_SHARE * asked))
    dropped = {name: n for name, n in counts.items() if n < least}
    names = [name for name in counts if name not in dropped and name != DEFAULT]
    if DEFAULT in dropped or DEFAULT not in counts or len(names) < 2:
        raise InputError(
            f"an axis takes the default and two roles with {least} replies each; here "
            f"{', '.join(f'{n} {c}' for n, c in counts.items())}"
        )
    kept = [r for r in spoken if r.role not in dropped]
    found = model.record([r.chat for r in kept], sites, "replies")
    return RoleSpace(tuple(kept), tuple(names), found, dropped)


@dataclass(frozen=True, eq=False)
class RoleSpace:
    """Rollouts and what the model was like in each: by site (rollouts, width).

    `roles` are the roles that count, without the default; `dropped` those with too few rollouts,
    and how many these had.
    """

    rollouts: tuple[Rollout, ...]
    roles: tuple[str, ...]
    activations: Activations
    dropped: Mapping[str, int]

    def __post_init__(self) -> None:
        for site, rows in self.activations.items():
            if len(rows) != len(self.rollouts):
                raise BadValue(f"{len(self.rollouts)} rollouts, but {len(rows)} rows at {site}")

    @cached_property
    def _of(self) -> Mapping[str, Mask]:
        """Which rollouts are a role's, as masks; names are compared whole."""
        names = np.array([r.role for r in self.rollouts])
        return {name: names == name for name in (DEFAULT, *self.roles)}

    @cached_property
    def _asked(self) -> NDArray[np.int64]:
        return np.array([r.question for r in self.rollouts], dtype=np.int64)

    def vectors(self, site: Site, questions: Sequence[int] | None = None) -> Mapping[str, Array]:
        """Average each role's rollouts, and the default's, over all or some questions.

        A role without a reply to these questions is absent.
        """
        among = np.isin(self._asked, self._asked if questions is None else questions)
        masks = {name: mask & among for name, mask in self._of.items()}
        rows = self.activations[site]
        return {name: rows[mask].mean(axis=0) for name, mask in masks.items() if mask.any()}

    def axis(self, site: Site, questions: Sequence[int] | None = None) -> Array:
        """Give the axis of a block, (width,): default less the mean of the roles.

        Raises:
            BadValue: no reply of the default, or of any role, to these questions.
        """
        vectors = dict(self.vectors(site, questions))
        own = vectors.pop(DEFAULT, None)
        if own is None or not vectors:
            raise BadValue("an axis takes replies of the default and of a role")
        return direction(own[None], np.stack(list(vectors.values())))

    def scale(self, site: Site) -> "Scale":
        """Give the projection on the axis, with 0 at the mean of the roles and 1 at the default."""
        vectors = dict(self.vectors(site))
        default = vectors.pop(DEFAULT)
        centre = np.mean(list(vectors.values()), axis=0)
        return Scale(centre, default - centre)

    @property
    def questions(self) -> tuple[int, ...]:
        """The questions that the default and some role answered."""
        own = set(self._asked[self._of[DEFAULT]])
        others = set(self._asked[~self._of[DEFAULT]])
        return tuple(sorted(int(q) for q in own & others))

    def split_half(self, site: Site, seed: int = 0) -> float:
        """Average the cosine of axes from two halves of the questions; NaN below two questions."""
        asked = np.array(self.questions)
        if asked.size < 2:
            return float("nan")
        each = {q: self.axis(site, [q]) for q in asked}
        random = np.random.default_rng(seed)
        found = []
        for _ in range(HALVES):
            order = random.permutation(asked)
            halves = order[: len(order) // 2], order[len(order) // 2 :]
            a, b = (np.mean([each[q] for q in half], axis=0) for half in halves)
            found.append(float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-300)))
        return float(np.mean(found))

    def told_apart(self, site: Site, seed: int = 0) -> "Separation":
        """Tell default from roles on questions that didn't make the axis, beside two references.

        Each half of the questions is judged along the axis of the other half.
        """
        halves = self.questions[::2], self.questions[1::2]
        names = (DEFAULT, *self.roles)
        random = np.random.default_rng(seed).normal(size=(self.activations[site].shape[1], RANDOM))
        aucs: list[Array] = []
        noise: list[Array] = []
        for own, other in (halves, halves[::-1]):
            if not own or not other:
                continue
            axes = self._each_against_the_rest(site, other)
            for question in own:
                rows = self.activations[site][self._asked == question]
                who = [self._of[name][self._asked == question] for name in names]
                along = rows @ axes.T
                aucs.append(np.array([_auc(along[:, [i]], m, who) for i, m in enumerate(who)]))
                if who[0].any() and (~who[0]).any():
                    noise.append(auc_values(rows[who[0]] @ random, rows[~who[0]] @ random))
        table = np.array(aucs).reshape(-1, len(names))
        default = mean(table[:, 0], name="AUC", of="question", unit="rate", seed=seed)
        others = np.array([c[~np.isnan(c)].mean() for c in table.T[1:] if (~np.isnan(c)).any()])
        spread = np.mean(noise, axis=0) if noise else np.full(1, np.nan)
        return Separation(default, others, float(np.quantile(np.maximum(spread, 1 - spread), 0.95)))

    def _each_against_the_rest(self, site: Site, questions: Sequence[int]) -> Array:
        """Give the axis of the default, and of each role in its place, (1 + roles, width)."""
        vectors = self.vectors(site, questions)
        width = self.activations[site].shape[1]
        known = {n: v for n, v in vectors.items() if n != DEFAULT}
        axes = []
        for name in (DEFAULT, *self.roles):
            rest = [v for other, v in known.items() if other != name]
            there = name in vectors and rest
            axes.append(vectors[name] - np.mean(rest, axis=0) if there else np.full(width, np.nan))
        return np.array(axes)


@dataclass(frozen=True, slots=True)
class Separation:
    """How well default and roles are told apart.

    AUC of the default against the roles, of each role against the others, and what 95 % of random
    directions stay under.
    """

    default: Estimate
    roles: Array
    random: float


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """A projection in units of the gap between roles (0) and default (1) at one block."""

    centre: Array
    axis: Array

    def __call__(self, rows: Array) -> Array:
        """Project rows (n, width): (n,); NaN where default and roles are the same."""
        power = float(self.axis @ self.axis)
        return (rows - self.centre) @ self.axis / power if power else np.full(len(rows), np.nan)


def _auc(along: Array, mine: Mask, who: Sequence[Mask]) -> float:
    """Compare one role with all roles but the default, or the default with all roles."""
    rest = np.any([m for m in who[1:] if m is not mine], axis=0) & ~mine
    if not mine.any() or not rest.any() or np.isnan(along).any():
        return float("nan")
    return float(auc_values(along[mine], along[rest])[0])
