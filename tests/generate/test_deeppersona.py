"""Deep personas: anchors, sections, draws, depth (Wang et al. 2025, arXiv 2511.07338)."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare

from personae.core import (
    BadValue,
    BudgetSpent,
    Chat,
    Done,
    Estimate,
    Note,
    Persona,
    Reply,
    Request,
    Sampling,
    UnknownName,
    data_json,
)
from personae.generate.biography.deep_attributes import (
    ATTRIBUTES_PER_REQUEST,
    AttributeChooser,
    Draft,
    Filling,
    write_sections,
)
from personae.generate.biography.life import draw_life
from personae.generate.biography.people import PeopleTables, load_people_tables, parse_anchors
from personae.generate.recipe import Order, Population
from personae.generate.recipes.deeppersona.recipe import Depth, deeppersona
from personae.generate.recipes.deeppersona.rendering import first_person
from personae.generate.slots import Slots
from personae.generate.taxonomy.attribute_tree import shipped_taxonomy
from personae.generate.writer import Writer
from personae.models.local.engine import LocalModel
from personae.personas import frame_personas, load_personas
from personae.respondents.scripted import ScriptedModel
from tests.support.embedded import embedded

CATEGORIES = shipped_taxonomy().categories


def made(population: Population) -> list[Persona]:
    rows = population.make(population.slots(0, population.order.n)).rows
    return list(frame_personas(rows))


def obey(schema_text: str) -> str:
    """Fill a schema with its first option, or with a text of fair length."""
    fields = json.loads(schema_text)["properties"]
    texts = {
        name: schema["enum"][0]
        if "enum" in schema
        else ("a plain thing " * 40)[: schema["maxLength"]].strip()
        for name, schema in fields.items()
    }
    return json.dumps(texts)


class Obedient(ScriptedModel):
    """Obeys every schema, or answers with `say` where it gives something."""

    def __init__(self, say: object = None) -> None:
        super().__init__(lambda _: "", name="obedient")
        self.say, self.tokens, self.prompts = say, 0, list[str]()

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        replies = []
        for chat in (request.chat for request in requests):
            self.prompts.append(chat[-1].text)
            text = self.say(chat, sampling) if callable(self.say) else None
            text = text or obey(str(sampling.schema))
            self.tokens += len(text.split()) + len(chat[-1].text.split())
            replies.append(Reply(text=text))
        return replies


def draft(age: int = 45, depth: int = 60) -> Draft:
    lots = np.random.default_rng(3)
    who = load_people_tables().draw(lots, {"age": str(age), "work": "nurse", "place": "Lagos"})
    begun = Draft(person=who, life=draw_life(lots, age), traits={"E": 1.5}, random=lots)
    return AttributeChooser(shipped_taxonomy()).choose(begun, Filling(depth=depth))


def test_drawn_personas_are_deep_complete_and_seeded() -> None:
    people, repetition, other_people = (made(deeppersona(Order(n=4, seed=s))) for s in (7, 7, 8))
    assert people == repetition != other_people
    for persona in people:
        assert len(persona.facts) >= 200
        filled = {path.partition("/")[0] for path in persona.facts}
        assert filled | {"Career and Work Identity"} == set(CATEGORIES)
        assert len(persona.text.split()) <= 200
        assert persona.provenance["model"] == "none: drawn at random"
    assert len({persona.text for persona in people}) == 4


def test_the_example_is_what_the_recipe_makes() -> None:
    """Made by `personae generate deeppersona -n 1 --seed 7 --anchors "E=1.5, N=-1"`."""
    (example,) = load_personas(Path(__file__).parents[2] / "examples" / "generated.json")
    (again,) = made(deeppersona(Order(n=1, seed=7), anchors="E=1.5, N=-1"))
    assert example == again
    assert example.traits["E"] == 1.5


def test_a_slot_does_not_depend_on_its_batch() -> None:
    population = deeppersona(Order(n=6, seed=1))
    rows = population.make(population.slots(0, 6)).rows
    part = population.make(Slots.span(1, 4, 5)).rows
    assert part.equals(rows[4:5])


def test_anchors_survive() -> None:
    """Every anchor of the final profile equals the input."""
    anchors = "age=45, work=nurse, place=Lagos, country=Nigeria, gender=female, name=Ada Obi, E=-2"
    for model in (None, Obedient()):
        (persona,) = made(deeppersona(Order(n=1, model=model), anchors=anchors))
        top = "Demographic Information/"
        facts = {k.removeprefix(top): v for k, v in persona.facts.items()}
        assert (facts["Age"], facts["Occupation"], facts["Place"]) == ("45", "nurse", "Lagos")
        assert (facts["Country"], facts["Gender"], facts["Name"]) == (
            "Nigeria",
            "female",
            "Ada Obi",
        )
        assert persona.traits["E"] == -2
        assert "aged 45" in persona.text


def test_a_model_that_changes_the_age_is_rejected() -> None:
    """Values and narratives that state another age are refused, drawn anew, counted."""

    def liar(chat: Chat, sampling: Sampling) -> str:
        fields = json.loads(str(sampling.schema))["properties"]
        return json.dumps(
            {
                name: "I am 19 years old and I live for the day, as anybody can see at once, and "
                "that is what I am like."
                if "summary" in name
                else "aged 19"
                for name in fields
            }
            | {"Age": "19"}
        )

    population = deeppersona(
        Order(n=1, model=Obedient(liar)), anchors="age=45", depth=Depth(depth=24, values="free")
    )
    batch = population.make(population.slots(0, 1))
    (persona,) = frame_personas(batch.rows)
    content = json.dumps([dict(persona.facts), persona.narrative, persona.text])
    assert "19" not in content
    assert persona.facts["Demographic Information/Age"] == "45"
    assert batch.counts["repaired"] >= 24 + 1
    assert batch.counts["unfit values"] >= 2 * 24


def test_conditioning_is_progressive() -> None:
    """A request holds every section already filled, and none to come."""
    model = Obedient()
    filled = draft()
    write_sections(Writer(model, Sampling()), [filled], Filling(depth=60))
    positions = []
    for prompt in model.prompts:
        before, _, asked = prompt.partition("\n\nSection: ")
        now = next(i for i, c in enumerate(CATEGORIES) if asked.startswith(f"{c}."))
        positions.append(now)
        for i, category in enumerate(CATEGORIES):
            for attribute, value in filled.sections[category]:
                if i < now:
                    assert attribute.sentence(value) in before
            if i > now:
                assert f"\n{category}: " not in before
    assert positions == sorted(positions)
    assert set(positions) == set(range(12))
    assert len(model.prompts) >= 60 / ATTRIBUTES_PER_REQUEST


def test_values_are_unbiased() -> None:
    """10,000 draws from a weighted table fit it; no model is asked."""
    weights = {"18-29": 10, "30-49": 50, "50-85": 40}
    tables = PeopleTables(
        {**load_people_tables().raw, "ages": weights, "genders": {"female": 70, "male": 30}}
    )
    random = np.random.default_rng(5)
    people = [tables.draw(random, {}) for _ in range(10_000)]
    bands = Counter(next(b for b in weights if int(b[:2]) <= p.age <= int(b[3:])) for p in people)
    genders = Counter(p.gender for p in people)
    assert chisquare([bands[b] for b in weights], [1000, 5000, 4000]).pvalue > 0.01
    assert chisquare([genders["female"], genders["male"]], [7000, 3000]).pvalue > 0.01


def test_attributes_tokens_and_calls_grow_with_depth_and_the_budget_stops() -> None:
    """The depth curve rises, and a spent budget ends the making at once."""
    curve = []
    for depth in (12, 48, 120, 200):
        model = Obedient()
        (persona,) = made(
            deeppersona(Order(n=1, model=model), anchors="work=nurse", depth=Depth(depth=depth))
        )
        curve.append((len(persona.facts), model.tokens, len(model.prompts)))
        assert len(persona.facts) >= depth
    facts, tokens, calls = zip(*curve, strict=True)
    assert facts == tuple(sorted(set(facts)))
    assert tokens == tuple(sorted(set(tokens)))
    assert calls == tuple(sorted(calls))
    assert calls[0] < calls[-1]

    class Spent(Obedient):
        def reply(
            self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
        ) -> list[Reply]:
            if len(self.prompts) >= 5:
                raise BudgetSpent("5 calls")
            return super().reply(requests, sampling, done=done)

    broke = Spent()
    with pytest.raises(BudgetSpent):
        made(deeppersona(Order(n=1, model=broke)))
    assert len(broke.prompts) == 5


def test_requested_traits_show_in_the_values() -> None:
    """A leaning attribute's place on its list goes with the trait, and is even over people."""
    hints = {a.name: a for a in shipped_taxonomy().attributes if a.leans}

    def places(traits: str) -> float:
        spots = []
        for persona in made(deeppersona(Order(n=12), anchors=f"work=nurse, {traits}")):
            for name, value in persona.facts.items():
                attribute = hints.get(name)
                if attribute is not None and attribute.leans[0] == "N":
                    at = attribute.values.index(value) / (len(attribute.values) - 1)
                    spots.append(1 - at if attribute.leans.endswith("-") else at)
        return float(np.mean(spots))

    low, middle, high = places("N=-2"), places("N=0"), places("N=2")
    assert low < 0.25
    assert abs(middle - 0.5) < 0.1
    assert high > 0.75


