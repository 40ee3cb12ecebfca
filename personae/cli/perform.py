"""Runs a study from the command line: open models, plan, confirm costs, run, report."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from personae.cli.framework.command_group import FULL, report_page, show_report
from personae.cli.model_options import LOCAL_OPTIONS, SERVER_OPTIONS, model_options
from personae.cli.signature import take
from personae.core import (
    BadValue,
    InputError,
    Model,
    OpenModel,
    Report,
    require_white_box,
)
from personae.core.files.headers import Header
from personae.models.opening import is_server, open_model
from personae.models.server.budget import Budget, Price, Spending
from personae.run.execute import Job, asked_before, execute, is_finished
from personae.run.folder.manifest import same_run
from personae.run.parameters import parameters
from personae.run.plan import CostEstimate, announce

__all__ = ["COMMON", "TOPICS", "confirm", "on_cluster", "open_models", "perform"]

MODEL_HELP = (
    "smollm2 (embedded), hf:NAME, vllm:NAME, gguf:FILE, ollama:NAME, http://HOST/v1#NAME, ...; "
    "see `personae list`."
)
LIMITS = ("calls", "tokens", "money", "minutes")
POSITIVE = click.FloatRange(0, min_open=True)
RUN_OPTIONS = (
    click.Option(
        ["--fresh"],
        is_flag=True,
        help="Start over; an earlier run is moved aside within the folder.",
    ),
    click.Option(["--retry-errors"], is_flag=True, help="Ask again what ended in an error before."),
    click.Option(
        ["--ray"],
        is_flag=False,
        flag_value="local",
        metavar="[ADDRESS]",
        help="Spread the work over a Ray cluster, on this machine by default.",
    ),
    click.Option(["--max-minutes"], type=POSITIVE, help="Stop after so many minutes."),
)
COST_OPTIONS = (
    click.Option(["--yes"], is_flag=True, help="Don't ask for confirmation of a server's cost."),
    click.Option(
        ["--price"],
        metavar="IN,OUT",
        help="Price of a million tokens of a server, read and written.",
    ),
    click.Option(
        ["--max-calls"], type=click.IntRange(1), help="Most calls that a server may bill."
    ),
    click.Option(["--max-tokens"], type=click.IntRange(1), help="Most tokens read and written."),
    click.Option(["--max-money"], type=POSITIVE, help="Most money, by --price."),
)
TOPICS = {
    "Local models": LOCAL_OPTIONS,
    "Servers": SERVER_OPTIONS,
    "Runs": RUN_OPTIONS,
    "Costs": COST_OPTIONS,
}
"""What the options of every run are about that help names without explaining them."""
COMMON = (
    click.Option(
        ["--model"], default="smollm2", show_default=True, metavar="MODEL", help=MODEL_HELP
    ),
    click.Option(
        ["--out"],
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="Folder for the results.",
    ),
    FULL,
    *chain.from_iterable(TOPICS.values()),
)


def perform(study: Header, function: Callable[..., Report], settings: Mapping[str, Any]) -> None:
    """Run a study or the card with typed values, and print the report."""
    model_strings = {"model": str(settings["model"])}
    for parameter in parameters(function):
        if parameter.is_model and parameter.name != "model" and settings.get(parameter.name):
            model_strings[parameter.name] = str(settings[parameter.name])
    arguments, options = take(function, settings)
    body = partial(function, **arguments)
    with on_cluster(settings):
        with open_models(model_strings, settings) as models:
            _check_open(study, function, models)
            _run(study, settings, body, options, models)


def _check_open(
    study: Header, function: Callable[..., Report], models: Mapping[str, Model]
) -> None:
    """Refuse a model that isn't open where the study needs an open one."""
    for parameter in parameters(function):
        if parameter.kind is OpenModel and parameter.name in models:
            require_white_box(models[parameter.name], f"the study {study.name}")


