"""Says what to change where a device's memory doesn't suffice."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from personae.core import ModelError

__all__ = ["OPENING", "memory_advice"]

OPENING = (
    "--dtype bfloat16, --quantize 8bit or 4bit, --device-map auto over several GPUs, or a smaller "
    "model"
)
READING = f"a smaller token_budget or rows (Python), {OPENING}"


@contextmanager
def memory_advice(advice: str = READING) -> Iterator[None]:
    """Turn the errors of exhausted memory, of any device, into one with advice.

    Raises:
        ModelError: memory ran out in the block.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _is_exhausted(error):
            raise
        line = (str(error).splitlines() or ["no more memory"])[0][:200]
        raise ModelError(
            f"the model's device has too little memory ({line}). Try {advice}"
        ) from error


def _is_exhausted(error: RuntimeError) -> bool:
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or any(
        words in text for words in ("out of memory", "can't allocate memory", "not enough memory")
    )
