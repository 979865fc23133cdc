"""Flags of `ngc-eval predict`: all are parsed, with the agents' names, aliases and defaults; none is ignored."""

import logging
import os
from pathlib import Path

import pytest

from ngc.errors import EvaluationError
from ngc.evaluate.cli.main import parse
from ngc.evaluate.cli.predict import MODES
from ngc.evaluate.cli.predict_checks import check_flags
from tests.evaluate.cli.conftest import Command

COMMON = {
    "model_name": "", "model_version": "", "manifest": "", "model_dir": "", "target": "cpu", "precision": "", "threads": 0, "calibration": "",
    "calibration_images": 0, "fallback": "", "tune": False, "disable_autotune": False, "batch_size": 1, "partition_list_size": 0, "feature_limit": 5,
    "fail_on_error": False, "compare": "", "engine": "local", "ray_workers": 0, "ray_address": "local", "workers": 0, "seed": 0, "time_out": 0,
    "publish": False, "publish_predictions": False, "resume": "", "database_address": "", "database_name": "", "trace_level": "MODEL_TRACE",
    "trace_preprocess": False, "tracer_address": "", "base_dir": "results", "format": "table", "use_gpu": False, "gpu": False,
    "gpu_device_id": 0, "gpu_metrics": "",
}  # fmt: skip
LOAD = {"initial_qps": 16.0, "percentile": 95.0, "min_duration": 100, "min_queries": 512, "image_path": "", "batching": "naive", "center_crop": True}
OWN = {
    "dataset": {"data_dir": "", "dataset_category": "vision", "dataset_name": "", "label_list": "", "num_file_parts": -1, "read_ahead": "auto",
                "center_crop": True},
    "urls": {"urls_file_path": "", "duplicate_input": 1, "num_url_parts": -1, "num_warmup_url_parts": 1, "read_ahead": "auto", "center_crop": True},
    "raw": {"num_batches": 1, "num_warmup_batches": 1},
    "workload": LOAD,
    "max-qps": {**LOAD, "initial_qps": 8.0, "min_duration": 1000, "min_queries": 4096, "latency_bound": 100.0},
}  # fmt: skip
CHOSEN = {"read_ahead": "true", "engine": "local", "format": "json", "fallback": "reference", "batching": "greedy"}


@pytest.mark.parametrize("mode", OWN)
def test_defaults(folder: Path, mode: str) -> None:
    args = vars(parse(("predict", mode)))
    given = {name: value for name, value in args.items() if name not in ("command", "mode", "config", "profile", "verbose", "debug")}
    assert given == {**COMMON, **OWN[mode]}


@pytest.mark.parametrize("mode", OWN)
def test_every_flag_is_read(folder: Path, mode: str) -> None:
    argv, wanted = [], {}
    for name, default in {**COMMON, **OWN[mode]}.items():
        value = CHOSEN.get(name, f"a {name}") if isinstance(default, str) else not default if isinstance(default, bool) else type(default)(7)
        argv.append(f"--{name.replace('_', '-') if len(argv) % 2 else name}={str(value).lower() if isinstance(default, bool) else value}")
        wanted[name] = value
    args = vars(parse(("predict", mode, *argv)))
    assert {name: args[name] for name in wanted} == wanted


@pytest.mark.parametrize(("alias", "mode"), [(alias, name) for name, mode in MODES.items() for alias in (name, *mode.aliases)])
def test_modes_and_their_aliases(folder: Path, alias: str, mode: str) -> None:
    assert parse(("predict", alias)).mode == mode


def test_the_agents_aliases() -> None:
    assert {"url", "work-load", "qps", "findmaxqps", "maxqps"} <= {alias for mode in MODES.values() for alias in mode.aliases}


def test_short_flags(folder: Path) -> None:
    args = parse(("predict", "dataset", "-b", "4", "-p", "16"))
    assert (args.batch_size, args.partition_list_size) == (4, 16)


@pytest.mark.parametrize(("given", "wanted"), [("--resume", "newest"), ("--resume=a1", "a1"), ("--resume=newest", "newest")])
def test_what_is_resumed(folder: Path, given: str, wanted: str) -> None:
    assert parse(("predict", given, "dataset")).resume == wanted
    assert parse(("predict", "dataset", given)).resume == wanted


@pytest.mark.parametrize(("text", "wanted"), [("true", 900), ("false", 0), ("2.5", 2.5), ("0", 0)])
def test_time_outs(folder: Path, text: str, wanted: float) -> None:
    assert parse(("predict", "raw", f"--time_out={text}")).time_out == wanted


