"""Marks for tests that need an extra, without importing it while tests are collected."""

from importlib.util import find_spec

import pytest

__all__ = ["needs"]


def needs(package: str) -> pytest.MarkDecorator:
    """Skip where a package is not installed."""
    return pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed")
