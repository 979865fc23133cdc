"""Fixtures of tests of manifests: a cache, a user's folder and a web server of their own."""

import pytest

from tests.evaluate.manifest.server import serving


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """Gives each test folders of its own for what ngc keeps, and no proxy."""
    monkeypatch.setenv("NGC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def site():
    """Returns a web site that is served meanwhile."""
    with serving() as found:
        yield found
