"""No convolution or dense layer of the model zoo's networks spills inside a loop: reads the assembly. Skipped where MXNet is not installed."""

import pytest

from ngc.codegen.llvm import jit
from ngc.codegen.llvm.choice import CostModel
from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.dense import DenseKernel
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.lower import lower
from ngc.codegen.llvm.tiles import spills_in_loop
from ngc.ir import Graph, clone
from ngc.passes import PIPELINES, PassContext, PassManager
from ngc.target import CpuTarget, parse_target
from tests.passes.test_zoo_fusion import LEFT, network

QUICK = ("resnet18_v2", "resnet50_v2", "densenet121", "mobilenet_v2_1_0", "squeezenet1_1")


def _assembly(spec: KernelSpec, target: CpuTarget) -> str:
    return jit.compile_assembly(f'target triple = "{target.triple}"\n{spec.emit(target)}', target.cpu, target.features)


def spilling(graph: Graph, name: str) -> dict[object, int]:
    """Returns the kernels of a network that spill in a loop, with how often; direct convolutions only."""
    target = parse_target(name)
    PassManager(PIPELINES["cpu-fp32"], verify_each=False).run(graph, PassContext(target=target, numerics="exact"))
    calls = lower(graph, target, chooser=CostModel(target, "exact")).calls
    specs = {call.spec.symbol(target): call.spec for call in calls if isinstance(call.spec, ConvKernel | DenseKernel | DepthwiseKernel)}
    assert specs
    counts = {spec: spills_in_loop(_assembly(spec, target)) for spec in specs.values()}
    return {spec: count for spec, count in counts.items() if count}


@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.full) for name in LEFT])
def test_no_kernel_of_a_network_spills_in_a_loop(name: str) -> None:
    graph = network(name)
    for target in ("cpu:znver4", "cpu:skylake-avx512", "cpu:x86-64-v3", "cpu:x86-64", "cpu:aarch64", "cpu:neoverse-n1"):
        assert not spilling(clone(graph), target), target
