"""Spreads work over the workers of a Ray cluster, on this machine or others.

Tasks and answers are values, so results depend on neither the number of workers nor their order.
Each worker opens its model by its string; an open model's activations can't be reached from here.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, wraps
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ParamSpec, TypeVar

from personae.core import (
    Chat,
    Choice,
    Chooser,
    Done,
    InputError,
    MissingExtra,
    Model,
    ModelUnavailable,
    PersonaeError,
    Reply,
    Request,
    Sampling,
    errors,
    is_control,
    model_notes,
    model_packages,
    refuse_edits,
)
from personae.generate.recipe import Order, Population
from personae.generate.recipe_registry import recipes
from personae.models.opening import open_model
from personae.respondents.recognition import outside_modules
from personae.run.population.population_run import Span, Workers, make_span
from personae.run.population.shards import Shard
from personae.run.worker_gpus import worker_gpus

__all__ = ["LOCAL", "cluster", "cluster_model", "span_workers"]

P = ParamSpec("P")
R = TypeVar("R")
LOCAL = "local"
CHUNK = 32
"""Requests sent to a worker together; up to twice as many keep those of one respondent together."""
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


def _workers() -> int:
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def _gpus_of_machines() -> list[int]:
    import ray

    return [int(node["Resources"].get("GPU", 0)) for node in ray.nodes() if node["Alive"]]


def _spread(call: Callable[[Any, int], Any], tasks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Yield (index, result) as results arrive; `call` submits a task, by its index, to a worker."""
    import ray

    under_way: dict[Any, int] = {}
    waiting = list(enumerate(tasks))[::-1]
    while waiting or under_way:
        while waiting and len(under_way) < AHEAD * _workers():
            index, task = waiting.pop()
            under_way[call(task, index)] = index
        (done, *_), _ = ray.wait(list(under_way), num_returns=1)
        yield under_way.pop(done), _result(ray.get(done))


def _result(value: Any) -> Any:  # noqa: ANN401
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


def _errors_as_values(work: Callable[P, R]) -> Callable[P, R | _RaisedError]:
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
        for index, shard in _spread(lambda task, _: remote.remote(task), tasks):
            yield spans[index], shard

    return workers


_held: dict[str, Population] = {}


@_errors_as_values
def _made(task: _Task) -> Shard:
    """Make a span, on a worker, which keeps the plan for the next one."""
    key = repr((task.recipe, task.arguments, task.n, task.seed))
    if key not in _held:
        _held.clear()
        order = Order(n=task.n, seed=task.seed)
        _held[key] = recipes.load(recipes.find(task.recipe))(order, **task.arguments)
    return make_span(_held[key], task.span)


class _Answerer:
    """A model on a worker."""

    def __init__(self, text: str, options: Mapping[str, Any]) -> None:
        self._text, self._options = text, options

    @cached_property
    def model(self) -> Model:
        return open_model(self._text, **self._options)

    @_errors_as_values
    def about(self) -> tuple[str, str, tuple[str, ...], dict[str, str], bool]:
        model = self.model
        notes, packages = model_notes([model]), model_packages([model])
        return model.name, model.fingerprint, notes, packages, isinstance(model, Chooser)

    @_errors_as_values
    def understand(self, modules: Sequence[str]) -> None:
        """Import the modules that register recognisers in the process that asks."""
        for module in modules:
            try:
                import_module(module)
            except ImportError as error:
                raise InputError(
                    f"a worker can't import {module!r}, by which respondents understand an "
                    f"instrument ({error}): install it wherever a worker runs"
                ) from error

    @_errors_as_values
    def reply(self, task: tuple[Sequence[Request], Sampling]) -> list[Reply]:
        return self.model.reply(*task)

    @_errors_as_values
    def choose(self, requests: Sequence[Request]) -> list[Choice]:
        assert isinstance(self.model, Chooser)
        return self.model.choose(requests)


class _ClusterModel:
    """A `Model` whose requests are answered by many workers."""

    def __init__(self, actors: Sequence[Any], *about: Any) -> None:  # noqa: ANN401  (of a worker)
        self._actors = actors
        self.name, self._fingerprint, self.notes, self.packages = about
        self._understood: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """The model's on a worker; a control's as it is here, where recognisers are registered."""
        return open_model(self.name).fingerprint if is_control(self.name) else self._fingerprint

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        """Reply to each request; answers in the order of the requests."""
        refuse_edits(requests, self.name)
        cuts = _cuts([request.chat[:1] for request in requests])
        tasks = [(requests[a:b], sampling) for a, b in cuts]
        return self._answers("reply", cuts, tasks, done)

    def _answers(
        self, method: str, cuts: Sequence[Span], tasks: Sequence[Any], done: Done | None
    ) -> list[Any]:
        self._explain()
        answers: list[Any] = [None] * (cuts[-1][1] if cuts else 0)

        def call(task: Any, index: int) -> Any:  # noqa: ANN401
            actor = self._actors[index % len(self._actors)]
            return getattr(actor, method).remote(task)

        for index, batch in _spread(call, tasks):
            start = cuts[index][0]
            for i, answer in enumerate(batch, start):
                answers[i] = answer
                if done is not None:
                    done(i, answer)
        return answers

    def _explain(self) -> None:
        """Register on the workers the instruments that respondents recognise here.

        Raises:
            InputError: a worker can't import an instrument's module.
        """
        modules = outside_modules()
        if not is_control(self.name) or modules == self._understood:
            return
        if "__main__" in modules:
            raise InputError(
                "a recogniser registered in the script itself is unknown to workers: register it "
                "in a module that they can import"
            )
        import ray

        for trouble in ray.get([actor.understand.remote(modules) for actor in self._actors]):
            _result(trouble)
        self._understood = modules


class _ClusterChooser(_ClusterModel):
    """A `Chooser` whose questions are answered by many workers."""

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        """Weigh each request's options; answers in the order of the requests."""
        refuse_edits(requests, self.name)
        cuts = _cuts([question.chat[:1] for question in requests])
        return self._answers("choose", cuts, [requests[a:b] for a, b in cuts], done)


def _cuts(heads: Sequence[Chat]) -> list[Span]:
    """Cut requests into chunks, where the first message (the respondent) changes if possible.

    The cuts depend on the requests alone, so that any number of workers gives the same answers.
    """
    cuts: list[Span] = []
    start = 0
    for i in range(1, len(heads) + 1):
        is_long = i - start >= CHUNK
        is_end = i == len(heads)
        if is_end or (is_long and heads[i] != heads[i - 1]) or i - start >= 2 * CHUNK:
            cuts.append((start, i))
            start = i
    return cuts


def cluster_model(text: str, options: Mapping[str, Any] | None = None) -> Model:
    """Open a model on every worker of the cluster, with the options of its back end.

    Raises:
        InputError: no machine of the cluster has GPUs enough for it.
        BadValue: a GPU is given by its number.
        PersonaeError: as opening it raises on a worker.
    """
    import ray

    gpus, workers = worker_gpus(text, options or {}, _gpus_of_machines())
    # without resources of its own an actor occupies no CPU while it waits
    worker = ray.remote(num_gpus=gpus)(_Answerer) if gpus else ray.remote(_Answerer)
    actors = [worker.remote(text, options or {}) for _ in range(workers if gpus else _workers())]
    *about, chooses = _result(ray.get(actors[0].about.remote()))
    return (_ClusterChooser if chooses else _ClusterModel)(actors, *about)
