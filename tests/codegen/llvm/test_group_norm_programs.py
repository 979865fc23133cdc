"""Group normalization in whole programs: plain and blocked tensors, odd sizes, large means, every instruction set."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.errors import CodegenError, VerifyError
from ngc.ir import GraphBuilder, SymDim, Value
from ngc.passes import PassContext, PassManager
from ngc.target import parse_target
from tests.codegen.llvm.test_programs import EXAMPLES, TARGETS, check
from tests.passes.nets import Net

SPATIAL = st.tuples(st.integers(1, 5), st.integers(1, 21))


def scales(net: Net, channels: int) -> tuple[Value, Value]:
    return net.const("gamma", channels, low=0.5, high=2.0), net.const("beta", channels)


@EXAMPLES
@given(st.sampled_from(TARGETS), st.integers(1, 4), st.integers(1, 5), SPATIAL, st.sampled_from(("f32", "f64", "bf16")), st.sampled_from((0.0, 500.0)))
def test_plain_tensors(target: str, groups: int, each: int, spatial: tuple[int, int], dtype: str, shift: float) -> None:
    net = Net()
    x = net.b.op("cast", net.b.input("x", (SymDim(), groups * each, *spatial)), dtype=dtype)
    if dtype != "bf16":  # whose eight bits hold no deviations from such a mean
        x = net.b.op("add", x, scalar=shift)
    y = net.b.op("group_norm", x, *scales(net, groups * each), groups=groups, eps=1e-1)
    check(net.b.finish([net.b.op("cast", y, dtype="f32")]), target, "@cpu-fp32")


@EXAMPLES
@given(st.sampled_from(TARGETS), st.integers(2, 20), SPATIAL)
def test_instances_between_convolutions(target: str, channels: int, spatial: tuple[int, int]) -> None:
    net = Net()
    x = net.conv(net.b.input("x", (SymDim(), 5, *spatial)), channels)
    y = net.b.op("group_norm", x, *scales(net, channels), groups=channels, eps=1e-1)
    check(net.b.finish([net.conv(net.b.op("relu", y), 3, kernel=3, pad=1)]), target, "@cpu-fp32", threads=2)


@pytest.mark.parametrize(("groups", "reorders"), [(20, 2), (5, 4)])
def test_blocks_stay_blocks_where_each_channel_is_a_group(groups: int, reorders: int) -> None:
    net = Net()
    x = net.conv(net.b.input("x", (1, 20, 6, 6)), 20)
    graph = net.b.finish([net.conv(net.b.op("group_norm", x, *scales(net, 20), groups=groups), 20)])
    PassManager("@cpu-fp32").run(graph, PassContext(target=parse_target("cpu:x86-64-v3")))
    assert graph.count()["reorder"] == reorders


def test_what_group_norm_refuses() -> None:
    b = GraphBuilder()
    x, gamma, short = b.input("x", (2, 6, 4)), b.const("g", np.ones(6, np.float32)), b.const("s", np.ones(3, np.float32))
    with pytest.raises(VerifyError, match=r"4 groups do not divide the channels of \(2, 6, 4\)"):
        b.op("group_norm", x, gamma, gamma, groups=4)
    with pytest.raises(VerifyError, match=r"beta needs the shape \(6,\) for data \(2, 6, 4\), not \(3,\)"):
        b.op("group_norm", x, gamma, short, groups=2)
    with pytest.raises(VerifyError, match="group_norm takes floats"):
        b.op("group_norm", b.input("i", (2, 6, 4), "i32"), gamma, gamma, groups=2)
    wide = b.op("cast", gamma, dtype="f64")
    with pytest.raises(CodegenError, match="gamma and beta have one type, not f32 and f64"):
        check(b.finish([b.op("group_norm", x, gamma, wide, groups=2)]), "cpu:x86-64", "@cpu-fp32")
