"""`ngc-opt reduce`: planted faults come down to a few nodes, and every message."""

import io
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ngc
from ngc.ir import GraphBuilder, Value, parse, print_graph, save_weights
from ngc.ir.random_data import fill_missing_weights
from ngc.opt.main import FAILURE, INTERNAL, SUCCESS, USAGE, OptMain
from ngc.opt.plugins import load_passes
from ngc.opt.reduce.case import Case
from ngc.opt.reduce.checks import NumericsCheck, Verdict
from ngc.opt.reduce.command import CommandCheck
from ngc.opt.reduce.main import INTERRUPTED
from ngc.opt.reduce.progress import Progress
from ngc.opt.reduce.reducer import Reducer
from ngc.passes import PassContext, parse_pipeline
from ngc.passes.instruments.numerics import Tolerance
from ngc.passes.reproducer import Recipe
from tests.checkpoints import SHAPE, make_input, write_checkpoint

EPSILON, READER, SCALE = "tests.opt.faulty_passes:FoldWithWrongEpsilon", "tests.opt.reduce.faults:FuseForgetting", "tests.opt.reduce.faults:QuantizeToFourTimes"
VNNI = "cpu:znver4"
"""A processor that multiplies bytes; no code of it runs here."""

RESNET50 = Path(__file__).parents[3] / "out" / "zoo" / "resnet50_v2"


def run(*arguments: object) -> int:
    return OptMain(["reduce", *map(str, arguments)]).run()


def residual_net(blocks: int = 3, channels: int = 8) -> str:
    """Returns the text of a network of residual blocks with activations before the layers, a classifier behind, without data."""
    b = GraphBuilder("blocks")

    def layer(x: Value, name: str, inputs: int) -> Value:
        return b.op("conv2d", x, b.const(f"{name}_weight", np.zeros((channels, inputs, 3, 3), np.float32)), pad=(1, 1), name=name)

    def norm(x: Value, name: str) -> Value:
        return b.op("batch_norm", x, *(b.const(f"{name}_{part}", np.zeros(channels, np.float32)) for part in ("gamma", "beta", "mean", "var")), name=name)

    x = layer(b.input("data", (2, 3, 16, 16)), "conv0", 3)
    for number in range(blocks):
        y = layer(b.op("relu", norm(x, f"bn{number}a"), name=f"relu{number}a"), f"conv{number}a", channels)
        y = layer(b.op("relu", norm(y, f"bn{number}b"), name=f"relu{number}b"), f"conv{number}b", channels)
        x = b.op("add", y, x, name=f"sum{number}")
    flat = b.op("reshape", b.op("pool", x, kind="avg", kernel=(16, 16), stride=(1, 1), pad=(0, 0)), shape=(2, channels))
    graph = b.finish([b.op("dense", flat, b.const("fc_weight", np.zeros((10, channels), np.float32)), name="fc")])
    for node in graph.nodes:
        if node.weight is not None:
            node.weight = type(node.weight)(node.weight.name, None)
    return print_graph(graph) + "\n"


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.ngir"
    path.write_text(residual_net())
    return path


@pytest.mark.parametrize(("fault", "blamed", "most"), [(EPSILON, "fold-batch-norm", 2), (READER, "fuse-conv", 4)])
def test_a_planted_fault_is_reduced_to_its_pass_and_a_few_nodes(net: Path, tmp_path: Path, fault: str, blamed: str, most: int,
                                                              capsys: pytest.CaptureFixture[str]) -> None:
    small = tmp_path / "small.ngir"
    assert run(net, "-p", "@cpu-fp32", "--load-pass", fault, "--interesting-if", "numerics", "-o", small) == SUCCESS
    out, err = capsys.readouterr()
    assert out == ""
    assert "the input is interesting: the output 'fc' moves by" in err
    assert "ngc-opt: reduced 25 nodes to " in err
    text = small.read_text()
    assert Recipe.parse(text, "small").passes == blamed
    graph = parse(text)
    assert sum(graph.count().values()) <= most
    assert all(max(value.type.shape, default=1) == 1 for value in graph.values())
    assert not small.with_suffix(".npz").exists()
    assert OptMain(["--run-reproducer", str(small)]).run() == FAILURE
    assert f"pass {blamed} (1) moves the output" in capsys.readouterr().err


