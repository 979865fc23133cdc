"""Tests of Winograd's convolution against sums in float64, on three instruction sets."""

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm import jit
from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.winograd import WinogradKernel
from ngc.codegen.llvm.kernels.winograd_algebra import algorithm, transform_filter
from ngc.codegen.llvm.kernels.winograd_cost import prefers_winograd, unsupported
from ngc.codegen.llvm.packing import pack_channels
from ngc.codegen.llvm.packing_winograd import pack_winograd
from ngc.codegen.llvm.tiles import Tile, spills_in_loop
from ngc.errors import CodegenError
from ngc.target import parse_target
from tests.codegen.llvm.kernels.harness import TARGETS, Buffer, blocked, convolution, halo_untouched, interior, run, unblocked

HALO = ((0, 0), (1, 1), (1, 1))


@st.composite
def problems(draw):
    """Draws a target and a kernel without steps, planned or blocked at random."""
    target = parse_target(draw(st.sampled_from(TARGETS)))
    lanes, size = target.lanes(), draw(st.sampled_from((4, 4, 2)))
    out = (1, draw(st.integers(1, 13)), draw(st.integers(1, 13)))
    pad = (0, draw(st.integers(-1, 2)), draw(st.integers(-1, 2)))
    dilation = draw(st.just((1, 1, 1)) | st.tuples(st.just(1), st.integers(1, 5), st.integers(1, 16)))
    reach = [2 * step for step in dilation[1:]]
    spatial = (1, *(max(1, o + r - p - draw(st.integers(0, 2))) for o, r, p in zip(out[1:], reach, pad[1:], strict=True)))
    # What the taps read, and sometimes more, which another reader of the same tensor wants.
    halo = ((0, 0), *((max(0, p) + draw(st.integers(0, 1)), max(0, o + r - p - s) + draw(st.integers(0, 2)))
                      for o, r, p, s in zip(out[1:], reach, pad[1:], spatial[1:], strict=True)))
    x = Geometry(draw(st.integers(1, 40)), lanes, spatial, halo)
    y = Geometry(draw(st.integers(1, 70)), lanes, out, draw(st.sampled_from((((0, 0),) * 3, ((0, 0), (1, 0), (2, 1))))))
    fields = {"x": x, "y": y, "pad": pad, "dilation": dilation, "size": size}
    if draw(st.booleans()):
        pixels, vectors = draw(st.integers(1, 4)), draw(st.integers(1, 2))
        fields |= {"tile": Tile(pixels, 1, vectors, draw(st.sampled_from((1, 4)))), "group": draw(st.integers(1, 9)), "chunk": draw(st.integers(1, 4))}
    return target, WinogradKernel.plan(target, **fields)


