"""A model that is asked on many workers of a cluster.

Each worker opens its model by its string; an open model's activations can't be reached from here.
"""

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib import import_module
from typing import Any

from personae.core import (
    Chat,
    Choice,
    Chooser,
    Done,
    InputError,
    Model,
    Reply,
    Request,
    Sampling,
    is_control,
    model_notes,
    model_packages,
    refuse_edits,
)
from personae.models.opening import open_model
from personae.respondents.recognition import outside_modules
from personae.run.cluster import errors_as_values, result_of, spread, worker_count
from personae.run.population.population_run import Span
from personae.run.worker_gpus import worker_gpus

__all__ = ["cluster_model"]

PLACING = 10.0
"""Seconds in which Ray finds room for what is free; it takes far less than one."""
CHUNK = 32
"""Requests sent to a worker together; up to twice as many keep those of one respondent together."""


def _gpus_of_machines() -> list[int]:
    import ray

    return [int(node["Resources"].get("GPU", 0)) for node in ray.nodes() if node["Alive"]]


def _free_gpus() -> int:
    import ray

    return int(ray.available_resources().get("GPU", 0))


def _with_room(text: str, gpus: int, workers: int) -> int:
    """Return how many workers of several GPUs each find them free on one machine.

    Ray says how many GPUs are free, but not where; a placement group of one bundle is placed on one
    machine or not at all. The groups are removed again, since in one vLLM would take the group's
    bundles for workers of its own.

    Raises:
        InputError: none does, though GPUs enough are free.
    """
    from ray.util import placement_group, remove_placement_group

    groups = [placement_group([{"GPU": gpus}], strategy="STRICT_PACK") for _ in range(workers)]
    end = time.monotonic() + PLACING
    placed = [group for group in groups if group.wait(max(end - time.monotonic(), 0.0))]
    for group in groups:
        remove_placement_group(group)
    if not placed:
        raise InputError(
            f"{text} takes {gpus} GPUs on one machine, and no machine has {gpus} free: those that "
            "are free lie on several. Free some, or use fewer for each engine"
        )
    return len(placed)


class _Answerer:
    """A model on a worker."""

    def __init__(self, text: str, options: Mapping[str, Any]) -> None:
        self._text, self._options = text, options

    @cached_property
    def model(self) -> Model:
        return open_model(self._text, **self._options)

    @errors_as_values
    def about(self) -> tuple[str, str, tuple[str, ...], dict[str, str], bool]:
        model = self.model
        notes, packages = model_notes([model]), model_packages([model])
        return model.name, model.fingerprint, notes, packages, isinstance(model, Chooser)

    @errors_as_values
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

    @errors_as_values
    def reply(self, task: tuple[Sequence[Request], Sampling]) -> list[Reply]:
        return self.model.reply(*task)

    @errors_as_values
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

        for index, batch in spread(call, tasks):
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
            result_of(trouble)
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
        InputError: no machine of the cluster has GPUs enough for it, or they are reserved, or those
            that are free lie on several machines.
        BadValue: a GPU is given by its number.
        PersonaeError: as opening it raises on a worker.
    """
    import ray

    gpus, workers = worker_gpus(text, options or {}, _gpus_of_machines(), _free_gpus())
    if gpus > 1:
        workers = _with_room(text, gpus, workers)
    # without resources of its own an actor occupies no CPU while it waits
    worker = ray.remote(num_gpus=gpus)(_Answerer) if gpus else ray.remote(_Answerer)
    actors = [
        worker.remote(text, options or {}) for _ in range(workers if gpus else worker_count())
    ]
    *about, chooses = result_of(ray.get(actors[0].about.remote()))
    return (_ClusterChooser if chooses else _ClusterModel)(actors, *about)
