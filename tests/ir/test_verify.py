"""The verifier: each invariant broken once, and the text of its error."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings

from ngc.errors import VerifyError
from ngc.ir import Graph, GraphBuilder, Layout, Step, TensorType, Value, Weight, parse, verify
from ngc.ir.graph import Node
from tests.strategies import graphs

TEXT = """graph @net(%data: f32[N,3,8,8]) {
  %w0 = const @w0 : f32[4,3,3,3]
  %b0 = const @b0 : f32[4]
  %c0 = conv2d(%data, %w0, %b0) {pad=[1,1], epilogue=[bias(%b0), relu]} : f32[N,4,8,8] loc("conv0" in "net-symbol.json" at 3, "relu0")
  %d0 = dropout(%c0) : f32[N,4,8,8] loc("drop0")
  %s0 = softmax(%d0) {axis=1} : f32[N,4,8,8] loc("softmax0")
  return %s0 as "softmax_output"
}"""


def node(graph: Graph, name: str) -> Node:
    producer = graph.find(name).producer
    assert producer is not None
    return producer


def set_type(graph: Graph, name: str, type: TensorType) -> None:
    graph.find(name).type = type


def move_first(graph: Graph, name: str) -> None:
    moved = node(graph, name)
    graph._remove(moved)
    graph._insert(moved, graph.nodes[0])


def set_attr(graph: Graph, name: str, attr: str, value: object) -> None:
    changed = node(graph, name)
    changed.attrs = {**changed.attrs, attr: value}


def drop_attr(graph: Graph, name: str, attr: str) -> None:
    changed = node(graph, name)
    changed.attrs = {key: value for key, value in changed.attrs.items() if key != attr}


def set_op(graph: Graph, name: str, op: str) -> None:
    node(graph, name).op = op


def foreign_operand(graph: Graph) -> None:
    changed = node(graph, "s0")
    graph._unlink(changed)
    changed.inputs = (Value("elsewhere", TensorType((1,))),)
    graph._link(changed)


def unrecorded_use(graph: Graph) -> None:
    node(graph, "s0").inputs = (graph.find("c0"),)


def remove(graph: Graph, name: str) -> None:
    graph._remove(node(graph, name))


def set_weight(graph: Graph, name: str, weight: Weight | None) -> None:
    node(graph, name).weight = weight


def add_result(graph: Graph, name: str) -> None:
    changed = node(graph, name)
    changed.outputs = (*changed.outputs, Value("more", changed.type, changed, 1))


def rename(graph: Graph, name: str, to: str) -> None:
    graph.find(name).name = to


def set_names(graph: Graph, *names: str) -> None:
    graph.output_names = names


def set_output(graph: Graph) -> None:
    graph.outputs = (Value("elsewhere", TensorType((1,))),)


def set_stage(graph: Graph, stage: str) -> None:
    graph.stage = stage


BREAKS: dict[str, tuple[Callable[..., None], tuple[object, ...]]] = {
    "recorded type": (set_type, ("d0", TensorType((2, 4)))),
    "recorded dtype": (set_type, ("s0", TensorType((1, 4, 8, 8), "f16"))),
    "unknown dtype": (set_type, ("data", TensorType((1, 3, 8, 8), "f31"))),
    "bad dimension": (set_type, ("data", TensorType((-1, 3, 8, 8)))),
    "layout too early": (set_type, ("data", TensorType((1, 3, 8, 8), layout=Layout(16)))),
    "order": (move_first, ("s0",)),
    "attribute form": (set_attr, ("c0", "groups", 1.0)),
    "attribute value": (set_attr, ("c0", "stride", (0, 1))),
    "attribute unknown": (set_attr, ("c0", "colour", 1)),
    "attribute missing": (drop_attr, ("c0", "groups")),
    "steps": (set_attr, ("c0", "epilogue", (Step("bias"), Step("bias")))),
    "operator": (set_op, ("s0", "softmin")),
    "foreign operand": (foreign_operand, ()),
    "use list": (unrecorded_use, ()),
    "removed node": (remove, ("d0",)),
    "no weight": (set_weight, ("b0", None)),
    "weight name": (set_weight, ("b0", Weight("other", None))),
    "weight data": (set_weight, ("b0", Weight("b0", np.zeros(5, np.float32)))),
    "result count": (add_result, ("s0",)),
    "name": (rename, ("d0", "c0")),
    "output names": (set_names, ("a", "b")),
    "output": (set_output, ()),
    "stage": (set_stage, ("canonical",)),
    "unknown stage": (set_stage, ("done",)),
}


def message(broken: Callable[..., None], arguments: tuple[object, ...]) -> str:
    graph = parse(TEXT)
    verify(graph)
    broken(graph, *arguments)
    with pytest.raises(VerifyError) as caught:
        verify(graph)
    return str(caught.value)


def test_error_texts(golden: Callable[[str, str], None]) -> None:
    golden("ir/verify_errors.txt", "\n".join(f"--- {name} ---\n{message(*broken)}" for name, broken in BREAKS.items()))


def test_layouts_are_legal_when_lowered() -> None:
    graph = parse(TEXT.replace("dropout(%c0)", "identity(%c0)"))
    set_type(graph, "c0", TensorType(graph.find("c0").type.shape, layout=Layout(16, ((1, 1), (1, 1)))))
    with pytest.raises(VerifyError, match="legal in stage lowered only"):
        verify(graph)
    verify(graph, "lowered")
    set_type(graph, "c0", TensorType(graph.find("c0").type.shape, layout=Layout(16, ((1, 1),))))
    with pytest.raises(VerifyError, match="the layout <c16 halo=\\[1,1\\]> does not fit 4 dimensions"):
        verify(graph, "lowered")


def test_a_message_is_short_whatever_the_graph() -> None:
    lines = "\n".join(f"  %r{number} = relu(%{f'r{number - 1}' if number else 'data'}) : f32[1,3]" for number in range(500))
    graph = parse(f"graph @long(%data: f32[1,3]) {{\n{lines}\n  return %r499\n}}")
    for number, item in enumerate(graph.nodes[1:]):
        item.output.type = TensorType((1, number))
    with pytest.raises(VerifyError) as caught:
        verify(graph)
    text = str(caught.value)
    assert text.startswith("499 things are wrong in graph long, stage imported:")
    assert text.endswith("\nand 479 more")
    assert text.count("\n") < 80
    assert len(text) < 10_000


@settings(deadline=None, max_examples=50)
@given(graphs(), graphs(with_steps=True))
def test_random_graphs_are_valid(imported: Graph, fused: Graph) -> None:
    verify(imported)
    verify(fused)


@pytest.mark.parametrize(("op", "attrs"), [("eltwise", {"epilogue": (Step("relu"),)}),
                                           ("pool", {"kind": "max", "kernel": (2, 2), "stride": (1, 1), "pad": (0, 0)})])
def test_only_some_types_give_others(op: str, attrs: dict) -> None:
    b = GraphBuilder()
    with pytest.raises(VerifyError, match="data of f64 gives no result of bf16; f32 gives f32 or bf16 or u8; bf16 gives f32 or bf16; u8 gives f32 or u8"):
        b.op(op, b.input("data", (1, 2, 4, 4), "f64"), result="bf16", **attrs)
    assert b.op(op, b.input("narrow", (1, 2, 4, 4), "bf16"), result="f32", **attrs).type.dtype == "f32"
