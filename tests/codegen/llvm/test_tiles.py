"""Tests of the choice of tiles: splits cover their range, and no chosen tile spills in a loop."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.codegen.llvm import jit
from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.dense import DenseKernel
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.kernels.matmul import MatmulKernel
from ngc.codegen.llvm.kernels.matrices import Matrices
from ngc.codegen.llvm.tiles import Split, Tile, spills_in_loop
from ngc.target import parse_target


@given(st.integers(1, 500), st.integers(1, 40))
def test_a_split_covers_its_range_with_parts_that_differ_by_one_at_most(total, largest):
    split = Split(total, largest)
    assert split.wide * split.size + (split.parts - split.wide) * (split.size - 1) == total
    assert split.size <= largest
    assert 1 <= split.wide <= split.parts
    assert all(size >= 1 for size in split.sizes)


def compiled(spec, target):
    return jit.compile_assembly(f'target triple = "{target.triple}"\n{spec.emit(target)}', target.cpu, target.features)


LAYERS = [  # kernel, stride, inputs, outputs, size
    (7, 2, 3, 64, 112), (3, 2, 3, 32, 112), (11, 4, 3, 64, 55), (1, 1, 64, 256, 56), (1, 2, 256, 512, 28), (1, 1, 2048, 512, 7), (1, 1, 24, 144, 56),
    (1, 1, 960, 320, 7), (3, 1, 64, 64, 56), (3, 2, 128, 128, 28), (3, 1, 256, 256, 14), (3, 1, 512, 512, 7), (3, 1, 48, 40, 35), (5, 1, 48, 64, 35),
    (3, 1, 16, 10, 5), (1, 1, 40, 1000, 1),
]


@pytest.mark.parametrize("name", ["cpu:skylake-avx512", "cpu:znver4", "cpu:sapphirerapids", "cpu:x86-64-v3", "cpu:x86-64", "cpu:aarch64", "cpu:neoverse-n1"])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: "-".join(map(str, layer)))
def test_no_chosen_tile_spills_in_a_loop(name, layer):
    target = parse_target(name)
    kernel, stride, inputs, outputs, size = layer
    lanes, pad = target.lanes(), kernel // 2
    side = (pad, kernel)
    x = Geometry(inputs, lanes if inputs > 3 else 1, (1, size * stride, size * stride), ((0, 0), side, side))
    spec = ConvKernel.plan(target, x=x, y=Geometry(outputs, lanes, (1, size, size)), kernel=(1, kernel, kernel), stride=(1, stride, stride),
                           pad=(0, pad, pad), steps=(StepSpec("bias"), StepSpec("relu")))
    assert spills_in_loop(compiled(spec, target)) == 0, spec.tile


@pytest.mark.parametrize("name", ["cpu:skylake-avx512", "cpu:znver4", "cpu:sapphirerapids", "cpu:alderlake", "cpu:x86-64-v3", "cpu:x86-64", "cpu:aarch64",
                                  "cpu:neoverse-n1"])
def test_no_chosen_tile_of_integers_spills_in_a_loop(name):
    target = parse_target(name)
    lanes = target.lanes()
    for kernel, stride, inputs, outputs, size in LAYERS:
        pad, side = kernel // 2, (kernel // 2, kernel)
        x = Geometry(inputs, lanes if inputs > 4 else 4, (1, size * stride, size * stride), ((0, 0), side, side), dtype="u8")
        spec = ConvKernel.plan(target, x=x, y=Geometry(outputs, lanes, (1, size, size), dtype="u8"), kernel=(1, kernel, kernel), stride=(1, stride, stride),
                               pad=(0, pad, pad), steps=(StepSpec("affine"), StepSpec("relu")))
        assert spills_in_loop(compiled(spec, target)) == 0, (kernel, stride, inputs, outputs, spec.tile)
    assert spills_in_loop(compiled(DenseKernel.plan(target, inputs=2048, outputs=1000, x_dtype="u8"), target)) == 0


@pytest.mark.parametrize("name", ["cpu:skylake-avx512", "cpu:znver4", "cpu:x86-64-v3", "cpu:x86-64", "cpu:aarch64", "cpu:neoverse-n1"])
def test_dense_and_depthwise_tiles_do_not_spill_in_a_loop(name):
    target = parse_target(name)
    assert spills_in_loop(compiled(DenseKernel.plan(target, inputs=2048, outputs=1000), target)) == 0
    rows = Matrices(128, 1, ((12, 128 * 128),))
    assert spills_in_loop(compiled(MatmulKernel.plan(target, batch=12, rows=128, depth=128, columns=128, a=rows, b=rows, y=rows), target)) == 0
    halo = ((0, 0), (3, 3), (3, 3))
    for kernel, stride in ((3, 1), (3, 2), (5, 1), (7, 1)):
        x, y = Geometry(64, target.lanes(), (1, 28, 28), halo), Geometry(64, target.lanes(), (1, 28 // stride, 28 // stride))
        spec = DepthwiseKernel.plan(target, x=x, y=y, kernel=(1, kernel, kernel), stride=(1, stride, stride), pad=(0, kernel // 2, kernel // 2))
        assert spills_in_loop(compiled(spec, target)) == 0, (kernel, stride)


@pytest.mark.parametrize("name", ["cpu:skylake-avx512", "cpu:cascadelake", "cpu:znver4", "cpu:alderlake", "cpu:x86-64-v3", "cpu:x86-64", "cpu:aarch64"])
def test_depthwise_tiles_of_integers_do_not_spill_at_all(name):
    target = parse_target(name)
    for kernel, stride, size in ((3, 1, 112), (3, 1, 7), (3, 2, 14), (5, 1, 28), (5, 2, 28), (7, 1, 14)):
        x = Geometry(64, target.lanes(), (1, size, size), ((0, 0), (3, 3), (3, 3)), dtype="u8")
        spec = DepthwiseKernel.plan(target, x=x, y=replace(x, spatial=(1, size // stride, size // stride)), kernel=(1, kernel, kernel),
                                    stride=(1, stride, stride), pad=(0, kernel // 2, kernel // 2), steps=(StepSpec("affine"), StepSpec("relu")), offset=True)
        assert "Spill" not in compiled(spec, target).replace("8-byte Spill", ""), (kernel, stride, size)


def test_the_spill_check_finds_spills():
    """7x4 needs 33 registers; a check that passes it would pass anything."""
    target = parse_target("cpu:znver4")
    geometry = Geometry(64, 16, (1, 28, 28), ((0, 0), (1, 1), (1, 1)))
    spec = ConvKernel.plan(target, x=geometry, y=geometry, kernel=(1, 3, 3), pad=(0, 1, 1), tile=Tile(7, 1, 4, 4))
    assert spills_in_loop(compiled(spec, target)) > 0


def test_the_spill_check_finds_spills_of_aarch64():
    target = parse_target("cpu:aarch64")
    geometry = Geometry(64, 4, (1, 28, 28), ((0, 0), (1, 1), (1, 1)))
    spec = ConvKernel.plan(target, x=geometry, y=geometry, kernel=(1, 3, 3), pad=(0, 1, 1), tile=Tile(7, 1, 4, 4))
    assert spills_in_loop(compiled(spec, target)) > 0