def test_facts_do_not_exclude_each_other() -> None:
    """No exclusion of the data is broken, at random or by a model that takes the first value."""
    pairs = data_json("personas/life.json")["exclusions"]
    lots = made(deeppersona(Order(n=80, seed=5), depth=Depth(depth=320)))
    written = made(deeppersona(Order(n=4, model=Obedient()), depth=Depth(depth=320)))
    both = 0
    for persona in [*lots, *written]:
        for fact, values, other_fact, other_values in pairs:
            if persona.facts.get(fact) in values and other_fact in persona.facts:
                assert other_values != ["*"], (fact, other_fact)
                assert persona.facts[other_fact] not in other_values, (fact, other_fact)
                both += 1
    assert both > 100


def test_garbage_is_repaired_and_counted() -> None:
    population = deeppersona(
        Order(n=2, model=ScriptedModel(lambda _: "not JSON")), depth=Depth(depth=24)
    )
    batch = population.make(population.slots(0, 2))
    people = list(frame_personas(batch.rows))
    assert batch.counts["repaired"] >= 2 * 24
    assert batch.counts["unreadable replies"] == batch.counts["asked"] + batch.counts["asked again"]
    assert all(len(p.facts) >= 24 for p in people)


@pytest.mark.parametrize(
    "telling",
    [
        "The person introduces themselves, in a voice that is correct and formal, to all who hear.",
        "She gets up early and walks to the harbour, where nobody waits, and then goes home again.",
        " ".join(["I am fine,"] * 12),
    ],
)
def test_a_narrative_that_echoes_repeats_or_describes_another_is_refused(telling: str) -> None:
    def teller(_: Chat, sampling: Sampling) -> str:
        is_narrative = "summary" in json.loads(str(sampling.schema))["properties"]
        return json.dumps({"summary": telling}) if is_narrative else obey(str(sampling.schema))

    population = deeppersona(Order(n=1, model=Obedient(teller)), depth=Depth(depth=12))
    batch = population.make(population.slots(0, 1))
    (persona,) = frame_personas(batch.rows)
    assert telling not in persona.narrative
    assert persona.narrative.startswith("I am ")
    assert batch.counts["repaired"] == 1


