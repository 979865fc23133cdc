"""MXNet itself, the oracle of the importer's tests, where it is installed."""

from types import ModuleType

import pytest

from ngc.errors import ImportFailure
from ngc.importer.mxnet_live import import_mxnet


@pytest.fixture(scope="session")
def mx() -> ModuleType:
    """Returns the mxnet module; skips the test where MXNet is not installed."""
    try:
        return import_mxnet()
    except ImportFailure as error:
        pytest.skip(str(error))
