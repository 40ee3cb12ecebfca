"""Profiles from conversations: evidence for facts, and draws by density (USP, arXiv 2502.18968)."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from personae.core import BadFile, BadValue, Chat, Message, Sampling
from personae.generate.conversations import read_conversations
from personae.generate.recipe import Order
from personae.generate.recipes.profiles.density import _densities, draw_members, draw_virtual_pairs
from personae.generate.recipes.profiles.implicit_profile import (
    OBJECTIVE,
    extract_profiles,
    rule_based_profile,
)
from personae.generate.recipes.profiles.recipe import profiles
from personae.generate.recipes.profiles.self_disclosures import (
    claimed_traits,
    find_disclosures,
    redact,
    writing_style,
)
from personae.generate.writer import Writer
from personae.personas import frame_personas
from personae.respondents.scripted import ScriptedModel

EXAMPLE = Path(__file__).parents[2] / "examples" / "conversations.jsonl"


def dialogue(*texts: str) -> Chat:
    return tuple(m for t in texts for m in (Message("user", t), Message("assistant", "I am 99.")))


SMALL = ("How do I get a stain out of wool?", "Would vinegar be safe?")


def test_facts_without_evidence_are_absent_and_a_turn_adds_exactly_its_fact() -> None:
    """By rules: no facts without evidence; a turn with the job adds the job alone."""
    before, after = (
        rule_based_profile(dialogue(*SMALL)),
        rule_based_profile(dialogue(*SMALL, "I work as a nurse.")),
    )
    assert dict(before.facts) == {}
    assert {n: f.value for n, f in after.facts.items()} == {"occupation": "nurse"}
    assert after.facts["occupation"].quote == "I work as a nurse"
    assert before.scenario == after.scenario == SMALL[0]


def reader(chat: Chat) -> str:
    """A model that quotes honestly on work, and invents a home."""
    text = chat[-1].text
    if "Big Five" in text:
        levels = dict.fromkeys(
            ("Openness", "Conscientiousness", "Extraversion", "Agreeableness", "Neuroticism"),
            "no evidence",
        )
        return json.dumps(levels | {"Conscientiousness": "high"})
    if "own occupation" in text and "on the ward" in text:
        return json.dumps({"value": "hospital worker", "quote": "on the ward until six"})
    if "own location" in text:
        return json.dumps({"value": "Paris", "quote": "I live in Paris"})
    return json.dumps({"value": "none", "quote": "none"})


def test_a_model_adds_what_it_can_quote_and_nothing_else() -> None:
    """By a model: without the quoted words in the user's turns there is no fact."""
    writer = Writer(ScriptedModel(reader), Sampling())
    chats = [dialogue(*SMALL), dialogue(*SMALL, "I am on the ward until six, so be brief.")]
    before, after = extract_profiles(writer, chats)
    assert dict(before.facts) == {}
    assert {n: f.value for n, f in after.facts.items()} == {"occupation": "hospital worker"}
    assert writer.counts["without evidence"] == 2  # Paris, twice
    assert after.traits == {"C": 1.0}


def test_garbage_keeps_what_the_rules_found_and_is_counted() -> None:
    writer = Writer(ScriptedModel(lambda _: "?"), Sampling())
    (profile,) = extract_profiles(
        writer, [dialogue("I'm 34 and I work as a nurse. Help me sleep.")]
    )
    assert {n: f.value for n, f in profile.facts.items()} == {"age": "34", "occupation": "nurse"}
    assert writer.counts["unreadable replies"] == 2 * (len(OBJECTIVE) - 2 + 1)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("I'm 34 and tired.", "age", "34"),
        ("I am from Accra, by the sea.", "location", "Accra"),
        ("I'm a retired bus driver.", "occupation", "retired bus driver"),
        ("I studied marine biology, long ago.", "education", "marine biology"),
        ("My wife says so.", "family", "wife"),
        ("I want to learn the accordion.", "goals", "learn the accordion"),
        ("I used to sing in a choir.", "experience", "used to sing in a choir"),
    ],
)
def test_rules(text: str, name: str, value: str) -> None:
    assert find_disclosures([text])[name].value == value


