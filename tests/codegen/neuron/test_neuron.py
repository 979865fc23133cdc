"""Building regions for AWS Neuron: what the compiler is asked, by a stand-in that records it, and what its failures become."""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ngc.codegen.neuron import build_neuron
from ngc.engines import EngineOptions, EngineTarget, parse_engine_target
from ngc.errors import EngineError
from ngc.ir import Graph, GraphBuilder

STAND_IN = Path(__file__).with_name("recording_stand_in_for_neuronx_cc.py")

Recorded = Callable[[], dict[str, Any]]


def region() -> Graph:
    """Returns a convolution of one constant."""
    builder = GraphBuilder("region")
    x = builder.input("data", (1, 2, 4, 4))
    return builder.finish([builder.op("conv2d", x, builder.const("w", np.ones((3, 2, 1, 1), np.float32)), name="y")], ["y_output"])


def target(text: str) -> EngineTarget:
    found = parse_engine_target(text)
    assert found is not None
    return found


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Puts the stand-in on the PATH as neuronx-cc; returns a function that gives what it recorded."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "neuronx-cc"
    script.write_text(f"#!/bin/sh\nexec {sys.executable} {STAND_IN} \"$@\"\n")
    script.chmod(0o755)
    record = tmp_path / "record.json"
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("NGC_STAND_IN", "well")
    monkeypatch.setenv("NGC_STAND_IN_RECORD", str(record))
    return lambda: json.loads(record.read_text())


def test_the_command_line_states_the_precision(compiler: Recorded, tmp_path: Path) -> None:
    image = build_neuron(region(), "part/0", target("neuron:inf2"), EngineOptions(work_dir=tmp_path / "work"), "fp32")
    assert sorted(image.files) == ["hlo", "log", "neff", "stablehlo"]
    assert image.files["neff"] == b"not a NEFF"
    assert image.files["log"].startswith(b"log line 0\n")
    assert image.files["log"].endswith(b"a line on standard output\n")
    recorded, work = compiler(), tmp_path / "work"
    assert recorded["arguments"] == ["compile", f"{work}/part_0.hlo.pb", "--framework", "XLA", "--target", "inf2", "--output", f"{work}/part_0.neff",
                                     "--logfile", f"{work}/part_0.log", "--auto-cast", "none"]
    assert recorded["folder"] == str(work)
    assert bytes.fromhex(recorded["model"]) == image.files["hlo"]
    assert image.facts["compiler"] == "NeuronX Compiler version 0.0 (a stand-in)"
    assert (image.facts["family"], image.facts["precision"], image.facts["parameter_dtypes"]) == ("inf2", "fp32", ["f32"])
    assert (image.parameters, [spec.name for spec in image.inputs], [spec.name for spec in image.outputs]) == (("w",), ["data"], ["y_output"])


@pytest.mark.parametrize(("flags", "tail"), [
    (["--auto-cast matmult", "--auto-cast-type tf32"], ["--auto-cast", "matmult", "--auto-cast-type", "tf32"]),
    (["--auto-cast=all"], ["--auto-cast=all"]),
    (["--auto-cast-type", "fp16"], ["--auto-cast", "none", "--auto-cast-type", "fp16"]),
    (["--optlevel", "1"], ["--auto-cast", "none", "--optlevel", "1"]),
    (["--dump-to='a folder'"], ["--auto-cast", "none", "--dump-to=a folder"]),
])
def test_flags_are_passed_through(compiler: Recorded, flags: list[str], tail: list[str]) -> None:
    build_neuron(region(), "part", target("neuron:trn1"), EngineOptions(flags=tuple(flags)), "fp32")
    assert compiler()["arguments"][10:] == tail


