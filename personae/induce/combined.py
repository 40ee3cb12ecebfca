"""Inductions joined: `a & b` applies both, of whatever kinds and in any number.

Each part is first bound to the model and the persona: its words are written and its vectors made as
if it were the only one. Then the parts are entered one inside the other, the first innermost, so
that words are read in the order in which the parts are named, and edits add up.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_
from typing import TypeVar

from personae.core import Induction, Model, Needs, Persona, brief, require_white_box

__all__ = ["CombinedInduction", "InductionBase", "combine", "induction_text"]

M = TypeVar("M", bound=Model)


class InductionBase(ABC):
    """An induction with what Personae's own offer beyond the Protocol: `&`, words, binding."""

    name: str
    needs: Needs

    @abstractmethod
    def __call__(self, model: M, persona: Persona) -> AbstractContextManager[M]:
        """Yield a model of the same capability that carries the persona."""

    def __and__(self, other: Induction) -> "CombinedInduction":
        """Join two inductions, as `combine` does."""
        return combine(self, other)

    def bound(self, model: Model, persona: Persona) -> Induction:
        """Return this induction with its preparation for this model and persona done."""
        return self

    def text(self, model: Model, persona: Persona) -> str:
        """Return the words that the model will read; "" for an induction without words.

        Raises:
            PersonaeError: as the call.
        """
        return ""


@dataclass(frozen=True, eq=False)
class CombinedInduction(InductionBase):
    """Several inductions as one; its needs are those of all its parts."""

    name: str
    needs: Needs
    parts: tuple[Induction, ...]

    def __repr__(self) -> str:
        return brief(self, self.name)

    def __call__(self, model: M, persona: Persona) -> AbstractContextManager[M]:
        """Yield a model with every part in force.

        Raises:
            InputError: a part needs an open model, and this is none.
            PersonaeError: as the parts.
        """
        return self._carrier(model, persona)

    @contextmanager
    def _carrier(self, model: M, persona: Persona) -> Iterator[M]:
        with ExitStack() as stack:
            for part in self.bound(model, persona).parts:
                model = stack.enter_context(part(model, persona))
            yield model

    def bound(self, model: Model, persona: Persona) -> "CombinedInduction":
        """Bind every part to the model as if it were the only one."""
        for part in self.parts:
            if part.needs.capability == "OpenModel":
                require_white_box(model, repr(part.name))
        parts = [
            part.bound(model, persona) if isinstance(part, InductionBase) else part
            for part in self.parts
        ]
        return replace(self, parts=tuple(parts))

    def text(self, model: Model, persona: Persona) -> str:
        """Return the words of all parts, in their order."""
        texts = [induction_text(part, model, persona) for part in self.parts]
        return "\n\n".join(filter(None, texts))


def combine(*inductions: Induction, name: str = "") -> CombinedInduction:
    """Join inductions into one, called "A & B" unless another name is given.

    >>> from personae.induce.prompt.prompt_inductions import naive, words
    >>> both = combine(naive, words)
    >>> both.name, both.needs.layers, (both & naive).name
    ('naive & words', (('domains',),), 'naive & words & naive')
    """
    return CombinedInduction(
        name=name or " & ".join(induction.name for induction in inductions),
        needs=reduce(and_, (induction.needs for induction in inductions)),
        parts=inductions,
    )


def induction_text(induction: Induction, model: Model, persona: Persona) -> str:
    """Return the words by which an induction carries a persona; "" if it has none."""
    return induction.text(model, persona) if isinstance(induction, InductionBase) else ""
