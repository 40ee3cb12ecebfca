"""The embedded model, opened once for all tests that need it, or a skip with the reason."""

from functools import cache

import pytest

from personae.core.errors import ModelUnavailable
from personae.models.local.loading import Loaded, load_embedded


@cache
def embedded() -> Loaded:
    try:
        return load_embedded()
    except ModelUnavailable as error:
        pytest.skip(str(error))
