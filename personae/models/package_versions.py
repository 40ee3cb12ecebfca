"""Versions of the packages that decide a model's numbers, for the manifest of a run."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

__all__ = ["installed_versions"]


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the version of each of the packages that is installed here.

    >>> sorted(installed_versions(["numpy", "no-such-package"]))
    ['numpy']
    """
    versions = {}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