def test_findings_count_depth_uniqueness_coverage_and_topic() -> None:
    population = deeppersona(Order(n=6))
    rows = population.make(population.slots(0, 6)).rows
    assert population.findings is not None
    parts = population.findings(rows)
    estimates = {p.name: p for p in parts if isinstance(p, Estimate)}
    assert estimates["attributes"].value > 200
    assert 0.5 < estimates["uniqueness"].value < 1
    assert estimates["speaks of community"].value == 0
    assert any(isinstance(p, Note) and "k-anonymity" in p.text for p in parts)
    twice = population.findings(rows[[0, 0, 0]])
    same = {p.name: p for p in twice if isinstance(p, Estimate)}
    assert same["uniqueness"].value == 0


@pytest.mark.parametrize(
    ("anchors", "error"),
    [
        ("age", BadValue),
        ("age=old", BadValue),
        ("colour=red", UnknownName),
        ("E=9", BadValue),
        ("age=3", BadValue),
        ("country=Atlantis", UnknownName),
    ],
)
def test_bad_anchors_are_refused_with_help(anchors: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        deeppersona(Order(n=1), anchors=anchors)
    assert parse_anchors("") == ({}, {})


@pytest.mark.parametrize("depth", [Depth(ratio="5:3"), Depth(words=3), Depth(ratio="0:0:0")])
def test_a_bad_depth_is_refused_with_help(depth: Depth) -> None:
    with pytest.raises(BadValue):
        deeppersona(Order(n=1), depth=depth)


def test_every_shipped_sentence_turns_into_the_first_person() -> None:
    for attribute in shipped_taxonomy().attributes:
        for value in attribute.values:
            sentence = first_person(attribute.sentence(value))
            assert "you" not in sentence.lower().replace("young", "").split(), sentence
            assert "your" not in sentence.lower().split(), sentence
            assert " me are " not in sentence, sentence


@pytest.mark.slow
@pytest.mark.embedded
def test_the_embedded_model_fills_a_small_persona() -> None:
    model = LocalModel(embedded())
    population = deeppersona(Order(n=1, model=model), depth=Depth(depth=12, words=30))
    batch = population.make(population.slots(0, 1))
    (persona,) = frame_personas(batch.rows)
    assert 12 + 10 <= len(persona.facts) <= 12 + 12
    assert batch.counts["unreadable replies"] == 0
    assert persona.provenance["model"] == "smollm2"
