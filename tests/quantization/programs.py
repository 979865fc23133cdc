"""Programs of a quantized graph that give all of its values, and the comparison of each with the reference evaluator."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

import ngc
from ngc.calibration import CalibrationTable, collect, quantizable
from ngc.codegen.llvm.build import build_program
from ngc.ir import Graph, Node, clone
from ngc.ir.reference import evaluate_node
from ngc.passes import PassContext, PassManager
from ngc.passes.registry import QUANTIZED_REST
from ngc.passes.value_ranges import Quantization
from ngc.runtime import Executable
from ngc.target import host_target, parse_target
from tests.codegen.llvm.kernels.bytewise import runs
from tests.quantization.networks import NETWORKS, images

TARGETS = tuple(name for name in ("cpu", "cpu:skylake-avx512", "cpu:alderlake", "cpu:haswell", "cpu:x86-64") if runs(parse_target(name)))
"""Instruction sets that this machine runs, each with kernels of its own for integers."""

FORCED = ngc.QuantizationOptions(force=True)
"""Integers on processors too that are no faster at them."""

EXACT_STEPS = frozenset({"add", "add_scaled", "affine", "bias", "clip", "leaky_relu", "multiply", "prelu", "relu", "scale", "tee"})
"""Steps of integers' kernels that are computed as the reference does, each operation rounded by itself."""


def fused(graph: Graph) -> Graph:
    """Returns a copy in the form that calibration and quantization share."""
    graph = clone(graph)
    quantizable(graph, PassContext(target=host_target()))
    return graph


@cache
def calibrated(name: str) -> CalibrationTable:
    """Returns the table of one of the networks."""
    graph = fused(NETWORKS[name]())
    return collect(graph, [images(graph, 8)], target=host_target(), progress=False)


@cache
def quantized_network(name: str) -> Graph:
    """Returns one of the networks quantized; not to be changed."""
    return quantized(fused(NETWORKS[name]()), Quantization(calibrated(name).ranges()))


def compiled(name: str, target: str = "cpu", **options: Any) -> Executable:
    """Returns one of the networks compiled in int8, as users do."""
    return ngc.compile(NETWORKS[name](), target=target, precision="int8", **{"calibration": calibrated(name), "quantization": FORCED, "numerics": "exact",
                                                                            **options})


def quantized(graph: Graph, quantization: Quantization) -> Graph:
    """Returns a fused graph quantized."""
    graph = clone(graph)
    PassManager("quantize").run(graph, PassContext(quantization=quantization))
    return graph


def program(graph: Graph, target: str, threads: int = 1) -> Executable:
    """Returns a quantized graph compiled, without transformed sums."""
    graph, described = clone(graph), parse_target(target)
    PassManager(QUANTIZED_REST).run(graph, PassContext(target=described, numerics="exact"))
    return Executable(build_program(graph, described, numerics="exact"), graph, threads)


def with_all_values(graph: Graph) -> Graph:
    """Returns a copy whose outputs are all values that nodes compute."""
    graph = clone(graph)
    graph.outputs = tuple(value for node in graph.nodes if node.op != "const" for value in node.outputs)
    graph.output_names = tuple(value.name for value in graph.outputs)
    return graph


def is_exact(node: Node) -> bool:
    """Whether all kernels of a node must give the reference's bits: those that read or write integers, and need no sum of floats nor a function."""
    dtypes = {value.type.dtype for value in (*node.inputs[:1], *node.outputs)}
    sums_floats = node.op not in ("eltwise", "pool") and node.inputs[0].type.dtype == "f32"
    return "u8" in dtypes and not sums_floats and all(step.kind in EXACT_STEPS for step in node.attrs.get("epilogue", ()))


def check_every_value(graph: Graph, executable: Executable, feeds: Mapping[str, np.ndarray]) -> int:
    """Asserts that every node of a quantized graph gives the reference's bits for the operands that the program computed; returns how many must.

    Other nodes may round otherwise before they store integers, which then differ by one.

    Args:
        graph: quantized.
        executable: of `with_all_values(graph)`.
        feeds: its inputs.
    """
    found = {value: np.asarray(feeds[name]) for value, name in zip(graph.inputs, graph.input_names, strict=True)}
    results = iter(executable.run_poisoned(feeds))
    exact = 0
    for node in graph.nodes:
        if node.op == "const":
            found[node.output] = node.output.array
            continue
        wanted = evaluate_node(node, [found[value] for value in node.inputs])
        for value, want in zip(node.outputs, wanted, strict=True):
            found[value] = got = next(results)
            assert (got.dtype, got.shape) == (want.dtype, want.shape)
            if is_exact(node):
                np.testing.assert_array_equal(got, want, err_msg=f"{node!r}")
            elif got.dtype == np.uint8:
                assert np.abs(got.astype(np.int16) - want).max(initial=0) <= 1, f"{node!r}"
        exact += is_exact(node)
    return exact
