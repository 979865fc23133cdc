"""`--reproducer`, `--run-reproducer`, and what `ngc.compile` leaves in its dump folder when a pass fails."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import ngc
from ngc.errors import InputError, VerifyError
from ngc.ir import Graph, GraphBuilder, parse, print_graph, save_weights
from ngc.opt.main import FAILURE, INTERNAL, SUCCESS, USAGE
from ngc.passes import PASSES, Pass, PassContext
from ngc.passes.reproducer import Recipe
from tests.opt.command import run

NET = """graph @net(%data: f32[N,3,8,8]) {
  %w0 = const @w0 : f32[16,3,3,3]
  %c0 = conv2d(%data, %w0) {pad=[1,1]} : f32[N,16,8,8] loc("conv0" in "net-symbol.json" at 3)
  %gamma = const @gamma : f32[16]
  %beta = const @beta : f32[16]
  %mean = const @mean : f32[16]
  %var = const @var : f32[16]
  %b0 = batch_norm(%c0, %gamma, %beta, %mean, %var) {fix_gamma=false} : f32[N,16,8,8] loc("bn0" in "net-symbol.json" at 8)
  %d0 = dropout(%b0) : f32[N,16,8,8]
  return %d0 as "out"
}
"""


@dataclass(frozen=True)
class Fail(Pass):
    """Raises an error: of ngc or not, or only for constants that are no random numbers; or breaks the graph."""

    name: ClassVar[str] = "fail"
    how: str = "internal"

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        node = next(node for node in graph.nodes if node.op == "conv2d")
        match self.how:
            case "internal":
                raise ZeroDivisionError("division by zero\nsecond line")
            case "ngc":
                raise InputError("what the caller gave is wrong")
            case "data" if (node.inputs[1].array == 7).all():
                raise VerifyError("seven is not allowed")
            case "break":
                node.attrs = {**node.attrs, "pad": [1, 1]}
                return True
        return False


@pytest.fixture(autouse=True)
def _table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adds the pass to the table."""
    monkeypatch.setitem(PASSES, "fail", lambda: Fail)


@pytest.mark.parametrize(("how", "code", "message"), [
    ("internal", INTERNAL, "ZeroDivisionError: division by zero"), ("ngc", FAILURE, "what the caller gave is wrong"),
    ("break", FAILURE, "attribute pad is [1, 1], its canonical form is (1, 1)")])
