"""Tests of the checkpoints that benchmarks use."""

from pathlib import Path

import numpy as np
import pytest

from bench import zoo
from bench.zoo_models import NETWORKS, export_zoo, input_shape, sample_input
from ngc.errors import CodegenError


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


def test_a_route_is_compared_like_a_target(tmp_path: Path, monkeypatch, capsys):
    answer = np.ones((1, 1000), np.float32)
    monkeypatch.setattr(zoo, "export_zoo", lambda name, folder: str(tmp_path / name))
    monkeypatch.setattr(zoo, "reference", lambda name, prefix, batch: answer)
    monkeypatch.setattr(zoo, "ROUTES", {"neuron:cpu": lambda network, prefix, batch: (answer * np.float32(1 + (network == "vgg11") * 1e-3), 2.0)})
    monkeypatch.setattr("sys.argv", ["bench.zoo", "--models", "alexnet,vgg11", "--route", "neuron:cpu", "--batches", "1", "--zoo", str(tmp_path)])
    assert zoo.main() == 1
    lines = [line.split("│")[1:-1] for line in capsys.readouterr().out.splitlines() if "neuron:cpu" in line and "│" in line]
    assert [[cell.strip() for cell in line] for line in lines] == [["alexnet", "neuron:cpu", "0.0e+00", "2.0", "ok"],
                                                                   ["vgg11", "neuron:cpu", "1.0e-03", "2.0", "off"]]


@pytest.mark.parametrize("error", [CodegenError("no form"), RuntimeError("of another runtime")])
def test_a_route_that_refuses_a_network_is_reported(tmp_path: Path, monkeypatch, error):
    def refuse(network: str, prefix: str, batch: int):
        raise error

    monkeypatch.setattr(zoo, "export_zoo", lambda name, folder: str(tmp_path / name))
    monkeypatch.setattr(zoo, "reference", lambda name, prefix, batch: np.zeros((batch, 1000), np.float32))
    monkeypatch.setattr(zoo, "ROUTES", {"neuron:cpu": refuse})
    assert zoo.compare_route("alexnet", "neuron:cpu", [1], tmp_path).failure == f"{type(error).__name__}: {error}"


def test_routes_compute_in_fp32(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bench.zoo", "--models", "alexnet", "--route", "onnx", "--precision", "bf16"])
    with pytest.raises(SystemExit):
        zoo.main()
    assert capsys.readouterr().err.endswith("bench.zoo: error: --route compares in fp32, not in bf16\n")


def test_a_network_that_does_not_compile_is_reported(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(zoo, "export_zoo", lambda name, folder: str(tmp_path / "missing"))
    monkeypatch.setattr(zoo, "reference", lambda name, prefix, batch: np.zeros((batch, 1000), np.float32))
    monkeypatch.setattr("sys.argv", ["bench.zoo", "--models", "alexnet", "--targets", "cpu", "--zoo", str(tmp_path)])
    assert zoo.main() == 1
    out = capsys.readouterr().out
    assert "ImportFailure" in out
    assert "0 of 1 within the tolerance" in out
