"""Options of the commands that take a model: where it runs, and how it is asked.

Each option belongs to local models or to servers, and goes to the models of that kind among those
that a command opens. An option that none of them takes is refused.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from personae.core import Model

__all__ = [
    "LOCAL_OPTIONS",
    "SERVER_OPTIONS",
    "model_opener",
    "model_options",
    "option_names",
    "with_model_options",
]

Command = TypeVar("Command", bound=Callable[..., Any])

LOCAL_OPTIONS = (
    click.Option(
        ["--device"],
        metavar="DEVICE",
        help="Where a local model runs: auto, cpu, cuda, cuda:N or mps.",
    ),
    click.Option(
        ["--dtype"],
        metavar="DTYPE",
        help="Precision of a local model: auto (float32 on the CPU, elsewhere the checkpoint's), "
        "float32, bfloat16 or float16.",
    ),
    click.Option(
        ["--quantize"],
        metavar="BITS",
        help="Quantise a local model to 8bit or 4bit, by bitsandbytes or torchao.",
    ),
    click.Option(
        ["--device-map"],
        metavar="MAP",
        help="Spread a local model over several devices: auto, balanced, balanced_low_0 or "
        "sequential.",
    ),
    click.Option(
        ["--attention"],
        metavar="KERNEL",
        help="How a local model computes attention: auto, sdpa, eager or flash_attention_2.",
    ),
)
SERVER_OPTIONS = (
    click.Option(
        ["--thinking"],
        metavar="off|TOKENS",
        help="How much a reasoning model may think before it answers.",
    ),
    click.Option(
        ["--header", "headers"],
        metavar="NAME:VALUE",
        multiple=True,
        help="Send a header with every request; $NAME in it is an environment variable. May be "
        "repeated.",
    ),
    click.Option(
        ["--first-answer"],
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="How long to wait for a server's first answer; 60 by default.",
    ),
    click.Option(
        ["--extra-body"],
        metavar="JSON",
        help="Add fields to the body of every request, as an object in JSON.",
    ),
)
MODEL_OPTIONS = (*LOCAL_OPTIONS, *SERVER_OPTIONS)
OF_SCHEMES = {
    **dict.fromkeys(("smollm2", "hf", "gguf"), LOCAL_OPTIONS),
    "vllm": tuple(option for option in LOCAL_OPTIONS if option.name == "dtype"),
}
"""The options of models on this machine; those of vLLM's engine are in the model string."""


def option_names(scheme: str) -> list[str]:
    """Name the options that models of a scheme take, such as hf or https."""
    return [option.opts[0] for option in _options_of(f"{scheme}://HOST")]


def with_model_options(command: Command) -> Command:
    """Add the options to a command that is declared by decorators."""
    for option in reversed(MODEL_OPTIONS):
        click.option(
            *option.opts,
            str(option.name),
            metavar=option.metavar,
            multiple=option.multiple,
            type=option.type,
            help=option.help,
        )(command)
    return command


def model_options(
    texts: Iterable[str], settings: Mapping[str, Any]
) -> dict[str, dict[str, object]]:
    """Return for each model string the options that were given for its kind.

    Raises:
        InputError: an option was given that none of the models takes.
    """
    from personae.core import InputError

    given = {str(o.name) for o in MODEL_OPTIONS if settings.get(str(o.name)) not in (None, ())}
    names = {text: {str(o.name) for o in _options_of(text)} & given for text in texts}
    for option in MODEL_OPTIONS:
        if option.name in given - set().union(*names.values()):
            schemes = [scheme for scheme, options in OF_SCHEMES.items() if option in options]
            raise InputError(
                f"{option.opts[0]} is no option of {' or '.join(names)}; it is for "
                f"{', '.join(schemes) or 'servers'}"
            )
    return {text: {name: settings[name] for name in taken} for text, taken in names.items()}


def _options_of(text: str) -> tuple[click.Option, ...]:
    from personae.models.opening import is_server

    if is_server(text):
        return SERVER_OPTIONS
    return OF_SCHEMES.get(text.strip().partition(":")[0], ())


def model_opener(settings: dict[str, Any]) -> "Callable[[], Model]":
    """Take the model and its options out of the settings, and return what opens it.

    Raises:
        InputError: an option was given that the model doesn't take.
    """
    from personae.models.opening import open_model

    text = str(settings.pop("model"))
    options = model_options([text], settings)[text]
    for option in MODEL_OPTIONS:
        settings.pop(str(option.name))
    return partial(open_model, text, **options)
