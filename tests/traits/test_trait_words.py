"""The trait words as published, and facets that the inventories know."""

import pytest

from personae.core import BIG_FIVE, load_inventory
from personae.traits.trait_words import antonym, markers, read_standings, trait_side, vocabulary

IPIP = load_inventory("ipip-neo-120")


@pytest.mark.parametrize("domain", list(BIG_FIVE))
@pytest.mark.parametrize("sign", [1, -1])
def test_lists_have_the_published_sizes(domain: str, sign: int) -> None:
    side = trait_side(domain, sign)
    assert (len(side.words), len(side.keywords)) == (3, 6)
    assert len({*side.keywords}) == 6
    for word, opposite in zip(side.keywords, trait_side(domain, -sign).keywords, strict=True):
        assert antonym(word) == opposite or word == "calmness"


@pytest.mark.parametrize("domain", list(BIG_FIVE))
def test_facets_are_those_of_the_inventory(domain: str) -> None:
    facets = {item.facet for item in IPIP.items if item.scale == domain}
    assert set(trait_side(domain, 1).facets) == facets
    assert all(markers(domain, facet) for facet in facets)


def test_there_are_104_markers() -> None:
    assert sum(len(markers(domain)) for domain in BIG_FIVE) == 52


def test_words_that_two_domains_claim_are_not_read() -> None:
    assert "calmness" not in vocabulary()
    assert not read_standings("You are known for your calmness.")


def test_grades_and_denials_are_read() -> None:
    for words, z in (
        ("extremely kind", 2.0),
        ("very kind", 1.5),
        ("kind", 1.0),
        ("a bit kind", 0.5),
        ("not kind", -1.0),
        ("very unkind", -1.5),
    ):
        assert read_standings(f"You are {words}.")["A", ""] == z
    assert read_standings("neither unkind nor kind") == {("A", ""): 0.0, ("A", "Altruism"): 0.0}
    assert not read_standings("The kindergarten unkindly opened")


def test_words_that_are_no_adjectives_are_no_trait_words() -> None:
    assert dict(read_standings("Make a copy of the plan, persist and never give up.")) == {}
    for domain, sign, word in (("O", -1, "uncreative"), ("C", 1, "hardworking"), ("C", -1, "lazy")):
        assert word in trait_side(domain, sign).words
        assert vocabulary()[word][::2] == (domain, sign)
