"""How many GPUs a worker on a Ray cluster reserves for its model, and how many workers fit.

Ray hides the GPUs from a worker that reserves none, so that `auto` would compute on the CPU there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from personae.core import BadValue, InputError
from personae.models.vllm.engine_arguments import gpus_per_engine

__all__ = ["worker_gpus"]

IN_PROCESS = ("hf", "gguf", "smollm2")
"""Schemes of models that run in the worker's own process, by our engine."""


def worker_gpus(
    text: str, options: Mapping[str, Any], machines: Sequence[int], free: int
) -> tuple[int, int]:
    """Return the GPUs of each worker, and how many such workers fit on the cluster's machines.

    A model that runs on no GPU gives 0 GPUs, and 0 workers: their number is another's to say.
    A model on a device map gets all GPUs of a machine.

    Args:
        text: the model string.
        options: those of its back end, such as `device`.
        machines: GPUs of each machine of the cluster.
        free: GPUs of all machines that nobody has reserved.

    Raises:
        InputError: no machine has GPUs enough, or all are reserved.
        BadValue: a GPU is given by its number, which Ray gives out.
        UnknownName: as from the arguments of a `vllm:` string.

    >>> worker_gpus("hf:me/model", {"device": "cuda"}, [8, 8], free=16)
    (1, 16)
    >>> worker_gpus("vllm:me/model?tensor_parallel_size=2", {}, [3, 3], free=6)
    (2, 2)
    >>> worker_gpus("hf:me/model", {"device": "cpu"}, [8], free=8)
    (0, 0)
    """
    gpus = _wanted(text.strip(), options, machines)
    if not gpus:
        return 0, 0
    most = max(machines, default=0)
    if gpus > most:
        here = (
            f"no machine of this cluster has more than {most}" if most else "the cluster has none"
        )
        raise InputError(f"{text} takes {_counted(gpus)} on one machine, and {here}")
    if gpus > free:  # a worker too many would wait for ever
        raise InputError(
            f"{text} takes {_counted(gpus)}, and {free} of the cluster's {sum(machines)} are free: "
            "others, or another model of this command, have reserved the rest"
        )
    return gpus, min(sum(count // gpus for count in machines), free // gpus)


def _wanted(text: str, options: Mapping[str, Any], machines: Sequence[int]) -> int:
    if text.partition(":")[0] not in IN_PROCESS:
        return gpus_per_engine(text)
    most = max(machines, default=0)
    if options.get("device_map") is not None:
        return most
    device = str(options.get("device") or "auto")
    if device.startswith("cuda:"):
        raise BadValue(f"Ray gives each worker a GPU of its own: with --ray, cuda, not {device}")
    return 1 if device == "cuda" or (device == "auto" and most) else 0


def _counted(gpus: int) -> str:
    return "a GPU" if gpus == 1 else f"{gpus} GPUs"
