"""Options and fixtures of all tests."""

import difflib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

from ngc.errors import ImportFailure
from ngc.importer.mxnet_live import import_mxnet

GOLDEN = Path(__file__).parent / "golden"

settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
settings.load_profile("no clock")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write what tests produce into tests/golden instead of comparing")


@pytest.fixture(scope="session")
def mx() -> ModuleType:
    """Returns the mxnet module; skips the test where MXNet is not installed."""
    try:
        return import_mxnet()
    except ImportFailure as error:
        pytest.skip(str(error))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with a file of tests/golden; `pytest --update-golden` writes the file, which is then read in review."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n", encoding="utf-8")
            return
        wanted = path.read_text(encoding="utf-8") if path.exists() else ""
        if wanted != text + "\n":
            lines = difflib.unified_diff(wanted.splitlines(), text.splitlines(), str(path), "this run", lineterm="")
            pytest.fail("\n".join(["differs from the golden file; --update-golden accepts it:", *lines]), pytrace=False)

    return compare
