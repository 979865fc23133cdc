"""The text of a module: its arguments, its locations, its literals, and what it says of graphs that have none."""

import numpy as np
import pytest

from ngc.codegen.stablehlo import emit_stablehlo
from ngc.codegen.stablehlo.hlo import hlo_module, verify_stablehlo
from ngc.codegen.stablehlo.text import Body
from ngc.errors import CodegenError
from ngc.ir import Graph, GraphBuilder, Loc, Step, SymDim


def small() -> Graph:
    """Returns a dense layer of two constants, from MXNet's nodes fc and act."""
    builder = GraphBuilder('a "small" net')
    x = builder.input("data", (2, 3))
    w = builder.const("w", np.ones((4, 3), np.float32))
    b = builder.const("b", np.zeros(4, np.float32))
    y = builder.op("dense", x, w, b, epilogue=(Step("bias"),), name="fc", loc=Loc("fc", "net-symbol.json", 3))
    graph = builder.finish([builder.op("relu", y, name="act", loc=Loc("act"))], ["out"])
    graph.stage = "fused"
    return graph


def test_weights_are_parameters_behind_the_inputs(golden) -> None:
    module = emit_stablehlo(small())
    assert module.parameters == ("w", "b")
    golden("stablehlo/small.mlir", module.text)


def test_the_text_needs_no_data_and_no_library() -> None:
    from ngc.ir import parse

    graph = parse(str(small()))
    assert emit_stablehlo(graph) == emit_stablehlo(small())


def test_what_comes_from_several_nodes_says_so() -> None:
    graph = small()
    graph.nodes[-1].locs = (Loc("act"), Loc('quo"ted'))
    module = emit_stablehlo(graph)
    assert 'loc(fused["act", "quo\\"ted"])' in module.text
    verify_stablehlo(module.text)


def test_all_nodes_without_a_form_are_named_by_the_reason() -> None:
    builder = GraphBuilder("net")
    x = builder.input("data", (2, 3))
    builder.input("unread", (SymDim(), 3))
    y = builder.op("cast", builder.op("gamma", x, name="g"), dtype="f64", name="wide")
    for number in range(9):
        y = builder.op("relu", y, name=f"r{number}")
    with pytest.raises(CodegenError) as caught:
        emit_stablehlo(builder.finish([y]))
    assert str(caught.value) == ("some operators have no form in StableHLO:\n"
                                 "  StableHLO has no gamma function, and the exponential of its logarithm loses digits: 1 node (%g)\n"
                                 "  its data is f64; Neuron computes in 32 bits: 10 nodes (%wide, %r0, %r1, %r2, %r3, %r4, %r5, %r6, ...)\n"
                                 "  its batch is N; Neuron compiles fixed shapes: the input 'unread'")


@pytest.mark.parametrize(("value", "dtype", "literal"), [
    (0.1, "f32", "0.1"), (1e-5, "f32", "1.0e-05"), (2.5e30, "f32", "2.5e+30"), (-3, "f32", "-3.0"), (np.inf, "f32", "0x7F800000"),
    (-np.inf, "f16", "0xFC00"), (np.inf, "bf16", "0x7F80"), (-7, "i32", "-7"), (True, "bool", "true"), (0, "bool", "false"), (200, "u8", "200"),
])
def test_literals_are_exact(value: float, dtype: str, literal: str) -> None:
    body = Body()
    result = body.scalar(value, dtype)
    assert f"dense<{literal}>" in body.lines[0]
    verify_stablehlo(f"module {{ func.func public @main() -> {result.type} {{ {body.lines[0]} return {result.name} : {result.type} }} }}")


def test_a_module_that_does_not_parse_shows_its_line() -> None:
    text = emit_stablehlo(small()).text.replace('"stablehlo.maximum"', '"stablehlo.maximal"')
    number = next(number for number, line in enumerate(text.splitlines(), 1) if "maximal" in line)
    with pytest.raises(CodegenError, match=rf"(?s)StableHLO's verifier refuses the module: .*maximal.*\nline {number}: %\d+ = \"stablehlo.maximal\""):
        hlo_module(text)


def test_a_module_that_does_not_verify_shows_its_line() -> None:
    text = emit_stablehlo(small()).text.replace("rhs_contracting_dimensions = [1]", "rhs_contracting_dimensions = [0]")
    with pytest.raises(CodegenError, match=r"(?s)refuses the module: .*contracting dimension.*\nline \d+: %0 = \"stablehlo.dot_general\""):
        verify_stablehlo(text)


def test_an_hlo_proto_has_the_graphs_locations() -> None:
    proto = hlo_module(emit_stablehlo(small()).text)
    assert b"small" in proto
    assert b"fc" in proto


def test_a_syntax_error_shows_its_line() -> None:
    text = emit_stablehlo(small()).text.replace("    return", "    retrun")
    with pytest.raises(CodegenError, match=r"(?s)refuses the module: .*retrun.*\nline 8: retrun %4"):
        verify_stablehlo(text)


def test_an_error_that_names_a_location_only_shows_its_line() -> None:
    text = """module {
  func.func public @main(%a: tensor<2x3xf32>) -> tensor<2x3xf32> {
    %0 = "stablehlo.transpose"(%a) {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<2x3xf32> loc("deep")
    return %0 : tensor<2x3xf32>
  }
}"""
    with pytest.raises(CodegenError, match=r"(?s)refuses the module: .*\nerror: \"deep\": .*inferred.*\nline 3: %0 = \"stablehlo.transpose\""):
        verify_stablehlo(text)


def test_a_module_without_a_main_function_has_no_hlo() -> None:
    with pytest.raises(CodegenError, match=r"^XLA has no HLO for the StableHLO module: .*requires module with `main` function"):
        hlo_module("module {}")
