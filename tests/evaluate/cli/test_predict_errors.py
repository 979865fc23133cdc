"""What `ngc-eval predict` says of what is missing or wrong: one line, whoever found it."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from examples.digits_data import HELD_OUT
from ngc.evaluate.manifest import find_manifest
from tests.evaluate.cli.conftest import Command, digits


def manifest_with(folder: Path, *changes: tuple[str, str]) -> str:
    """Writes the manifest of the digits network with changes, beside links to its files, and returns its path."""
    source = find_manifest("digits").source
    text = source.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "mine.yml"
    path.write_text(text)
    (folder / "digits").symlink_to(source.parent / "digits")
    return str(path)


@pytest.mark.parametrize(("argv", "message"), [
    (("raw",), "which model? --model_name names one of `ngc-eval model list`, --manifest a manifest's file"),
    (("dataset", "--model_name=digits"), "which data set? --dataset_name names one, --data_dir is one or the folder of several"),
    (("urls", "--model_name=digits"), "which inputs? --urls_file_path names a file with a path or an address in each line"),
    (("raw", "--model_name=digits", "--trace_level=LOUD"),
     "no trace level 'LOUD'; there are NO_TRACE, APPLICATION_TRACE, MODEL_TRACE, FRAMEWORK_TRACE, ML_LIBRARY_TRACE, SYSTEM_LIBRARY_TRACE, HARDWARE_TRACE, "
     "FULL_TRACE"),
    (("dataset", "--model_name=digits", "--data_dir=none.rec"), "none.rec: no such data set"),
    (("urls", "--model_name=digits", "--urls_file_path=none.txt"), "none.txt: cannot be read: No such file or directory"),
    (("raw", "--model_name=digits", "--model_dir=nowhere"),
     f"{find_manifest('digits').source}: model.graph_path: --model_dir=nowhere: no such folder; "
     "--model_dir names another folder that has the files"),
    (("dataset", "--model_name=digits", "--dataset_name=digits", "--num_file_parts=0"),
     "there are to be 0 parts; a positive number is possible, or -1 for all"),
    (("raw", "--model_name=digits", "--target=abacus"), None),
    (("raw", "--model_name=digits", "--precision=fp64"), "unknown precision 'fp64' for target 'cpu'; accepted is one of fp32, bf16, int8"),
    (("dataset", "--model_name=digits", "--dataset_name=digits", "--precision=int8", "--calibration=none"), None),
    (("raw", "--model_name=digits", "--publish", "--database_address=evaluations"), None),
])  # fmt: skip
def test_missing_things(command: Command, argv: tuple[str, ...], message: str | None) -> None:
    ran = command("predict", *argv)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("ngc-eval: error: ")
    assert ran.err.count("\n") == 1
    if message is not None:
        assert ran.err == f"ngc-eval: error: {message}\n"


def test_a_bad_manifest_is_told_with_line_and_field(folder: Path, command: Command) -> None:
    path = manifest_with(folder, ("color_mode: GRAY", "color_mode: PINK"), ("scale: 16", "scale: 0"))
    ran = command("predict", "raw", f"--manifest={path}")
    assert ran.code == 1
    first, second = ran.err.splitlines()
    assert first.startswith(f"ngc-eval: error: {path}:17:19: inputs[0].parameters.color_mode: 'PINK'; expected: ")
    assert second.startswith(f"{path}:20:14: inputs[0].parameters.scale: 0; expected: ")


def test_labels_that_are_more_than_the_classes(folder: Path, command: Command) -> None:
    path = manifest_with(folder, ("features: digits/labels.txt", "features: labels.txt"), ("    features_checksum", "    kept_checksum"))
    (folder / "labels.txt").write_text("\n".join(["background", *map(str, range(10))]))
    ran = command(*digits(f"--manifest={path}", f"--dataset_name={HELD_OUT}"))
    assert ran.err == f"ngc-eval: error: {path}: the model answers 10 classes, and its labels name 11\n"


def test_a_manifest_of_another_model_than_was_named(folder: Path, command: Command) -> None:
    path = manifest_with(folder)
    ran = command("predict", "raw", f"--manifest={path}", "--model_name=letters")
    assert ran.err == f"ngc-eval: error: --model_name is letters, but {path} is the manifest of digits\n"


def test_a_model_that_does_not_classify_has_no_accuracy(folder: Path, command: Command) -> None:
    path = manifest_with(folder, ("type: classification", "type: boundingbox"))
    ran = command("predict", "dataset", f"--manifest={path}", "--dataset_name=digits")
    assert ran.err == ("ngc-eval: error: digits answers with 'boundingbox'; accuracy is that of classification. Modes urls and raw measure time\n")
    timed = command("predict", "raw", f"--manifest={path}", "--threads=1", "--format=json")
    assert (timed.code, timed.json["inputs"]) == (0, 1)


def test_a_model_of_another_input_than_its_manifest_says(folder: Path, command: Command) -> None:
    path = manifest_with(folder, ("dimensions: [1, 8, 8]", "dimensions: [3, 8, 8]"), ("color_mode: GRAY", "color_mode: RGB"))
    ran = command("predict", "raw", f"--manifest={path}")
    assert ran.code == 1
    assert ran.err.startswith("ngc-eval: error: ")


def test_comparison_needs_probabilities(command: Command) -> None:
    ran = command(*digits("--compare=fp32,bf16", mode="raw"))
    assert ran.err == ("ngc-eval: error: --compare in mode 'raw': agreement is that of probabilities of classes, which this mode does not look at\n")


def test_an_output_that_is_not_there_fails_every_input(folder: Path, command: Command) -> None:
    path = manifest_with(folder, ("probabilities_layer: 0", "probabilities_layer: 3"))
    ran = command("predict", "dataset", f"--manifest={path}", "--threads=1", f"--data_dir={HELD_OUT}", "-b", "450")
    assert ran.code == 1
    assert ran.err == (f"ngc-eval: error: none of the 450 inputs has an answer; the first failed: {path}: output.parameters.probabilities_layer is 3; "
                       "the model's outputs are 0 to 0\n")


def test_broken_images_without_any_good_one(folder: Path, command: Command) -> None:
    Path("bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    Path("list.txt").write_text("bad.jpg 3\n")
    ran = command("predict", "dataset", "--model_name=digits", "--threads=1", "--data_dir=list.txt")
    assert ran.code == 1
    assert ran.err.startswith("ngc-eval: error: none of the 1 inputs has an answer; the first failed: bad.jpg: ")


def test_an_image_of_the_wrong_shape(folder: Path, command: Command) -> None:
    np.savez("wide.npz", images=np.zeros((2, 1, 8, 9), np.uint8), labels=np.zeros(2, np.int64))
    ran = command("predict", "dataset", "--model_name=digits", "--threads=1", "--data_dir=wide.npz", "--fail_on_error")
    assert ran.code == 1
    assert ran.err.startswith("ngc-eval: error: ")
    assert "(1, 8, 9)" in ran.err


def test_a_broken_query_is_told_before_anything_is_compiled(folder: Path, command: Command) -> None:
    Path("bad.jpg").write_bytes(b"no image")
    ran = command(*digits("--image_path=bad.jpg", mode="workload"))
    assert ran.code == 1
    assert ran.err.startswith("ngc-eval: error: bad.jpg: ")


def test_an_unreachable_database(command: Command) -> None:
    ran = command(*digits("--publish", "--database_address=postgresql://nobody:secret@127.0.0.1:9/evaluations", mode="raw"))
    assert ran.code == 1
    assert ran.err.startswith("ngc-eval: error: database postgresql://nobody:***@127.0.0.1:9/evaluations: ")
    assert "secret" not in ran.err


def test_an_unknown_evaluation_cannot_go_on(folder: Path, command: Command) -> None:
    ran = command(*digits("--resume=deadbeef", "--database_address=evaluations.db", mode="raw"))
    assert ran.err == f"ngc-eval: error: database {folder}/evaluations.db: there is no evaluation 'deadbeef'\n"


def test_results_that_cannot_be_written(folder: Path, command: Command) -> None:
    path = Path("results", "MXNet", "1.5.0", "digits", "1.0", "1", "cpu_fp32", os.uname().nodename, "results.json")
    path.parent.mkdir(parents=True)
    path.symlink_to("/dev/full")
    ran = command(*digits("--num_batches=1", mode="raw"))
    assert ran.err == f"ngc-eval: error: cannot write {path}: it is no regular file; give the path of a file, such as model.ngc\n"


@pytest.mark.full
def test_an_evaluation_on_a_full_disk_goes_on_when_there_is_space(folder: Path, command: Command) -> None:
    """On a file system of its own, which is as full as a disk can be."""
    run = shlex.join([sys.executable, "-c", "import sys; from ngc.evaluate.cli import main; sys.exit(main())",
                      *digits("-p", "5", "-b", "5", "--base_dir=/tmp", "--database_address=disk/evaluations.db", "--publish_predictions", "--publish"),
                      "--format=json"])  # fmt: skip
    script = f"""mkdir disk && mount -t tmpfs -o size=40m none disk || exit 77
        head -c 40550k /dev/zero > disk/filler
        {run}; echo "code $?" >&2
        rm disk/filler
        {run} --resume"""
    ran = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script], capture_output=True, text=True, timeout=200, check=False)
    if ran.returncode == 77 or "unshare" in ran.stderr:
        pytest.skip(f"no file system can be mounted here: {ran.stderr}")
    message, code = ran.stderr.splitlines()[:2]
    assert message == (f"ngc-eval: error: database {folder}/disk/evaluations.db: there is no space left on its disk; what was stored before is kept; "
                       "make space and run again, which resumes")
    assert code == "code 1"
    assert ran.returncode == 0
    undisturbed, resumed = command(*digits("-p", "5", "-b", "5", "--format=json")).json, json.loads(ran.stdout)
    for name in ("inputs", "failures", "top1_accuracy", "top5_accuracy", "calibration_error"):
        assert resumed[name] == undisturbed[name]
