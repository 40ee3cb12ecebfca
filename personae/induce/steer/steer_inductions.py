"""Puts a persona into an open model by its inside: `steer:` adds vectors, `cap:` bounds them.

steer                         the persona's traits: for each its z units, times STRENGTH
steer:3@15                    the same at strength 3, at block 15
steer:E=+4@15                 extraversion's vector four times, at block 15
steer:E=4,N=-2@10-14          two traits, at blocks 10 to 14
steer:FILE*2                  twice the vector of a file, at all sites it has
steer:0.5*FILE - FILE | FILE  mixed; what stands after | is projected out
cap:FILE>=p25@20-24           keeps projections above a percentile of those it was made from
cap:E<=1.5@15                 or below a number
persona_text & steer:2        both: words in front and vectors inside

A trait's vector is made on the model itself from shipped pairs of descriptions (`contrasts`); one
unit is the distance between people described as high and as low. Without a block the middle one is
taken for traits.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import TypeVar, cast

from personae.core import (
    BIG_FIVE,
    BadValue,
    Edit,
    InputError,
    Model,
    Needs,
    OpenModel,
    Persona,
    Site,
    UnknownName,
    require_white_box,
)
from personae.induce.combined import InductionBase
from personae.induce.steer.contrasts import trait_vectors
from personae.induce.steer.steered import Steered
from personae.induce.steer.steering_vector import PERCENTS, SteeringVector
from personae.induce.steer.vector_files import KINDS, load_vector

__all__ = [
    "EXAMPLES",
    "Library",
    "SteerInduction",
    "middle",
    "steer_induction",
]

M = TypeVar("M", bound=Model)
Making = Callable[["Library", OpenModel, Persona], tuple[Edit, ...]]

EXAMPLES = ("steer", "steer:E=+4@15", "steer:FILE*2", "cap:FILE>=p25@20-24", "persona_text & steer")
"""The inductions inside an open model, by example."""
WHITE_BOX = Needs(capability="OpenModel")
STRENGTH = 2.0
"""How many trait vectors make one z unit, unless another strength is given."""
NUMBER = r"[-+]?\d+(?:\.\d+)?"
TERM = re.compile(
    rf"(?:(?P<factor>{NUMBER})\s*\*\s*)?(?P<name>.*?)"
    rf"(?:\s*[*=]\s*(?P<strength>{NUMBER}))?(?:@(?P<first>\d+)(?:-(?P<last>\d+))?)?"
)
BOUND = re.compile(
    rf"(?P<name>.+?)\s*(?P<side>[<>]=)\s*(?P<percent>p)?(?P<value>{NUMBER})"
    r"(?:@(?P<first>\d+)(?:-(?P<last>\d+))?)?"
)


class Library:
    """Vectors by name, each made or read once for a model."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str, tuple[int, ...]], SteeringVector] = {}

    def find(self, model: OpenModel, name: str, blocks: Sequence[int]) -> SteeringVector:
        """Give a trait's vector at the blocks, or a file's at those, or at all it has.

        Raises:
            UnknownName: neither a trait nor a file of a known kind.
        """
        key = (model.fingerprint, name, tuple(blocks))
        if key not in self._made:
            self._made[key] = _vector(model, name, blocks)
        return self._made[key]


def _vector(model: OpenModel, name: str, blocks: Sequence[int]) -> SteeringVector:
    trait = next(
        (t for t, title in BIG_FIVE.items() if name.lower() in (t.lower(), title.lower())), None
    )
    if trait is not None:
        where = blocks or (middle(model),)
        return trait_vectors(model, [trait], [Site(b) for b in where])[trait]
    if Path(name).suffix not in KINDS:
        raise UnknownName("trait or vector file", name, [*BIG_FIVE.values(), "FILE.safetensors"])
    vector = load_vector(name, depth=model.anatomy.blocks)
    made_on = vector.origin.fingerprint
    if made_on and made_on != model.fingerprint:
        warnings.warn(
            f"{name} was made on {vector.origin.model}, not on {model.name} as it is now",
            stacklevel=2,
        )
    return vector.at(*blocks) if blocks else vector


def middle(model: OpenModel) -> int:
    """Give the middle block, at which traits are read and steered unless another is named."""
    return model.anatomy.blocks // 2


@dataclass(frozen=True, eq=False)
class SteerInduction(InductionBase):
    """An induction by edits inside the model; `making` gives them for a model and a persona."""

    name: str
    making: Making
    needs: Needs = WHITE_BOX
    library: Library = field(default_factory=Library)

    def __call__(self, model: M, persona: Persona) -> AbstractContextManager[M]:
        """Yield a model under the edits; the model given is never touched.

        Raises:
            InputError: the model is not an open one, or the persona requests no trait and the
                induction names none.
        """
        return self._carrier(model, persona)

    @contextmanager
    def _carrier(self, model: M, persona: Persona) -> Iterator[M]:
        white_box = require_white_box(model, repr(self.name))
        edits = self.edits(white_box, persona)
        with white_box.edited(edits):
            pass  # edits that don't fit are refused here, before anything is asked
        yield cast(M, Steered(white_box, edits))

    def bound(self, model: Model, persona: Persona) -> "SteerInduction":
        """Return the same induction with its edits made on this model for this persona."""
        edits = self.edits(require_white_box(model, repr(self.name)), persona)
        return replace(self, making=lambda _library, _model, _persona: edits)

    def edits(self, model: OpenModel, persona: Persona) -> tuple[Edit, ...]:
        """Give the edits that carry the persona in this model.

        Raises:
            InputError: the persona requests no trait, and the induction names none.
        """
        return self.making(self.library, model, persona)


