"""What every section of the card is given, and what it gives back."""

from dataclasses import dataclass

from personae.card.analysis import ChannelScores
from personae.core import Answers, Channel, Chooser, Induction, Inventory, Part, Persona

__all__ = ["CardContext", "Section"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CardContext:
    """What the card already knows when a section begins.

    `arm` is the card's main induction; `channel` the one whose scores are read; `answers`
    those of all arms in that channel, the control arm `unchanged` among them.
    """

    model: Chooser
    persona: Persona
    tool: Inventory
    arm: Induction
    channel: Channel
    answers: Answers
    seed: int
    quick: bool

    @property
    def scores(self) -> ChannelScores:
        """The answers, read against the control arm."""
        return ChannelScores(
            tool=self.tool, persona=self.persona, answers=self.answers, seed=self.seed
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Section:
    """A section's parts, its heading first; notes of level verdict move to the card's top."""

    parts: tuple[Part, ...]
    answers: Answers | None = None
