"""What every section of the card is given, and what it gives back."""

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Section:
    """A section's parts, its heading first; notes of level verdict move to the card's top."""

    parts: tuple[Part, ...]
    answers: Answers | None = None
