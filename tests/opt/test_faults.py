"""Three planted faults and a logarithm: one command line each names the pass, the rule firing and the MXNet node."""

from pathlib import Path

import pytest

from ngc.opt.main import FAILURE, SUCCESS, OptMain

NET = """graph @net(%data: f32[N,3,8,8]) {
  %w0 = const @conv0_weight : f32[16,3,3,3]
  %conv0 = conv2d(%data, %w0) {pad=[1,1]} : f32[N,16,8,8] loc("conv0" in "net-symbol.json" at 2)
  %gamma = const @bn0_gamma : f32[16]
  %beta = const @bn0_beta : f32[16]
  %mean = const @bn0_moving_mean : f32[16]
  %var = const @bn0_moving_var : f32[16]
  %bn0 = batch_norm(%conv0, %gamma, %beta, %mean, %var) {eps=1e-05, fix_gamma=false} : f32[N,16,8,8] loc("bn0" in "net-symbol.json" at 7)
  %relu0 = relu(%bn0) : f32[N,16,8,8] loc("relu0" in "net-symbol.json" at 8)
  %w1 = const @conv1_weight : f32[16,16,3,3]
  %conv1 = conv2d(%relu0, %w1) {pad=[1,1]} : f32[N,16,8,8] loc("conv1" in "net-symbol.json" at 10)
  %plus = add(%conv1, %relu0) : f32[N,16,8,8] loc("plus" in "net-symbol.json" at 11)
  %both = concat(%plus, %conv1) {axis=1} : f32[N,32,8,8] loc("both" in "net-symbol.json" at 12)
  %w2 = const @conv2_weight : f32[8,32,1,1]
  %conv2 = conv2d(%both, %w2) : f32[N,8,8,8] loc("conv2" in "net-symbol.json" at 14)
  range %data [-4.0,3.96875]
  range %relu0 [0.0,7.96875]
  range %conv1 [-8.0,7.9375]
  range %plus [-8.0,7.9375]
  return %conv2 as "conv2_output"
}
"""
INT8 = ("-p", "@cpu-int8", "--target", "cpu:znver4")
FP32 = ("-p", "@cpu-fp32", "--target", "cpu:x86-64-v3")


def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    path = tmp_path / "net.ngir"
    path.write_text(NET)
    code = OptMain([str(path), *arguments, "-o", str(tmp_path / "out.ngir")]).run()
    return code, capsys.readouterr().err


@pytest.mark.parametrize("pipeline", [FP32, INT8])
def test_the_real_passes_have_none(pipeline: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = run(tmp_path, capsys, *pipeline, "--check-numerics", "--check-finite")
    assert code == SUCCESS, err


@pytest.mark.parametrize(("fault", "pipeline", "lines"), [
    ("FoldWithWrongEpsilon", FP32, [
        "pass fold-batch-norm (6) moves the output 'conv2_output' by ", "with the rule FixedEpsilon at %bn0: affine(conv(x, W) + b) = conv(x, W*s) + (b*s + t)",
        "from MXNet's bn0 (node 7 of net-symbol.json)"]),
    ("FuseAcrossUsers", FP32, [
        "pass fuse-conv (9) moves the output 'conv2_output' by ", "with the rule SumAcrossUsers at %conv1: step(layer(x, w){e}) = layer(x, w){e, step}",
        "from MXNet's conv1 (node 10 of net-symbol.json)"]),
    ("QuantizeWithWrongScale", INT8, [
        "pass quantize (13) moves %conv0 by ", "at %conv0, from MXNet's conv0 (node 2 of net-symbol.json), bn0 (node 7 of net-symbol.json), relu0 (node 8 of",
        "by the decision quantize/precision: multiplies int8"]),
])
def test_a_planted_fault(fault: str, pipeline: tuple[str, ...], lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = run(tmp_path, capsys, *pipeline, "--check-numerics", "--load-pass", f"tests.opt.faulty_passes:{fault}")
    assert code == FAILURE
    told = err[err.index("ngc-opt: error: "):].removeprefix("ngc-opt: error: ").splitlines()
    for line, wanted in zip(told, lines, strict=False):
        assert line.startswith(wanted), err


def test_a_value_that_becomes_nan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, err = run(tmp_path, capsys, "-p", "fuse-conv", "--check-finite", "--load-pass", "tests.opt.faulty_passes:ReluBecomesLog")
    assert code == FAILURE
    assert "finite: the input graph: all values are\n" in err
    assert "error: after pass fuse-conv (1) %relu0, from MXNet's relu0 (node 8 of net-symbol.json) becomes NaN, and its operands are finite: " in err
    assert "\n  %relu0 = log(%bn0) : f32[N,16,8,8]\nin pass fuse-conv, after no other pass" in err
