"""The doctor: what is installed, what is not, and what to do about it."""

import pytest

from personae.core import ModelUnavailable
from personae.run import doctor
from tests.support.embedded import embedded

DECLARED = [
    "numpy>=2.0",
    "nosuch-core>=1",
    "torch>=2.6; extra == 'local'",
    "nosuch-extra[x]>=1; extra == 'ray'",
    "ruff>=0.9; extra == 'dev'",
]


def test_what_is_missing_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(name: str) -> object:
        raise ModelUnavailable(f"{name} is not here")

    monkeypatch.setattr(doctor, "requires", lambda name: DECLARED)
    monkeypatch.setattr(doctor, "open_model", closed)
    lines = list(doctor.checkup())
    text = "\n".join(lines)
    assert "✗ always: numpy" in text
    assert "missing: nosuch-core; reinstall Personae" in text
    assert "– ray: not installed" in text
    assert "missing: nosuch-extra; pip install 'personae[ray]'" in text
    assert "ruff" not in text
    assert "✗ smollm2: smollm2 is not here" in text


@pytest.mark.embedded
def test_the_embedded_model_is_itself_and_has_a_speed() -> None:
    embedded()
    last = list(doctor.checkup())[-1]
    assert last.startswith("✓ smollm2 opens, fingerprint ")
    assert float(last.split("reads about ")[1].split()[0]) > 1
