"""Recognisers that a test or a page of the guide registers, gone after it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from personae.respondents import recognition
from personae.respondents.recognition import recognise, register
from personae.respondents.stimuli import KeyedStatement, Prompt

__all__ = ["own_recognisers"]


@contextmanager
def own_recognisers() -> Iterator[None]:
    """Forget at the end what is registered within the block."""
    recognise(KeyedStatement, Prompt("anything"))  # the shipped ones are there
    copies = {kind: dict(named) for kind, named in recognition._REGISTERED.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recognition, "_REGISTERED", copies)
        yield
        register(KeyedStatement, "cleared")(lambda prompt: None)  # empties what was read meanwhile
