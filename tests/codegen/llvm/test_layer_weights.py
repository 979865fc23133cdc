"""Layers' weights in the blob: what is packed can be had back, is packed once, and the graph's own arrays go."""

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngc
from ngc.codegen.llvm.build import build_program
from ngc.codegen.llvm.kernel import Geometry
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.dense import DenseKernel
from ngc.codegen.llvm.kernels.winograd import WinogradKernel
from ngc.codegen.llvm.kernels.winograd_algebra import transform_filter
from ngc.codegen.llvm.layer_weights import PackedWeight, packing_of
from ngc.codegen.llvm.packing import pack_conv, pack_dense
from ngc.codegen.llvm.packing_winograd import pack_winograd
from ngc.codegen.llvm.weights import SHARED_BYTES, WeightBlob
from ngc.ir import GraphBuilder, clone
from ngc.ir.reference import evaluate, round_to_bf16
from ngc.ir.verify import verify
from ngc.ir.weight import Weight
from ngc.passes import PIPELINES, PassContext, PassManager
from ngc.runtime import Executable
from ngc.target import host_target, parse_target
from tests.codegen.llvm.kernels.harness import TARGETS


def distinct(*shape: int) -> np.ndarray:
    """Returns weights no two of which are equal, so that one in another's place is seen; none is zero, as padding is."""
    return np.random.default_rng(0).permutation(np.arange(1, 1 + int(np.prod(shape)), dtype=np.float32)).reshape(shape)


@st.composite
def convolutions(draw):
    """Draws a planned convolution."""
    target = parse_target(draw(st.sampled_from(TARGETS)))
    lanes, groups = target.lanes(), draw(st.sampled_from((1, 1, 2, 3)))
    kernel = draw(st.sampled_from(((1, 1, 1), (1, 3, 3), (1, 1, 5), (2, 3, 2))))
    inputs, outputs = (groups * draw(st.sampled_from((1, 3, lanes, lanes + 5, 5 * lanes))) for _ in range(2))
    x = Geometry(inputs, draw(st.sampled_from((1, lanes))), (4, 9, 9))
    y = Geometry(outputs, lanes, tuple(size - k + 1 for size, k in zip(x.spatial, kernel, strict=True)))
    return ConvKernel.plan(target, x=x, y=y, kernel=kernel, groups=groups)


@settings(deadline=None, max_examples=60)
@given(convolutions())
def test_convolutions_come_back(kernel):
    weights = distinct(kernel.y.channels, kernel.x.channels // kernel.groups, *kernel.kernel)
    packing, packed = packing_of(kernel, weights.shape), pack_conv(kernel, weights)
    assert packed.size == packing.size
    assert set(np.unique(packed)) <= {0.0, *np.unique(weights)}
    if kernel.aligned:
        assert packing.unpack is not None
        assert np.count_nonzero(packed) == weights.size
        np.testing.assert_array_equal(packing.unpack(packed), weights, strict=True)
    else:
        assert packing.unpack is None


def numbers_of_bf16(*shape: int) -> np.ndarray:
    """Returns normal numbers that bf16 has."""
    return round_to_bf16(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


@settings(deadline=None, max_examples=40)
@given(st.sampled_from((1, 2, 3)), st.sampled_from((1, 3, 16, 21, 80)), st.sampled_from((1, 3, 16, 40)), st.sampled_from(((1, 1, 1), (1, 3, 3), (1, 1, 5))),
       st.sampled_from((1, 16)))
def test_pairs_of_bf16_come_back(groups, inputs, outputs, taps, block):
    if block == 1:
        taps = (*taps[:2], max(2, taps[2]))
    x = Geometry(groups * inputs, block, (1, 9, 9), dtype="bf16")
    y = Geometry(groups * outputs, 16, tuple(size - k + 1 for size, k in zip(x.spatial, taps, strict=True)), dtype="bf16")
    kernel = ConvKernel.plan(parse_target("cpu:znver4"), x=x, y=y, kernel=taps, groups=groups)
    weights = numbers_of_bf16(groups * outputs, inputs, *taps)
    packing, packed = packing_of(kernel, weights.shape), pack_conv(kernel, weights)
    assert packed.nbytes == 4 * packing.size == kernel.weight_bytes
    if packing.unpack is not None:
        np.testing.assert_array_equal(packing.unpack(packed), weights, strict=True)


def test_dense_layers_of_bf16_come_back():
    kernel = DenseKernel.plan(parse_target("cpu:znver4"), inputs=26, outputs=75, x_dtype="bf16")
    weights = numbers_of_bf16(75, 26)
    packing = packing_of(kernel, weights.shape)
    assert packing.unpack is not None
    np.testing.assert_array_equal(packing.unpack(pack_dense(kernel, weights)), weights, strict=True)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(TARGETS), st.integers(1, 90), st.integers(1, 150))
def test_dense_layers_come_back(target, inputs, outputs):
    kernel = DenseKernel.plan(parse_target(target), inputs=inputs, outputs=outputs)
    weights = distinct(outputs, inputs)
    packing, packed = packing_of(kernel, weights.shape), pack_dense(kernel, weights)
    assert packed.size == packing.size
    assert np.count_nonzero(packed) == weights.size
    assert packing.unpack is not None
    np.testing.assert_array_equal(packing.unpack(packed), weights, strict=True)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(TARGETS), st.sampled_from((2, 4)), st.integers(1, 70), st.integers(1, 140), st.integers(1, 3))