def test_what_the_compiler_says_is_shown_when_asked_for(compiler: Recorded, capfd: pytest.CaptureFixture[str]) -> None:
    build_neuron(region(), "part", target("neuron:trn1"), EngineOptions(), "fp32")
    assert capfd.readouterr().err == ""
    build_neuron(region(), "part", target("neuron:trn1"), EngineOptions(verbose=True), "fp32")
    assert capfd.readouterr().err == "a line on standard output\n"
    assert compiler()["arguments"][-2:] == ["--verbose", "info"]


@pytest.mark.parametrize(("manner", "text"), [
    ("fail", r"^neuronx-cc failed with the exit status 70 \(its log names flags that it does not know and operations that it lacks\), for the engine part; "
             r"work_dir=\.\.\. keeps its files\n  /.*/neuronx-cc compile .*\nthe end of its log:\n  log line 12\n(?s:.*)  NCC_ERROR the last one\n"
             r"  a line on standard output$"),
    ("killed", r"^neuronx-cc was killed, as happens when memory runs out \(a machine with more memory, or flags=\[\"--optlevel 1\"\], may help\), for the "
               r"engine part; (?s:.*)the end of its log:\n  a line on standard output$"),
    ("crash", r"^neuronx-cc died of the signal SIGTERM, for the engine part; (?s:.*)\nit wrote nothing to its log$"),
    ("real-time", rf"^neuronx-cc died of the signal {signal.SIGRTMIN + 3}, for the engine part; "),
    ("no-version", r"/neuronx-cc --version failed with the exit status 3; the end of its log:\n  NeuronX Compiler version 0\.0 \(a stand-in\)$"),
    ("silent", r"^neuronx-cc ended well but wrote no NEFF \(a full disk, or flags that move its output, can be the cause\), for the engine part; "),
    ("empty", r"^neuronx-cc ended well but wrote no NEFF "),
])
def test_a_failure_quotes_the_log_and_says_what_to_do(compiler: Recorded, monkeypatch: pytest.MonkeyPatch, manner: str, text: str) -> None:
    monkeypatch.setenv("NGC_STAND_IN", manner)
    with pytest.raises(EngineError, match=text):
        build_neuron(region(), "part", target("neuron:trn1"), EngineOptions(), "fp32")


