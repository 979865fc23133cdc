"""Repeats of rows and columns become upsampling."""

import pytest

from ngc.ir import SymDim, Value
from tests.passes.nets import Net, fired, ops, refusals, run

PASS = "canonicalize"
N = SymDim()


def repeated(n: Net, x: Value, axis: int, times: int) -> Value:
    """Returns MXNet's repeat along an axis."""
    shape = x.type.shape
    apart = n.op("reshape", x, shape=(*shape[:axis + 1], 1, *shape[axis + 1:]))
    wide = n.op("broadcast_to", apart, shape=(*shape[:axis + 1], times, *shape[axis + 1:]))
    return n.op("reshape", wide, shape=(*shape[:axis], shape[axis] * times, *shape[axis + 1:]))


@pytest.mark.parametrize(("axes", "size"), [((3, 2), (3, 5)), ((2, 3), (3, 5)), ((2,), (1, 5)), ((3,), (4, 1))])
def test_repeats_of_rows_and_columns_are_one_upsampling(axes: tuple[int, ...], size: tuple[int, int]) -> None:
    net = Net()
    y = net.op("exp", net.input(2, *size))
    for axis in axes:
        y = repeated(net, y, axis, 2)
    graph = run(net.finish(y), PASS)
    assert ops(graph) == ["exp", "upsample"]
    assert graph.nodes[-1].attrs["scale"] == tuple(2 if axis in axes else 1 for axis in (2, 3))


def test_other_repeats_stay() -> None:
    net = Net()
    x = net.input(4, 3, 5)
    whole = net.op("broadcast_to", net.op("reshape", x, shape=(N, 1, 4, 3, 5)), shape=(N, 2, 4, 3, 5))
    row = net.op("broadcast_to", net.op("reshape", x, shape=(N, 60, 1)), shape=(N, 60, 2))
    rows = net.op("broadcast_to", net.op("reshape", x, shape=(N, 4, 1, 3, 5)), shape=(N, 4, 2, 3, 5))
    tiled = [net.op("reshape", whole, shape=(N, 8, 3, 5)), net.op("reshape", row, shape=(N, 120)), net.op("reshape", rows, shape=(N, 4, 6, 5))]
    graph = run(net.finish(repeated(net, x, 1, 2), *tiled), PASS)
    assert "upsample" not in ops(graph)


def test_elements_that_are_repeated_no_times_stay() -> None:
    net = Net()
    x = net.op("reshape", net.input(2, 3, 5), shape=(N, 2, 3, 1, 5))
    graph = run(net.finish(net.op("reshape", net.op("broadcast_to", x, shape=(N, 2, 3, 0, 5)), shape=(N, 2, 0, 5))), PASS)
    assert "upsample" not in ops(graph)


def test_what_others_read_stays() -> None:
    net = Net()
    x = net.input(2, 3, 5)
    wide = net.op("broadcast_to", net.op("reshape", x, shape=(N, 2, 3, 5, 1)), shape=(N, 2, 3, 5, 2))
    graph = run(net.finish(net.op("reshape", wide, shape=(N, 2, 3, 10)), wide), PASS)
    assert refusals(graph, "RepeatAsUpsample") == [f"%{wide.name} is a graph output"]
    net = Net()
    once = net.op("upsample", net.input(2, 3, 5), scale=(2, 2))
    graph = run(net.finish(net.op("upsample", once, scale=(1, 3)), once), PASS)
    assert refusals(graph, "UpsampleChain") == [f"%{once.name} is a graph output"]
    assert not fired(graph, "UpsampleChain")