def test_winograd_packs_the_transformed_taps_in_the_order_of_its_products(target, size, inputs, outputs, chunk):
    target = parse_target(target)
    lanes = target.lanes()
    x, y = (Geometry(channels, lanes, (1, 8, 8), ((0, 0), (1, 1), (1, 1))) for channels in (inputs, outputs))
    kernel = WinogradKernel.plan(target, x=x, y=y, size=size)
    kernel = WinogradKernel.plan(target, x=x, y=y, size=size, tile=kernel.tile, group=kernel.group, chunk=chunk)
    weights = np.random.default_rng(0).standard_normal((outputs, inputs, 3, 3)).astype(np.float32)
    taps = transform_filter(size, weights.reshape(outputs, inputs, 9).transpose(2, 0, 1))
    plain = np.stack([pack_conv(kernel.product, position) for position in taps])
    vectors = [kernel.panels.size - (panel >= kernel.panels.wide) for panel in range(kernel.panels.parts)]
    ends = np.cumsum([sum(vectors[first:first + chunk]) for first in range(0, len(vectors), chunk)]) * kernel.product.depth * lanes
    expected = [part.reshape(-1) for part in np.split(plain, ends[:-1], axis=1)]
    np.testing.assert_array_equal(pack_winograd(kernel, weights), np.concatenate(expected), strict=True)
    assert packing_of(kernel, weights.shape).unpack is None


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_blob_does_not_depend_on_the_number_of_threads(workers, monkeypatch):
    monkeypatch.setattr("ngc.codegen.llvm.weights.available_cpus", lambda: workers)
    blob, large, small = WeightBlob(), distinct(SHARED_BYTES), np.float32([1, 2, 3])
    begin = [blob.add(small).offset, blob.add(large).offset, blob.add(small.copy()).offset, blob.add(large).offset,
             blob.reserve(3, lambda memory: [lambda: np.copyto(memory, small)], pytest.fail).offset]
    seen = []
    halves = np.array_split(large, 2)
    begin.append(blob.reserve(large.size, lambda memory: [
        lambda part=part, half=half: np.copyto(part, half) for part, half in zip(np.array_split(memory, 2), halves, strict=True)], seen.append).offset)
    assert begin == [0, 64, 0, 64 + large.nbytes, 0, 64 + 2 * large.nbytes]  # equal small ones lie in one place
    packed = blob.finish()
    assert packed.ctypes.data % 64 == 0
    expected = np.concatenate([small, np.zeros(13, np.float32), large, large, large])
    np.testing.assert_array_equal(packed.view(np.float32), expected)
    np.testing.assert_array_equal(seen[0], large)


def test_an_error_of_a_step_reaches_the_caller():
    blob = WeightBlob()

    def fail():
        raise MemoryError("no room")

    blob.reserve(SHARED_BYTES, lambda memory: [fail])
    with pytest.raises(MemoryError, match=r"^no room$"):
        blob.finish()


def network():
    """Returns a graph of a direct convolution, a Winograd one and two dense layers that share their weights, all of them large."""
    builder = GraphBuilder("net")
    rng = np.random.default_rng(1)
    number = lambda *shape: (rng.standard_normal(shape) / 16).astype(np.float32)  # noqa: E731
    x = builder.input("data", (1, 64, 28, 28))
    x = builder.op("conv2d", x, builder.const("direct", number(512, 64, 1, 1)))
    x = builder.op("conv2d", x, builder.const("winograd", number(64, 512, 3, 3)), pad=(1, 1))
    x = builder.op("pool", x, kind="avg", kernel=(28, 28), stride=(1, 1), pad=(0, 0))
    x = builder.op("reshape", x, shape=(1, 64))
    wide = builder.op("dense", x, builder.const("dense", number(512, 64)))
    shared = builder.const("shared", number(512, 512))
    return builder.finish([builder.op("dense", builder.op("dense", wide, shared), shared)])


def lowered():
    graph = network()
    PassManager(PIPELINES["cpu-fp32"]).run(graph, PassContext(target=host_target()))
    return graph


def test_the_compiled_graph_keeps_its_meaning_without_its_arrays():
    graph = lowered()
    feeds = {"data": np.random.default_rng(2).standard_normal((1, 64, 28, 28)).astype(np.float32)}
    text, expected = str(graph), evaluate(graph, feeds)[0]
    originals = {node.name: weakref.ref(node.weight.array.base) for node in graph.nodes if node.weight is not None}
    executable = Executable(build_program(graph, host_target()), graph, 1)
    gc.collect()
    kept = {node.name for node in graph.nodes if node.weight is not None and not isinstance(node.weight, PackedWeight)}
    assert kept == {"winograd"}  # its packed form is rounded: only the array itself will do
    assert {name for name, array in originals.items() if array() is not None} == kept
    verify(graph)
    assert str(graph) == text
    np.testing.assert_array_equal(evaluate(graph, feeds)[0], expected)
    again = clone(graph)
    program = build_program(again, host_target())
    np.testing.assert_array_equal(program.weights, executable.program.weights)


def test_a_graph_that_is_compiled_twice_keeps_its_own_arrays():
    graph = network()
    first, second = (ngc.compile(graph, threads=1) for _ in range(2))
    assert not any(isinstance(node.weight, PackedWeight) for node in graph.nodes)
    np.testing.assert_array_equal(first.program.weights, second.program.weights)


def test_restored_arrays_are_read_only():
    weight = PackedWeight(Weight("w", None), np.arange(3, dtype=np.float32), lambda packed: packed[::-1].copy())
    np.testing.assert_array_equal(weight.array, [2, 1, 0])
    with pytest.raises(ValueError, match="read-only"):
        weight.array[0] = 1
