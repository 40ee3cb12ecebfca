"""Rollouts: replies in roles and as the default assistant; a judge rates how fully they play it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from personae.core import (
    Answers,
    Chat,
    Message,
    Model,
    Reply,
    Sampling,
    requests_of,
    say,
)
from personae.measure.judge.judge import judge, settle
from personae.measure.judge.rubric import Case, load_rubric
from personae.studies.assistant_axis.roles import DEFAULT, RoleBank

__all__ = ["Rollout", "judged_roles", "perform_roles"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A reply in a role: the indices of system text and question, the chat, the reply itself."""

    role: str
    prompt: int
    question: int
    chat: Chat
    reply: Reply

    @property
    def id(self) -> str:
        """The role, then the key under which activations are published."""
        return f"{self.role}/pos_p{self.prompt}_q{self.question}"

    @property
    def has_text(self) -> bool:
        """Whether there is a reply to record."""
        return self.reply.status in ("ok", "cut") and bool(self.reply.text.strip())

    def answered(self, reply: Reply) -> "Rollout":
        """Replace the reply."""
        return replace(
            self, reply=reply, chat=(*self.chat[:-1], Message("assistant", reply.text.strip()))
        )


def perform_roles(model: Model, bank: RoleBank, sampling: Sampling) -> list[Rollout]:
    """Ask every question under every system text; an empty text means no system turn."""
    chats = [
        (role, p, q, say(question, system=text or None))
        for role, texts in bank.roles.items()
        for p, text in enumerate(texts)
        for q, question in enumerate(bank.questions)
    ]
    replies = model.reply(requests_of(chat for *_, chat in chats), sampling)
    return [
        Rollout(
            role=role,
            prompt=p,
            question=q,
            reply=reply,
            chat=(*chat, Message("assistant", reply.text.strip())),
        )
        for (role, p, q, chat), reply in zip(chats, replies, strict=True)
    ]


def judged_roles(
    judge_model: Model, rollouts: Sequence[Rollout], bank: RoleBank
) -> tuple[Answers, list[Rollout]]:
    """Let a judge rate how fully each reply plays its role, 0 to 3; keep the default and every 3.

    The rating scale is the published one. A lost judgement is a row of the answers, and its rollout
    isn't kept.

    Returns:
        The judge's answers, and the rollouts that are kept.
    """
    judged = [r for r in rollouts if r.role != DEFAULT and r.has_text]
    cases = [
        Case(
            r.id,
            {
                "role": bank.roles[r.role][0],
                "question": bank.questions[r.question],
                "answer": r.chat[-1].text,
            },
        )
        for r in judged
    ]
    answers = judge(judge_model, load_rubric("role-held"), cases)
    scores = {verdict.case: verdict.value for verdict in settle(answers)}
    return answers, [r for r in rollouts if r.role == DEFAULT or scores.get(r.id, 0.0) >= 2.5]