def data(kernel: WinogradKernel, n: int, seed: int = 0):
    """Returns random input and weights."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, kernel.x.channels, *kernel.x.spatial)).astype(np.float32)
    w = rng.standard_normal((kernel.y.channels, kernel.x.channels, 1, 3, 3)).astype(np.float32)
    return x, w


def source(values, kernel: WinogradKernel) -> Buffer:
    """Returns the input with NaN in its halo wherever no tap reads."""
    buffer = blocked(values, kernel.x, halo=np.nan)
    reads = (1, *(o + 2 * step for o, step in zip(kernel.y.spatial[1:], kernel.dilation[1:], strict=True)))
    read = dataclasses.replace(kernel.x, spatial=reads, image_stride=kernel.x.stride_n)
    n, (_, (top, _), (left, _)) = values.shape[0], kernel.x.halo
    d, h, w = kernel.x.padded
    padded = interior(buffer.array, dataclasses.replace(kernel.x, spatial=(d, h, w), halo=((0, 0),) * 3, image_stride=kernel.x.stride_n), n)
    rows = slice(top - kernel.pad[1], top - kernel.pad[1] + read.spatial[1])
    columns = slice(left - kernel.pad[2], left - kernel.pad[2] + read.spatial[2])
    wanted = padded[:, :, :, rows, columns]
    wanted[np.isnan(wanted)] = 0
    return buffer


def scratch(kernel: WinogradKernel) -> Buffer:
    """Returns scratch full of NaN."""
    return Buffer(kernel.scratch_bytes // 4)


def reference(x, w, kernel: WinogradKernel):
    """Returns the convolution in float64."""
    return convolution(x, w, (1, 1, 1), kernel.dilation, kernel.pad, kernel.y.spatial, 1)[0]


def bound(x, w, kernel: WinogradKernel):
    """Returns the worst case of rounding: the algorithm on magnitudes, times the roundings that a term meets on its way."""
    spec, (_, ph, pw), (_, down, across) = algorithm(kernel.size), kernel.pad, kernel.dilation
    (th, tw), extent, size = kernel.lattice_tiles, spec.extent, kernel.size
    lines = np.zeros((*x.shape[:2], ((th - 1) * size + extent) * down, ((tw - 1) * size + extent) * across))
    values = abs(x[:, :, 0].astype(np.float64))[:, :, max(0, -ph):, max(0, -pw):][:, :, :lines.shape[2] - max(0, ph), :lines.shape[3] - max(0, pw)]
    lines[:, :, max(0, ph):max(0, ph) + values.shape[2], max(0, pw):max(0, pw) + values.shape[3]] = values
    data, filters, result = abs(spec.data), abs(spec.filter), abs(spec.result)
    u = np.einsum("ia,ocab,jb->ocij", filters, abs(w[:, :, 0].astype(np.float64)), filters)
    whole = np.zeros((x.shape[0], kernel.y.channels, *kernel.y.spatial[1:]))
    for top, left in np.ndindex(*kernel.lattices):
        windows = np.lib.stride_tricks.sliding_window_view(lines[:, :, top::down, left::across], (extent, extent), (2, 3))[:, :, ::size, ::size]
        v = np.einsum("ia,nctsab,jb->nctsij", data, windows, data, optimize=True)
        m = np.einsum("ocij,nctsij->notsij", u, v, optimize=True)
        y = np.einsum("ki,notsij,lj->notksl", result, m, result, optimize=True).reshape(*whole.shape[:2], th * size, tw * size)
        part = whole[:, :, top::down, left::across]
        part[:] = y[:, :, :part.shape[2], :part.shape[3]]
    roundings = kernel.x.channels + 4 * extent + 4  # of the products, of two transforms along two dimensions, of constants and weights
    return roundings * 2.0**-24 * whole[:, :, None] + 1e-30


@settings(deadline=None, max_examples=50)
@given(problems(), st.integers(1, 3), st.lists(st.integers(0, 40), max_size=3))
def test_matches_direct_sums_for_any_shape(problem, n, cuts):
    target, kernel = problem
    x, w = data(kernel, n)
    out = Buffer(n * kernel.y.stride_n)
    buffers = [source(x, kernel), Buffer.of(pack_winograd(kernel, w)), out, scratch(kernel)]
    run(kernel, target, buffers, n)
    got = unblocked(out, kernel.y, n)
    assert not np.isnan(got).any()
    assert np.max(abs(got - reference(x, w, kernel)) - bound(x, w, kernel), initial=-1.0) <= 0
    again = Buffer(n * kernel.y.stride_n)
    run(kernel, target, [*buffers[:2], again, scratch(kernel)], n, cuts)
    assert np.array_equal(unblocked(again, kernel.y, n), got), "a partition of the work changed the result"
    assert halo_untouched(out, kernel.y, n)


@settings(deadline=None, max_examples=20)
@given(problems(), st.integers(1, 4), st.integers(1, 9), st.integers(1, 4))
def test_blocking_changes_no_bit(problem, pixels, group, chunk):
    target, kernel = problem
    other = dataclasses.replace(kernel, tile=Tile(pixels, 1, 1, 4), group=group, chunk=chunk)
    x, w = data(kernel, 2)
    results = []
    for spec in (kernel, other):
        out = Buffer(2 * spec.y.stride_n)
        run(spec, target, [source(x, spec), Buffer.of(pack_winograd(spec, w)), out, scratch(spec)], 2)
        results.append(unblocked(out, spec.y, 2))
    assert np.array_equal(*results)


def small(target, channels=5, outputs=37, spatial=9, size=4, **fields):
    """Returns a kernel with odd channels."""
    lanes = target.lanes()
    x, y = Geometry(channels, lanes, (1, spatial, spatial), HALO), Geometry(outputs, lanes, (1, spatial, spatial), HALO)
    return WinogradKernel.plan(target, x=x, y=y, size=size, **fields)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("size", [4, 2])
@pytest.mark.parametrize("activation", [StepSpec("relu"), StepSpec("sigmoid")], ids=lambda s: s.kind)
def test_steps_run_in_order_and_leave_padding_lanes_zero(name, size, activation):
    target = parse_target(name)
    lanes, n = target.lanes(), 2
    plain, plane = Geometry(37, lanes, (1, 9, 9)), Geometry(37, lanes, (1, 1, 1))
    steps = (StepSpec("bias"), StepSpec("add", tensor=plain), StepSpec("tee", tensor=plain), StepSpec("affine"), activation,
             StepSpec("multiply", tensor=plane), StepSpec("prelu"))
    kernel = small(target, size=size, steps=steps)
    x, w = data(kernel, n)
    rng = np.random.default_rng(3)
    bias, scale, shift, slope = rng.standard_normal((4, 37)).astype(np.float32)
    residual, gate = (rng.standard_normal((n, 37, *g.spatial)).astype(np.float32) for g in (plain, plane))
    out, tee = Buffer(n * kernel.y.stride_n), Buffer(n * plain.stride_n)
    vectors = [Buffer.of(pack_channels(v, lanes)) for v in (bias, scale, shift, slope)]
    run(kernel, target, [source(x, kernel), Buffer.of(pack_winograd(kernel, w)), out, scratch(kernel), vectors[0], blocked(residual, plain), tee,
                         *vectors[1:3], blocked(gate, plane), vectors[3]], n, [1, 3])
    got, copy = unblocked(out, kernel.y, n), unblocked(tee, plain, n)
    across = lambda v: v[:, None, None, None].astype(np.float64)  # noqa: E731
    sums = reference(x, w, kernel) + across(bias) + residual
    # Two roundings more than the convolution, of values up to about a hundred.
    assert np.max(abs(copy - sums) - bound(x, w, kernel) - 2e-5) <= 0
    z = copy.astype(np.float64) * across(scale) + across(shift)
    z = {"relu": lambda: np.maximum(z, 0), "sigmoid": lambda: 1 / (1 + np.exp(-z))}[activation.kind]() * gate
    # Single-precision rounding of four steps on values of magnitude up to about a hundred.
    np.testing.assert_allclose(got, np.where(z > 0, z, z * across(slope)), rtol=2e-6, atol=5e-5)
    assert halo_untouched(out, kernel.y, n)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("spatial", [7, 13])
def test_residual_may_be_the_output_itself(name, spatial):
    """No pixel is computed twice, so adding in place gives the same bits as adding another buffer."""
    target = parse_target(name)
    kernel = small(target, spatial=spatial)
    kernel = dataclasses.replace(kernel, steps=(StepSpec("add", tensor=kernel.y), StepSpec("relu")))
    x, w = data(kernel, 1)
    residual = np.random.default_rng(5).standard_normal((1, 37, 1, spatial, spatial)).astype(np.float32)
    packed, out = Buffer.of(pack_winograd(kernel, w)), Buffer(kernel.y.stride_n)
    run(kernel, target, [source(x, kernel), packed, out, scratch(kernel), blocked(residual, kernel.y)], 1)
    both = blocked(residual, kernel.y)
    run(kernel, target, [source(x, kernel), packed, both, scratch(kernel), both], 1, [1, 2])
    assert np.array_equal(unblocked(both, kernel.y, 1), unblocked(out, kernel.y, 1))


def test_prefetching_changes_no_bit_and_touches_nothing():
    target = parse_target("cpu:x86-64-v4")
    kernel = small(target, channels=64, outputs=64, spatial=56)
    other = dataclasses.replace(kernel, group=2)
    assert (kernel.prefetches, other.prefetches) == (True, False)
    x, w = data(kernel, 2)
    packed, results = Buffer.of(pack_winograd(kernel, w)), []
    for spec in (kernel, other):
        out = Buffer(2 * spec.y.stride_n)
        run(spec, target, [source(x, spec), packed, out, scratch(spec)], 2, [5, 17])
        results.append(unblocked(out, spec.y, 2))
        assert halo_untouched(out, spec.y, 2)
    assert np.array_equal(*results)


def test_slices_of_larger_tensors_are_read_and_written_in_place():
    target = parse_target("cpu:x86-64-v3")
    x = Geometry(24, 8, (1, 6, 6), HALO, image_stride=5 * 64 * 8)
    y = Geometry(40, 8, (1, 6, 6), image_stride=9 * 36 * 8)
    kernel = WinogradKernel.plan(target, x=x, y=y)
    values, w = data(kernel, 3)
    out = Buffer(3 * y.stride_n)
    run(kernel, target, [blocked(values, x), Buffer.of(pack_winograd(kernel, w)), out, scratch(kernel)], 3, [1, 4, 9])
    assert np.max(abs(unblocked(out, y, 3) - reference(values, w, kernel)) - bound(values, w, kernel)) <= 0
    assert halo_untouched(out, y, 3)


@pytest.mark.parametrize(("size", "rms", "worst"), [(2, 0.6e-6, 4e-6), (4, 1.5e-6, 1.2e-5)])
def test_error_stays_within_what_is_documented(size, rms, worst):
    """Relative to the standard deviation of the outputs, 256 channels after a ReLU; direct summation has an rms of 2e-7."""
    target = parse_target("cpu:x86-64-v3")
    kernel = small(target, channels=256, outputs=64, spatial=14, size=size)
    x, w = data(kernel, 1)
    x = np.maximum(x, 0)
    out = Buffer(kernel.y.stride_n)
    run(kernel, target, [source(x, kernel), Buffer.of(pack_winograd(kernel, w)), out, scratch(kernel)], 1)
    expected = reference(x, w, kernel)
    error = (unblocked(out, kernel.y, 1) - expected) / expected.std()
    assert np.sqrt(np.mean(error**2)) < rms
    assert abs(error).max() < worst


@pytest.mark.parametrize("size", [2, 4])
def test_matrices_give_the_convolution_exactly(size):
    spec = algorithm(size)
    rng = np.random.default_rng(0)
    x, taps = rng.standard_normal(size + 2), rng.standard_normal(3)
    got = spec.result @ ((spec.filter @ taps) * (spec.data @ x))
    np.testing.assert_allclose(got, np.correlate(x, taps, "valid"), rtol=1e-12, atol=1e-13)  # rounding of float64


@pytest.mark.parametrize("size", [2, 4])
def test_weights_are_transformed_in_float64_and_rounded_once(size):
    weights = np.random.default_rng(0).standard_normal((5, 3, 3)).astype(np.float32)
    matrix = algorithm(size).filter
    exact = (matrix @ weights.astype(np.float64) @ matrix.T).reshape(5, -1).T
    got = transform_filter(size, np.ascontiguousarray(weights.reshape(5, 9).T))
    assert np.max(abs(got - exact) / abs(exact)) <= 2.0**-24 * (1 + 1e-6)  # half a unit in the last place; sums in float64 may differ in their order


@pytest.mark.parametrize("name", ["cpu:skylake-avx512", "cpu:znver4", "cpu:sapphirerapids", "cpu:x86-64-v3", "cpu:x86-64"])
@pytest.mark.parametrize(("channels", "spatial", "size"), [(64, 56, 4), (128, 28, 4), (256, 14, 4), (512, 7, 2), (192, 13, 2)])
def test_planned_kernels_hardly_spill(name, channels, spatial, size):
    target = parse_target(name)
    kernel = small(target, channels, channels, spatial, size, steps=(StepSpec("bias"), StepSpec("relu")))
    text = jit.compile_assembly(kernel.emit(target), target.cpu, target.features)
    for function in re.split(r"^(?=\w+:)", text, flags=re.MULTILINE):
        # The output transform keeps more values than there are registers for a moment; what it has waits for the loads at no cost.
        assert spills_in_loop(function) <= (4 if function.startswith("output_") else 0), function[:function.index(":")]


def convolution_of(target, channels, outputs, spatial, **fields):
    """Returns the direct kernel of a layer."""
    lanes = target.lanes()
    x = Geometry(channels, lanes, (1, spatial, spatial), HALO)
    return ConvKernel.plan(target, **{"x": x, "y": Geometry(outputs, lanes, (1, spatial, spatial)), "kernel": (1, 3, 3), "pad": (0, 1, 1), **fields})


@pytest.mark.parametrize(("layer", "batch", "size"), [
    ((64, 64, 56), 1, 4), ((128, 128, 28), 1, 4), ((256, 256, 14), 1, 4), ((512, 512, 7), 1, 2), ((512, 512, 7), 16, 4), ((512, 512, 28), 1, 4),
    ((448, 384, 8), 1, 2), ((3, 8, 224), 1, None), ((64, 64, 1), 1, None)])
def test_choice_of_the_algorithm(layer, batch, size):
    target = parse_target("cpu:znver4")
    assert prefers_winograd(convolution_of(target, *layer), target, batch) == size


@pytest.mark.parametrize(("channels", "dilation", "size"), [(256, 2, 4), (512, 4, 4), (64, 30, 2), (64, 60, None)])
def test_choice_of_the_algorithm_for_a_dilated_convolution(channels, dilation, size):
    """A lattice of a 60x60 map has 60/dilation outputs a row."""
    target = parse_target("cpu:znver4")
    x = Geometry(channels, 16, (1, 60, 60), ((0, 0), *((dilation, dilation),) * 2))
    conv = convolution_of(target, channels, channels, 60, x=x, pad=(0, dilation, dilation), dilation=(1, dilation, dilation))
    assert prefers_winograd(conv, target) == size


@pytest.mark.parametrize(("layer", "size", "group", "chunks"), [
    ((48, 64, 27), 4, 2, 1),  # two units fit
    ((128, 128, 28), 4, 1, 1),  # a unit fits
    ((256, 256, 14), 4, 2, 8),  # its weights are too many to be read twice: an image
    ((512, 512, 28), 4, 4, 16),  # a unit does not fit: an image
    ((512, 512, 7), 2, 4, 16),  # two images share the weights
    ((512, 512, 7), 4, 8, 8),  # so many weights that eight do
    ((256, 256, 56), 4, 1, 1),  # neither a unit nor an image fits
])
def test_groups_fit_the_cache_or_share_many_weights(layer, size, group, chunks):
    kernel = small(parse_target("cpu:znver4"), *layer, size)
    assert (kernel.group, kernel.chunks) == (group, chunks)


@pytest.mark.parametrize(("fields", "reason"), [
    ({"kernel": (1, 5, 5), "pad": (0, 1, 1)}, "a kernel of (1, 5, 5), not 3x3"),
    ({"stride": (1, 2, 2)}, "strides"),
    ({"groups": 2}, "2 groups"),
    ({"prologue": (StepSpec("relu"),)}, "a prologue"),
    ({"x": Geometry(32, 1, (1, 8, 8), HALO)}, "an input in blocks of 1"),
    ({"x": Geometry(32, 16, (1, 8, 8), ((0, 0), (1, 3), (1, 3)), dtype="u8")}, "data of u8"),
    ({"out_step": (1, 2, 2)}, "a part of the outputs"),
])
def test_what_is_unsupported_is_said_and_stays_direct(fields, reason):
    target = parse_target("cpu:x86-64-v4")
    lanes = target.lanes()
    whole = {"x": Geometry(32, lanes, (1, 8, 8), ((0, 0), (1, 3), (1, 3))), "y": Geometry(32, lanes, (1, 4, 4)), "kernel": (1, 3, 3), "pad": (0, 1, 1)}
    conv = ConvKernel.plan(target, **{**whole, **fields})
    assert unsupported(conv) == reason
    assert prefers_winograd(conv, target) is None


def test_what_no_code_can_serve_is_refused():
    target = parse_target("cpu:x86-64-v4")
    x, y = Geometry(16, 16, (1, 8, 8), HALO), Geometry(16, 16, (1, 8, 8))
    with pytest.raises(CodegenError, match=r"reads \[-1, 8\] along height of an input of 8 with a halo of \(0, 0\); a halo of \(1, 1\) or more would do"):
        WinogradKernel.plan(target, x=dataclasses.replace(x, halo=((0, 0),) * 3), y=y)
    with pytest.raises(CodegenError, match="of blocks of 8 into blocks of 16; cpu:x86-64-v4 needs blocks of 16"):
        WinogradKernel.plan(target, x=dataclasses.replace(x, block=8), y=y)
    with pytest.raises(CodegenError, match="tiles of 6x6; there are 2x2 and 4x4"):
        WinogradKernel.plan(target, x=x, y=y, size=6)
    with pytest.raises(CodegenError, match="a depth of 1 is needed"):
        WinogradKernel.plan(target, x=dataclasses.replace(x, spatial=(2, 8, 8)), y=y)
    with pytest.raises(CodegenError, match="without outputs"):
        WinogradKernel.plan(target, x=x, y=dataclasses.replace(y, spatial=(1, 0, 8)))