def test_a_wrong_requantization_is_reduced_with_ranges_that_follow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from ngc.opt.reduce.case import Case, renewed

    graph = parse(residual_net(1))
    graph.ranges = {value.name: (-1.0, 1.0) for value in graph.values() if not value.is_const}
    graph = renewed(Case(graph, ()), 0).graph
    path, small = tmp_path / "net.ngir", tmp_path / "small.ngir"
    path.write_text(print_graph(graph))
    shared = ("-p", "canonicalize,fold-batch-norm,fuse-conv,quantize", "--target", VNNI, "--interesting-if", "numerics=0.3,0")
    assert run(path, *shared) == FAILURE
    assert "the input is not interesting: all outputs stay within the tolerance" in capsys.readouterr().err
    assert run(path, *shared, "--load-pass", SCALE, "-o", small) == SUCCESS
    assert "spatial sizes: sizes 16 as 1" in capsys.readouterr().err
    assert Recipe.parse(small.read_text(), "small").passes == "quantize"
    assert sum(parse(small.read_text()).count().values()) <= 3


@pytest.mark.parametrize(("wanted", "kept"), [("range %r [-7.0,7.0]", (-7.0, 7.0)), ("range %r", None)])
def test_ranges_stay_where_renewed_ones_are_not_interesting(wanted: str, kept: tuple[float, float] | None, tmp_path: Path) -> None:
    path, out = tmp_path / "net.ngir", tmp_path / "out.ngir"
    path.write_text("""graph @g(%x: f32[2,3]) {
  %r = tanh(%x) : f32[2,3]
  %s = relu(%r) : f32[2,3]
  range %r [-7.0,7.0]
  return %s
}""")
    assert run(path, "--interesting", f"grep -qF '{wanted}' {{ir}}", "-o", out) == SUCCESS
    graph = parse(out.read_text())
    assert graph.find("r").type.shape[0] == 1
    assert graph.ranges["r"] == kept if kept else -1 < graph.ranges["r"][0] <= graph.ranges["r"][1] < 1


def test_a_calibration_becomes_ranges_of_the_graph(tmp_path: Path) -> None:
    prefix, table, out = write_checkpoint(tmp_path), tmp_path / "table.calib", tmp_path / "out.ngir"
    ngc.calibrate(prefix, [make_input(8)], shapes={"data": ("N", *SHAPE[1:])}).save(table)
    assert run(prefix, "--shape", "data=N," + ",".join(map(str, SHAPE[1:])), "-p", "@cpu-int8", "--target", VNNI, "--calibration", table,
               "--interesting", "grep -q 'range %relu ' {ir} && grep -q dense {ir}", "-o", out) == SUCCESS
    graph = parse(out.read_text())
    assert "dense" in graph.count()
    assert "relu" in graph.ranges


def test_results_do_not_depend_on_the_run_or_on_jobs(net: Path, tmp_path: Path) -> None:
    command = "test $(grep -c conv2d {ir}) -ge 2 && grep -q 'add(' {ir}"
    texts = []
    for jobs in (1, 3):
        out = tmp_path / f"{jobs}.ngir"
        assert run(net, "-p", "canonicalize", "--interesting", command, "--jobs", jobs, "-o", out) == SUCCESS
        texts.append(out.read_text().replace(out.name, "out"))
    assert texts[0] == texts[1]
    assert parse(texts[0]).count() == {"conv2d": 2, "add": 1}
    assert "# passes:\n" in texts[0]


