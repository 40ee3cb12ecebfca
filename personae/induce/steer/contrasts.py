"""Trait vectors from Personae's own pairs of opposite descriptions, for any open model."""

from collections.abc import Mapping, Sequence

from personae.core import BIG_FIVE, Chat, OpenModel, Pool, Site, UnknownName, data_json, say
from personae.induce.steer.directions import Method
from personae.induce.steer.steering_vector import SteeringVector, VectorRecipe, make_vector

__all__ = ["PAIRS", "description_pairs", "trait_vectors"]

PAIRS = 8
"""Pairs that make a trait's vector; the other shipped pairs remain for independent checks."""


def description_pairs(trait: str, count: int = PAIRS) -> list[tuple[Chat, Chat]]:
    """Return pairs of chats (high, low) with opposite descriptions as system texts.

    The user turn of pair i is shipped question i, modulo their number.

    Args:
        trait: a letter of OCEAN.
        count: number of shipped pairs, in their order.

    Raises:
        UnknownName: no such trait.

    >>> high, low = description_pairs("E", 1)[0]
    >>> high[0].text
    'You love company and light up whenever people gather around you.'
    """
    shipped = data_json("contrast_pairs.json")
    if trait not in shipped["descriptions"]:
        raise UnknownName("trait", trait, BIG_FIVE)
    questions = shipped["questions"]
    return [
        (
            say(questions[i % len(questions)], system=high),
            say(questions[i % len(questions)], system=low),
        )
        for i, (high, low) in enumerate(shipped["descriptions"][trait][:count])
    ]


def trait_vectors(
    model: OpenModel,
    traits: Sequence[str],
    sites: Sequence[Site],
    method: Method = "mean",
    pool: Pool = "mean",
    seed: int = 0,
) -> Mapping[str, SteeringVector]:
    """Make each trait's vector at the sites from opposite descriptions of a person.

    Our own pairs of descriptions. The default pool is the mean over a chat's tokens: on the
    embedded model it steers the tuning statements, whereas the last token hardly does, although it
    separates the descriptions better.

    Raises:
        UnknownName: no such trait.
        BadValue: as `OpenModel.record`.
    """
    return {
        trait: make_vector(
            model,
            description_pairs(trait),
            sites,
            VectorRecipe(name=trait, method=method, pool=pool, seed=seed),
        )
        for trait in dict.fromkeys(traits)
    }
