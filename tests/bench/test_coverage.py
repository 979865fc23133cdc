"""The coverage table of the zoo."""

import pytest

from bench.coverage import BEGIN, END, markdown, update
from ngc.engine_coverage import Coverage, Staying

FOUND = {"net": {"neuron": Coverage("neuron", 10, 7, 1, (4, 3), (Staying("a", "lrn", "no"), Staying("b", "lrn", "no"))), "tensorrt":
                 Coverage("tensorrt", 10, 10, 0, (10,), ())}}


def test_markdown() -> None:
    assert markdown(FOUND, ["neuron", "tensorrt"]).splitlines() == [
        "| network | operators | neuron | tensorrt |", "|---|---|---|---|",
        "| net | 10 | 7 in 2 subgraphs, 1 folded away, 2 left | 10 in 1 subgraph, 0 left |"]


def test_the_table_of_a_page_is_replaced() -> None:
    assert update(f"before\n{BEGIN}\nold\nold\n{END}\nafter\n", r"new \1") == f"before\n{BEGIN}\nnew \\1\n{END}\nafter\n"
    with pytest.raises(ValueError, match="the page needs one line '<!-- coverage"):
        update("before\nafter\n", "new")
