"""The Big Five in words and numbers: what is read is what is written, and the rest is reported."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core import BIG_FIVE
from personae.personas.exchange.lens import Lens, import_row
from personae.personas.exchange.tools.big_five import read_big_five
from personae.personas.exchange.tools.edsl import LENS as EDSL
from personae.personas.exchange.tools.sotopia import LENS as SOTOPIA
from personae.personas.exchange.tools.tinytroupe import LENS as TINYTROUPE
from personae.personas.persona_layers import UNREAD_TRAITS

READ: list[tuple[Any, dict[str, float]]] = [
    ("high agreeableness and low neuroticism", {"A": 1, "N": -1}),
    ("high agreeableness, moderate conscientiousness", {"A": 1, "C": 0}),
    ("Openness to Experience - High; Extraversion - Low", {"O": 1, "E": -1}),
    ("Extroversion: very high. Neuroticism: somewhat low", {"E": 1.5, "N": -0.5}),
    ("emotional stability: high", {"N": -1}),
    ("low emotional stability", {"N": 1}),
    ("introversion: high", {"E": -1}),
    ("very agreeable but extremely introverted", {"A": 1.5, "E": -2}),
    ("above average openness | below-average extraversion", {"O": 1, "E": -1}),
    (["E: high", "n - low"], {"E": 1, "N": -1}),
    ({"openness": "High. Very creative.", "neuroticism": "Low"}, {"O": 1, "N": -1}),
    ({"openness": 0.8}, {"O": 0.6}),
    ({"openness": 0.8, "E": 0.25}, {"O": 0.6, "E": -0.5}),
    ({"openness": 80, "E": 20}, {"O": 0.6, "E": -0.6}),
    ({"O": "70%", "C": "30 percent"}, {"O": 0.4, "C": -0.4}),
    (
        {"O": "4 (1-5)", "C": "2 on a scale of 1 to 7", "E": "4/5"},
        {"O": 0.5, "C": -0.6667, "E": 0.5},
    ),
    ({"O": "6 out of 7", "A": "75/100"}, {"O": 0.6667, "A": 0.5}),
    ("O=+1.2 SD, N: z = -0.5", {"O": 1.2, "N": -0.5}),
    ("openness at the 84th percentile", {"O": 0.9945}),
    ("Openness: high (5/5)", {"O": 1}),
    ("O+ C- E+ A+ N−", {"O": 1, "C": -1, "E": 1, "A": 1, "N": -1}),
    ("E+, N-", {"E": 1, "N": -1}),
    ("high E, very low N", {"E": 1, "N": -1.5}),
    ("Extraversion: 70/100", {"E": 0.4}),
    ({"extraversion": "4,5/5", "openness": "very_high"}, {"E": 0.75, "O": 1.5}),
    ("Extraversion 4,5/5, Neuroticism 1,0/5", {"E": 0.75, "N": -1}),
    ({"extraversion": "0,8"}, {"E": 0.6}),
    ("Extraversion: T=65", {"E": 1.5}),
    ({"openness": "T 40", "N": "45T", "E": "a T-score of 60"}, {"O": -1, "N": -0.5, "E": 1}),
    ("extraversion 1.5 SD above average", {"E": 1.5}),
    ({"E": "0.5 SDs below average", "introversion": ""}, {"E": -0.5}),
    ({"E": "-1.5 SD below the mean", "N": "-1.5 SD"}, {"E": -1.5, "N": -1.5}),
    ("high openness (84th percentile)", {"O": 0.9945}),
    ([{"trait": "Extraversion", "score": 80}, {"trait": "N", "score": 20}], {"E": 0.6, "N": -0.6}),
    ([{"name": "Openness", "value": "low", "about": "x"}], {"O": -1}),
    ({"dimension": "Openness", "percentile": 84}, {"O": 0.9945}),
    ({"extraversion": {"score": 0.8}}, {"E": 0.6}),
]


@pytest.mark.parametrize(("value", "traits"), READ)
def test_common_forms_are_read(value: Any, traits: dict[str, float]) -> None:
    reading = read_big_five(value)
    assert reading.traits == traits and not reading.unread


@pytest.mark.parametrize(
    "value",
    [
        "not high openness",
        "isn't neurotic",
        "neither high nor low neuroticism",
        "low to moderate neuroticism",
        "E: high; E: low",
        "Openness: high (1/5)",
        {"openness": 4},
        {"openness": 4, "E": 2},
        {"openness": 1},
        {"openness": -0.5, "E": 0.5},
        {"openness": 250},
        {"openness": "9/7"},
        {"openness": "3 (7-1)"},
        {"openness": "120%"},
        {"openness": "High, but low at work"},
        {"openness": {"score": 4}},
        {"openness": True},
        "openness and extraversion, both high",
        "high openness extraversion",
        "E++",
        "Extraversion: stanine 70",
        "Extraversion: low (T=65)",
        "1.5 SD below high extraversion",
        {"extraversion": "+"},
        {"extraversion": {"confidence": 0.9}},
        {"extraversion": "VH"},
        {"extraversion": "T 150"},
        {"trait": "Openness", "score": 80, "level": "low"},
        "OCEAN: 80/60/40/20/10",
    ],
)
def test_what_is_not_clear_is_reported_and_not_guessed(value: Any) -> None:
    reading = read_big_five(value)
    assert not reading.traits and reading.unread


@pytest.mark.parametrize("value", [None, "", 3, [], {}, {"age": 34}, "A kind person."])
def test_what_says_nothing_of_the_big_five_gives_nothing(value: Any) -> None:
    assert read_big_five(value) == ({}, ())


@given(
    levels=st.dictionaries(st.sampled_from(list(BIG_FIVE)), st.sampled_from(["high", "low"])),
    join=st.sampled_from(["; ", ", ", " and ", "\n", ", and "]),
    form=st.sampled_from(["{1} {0}", "{0}: {1}", "{0} - {1}", "{0} ({1})", "{0} is {1}"]),
)
def test_no_wording_gives_the_opposite(levels: dict[str, str], join: str, form: str) -> None:
    text = join.join(form.format(BIG_FIVE[code], level) for code, level in levels.items())
    expected = {code: 1.0 if level == "high" else -1.0 for code, level in levels.items()}
    assert read_big_five(text) == (expected, ())


@pytest.mark.parametrize(
    ("lens", "foreign"),
    [
        (SOTOPIA, {"first_name": "A", "last_name": "B", "big_five": "high openness, not neurotic"}),
        (
            TINYTROUPE,
            {
                "type": "TinyPerson",
                "persona": {
                    "personality": {"big_five": {"openness": "High.", "neuroticism": "Not low."}}
                },
            },
        ),
        (EDSL, {"traits": {"openness": "high", "neuroticism": "not low", "age": 3}}),
        (EDSL, {"traits": {"Big Five": {"O": "high", "N": "not low"}}}),
    ],
)
def test_every_format_reads_them_alike(lens: Lens, foreign: dict[str, Any]) -> None:
    persona = import_row(lens, foreign, "here")
    assert persona.traits == {"O": 1.0}
    assert "not" in persona.provenance[UNREAD_TRAITS].lower()
