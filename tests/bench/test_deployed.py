"""Tests of how deployed models are found, exported and fed."""

import sys

import numpy as np
import pytest

import bench.deployed
from bench import catalog, models
from bench.deployed import load_model, model_names
from bench.zoo_models import NETWORKS


@pytest.fixture(autouse=True)
def one_model(monkeypatch):
    monkeypatch.setattr(bench.deployed, "MODULES", {"small": "tests.bench.small_model"})


def test_a_model_with_a_head_is_there_twice():
    assert model_names() == ["small", "small_trunk"]
    assert catalog.names() == [*NETWORKS, "small", "small_trunk"]
    assert load_model("small_trunk").head_free == ()


@pytest.mark.parametrize("name", ["large", "large_trunk", "small_trunk_trunk"])
def test_a_model_that_is_not_there_is_named(name):
    with pytest.raises(KeyError, match=f"there is no model '{name}'; there are small, small_trunk"):
        load_model(name)


def test_a_trunk_ends_where_the_head_begins(mx):
    symbol, arguments, auxiliaries = load_model("small_trunk").build(mx, 0)
    assert symbol.list_outputs() == ["row_output"]
    assert set(arguments) == {"table"}
    assert not auxiliaries


def test_answers_are_mxnets(mx, tmp_path, monkeypatch):
    from bench.deployed import export

    monkeypatch.setattr(export.subprocess, "run", lambda command, **options: run_here(command[3:]))
    prefix = catalog.export("small", tmp_path)
    assert catalog.export("small", tmp_path) == prefix  # and does not write it again
    fc, bn = catalog.reference("small", prefix, 2)
    assert fc.shape == (2, 3)
    beta = load_model("small").build(mx, 0)[1]["bn_beta"]
    # The mean is zero, the variance one and gamma fixed at one: three roundings of f32.
    np.testing.assert_allclose(bn, np.broadcast_to(0.5 / np.sqrt(1.001) + beta, (2, 2)), rtol=1e-6)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["small-0000.params", "small-reference-b2.npz", "small-symbol.json"]


def run_here(arguments):
    """Does what `python -m bench.deployed.export` does, in this process, which knows of the small model."""
    from pathlib import Path

    from bench.deployed import export

    if arguments[0] == "--reference":
        export._write_reference(arguments[1], arguments[2], int(arguments[3]), Path(arguments[4]))
    else:
        export._export(arguments[0], Path(arguments[1]), int(arguments[2]))


def test_only_networks_of_the_zoo_are_measured_in_int8(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench.models", "--models", "small", "--precision", "int8"])
    with pytest.raises(SystemExit):
        models.main()
    assert "int8 is measured on networks of the zoo, which there are calibration images for, not on small" in capsys.readouterr().err


def test_unusual_element_types_are_told():
    assert catalog.unusual_dtypes(catalog.feeds("small", 2)) == {"index": "int32"}
