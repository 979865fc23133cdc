"""Tests of the residual block's benchmark: what it compares and says. How fast anything is, is no test's business."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

import bench.zoo_models
import ngc
from bench import sample_block
from bench.engines import ENGINES
from bench.models import Result
from bench.rounds import Runs
from ngc.passes import PASSES


def result(engine: str, median: float, threads: int = 1) -> Result:
    return Result("sample_block", engine, "1", "fp32", threads, 1, median, median, median, 5, 1e-6, 1.0, 100.0)


RESULTS = [result("ngc", 2.0), result("ngc unfused", 5.0), result("mxnet", 6.0), result("mxnet unfused", 8.0), result("openvino", 3.0)]


def test_ratios_are_against_ngc_as_it_is():
    assert sample_block.ratios(RESULTS) == {"ngc unfused / ngc": 2.5, "mxnet / ngc": 3.0, "mxnet unfused / ngc": 4.0, "best peer (openvino) / ngc": 1.5}


def test_what_is_missing_has_no_ratio():
    assert sample_block.ratios(RESULTS[:1]) == {}
    assert sample_block.ratios([RESULTS[0], RESULTS[3]]) == {"mxnet unfused / ngc": 4.0, "best peer (mxnet unfused) / ngc": 4.0}


def test_the_table_ends_with_the_ratios_of_each_number_of_threads():
    rows = sample_block.table([*RESULTS, result("ngc", 1.0, 2), result("mxnet", 4.0, 2)])
    names, threads, times = (list(column.cells) for column in rows.columns[:3])
    assert names[5:9] == ["ngc unfused / ngc", "mxnet / ngc", "mxnet unfused / ngc", "best peer (openvino) / ngc"]
    assert (names[-1], threads[-1], times[-1]) == ("best peer (mxnet) / ngc", "2", "4.00x")


def test_variants_name_engines_and_passes_that_there_are():
    assert {engine for engine, _ in sample_block.VARIANTS.values()} <= set(ENGINES)
    assert set(sample_block.VARIANTS[sample_block.UNFUSED_NGC][1]["NGC_DISABLE_PASSES"].split(",")) < set(PASSES)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The block on 12x12, its checkpoint made in this process."""
    if find_spec("mxnet") is None:
        pytest.skip("mxnet is not installed")
    monkeypatch.setattr(sample_block, "SHAPE", (1, 64, 12, 12))
    sample_block._export(tmp_path / "sample_block")
    return str(tmp_path / "sample_block")


def test_the_block_compiles_with_and_without_fusion_to_the_same(small, monkeypatch):
    x = bench.zoo_models.sample_images(np.random.default_rng(1), (1, 64, 12, 12))
    answers, kernels = [], []
    for variant in (sample_block.NGC, sample_block.UNFUSED_NGC):
        for name, value in sample_block.VARIANTS[variant][1].items():
            monkeypatch.setenv(name, value)
        executable = ngc.compile(small, shapes={"data": x.shape}, threads=1)
        answers.append(executable.run({"data": x})[0])
        kernels.append(len(executable.profile({"data": x}).kernels))
    assert kernels[0] < kernels[1]
    # Two sums of 576 products each in fp32, one of them with Winograd transforms.
    np.testing.assert_allclose(answers[0], answers[1], rtol=0, atol=1e-5 * np.abs(answers[1]).max())


def test_a_run_compares_with_unfused_mxnet_and_writes_json(tmp_path, monkeypatch, capsys):
    jobs = {}

    def alternate(asked, rounds, seconds, scratch, step):
        jobs.update(asked)
        answer = {"ngc": 1.5, "mxnet unfused": 2.0}
        return {name: Runs("1", [4.0, 2.0], np.array([value]), 0.5, 100.0) for name, value in answer.items()}, {"openvino": "not installed"}

    monkeypatch.setattr(sample_block, "alternate", alternate)
    monkeypatch.setattr(sample_block, "export_block", lambda folder: "prefix")
    monkeypatch.setattr(sample_block, "export_onnx", lambda prefix, shape: "file.onnx")
    monkeypatch.setattr(sample_block, "sample_images", lambda rng, shape: np.zeros(1, np.float32))
    monkeypatch.setattr("sys.argv", ["bench.sample_block", "--threads", "1", "--json", str(tmp_path / "s.json")])
    sample_block.main()
    assert jobs["mxnet unfused"].environment == {"MXNET_SUBGRAPH_BACKEND": "NONE"}
    assert jobs["ngc"].environment == {}
    own, other = json.loads((tmp_path / "s.json").read_text())
    assert (own["engine"], own["median_ms"], own["max_rel_err"]) == ("ngc", 3.0, 0.25)
    assert (other["engine"], other["max_rel_err"]) == ("mxnet unfused", 0.0)
    printed = capsys.readouterr()
    assert "mxnet unfused / ngc" in printed.out
    assert "no result of openvino: not installed" in printed.err


def test_without_mxnet_there_is_nothing_to_compare_with(tmp_path, monkeypatch):
    monkeypatch.setattr(sample_block, "measure", lambda *_: (_ for _ in ()).throw(sample_block.ReferenceMissing("no result of mxnet unfused")))
    monkeypatch.setattr("sys.argv", ["bench.sample_block"])
    with pytest.raises(SystemExit, match="no result of mxnet unfused"):
        sample_block.main()