@pytest.mark.parametrize(
    "text",
    ["I am 20% sure.", "I'm a vegetarian.", "I'm 5 minutes late.", "Your wife lives in Rome."],
)
def test_rules_do_not_find_what_is_not_there(text: str) -> None:
    assert find_disclosures([text]) == {}


def test_style_traits_and_redaction() -> None:
    assert "bluntly" in writing_style(["just fix it", "wrong again"])
    assert writing_style([]) == []
    assert claimed_traits(["I am very organized. You are lazy."]) == {"C": 1.5}
    assert "@" not in redact("mail me: x@y.org")
    profile = rule_based_profile(dialogue("I live in Rome, call +39 06 1234 5678. Thanks"))
    assert "1234" not in profile.objective


def clusters(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.vstack([random.normal(0, 1, (900, 2)), random.normal(6, 1, (100, 2))])


@pytest.mark.parametrize("seed", range(4))
def test_crowds(seed: int) -> None:
    """Draws keep 90 / 10 within 3 %; the minority draws over half from the small one."""
    points = clusters(seed)
    share = {
        crowd: np.mean(np.array(draw_members(points, 5000, crowd, seed)) >= 900)
        for crowd in ("population", "majority", "minority")
    }
    assert abs(share["population"] - 0.1) < 0.03
    assert share["minority"] > 0.5
    assert share["majority"] < share["population"]
    assert draw_members(points, 9, "minority", seed) == draw_members(points, 9, "minority", seed)


def test_virtual_members_are_nobody_who_exists() -> None:
    """A virtual profile equals no profile that it was made from."""
    halves = [(f"fact {i % 5}", f"manner {i % 4}") for i in range(12)]
    pairs = draw_virtual_pairs(halves, np.eye(12), 200, seed=1)
    virtual_halves = {(halves[i][0], halves[j][1]) for i, j in pairs}
    assert not virtual_halves & set(halves)
    with pytest.raises(BadValue, match="no new one"):
        draw_virtual_pairs([("a", "b")] * 3, np.eye(3), 1)


def test_density_of_few_and_of_equals() -> None:
    assert _densities(np.eye(3)).tolist() == [1, 1, 1]
    assert _densities(np.ones((9, 4))).tolist() == [1] * 9
    with pytest.raises(BadValue):
        draw_members(np.zeros((0, 3)), 2, "population")


def test_the_recipe_names_the_conversations_that_it_drew() -> None:
    population = profiles(Order(n=10), str(EXAMPLE))
    rows = population.make(population.slots(0, 10)).rows
    people = list(frame_personas(rows))
    assert people[0].facts["objective/occupation"] == "nurse"
    assert all(p.kind == "individual" and "consent" not in p.provenance for p in people)
    assert people[4].text == "You come with this: what is 17 * 23" or "17 * 23" in people[4].text
    virtual = profiles(Order(n=6, seed=2), str(EXAMPLE), "virtual")
    joined = list(frame_personas(virtual.make(virtual.slots(0, 6)).rows))
    known = {(p.extra["objective"], p.extra["subjective"]) for p in people}
    assert not {(p.extra["objective"], p.extra["subjective"]) for p in joined} & known
    for crowd in ("population", "majority", "minority"):
        drawn = profiles(Order(n=12), str(EXAMPLE), crowd)
        assert drawn.make(drawn.slots(0, 12)).rows.height == 12
    with pytest.raises(BadValue, match="-n 10"):
        profiles(Order(n=11), str(EXAMPLE))


def test_conversations_are_numbered_as_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    silent = [{"role": "assistant", "content": "Anybody there?"}]
    path.write_text(json.dumps(silent) + "\n" + json.dumps([{"role": "user", "content": "Yes."}]))
    population = profiles(Order(n=1), str(path))
    (persona,) = frame_personas(population.make(population.slots(0, 1)).rows)
    assert persona.provenance["source"].endswith("chats.jsonl, conversation 2")


@pytest.mark.parametrize(
    "line",
    ["{}", "[]", "3", '{"messages": [{"role": "cat", "content": "x"}]}', "", '{"messages": 1}'],
)
def test_lines_of_another_form_are_refused(line: str, tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(line)
    with pytest.raises(BadFile):
        read_conversations(path)


def test_other_spellings_of_turns(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text('[{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}]\n')
    (chat,) = read_conversations(path)
    assert Counter(m.role for m in chat) == {"user": 1, "assistant": 1}
