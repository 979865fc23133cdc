"""`ngc.coverage`: what would go to an engine, in operators of the MXNet model."""

import pytest

import ngc
from ngc.engines import EngineOptions
from ngc.errors import InputError
from ngc.ir import Graph, GraphBuilder, Loc
from tests.checkpoints import SHAPE, write_checkpoint


def make_net() -> Graph:
    """relu, dropout, gamma, which no engine has, and a group of two operators that come from one MXNet node."""
    b = GraphBuilder("net")
    x = b.input("data", (2, 6))
    h = b.op("tanh", b.op("relu", x, name="relu0", loc=Loc("relu0")), name="tanh0", loc=Loc("tanh0"))
    h = b.op("dropout", h, name="drop0", loc=Loc("drop0"))
    h = b.op("gamma", h, name="gamma0", loc=Loc("gamma0"))
    h = b.op("gamma", b.op("abs", h, name="g0_abs", loc=Loc("g0")), name="g0", loc=Loc("g0"))
    h = b.op("sigmoid", b.op("exp", h, name="exp0", loc=Loc("exp0")), name="sig0", loc=Loc("sig0"))
    return b.finish([h])


def test_counts_and_reasons() -> None:
    found = ngc.coverage(make_net(), "neuron")
    assert (found.operators, found.on_engine, found.gone, found.left, found.subgraphs, found.nodes) == (7, 4, 1, 2, 2, 4)
    assert found.sizes == (2, 2)
    assert [(item.node, item.op) for item in found.staying] == [("gamma0", "gamma"), ("g0", "gamma")]
    assert str(found).splitlines()[0] == "neuron: 4 of 7 operators in 2 subgraphs, 1 folded away, 2 left"
    assert "gamma0, g0" in found.table()
    assert found.staying[0].reason in found.table()


def test_options_of_the_engine_count() -> None:
    found = ngc.coverage(make_net(), "neuron:inf2", engine=EngineOptions(excl_node_names=("relu0",)))
    assert [(item.node, item.reason) for item in found.staying][:2] == [
        ("relu0", "excluded by name"), ("tanh0", "its region has one operator, fewer than min_subgraph_size=2")]
    assert found.sizes == (2,)
    assert str(found).splitlines()[0] == "neuron:inf2: 2 of 7 operators in 1 subgraph, 1 folded away, 4 left"


def test_a_checkpoint_that_goes_whole(tmp_path_factory: pytest.TempPathFactory) -> None:
    found = ngc.coverage(write_checkpoint(tmp_path_factory.mktemp("checkpoint")), "neuron", shapes={"data": SHAPE})
    assert (found.left, found.subgraphs, found.on_engine + found.gone) == (0, 1, found.operators)
    assert "\n" not in str(found)


def test_a_batch_of_any_size_is_why_nothing_goes_to_neuron(tmp_path_factory: pytest.TempPathFactory) -> None:
    found = ngc.coverage(write_checkpoint(tmp_path_factory.mktemp("checkpoint")), "neuron", shapes={"data": ("N", *SHAPE[1:])})
    assert (found.on_engine, found.subgraphs) == (0, 0)
    assert "its batch is N" in found.table()


def test_an_input_that_is_returned_is_no_operator() -> None:
    b = GraphBuilder("net")
    x = b.input("data", (2, 4))
    same = b.op("identity", x, name="data_copy", loc=Loc("data"))
    found = ngc.coverage(b.finish([b.op("tanh", b.op("relu", x, name="r", loc=Loc("r")), name="t", loc=Loc("t")), same]), "neuron")
    assert (found.operators, found.on_engine, found.gone, found.left) == (2, 2, 0, 0)


def test_sizes_count_operators_of_the_model() -> None:
    """Three nodes of one operator are a subgraph of one, which is too small."""
    b = GraphBuilder("net")
    h = b.input("data", (2, 4))
    for op in ("abs", "sqrt", "tanh"):
        h = b.op(op, h, loc=Loc("one"))
    found = ngc.coverage(b.finish([h]), "neuron")
    assert (found.operators, found.on_engine, found.subgraphs) == (1, 0, 0)
    assert found.staying[0].reason == "its region has one operator, fewer than min_subgraph_size=2"


def test_targets_that_are_no_engines() -> None:
    with pytest.raises(InputError, match='coverage is of engines, such as "tensorrt" or "neuron"; \'cpu\' is none'):
        ngc.coverage(make_net(), "cpu")