@pytest.mark.parametrize("text", ["-1", "inf", "nan", "soon"])
def test_impossible_time_outs(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(("predict", "raw", f"--time_out={text}"))
    assert f"'{text}' is neither a number of seconds nor true or false" in capsys.readouterr().err


@pytest.mark.parametrize(("flags", "message"), [
    (("--batch_size=0",), "--batch_size is 0; the least possible is 1"),
    (("--partition_list_size=-1",), "--partition_list_size is -1; the least possible is 0"),
    (("--threads=-1",), "--threads is -1; the least possible is 0"),
    (("--num_batches=0",), "--num_batches is 0; the least possible is 1"),
    (("--use_gpu",), "--use_gpu, but --target is 'cpu': a GPU is used with --target=tensorrt, or tensorrt-rtx and the like"),
    (("--gpu",), "--use_gpu, but --target is 'cpu': a GPU is used with --target=tensorrt, or tensorrt-rtx and the like"),
    (("--gpu_device_id=1",), "--gpu_device_id, but --target is 'cpu', which is no GPU"),
    (("--gpu_metrics=flop_count_sp",), "--gpu_metrics: ngc reads no counters of GPUs; NVIDIA's Nsight Compute does"),
    (("--tune", "--disable_autotune"), "--tune and --disable_autotune contradict each other"),
    (("--calibration=a", "--calibration_images=3", "--precision=int8"),
     "--calibration and --calibration_images: one of them says what int8 is calibrated with"),
    (("--calibration=a",), "--calibration goes with --precision=int8, not fp32"),
    (("--calibration_images=8", "--compare=fp32,bf16"), "--calibration goes with --precision=int8, not fp32, bf16"),
    (("--compare=fp32,int8", "--precision=int8"), "--compare and --precision: the precisions that are compared stand in --compare"),
    (("--compare=fp32",), "--compare=fp32: expected at least two different precisions, such as fp32,bf16,int8"),
    (("--compare=fp32,fp32",), "--compare=fp32,fp32: expected at least two different precisions, such as fp32,bf16,int8"),
    (("--compare=fp32,",), "--compare=fp32,: expected at least two different precisions, such as fp32,bf16,int8"),
    (("--compare=fp32,bf16", "--resume"),
     "--resume does not go with --compare: agreement takes the answers of both sides in one run; resume one --precision"),
    (("--publish_predictions",), "--publish_predictions needs --publish"),
    (("--engine=ray", "--ray_workers=-1"), "--ray_workers is -1; the least possible is 0"),
    (("--ray_workers=2",), "--ray_workers and --ray_address go with --engine=ray"),
    (("--ray_address=auto",), "--ray_workers and --ray_address go with --engine=ray"),
])  # fmt: skip
def test_what_does_not_go_together(folder: Path, flags: tuple[str, ...], message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        check_flags(parse(("predict", "raw", *flags)))
    assert str(caught.value) == message


@pytest.mark.parametrize(("flags", "message"), [
    (("--database_name=mine",), "the database is not used without --publish"),
    (("--database_address=/tmp/a.db",), "the database is not used without --publish"),
    (("--trace_preprocess", "--trace_level=no_trace"), "--trace_preprocess changes nothing at NO_TRACE"),
    (("-b64", "-p8"), "batches do not reach over parts: with --partition_list_size=8 they have 8 inputs, not 64"),
    (("--tracer_address=here:4318", "--trace_level=NO_TRACE"), "no spans are sent to here:4318 at NO_TRACE"),
])  # fmt: skip
def test_what_changes_nothing_is_said(folder: Path, flags: tuple[str, ...], message: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        check_flags(parse(("predict", "raw", *flags)))
    assert caplog.messages == [message]


@pytest.mark.parametrize(("mode", "flag"), [
    ("dataset", "--seed=5"), ("urls", "--seed=5"), ("workload", "--workers=3"), ("max-qps", "--fail_on_error"), ("workload", "--trace_preprocess"),
    ("workload", "--feature_limit=9"),
])  # fmt: skip
def test_what_changes_nothing_in_a_mode_is_said(folder: Path, mode: str, flag: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        check_flags(parse(("predict", mode, flag)))
        check_flags(parse(("predict", mode)))
    assert caplog.messages == [f"{flag.partition('=')[0]} changes nothing in mode {mode}"]


def test_a_gpus_target_takes_the_gpus_flags(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    check_flags(parse(("predict", "raw", "--target=tensorrt", "--use_gpu", "--gpu_device_id=2")))
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2"


@pytest.mark.parametrize(("flag", "name"), [
    ("--resume", "resume"), ("--compare=fp32,bf16", "compare"), ("--partition_list_size=4", "partition_list_size"),
])  # fmt: skip
@pytest.mark.parametrize("mode", ["workload", "max-qps"])
def test_load_has_no_parts(command: Command, mode: str, flag: str, name: str) -> None:
    ran = command("predict", mode, "--model_name", "digits", flag)
    text = f"--{name} goes with the modes dataset, urls and raw, which evaluate inputs in parts; mode {mode} does not"
    assert (ran.code, ran.err) == (1, f"ngc-eval: error: {text}\n")


@pytest.mark.parametrize("mode", ["workload", "max-qps"])
def test_load_is_for_one_engine(command: Command, mode: str) -> None:
    ran = command("predict", mode, "--model_name", "digits", "--engine=ray")
    text = f"--engine=ray spreads the parts of inputs over a cluster; mode {mode} measures one engine, in this process"
    assert (ran.code, ran.err) == (1, f"ngc-eval: error: {text}\n")
