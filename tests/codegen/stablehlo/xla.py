"""Runs graphs on XLA's CPU client and compares them with the reference evaluator."""

import re
from collections.abc import Mapping

import numpy as np

from ngc.codegen.neuron import build_neuron
from ngc.codegen.stablehlo import emit_stablehlo
from ngc.engines import EngineOptions, parse_engine_target
from ngc.engines.stablehlo_forms import NOTHING, SHAPING, STABLEHLO_FORMS, STABLEHLO_STEPS
from ngc.ir import Graph, evaluate
from ngc.runtime.engines.pjrt import PjrtEngine

_OPERATION = re.compile(r'"((?:stablehlo|chlo)\.\w+)"\(')

TARGET = parse_engine_target("neuron:cpu")
assert TARGET is not None


def engine(graph: Graph) -> PjrtEngine:
    """Returns a graph compiled by XLA for the CPU, its constants there."""
    assert TARGET is not None
    image = build_neuron(graph, graph.name, TARGET, EngineOptions(), "fp32")
    return PjrtEngine(image, {value.name: value.array for value in graph.values() if value.is_const}, "cpu")


def check(graph: Graph, feeds: Mapping[str, np.ndarray], *, rtol: float, atol: float, of_largest: float = 0.0) -> None:
    """Asserts that XLA's CPU client gives what the reference evaluator gives, with the types of the graph's outputs.

    Args:
        of_largest: What may be added to `atol`, relative to an output's largest number.
    """
    wanted = evaluate(graph, feeds)
    answers = engine(graph).run([feeds[name] for name in graph.input_names])
    for value, answer, want in zip(graph.outputs, answers, wanted, strict=True):
        assert answer.shape == want.shape
        assert str(answer.dtype) == ("bfloat16" if value.type.dtype == "bf16" else str(want.dtype))
        if want.dtype.kind == "f":
            slack = atol + of_largest * float(np.abs(want[np.isfinite(want)]).max(initial=0.0))
            np.testing.assert_allclose(answer.astype(np.float64), want.astype(np.float64), rtol=rtol, atol=slack, err_msg=f"%{value.name}\n{graph}")
        else:
            np.testing.assert_array_equal(answer, want, err_msg=f"%{value.name}\n{graph}")


def operations(graph: Graph) -> set[str]:
    """Returns the operations of a graph's module that compute something."""
    return set(_OPERATION.findall(emit_stablehlo(graph).text)) - SHAPING - {"stablehlo.return"}


def promised(graph: Graph) -> set[str]:
    """Returns the operations that the tables allow for a graph's nodes and their steps."""
    ops: set[str] = set()
    for node in graph.nodes:
        ops.update(STABLEHLO_FORMS[node.op].ops)
        for key in ("prologue", "epilogue"):
            for step in node.attrs.get(key, ()):
                ops.update(STABLEHLO_STEPS[step.kind].ops)
        if node.attrs.get("result") == "u8":
            ops.update(STABLEHLO_FORMS["quantize"].ops)
    return ops - SHAPING - {NOTHING, "func.func"}