def steer_induction(text: str) -> SteerInduction:
    """Make a steering or capping induction of what stands in the head of this module.

    Raises:
        BadValue: the text can't be read.

    >>> steer_induction("steer:E=+4@15").name
    'steer:E=+4@15'
    """
    kind, _, spec = text.strip().partition(":")
    if kind == "cap":
        bound = BOUND.fullmatch(spec.strip())
        if bound is None:
            raise BadValue(f"a cap is NAME>=NUMBER@BLOCKS, <=, or >=p25, not {text!r}")
        return SteerInduction(text.strip(), _capping(bound))
    terms = _terms(spec)
    layers = () if all(term.name for term in terms) else (("domains",),)
    return SteerInduction(text.strip(), _steering(terms), Needs(layers) & WHITE_BOX)


@dataclass(frozen=True, slots=True)
class _Term:
    """One vector of a mix; without a name the persona's traits; `out` says it is projected out."""

    name: str
    strength: float
    blocks: tuple[int, ...]
    out: bool


def _terms(spec: str) -> list[_Term]:
    signs = re.split(r"\s*(,|\s\+\s|\s-\s|\|)\s*", f",{spec.strip()}")[1:]
    terms = []
    for sign, part in zip(signs[::2], signs[1::2], strict=True):
        match = TERM.fullmatch(part.strip())
        if match is None:
            raise BadValue(f"a term is NAME=NUMBER@BLOCKS or NUMBER*FILE, not {part!r}")
        name, strength = match["name"].strip(), float(match["strength"] or 1.0)
        if not name or re.fullmatch(NUMBER, name):
            name, strength = "", float(name or STRENGTH)
        strength *= float(match["factor"] or 1.0) * (-1 if sign.strip() == "-" else 1)
        terms.append(_Term(name, strength, _blocks(match), sign.strip() == "|"))
    last = terms[-1].blocks
    return [replace(term, blocks=term.blocks or last) for term in terms]


def _blocks(match: re.Match[str]) -> tuple[int, ...]:
    if match["first"] is None:
        return ()
    first, last = int(match["first"]), int(match["last"] or match["first"])
    if first > last:
        raise BadValue(f"blocks are FIRST-LAST, not {first}-{last}")
    return tuple(range(first, last + 1))


def _steering(terms: Sequence[_Term]) -> Making:
    def edits(library: Library, model: OpenModel, persona: Persona) -> tuple[Edit, ...]:
        mixed: SteeringVector | None = None
        for term in terms:
            if not term.name:
                new = _persona_vector(library, model, persona, term.blocks) * term.strength
            else:
                new = library.find(model, term.name, term.blocks)
                new = new if term.out else new * term.strength
            if term.out:
                mixed = None if mixed is None else mixed.without(new)
            else:
                mixed = new if mixed is None else mixed + new
        return () if mixed is None else mixed.edits()

    return edits


def _persona_vector(
    library: Library, model: OpenModel, persona: Persona, blocks: Sequence[int] = ()
) -> SteeringVector:
    """Add up the vectors of a persona's traits, each times its z units; facets are left out.

    Raises:
        InputError: the persona requests no domain above or below average.
    """
    wanted = {trait: z for trait, z in persona.traits.items() if z and ":" not in trait}
    if not wanted:
        raise InputError(
            f"persona {persona.id!r} requests no Big Five domain to steer by: give it traits such "
            "as {'E': 1.5}, or name a vector as in steer:E=+4"
        )
    parts = [library.find(model, trait, blocks) * z for trait, z in wanted.items()]
    vector = parts[0]
    for part in parts[1:]:
        vector = vector + part
    return vector


def _capping(bound: re.Match[str]) -> Making:
    value, above = float(bound["value"]), bound["side"] == ">="
    if bound["percent"] and value not in PERCENTS:
        raise BadValue(f"a percentile is one of {', '.join(f'p{p}' for p in PERCENTS)}")

    def edits(library: Library, model: OpenModel, _persona: Persona) -> tuple[Edit, ...]:
        vector = library.find(model, bound["name"].strip(), _blocks(bound))
        made = []
        for site in vector.sites:
            limit = value
            if bound["percent"]:
                limit = _percentile(vector, site, value)
            bounds = (limit, inf) if above else (-inf, limit)
            made.append(Edit(site, vector.by_site[site], op="cap", bounds=bounds))
        return tuple(made)

    return edits


def _percentile(vector: SteeringVector, site: Site, percent: float) -> float:
    if site not in vector.quality:
        raise InputError(
            f"vector {vector.origin.name!r} doesn't say which projections it was made from, so it "
            "has no percentiles: cap it at a number"
        )
    known: Mapping[float, float] = dict(zip(PERCENTS, vector.quality[site].quantiles, strict=True))
    return known[percent]