def test_data_that_must_stay_is_written_beside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = parse(residual_net(1))
    fill_missing_weights(graph, 3)
    path, weights, out = tmp_path / "net.ngir", tmp_path / "net.npz", tmp_path / "out.ngir"
    path.write_text(print_graph(graph))
    save_weights(graph, weights)
    command = "test -e {ir} && grep -qa fc_weight.npy {weights}"
    assert run(path, "--weights", weights, "--interesting", command, "-o", out) == SUCCESS
    assert "# weights: out.npz" in out.read_text()
    with np.load(tmp_path / "out.npz") as arrays:
        assert list(arrays) == ["fc_weight"]
    other = tmp_path / "elsewhere" / "w.npz"
    other.parent.mkdir()
    assert run(path, "--weights", weights, "--interesting", command, "-o", out, "--save-weights", other) == SUCCESS
    assert "# weights: elsewhere/w.npz" in out.read_text()
    assert "const @fc_weight#" in out.read_text()
    capsys.readouterr()
    assert run(path, "--weights", weights, "--interesting", command) == SUCCESS
    out_text, err = capsys.readouterr()
    assert "note: some constants must keep their data, which -o or --save-weights writes" in err
    assert out_text.startswith("# ngc-opt reproducer\n# passes:\n")


def test_a_crash_stays_the_same_crash(net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    module, eraser = "crashing:Crash", "crashing:Erase"
    Path("crashing.py").write_text('''
from dataclasses import dataclass
from typing import ClassVar
from ngc.ir.rewrite import Rewriter
from ngc.passes import Pass

@dataclass(frozen=True)
class Crash(Pass):
    """Fails at sums, and elsewhere where there is no convolution."""
    name: ClassVar[str] = "crash"
    depth: int = 1

    def run(self, graph, ctx):
        if any(node.op == "add" for node in graph):
            raise ZeroDivisionError("a sum")
        if not any(node.op == "conv2d" for node in graph):
            raise KeyError("no convolution")
        return False

@dataclass(frozen=True)
class Erase(Pass):
    """Erases a node that is read."""
    name: ClassVar[str] = "erase"

    def run(self, graph, ctx):
        Rewriter(graph).erase(graph.nodes[-1])
        return True

''')
    out = tmp_path / "out.ngir"
    for kind in ("crash", "crash=sum"):
        assert run(net, "-p", "canonicalize,crash{depth=3}", "--load-pass", module, "--interesting-if", kind, "-o", out) == SUCCESS
        assert parse(out.read_text()).count() == {"add": 1}
        assert Recipe.parse(out.read_text(), "out").passes == "crash"
    assert OptMain(["--run-reproducer", str(out)]).run() == INTERNAL
    assert "ZeroDivisionError: a sum" in capsys.readouterr().err
    assert run(net, "-p", "erase", "--load-pass", eraser, "--interesting-if", "crash=erased", "-o", out) == SUCCESS
    assert parse(out.read_text()).count() == {}
    assert run(net, "-p", "canonicalize,crash", "--load-pass", module, "--interesting-if", "crash=other", "-o", out) == FAILURE
    assert "the input is not interesting: crash: ZeroDivisionError: a sum" in capsys.readouterr().err
    assert run(net, "-p", "crash", "--load-pass", module, "--interesting-if", "verify") == FAILURE
    assert "it fails in another way: crash: ZeroDivisionError: a sum" in capsys.readouterr().err
    assert run(net, "-p", "crash", "--load-pass", module, "--interesting-if", "numerics") == FAILURE
    assert "it fails: a sum" in capsys.readouterr().err


def test_broken_ir(net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    module = "breaking:Break"
    Path("breaking.py").write_text('''
from dataclasses import dataclass
from typing import ClassVar
from ngc.passes import Pass

@dataclass(frozen=True)
class Break(Pass):
    """Gives batch normalizations an attribute that is not canonical."""
    name: ClassVar[str] = "break"

    def run(self, graph, ctx):
        for node in graph:
            if node.op == "batch_norm":
                node.attrs = {**node.attrs, "eps": 1}
                return True
        return False

''')
    out = tmp_path / "out.ngir"
    assert run(net, "-p", "break,canonicalize", "--load-pass", module, "--interesting-if", "verify=eps", "-o", out) == SUCCESS
    assert parse(out.read_text()).count() == {"batch_norm": 1}
    assert run(net, "-p", "canonicalize", "--interesting-if", "crash") == FAILURE
    assert "the input is not interesting: no pass fails" in capsys.readouterr().err


def test_an_interrupted_reduction_keeps_what_it_has(net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    looks = 0

    def look(self: CommandCheck, case: object) -> Verdict:
        nonlocal looks
        looks += 1
        if looks == 6:
            raise KeyboardInterrupt
        return Verdict(True)

    monkeypatch.setattr(CommandCheck, "look", look)
    out = tmp_path / "out.ngir"
    assert run(net, "-p", "canonicalize", "--interesting", "true", "-o", out) == INTERRUPTED
    assert "interrupted, this is the best so far" in capsys.readouterr().err
    assert "= conv2d(%data, %conv0_weight) {pad=[1,1]} : f32[1,1,1,1]" in out.read_text()

    def fail(self: CommandCheck, case: object) -> Verdict:
        nonlocal looks
        looks += 1
        if looks == 6:
            raise RuntimeError("a fault of the reducer")
        return Verdict(True)

    looks = 5
    out.unlink()
    assert run(net, "-p", "canonicalize", "--interesting", "true", "-o", out) == INTERRUPTED
    assert "reduced 25 nodes to 25 and 1 passes to 1: 0 candidates, 0 taken" in (err := capsys.readouterr().err)
    assert "interrupted, nothing was found yet" in err
    assert not out.exists()
    looks = 0
    monkeypatch.setattr(CommandCheck, "look", fail)
    assert run(net, "-p", "canonicalize", "--interesting", "true", "-o", out) == INTERNAL
    assert "a fault of the reducer" in capsys.readouterr().err
    assert "= conv2d(%data, %conv0_weight) {pad=[1,1]} : f32[1,1,1,1]" in out.read_text()


def test_ctrl_c_ends_the_commands_too(net: Path, tmp_path: Path) -> None:
    out, marks = tmp_path / "out.ngir", tmp_path / "marks"
    marks.mkdir()
    command = f"grep -qF '[8,3,3,3]' {{ir}} && exit 0; touch {marks}/$$; sleep 250"
    arguments = [sys.executable, "-m", "ngc.opt.main", "reduce", str(net), "--interesting", command, "--jobs", "2", "-o", str(out)]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, cwd=RESNET50.parents[2]) as process:
        while len(list(marks.iterdir())) < 2:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert "interrupted, this is the best so far" in err
    assert parse(out.read_text()).inputs[0].type.shape == (1, 3, 1, 1)


def test_numbers_that_say_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.ngir"
    path.write_text("""graph @g(%x: f32[2,3]) {
  %z = mul(%x) {scalar=0.0} : f32[2,3]
  %q = div(%z, %z) : f32[2,3]
  return %q
}""")
    assert run(path, "-p", "canonicalize", "--interesting-if", "numerics") == FAILURE
    assert "the input is not interesting: the graph gives infinities or NaN before any pass" in capsys.readouterr().err


def test_the_pass_to_blame_is_the_first_that_moves_outputs(net: Path) -> None:
    check = NumericsCheck(PassContext, Tolerance())
    case = Case(parse(net.read_text()), tuple(parse_pipeline("canonicalize,fuse-conv,fold-batch-norm", load_passes([EPSILON, READER]))))
    check.settle(case)
    assert check.blamed == "fuse-conv"
    assert check.look(case)
    assert check.look(replace(case, passes=case.passes[2:])) == Verdict(False, "fuse-conv does not run")
    assert check.look(replace(case, passes=(case.passes[2], case.passes[1]))) == Verdict(False, "a pass before fuse-conv moves outputs")


def test_a_terminal_sees_lines_and_a_last_one_that_moves(net: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with Progress(stream) as progress:
        Reducer(CommandCheck("true"), Case(parse(net.read_text()), ()), tell=progress.tell).begin()
    assert "25 nodes,  0 passes: the input is interesting: the command exits with 0" in stream.getvalue()


@pytest.mark.parametrize(("arguments", "code", "text"), [
    (["{net}"], USAGE, "one of the arguments --interesting --interesting-if is required"),
    (["{net}", "--interesting", "true", "--interesting-if", "crash"], USAGE, "not allowed with argument --interesting"),
    (["{net}", "--interesting-if", "slow"], USAGE, "--interesting-if takes numerics, crash or verify, with a tolerance or a text after '=', not 'slow'"),
    (["{net}", "--interesting-if", "numerics=x"], USAGE, "a tolerance is rtol,atol"),
    (["{net}", "--interesting-if", "crash", "--jobs", "2"], USAGE, "--jobs goes with --interesting only: the checks of --interesting-if run in this process"),
    (["{net}", "--interesting-if", "crash", "--timeout", "2"], USAGE, "--timeout goes with --interesting only"),
    (["{net}", "--interesting", "true", "--jobs", "0"], USAGE, "--jobs takes a number of at least 1, not 0"),
    (["{net}", "--interesting", "true", "--timeout", "-1"], USAGE, "--timeout takes a number of seconds above 0, not -1"),
    (["{net}", "--interesting-if", "numerics", "--feeds", "x.npz"], USAGE, "--feeds takes random(seed=N) here, not 'x.npz'"),
    (["{net}", "--interesting-if", "crash", "--params", "x"], USAGE, "--params goes with MXNet models only"),
    (["{net}", "--interesting-if", "crash", "-p", "nothing-like-it"], USAGE, "unknown pass nothing-like-it"),
    (["{net}", "--interesting-if", "crash", "--load-pass", "no.such:Pass"], USAGE, "--load-pass no.such:Pass: the module no.such cannot be imported"),
    (["none.ngir", "--interesting-if", "crash"], FAILURE, "none.ngir cannot be read: No such file or directory"),
    (["{net}", "--interesting", "echo twice; echo wrong >&2; exit 3"], FAILURE,
     "the input is not interesting: the command exits with 3; the end of its output:\ntwice\nwrong"),
    (["{net}", "--interesting", "exit 3 #"], FAILURE, "the input is not interesting: the command exits with 3 and prints nothing"),
    (["{net}", "--interesting", "sleep 20 #", "--timeout", "0.1"], FAILURE, "the input is not interesting: the command took longer than 0.1 s"),
    (["{net}", "--interesting", "true", "-o", "no/such/folder/out.ngir"], FAILURE,
     "no/such/folder/out.ngir cannot be written: there is no folder no/such/folder"),
])
def test_messages(net: Path, arguments: list[str], code: int, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*(argument.replace("{net}", str(net)) for argument in arguments)) == code
    assert text in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == SUCCESS
    assert "a candidate is interesting when it exits with 0" in capsys.readouterr().out
    assert OptMain(["--help"]).run() == SUCCESS
    assert "see ngc-opt reduce --help" in capsys.readouterr().out


@pytest.mark.full
@pytest.mark.parametrize("fault", [EPSILON, READER, SCALE, "tests.opt.faulty_passes:QuantizeWithWrongScale"])
def test_resnet50(fault: str, tmp_path: Path) -> None:
    if not RESNET50.with_name(f"{RESNET50.name}-symbol.json").exists():
        pytest.skip("the checkpoint is not there")
    small, arguments = tmp_path / "small.ngir", ["-p", "@cpu-fp32", "--interesting-if", "numerics"]
    if "Quantize" in fault:
        images = np.random.default_rng(0).standard_normal((2, 3, 224, 224)).astype(np.float32)
        ngc.calibrate(str(RESNET50), [images], shapes={"data": ("N", 3, 224, 224)}).save(tmp_path / "table.calib")
        arguments = ["-p", "@cpu-int8", "--target", VNNI, "--calibration", str(tmp_path / "table.calib"), "--interesting-if", "numerics=0.3,0"]
        assert run(RESNET50, "--shape", "data=N,3,224,224", *arguments) == FAILURE  # without the fault all is well
    assert run(RESNET50, "--shape", "data=N,3,224,224", "--load-pass", fault, *arguments, "-o", small) == SUCCESS
    assert sum(parse(small.read_text()).count().values()) <= 5
