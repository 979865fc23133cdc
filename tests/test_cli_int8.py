"""The command line's int8: calibration tables and data in files, reports, artifacts, and one line for an error."""

import json
from pathlib import Path

import numpy as np
import pytest

import ngc
from ngc.cli import main
from ngc.cli.array_files import read_examples
from ngc.cli.quantization_arguments import mode
from ngc.importer.quantization_record import ATTRIBUTE, QuantizationRecord
from tests.checkpoints import CLASSES, make_input, reference, write_checkpoint
from tests.test_cli import ANY_BATCH, DATA, fails, misused

EXAMPLES = 10
FIXED_BATCH = 2
"""That of DATA."""


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "x.npy"
    np.save(path, make_input(EXAMPLES))
    return path


@pytest.fixture(scope="module")
def table(prefix: str, data: Path) -> Path:
    path = data.with_name("table.calib")
    assert main(["calibrate", prefix, "--data", str(data), "-o", str(path), "--shape", ANY_BATCH]) == 0
    return path


@pytest.fixture(scope="module")
def model(prefix: str, table: Path) -> Path:
    path = table.with_name("model.ngc")
    assert main(["compile", prefix, "-o", str(path), "--shape", ANY_BATCH, "--precision", "int8", "--calibration", str(table), "--exclude", "fc",
                 "--force-int8"]) == 0
    return path


def precisions(path: Path) -> dict[str, tuple[str, str]]:
    return {layer.node: (layer.precision, layer.reason) for layer in ngc.load(path).quantization}


# -- calibrate ---------------------------------------------------------------------------------------------------------


def test_calibrate_is_that_of_python(prefix: str, data: Path, table: Path) -> None:
    wanted = ngc.calibrate(prefix, [make_input(EXAMPLES)], shapes={"data": ("N", 3, 9, 11)})
    found = ngc.CalibrationTable.load(table)
    assert found.ranges() == wanted.ranges()
    assert (found.examples, found.batches, found.fingerprint) == (EXAMPLES, 1, wanted.fingerprint)


def test_calibrate_says_what_it_wrote(prefix: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "x.npz", data=make_input(EXAMPLES))
    out = tmp_path / "t.calib"
    assert main(["calibrate", prefix, "--data", str(tmp_path / "x.npz"), "-o", str(out), "--shape", ANY_BATCH, "--batch", "4", "--mode",
                 "percentile=99.5"]) == 0
    assert capsys.readouterr().out.startswith(f"{out}: 6 values of {EXAMPLES} examples in 3 batches, ")
    found = ngc.CalibrationTable.load(out)
    assert (found.mode, found.parameters) == ("percentile", {"percent": 99.5})


