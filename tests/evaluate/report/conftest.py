"""A store with some evaluations."""

from collections.abc import Iterator

import pytest

from ngc.evaluate.store import Store
from tests.evaluate.report.recorded import small


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(str(small(tmp_path_factory.mktemp("store") / "small.db"))) as opened:
        yield opened
