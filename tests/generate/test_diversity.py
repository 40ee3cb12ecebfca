"""What a population's report says of planted stereotypes, and of none."""

from collections.abc import Sequence

import numpy as np
import pytest

from personae.core import Figure, Note, Part, Persona, Table
from personae.generate.quality.associations import _association, _is_protected, stereotypes
from personae.generate.quality.diversity import diversity
from personae.personas import persona_frame


def people(bias: float, n: int = 600) -> list[Persona]:
    """Women are nurses more often by `bias`, and called gentle in their texts."""
    random = np.random.default_rng(0)
    personas = []
    for i in range(n):
        sex = ("female", "male")[i % 2]
        nurse = random.random() < 0.5 + (bias if sex == "female" else -bias)
        gentle = random.random() < 0.3 + (bias if sex == "female" else 0)
        job = "nurse" if nurse else "plumber"
        personas.append(
            Persona(
                id=str(i),
                facts={
                    "demographic/sex": sex,
                    "work/job": job,
                    "home/pet": "cat dog".split()[i % 3 % 2],
                },
                text=f"Works hard{' and gentle' if gentle else ''} in town {i % 7}.",
                traits={c: float(z) for c, z in zip("OCEAN", random.normal(size=5), strict=True)},
            )
        )
    return personas


def table(parts: Sequence[Part], name: str) -> Table | None:
    return next((p for p in parts if isinstance(p, Table) and p.name == name), None)


def test_a_planted_stereotype_is_found() -> None:
    parts = stereotypes(persona_frame(people(0.3)))
    note = next(p for p in parts if isinstance(p, Note))
    assert note.level == "warning" and "demographic/sex and work/job" in note.text
    marks = table(parts, "marked words")
    assert marks is not None and any("gentle" in str(row[2]) for row in marks.rows)
    assert all(row[1] == "female" for row in marks.rows)


def test_without_stereotypes_none_is_reported() -> None:
    parts = stereotypes(persona_frame(people(0.0)))
    note = next(p for p in parts if isinstance(p, Note))
    assert note.level == "info" and note.text.startswith("0 of 2 pairs")
    assert table(parts, "marked words") is None


def test_corrected_association_is_zero_on_average_without_one() -> None:
    random = np.random.default_rng(1)
    values = [
        _association(random.multinomial(200, [1 / 12] * 12).reshape(3, 4).astype(float))[0].value
        for _ in range(60)
    ]
    assert np.mean(values) < 0.06
    strong, p = _association(np.array([[90.0, 10.0], [10.0, 90.0]]))
    assert strong.low < strong.value < strong.high and strong.value == pytest.approx(0.8, abs=0.01)
    assert p < 1e-20


def test_protected_facts_are_recognised_by_their_words() -> None:
    assert all(map(_is_protected, ("sex", "demographic/age band", "ethnicity", "born/birthplace")))
    assert not any(map(_is_protected, ("school/language", "work/manager", "home/image")))


def test_variety_of_facts_texts_and_traits() -> None:
    parts = diversity(persona_frame(people(0.0)))
    variety, texts = table(parts, "variety"), table(parts, "texts")
    assert variety is not None and texts is not None
    even = {row[0]: row[2] for row in variety.rows}
    assert even["demographic/sex"] == pytest.approx(1.0)
    assert even["home/pet"] == pytest.approx(0.918, abs=0.01)
    figures = [p for p in parts if isinstance(p, Figure)]
    assert [f.name for f in figures] == ["trait correlations", "traits"]
    equal = diversity(persona_frame([Persona(id=str(i), text="All alike here.") for i in range(5)]))
    alike = table(equal, "texts")
    assert alike is not None and alike.rows[3][1] == 1