def test_a_failing_pass(how: str, code: int, message: str, net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "r.ngir"
    assert run(net, "-p", f"canonicalize,fail{{how={how}}},fold-batch-norm", "--reproducer", path, "--numerics", "exact") == code
    err = capsys.readouterr().err
    assert f"ngc-opt: reproducer written to {path}; run it with: ngc-opt --run-reproducer {path}\n" in err
    assert message in err
    found = Recipe.parse(path.read_text(), "r")
    assert (found.passes, found.version) == (f"fail{{how={how}}},fold-batch-norm".replace("{how=internal}", ""), ngc.__version__)
    assert (found.numerics, found.weights, found.check_numerics) == ("exact", "", "")
    assert "dropout" not in parse(path.read_text()).count()
    assert run("--run-reproducer", path) == code
    assert message in capsys.readouterr().err
    assert run("--run-reproducer", path, "-p", "canonicalize") == SUCCESS  # what the command line says goes before what the file says


def test_data_is_written_only_where_random_data_does_not_fail(net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = parse(NET, {"w0": np.full((16, 3, 3, 3), 7, np.float32)})
    for node in graph.nodes:
        if node.weight is not None and node.weight.array is None:
            node.weight = type(node.weight)(node.weight.name, np.ones(node.type.shape, np.float32))  # type: ignore[arg-type]  # constants have no N
    net.write_text(print_graph(graph))
    save_weights(graph, tmp_path / "w.npz")
    path = tmp_path / "r.ngir"
    assert run(net, "--weights", tmp_path / "w.npz", "-p", "canonicalize,fail{how=data}", "--reproducer", path) == FAILURE
    assert f"reproducer written to {path} and {tmp_path / 'r.npz'}; run it" in capsys.readouterr().err
    assert "# weights: r.npz\n# run: ngc-opt --run-reproducer r.ngir\n" in path.read_text()
    assert run("--run-reproducer", path) == FAILURE
    assert "seven is not allowed" in capsys.readouterr().err


@pytest.mark.parametrize("feeds", ["random(seed=4)", "feeds.npz"])
def test_numbers_that_move(feeds: str, net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "feeds.npz", data=np.random.default_rng(0).standard_normal((1, 3, 8, 8)).astype(np.float32))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    assert run(net, "-p", "@canonical,fold-batch-norm,fuse-conv", "--load-pass", "tests.opt.faulty_passes:FoldWithWrongEpsilon", "--check-numerics=1e-5",
               "--feeds", feeds, "--reproducer", "sub/r.ngir") == FAILURE
    assert "reproducer written to sub/r.ngir; run it with" in capsys.readouterr().err
    found = Recipe.parse((tmp_path / "sub" / "r.ngir").read_text(), "r")
    assert (found.passes, found.check_numerics) == ("fold-batch-norm,fuse-conv", "1e-5")
    assert found.feeds == ("random(seed=4)" if "random" in feeds else "../feeds.npz")
    assert found.error.startswith("pass fold-batch-norm (5) moves the output 'out' by ")
    assert run("--run-reproducer", "sub/r.ngir") == FAILURE
    assert "pass fold-batch-norm (1) moves the output 'out' by " in capsys.readouterr().err
    assert run("--run-reproducer", "sub/r.ngir", "--check-numerics=0.9,9") == SUCCESS


def test_values_that_become_infinite(net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net.write_text(NET.replace("dropout(", "relu("))
    path = tmp_path / "r.ngir"
    assert run(net, "-p", "canonicalize,fuse-conv", "--load-pass", "tests.opt.faulty_passes:ReluBecomesLog", "--check-finite", "--reproducer", path) == FAILURE
    assert "# check-finite: true\n# feeds: random(seed=0)\n" in path.read_text()
    assert "after pass fuse-conv (2) %d0 becomes NaN" in capsys.readouterr().err
    assert run("--run-reproducer", path) == FAILURE
    assert "after pass fuse-conv (1) %d0 becomes NaN" in capsys.readouterr().err


def test_nothing_is_written_where_nothing_fails(net: Path, tmp_path: Path) -> None:
    assert run(net, "-p", "canonicalize", "--reproducer", tmp_path / "r.ngir") == SUCCESS
    assert not (tmp_path / "r.ngir").exists()


@pytest.mark.parametrize(("arguments", "code", "text"), [
    (["x.ngir", "--run-reproducer", "{net}"], USAGE, "--run-reproducer reads its own file; there is no place for the input x.ngir"),
    (["{net}", "-p", "fail", "--reproducer", "r.txt"], USAGE, "--reproducer writes .ngir text, with .npz beside it; r.txt is no such name"),
    (["--run-reproducer", "none.ngir"], FAILURE, "none.ngir cannot be read: No such file or directory"),
    (["--run-reproducer", "{net}"], FAILURE, "is no reproducer: its first line is not '# ngc-opt reproducer'"),
    (["--run-reproducer", "{half}"], FAILURE, "is no whole reproducer: it does not say which passes to run"),
    (["{net}", "-p", "fail", "--reproducer", "no/such/folder/r.ngir"], FAILURE, "no/such/folder/r.ngir cannot be written: No such file or directory"),
])
def test_messages(net: Path, tmp_path: Path, arguments: list[str], code: int, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    half = tmp_path / "half.ngir"
    half.write_text(f"# ngc-opt reproducer\n# target: cpu\n{NET}")
    assert run(*(argument.replace("{net}", str(net)).replace("{half}", str(half)) for argument in arguments)) == code
    assert text in capsys.readouterr().err


def test_compile_leaves_a_reproducer_in_its_dump_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    b = GraphBuilder("net")
    weights = b.const("w", np.full((4, 3, 3, 3), 7, np.float32))
    graph = b.finish([b.op("relu", b.op("conv2d", b.input("data", (1, 3, 8, 8)), weights, name="conv"))])
    with caplog.at_level(logging.WARNING), pytest.raises(VerifyError, match="seven is not allowed"):
        ngc.compile(graph, pipeline="canonicalize,fail{how=data},assign-layout", dump_dir=tmp_path)
    path = tmp_path / "reproducer.ngir"
    assert f"pass fail failed; reproducer written to {path} and {tmp_path / 'reproducer.npz'}" in caplog.text
    assert Recipe.parse(path.read_text(), "r").error == "seven is not allowed"
    assert run("--run-reproducer", path) == FAILURE
