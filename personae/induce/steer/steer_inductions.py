"""Inductions by edits of an open model's activations: `steer:` adds vectors, `cap:` bounds them.

steer                         the persona's traits: for each its z units, times STRENGTH
steer:3@15                    the same at strength 3, at block 15
steer:E=+4@15                 four times the vector of extraversion, at block 15
steer:E=4,N=-2@10-14          two traits, at blocks 10 to 14
steer:FILE*2                  twice the vector of a file, at all its sites
steer:0.5*FILE - FILE | FILE  a mixture; the vectors after | are projected out
cap:FILE>=p25@20-24           keeps projections above a percentile of those the vector was made from
cap:E<=1.5@15                 keeps projections below a number
persona_text & steer:2        both words and vectors

A trait's vector is made on the model itself from shipped pairs of descriptions (`contrasts`); one
unit is the distance between descriptions of high and of low people. Traits without a block are
steered at the middle one.
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
from personae.induce.steer.steering_vector import SteeringVector
from personae.induce.steer.vector_files import KINDS, load_vector
from personae.induce.steer.vector_quality import PERCENTS

__all__ = [
    "EXAMPLES",
    "Library",
    "SteerInduction",
    "steer_induction",
]

M = TypeVar("M", bound=Model)
EditMaker = Callable[["Library", OpenModel, Persona], tuple[Edit, ...]]

EXAMPLES = ("steer", "steer:E=+4@15", "steer:FILE*2", "cap:FILE>=p25@20-24", "persona_text & steer")
"""Names of inductions inside an open model, by example."""
WHITE_BOX = Needs(capability="OpenModel")
STRENGTH = 2.0
"""Trait vectors added per z unit, unless another strength is given."""
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
    """Vectors by name, each made or read once per model."""

    def __init__(self) -> None:
        self._vectors: dict[tuple[str, str, tuple[int, ...]], SteeringVector] = {}

    def find(self, model: OpenModel, name: str, blocks: Sequence[int]) -> SteeringVector:
        """Return the vector of a trait or file at the blocks.

        Without blocks, a trait's vector is at the middle block, a file's at all its sites.

        Raises:
            UnknownName: neither a trait nor a file of a known kind.
            BadFile: a file that can't be read.
            InputError: a file's vector has none of a block's directions.
        """
        key = (model.fingerprint, name, tuple(blocks))
        if key not in self._vectors:
            self._vectors[key] = _vector(model, name, blocks)
        return self._vectors[key]


def _vector(model: OpenModel, name: str, blocks: Sequence[int]) -> SteeringVector:
    trait = next(
        (t for t, title in BIG_FIVE.items() if name.lower() in (t.lower(), title.lower())), None
    )
    if trait is not None:
        sites = [Site(block) for block in blocks or (model.anatomy.blocks // 2,)]
        return trait_vectors(model, [trait], sites)[trait]
    if Path(name).suffix not in KINDS:
        raise UnknownName("trait or vector file", name, [*BIG_FIVE.values(), "FILE.safetensors"])
    vector = load_vector(name, depth=model.anatomy.blocks)
    fingerprint = vector.origin.fingerprint
    if fingerprint and fingerprint != model.fingerprint:
        warnings.warn(
            f"{name} was made on {vector.origin.model}, not on {model.name} as it is now",
            stacklevel=2,
        )
    return vector.at(*blocks) if blocks else vector


@dataclass(frozen=True, eq=False)
class SteerInduction(InductionBase):
    """An induction by edits inside the model; `make_edits` makes them for a model and a persona."""

    name: str
    make_edits: EditMaker
    needs: Needs = WHITE_BOX
    library: Library = field(default_factory=Library)

    def __call__(self, model: M, persona: Persona) -> AbstractContextManager[M]:
        """Yield a model under the edits; the original model stays unchanged.

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
            pass  # edits that don't fit the model are refused here, before anything is asked
        yield cast(M, Steered(white_box, edits))

    def bound(self, model: Model, persona: Persona) -> "SteerInduction":
        """Return the same induction with its edits made on this model for this persona."""
        edits = self.edits(require_white_box(model, repr(self.name)), persona)
        return replace(self, make_edits=lambda _library, _model, _persona: edits)

    def edits(self, model: OpenModel, persona: Persona) -> tuple[Edit, ...]:
        """Make the edits that carry the persona in this model.

        Raises:
            InputError: the persona requests no trait, and the induction names none.
        """
        return self.make_edits(self.library, model, persona)


def steer_induction(text: str) -> SteerInduction:
    """Make a steering or capping induction from its name, as the head of this module lists them.

    Raises:
        BadValue: the text can't be parsed.

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
    """One vector of a mixture; without a name that of the persona's traits.

    `is_projected_out`: the vector is not added, but projected out of the mixture.
    """

    name: str
    strength: float
    blocks: tuple[int, ...]
    is_projected_out: bool


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


def _steering(terms: Sequence[_Term]) -> EditMaker:
    def edits(library: Library, model: OpenModel, persona: Persona) -> tuple[Edit, ...]:
        mixture: SteeringVector | None = None
        for term in terms:
            if not term.name:
                vector = _persona_vector(library, model, persona, term.blocks) * term.strength
            else:
                vector = library.find(model, term.name, term.blocks)
                vector = vector if term.is_projected_out else vector * term.strength
            if term.is_projected_out:
                mixture = None if mixture is None else mixture.without(vector)
            else:
                mixture = vector if mixture is None else mixture + vector
        return () if mixture is None else mixture.edits()

    return edits


def _persona_vector(
    library: Library, model: OpenModel, persona: Persona, blocks: Sequence[int] = ()
) -> SteeringVector:
    """Sum the vectors of a persona's traits, each times its standing in z; facets are left out.

    Raises:
        InputError: the persona requests no domain above or below average.
    """
    requested = {trait: z for trait, z in persona.traits.items() if z and ":" not in trait}
    if not requested:
        raise InputError(
            f"persona {persona.id!r} requests no Big Five domain to steer by: give it traits such "
            "as {'E': 1.5}, or name a vector as in steer:E=+4"
        )
    parts = [library.find(model, trait, blocks) * z for trait, z in requested.items()]
    vector = parts[0]
    for part in parts[1:]:
        vector = vector + part
    return vector


def _capping(bound: re.Match[str]) -> EditMaker:
    value, is_lower_bound = float(bound["value"]), bound["side"] == ">="
    if bound["percent"] and value not in PERCENTS:
        raise BadValue(f"a percentile is one of {', '.join(f'p{p}' for p in PERCENTS)}")

    def edits(library: Library, model: OpenModel, _persona: Persona) -> tuple[Edit, ...]:
        vector = library.find(model, bound["name"].strip(), _blocks(bound))
        caps = []
        for site in vector.sites:
            limit = _percentile(vector, site, value) if bound["percent"] else value
            bounds = (limit, inf) if is_lower_bound else (-inf, limit)
            caps.append(Edit(site, vector.by_site[site], op="cap", bounds=bounds))
        return tuple(caps)

    return edits


def _percentile(vector: SteeringVector, site: Site, percent: float) -> float:
    if site not in vector.quality:
        raise InputError(
            f"vector {vector.origin.name!r} comes without the projections that it was made from, "
            "so it has no percentiles: cap it at a number"
        )
    known: Mapping[float, float] = dict(zip(PERCENTS, vector.quality[site].quantiles, strict=True))
    return known[percent]
