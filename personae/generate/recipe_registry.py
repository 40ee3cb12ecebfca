"""The recipes by name, read off their headers: listing them imports none.

A recipe is a file or package in `personae/generate/recipes/` with a function of its name, whose
first parameter is an `Order` and whose others are its command line; it returns a `Population`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from personae.core.files.headers import Header, Registry, read_headers

if TYPE_CHECKING:
    from personae.generate.recipe import Population

__all__ = ["recipes"]


@cache
def _headers() -> tuple[Header, ...]:
    return read_headers("personae.generate.recipes", "recipe", ("Version",))


recipes: Registry[Population] = Registry("recipe", _headers)
"""The recipes in alphabetical order."""