def _run(
    study: Header,
    settings: Mapping[str, Any],
    body: Callable[..., Report],
    options: Mapping[str, object],
    models: Mapping[str, Model],
) -> None:
    log = Console(stderr=True)
    job = Job(
        study=study.name,
        version=study.version,
        options=options,
        out=settings["out"] or Path("out") / study.name,
        fresh=bool(settings["fresh"]),
        retry_errors=bool(settings["retry_errors"]),
    )
    earlier = None if job.fresh else same_run(job.out, job.identity(models))
    is_done = earlier is not None and is_finished(job, earlier)
    if not is_done:
        job = replace(job, plan=_announce(body, models, settings, log))
    report = execute(job, body, models, log)
    show_report(report, full=bool(settings["full"]), page=report_page(job.out))
    if earlier is not None and is_done and report.provenance is not None:
        usage = report.provenance.usage
        if usage.requests == asked_before(earlier):
            log.print(f"Nothing new was asked; this run's cost so far: {usage}", highlight=False)
    log.print(f"Written to {job.out}/: report.html, report.json, answers.parquet, manifest.json")


def on_cluster(settings: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Connect to the requested cluster, if any, for the duration of a block.

    Raises:
        BadValue: limits were given too, which each worker would apply by itself.
    """
    if not settings["ray"]:
        return nullcontext()
    if any(settings.get(f"max_{name}") for name in LIMITS):
        raise BadValue("limits hold within one process: give --ray or a limit, not both")
    from personae.run.cluster import cluster

    return cluster(settings["ray"])


@contextmanager
def open_models(
    texts: Mapping[str, str], settings: Mapping[str, Any]
) -> Iterator[dict[str, Model]]:
    """Open the models of all roles, each with the options given for its kind.

    Those behind servers share one account, whose sum is printed at the end of the block.

    Raises:
        InputError: an option was given that none of the models takes.
    """
    options = model_options(texts.values(), settings)
    limits = {name: settings[f"max_{name}"] for name in LIMITS}
    spending = Spending(Budget(**limits), _price(settings.get("price")))
    try:
        yield {role: _open(text, options[text], settings, spending) for role, text in texts.items()}
    finally:
        if spending.spent.requests:
            click.echo(f"Sent to servers: {spending}", err=True)


def _open(
    text: str, options: Mapping[str, Any], settings: Mapping[str, Any], spending: Spending
) -> Model:
    """Open a model: on the cluster, or here, a server under the limits of the account."""
    if settings["ray"]:
        from personae.run.cluster_model import cluster_model

        return cluster_model(text, options)
    if not is_server(text):
        return open_model(text, **options)
    return open_model(text, spending=spending, **options)


def _price(text: str | None) -> Price | None:
    if text is None:
        return None
    try:
        input_price, output_price = (float(part) for part in text.split(","))
    except ValueError as error:
        raise BadValue(f"a price is IN,OUT per million tokens, not {text!r}") from error
    return Price(input_per_million=input_price, output_per_million=output_price)


def _announce(
    body: Callable[..., Report],
    models: Mapping[str, Model],
    settings: Mapping[str, Any],
    log: Console,
) -> CostEstimate | None:
    """Print the planned cost of the run; ask for confirmation if a server may charge for it."""
    plan = announce(body, models, partial(log.print, highlight=False))
    if plan is not None and any(is_server(model.name) for model in models.values()):
        confirm(plan, settings, log)
    return plan


def confirm(plan: CostEstimate, settings: Mapping[str, Any], log: Console) -> None:
    """Print what a server may charge, and ask to continue unless a limit or --yes was given."""
    price = _price(settings.get("price"))
    if price is not None:
        total = price.cost(plan.tokens_in, plan.tokens_out)
        words = f"at most about {total:.2f} {price.currency}"
        if plan.most_calls > plan.calls > 0:
            most = plan.times(plan.most_calls / plan.calls)
            counted = price.cost(most.tokens_in, most.tokens_out)
            words += f"; about {counted:.2f} if the server shows no log-probabilities"
        log.print(f"At {settings['price']} per million: {words}", highlight=False)
    is_limited = any(settings[f"max_{name}"] for name in LIMITS)
    if settings["yes"] or is_limited:
        return
    if not sys.stdin.isatty():
        raise InputError(
            "calls to a server may cost money: add --yes or a limit such as --max-money"
        )
    click.confirm("Continue?", abort=True, err=True)
