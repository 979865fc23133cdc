"""The frame of ngc-eval: flags of all commands, the configuration file, the profile."""

import logging
import pstats
import subprocess
import sys
from pathlib import Path

import pytest

from ngc.evaluate.cli.main import PROFILE, parse
from tests.evaluate.cli.conftest import Command

RAW = ("raw", "--model_name", "digits")


@pytest.mark.parametrize("argv", [
    ("-v", "predict", *RAW), ("--verbose", "predict", *RAW), ("predict", "-v", *RAW), ("predict", *RAW, "-v"), ("predict", *RAW, "--verbose=true"),
    ("predict", *RAW, "--verbose", "true"), ("--verbose=false", "predict", *RAW, "--verbose"),
])  # fmt: skip
def test_flags_of_all_commands_stand_anywhere(folder: Path, argv: tuple[str, ...]) -> None:
    args = parse(argv)
    assert args.verbose is True
    assert args.debug is False
    assert args.mode == "raw"
    assert args.model_name == "digits"


@pytest.mark.parametrize("argv", [
    ("predict", "--batch_size", "8", *RAW), ("predict", "-b", "8", *RAW), ("predict", *RAW, "-b8"), ("predict", *RAW, "--batch-size=8"),
    ("predict", "--batch_size", "2", *RAW, "--batch_size", "8"),
])  # fmt: skip
def test_flags_of_all_modes_stand_before_and_after_the_mode(folder: Path, argv: tuple[str, ...]) -> None:
    assert parse(argv).batch_size == 8


def test_abbreviations_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(("predict", "dataset", "--dataset_na", "x"))
    assert caught.value.code == 2
    assert "unrecognized arguments: --dataset_na x" in capsys.readouterr().err


def test_a_file_gives_values_that_the_command_line_overrides(folder: Path) -> None:
    path = folder / "my.yaml"
    path.write_text("model_name: digits\nmodel_version: 1.10\nbatch-size: 16\nfail_on_error: yes\npublish: true\ndataset_name: digits\nnum_batches: 3\n")
    args = parse(("predict", "raw", "--config", str(path), "-b", "4", "--publish=false"))
    assert (args.model_name, args.model_version, args.batch_size, args.fail_on_error, args.publish, args.num_batches) == ("digits", "1.10", 4, True, False, 3)
    assert parse(("--config", str(path), "predict", "-b", "2", "raw")).batch_size == 2
    assert parse(("predict", "dataset", "--config", str(path))).dataset_name == "digits"


def test_the_users_own_file_is_read(folder: Path) -> None:
    (folder / "config" / "ngc").mkdir(parents=True)
    (folder / "config" / "ngc" / "eval.yaml").write_text("batch_size: 32\n")
    assert parse(("predict", "raw")).batch_size == 32


def test_what_is_wrong_in_a_file_is_told_with_its_lines(folder: Path, command: Command) -> None:
    Path("bad.yaml").write_text("model_name: digits\nbatch_seize: 4\nbatch_size: many\nengine: steam\npublish: maybe\nseed: [1, 2]\nconfig: other.yaml\n")
    ran = command("predict", "raw", "--config", "bad.yaml")
    assert ran.code == 1
    assert ran.err.splitlines() == [
        "ngc-eval: error: bad.yaml:2:1: batch_seize: no command has a flag of that name",
        "bad.yaml:3:13: batch_size: invalid literal for int() with base 10: 'many'",
        "bad.yaml:4:9: engine: 'steam' is none of local, ray",
        "bad.yaml:5:10: publish: 'maybe' is neither true nor false",
        "bad.yaml:6:7: seed: a flag has one value; lists are written with commas",
        "bad.yaml:7:1: config: no command has a flag of that name",
    ]


def test_a_missing_file_is_an_error_where_it_was_asked_for(command: Command) -> None:
    ran = command("--config", "none.yaml", "predict", "raw")
    assert (ran.code, ran.err) == (1, "ngc-eval: error: --config: there is no file none.yaml\n")


def test_a_profile_is_written_also_of_what_fails(folder: Path, command: Command) -> None:
    ran = command("predict", "raw", "--profile", "--base_dir", "out")
    assert ran.code == 1
    assert ran.err.splitlines()[0] == f"profile: out/{PROFILE} (python -m pstats out/{PROFILE})"
    assert pstats.Stats(f"out/{PROFILE}").total_calls > 0  # type: ignore[attr-defined]


def test_a_profile_that_cannot_be_written_is_said(folder: Path, command: Command) -> None:
    Path("out").touch()
    ran = command("predict", "raw", "--profile", "--base_dir", "out")
    assert (ran.code, ran.err) == (1, f"ngc-eval: error: --profile: cannot write out/{PROFILE}: File exists\n")


@pytest.mark.parametrize(("flags", "level"), [((), logging.NOTSET), (("-v",), logging.INFO), (("-d",), logging.NOTSET)])
def test_how_much_is_said(command: Command, flags: tuple[str, ...], level: int) -> None:
    command("predict", "raw", *flags)
    assert logging.getLogger("ngc").level == level
    logging.getLogger("ngc").setLevel(logging.NOTSET)


def test_what_sqlalchemy_remarks_is_for_debugging(command: Command) -> None:
    command("predict", "raw")
    assert not logging.getLogger("sqlalchemy.pool").isEnabledFor(logging.ERROR)
    command("predict", "raw", "-d")
    assert logging.getLogger("sqlalchemy.pool").isEnabledFor(logging.ERROR)


def test_a_missing_package_is_named(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'sqlalchemy'", name="sqlalchemy")

    monkeypatch.setattr("ngc.evaluate.cli.predict.check_flags", missing)
    ran = command("predict", "raw")
    assert (ran.code, ran.err) == (1, "ngc-eval: error: the package sqlalchemy is missing: pip install 'ngc[eval]', for --engine=ray 'ngc[eval,ray]'\n")


def test_an_interruption_has_its_own_code(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ngc.evaluate.cli.predict.check_flags", interrupt)
    ran = command("predict", "raw")
    assert (ran.code, ran.err) == (130, "ngc-eval: interrupted\n")


@pytest.mark.parametrize("flags", [("model", "list", "-f", "json"), ("model", "list"), ("model", "list", "-f", "csv")])
def test_output_without_space_is_an_error(flags: tuple[str, ...]) -> None:
    run = [sys.executable, "-c", "import sys; from ngc.evaluate.cli import main; sys.exit(main())", *flags]
    with open("/dev/full", "w") as full:
        ran = subprocess.run(run, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (1, "ngc-eval: error: cannot read or write: No space left on device\n")


def test_an_error_of_the_system_is_one_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ngc.evaluate.cli.predict.check_flags", lambda args: Path("none/such").read_text())
    ran = command("predict", "raw")
    assert (ran.code, ran.err) == (1, "ngc-eval: error: none/such: No such file or directory\n")


def test_a_batch_that_no_memory_holds_is_an_error(command: Command) -> None:
    ran = command("predict", *RAW, "--threads=1", "--batch_size=9999999999999")
    assert ran.code == 1
    assert ran.err.startswith("ngc-eval: error: out of memory: Unable to allocate ")
    assert ran.err.count("\n") == 1
