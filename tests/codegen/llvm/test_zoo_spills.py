"""No convolution or dense layer of the model zoo's networks spills inside a loop: reads the assembly. Skipped where MXNet is not installed."""

import pytest

from ngc.codegen.llvm import jit
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.dense import DenseKernel
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.lower import lower
from ngc.codegen.llvm.tiles import spills_in_loop
from ngc.ir import Graph, clone
from ngc.passes import PIPELINES, PassContext, PassManager
from ngc.target import parse_target
from tests.passes.test_zoo_fusion import LEFT, network

QUICK = ("resnet18_v2", "resnet50_v2", "densenet121", "mobilenet_v2_1_0", "squeezenet1_1")


def spilling(graph: Graph, name: str) -> dict[object, int]:
    """Returns the kernels of a network that spill in a loop, with how often; direct convolutions only."""
    target = parse_target(name)
    PassManager(PIPELINES["cpu-fp32"], verify_each=False).run(graph, PassContext(target=target, numerics="exact"))
    specs = {call.spec.symbol(target): call.spec for call in lower(graph, target, numerics="exact").calls if isinstance(call.spec, ConvKernel | DenseKernel | DepthwiseKernel)}
    assert specs
    counts = {spec: spills_in_loop(jit.compile_assembly(spec.emit(target), target.cpu, target.features)) for spec in specs.values()}
    return {spec: count for spec, count in counts.items() if count}


@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.full) for name in LEFT])
def test_no_kernel_of_a_network_spills_in_a_loop(name: str) -> None:
    graph = network(name)
    for target in ("cpu:znver4", "cpu:skylake-avx512", "cpu:x86-64-v3", "cpu:x86-64"):
        assert not spilling(clone(graph), target), target
