"""Inductions by words: MPI's three, the persona's text, graded adjectives.

Sources: Jiang et al. 2022 (arXiv 2206.07550) for `naive`, `words` and `p2`; Serapio-García et al.
2023 (arXiv 2307.00184) for `adjectives`. All requested traits enter, the strongest first. The words
go into the system turn, before any system text of the form's own; MPI's layout, a block "Truth:"
before the question, is `with_truth_layout(induction)`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from personae.core import CONTROL, InputError, Model, Needs, Persona
from personae.induce.combined import InductionBase
from personae.induce.prompt.portrait import PORTRAIT_TOKENS, Portrait, Portraits
from personae.induce.prompt.prompted import before_question, in_system, prompted, with_truth
from personae.induce.prompt.requested_words import (
    domain_sides,
    key_words,
    ladder_text,
    persona_prose,
    with_article,
)
from personae.personas.persona_layers import LAYERS
from personae.traits.trait_words import graded

__all__ = [
    "PortraitInduction",
    "PromptInduction",
    "adjectives",
    "naive",
    "own_text",
    "p2",
    "persona_text",
    "unchanged",
    "with_truth_layout",
    "words",
]

M = TypeVar("M", bound=Model)
ANYBODY, DOMAINS, TRAITS = Needs(), Needs.any_of("domains"), Needs.any_of("traits")
Layout = Literal["system", "truth", "user"]
_PLACEMENTS = {"system": in_system, "truth": with_truth, "user": before_question}


@dataclass(frozen=True, eq=False)
class PromptInduction(InductionBase):
    """An induction by words, to be used as `with induction(model, persona) as carrier:`.

    `write` returns the words for a model and a persona; if there are none, the model itself is
    yielded. `layout` is `system`, `user` for the start of the first user turn, or `truth` for MPI's
    block before the question.
    """

    name: str
    write: Callable[[Model, Persona], str]
    layout: Layout = "system"
    needs: Needs = ANYBODY

    def __call__(self, model: M, persona: Persona) -> AbstractContextManager[M]:
        """Yield a model with the persona in every chat; the original model stays unchanged.

        Raises:
            InputError: the persona has nothing that this induction puts into words.
            ModelError: the model was to write its own portrait, and wrote none.
        """
        return self._carrier(model, persona)

    @contextmanager
    def _carrier(self, model: M, persona: Persona) -> Iterator[M]:
        block = self.text(model, persona)
        yield prompted(model, _PLACEMENTS[self.layout], block) if block else model

    def text(self, model: Model, persona: Persona) -> str:
        """Return the words that carry the persona, exactly as the model will read them.

        Raises:
            PersonaeError: as the call.

        >>> from personae.respondents.null import open_null
        >>> naive.text(open_null("null:yes"), Persona(id="a", traits={"E": 1, "N": -2}))
        'You are a stable person. You are an extraversive person.'
        """
        return self.write(model, persona)

    def bound(self, model: Model, persona: Persona) -> "PromptInduction":
        """Return the same induction with its words written, by this model if it writes them."""
        block = self.text(model, persona)
        return replace(self, write=lambda _model, _persona: block)

    def prepare(self, model: Model, personas: Sequence[Persona]) -> None:
        """Prepare many personas at once, where that is cheaper than one by one; here nothing."""


@dataclass(frozen=True, eq=False)
class PortraitInduction(PromptInduction):
    """P²: the words are the model's own portrait of the persona, stored in `portraits`."""

    needs: Needs = TRAITS
    portraits: Portraits = field(default_factory=Portraits)

    def portrait(self, model: Model, persona: Persona) -> Portrait:
        """Return the portrait that this model writes for the persona's traits, once.

        Raises:
            InputError: the persona requests nothing above or below average.
            ModelError: the model wrote none.
        """
        return self.portraits.write(model, [key_words(persona)])[0]

    def prepare(self, model: Model, personas: Sequence[Persona]) -> None:
        """Write the portraits of many personas in one batch, as `portrait` would one by one."""
        self.portraits.write(model, [key_words(persona) for persona in personas])


def p2(*, ask_antonyms: bool = False, tokens: int = PORTRAIT_TOKENS) -> PortraitInduction:
    """Make MPI's strongest induction: key words of each trait, then the model's own portrait.

    For a trait below average the key words are shipped antonyms, or with `ask_antonyms` the model's
    own. A portrait has at most `tokens` tokens. One induction serves a whole study: it writes each
    portrait once, and `portraits.by_request` holds them.
    """
    portraits = Portraits(ask_antonyms, tokens)
    return PortraitInduction(
        name="p2-asked" if ask_antonyms else "p2",
        write=lambda model, persona: portraits.write(model, [key_words(persona)])[0].text,
        portraits=portraits,
    )


def adjectives(step: int | None = None) -> PromptInduction:
    """Make the induction by graded adjectives: all markers of each trait on nine steps.

    A standing of z units corresponds to step 5 + 2z, from "extremely" low (1) at -2 via
    "neither ... nor" (5) to "extremely" high (9) at +2; a `step` given here replaces it for every
    requested trait.

    Raises:
        BadValue: a step outside 1..9.
    """
    if step is not None:
        graded("", "", step)
    name = "adjectives" if step is None else f"adjectives:{step}"
    return PromptInduction(name, lambda _, persona: ladder_text(persona, step), needs=TRAITS)


def with_truth_layout(induction: PromptInduction) -> PromptInduction:
    """Return the same induction in MPI's layout: "Truth:" and the words before the question."""
    return replace(induction, name=f"{induction.name}/truth", layout="truth")


def _naive(_: Model, persona: Persona) -> str:
    return " ".join(f"You are {with_article(s.adjective)} person." for s in domain_sides(persona))


def _words(_: Model, persona: Persona) -> str:
    listed = [word for side in domain_sides(persona) for word in side.words]
    return f"You have the traits of {', '.join(listed)}."


def _own_text(_: Model, persona: Persona) -> str:
    if not persona.text.strip():
        raise InputError(
            f"persona {persona.id!r} has no text, which this induction puts in word for word; "
            f"give it one, or use persona_text, which writes out the other layers"
        )
    return persona.text


unchanged = PromptInduction(CONTROL, lambda _model, _persona: "")
"""The control: the model itself."""
naive = PromptInduction("naive", _naive, needs=DOMAINS)
"""One sentence per trait with its adjective; domains only."""
words = PromptInduction("words", _words, needs=DOMAINS)
"""Three words per trait, from MPI's prompt search; domains only."""
own_text = PromptInduction("system", _own_text, needs=Needs.any_of("text"))
"""The persona's own text as the system message, and nothing else."""
persona_text = PromptInduction(
    "persona_text", lambda _, persona: persona_prose(persona), needs=Needs.any_of(*LAYERS)
)
"""The persona's own text; without one, its traits, facts and statements written out."""
