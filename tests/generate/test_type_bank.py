"""Banks of types: the counts of CharacterChat (arXiv 2308.10278), and what writing owes."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import personae as p
from personae.core import BadValue, Persona
from personae.generate.recipe import Order, PersonaBatch
from personae.generate.recipes.type_bank.recipe import type_bank
from personae.generate.recipes.type_bank.types import FIELDS, TypeBank, bank_types
from personae.personas import frame_personas
from personae.respondents.scripted import ScriptedModel


def made(n: int, model: ScriptedModel | None = None, bank: TypeBank = "mbti") -> PersonaBatch:
    population = type_bank(Order(n=n, seed=3, model=model), bank)
    return population.make(population.slots(0, n))


def people(of: PersonaBatch) -> list[Persona]:
    return list(frame_personas(of.rows))


def obedient() -> ScriptedModel:
    """Writes every field that any request of the bank has."""
    names = (*FIELDS, *(f"answer_{i}" for i in range(1, 6)))
    return ScriptedModel(lambda _: json.dumps({n: f"You have a {n} of your own." for n in names}))


def test_sixteen_times_sixty_four_with_all_seventeen_keys() -> None:
    """1,024 records, 17 keys each, ages whole numbers in 12..40, the type hidden."""
    model = obedient()
    bank = people(made(1024, model))
    assert Counter(character.extra["type"] for character in bank) == dict.fromkeys(
        (t.code for t in bank_types("mbti")), 64
    )
    for character in bank:
        assert {path.removeprefix("profile/") for path in character.facts} == set(FIELDS)
        assert 12 <= int(character.facts["profile/age"]) <= 40
        assert str(character.extra["type"]) not in character.text
    codes = "|".join(t.code for t in bank_types("mbti"))
    asked = [request.chat for request in model.asked]
    assert len(asked) == 5 * 1024
    assert not any(re.search(codes, m.text) for chat in asked for m in chat)


def test_drawn_characters_are_complete_varied_and_seeded() -> None:
    bank, again = people(made(64)), people(made(64))
    assert bank == again
    assert len({character.text for character in bank}) == 64
    assert not any(re.search(r"\bI\b", character.text) for character in bank)
    for character in bank:
        assert all(character.facts.values())
        assert len(character.extra["presets"]) == 5  # type: ignore[arg-type]
        assert character.facts["profile/recent_worry_or_anxiety"] not in character.text


def test_written_fields_are_kept_and_unfit_ones_counted() -> None:
    """A text that names the type or another age is refused, drawn anew and counted."""
    (first, *_) = people(made(2, obedient()))
    assert first.facts["profile/hobby"] == "You have a hobby of your own."
    assert first.facts["profile/name"] != "You have a name of your own."

    def tells(_: object) -> str:
        names = (*FIELDS, *(f"answer_{i}" for i in range(1, 6)))
        return json.dumps(dict.fromkeys(names, "You are an INTJ, aged 99, and proud of it."))

    batch = made(1, ScriptedModel(tells))
    assert batch.counts["repaired"] == 12 + 5
    assert "INTJ" not in json.dumps([dict(p.facts) for p in people(batch)])


@pytest.mark.parametrize(
    "text", ["Quiet by nature, as all agree.", "こんばんは、さようなら、またあした、おやすみなさい"]
)
def test_a_field_that_does_not_speak_to_the_person_is_refused(text: str) -> None:
    names = (*FIELDS, *(f"answer_{i}" for i in range(1, 6)))
    batch = made(1, ScriptedModel(lambda _: json.dumps(dict.fromkeys(names, text))))
    (character,) = people(batch)
    assert text not in character.text
    assert batch.counts["repaired"] == 12


def test_answers_that_echo_or_repeat_themselves_are_refused() -> None:
    names = (*FIELDS, *(f"answer_{i}" for i in range(1, 6)))
    for text in ("I had a terrible day. So did I.", "no no no no no no yes"):
        reply = json.dumps(dict.fromkeys(names, text))
        (character,) = people(made(1, ScriptedModel(lambda _: reply)))  # noqa: B023
        assert text not in json.dumps(character.extra)


def test_types_lean_as_their_letters_and_the_big_five_has_thirty_two() -> None:
    by_code = {t.code: t for t in bank_types("mbti")}
    assert by_code["ENFJ"].traits == {"E": 1, "O": 1, "A": 1, "C": 1}
    assert by_code["ISTP"].traits == {"E": -1, "O": -1, "A": -1, "C": -1}
    patterns = people(made(32, bank="big-five"))
    assert len({tuple(sorted(p.traits.items())) for p in patterns}) == 32


def test_published_bank_has_our_keys_and_strays(test_data: Callable[[str], Path]) -> None:
    """The published sample has our keys but the seventeenth, and in some records keys of no one's.

    Under a schema none can stray.
    """
    lines = test_data("characterchat/profile_output.json").read_text().splitlines()
    keys = [set(json.loads(line)["profile"]) for line in lines]
    expected = set(FIELDS) - {"additional_information"}
    assert sum(expected <= record_keys for record_keys in keys) == 98
    assert sum(record_keys != expected for record_keys in keys) == 4


@pytest.mark.parametrize("n", [1, 15, 17, 40])
def test_any_count_is_spread_evenly(n: int) -> None:
    sizes = Counter(character.extra["type"] for character in people(made(n)))
    assert max(sizes.values()) - min(sizes.values()) <= 1


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(BadValue, match="n is a whole number, not 'x'"):
        p.generate("type_bank", "x")  # type: ignore[arg-type]
