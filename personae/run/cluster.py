"""Spreads work over the workers of a Ray cluster, on this machine or others.

Tasks and answers are values, so results depend on neither the number of workers nor their order.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from importlib.util import find_spec
from typing import Any, ParamSpec, TypeVar

from personae.core import (
    MissingExtra,
    ModelUnavailable,
    PersonaeError,
    errors,
)
from personae.generate.recipe import Order, Population
from personae.generate.recipe_registry import recipes
from personae.run.population.population_run import Span, Workers, make_span
from personae.run.population.shards import Shard

__all__ = [
    "LOCAL",
    "cluster",
    "errors_as_values",
    "result_of",
    "span_workers",
    "spread",
    "worker_count",
]

P = ParamSpec("P")
R = TypeVar("R")
LOCAL = "local"
AHEAD = 2
"""Tasks in progress per worker, few enough that results never pile up."""


@contextmanager
def cluster(address: str) -> Iterator[None]:
    """Connect to a cluster, or start one on this machine for `local`, for the duration of a block.

    If this process is already connected, that cluster is used.

    Raises:
        MissingExtra: Ray is not installed.
        ModelUnavailable: no cluster answers at the address.
    """
    if find_spec("ray") is None:
        raise MissingExtra("ray", "ray", "work on a cluster")
    import ray

    if ray.is_initialized():
        yield
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    try:
        if address == LOCAL:
            ray.init(include_dashboard=False, num_cpus=os.cpu_count(), **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ModelUnavailable(f"no Ray cluster answers at {address!r}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


def worker_count() -> int:
    """Count the CPUs of the cluster, each of which is a worker."""
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def spread(call: Callable[[Any, int], Any], tasks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Yield (index, result) as results arrive; `call` submits a task, by its index, to a worker."""
    import ray

    under_way: dict[Any, int] = {}
    waiting = list(enumerate(tasks))[::-1]
    while waiting or under_way:
        while waiting and len(under_way) < AHEAD * worker_count():
            index, task = waiting.pop()
            under_way[call(task, index)] = index
        (done, *_), _ = ray.wait(list(under_way), num_returns=1)
        yield under_way.pop(done), result_of(ray.get(done))


def result_of(value: Any) -> Any:  # noqa: ANN401
    """Return a worker's result, or raise its error with its original type."""
    if not isinstance(value, _RaisedError):
        return value
    kind: type[PersonaeError] = getattr(errors, value.kind)
    error = kind.__new__(kind)
    error.args = (value.message,)
    raise error


@dataclass(frozen=True, slots=True)
class _RaisedError:
    """An error raised on a worker, as a value."""

    kind: str
    message: str


def errors_as_values(work: Callable[P, R]) -> Callable[P, R | _RaisedError]:
    """Return Personae's own errors as values; Ray reports all others."""

    @wraps(work)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R | _RaisedError:
        try:
            return work(*args, **kwargs)
        except PersonaeError as error:
            return _RaisedError(type(error).__name__, str(error))

    return wrapper


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What a worker needs to make a span of a population."""

    recipe: str
    arguments: Mapping[str, object]
    n: int
    seed: int
    span: Span


def span_workers(recipe: str, arguments: Mapping[str, object], order: Order) -> Workers:
    """Return the workers that make spans of a population from structure alone on the cluster."""
    import ray

    remote = ray.remote(_made)

    def workers(spans: Sequence[Span]) -> Iterator[tuple[Span, Shard]]:
        tasks = [
            _Task(recipe=recipe, arguments=arguments, n=order.n, seed=order.seed, span=span)
            for span in spans
        ]
        for index, shard in spread(lambda task, _: remote.remote(task), tasks):
            yield spans[index], shard

    return workers


_held: dict[str, Population] = {}


@errors_as_values
def _made(task: _Task) -> Shard:
    """Make a span, on a worker, which keeps the plan for the next one."""
    key = repr((task.recipe, task.arguments, task.n, task.seed))
    if key not in _held:
        _held.clear()
        order = Order(n=task.n, seed=task.seed)
        _held[key] = recipes.load(recipes.find(task.recipe))(order, **task.arguments)
    return make_span(_held[key], task.span)
