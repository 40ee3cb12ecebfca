"""Shared by all tests: one thread each, no network but loopback, the test data, fixed hypothesis.

Threads of linear algebra that wait in a loop cost more than they compute where tests run side by
side, so libraries get one thread, before any of them is imported; set these variables to override.
"""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

settings.register_profile("personae", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("personae")

ROOM = Path(__file__).parent / "personae"
LOOPBACK = ("127.", "localhost", "::1")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out modules of the package without doctests: to collect them is to import them."""
    if collection_path.suffix != ".py" or ROOM not in collection_path.parents:
        return None
    return ">>>" not in collection_path.read_text(encoding="utf-8") or None


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse every socket that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if not str(host).startswith(LOOPBACK):
            raise AssertionError(f"a test tried to reach {host}; tests use loopback only")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    yield


@pytest.fixture(scope="session")
def test_data() -> Callable[[str], Path]:
    """Give the path of a file of the test data, or skip where the data is absent."""

    def find(name: str) -> Path:
        root = os.environ.get("PERSONAE_TEST_DATA")
        if not root:
            pytest.skip("PERSONAE_TEST_DATA is not set: the published test data is absent")
        path = Path(root) / name
        if not path.exists():
            pytest.skip(f"the test data has no {name}")
        return path

    return find
