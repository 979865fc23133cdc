"""`ngc-eval predict --engine=ray`, in processes of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ngc.evaluate.records import FINISHED, RUNNING
from ngc.evaluate.store import Filter, Store
from tests.evaluate.cli.conftest import digits

pytestmark = pytest.mark.full

RAY = ("--engine=ray", "--ray_workers=2")


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.chdir(folder)


def start(argv: Sequence[str]) -> subprocess.Popen[str]:
    """Starts the command, whose processes are a group of their own."""
    code = "import sys; from ngc.evaluate.cli import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.Popen([sys.executable, "-W", "error", "-c", code, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            start_new_session=True)


def run(argv: Sequence[str]) -> Any:
    """Returns what the command printed, as JSON, which is all that it printed."""
    process = start((*argv, "--format=json"))
    out, err = process.communicate()
    assert process.returncode == 0, err
    return json.loads(out)


def wait_for_parts(address: str, count: int) -> str:
    """Returns the id of the evaluation that runs when so many of its parts are recorded."""
    while True:
        with Store.open(address) as store:
            for evaluation in store.evaluations(Filter(state=RUNNING)):
                if len(store.finished_parts(evaluation.id)) >= count:
                    return evaluation.id
        time.sleep(0.05)


def recorded(address: str, id: str) -> tuple[Any, ...]:
    """Returns what has to be the same whoever evaluates."""
    with Store.open(address) as store:
        assert store.evaluation(id).state == FINISHED
        return [(result.part, result.tally) for result in store.part_results(id)], store.predictions(id), store.count_predictions(id)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_driver_that_is_ended_is_resumed(folder: Path, number: signal.Signals) -> None:
    address = str(folder / "runs.db")
    argv = digits("--publish", "--publish_predictions", f"--database_address={address}", "--batch_size=1")
    alone = run(argv)["id"]
    process = start((*argv, *RAY))
    id = wait_for_parts(address, 20)
    try:
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)  # Ctrl-C goes to all processes of the terminal
        _, err = process.communicate()
    finally:
        if number == signal.SIGKILL:
            os.killpg(process.pid, signal.SIGKILL)  # Ray ends its processes some time after their driver
    with Store.open(address) as store:
        done = len(store.finished_parts(id))
        assert store.evaluation(id).state == RUNNING
        assert 20 <= done < 450
    if number != signal.SIGKILL:
        assert process.returncode == 130
        said = re.fullmatch(rf"ngc-eval: interrupted: (?:terminated; )?(\d+) of 450 parts are kept; the same command with --resume={id} goes on\n", err)
        assert said is not None, err
        assert done - int(said[1]) in (0, 1)  # the signal may have come just after a part was recorded
    assert run((*argv, *RAY, f"--resume={id}"))["id"] == id
    assert recorded(address, id) == recorded(address, alone)


def test_precisions_are_compared(folder: Path) -> None:
    argv = digits("--compare=fp32,bf16,int8", "--calibration_images=50", "--batch_size=8", "--partition_list_size=64")
    for alone, together in zip(run(argv), run((*argv, *RAY)), strict=True):
        assert alone["precision"] == together["precision"]
        for name in ("inputs", "top1_accuracy", "top5_accuracy", "calibration_error", "agreement", "mean_difference"):
            assert alone[name] == together[name]


def test_modes_that_have_no_classes(folder: Path) -> None:
    images = folder / "images.txt"
    for number in range(6):
        (folder / f"{number}.npy").write_bytes(b"")
    images.write_text("".join(f"{number}.npy\n" for number in range(6)))
    process = start((*digits("--urls_file_path=images.txt", mode="urls"), *RAY))
    assert "none of the 6 inputs has an answer" in process.communicate()[1]
    summary = run((*digits("--num_batches=6", "--batch_size=4", mode="raw"), *RAY))
    assert (summary["inputs"], summary["failures"], summary["top1_accuracy"]) == (24, 0, None)
