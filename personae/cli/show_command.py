"""The commands `show` and `list`: studies, recipes, inventories, inductions, models, controls."""

from collections.abc import Callable, Iterator, Mapping
from textwrap import wrap

import click

from personae.cli.framework.lazy_commands import recipe_command, study_command
from personae.cli.model_options import option_names
from personae.cli.perform import COMMON
from personae.cli.shown_files import is_path, shown_file
from personae.core import (
    Inventory,
    Needs,
    Note,
    Report,
    Table,
    UnknownName,
    counted,
    inventories,
    load_inventory,
)
from personae.core.files.headers import Header
from personae.generate.recipe_registry import recipes
from personae.induce.registry import find_induction, induction_summaries, inductions
from personae.induce.steer.steer_inductions import EXAMPLES, WHITE_BOX
from personae.models.opening import CONTROLS, MODEL_STRINGS
from personae.respondents.latent import SETTINGS
from personae.respondents.null import NULLS
from personae.run.study_registry import studies

__all__ = ["describe", "known_names", "listing"]

CAPABILITIES = {
    "Model": "any model",
    "Chooser": "a model that gives likelihoods",
    "OpenModel": "an open model",
}
CONTROL = "Likelihoods: yes. White box: no. A control: its answers describe no language model."
CLOSED = "White box: no, so that nothing steers it and studies of activations refuse it."
WHOLE = "of whole texts, as on this machine"
FIRST = "of first tokens where it shows any, else by the shares of sampled replies"
LIKELIHOODS = {
    **dict.fromkeys(("vllm-server", "sglang-server", "llama-server"), WHOLE),
    "tgi-server": f"{WHOLE}, from its version 3 on only if it was started with "
    "--enable-prefill-logprobs; else of first tokens",
    **dict.fromkeys(("openai", "ollama"), FIRST),
    "http": "of whole texts from vLLM, SGLang, llama.cpp and text-generation-inference; from "
    f"others {FIRST}",
}
"""Scheme of a server -> which likelihoods it gives."""
BASE = "Models without a chat template, as base models are, read chats as plain text."
WHITE = "Likelihoods: yes. White box: yes, so that it can be steered and looked into."
ABILITIES = {
    "smollm2": WHITE,
    **dict.fromkeys(("hf", "gguf"), f"{WHITE} {BASE}"),
    "vllm": "Likelihoods: yes. White box: no; but EasySteer, where it is installed, makes steering "
    f"and caps by vector files, and vLLM-Hook steering. {BASE}",
    **{scheme: f"Likelihoods: {which}. {CLOSED}" for scheme, which in LIKELIHOODS.items()},
    **dict.fromkeys(CONTROLS, CONTROL),
}
"""What models of a scheme can do."""
PARTS: dict[str, tuple[str, Mapping[str, str]]] = {
    "null": ("KIND", NULLS),
    "simulated": (
        "SETTINGS",
        {name: f"{s.meaning}; {s.low:g} to {s.high:,.16g}" for name, s in SETTINGS.items()},
    ),
}
"""What can stand in the model string of a control, and what it means."""


def known_names() -> dict[str, str]:
    """Map each name that `show` knows to its kind; a name of two kinds has the kinds joined."""
    kinds = {
        "study": [header.name for header in studies.headers()],
        "recipe": [header.name for header in recipes.headers()],
        "inventory": inventories(),
        "induction": induction_summaries(),
        "model": dict.fromkeys(text.partition(":")[0] for text in MODEL_STRINGS),
    }
    names: dict[str, str] = {}
    for kind, members in kinds.items():
        for name in dict.fromkeys(members):
            names[name] = f"{names[name]}, {kind}" if name in names else kind
    return names


def describe(name: str) -> Iterator[str | Report]:
    """Describe what has a name, or what a file or folder holds, in lines or in a report.

    Raises:
        UnknownName: nothing is called so; carries near matches among all kinds.
        BadFile: a path where there is nothing that can be shown.
    """
    names = known_names()
    plain = name.strip().lower()
    alike = {known.replace("-", "_"): known for known in names}
    known = alike.get(plain.replace("-", "_")) or plain.partition(":")[0]
    known = "http" if known == "https" else known
    if known not in names and is_path(name):
        shown = shown_file(name)
        yield _inventory_report(shown) if isinstance(shown, Inventory) else shown
        return
    if known not in names:
        kind = "study, recipe, inventory, induction or model"
        raise UnknownName(kind, name, names, listed_by="personae list")
    for kind in names[known].split(", "):
        yield from DESCRIPTIONS[kind](known)


