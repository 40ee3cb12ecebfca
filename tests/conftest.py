"""Shared by all tests: no network but loopback, the test data folder, fixed hypothesis runs."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("personae", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("personae")

LOOPBACK = ("127.", "localhost", "::1")


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
