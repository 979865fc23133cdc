"""The command line, from the shell's side: what is printed, what is written, exit codes, one line for an error."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ngc
from ngc.cli import main
from ngc.cli.arguments import shape, size
from ngc.runtime.artifact_file import open_artifact
from tests.checkpoints import CLASSES, SHAPE, make_input, reference, write_checkpoint

ROOT = Path(__file__).parents[1]
DATA = f"data={','.join(map(str, SHAPE))}"
ANY_BATCH = "data=N," + ",".join(map(str, SHAPE[1:]))
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def model(prefix: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("artifact") / "model.ngc")
    assert main(["compile", prefix, "-o", path, "--shape", ANY_BATCH]) == 0
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NGC_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fails(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """Runs a command that must fail and returns its line on stderr."""
    assert main(argv) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("ngc: error: ")
    assert captured.err.count("\n") == 1
    return captured.err.removeprefix("ngc: error: ").rstrip("\n")


def misused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """Runs a command line that is wrong and returns its line on stderr."""
    with pytest.raises(SystemExit) as error:
        main(argv)
    assert error.value.code == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    return captured.err.rstrip("\n")


# -- compile and run ---------------------------------------------------------------------------------------------------


def test_compile_says_what_it_wrote(prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.ngc"
    assert main(["compile", prefix, "-o", str(path), "--shape", DATA, "--target", "cpu:x86-64-v3", "--threads", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{path}: small(data[2, 3, 9, 11]) for cpu:x86-64-v3 (x86-64-v3), ")
    loaded = ngc.load(path)
    assert (loaded.threads, loaded.target.name) == (1, "cpu:x86-64-v3")
    np.testing.assert_allclose(loaded.run({"data": make_input()})[0], reference(make_input()), **CLOSE)


def test_compile_with_everything(prefix: str, tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "c.ngc"
    assert main(["-v", "compile", f"{prefix}-symbol.json", "--params", f"{prefix}-0000.params", "-o", str(path), "--shape", DATA, "--dtype", "data=float32",
                 "--output-name", "flat_output", "--numerics", "exact", "--dump-dir", str(tmp_path / "dump"), "--no-cache"]) == 0
    assert ngc.load(path).outputs[0].shape == (2, 20)
    assert (tmp_path / "dump").is_dir()
    assert not (cache / "objects").exists()


@pytest.mark.parametrize("batch", [1, 3])
def test_run_writes_outputs(model: str, tmp_path: Path, batch: int, capsys: pytest.CaptureFixture[str]) -> None:
    x = make_input(batch)
    np.save(tmp_path / "x.npy", x)
    assert main(["run", model, "--input", f"data={tmp_path / 'x.npy'}", "--output", str(tmp_path / "y.npz"), "--verify"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'y.npz'}: softmax_output [{batch}, {CLASSES}]\n"
    with np.load(tmp_path / "y.npz") as found:
        np.testing.assert_allclose(found["softmax_output"], reference(x), **CLOSE)
    assert main(["run", model, "--input", f"data={tmp_path / 'x.npy'}", "--output", str(tmp_path / "y.npy"), "--threads", "2"]) == 0
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), reference(x), **CLOSE)


def test_run_prints_the_best_classes(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = make_input(1)
    np.savez(tmp_path / "x.npz", data=x, other=np.zeros(3))
    assert main(["run", model, "--input", f"data={tmp_path / 'x.npz'}"]) == 0
    scores = reference(x)[0]
    assert capsys.readouterr().out.startswith(f"softmax_output: float32[1, 7] {scores.argmax()}: ")


# -- bench and info ----------------------------------------------------------------------------------------------------


def test_bench_of_an_artifact_and_of_a_checkpoint(model: str, prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", model, "--threads", "1,2", "--batch", "1,2", "--runs", "3"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == ["threads", "batch", "median", "ms", "p90", "ms", "min", "ms", "images/s"]
    assert [line[:2] for line in lines[2:]] == [["1", "1"], ["1", "2"], ["2", "1"], ["2", "2"]]
    assert main(["bench", prefix, "--shape", DATA, "--threads", "1", "--runs", "2", "--profile"]) == 0
    out = capsys.readouterr().out
    assert "conv2d" in out
    assert "by operator: " in out


def test_info(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", model]) == 0
    out = capsys.readouterr().out
    for expected in ("model", "small", f"saved by   ngc {ngc.__version__}", "data: f32[N, 3, 9, 11]", "softmax_output: f32[N, 7]", "conv2d 1", "for each of N"):
        assert expected in out
    assert main(["info", model, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == open_artifact(Path(model)).manifest
    assert main(["info", model, "--ir"]) == 0
    assert str(ngc.parse(capsys.readouterr().out)) == str(ngc.load(model).graph)


# -- cache -------------------------------------------------------------------------------------------------------------


def test_cache(prefix: str, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "list"]) == 0
    assert capsys.readouterr().out == f"{cache}: 0 kernels, 0.0 kB of 536.9 MB\n"
    assert main(["compile", prefix, "-o", str(tmp_path / "c.ngc"), "--shape", DATA, "--tune"]) == 0
    capsys.readouterr()
    assert main(["cache", "list"]) == 0
    out = capsys.readouterr().out
    assert "convkernel_" in out
    assert out.endswith(" of 536.9 MB, 1 measured choice\n")
    count = int(out.splitlines()[-1].removeprefix(f"{cache}: ").split()[0])
    assert count >= 4
    assert main(["cache", "clear"]) == 0
    assert capsys.readouterr().out == f"{cache}: removed {count} kernels, 1 measured choice\n"
    assert not (cache / "tuning.json").exists()
    assert main(["cache", "limit", "1G"]) == 0
    assert capsys.readouterr().out == f"{cache}: at most 1073.7 MB\n"


@pytest.mark.parametrize(("text", "wanted"), [("0", 0), ("300000", 300000), ("512M", 512 << 20), ("2GiB", 2 << 30), ("1.5 k", 1536), ("1tb", 1 << 40)])
def test_sizes(text: str, wanted: int) -> None:
    assert size(text) == wanted


def test_shapes() -> None:
    assert shape("data=1,3,224,224") == ("data", (1, 3, 224, 224))
    assert shape("data=N,3") == ("data", ("N", 3))
    assert shape("data=(2, 3)") == ("data", (2, 3))
    assert shape("a=b=4") == ("a=b", (4,))


# -- errors ------------------------------------------------------------------------------------------------------------


def test_errors_are_one_line(model: str, prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.npy").write_text("no array")
    np.savez(tmp_path / "two.npz", a=np.zeros(1), b=np.zeros(1))
    np.save(tmp_path / "object.npy", np.array([None]), allow_pickle=True)
    np.save(tmp_path / "x.npy", make_input())
    nothing = str(tmp_path / "nothing")
    assert fails(capsys, "compile", nothing, "-o", "x.ngc", "--shape", DATA).startswith(f"{nothing}-symbol.json")
    assert fails(capsys, "compile", prefix, "-o", "/proc/x.ngc", "--shape", DATA).startswith("cannot write /proc/x.ngc: ")
    assert fails(capsys, "compile", prefix, "-o", "x.ngc", "--shape", DATA, "--target", "cpu:z80").startswith("unknown processor 'z80'")
    assert fails(capsys, "run", nothing, "--input", "data=x").startswith(f"cannot read {nothing}: No such file")
    assert fails(capsys, "info", f"{prefix}-symbol.json").endswith("it is JSON, perhaps an MXNet symbol; ngc.compile takes those")
    assert fails(capsys, "run", model).startswith("missing input 'data'; inputs: 'data' (N, 3, 9, 11) float32")
    assert fails(capsys, "run", model, "--input", f"data={nothing}") == f"--input data: cannot read {nothing}: No such file or directory"
    (tmp_path / "header.npy").write_bytes(b"\x93NUMPY\x01\x00\x28\x00{'descr': '<f4', 'shape': (3, 'unfinished")
    for name in ("text.npy", "object.npy", "header.npy"):
        assert fails(capsys, "run", model, "--input", f"data={tmp_path / name}").startswith(
            f"--input data: {tmp_path / name} is no array that numpy.save or numpy.savez wrote: ")
    assert fails(capsys, "run", model, "--input", f"data={tmp_path / 'two.npz'}") == f"--input data: {tmp_path / 'two.npz'} holds a, b and no 'data'"
    good = f"data={tmp_path / 'x.npy'}"
    assert fails(capsys, "run", model, "--input", good, "--output", "y.txt") == "--output y.txt: expected a name that ends in .npz or .npy"
    assert fails(capsys, "run", model, "--input", good, "--output", "/proc/y.npz").startswith("--output: cannot write /proc/y.npz: ")


def test_wrong_command_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert misused(capsys) == "ngc: error: the following arguments are required: COMMAND (see ngc --help)"
    assert misused(capsys, "compile", "x").startswith("ngc compile: error: the following arguments are required: -o/--output")
    for wrong in ("3,3", "data=", "data=N,N", "data=0,3", "=3"):
        assert misused(capsys, "compile", "x", "-o", "y", "--shape", wrong).startswith(
            f"ngc compile: error: argument --shape: {wrong!r} is no shape; expected NAME=1,3,224,224, or NAME=N,3,224,224 for a batch of any size")
    assert misused(capsys, "compile", "x", "-o", "y", "--dtype", "uint8").startswith("ngc compile: error: argument --dtype: 'uint8' is no NAME=VALUE")
    assert misused(capsys, "bench", "x", "--threads", "1,0").startswith("ngc bench: error: argument --threads: '0' is no number of at least 1")
    assert misused(capsys, "cache", "limit", "much").startswith("ngc cache limit: error: argument SIZE: 'much' is no size; expected bytes")


def test_help_imports_nothing_heavy() -> None:
    script = ("import sys\nfrom ngc.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
              "print([m for m in ('numpy', 'llvmlite', 'rich', 'networkx') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "compile a checkpoint into an artifact" in done.stdout


def test_output_that_nobody_reads(model: str) -> None:
    command = f"{sys.executable} -c \"import sys; from ngc.cli import main; sys.exit(main(['info', '{model}', '--json']))\" | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("{", "")
