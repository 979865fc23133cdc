"""The text form, as printed."""

from collections.abc import Callable

import numpy as np
import pytest

from ngc.ir import Graph, GraphBuilder, Layout, Loc, Quant, Step, SymDim, TensorType, clone, evaluate, parse, print_graph
from ngc.ir.printer import format_float, format_value, print_node
from ngc.ir.rewrite import Rewriter


def example() -> Graph:
    """A graph with everything that the text form has."""
    b = GraphBuilder("net one")
    x = b.input("data", (SymDim(), 3, 8, 8))
    w = b.const("conv0/weight", np.ones((4, 3, 3, 3), np.float32), Loc("conv0"))
    v = b.const("bias", np.arange(4, dtype=np.float32))
    steps = (Step("bias"), Step("tee"), Step("relu"), Step("clip", (0.0, 6.0)), Step("scale", (float("inf"), -0.0)))
    c = b.op("conv2d", x, w, v, pad=(1, 1), epilogue=steps, name="c", loc=Loc("conv0", "net-symbol.json", 12))
    p = b.op("pool", c, kind="max", kernel=(2, 2), stride=(2, 2), pad=(0, 0), name="p")
    s = b.op("slice", p, begin=(None, 1, 0, 0), end=(None, None, 2, 2), step=(None, None, None, 1), name="s")
    r = b.op("reshape", s, shape=(SymDim(2), 6), name="r")
    graph = b.finish([r, c.producer.outputs[1], p], ["softmax_output", "c_2", "p"])  # type: ignore[union-attr]
    graph.stage = "lowered"
    Rewriter(graph).set_layout(c, Layout(16, ((1, 1), (1, 1)), 0.5))
    return graph


def test_the_whole_form(golden: Callable[[str, str], None]) -> None:
    golden("ir/printer.ngir", str(example()))


def test_without_locations() -> None:
    assert "loc(" in print_graph(example())
    assert "loc(" not in print_graph(example(), locations=False)


def test_elided_lists() -> None:
    text = print_graph(example(), elide_larger_than=2)
    assert "kernel=[2,2]" in text
    assert "begin=[none,1,... 2 more]" in text


def test_elided_scales() -> None:
    b = GraphBuilder()
    x = b.input("x", (1, 4), "i8")
    x.type = TensorType((1, 4), "i8", quant=Quant((0.5, 1.0, 2.0, 4.0), 3, 1))
    graph = b.finish([x])
    assert "i8[1,4]<q scale=[0.5,1.0,2.0,4.0] zero_point=3 axis=1>" in str(graph)
    assert "i8[1,4]<q scale=[0.5,1.0,... 2 more] zero_point=3 axis=1>" in print_graph(graph, elide_larger_than=2)


def test_attributes_at_their_defaults_are_left_out_but_negative_zero_is_not() -> None:
    b = GraphBuilder()
    x = b.input("x", (1, 3))
    plain, negative = b.op("pad", x, widths=(0, 0, 1, 1), value=0.0), b.op("pad", x, widths=(0, 0, 1, 1), value=-0.0)
    assert plain.producer is not None
    assert negative.producer is not None
    assert "value" not in print_node(plain.producer)
    assert "value=-0.0" in print_node(negative.producer)


@pytest.mark.parametrize(("value", "text"), [
    (None, "none"), (True, "true"), (False, "false"), (3, "3"), (0.1, "0.1"), (1e-5, "1e-05"), (float("inf"), "inf"), (-float("inf"), "-inf"),
    (float("nan"), "nan"), ('a"b\n', '"a\\"b\\n"'), ((1, None), "[1,none]"), ((SymDim(), SymDim(3), 4), "[N,3*N,4]"), ((), "[]"),
])
def test_values(value: object, text: str) -> None:
    assert format_value(value) == text


def test_floats_read_back_as_the_same_number() -> None:
    for number in (0.1, 1 / 3, 1e300, 5e-324, -0.0):
        assert float(format_float(number)) == number


def test_a_broken_graph_prints_too() -> None:
    graph = example()
    graph.output_names = ("only",)
    node = graph.nodes[2]
    node.inputs = node.inputs[:1]
    assert "%data) {" in str(graph)
    graph.outputs = ()
    assert 'return ? as "only"' in str(graph)


def test_inputs_keep_the_name_that_callers_feed_them_under() -> None:
    b = GraphBuilder("net")
    x = b.input("data:0", (1, 2))
    graph = b.finish([b.op("relu", x)])
    assert str(graph).splitlines()[0] == 'graph @net(%data_0 as "data:0": f32[1,2]) {'
    assert graph.input_names == parse(str(graph)).input_names == clone(graph).input_names == ("data:0",)
    assert evaluate(graph, {"data:0": np.ones((1, 2), np.float32)})[0].shape == (1, 2)
