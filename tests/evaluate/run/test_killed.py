"""An evaluation that is killed again and again ends as one that nobody disturbed."""

import subprocess
import sys
from pathlib import Path

import pytest

from ngc.evaluate.accuracy import total
from ngc.evaluate.records import FINISHED
from ngc.evaluate.store import Store

REPOSITORY = Path(__file__).parents[3]


def disturb(folder: Path, seed: int, inputs: int) -> None:
    command = [sys.executable, "-m", "tests.evaluate.run.killing", str(folder), "10", str(seed), str(inputs)]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=280, check=False)
    assert ran.returncode == 0, ran.stderr
    with Store.open(str(folder / "undisturbed.db")) as quiet, Store.open(str(folder / "killed.db")) as store:
        (undisturbed,), (killed,) = quiet.evaluations(), store.evaluations()
        assert killed.state == undisturbed.state == FINISHED
        assert killed.fingerprint == undisturbed.fingerprint
        parts, wanted = store.part_results(killed.id), quiet.part_results(undisturbed.id)
        assert [(result.part, result.tally, len(result.durations_us)) for result in parts] == [
            (result.part, result.tally, len(result.durations_us)) for result in wanted]  # fmt: skip
        assert total(result.tally for result in parts) == total(result.tally for result in wanted)  # to the bit
        assert store.predictions(killed.id) == quiet.predictions(undisturbed.id)
        assert store.count_predictions(killed.id) == 450


def test_ten_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    disturb(tmp_path, 8, 10)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(3))
def test_ten_kills_of_many_parts(tmp_path: Path, seed: int) -> None:
    disturb(tmp_path, seed, 1)
