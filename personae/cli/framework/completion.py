"""Completion of names in a shell: models, studies, inventories, recipes, inductions.

Nothing heavy is imported for it, and nothing at all unless a shell asks.
"""

from collections.abc import Callable, Iterable
from glob import glob
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

__all__ = ["SHELLS", "completion_script", "with_completion"]

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_PERSONAE_COMPLETE"
WHOLE_WORDS = 'COMP_WORDBREAKS="${COMP_WORDBREAKS//:}"\n'
"""Bash breaks words at colons, which model strings have."""

Names = Callable[[str], Iterable[str]]


def completion_script(group: click.Command, shell: str) -> str:
    """Return what a shell evaluates so that it completes `personae`."""
    kind = get_completion_class(shell)
    if kind is None:
        raise AssertionError(f"there is no completion for {shell}")
    script = kind(group, {}, "personae", VARIABLE).source()
    return WHOLE_WORDS + script if shell == "bash" else script


def _completer_of(parameter: str) -> Callable[..., list[CompletionItem]] | None:
    """Return what completes a parameter of that name on any command."""
    names = COMPLETED.get(parameter)
    if names is None:
        return None

    def complete(
        context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(name) for name in names(incomplete) if name.startswith(incomplete)]

    return complete


def with_completion(command: click.Command) -> click.Command:
    """Let a command's parameters, and those of its subcommands, be completed by their names."""
    for parameter in command.params:
        completer = _completer_of(str(parameter.name))
        if completer is not None and parameter._custom_shell_complete is None:
            parameter._custom_shell_complete = completer
    for member in getattr(command, "commands", {}).values():
        with_completion(member)
    return command


def _models(incomplete: str) -> Iterable[str]:
    from personae.models.opening import MODEL_STRINGS
    from personae.respondents.null import NULLS

    scheme, colon, path = incomplete.partition(":")
    if colon and scheme in ("hf", "gguf"):
        return (f"{scheme}:{name}" for name in _files(path, "" if scheme == "hf" else ".gguf"))
    if colon and scheme == "null":
        return (f"null:{kind}" for kind in NULLS)
    schemes = dict.fromkeys(text.partition(":")[0] for text in MODEL_STRINGS)
    return (f"{name}{'' if name == 'smollm2' else ':'}" for name in schemes)


def _files(path: str, suffix: str) -> Iterable[str]:
    for name in sorted(glob(f"{path}*"), key=lambda name: (not Path(name).is_dir(), name)):
        if Path(name).is_dir():
            yield f"{name}/"
        elif suffix and name.endswith(suffix):
            yield name


def _inventories(_: str) -> Iterable[str]:
    from personae.core import inventories

    return inventories()


def _inductions(incomplete: str) -> Iterable[str]:
    """Complete the last name of a list A,B,... or of A & B."""
    from personae.induce.registry import induction_summaries

    return _after(",&", incomplete, induction_summaries())


def _sections(incomplete: str) -> Iterable[str]:
    from personae.card.card import SECTIONS

    return _after(",", incomplete, SECTIONS)


def _after(separators: str, incomplete: str, names: Iterable[str]) -> Iterable[str]:
    """Complete the last name of a list."""
    start = max(incomplete.rfind(separator) for separator in separators) + 1
    lead = incomplete[: len(incomplete) - len(incomplete[start:].lstrip())]
    return (lead + name for name in names)


def _placement(choices: str) -> Names:
    def names(_: str) -> Iterable[str]:
        from personae.models import placement

        return [name for name in getattr(placement, choices) if name != "cuda:N"]

    return names


def _formats(_: str) -> Iterable[str]:
    from personae.personas.exchange import FORMATS, NATIVE

    return (NATIVE, *FORMATS)


COMPLETED: dict[str, Names] = {
    "model": _models,
    "judge": _models,
    "inventory": _inventories,
    "inductions": _inductions,
    "target_form": _formats,
    "form": _formats,
    "sections": _sections,
    "device": _placement("DEVICES"),
    "dtype": _placement("DTYPES"),
    "quantize": _placement("QUANTIZATIONS"),
    "device_map": _placement("DEVICE_MAPS"),
    "attention": _placement("ATTENTIONS"),
}
"""What completes the value of a parameter, by its name."""
