"""The command `generate`: preview, confirmation of costs, generation, report."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from personae.cli.framework.command_group import WHOLE, show_report
from personae.cli.framework.folded_help import FoldedCommand, with_examples
from personae.cli.perform import COMMON, TOPICS, confirm, on_cluster, open_models
from personae.cli.signature import options_of, take
from personae.core import Chooser, Model, Report, is_control
from personae.core.files.headers import Header
from personae.generate.recipe import Order, Population
from personae.generate.recipe_registry import recipes
from personae.models.opening import is_server
from personae.run.parameters import parameters
from personae.run.plan import CostEstimate, estimate_work, token_counter
from personae.run.population.population_files import Commission, is_made
from personae.run.population.population_run import generate

__all__ = ["make_command"]

PLANNED = 8
"""Personas from which a model's work is estimated before it begins."""
OWN = (
    click.Option(["-n"], type=click.IntRange(1), default=10, show_default=True, help="Personas."),
    click.Option(["--seed"], type=WHOLE, default=0, show_default=True, help="Seed."),
    click.Option(
        ["--model"],
        metavar="MODEL",
        help="Writes the texts, see `personae list`; else structure alone.",
    ),
    click.Option(["--out"], type=click.Path(path_type=Path), help=".parquet, .jsonl or .json."),
    click.Option(
        ["--preview"], is_flag=True, help="Show what would be generated, and generate nothing."
    ),
    click.Option(["--fresh"], is_flag=True, help="Replace a file that holds something else."),
)


def make_command(name: str, settings: Mapping[str, Any]) -> click.Command:
    """Build a recipe's command from its signature."""
    recipe = recipes.find(name)
    function = recipes.load(recipe)

    def run_recipe(**option_values: Any) -> None:  # noqa: ANN401
        _perform(recipe, function, option_values)

    own_options = [o for p in parameters(function) if p.of != "order" for o in options_of(p)]
    common_options = [o for o in COMMON if o.name not in ("model", "out", "fresh")]
    call = " ".join((f"personae generate {name}", *_required(own_options)))
    examples = {
        f"{call} --preview": "a preview",
        f"{call} -n 100": "100 personas",
    }
    return FoldedCommand(
        name,
        topics=TOPICS,
        params=[*OWN, *own_options, *common_options],
        callback=run_recipe,
        help=with_examples(recipe.summary, examples),
        context_settings=dict(settings),
    )


def _required(options: Iterable[click.Parameter]) -> Iterator[str]:
    """Return what stands in a command line for the options that must be given."""
    return (f"{option.opts[0]} FILE" for option in options if option.required)


def _perform(recipe: Header, function: Callable[..., Population], settings: dict[str, Any]) -> None:
    arguments, options = take(function, settings)
    arguments.pop("order", None)
    for name in ("n", "seed"):
        options.pop(name, None)

    def build(model: Model | None, n: int = settings["n"]) -> Population:
        return function(Order(n=n, seed=settings["seed"], model=model), **arguments)

    roles = {"model": settings["model"]} if settings["model"] else {}
    with on_cluster(settings), open_models(roles, settings) as models:
        model = models.get("model")
        population = build(model)
        job = _job(recipe, settings, options)
        log = Console(stderr=True)
        if not settings["preview"] and is_made(job, population):
            log.print(f"Nothing new is made or asked: {job.out} is this population already")
        else:
            job = replace(job, total=_announce(population, build, settings))
        if settings["preview"]:
            return
        workers = None
        if settings["ray"] and model is None:
            from personae.run.cluster import span_workers

            workers = span_workers(recipe.name, arguments, population.order)
        report = generate(job, build, model, log, workers)
        show_report(report, full=settings["full"], page=job.sibling("report.html"))
        files = f"{job.out}, {job.sibling('report.html')}, {job.sibling('manifest.json')}"
        log.print(f"Written: {files}")


def _job(recipe: Header, settings: Mapping[str, Any], options: Mapping[str, object]) -> Commission:
    return Commission(
        recipe=recipe.name,
        version=recipe.version,
        options=options,
        out=settings["out"] or Path("out") / f"{recipe.name}.parquet",
        fresh=settings["fresh"],
        retry_errors=settings["retry_errors"],
    )


def _announce(
    population: Population, build: Callable[..., Population], settings: dict[str, Any]
) -> int | None:
    """Show the preview if requested, and the model's cost; ask for confirmation if it may charge.

    Returns the number of requests planned, None without a plan.
    """
    log, model = Console(stderr=True), population.order.model
    if settings["preview"]:
        report = Report(title=f"Preview: {population.title}", parts=population.preview)
        show_report(report, full=settings["full"])
    if model is None or is_control(model.name):
        return None
    plan = _plan(build, settings["n"], model)
    log.print(f"{model.name}: {plan}", highlight=False)
    if not settings["preview"] and is_server(model.name):
        confirm(plan, settings, log)
    return plan.requests


def _plan(build: Callable[..., Population], n: int, model: Model) -> CostEstimate:
    """Count a model's work on a few personas and scale it to all."""
    size = min(n, PLANNED)

    def work(model: Chooser) -> object:
        population = build(model, size)
        return population.make(population.slots(0, size))

    return estimate_work(work, tokens_of=token_counter([model])).times(n / size)
