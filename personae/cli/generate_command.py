"""Carries out a recipe from the command line: preview, ask before it costs, make, show."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from personae.cli.perform import COMMON, MODEL_HELP, confirm, on_cluster, open_within_limits
from personae.cli.signature import options_of, take
from personae.core import Chooser, Model, Report, is_control
from personae.core.files.headers import Header
from personae.generate.recipe import Order, Population, find_recipe, load_recipe
from personae.report.render.terminal import print_report
from personae.run.parameters import parameters
from personae.run.plan import CostEstimate, estimate_work
from personae.run.population_run import Commission, generate

__all__ = ["recipe_command"]

PLANNED = 8
"""Personas on which a model's work is counted before it begins."""
OWN = (
    click.Option(["-n"], type=click.IntRange(1), default=10, show_default=True, help="Personas."),
    click.Option(["--seed"], type=click.IntRange(0), default=0, show_default=True, help="Seed."),
    click.Option(["--model"], help=f"Writes the texts: {MODEL_HELP}. Without: structure alone."),
    click.Option(["--out"], type=click.Path(path_type=Path), help=".parquet, .jsonl or .json."),
    click.Option(["--preview"], is_flag=True, help="Say what would be made; make nothing."),
    click.Option(["--fresh"], is_flag=True, help="Replace a file that holds another population."),
)


def recipe_command(name: str, settings: Mapping[str, Any]) -> click.Command:
    """Build a recipe's command from its signature."""
    recipe = find_recipe(name)
    function = load_recipe(recipe)

    def begin(**given: Any) -> None:  # noqa: ANN401
        _perform(recipe, function, given)

    specific = [o for p in parameters(function) if p.of != "order" for o in options_of(p)]
    common = [o for o in COMMON if o.name not in ("model", "out", "fresh")]
    return click.Command(
        name,
        params=[*OWN, *specific, *common],
        callback=begin,
        help=recipe.summary,
        context_settings=dict(settings),
    )


def _perform(recipe: Header, function: Callable[..., Population], given: dict[str, Any]) -> None:
    arguments, options = take(function, given)
    arguments.pop("order", None)
    for name in ("n", "seed"):
        options.pop(name, None)

    def build(model: Model | None, n: int = given["n"]) -> Population:
        return function(Order(n=n, seed=given["seed"], model=model), **arguments)

    with on_cluster(given):
        model = open_within_limits(given["model"], given) if given["model"] else None
        population = build(model)
        total = _announce(population, build, given)
        if given["preview"]:
            return
        workers = None
        if given["ray"] and model is None:
            from personae.run.cluster import span_workers

            workers = span_workers(recipe.name, arguments, population.order)
        out = given["out"] or Path("out") / f"{recipe.name}.parquet"
        job = Commission(
            recipe=recipe.name,
            version=recipe.version,
            options=options,
            out=out,
            fresh=given["fresh"],
            total=total,
        )
        log = Console(stderr=True)
        print_report(generate(job, build, model, log, workers), Console())
        log.print(f"Written: {out}, {job.sibling('report.html')}, {job.sibling('manifest.json')}")


def _announce(
    population: Population, build: Callable[..., Population], given: dict[str, Any]
) -> int | None:
    """Show the preview if asked to, and what a model will take; ask where it may cost.

    Gives the number of requests planned, None where none were.
    """
    log, model = Console(stderr=True), population.order.model
    if given["preview"]:
        report = Report(title=f"Preview: {population.title}", parts=population.preview)
        print_report(report, Console())
    if model is None or is_control(model.name):
        return None
    plan = _plan(build, given["n"])
    log.print(f"{model.name}: {plan}", highlight=False)
    if not given["preview"] and model.name.startswith(("http://", "https://")):
        confirm(plan, given, log)
    return plan.requests


def _plan(build: Callable[..., Population], n: int) -> CostEstimate:
    """Count a model's work on a few personas and scale it to all."""
    few = min(n, PLANNED)

    def work(model: Chooser) -> object:
        population = build(model, few)
        return population.make(population.slots(0, few))

    return estimate_work(work).times(n / few)
