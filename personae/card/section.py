"""The input and the output of every section of the card."""

from dataclasses import dataclass

from personae.card.analysis import ChannelScores
from personae.core import Answers, Channel, Chooser, Induction, Inventory, Part, Persona

__all__ = ["CardContext", "Section"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CardContext:
    """The card's setting and results, as a section finds them.

    `arm` is the card's main induction, `channel` the one that is scored, and `scores` the answers
    of all arms in that channel, compared with the control arm.
    """

    model: Chooser
    arm: Induction
    channel: Channel
    scores: ChannelScores
    quick: bool

    @property
    def persona(self) -> Persona:
        """Who the model is asked to be."""
        return self.scores.persona

    @property
    def tool(self) -> Inventory:
        """The card's inventory."""
        return self.scores.tool

    @property
    def seed(self) -> int:
        """Seed of draws and of the resampling."""
        return self.scores.seed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Section:
    """A section's parts, its heading first; notes of level verdict move to the card's top."""

    parts: tuple[Part, ...]
    answers: Answers | None = None
