"""MXNet in a process of its own, one for all tests of a worker."""

from collections.abc import Iterator
from types import ModuleType

import pytest

from bench.differential.oracle import Oracle


@pytest.fixture(scope="session")
def oracle(mx: ModuleType) -> Iterator[Oracle]:
    """Returns MXNet; skips the test where it is not installed."""
    with Oracle() as process:
        yield process
