"""The text form, as read back."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.errors import NgcError, ParseError
from ngc.ir import Graph, evaluate, parse, verify
from ngc.ir.weights_file import collect_weights
from tests.ir.test_printer import example
from tests.strategies import feeds_for, graphs

DESIGN = """graph @resnet18(%data: f32[N,3,224,224]) {
  %w0 = const @conv0_weight : f32[64,3,7,7]
  %b0 = const @conv0_bias : f32[64]
  %c0 = conv2d(%data, %w0, %b0) {stride=[2,2], pad=[3,3], epilogue=[bias(%b0), relu]} : f32[N,64,112,112] loc("conv0", "relu0")
  return %c0
}"""

FULL = """graph @resnet18(%data: f32[N,3,224,224]) stage("lowered") {
  %w0 = const @conv0_weight#1a2b3c4d5e6f7a8b : f32[64,3,7,7]
  %b0 = const @"conv0 bias" : f32[64] loc("conv0")
  %c0, %t0 = conv2d(%data, %w0, %b0) {stride=[2,2], pad=[3,3], epilogue=[bias(%b0), tee, relu, clip(0.0,inf)]} : \
f32[N,64,112,112]<c16 halo=[1,1,1,1] fill=-inf><q scale=[0.1,2.0] zero_point=-3 axis=1>, f32[N,64,112,112] loc("conv0" in "f.json" at 12, "relu0" at 3)
  return %c0 as "softmax_output", %t0
}"""


@pytest.mark.parametrize("text", [DESIGN, FULL], ids=["design", "full"])
def test_text_comes_back_as_it_was(text: str) -> None:
    assert str(parse(text)) == text


def test_comments_blank_lines_and_spacing() -> None:
    text = "# RUN: ngc-opt %s\n\n" + DESIGN.replace("\n", "\r\n  # a comment\n\t").replace(", ", "  ,  ") + "\n\n# the end\n"
    assert str(parse(text)) == DESIGN


def test_everything_comes_back() -> None:
    text = str(example())
    graph = parse(text)
    verify(graph)
    assert str(graph) == text
    assert graph.outputs[0].name == "r"
    assert graph.output_names == ("softmax_output", "c_2", "p")


@settings(deadline=None, max_examples=50)
@given(graphs(), graphs(with_steps=True))
def test_random_graphs_come_back_with_the_same_meaning(imported: Graph, fused: Graph) -> None:
    for graph in (imported, fused):
        text = str(graph)
        assert str(parse(text)) == text
        again = parse(text, collect_weights(graph))
        verify(again)
        assert str(again) == text
        feeds = feeds_for(graph)
        for left, right in zip(evaluate(graph, feeds), evaluate(again, feeds), strict=True):
            np.testing.assert_array_equal(left, right)


def test_data_of_another_model_is_refused() -> None:
    graph = example()
    weights = collect_weights(graph)
    weights["bias"] = weights["bias"] + 1
    with pytest.raises(ParseError, match=r"the data of 'bias' has the hash [0-9a-f]{16}, the text says [0-9a-f]{16}: they are of different models"):
        parse(str(graph), weights)
    weights["bias"] = np.zeros(3, np.float32)
    with pytest.raises(ParseError, match=r"the data of 'bias' is float32\[3\], which does not fit f32\[4\]"):
        parse(str(graph), weights)


ERRORS = {
    "operator": (DESIGN, "conv2d(", "conv2dd("),
    "operand": (DESIGN, "return %c0", "return %c9"),
    "step operand": (DESIGN, "bias(%b0)", "bias(%w0)"),
    "step arity": (DESIGN, "bias(%b0)", "bias"),
    "unknown step": (DESIGN, "relu]", "rleu]"),
    "step parameters": (DESIGN, "relu]", "clip(1.0)]"),
    "type": (DESIGN, "f32[N,64,112,112]", "f32[N,64,112,111]"),
    "dtype": (DESIGN, "f32[64]", "f31[64]"),
    "dimension": (DESIGN, "f32[64]", "f32[-64]"),
    "huge dimension": (DESIGN, "f32[64]", "f32[99999999999999999999]"),
    "attribute": (DESIGN, "stride=", "strides="),
    "attribute twice": (DESIGN, "pad=", "stride="),
    "attribute value": (DESIGN, "stride=[2,2]", 'stride="2"'),
    "results": (DESIGN, "%c0 = conv2d", "%c0, %t0 = conv2d"),
    "defined twice": (DESIGN, "%b0 = const", "%w0 = const"),
    "same result twice": (FULL, "%c0, %t0 =", "%c0, %c0 ="),
    "const results": (DESIGN, "%b0 = const", "%b0, %b1 = const"),
    "hash": (FULL, "#1a2b", "#zz2b"),
    "stage": (FULL, '"lowered"', '"done"'),
    "layout": (FULL, "<c16 ", "<16 "),
    "halo": (FULL, "halo=[1,1,1,1]", "halo=[1,1,1]"),
    "no header": (DESIGN, "graph ", "grap "),
    "no return": (DESIGN, "  return %c0\n", ""),
    "no brace": (DESIGN, "\n}", ""),
    "after the end": (DESIGN, "\n}", "\n}\n}"),
    "after the line": (DESIGN, "return %c0", "return %c0 x"),
    "string escape": (DESIGN, '"relu0"', '"\\q"'),
    "open string": (DESIGN, '"relu0")', '"relu0)'),
    "nesting": (DESIGN, "stride=[2,2]", "stride=[[[[[2]]]]]"),
    "elided": (DESIGN, "stride=[2,2]", "stride=[2,... 1 more]"),
    "empty": (DESIGN, DESIGN, ""),
}


def test_error_texts(golden: Callable[[str, str], None]) -> None:
    shown = []
    for name, (text, old, new) in ERRORS.items():
        assert old in text, name
        with pytest.raises(ParseError) as caught:
            parse(text.replace(old, new, 1), source="model.ngir")
        shown.append(f"--- {name} ---\n{caught.value}")
    golden("ir/parser_errors.txt", "\n".join(shown))


def test_a_caret_stands_under_the_place_in_a_long_line() -> None:
    line = "  %x = relu(%data) {" + ", ".join(f"a{number}=1" for number in range(200)) + ", ?=1} : f32[1]"
    with pytest.raises(ParseError) as caught:
        parse(f"graph @g(%data: f32[1]) {{\n{line}\n  return %x\n}}")
    _, shown, caret = str(caught.value).split("\n")
    assert shown[caret.index("^")] == "?"
    assert len(shown) < 120


TOKENS = ["N", "2*N", "none", "inf", "nan", "0", "-1", "99999999999999", "1e400", "true", "[", "]", "[[[[[", "(", ")", "{", "}", "%data", "@x", '"a"', "relu",
          "tee", "bias(%data)", "f64", "i32", "bool", "<c16>", "<q scale=[1.0] zero_point=0 axis=0>", "conv2d", "dense", "slice", "concat", "reshape", "pool",
          "eltwise", "where", "cast", "lrn", "batch_norm", ",", "=", ":", "loc(", "const", "\\", "\x00", "é", "\ud800", "#", "...", '""', "scalar=1.0", "2.5"]


@settings(deadline=None, max_examples=50)
@given(graphs(), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 2), st.sampled_from(TOKENS)), min_size=1, max_size=6))
def test_mutated_text_gives_a_graph_or_an_error(graph: Graph, edits: list[tuple[int, int, str]]) -> None:
    parts = re.findall(r"\w+|\s+|.", str(graph))
    for place, removed, token in edits:
        at = place % len(parts)
        parts[at:at + removed] = [token]
    text = "".join(parts)
    try:
        read = parse(text)
    except NgcError:
        return
    assert str(parse(str(read))) == str(read)


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=200))
def test_garbage_gives_an_error(text: str) -> None:
    with pytest.raises(ParseError):
        parse(text)


@pytest.mark.parametrize(("type", "message"), [
    ("f32[1000000000,1000000000]", "f32[1000000000,1000000000] takes 4000000000000000000 bytes; a tensor takes at most 549755813888"),
    ("u8[549755813889]", "u8[549755813889] takes 549755813889 bytes; a tensor takes at most 549755813888"),
    (f"f32[{','.join('1' * 33)}]", "a tensor has at most 32 dimensions, not 33"),
])
def test_types_that_no_machine_holds(type: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(f"graph @g(%x: {type}) {{\n  return %x\n}}\n")
    assert caught.value.what == message


def test_results_that_no_machine_holds() -> None:
    with pytest.raises(ParseError, match=r"f32\[1000000,1000000\] takes 4000000000000 bytes; a tensor takes at most 549755813888"):
        parse("graph @g(%x: f32[1,1]) {\n  %y = broadcast_to(%x) {shape=[1000000,1000000]} : f32[1,1]\n  return %y\n}\n")


def test_long_attributes_are_shortened_in_messages() -> None:
    items = ",".join("1" * 50_000)
    with pytest.raises(ParseError) as caught:
        parse(f'graph @g(%x: f32[1,1]) {{\n  %y = transpose(%x) {{axes="{items}"}} : f32[1,1]\n  return %y\n}}\n')
    assert len(str(caught.value)) < 1000


def test_many_unknown_attributes_are_shortened_in_messages() -> None:
    attrs = ", ".join(f"a{index}=1" for index in range(5000))
    with pytest.raises(ParseError, match=r"relu has no attribute a0, a1, .* \.\.\. ") as caught:
        parse(f"graph @g(%x: f32[1]) {{\n  %y = relu(%x) {{{attrs}}} : f32[1]\n  return %y\n}}\n")
    assert len(str(caught.value)) < 1000


def test_many_inputs_and_patterns() -> None:
    """Each takes constant time: the interface becomes a tuple when somebody asks for it."""
    count = 20_000
    inputs = ", ".join(f"%x{index}: f32[1]" for index in range(count))
    patterns = ", ".join(['"a"'] * count)
    graph = parse(f"graph @g({inputs}) excluded({patterns}) {{\n  return %x0\n}}\n")
    assert (len(graph.inputs), graph.input_names[-1], len(graph.excluded)) == (count, f"x{count - 1}", count)
