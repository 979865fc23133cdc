"""Tests of the checkpoints that benchmarks use."""

from pathlib import Path

import numpy as np
import pytest

from bench import zoo
from bench.zoo_models import NETWORKS, export_zoo, input_shape, sample_input


def test_the_zoo_has_34_networks():
    assert len(NETWORKS) == len(set(NETWORKS)) == 34


def test_an_unknown_network_is_named():
    with pytest.raises(KeyError, match=r"no network 'resnet19'; it has resnet18_v1"):
        export_zoo("resnet19")


def test_a_smaller_batch_is_the_beginning_of_a_larger_one():
    np.testing.assert_array_equal(sample_input("alexnet", 2)[:1], sample_input("alexnet", 1))
    assert sample_input("inceptionv3").shape == input_shape("inceptionv3") == (1, 3, 299, 299)


@pytest.mark.parametrize(("errors", "failure", "passed"), [
    ({1: 1e-6, 2: 9e-5}, "", True), ({1: 1e-6, 2: 2e-4}, "", False), ({1: float("nan")}, "", False), ({}, "CodegenError: no kernel", False),
])
def test_a_comparison_passes_within_the_tolerance_only(errors, failure, passed):
    assert zoo.Comparison("alexnet", "cpu", errors, 1e-4, failure).passed is passed


def test_a_network_that_does_not_compile_is_reported(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(zoo, "export_zoo", lambda name, folder: str(tmp_path / "missing"))
    monkeypatch.setattr(zoo, "reference", lambda name, prefix, batch: np.zeros((batch, 1000), np.float32))
    monkeypatch.setattr("sys.argv", ["bench.zoo", "--models", "alexnet", "--targets", "cpu", "--zoo", str(tmp_path)])
    assert zoo.main() == 1
    out = capsys.readouterr().out
    assert "ImportFailure" in out
    assert "0 of 1 within the tolerance" in out
