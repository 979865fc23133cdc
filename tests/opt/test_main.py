"""ngc-opt in this process: what it reads, prints, writes and returns."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.errors import InputError
from ngc.ir import Graph, evaluate, parse, save_weights
from ngc.ir.random_data import fill_missing_weights
from ngc.opt.arguments import parser
from ngc.opt.groups import GROUPS
from ngc.opt.main import FAILURE, INTERNAL, SUCCESS, USAGE
from ngc.opt.values import names, shapes, wants_color
from ngc.passes import PASSES, PIPELINES, Pass, PassContext
from tests.opt.command import run
from tests.passes.instruments.test_instruments import TEXT, Reverse

NET = """graph @net(%data: f32[N,3,8,8]) {
  %w0 = const @w0 : f32[16,3,3,3]
  %c0 = conv2d(%data, %w0) {pad=[1,1]} : f32[N,16,8,8] loc("conv0" in "net-symbol.json" at 3)
  %gamma = const @gamma : f32[16]
  %beta = const @beta : f32[16]
  %mean = const @mean : f32[16]
  %var = const @var : f32[16]
  %b0 = batch_norm(%c0, %gamma, %beta, %mean, %var) {fix_gamma=false} : f32[N,16,8,8] loc("bn0" in "net-symbol.json" at 8)
  %r0 = relu(%b0) : f32[N,16,8,8] loc("relu0")
  %d0 = dropout(%r0) : f32[N,16,8,8] loc("drop0")
  return %d0 as "relu0_output"
}
"""


@pytest.fixture
def wrong_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adds a pass to the table that changes numbers."""
    monkeypatch.setitem(PASSES, "reverse", lambda: Reverse)


def test_text_in_text_out(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(net, "--print-locations") == SUCCESS
    assert capsys.readouterr() == (NET, "")


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(NET))
    assert run("-", "--print-locations") == SUCCESS
    assert capsys.readouterr().out == NET


def test_a_pipeline_with_weights(net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = parse(NET)
    fill_missing_weights(graph, seed=5)
    save_weights(graph, tmp_path / "w.npz")
    out, folded = tmp_path / "out.ngir", tmp_path / "folded.npz"
    assert run(net, "-p", "canonicalize,fold-batch-norm", "--weights", tmp_path / "w.npz", "-o", out, "--save-weights", folded) == SUCCESS
    assert capsys.readouterr() == ("", "")
    assert run(out, "--weights", folded, "--print-locations") == SUCCESS
    with np.load(folded) as arrays:
        result = parse(out.read_text(), dict(arrays))
    assert "batch_norm" not in result.count()
    feeds = {"data": np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)}
    np.testing.assert_allclose(evaluate(result, feeds)[0], evaluate(graph, feeds)[0], rtol=1e-5, atol=1e-5)  # f32, 27 terms, folded scales