def listing() -> Iterator[str]:
    """List what `show` knows: studies and recipes by their summaries, the rest by name."""
    for title, headers in (
        ("Studies (personae run NAME; the card: personae card)", studies.headers()),
        ("Recipes (personae generate NAME)", recipes.headers()),
    ):
        yield title
        for header in headers:
            yield f"  {header.name:<20} {header.summary}"
    for title, names in (
        ("Inventories (--inventory NAME)", inventories()),
        ("Inductions (--inductions A,B)", inductions()),
        ("Inductions in open models", EXAMPLES),
        ("Models (--model NAME)", MODEL_STRINGS),
        ("Controls (--model null:KIND)", NULLS),
    ):
        line = f"{title}: {', '.join(names)}"
        yield from wrap(line, 100, subsequent_indent="  ", break_on_hyphens=False)
    yield "More on each of them: personae show NAME"


def _study(name: str) -> Iterator[str]:
    header = studies.find(name)
    yield from _fields(header)
    yield from _own_options(study_command(name), name if name == "card" else f"run {name}")


def _recipe(name: str) -> Iterator[str]:
    yield from _fields(recipes.find(name))
    yield from _own_options(recipe_command(name), f"generate {name}")


def _fields(header: Header) -> Iterator[str]:
    yield header.summary
    for title, value in header.fields.items():
        if title == "System":  # a name in our own lists, which the paper's authors don't use
            continue
        lines = wrap(f"{title:<8} {value}", 100, subsequent_indent=" " * 9, break_on_hyphens=False)
        yield from lines


def _own_options(command: click.Command, name: str) -> Iterator[str]:
    """Show what a command takes beside what every run takes."""
    shared = {parameter.name for parameter in COMMON}
    command.params = [p for p in command.params if p.name not in shared]
    command.help = None
    context = click.Context(command, info_name=f"personae {name}", max_content_width=100)
    yield "\n" + command.get_help(context)
    yield f"Model, folder and limits as for every run: personae {name} --help"


def _inventory(name: str) -> Iterator[Report]:
    yield _inventory_report(load_inventory(name))


def _inventory_report(inventory: Inventory) -> Report:
    options = ", ".join(f"{option.value} {option.text}" for option in inventory.options)
    notes = [
        f"Source: {inventory.source}",
        f"Licence: {inventory.licence}",
        f"Options: {options}",
        f"Tag in answers: {inventory.tag}",
    ]
    if not inventory.has_text:
        notes.append("The texts may not be shipped: give yours as a CSV with --items.")
    size = counted(len(inventory.items), "item")
    items = Table(
        name="items",
        title=f"{size} of the kind {inventory.kind}",
        columns=("item", "scale", "facet", "key", "text"),
        rows=tuple(
            (i.id, i.scale, i.facet, f"{i.key:+d}", " … ".join(filter(None, (i.text, i.other))))
            for i in inventory.items
        ),
    )
    verdicts = tuple(Note(note, "verdict") for note in notes)
    return Report(title=inventory.title, parts=(*verdicts, _scales(inventory), items))


def _scales(inventory: Inventory) -> Table:
    rows = []
    for scale, title in inventory.scales.items():
        keys = [item.key for item in inventory.items if item.scale == scale]
        groups = {n.group for n in inventory.norms if n.scale == scale and not n.facet}
        rows.append((scale, title, keys.count(1), keys.count(-1), len(groups)))
    columns = ("scale", "title", "keyed +", "keyed −", "norm groups")
    return Table(name="scales", title="Scales", columns=columns, rows=tuple(rows))


def _induction(name: str) -> Iterator[str]:
    yield f"{name}: {induction_summaries()[name]}"
    is_family = name in ("steer", "cap")
    needs = WHITE_BOX if is_family else find_induction(name).needs
    yield f"Needs: {_needs(needs)}"
    if is_family:
        yield "Examples: " + "; ".join(text for text in EXAMPLES if name in text)
    yield f"Use: personae card PERSONA --inductions {name}"


def _needs(needs: Needs) -> str:
    layers = " and ".join(f"a persona with {' or '.join(group)}" for group in needs.layers)
    return "; ".join(part for part in (layers, CAPABILITIES[needs.capability]) if part) + "."


def _model(scheme: str) -> Iterator[str]:
    texts = [text for text in MODEL_STRINGS if text.partition(":")[0] == scheme]
    for text in texts:
        yield f"{text}: {MODEL_STRINGS[text]}"
    yield from wrap(ABILITIES[scheme], 100, break_on_hyphens=False)
    if options := option_names(scheme):
        yield "Options: " + ", ".join(options)
    title, meanings = PARTS.get(scheme, ("", {}))
    for name, meaning in meanings.items():
        yield from wrap(
            meaning,
            100,
            initial_indent=f"{title:<10}{name:<14}",
            subsequent_indent=" " * 24,
        )
        title = ""
    yield f"Use: personae card examples/ada.json --model {texts[0]}"


DESCRIPTIONS: dict[str, Callable[[str], Iterator[str | Report]]] = {
    "study": _study,
    "recipe": _recipe,
    "inventory": _inventory,
    "induction": _induction,
    "model": _model,
}
