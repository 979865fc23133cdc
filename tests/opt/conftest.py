"""What tests of ngc-opt begin with."""

from pathlib import Path

import pytest


@pytest.fixture
def net(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file with the `NET` of the test's module."""
    path = tmp_path / "net.ngir"
    path.write_text(request.module.NET)
    return path