def test_missing_weights_are_made_up_and_said(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(net, "-p", "canonicalize") == SUCCESS
    assert capsys.readouterr().err == "ngc-opt: note: 5 constants have no data (--weights gives it); seeded random data stands for them\n"


def test_every_view_at_once(net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dump = tmp_path / "dump"
    assert run(net, "-p", "@cpu-fp32", "--timing", "--dump-dir", dump, "--print-changed=diff", "--print-ir-before", "fold-*", "--print-ir-after-all",
               "--trace-rule", "*", "--check-numerics", "--feeds", "random(seed=3)", "--elide-larger-than", 3, "--target", "cpu:x86-64-v3") == SUCCESS
    out, err = capsys.readouterr()
    assert 'stage("lowered")' in out
    for shown in ("# *** IR before fold-batch-norm (6) ***", "# *** fold-batch-norm (6) changed the IR ***", "fold-batch-norm/ConvThenAffine applied",
                  "numerics: fold-batch-norm (6): max abs ", "passes\n"):
        assert shown in err, shown
    assert len(list(dump.glob("*.ngir"))) == err.count("# *** IR after") + 1
    assert (dump / "index.html").is_file()


def test_numbers_that_move(tmp_path: Path, wrong_pass: None, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.ngir"
    path.write_text(TEXT)
    assert run(path, "-p", "reverse{wrong=3}", "--check-numerics") == FAILURE
    err = capsys.readouterr().err
    assert err.startswith("ngc-opt: error: pass reverse (1) moves the output 'out' by ")
    assert "with the rule AddInsteadOfMultiply at %c: x * s = s * x\nfrom MXNet's c" in err
    assert run(path, "-p", "reverse{wrong=3}", "--check-numerics=0.5,1") == SUCCESS


def test_feeds_from_a_file(net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    feeds = tmp_path / "f.npz"
    np.savez(feeds, data=np.zeros((5, 3, 8, 8), np.float32))
    assert run(net, "-p", "canonicalize", "--check-numerics", "--feeds", feeds) == SUCCESS
    np.savez(feeds, other=np.zeros(1))
    assert run(net, "-p", "canonicalize", "--check-numerics", "--feeds", feeds) == FAILURE
    assert f"{feeds} lacks the input 'data'; it has other" in capsys.readouterr().err
    np.savez(feeds, data=np.zeros((5, 3, 8, 9), np.float32))
    assert run(net, "-p", "canonicalize", "--check-numerics", "--feeds", feeds) == FAILURE
    assert "the input 'data' has shape (5, 3, 8, 9), not (N, 3, 8, 8)" in capsys.readouterr().err


def test_bisecting(tmp_path: Path, wrong_pass: None, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.ngir"
    path.write_text(TEXT)
    assert run(path, "-p", "reverse,eliminate-dead-code", "--bisect-limit", "1.1") == SUCCESS
    out, err = capsys.readouterr()
    assert out.count("reverse=true") == 1
    assert [line for line in err.splitlines() if line.startswith("BISECT")] == [
        "BISECT: running pass (1) reverse", "BISECT: running rule (1.1) AddInsteadOfMultiply at %b",
        "BISECT: NOT running rule (1.2) AddInsteadOfMultiply at %c", "BISECT: NOT running pass (2) eliminate-dead-code"]
    assert run(path, "-p", "reverse", "--bisect-limit", "1", "--check-numerics") == USAGE


def test_passes_can_be_left_out(net: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(net, "-p", "@canonical,fold-batch-norm", "--disable", "fold-*") == SUCCESS
    assert "batch_norm" in capsys.readouterr().out
    monkeypatch.setenv("NGC_DISABLE_PASSES", "canonicalize")
    assert run(net, "-p", "canonicalize") == SUCCESS
    assert "dropout" in capsys.readouterr().out


def test_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list-passes") == SUCCESS
    out = capsys.readouterr().out
    assert all(f"{name}\n" in out or f"{name}  (always runs)\n" in out for name in PASSES)
    assert "\n    acts=relu,clip," in out
    assert run("--list-ops") == SUCCESS
    out = capsys.readouterr().out
    assert "conv2d(x, w) {stride: ints = [1,1], pad: ints = [0,0], pad_end: ints = none" in out
    assert "    bias(%vector)  x + v[c]\n" in out
    assert run("--list-pipelines", "--list-ops") == SUCCESS
    assert "@cpu-fp32\n    canonicalize" in capsys.readouterr().out
    assert run("-p", "canonicalize, fuse-conv{acts=relu,clip}", "--print-pipeline") == SUCCESS
    assert capsys.readouterr().out == "canonicalize,fuse-conv{acts=relu,clip}\n"
    assert run("-p", "@canonical", "--print-pipeline") == SUCCESS
    assert capsys.readouterr().out == PIPELINES["canonical"] + "\n"


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == SUCCESS
    out = capsys.readouterr().out
    assert "exit codes: 0 success; 1 the input, a pass or the verifier failed; 2 wrong usage; 3 an internal error" in out
    assert out.startswith("usage: ngc-opt INPUT [-p PIPELINE] [--emit FORMAT] [-o OUT] [flags]\n")
    assert all(f"\n{group.TITLE}:\n" in out for group in GROUPS)
    assert out.count("\n  ngc-opt ") >= 5


def test_every_flag_is_explained_in_a_line() -> None:
    for action in parser()._actions:
        assert action.help, action.option_strings
        assert len(action.help) <= 140, action.option_strings


@pytest.mark.parametrize(("arguments", "code", "text"), [
    (["none.ngir"], FAILURE, "none.ngir cannot be read: No such file or directory"),
    (["none"], FAILURE, "none-symbol.json"),
    (["{net}", "--params", "x"], USAGE, "--params goes with MXNet models only"),
    (["{net}", "--outputs", "x"], USAGE, "--outputs goes with MXNet models only"),
    (["x-symbol.json", "--weights", "x"], USAGE, "--weights goes with IR text only; x-symbol.json is an MXNet model, whose data --params names"),
    (["{net}", "--weights", "none.npz"], FAILURE, "none.npz: the weights cannot be read"),
    (["{net}", "-o", "no/such/folder/out.ngir"], FAILURE, "no/such/folder/out.ngir cannot be written: No such file or directory"),
    (["{net}", "-p", "canonicalize", "--target", "gpu"], USAGE, "unknown target 'gpu'"),
    (["{net}", "-p", "canonicalize", "--check-numerics=x"], USAGE, "a tolerance is rtol,atol"),
    (["{net}", "-p", "canonicalize", "--check-numerics", "--feeds", "none.npz"], FAILURE, "none.npz: the feeds cannot be read"),
    (["{net}", "-p", "nothing-like-it"], USAGE, "unknown pass nothing-like-it"),
    (["{net}", "-p", "canonicalize{x=1}"], USAGE, "pass canonicalize has no option 'x'; it takes none"),
    (["{net}", "--bisect-limit", "x"], USAGE, "a bisection limit is a number of passes"),
    ([], USAGE, "INPUT is missing"),
    (["{net}", "--colour"], USAGE, "unrecognized arguments: --colour"),
])
def test_errors(net: Path, arguments: list[str], code: int, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*(argument.replace("{net}", str(net)) for argument in arguments)) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert text in err


def test_an_internal_error_says_so(net: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(Pass):
        """Breaks."""

        name = "broken"

        def run(self, graph: Graph, ctx: PassContext) -> bool:
            raise RuntimeError("oops")

    monkeypatch.setitem(PASSES, "broken", lambda: Broken)
    assert run(net, "-p", "broken", "--print-ir-after-failure") == INTERNAL
    err = capsys.readouterr().err
    assert "ngc-opt: internal error; please report it" in err
    assert "RuntimeError: oops" in err
    assert "# *** IR where broken (1) failed ***" in err


def test_a_pass_that_breaks_the_graph(net: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Breaking(Pass):
        """Breaks the graph."""

        name = "breaking"

        def run(self, graph: Graph, ctx: PassContext) -> bool:
            graph.output_names = ()
            return True

    monkeypatch.setitem(PASSES, "breaking", lambda: Breaking)
    assert run(net, "-p", "canonicalize,breaking") == FAILURE
    assert "in pass breaking, after canonicalize" in capsys.readouterr().err
    assert run(net, "-p", "canonicalize,breaking", "--no-verify-each") == SUCCESS


def test_shapes_and_names() -> None:
    assert shapes(["data=1,3,224,224", "b=(N, 4,)"]) == {"data": (1, 3, 224, 224), "b": ("N", 4)}
    assert shapes([]) is None
    assert names(" a, b,,") == ("a", "b")
    for text in ("data", "=1", "data=", "data=1,x", "data=1.5", "data=-1"):
        with pytest.raises(InputError, match="--shape takes name=dimensions such as data=1,3,224,224 or data=N,3,224,224"):
            shapes([text])
    with pytest.raises(InputError, match="--shape gives the input 'data' twice"):
        shapes(["data=1", "data=2"])


def test_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert wants_color("always")
    assert not wants_color("auto")
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert wants_color("auto")
    assert not wants_color("never")
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_color("auto")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_color("auto")


SYMBOL = {
    "nodes": [
        {"op": "null", "name": "data", "inputs": []},
        {"op": "null", "name": "fc_weight", "inputs": []},
        {"op": "null", "name": "fc_bias", "inputs": []},
        {"op": "FullyConnected", "name": "fc", "attrs": {"num_hidden": "4"}, "inputs": [[0, 0, 0], [1, 0, 0], [2, 0, 0]]},
        {"op": "Activation", "name": "relu0", "attrs": {"act_type": "relu"}, "inputs": [[3, 0, 0]]},
    ],
    "arg_nodes": [0, 1, 2], "node_row_ptr": [0, 1, 2, 3, 4, 5], "heads": [[4, 0, 0]], "attrs": {"mxnet_version": ["int", 10901]},
}


def test_mxnet_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prefix = tmp_path / "m"
    (tmp_path / "m-symbol.json").write_text(json.dumps(SYMBOL))
    np.savez(tmp_path / "m-0000.params.npz", **{"arg:fc_weight": np.ones((4, 3), np.float32), "arg:fc_bias": np.zeros(4, np.float32)})
    (tmp_path / "m-0000.params.npz").rename(tmp_path / "m-0000.params")
    for arguments in ([prefix], [f"{prefix}-symbol.json"], [f"{prefix}-symbol.json", "--params", f"{prefix}-0000.params"]):
        assert run(*arguments, "--shape", "data=N,3", "--print-locations") == SUCCESS
        out = capsys.readouterr().out
        assert out.startswith("graph @m(%data: f32[N,3]) {")
        assert 'as "relu0_output"' in out
        assert 'loc("relu0"' in out
    assert run(prefix, "--shape", "data=N,3", "--outputs", "fc_output") == SUCCESS
    assert "relu" not in capsys.readouterr().out
    assert run(prefix, "--shape", "data=N,5") == FAILURE
    assert "fc" in capsys.readouterr().err


@settings(deadline=None, max_examples=25)
@given(st.binary(max_size=100))
def test_no_input_file_is_an_internal_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    for name in ("x.ngir", "x-symbol.json", "w.npz"):
        (folder / name).write_bytes(data)
    (folder / "net.ngir").write_text(NET)
    assert run(folder / "x.ngir") == FAILURE
    assert run(folder / "x-symbol.json", "--shape", "data=1,3") == FAILURE
    assert run(folder / "net.ngir", "--weights", folder / "w.npz") == FAILURE


def test_the_command_starts_without_numpy() -> None:
    code = "import sys; from ngc.opt.main import OptMain; sys.exit(OptMain(['--help']).run() or bool({'numpy', 'networkx'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
