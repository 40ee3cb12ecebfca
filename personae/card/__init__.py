"""The persona card: what was requested, what was measured, how sure that is, and what it cost."""

from personae.card.card import Design, card

__all__ = ["Design", "card"]
