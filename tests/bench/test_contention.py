"""Tests of the benchmark of contended cores: what it measures and says. How fast anything is, is no test's business."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from bench import contention
from bench.contention import Latency, busy_core, summarize, table
from bench.cores import pick_cores
from tests.checkpoints import SHAPE, make_input, write_checkpoint


def test_the_ratio_is_that_of_the_99th_percentile_and_the_median():
    latency = summarize("net", "ngc", 2, True, [10.0] * 150 + [25.0] * 50)
    assert latency == Latency("net", "ngc", 2, True, 200, 10.0, 25.0)
    assert latency.ratio == 2.5


def test_the_table_has_a_row_for_each():
    rows = table([Latency("net", "ngc", 2, False, 9, 10.0, 11.0), Latency("net", "ngc", 2, True, 5, 12.0, 30.0)])
    beside, ratios = (list(rows.columns[position].cells) for position in (2, 7))
    assert beside == ["nothing", "one busy core"]
    assert ratios == ["1.10x", "2.50x"]


def spinning() -> list[frozenset[int]]:
    """Returns the affinities of the processes that compute without end."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes()
                if b"while True: pass" in command and int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == os.getpid():
                    found.append(frozenset(os.sched_getaffinity(int(folder.name))))
            except (OSError, ProcessLookupError):
                continue  # it ended meanwhile
    return found


def test_the_busy_process_is_on_its_core_and_ends():
    core = pick_cores(1)[0]
    with busy_core(core):
        assert spinning() == [{core}]
    assert not spinning()


def test_the_command_line_measures_alone_and_contended(tmp_path, monkeypatch, capsys):
    prefix = write_checkpoint(tmp_path)
    monkeypatch.setattr(contention, "export_zoo", lambda model, folder: prefix)
    monkeypatch.setattr(contention, "input_shape", lambda model: SHAPE)
    monkeypatch.setattr(contention, "sample_input", lambda model, batch: make_input(SHAPE[0]))
    monkeypatch.setattr(sys, "argv", ["contention", "--threads", "1", "--rounds", "2", "--seconds", "0.02", "--json", str(tmp_path / "out.json")])
    contention.main()
    results = json.loads((tmp_path / "out.json").read_text())
    assert [(r["model"], r["engine"], r["threads"], r["busy"]) for r in results] == [("resnet50_v2", "ngc", 1, False), ("resnet50_v2", "ngc", 1, True)]
    assert all(r["runs"] > 0 and np.isclose(r["ratio"], r["p99_ms"] / r["median_ms"], rtol=1e-2) for r in results)
    assert "one busy core" in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "message"), [
    (["--engines", "ngc,tvm"], "unknown engine: tvm; accepted are ngc, "),
    (["--threads", "0"], "0 threads: this process may use "),
])
def test_wrong_arguments(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["contention", *arguments])
    with pytest.raises(SystemExit):
        contention.main()
    assert message in capsys.readouterr().err
