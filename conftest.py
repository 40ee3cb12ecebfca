"""Shared by all tests: one thread each, no network but loopback, the test data, fixed hypothesis.

Threads of linear algebra that wait in a loop cost more than they compute where tests run side by
side, so libraries get one thread, before any of them is imported; set these variables to override.
"""

import os
import socket
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

settings.register_profile("personae", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("personae")

ROOT = Path(__file__).parent
LOOPBACK = ("127.", "localhost", "::1")


class WithoutTests(pytest.File):
    """A module that is not imported while tests are collected."""

    def collect(self) -> list[pytest.Item]:
        """Give no test."""
        return []


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Leave out the tests' helpers and modules without doctests: to collect is to import.

    A helper collected by its path would be imported a second time, under another name.
    """
    collectors = yield
    if _has_tests(file_path):
        return collectors
    return [WithoutTests.from_parent(parent, path=file_path)] if collectors else []


def _has_tests(path: Path) -> bool:
    if ROOT / "tests" in path.parents:
        return path.name.startswith("test_")
    return ROOT / "personae" not in path.parents or ">>>" in path.read_text(encoding="utf-8")


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
