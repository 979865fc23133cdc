"""A fixed number of drawn calls of every operator, and of graphs, agree with MXNet; and no operator is left out.

`python -m bench.differential` tries thousands of each, and writes docs/operators.md.
"""

from pathlib import Path

import pytest

from bench.differential.oracle import Oracle
from bench.differential.search import search
from bench.differential.strategies import GRAPHS, STRATEGIES, TRIED, UNTRIED
from ngc.importer.operators import OPERATORS

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"


def test_every_operator_has_a_strategy_or_a_reason() -> None:
    assert sorted(set(OPERATORS) - {*STRATEGIES, *UNTRIED}) == []
    assert sorted({*STRATEGIES, *UNTRIED} - set(OPERATORS)) == []
    assert not set(STRATEGIES) & set(UNTRIED)
    assert all(UNTRIED.values())


def test_the_page_has_every_operator() -> None:
    page = PAGE.read_text()
    assert [name for name in OPERATORS if f"`{name}`" not in page] == []
    assert "Nothing is left unexplained." in page


@pytest.mark.parametrize("name", TRIED)
def test_ngc_agrees_with_mxnet(name: str, oracle: Oracle) -> None:
    tally = search(name, TRIED[name], 48 if name == GRAPHS else 4, 7, oracle)
    assert not tally.finding, f"{tally.summary}\n\n{tally.finding}"
    assert tally.tried
