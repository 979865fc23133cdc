"""Random graphs in int8: every integer of the program is the reference's for the operands that the program computed."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from ngc.ir import Graph, SymDim, evaluate
from ngc.passes.value_ranges import Quantization
from ngc.runtime import Executable
from tests.passes.quantized import measured
from tests.quantization.programs import check_every_value, fused, is_exact, program, quantized, with_all_values
from tests.strategies import block_graphs, feeds_for, graphs

EXAMPLES = settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def check(graph: Graph, target: str, threads: int) -> None:
    """Quantizes a fused graph by the ranges of two images and runs it on those and on others."""
    batches = (2, 3) if any(isinstance(dim, SymDim) for value in graph.inputs for dim in value.type.shape) else (1,)
    with np.errstate(all="ignore"):
        integral = quantized(graph, Quantization(measured(graph, feeds_for(graph))))
    note(str(integral))
    executable, plain = program(with_all_values(integral), target, threads), program(integral, target, threads)
    all_exact = all(is_exact(node) for node in integral if node.op != "const")
    for batch in batches:
        feeds = feeds_for(graph, batch=batch, seed=batch)
        check_every_value(integral, executable, feeds)
        results = plain.run_poisoned(feeds)  # whose values share buffers, as those of outputs cannot
        wanted = evaluate(integral, feeds) if all_exact else Executable(plain.program, plain.graph, 4 - threads).run(feeds)
        for got, want in zip(results, wanted, strict=True):
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("target", ["cpu", "cpu:haswell"])
@EXAMPLES
@given(graph=graphs(with_steps=True), threads=st.integers(1, 3))
def test_graphs_with_steps(target: str, graph: Graph, threads: int) -> None:
    check(graph, target, threads)


@pytest.mark.parametrize("target", ["cpu", "cpu:haswell"])
@EXAMPLES
@given(graph=block_graphs(), threads=st.integers(1, 3))
def test_graphs_that_share_buffers(target: str, graph: Graph, threads: int) -> None:
    check(fused(graph), target, threads)
