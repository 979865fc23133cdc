"""ngc-opt --emit: the formats that it writes."""

from pathlib import Path

import numpy as np
import pytest

from ngc.ir import evaluate, parse
from ngc.ir.random_data import fill_missing_weights
from ngc.opt.main import FAILURE, SUCCESS, USAGE
from tests.onnx_models import session
from tests.opt.command import run

NET = """graph @net(%data: f32[N,3,8,8]) {
  %w0 = const @w0 : f32[4,3,3,3]
  %c0 = conv2d(%data, %w0) {pad=[1,1]} : f32[N,4,8,8] loc("conv0" in "net-symbol.json" at 3)
  %r0 = relu(%c0) : f32[N,4,8,8] loc("relu0")
  return %r0 as "relu0_output"
}
"""


@pytest.mark.parametrize("passes", ["", "canonicalize,fuse-conv"])
def test_onnx_of_text_with_random_weights(net: Path, passes: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    path = net.with_name("net.onnx")
    assert run(net, "-p", passes, "--emit=onnx", "-o", path) == SUCCESS
    assert capsys.readouterr() == ("", "ngc-opt: note: 1 constants have no data (--weights gives it); seeded random data stands for them\n")
    graph = parse(NET)
    fill_missing_weights(graph)
    feeds = {"data": np.random.default_rng(0).random((2, 3, 8, 8), np.float32)}
    [found] = session(str(path)).run(["relu0_output"], feeds)
    np.testing.assert_allclose(found, evaluate(graph, feeds)[0], rtol=1e-5, atol=1e-5)  # sums of 27 products


@pytest.mark.parametrize("output", [(), ("-o", "-")])
def test_onnx_goes_to_files_only(net: Path, output: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(net, "--emit=onnx", *output) == USAGE
    assert capsys.readouterr() == ("", "ngc-opt: usage: --emit onnx writes a file with the weights in it, not text; name the file with -o\n")


def test_what_onnx_does_not_have(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net.write_text(NET.replace("relu(", "gamma("))
    assert run(net, "--emit=onnx", "-o", net.with_name("net.onnx")) == FAILURE
    assert capsys.readouterr().err.endswith("ngc-opt: error: some operators have no form in ONNX:\n  ONNX has no gamma function: 1 node (%r0)\n")
    assert not net.with_name("net.onnx").exists()


def test_text_is_the_default(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(net, "--emit=ngir", "--print-locations") == SUCCESS
    assert capsys.readouterr() == (NET, "")


def test_stablehlo_is_text_without_weights(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net.write_text(NET.replace("N,", "2,"))
    assert run(net, "--emit=stablehlo") == SUCCESS
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith('module @"net" {\n  func.func public @main(%arg0: tensor<2x3x8x8xf32> loc("data"), %arg1: tensor<4x3x3x3xf32> loc("w0")) -> ')
    assert 'loc("relu0")' in out


def test_stablehlo_has_fixed_shapes(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(net, "--emit=stablehlo", "-o", net.with_name("net.mlir")) == FAILURE
    assert capsys.readouterr().err.endswith("ngc-opt: error: some operators have no form in StableHLO:\n"
                                            "  its batch is N; Neuron compiles fixed shapes: 2 nodes (%c0, %r0)\n")
    assert not net.with_name("net.mlir").exists()


def test_kernels_go_into_a_folder(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = net.with_name("code")
    assert run(net, "--compile-to", "lowered", "--emit=asm", "-o", f"{folder}/") == SUCCESS
    assert run(net, "--compile-to", "lowered", "--emit=llvm", "-o", folder) == SUCCESS  # it is there now
    names = sorted(path.name for path in folder.iterdir())
    assert len({path.stem for path in folder.iterdir()}) * 2 == len(names)
    capsys.readouterr()
    assert run(net, "--compile-to", "lowered", "--emit=llvm") == SUCCESS
    out = capsys.readouterr().out
    assert out == "".join(sorted((path.read_text() for path in folder.glob("*.ll")), key=out.index))
    assert run(net, "--compile-to", "lowered", "--emit=llvm", "-o", f"{net}/") == FAILURE
    assert "net.ngir/ cannot be made: " in capsys.readouterr().err


def test_netron_opens_what_mxnet_writes(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(net, "--emit=netron", "-o", net.with_name("net-symbol.json")) == SUCCESS
    assert '"op": "conv2d"' in net.with_name("net-symbol.json").read_text()


@pytest.mark.parametrize("emit", ["generic", "dot", "svg", "html", "netron", "stats"])
def test_every_text_format_takes_every_stage(net: Path, emit: str, capsys: pytest.CaptureFixture[str]) -> None:
    for stage in ("imported", "canonical", "fused", "lowered"):
        assert run(net, "--compile-to", stage, "--emit", emit) == SUCCESS
        assert capsys.readouterr().out


def test_no_weights_are_made_up_for_pictures(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(net, "--emit=svg") == SUCCESS
    assert capsys.readouterr().err == ""