def test_calibrate_adds_to_a_table(prefix: str, data: Path, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "both.calib"
    assert main(["calibrate", prefix, "--data", str(data), "-o", str(out), "--shape", ANY_BATCH, "--merge", str(table)]) == 0
    assert (ngc.CalibrationTable.load(out).examples, ngc.CalibrationTable.load(table).examples) == (2 * EXAMPLES, EXAMPLES)


def test_calibrate_goes_on_after_a_checkpoint(prefix: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first five batches are counted once, by whichever run came to them."""
    np.save(tmp_path / "first.npy", make_input(EXAMPLES)[:5])
    arguments = ["--shape", ANY_BATCH, "--batch", "1", "--checkpoint", str(tmp_path / "checkpoint"), "-o", str(tmp_path / "t.calib")]
    assert main(["calibrate", prefix, "--data", str(tmp_path / "first.npy"), *arguments]) == 0
    assert main(["calibrate", prefix, "--data", str(data), *arguments]) == 0
    found = ngc.CalibrationTable.load(tmp_path / "t.calib")
    assert (found.examples, found.batches) == (EXAMPLES, EXAMPLES)
    assert fails(capsys, "calibrate", prefix, "--data", str(tmp_path / "first.npy"), *arguments).endswith(
        f"checkpoint counted {EXAMPLES} batches, but only 5 came: it belongs to other data")


def test_batches_are_as_large_as_the_models_unless_told(prefix: str, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.calib"
    assert main(["calibrate", prefix, "--data", str(data), "-o", str(out), "--shape", DATA]) == 0
    assert ngc.CalibrationTable.load(out).batches == EXAMPLES // FIXED_BATCH


# -- compile, run, bench and info --------------------------------------------------------------------------------------


def test_compile_by_a_table(model: Path) -> None:
    assert precisions(model) == {"conv": ("int8", "multiplies int8"), "fc": ("fp32", "excluded by 'fc'")}


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_compile_by_data(suffix: str, prefix: str, tmp_path: Path) -> None:
    path, calibration = tmp_path / "m.ngc", tmp_path / f"x.{suffix}"
    if suffix == "npy":
        np.save(calibration, make_input(EXAMPLES))
    else:
        np.savez(calibration, data=make_input(EXAMPLES))
    assert main(["compile", prefix, "-o", str(path), "--shape", ANY_BATCH, "--precision", "int8", "--calibration", str(calibration), "--calibration-mode",
                 "naive", "--force-int8"]) == 0
    layers = ngc.load(path).quantization
    assert [layer.precision for layer in layers] == ["int8", "int8"]
    x = make_input(EXAMPLES)
    assert layers[0].low == pytest.approx(x.min(), abs=layers[0].scale)
    assert layers[0].high == pytest.approx(x.max(), abs=layers[0].scale)


@pytest.mark.parametrize("by_table", [False, True])
def test_a_budget_keeps_layers_in_fp32(by_table: bool, prefix: str, data: Path, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.ngc"
    calibration = ["--calibration", str(table), "--validation", str(data)] if by_table else ["--calibration", str(data)]
    assert main(["compile", prefix, "-o", str(path), "--shape", ANY_BATCH, "--precision", "int8", *calibration, "--accuracy-budget", "199",
                 "--force-int8"]) == 0
    assert set(precisions(path).values()) == {("fp32", "kept for an accuracy budget of 199 dB")}


def test_without_a_dot_product_int8_must_be_forced(prefix: str, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.ngc"
    arguments = ["compile", prefix, "-o", str(path), "--shape", ANY_BATCH, "--precision", "int8", "--calibration", str(table), "--target", "cpu:x86-64-v3"]
    assert main(arguments) == 0
    assert {precision for precision, _ in precisions(path).values()} == {"fp32"}
    assert main([*arguments, "--force-int8"]) == 0
    assert {precision for precision, _ in precisions(path).values()} == {"int8"}


def test_a_model_that_carries_ranges_is_compiled_in_int8_unless_told(tmp_path: Path) -> None:
    carrier = write_checkpoint(tmp_path)
    symbol = json.loads(Path(f"{carrier}-symbol.json").read_text())
    record = QuantizationRecord({"data": (-3.0, 3.0), "relu": (0.0, 6.0), "pool": (0.0, 3.0)}, ("fc",))
    symbol["attrs"][ATTRIBUTE] = ["str", record.to_text()]
    Path(f"{carrier}-symbol.json").write_text(json.dumps(symbol))
    path = tmp_path / "m.ngc"
    assert main(["compile", carrier, "-o", str(path), "--shape", ANY_BATCH, "--force-int8"]) == 0
    assert precisions(path) == {"conv": ("int8", "multiplies int8"), "fc": ("fp32", "excluded by 'fc'")}
    assert main(["compile", carrier, "-o", str(path), "--shape", ANY_BATCH, "--precision", "fp32"]) == 0
    assert precisions(path) == {}


def test_run_and_bench_of_an_int8_artifact(model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(model), "--input", f"data={data}", "--output", str(tmp_path / "y.npy")]) == 0
    scores = np.load(tmp_path / "y.npy")
    assert scores.shape == (EXAMPLES, CLASSES)
    np.testing.assert_array_equal(scores.argmax(axis=1), reference(make_input(EXAMPLES)).argmax(axis=1))
    assert main(["bench", str(model), "--threads", "1", "--batch", "1,2", "--runs", "2"]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[-2:]] == [["1", "1"], ["1", "2"]]


def test_bench_of_a_checkpoint_in_int8(prefix: str, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", prefix, "--shape", DATA, "--precision", "int8", "--calibration", str(table), "--force-int8", "--threads", "1", "--runs", "2",
                 "--profile"]) == 0
    assert "u8" in capsys.readouterr().out


def test_info_counts_layers_and_lists_them(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(model)]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "layers     int8 1, fp32 1" in lines
    assert "options    numerics=fast, precision=int8, fallback=None, tune=False" in lines
    assert main(["info", str(model), "--layers"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == str(model)
    assert out[1].split() == ["layer", "operator", "precision", "why", "range", "scale", "zero"]
    assert out[2].split()[:5] == ["conv", "conv2d", "int8", "multiplies", "int8"]
    assert out[3].split() == ["fc", "dense", "fp32", "excluded", "by", "'fc'"]


# -- report ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_table", [False, True])
def test_report(by_table: bool, prefix: str, data: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    calibration = ["--calibration", str(table)] if by_table else []
    assert main(["quantization-report", prefix, "--data", str(data), "--shape", ANY_BATCH, "--batch", "3", "--force-int8", "--exclude", "op:FullyConnected",
                 "--json", str(path), *calibration]) == 0
    out = capsys.readouterr().out
    assert f"of {EXAMPLES}, " in out.splitlines()[0]
    assert "excluded by 'op:FullyConnected'" in out
    found = json.loads(path.read_text())
    assert [(item["layer"]["node"], item["layer"]["precision"]) for item in found["layers"]] == [("conv", "int8"), ("fc", "fp32")]
    assert found["examples"] == EXAMPLES


def test_report_within_a_budget(prefix: str, data: Path, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table suffices: the budget is measured with the report's data."""
    assert main(["quantization-report", prefix, "--data", str(data), "--shape", ANY_BATCH, "--calibration", str(table), "--accuracy-budget", "199",
                 "--force-int8"]) == 0
    assert capsys.readouterr().out.count("kept for an accuracy budget of 199 dB") == 2


# -- errors ------------------------------------------------------------------------------------------------------------


def test_files_of_examples(data: Path, tmp_path: Path) -> None:
    examples = read_examples(data, "--data", 4)
    assert (len(examples), [len(batch) for batch in examples]) == (3, [4, 4, 2])
    np.savez(tmp_path / "two.npz", a=np.zeros((3, 1)), b=np.ones((3, 2)))
    batches = list(read_examples(tmp_path / "two.npz", "--data", 2))
    assert [{name: array.shape for name, array in batch.items()} for batch in batches] == [{"a": (2, 1), "b": (2, 2)}, {"a": (1, 1), "b": (1, 2)}]


def test_errors_about_data(prefix: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(path: Path) -> str:
        return fails(capsys, "calibrate", prefix, "--data", str(path), "-o", str(tmp_path / "t.calib"), "--shape", ANY_BATCH)

    text, scalar, pickled = (tmp_path / f"{name}.npy" for name in ("text", "scalar", "pickled"))
    names, sizes, none, broken = (tmp_path / f"{name}.npz" for name in ("names", "sizes", "none", "broken"))
    text.write_text("no array")
    broken.write_bytes(b"PK\x03\x04 and no more")
    np.savez(names, image=make_input())
    np.savez(sizes, data=make_input(3), label=np.zeros(2))
    np.savez(none)
    np.save(scalar, np.float32(1))
    np.save(pickled, np.array([None]), allow_pickle=True)
    assert refused(tmp_path / "nothing") == f"--data: cannot read {tmp_path / 'nothing'}: No such file or directory"
    for path in (text, pickled, broken):
        assert refused(path).startswith(f"--data: {path} is no array that numpy.save or numpy.savez wrote: ")
    for path in (none, scalar):
        assert refused(path) == f"--data: {path} holds no examples; expected one array for each input, with the examples along its first axis"
    assert refused(sizes) == f"--data: the arrays of {sizes} differ in their number of examples: data 3, label 2"
    assert refused(names) == "calibration batch 1: unknown input 'image'; inputs: 'data' (N, 3, 9, 11) float32"
    np.save(tmp_path / "five.npy", make_input(5))
    assert fails(capsys, "calibrate", prefix, "--data", str(tmp_path / "five.npy"), "-o", "t.calib", "--shape", DATA).startswith(
        "calibration batch 3: input 'data' has 1 rows, which are no whole number of the 2 that the graph takes at a time")
    assert fails(capsys, "calibrate", prefix, "--data", str(data), "-o", "/proc/t.calib", "--shape", ANY_BATCH).startswith("cannot write /proc/t.calib: ")


def test_errors_about_tables(prefix: str, data: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*arguments: str) -> str:
        return fails(capsys, "compile", prefix, "-o", str(tmp_path / "m.ngc"), "--shape", ANY_BATCH, *arguments)

    text, damaged, other = tmp_path / "text.calib", tmp_path / "damaged.calib", tmp_path / "other.calib"
    text.write_text("no table")
    damaged.write_bytes(table.read_bytes()[:-1])
    ngc.CalibrationTable("another").save(other)
    int8 = ("--precision", "int8", "--calibration")
    assert refused(*int8, str(tmp_path / "nothing")) == f"--calibration: cannot read {tmp_path / 'nothing'}: No such file or directory"
    assert refused(*int8, str(text)) == f"--calibration: {text} is neither a table that `ngc calibrate` wrote nor arrays that numpy.save or numpy.savez wrote"
    assert refused(*int8, str(damaged)).startswith(f"{damaged} is truncated or altered: ")
    assert refused(*int8, str(other)).startswith("the calibration table is of another model, or of the same with other parameters or passes: ")
    assert refused("--precision", "int8").startswith('precision="int8" needs calibration=')
    assert refused("--precision", "int8", "--accuracy-budget", "0.1", "--calibration", str(table)) == (
        "--accuracy-budget needs data to measure with: --validation FILE, or --calibration with data instead of a table")
    assert refused(*int8, str(table), "--validation", str(data)) == "--validation goes with --accuracy-budget, which it is there to measure"
    assert refused(*int8, str(data), "--accuracy-budget", "-1").startswith("accuracy_budget is the largest share of examples")
    assert refused(*int8, str(table), "--exclude", "cov") == "cannot exclude: 'cov' matches nothing; did you mean 'conv'?"
    for option in (["--calibration", str(table)], ["--force-int8"], ["--exclude", "fc"], ["--calibration-mode", "mse"],
                   ["--accuracy-budget", "0.1", "--validation", str(data)]):
        assert refused(*option) == 'calibration, accuracy_budget and quantization belong to precision="int8"'
    assert fails(capsys, "calibrate", prefix, "--data", str(data), "-o", "t.calib", "--merge", str(data), "--shape", ANY_BATCH).startswith(
        f"{data} is no calibration table: ")
    assert fails(capsys, "quantization-report", prefix, "--data", str(data), "--shape", ANY_BATCH, "--json", "/proc/r.json").startswith(
        "--json: cannot write /proc/r.json: ")


def test_layers_of_a_float_model(prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "m.ngc")
    assert main(["compile", prefix, "-o", path, "--shape", DATA]) == 0
    assert fails(capsys, "info", path, "--layers") == f"{path} was not compiled in int8; it has no list of layers"


def test_modes(capsys: pytest.CaptureFixture[str]) -> None:
    assert mode("entropy") == ("entropy", {})
    assert mode("percentile=99.9") == ("percentile", {"percent": 99.9})
    for text, wanted in (("minmax", "unknown calibration mode 'minmax'; accepted is one of naive, percentile, mse, entropy"),
                         ("naive=3", "calibration mode 'naive' has no parameter 'percent'; it takes none"),
                         ("percentile=all", "'all' is no number of percents")):
        assert misused(capsys, "calibrate", "x", "--data", "y", "-o", "z", "--mode", text).startswith(f"ngc calibrate: error: argument --mode: {wanted}")