def test_a_compiler_that_does_not_say_its_version(compiler: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGC_STAND_IN", "slow-version")
    monkeypatch.setattr("ngc.codegen.neuron_compiler._PATIENCE", 0.2)
    with pytest.raises(EngineError, match=r"/neuronx-cc --version did not end within 0\.2 seconds$"):
        build_neuron(region(), "part", target("neuron:trn1"), EngineOptions(), "fp32")


def test_processes_that_the_compiler_leaves_behind_are_not_waited_for(compiler: Recorded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NGC_STAND_IN", "child")
    image = build_neuron(region(), "part", target("neuron:trn1"), EngineOptions(), "fp32")
    assert image.files["log"].endswith(b"a line on standard output\n")
    assert not (tmp_path / "gone").exists()
    (tmp_path / "go").touch()


def test_a_failure_quotes_the_command_for_a_shell(compiler: Recorded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NGC_STAND_IN", "silent")
    with pytest.raises(EngineError, match=rf"compile '{tmp_path}/a folder/part\.hlo\.pb' .* '--dump-to=a folder'\n"):
        build_neuron(region(), "part", target("neuron:trn1"), EngineOptions(work_dir=tmp_path / "a folder", flags=("--dump-to='a folder'",)), "fp32")


def test_the_compiler_may_be_in_a_relative_folder_of_the_path(compiler: Recorded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"bin{os.pathsep}/usr/bin{os.pathsep}/bin")
    assert "neff" in build_neuron(region(), "part", target("neuron:trn1"), EngineOptions(), "fp32").files


def test_a_folder_that_cannot_be_made_or_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for work_dir, reason in ((tmp_path / "file", "File exists"), (tmp_path / "file" / "inner", "Not a directory")):
        with pytest.raises(EngineError, match=rf"^work_dir='{work_dir}' cannot be made: {reason}$"):
            build_neuron(region(), "part", target("neuron:cpu"), EngineOptions(work_dir=work_dir), "fp32")
    (tmp_path / "part.hlo.pb").mkdir()
    with pytest.raises(EngineError, match=rf"^the engine part cannot be written to {tmp_path}: Is a directory$"):
        build_neuron(region(), "part", target("neuron:cpu"), EngineOptions(work_dir=tmp_path), "fp32")


@pytest.mark.parametrize("family", ["trn1", "cpu"])
def test_the_folder_keeps_the_module_where_there_is_no_compiler(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    image = build_neuron(region(), "part/0", target(f"neuron:{family}"), EngineOptions(work_dir=tmp_path / "work"), "fp32")
    kept = {path.name: path.read_bytes() for path in (tmp_path / "work").iterdir()}
    assert kept == {"part_0.hlo.pb": image.files["hlo"], "part_0.stablehlo.mlir": image.files["stablehlo"]}


def test_a_failure_does_not_take_the_neff_of_an_earlier_run(compiler: Recorded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    options = EngineOptions(work_dir=tmp_path / "work")
    build_neuron(region(), "part", target("neuron:trn1"), options, "fp32")
    monkeypatch.setenv("NGC_STAND_IN", "silent")
    with pytest.raises(EngineError, match=rf"wrote no NEFF .*; its files are in {tmp_path}/work\n"):
        build_neuron(region(), "part", target("neuron:trn1"), options, "fp32")


def test_a_compiler_that_does_not_run_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "neuronx-cc"
    script.write_text("#!/nowhere/python\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"/neuronx-cc cannot be run: .*No such file"):
        build_neuron(region(), "part", target("neuron:trn1"), EngineOptions(), "fp32")


def test_without_the_compiler_the_module_is_kept_and_a_warning_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                                      caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with caplog.at_level(logging.WARNING, "ngc.codegen.neuron"):
        image = build_neuron(region(), "part", target("neuron:trn2"), EngineOptions(), "fp32")
    assert sorted(image.files) == ["hlo", "stablehlo"]
    assert image.facts["compiler"] is None
    assert caplog.messages == ["neuronx-cc is not on the PATH: the engine part keeps its StableHLO and HLO and has no NEFF; "
                               "AWS's package repository for Neuron has the compiler"]


def test_xlas_cpu_client_needs_no_compiler(compiler: Recorded, tmp_path: Path) -> None:
    image = build_neuron(region(), "part", target("neuron:cpu"), EngineOptions(pipeline_cores=4), "fp32")
    assert sorted(image.files) == ["hlo", "stablehlo"]
    assert "compiler" not in image.facts
    assert not (tmp_path / "record.json").exists()


def test_two_cores_of_trn2_share_a_module(compiler: Recorded) -> None:
    build_neuron(region(), "part", target("neuron:trn2"), EngineOptions(pipeline_cores=2), "fp32")
    assert compiler()["arguments"][10:] == ["--auto-cast", "none", "--logical-nc-config", "2"]


@pytest.mark.parametrize(("family", "cores", "possible"), [("trn1", 2, "one core"), ("inf2", 4, "one core"), ("trn2", 4, "1 or 2 cores")])
def test_other_numbers_of_cores_are_refused(family: str, cores: int, possible: str) -> None:
    with pytest.raises(EngineError) as caught:
        build_neuron(region(), "part", target(f"neuron:{family}"), EngineOptions(pipeline_cores=cores), "fp32")
    assert str(caught.value) == (f"neuronx-cc has no pipelines of NeuronCores (--neuroncore-pipeline-cores was of Inf1's neuron-cc) and compiles for {family} "
                                 f"for {possible}, not for {cores}. To keep {cores} cores busy, run one process for each of them (NEURON_RT_VISIBLE_CORES), "
                                 "with pipeline_cores=1")
