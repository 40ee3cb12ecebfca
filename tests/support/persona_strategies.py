"""Hypothesis strategies for personas: every layer, and extra of any plain JSON."""

from typing import Any

from hypothesis import strategies as st

from personae.core import BIG_FIVE, Persona

CHARACTERS = st.characters(exclude_categories=("Cc", "Cs"))
WORDS = st.text(CHARACTERS, max_size=12)
NAMES = st.text(CHARACTERS, min_size=1, max_size=12)
PAIRS = st.dictionaries(NAMES, WORDS, max_size=3)
ATOMS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
)
JSON: st.SearchStrategy[Any] = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
TRAITS = st.dictionaries(
    st.builds(
        lambda domain, facet: domain + (f":{facet}" if facet else ""),
        st.sampled_from(list(BIG_FIVE)),
        WORDS,
    ),
    st.floats(-5, 5),
    max_size=3,
)
LISTS = st.lists(WORDS, max_size=3).map(tuple)
PERSONAS = st.builds(
    Persona,
    id=NAMES,
    text=WORDS,
    facts=PAIRS,
    traits=TRAITS,
    statements=LISTS,
    narrative=WORDS,
    voice=WORDS,
    relations=PAIRS,
    memories=LISTS,
    kind=st.sampled_from(["demographic", "character", "individual"]),
    provenance=PAIRS,
    extra=st.dictionaries(WORDS, JSON, max_size=3),
)
POPULATIONS = st.lists(PERSONAS, min_size=1, max_size=4, unique_by=lambda one: one.id)
