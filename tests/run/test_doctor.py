"""The doctor: what is installed, what is not, and what to do about it."""

import subprocess
import sys
from pathlib import Path

import pytest

from personae.core import ModelUnavailable
from personae.models.local.weights.runtime import resolved_device
from personae.models.placement import Placement
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
    lines = list(doctor.checkup(thorough=True))
    text = "\n".join(lines)
    assert "✗ always: numpy" in text
    assert "missing: nosuch-core; reinstall Personae" in text
    assert "– ray: not installed" in text
    assert "missing: nosuch-extra; pip install 'personae[ray]'" in text
    assert "ruff" not in text
    assert "✗ smollm2: smollm2 is not here" in text


@pytest.mark.slow
@pytest.mark.embedded
def test_the_embedded_model_is_itself_and_has_a_speed() -> None:
    embedded()
    lines = list(doctor.checkup(thorough=True))
    device = resolved_device(Placement())
    dtype = "float32" if device == "cpu" else "the checkpoint's own"
    assert f"✓ --device auto takes {device}, --dtype auto {dtype}" in lines
    last = lines[-1]
    assert last.startswith("✓ smollm2 opens, fingerprint ")
    assert float(last.split("reads about ")[1].split()[0]) > 1


def test_without_a_check_no_engine_is_loaded() -> None:
    code = (
        "import sys\n"
        "from personae.run.doctor import checkup\n"
        "lines = list(checkup())\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules\n"
        "print(*lines, sep='\\n')"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert "hf:NAME-OR-FOLDER" in printed and "--check" in printed


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ("2.13.0+cpu", "✗ NVIDIA L4: torch 2.13.0+cpu is built for the CPU"),
        ("2.13.0+cu128", "✓ local models run on NVIDIA L4; --dtype auto is the checkpoint's own"),
        ("", "✗ NVIDIA L4: torch isn't installed"),
    ],
)
def test_a_card_that_torch_cannot_use_is_named(
    engine: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "information").write_text("Model: \t NVIDIA L4\nIRQ: 3\n")
    monkeypatch.setattr(doctor, "NVIDIA", tmp_path)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    installed = {"torch": engine}
    monkeypatch.setattr(doctor, "_version", lambda name: installed.get(name, "1"))
    assert any(line.startswith(words) for line in doctor.checkup())


@pytest.mark.parametrize(
    ("installed", "line"),
    [
        (("torchao", "bitsandbytes"), "✓ --quantize: 8bit by torchao, 4bit by bitsandbytes"),
        (("torchao",), "✓ --quantize: 8bit by torchao, 4bit by torchao"),
        (("bitsandbytes",), "✓ --quantize: 8bit by bitsandbytes, 4bit by bitsandbytes"),
        ((), "– --quantize: torchao and bitsandbytes aren't installed; pip install"),
    ],
)
def test_the_package_that_would_quantise_is_named(
    installed: tuple[str, ...], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: "1" if name in installed else "")
    assert any(printed.startswith(line) for printed in doctor.checkup())
