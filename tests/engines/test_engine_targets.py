"""Targets and options of engines."""

from typing import Any

import pytest

from ngc.engines import EngineOptions, EngineTarget, parse_engine_target
from ngc.errors import InputError


@pytest.mark.parametrize(("text", "wanted"), [
    ("tensorrt", EngineTarget("tensorrt", "tensorrt")),
    ("tensorrt-rtx", EngineTarget("tensorrt-rtx", "tensorrt-rtx")),
    ("tensorrt-rtx:sm86, sm120", EngineTarget("tensorrt-rtx:sm86, sm120", "tensorrt-rtx", ("sm86", "sm120"))),
    ("neuron", EngineTarget("neuron", "neuron", ("trn1",))),
    ("neuron:inf2", EngineTarget("neuron:inf2", "neuron", ("inf2",))),
    ("neuron:cpu", EngineTarget("neuron:cpu", "neuron", ("cpu",))),
    ("cpu", None),
    ("cpu:znver4", None),
    ("tensorrt-ultra", None),
])
def test_targets(text: str, wanted: EngineTarget | None) -> None:
    assert parse_engine_target(text) == wanted


def test_properties() -> None:
    neuron, rtx = EngineTarget("neuron:inf2", "neuron", ("inf2",)), EngineTarget("tensorrt-rtx", "tensorrt-rtx")
    assert (neuron.title, neuron.is_tensorrt, neuron.family) == ("AWS Neuron", False, "inf2")
    assert (rtx.title, rtx.is_tensorrt) == ("TensorRT for RTX", True)


@pytest.mark.parametrize(("options", "message"), [
    ({"excl_node_names": "conv0"}, "excl_node_names takes a list of names, not 'conv0'; write ['conv0']"),
    ({"force_incl_node_names": 3}, "force_incl_node_names takes a list of names, not 3"),
    ({"excl_node_names": [3]}, "excl_node_names takes a list of names, not [3]"),
    ({"flags": "--verbose"}, "flags takes a list of arguments, not '--verbose'; write ['--verbose']"),
    ({"flags": None}, "flags takes a list of arguments, not None"),
    ({"flags": ["--a='x"]}, "flags: \"--a='x\" cannot be split into words: No closing quotation"),
    ({"work_dir": 3}, "work_dir is a path, not 3"),
    ({"timing_cache": ["cache"]}, "timing_cache is a path, not ['cache']"),
    ({"min_subgraph_size": 0}, "min_subgraph_size is a whole number of at least 1, not 0"),
    ({"min_subgraph_size": 2.5}, "min_subgraph_size is a whole number of at least 1, not 2.5"),
    ({"min_subgraph_size": "2"}, "min_subgraph_size is a whole number of at least 1, not '2'"),
    ({"workspace": -5}, "workspace is a number of bytes, not -5"),
    ({"pipeline_cores": 0}, "pipeline_cores is a whole number of at least 1, not 0"),
    ({"batch": (1, 32, 8)}, "batch is (smallest, usual, largest), rising and at least 1, not (1, 32, 8)"),
    ({"batch": (0, 1, 8)}, "batch is (smallest, usual, largest), rising and at least 1, not (0, 1, 8)"),
    ({"batch": (1, 8)}, "batch is (smallest, usual, largest), rising and at least 1, not (1, 8)"),
    ({"batch": 4}, "batch is (smallest, usual, largest), rising and at least 1, not 4"),
    ({"batch": ("a", 1, 2)}, "batch is (smallest, usual, largest), rising and at least 1, not ('a', 1, 2)"),
])
def test_options_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        EngineOptions(**options)
    assert str(error.value) == message


def test_lists_become_tuples() -> None:
    assert EngineOptions(excl_node_names=["a", "b"]).excl_node_names == ("a", "b")  # type: ignore[arg-type]  # lists are what users write
