"""Whole programs on u8 but for layers: steps, pools and moves give the very bytes of the reference evaluator, on every instruction set."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm.build import build_program
from ngc.errors import CodegenError
from ngc.ir import GraphBuilder, Step, SymDim, Value, evaluate
from ngc.passes import PassContext, PassManager
from ngc.runtime import Executable
from ngc.target import parse_target
from tests.codegen.llvm.kernels.bytewise import NAMES, same

EXAMPLES = settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow])
SHAPES = st.tuples(st.sampled_from((1, 3, 4, 5, 16, 21, 37)), st.integers(1, 9), st.sampled_from((1, 2, 5, 8, 16, 19)))
ZEROS = st.sampled_from((0, 1, 114, 255))


def check(b: GraphBuilder, name: str, outputs: list[Value], threads: int = 1) -> None:
    """Compiles the graph for N = 1 and 3 and compares all outputs bit by bit."""
    graph, target, rng = b.finish(outputs), parse_target(name), np.random.default_rng(0)
    wanted = {}
    for batch in (1, 3):
        feeds = {value_name: (rng.standard_normal((batch, *value.type.shape[1:])) * 60).astype(np.float32)
                 for value, value_name in zip(graph.inputs, graph.input_names, strict=True)}
        wanted[batch] = feeds, evaluate(graph, feeds)
    PassManager("assign-layout").run(graph, PassContext(target=target))
    program = Executable(build_program(graph, target), graph, threads)
    for feeds, results in wanted.values():
        for got, expected in zip(program.run_poisoned(feeds), results, strict=True):
            assert same(np.asarray(got), expected)


def start(shape: tuple[int, ...], name: str = "data") -> tuple[GraphBuilder, Value]:
    b = GraphBuilder()
    b.graph.stage = "quantized"
    return b, b.input(name, (SymDim(), *shape))


def quantize(b: GraphBuilder, x: Value, zero: int = 100, scale: float = 0.7, *steps: Step) -> Value:
    return b.op("eltwise", x, epilogue=(*steps, Step("scale", (1 / scale, zero))), result="u8", scales=(scale,), zero_points=(zero,))


def blocked(b: GraphBuilder, x: Value) -> Value:
    """Returns a u8 value moved into blocks by a pool of single pixels."""
    rank = x.type.rank - 2
    return b.op("pool", x, kind="max", kernel=(1,) * rank, stride=(1,) * rank, pad=(0,) * rank)


def chain(b: GraphBuilder, x: Value, y: Value, wide: Value, result: dict) -> Value:
    """Returns a chain of every step that is exact, on tensors of u8 and of f32, per channel and with a tee."""
    channels, rng = x.type.shape[1], np.random.default_rng(1)
    scale, shift, slope = (b.const("v", rng.uniform(-1, 1, channels).astype(np.float32)) for _ in range(3))
    return b.op("eltwise", x, scale, shift, y, wide, slope, shift,
                epilogue=(Step("scale", (0.3, -7.7)), Step("affine"), Step("add_scaled", (0.37,)), Step("tee"), Step("add_scaled", (1.3,)), Step("prelu"),
                          Step("bias"), Step("scale", (0.9, 3.3))), **result)


RESULTS = ({"result": "f32"}, {"result": "u8", "scales": (0.1, 0.2), "zero_points": (3, 4)})


@pytest.mark.parametrize("name", NAMES)
@EXAMPLES
@given(SHAPES, ZEROS, st.sampled_from(RESULTS), st.integers(1, 2))
def test_steps_on_plain_and_on_blocked_tensors(name, shape, zero, result, threads):
    b, data = start(shape)
    x, y = quantize(b, data, zero), quantize(b, data, 255 - zero, 0.3, Step("relu"))
    plain = chain(b, x, y, data, result).producer.outputs
    in_blocks = chain(b, blocked(b, x), blocked(b, y), data, result).producer.outputs
    check(b, name, [x, *plain, *in_blocks], threads)


@pytest.mark.parametrize("name", NAMES)
@EXAMPLES
@given(SHAPES, ZEROS)
def test_what_is_quantized_into_blocks_comes_back(name, shape, zero):
    b, data = start(shape)
    x = blocked(b, quantize(b, data, zero))
    real = b.op("eltwise", x, epilogue=(Step("scale", (1.0, -zero)), Step("scale", (0.7, 0.0))), result="f32")
    check(b, name, [x, real, quantize(b, real, zero, 0.2, Step("clip", (-50.0, 50.0)))])


@pytest.mark.parametrize("name", NAMES)
@EXAMPLES
@given(SHAPES, st.sampled_from(("avg", "sum", "max")), st.integers(1, 4), st.integers(1, 3), st.booleans(), st.sampled_from(("valid", "full")),
       st.booleans(), st.booleans())
def test_pools(name, shape, kind, kernel, stride, pads, convention, count_include_pad, narrow):
    b, data = start(shape)
    pad = (kernel - 1) // 2 if pads else 0
    kernel = min(kernel, *(size + 2 * pad for size in shape[1:]))
    attrs = {"kind": kind, "kernel": (kernel,) * 2, "stride": (stride,) * 2, "pad": (pad,) * 2, "convention": convention,
             "count_include_pad": count_include_pad}
    if kind != "max":
        attrs |= {"result": "u8", "scales": (0.1,), "zero_points": (9,)} if narrow else {"result": "f32"}
        attrs["epilogue"] = (Step("scale", (0.31, 17.7)),)
    check(b, name, [b.op("pool", quantize(b, data), **attrs)])


@pytest.mark.parametrize("name", NAMES)
def test_averages_of_a_whole_image_larger_than_floats_count(name):
    b, data = start((3, 300, 260))
    attrs = {"kernel": (300, 260), "stride": (1, 1), "pad": (0, 0), "result": "f32"}
    x = quantize(b, data, 255)
    check(b, name, [b.op("pool", x, kind="avg", **attrs), b.op("pool", x, kind="sum", **attrs)])


@pytest.mark.parametrize("name", NAMES)
@EXAMPLES
@given(SHAPES, ZEROS)
def test_moves(name, shape, zero):
    b, data = start(shape)
    plain = quantize(b, data, zero)
    outputs = []
    for x in (plain, blocked(b, plain)):
        joined = b.op("concat", x, b.op("slice", x, begin=(None,) * 4, end=(None,) * 4, step=(1, 1, -1, 1)), axis=1)
        outputs += [joined, b.op("transpose", x, axes=(0, 2, 3, 1)), b.op("upsample", x, scale=(2, 3)),
                    b.op("pad", x, widths=(0, 0, 0, 0, 1, 2, 3, 1), mode="constant", value=float(zero)),
                    b.op("reshape", x, shape=(SymDim(), int(np.prod(shape))))]
    check(b, name, outputs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("second", [16, 21])
def test_concats_in_place_and_copied(name, second):
    b, data = start((32, 5, 7))
    other = b.input("other", (SymDim(), second, 5, 7))
    x, y = (blocked(b, quantize(b, value)) for value in (data, other))
    check(b, name, [b.op("concat", x, y, axis=1), b.op("concat", y if second == 16 else x, x, axis=1), x])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("channels", "groups"), [(3, 1), (3, 3), (20, 20)])
@pytest.mark.parametrize("zero", [0, 114])
def test_convolutions_with_few_channels_and_one_channel_a_group(name, channels, groups, zero):
    b, data = start((channels, 9, 11))
    rng = np.random.default_rng(3)
    x = quantize(b, data, zero)
    w = b.const("w", rng.integers(-127, 128, (4 * channels if groups == 1 else channels, channels // groups, 3, 3)).astype(np.int8))
    scale = b.const("s", rng.uniform(0.001, 0.01, w.type.shape[0]).astype(np.float32))
    y = b.op("conv2d", x, w, scale, scale, groups=groups, pad=(1, 1), x_zero=zero, epilogue=(Step("affine"), Step("relu")), result="u8", scales=(0.4,),
             zero_points=(0,))
    check(b, name, [y, x], 2)


def test_data_that_does_not_say_what_its_zero_is_has_that_of_its_reader():
    target = parse_target("cpu:x86-64")

    def build(*zeros: int) -> Executable:
        b = GraphBuilder()
        b.graph.stage = "quantized"
        x, w = b.input("data", (1, 4, 3, 3), "u8"), b.const("w", np.ones((4, 4, 3, 3), np.int8))
        graph = b.finish([b.op("conv2d", x, w, pad=(1, 1), x_zero=zero, result="f32") for zero in zeros])
        PassManager("assign-layout").run(graph, PassContext(target=target))
        return Executable(build_program(graph, target), graph, 1)

    (result,) = build(7).run_poisoned({"data": np.full((1, 4, 3, 3), 8, np.uint8)})
    assert np.asarray(result)[0, 0].tolist() == [[16, 24, 16], [24, 36, 24], [16, 24, 16]]
    with pytest.raises(CodegenError, match=r"%data\.c4 has a border of 7, not of x_zero 3: its readers take different integers for zero"):
        build(7, 3)


def test_pools_of_u8_that_no_kernel_computes_are_refused():
    target = parse_target("cpu:x86-64")
    for attrs, text in [({"kind": "lp"}, "not lp of u8 to f32"),
                        ({"kind": "avg", "epilogue": (Step("tee"),)}, "steps of pools have no operands and are no tees")]:
        b, data = start((4, 4, 4))
        y = b.op("pool", quantize(b, data), kernel=(2, 2), stride=(1, 1), pad=(0, 0), result="f32", **attrs)
        graph = b.finish([y])
        PassManager("assign-layout").run(graph, PassContext(target=target))
        with pytest.raises(CodegenError, match=text):
            build_program(graph, target)
