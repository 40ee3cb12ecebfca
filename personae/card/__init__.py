"""The persona card: what was asked for, what came out, how sure that is, and what it cost."""

from personae.card.card import Design, card

__all__ = ["Design", "card"]
