"""Tests that the kernel benchmark measures and prints; what it measures is no test's business."""

import json
from dataclasses import replace

from bench import kernels
from bench.layers import mobilenet_v2, plan, resnet50
from ngc.codegen.llvm.choice import CostModel
from ngc.target import parse_target


def test_the_tables_of_layers_are_those_of_the_networks():
    assert len(resnet50()) == 26
    assert all(layer.groups in (1, layer.inputs) for layer in mobilenet_v2())


def test_every_layer_has_a_kernel_on_every_instruction_set():
    for name in ("cpu:x86-64-v4", "cpu:x86-64-v3", "cpu:x86-64"):
        for layer in resnet50() + mobilenet_v2():
            spec = plan(layer, parse_target(name))
            assert spec.flops() == 2 * layer.kernel**2 * layer.inputs * layer.outputs // layer.groups * layer.size**2
            assert spec.work[0] > 0


def test_a_run_prints_a_row_and_writes_json(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(kernels, "STREAM_BYTES", 1 << 20)
    path = tmp_path / "results.json"
    monkeypatch.setattr("sys.argv", ["bench.kernels", "--target", "cpu:x86-64-v3", "--filter", "960 depthwise", "--rounds", "1", "--seconds", "0.001",
                                     "--json", str(path)])
    kernels.main()
    assert "960 depthwise" in capsys.readouterr().out
    [row] = json.loads(path.read_text())
    assert (row["algorithm"], row["channels"], row["precision"], row["winograd_warm"]) == ("depthwise", 960, "fp32", None)
    assert all(row[key] > 0 for key in ("peak", "bandwidth", "warm", "streamed"))


def test_where_winograd_is_picked_both_forms_are_measured(monkeypatch):
    monkeypatch.setattr(kernels, "STREAM_BYTES", 1 << 20)
    target = parse_target("cpu:x86-64-v3")
    [layer] = [layer for layer in resnet50() if str(layer) == "3x3/1 64 -> 64, 56x56"]
    assert kernels.algorithm(CostModel(target).choose(plan(layer, target), 1).spec) == "winograd F(4x4)"
    [result] = kernels.measure([layer], target, "fp32", 0.0, 1)
    assert result.algorithm == "winograd F(4x4)"
    assert min(result.warm, result.streamed, result.winograd_warm, result.winograd_streamed) > 0


def test_a_target_without_the_precision_is_told(monkeypatch, capsys):
    monkeypatch.setattr(kernels, "STREAM_BYTES", 1 << 20)
    monkeypatch.setattr("sys.argv", ["bench.kernels", "--target", "cpu:x86-64-v3", "--precision", "bf16"])
    kernels.main()
    assert capsys.readouterr().out == "no kernels of bf16: cpu:x86-64-v3 has no multiply-adds of bf16\n"


def test_an_image_of_u8_lies_in_blocks_of_four_channels(monkeypatch, capsys):
    monkeypatch.setattr(kernels, "STREAM_BYTES", 1 << 20)
    stem, inner = (plan(layer, parse_target("cpu:znver4"), "u8") for layer in resnet50()[:2])
    assert (stem.x.block, inner.x.block, stem.y.dtype) == (4, 16, "u8")
    monkeypatch.setattr("sys.argv", ["bench.kernels", "--target", "cpu:x86-64-v4", "--precision", "int8"])
    kernels.main()
    assert capsys.readouterr().out == "no kernels of int8: cpu:x86-64-v4 has no multiply-adds of u8\n"


def test_the_halo_of_planes_covers_a_pair_of_taps_in_bf16():
    stem = resnet50()[0]
    single, paired = (plan(stem, parse_target("cpu:znver4"), dtype).x.halo for dtype in ("f32", "bf16"))
    assert paired == (*single[:2], (single[2][0], single[2][1] + 1))


def test_random_floats_are_moderate_as_bf16_too():
    values = kernels.floats(1000)
    halves = (values.view("uint16").astype("uint32") << 16).view("float32")
    assert values.size == 1000
    assert values.ctypes.data % 64 == 0
    assert abs(values).max() < 10
    assert abs(halves).max() < 10


FAST = kernels.Result("resnet50", "1x1/1 64 -> 64, 56x56", "fp32", "direct", 64, "1x14x2", 100.0, 20.0, 90.0, 85.0)


def test_the_summary_names_the_direct_layers_that_stay_below():
    rows = [FAST, replace(FAST, layer="a", warm=89.0), replace(FAST, layer="b", streamed=80.0), replace(FAST, layer="c", warm=50.0, channels=63),
            replace(FAST, layer="d", warm=50.0, algorithm="depthwise"), replace(FAST, layer="e", warm=50.0, algorithm="winograd F(4x4)")]  # fmt: skip
    assert kernels.summary(rows) == [
        "1 of 3 direct layers with 64 channels or more are below 90% of the peak with warm weights: resnet50 a (89.0%)",
        "1 of 3 direct layers with 64 channels or more are below 85% of the peak with streamed weights: resnet50 b (80.0%)",
    ]
    assert kernels.summary([FAST])[0] == "0 of 1 direct layers with 64 channels or more are below 90% of the peak with warm weights"
