"""Tests that the kernel benchmark measures and prints; what it measures is no test's business."""

import json

from bench import kernels
from ngc.target import parse_target


def test_the_tables_of_layers_are_those_of_the_networks():
    assert len(kernels.resnet50()) == 26
    assert all(layer.groups in (1, layer.inputs) for layer in kernels.mobilenet_v2())


def test_every_layer_has_a_kernel_on_every_instruction_set():
    for name in ("cpu:x86-64-v4", "cpu:x86-64-v3", "cpu:x86-64"):
        for layer in kernels.resnet50() + kernels.mobilenet_v2():
            spec = kernels.plan(layer, parse_target(name))
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
    assert set(row) == {"network", "layer", "tile", "peak", "warm", "streamed"}
    assert all(row[key] > 0 for key in ("peak", "warm", "streamed"))
