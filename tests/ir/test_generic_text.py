"""The generic text form: it says everything, and what it says is read back."""

import re

import pytest
from hypothesis import given, settings

from ngc.errors import ParseError
from ngc.ir import Graph, parse, print_graph, verify
from ngc.ir.weights_file import collect_weights
from ngc.passes import PassManager
from tests.ir import test_regions
from tests.ir.test_printer import example
from tests.strategies import graphs

CONST = 'graph @g() stage("imported") excluded() {{\n  %w = "const"() {{{attrs}}} : () -> f32[4]\n  return %w as "w"\n}}'
ADD = 'graph @g(%x as "x": f32[4]) stage("imported") excluded() {{\n  %y = "add"(%x, %x) {{scalar=none, reverse=false}} : ({types}) -> f32[4]\n'\
    '  return %y as "y"\n}}'


@settings(deadline=None, max_examples=50)
@given(graphs(), graphs(with_steps=True))
def test_random_graphs_come_back(imported: Graph, fused: Graph) -> None:
    lowered = parse(str(imported), collect_weights(imported))
    PassManager("@cpu-fp32", verify_each=False).run(lowered)
    for graph in (imported, fused, lowered):
        text = print_graph(graph, generic=True)
        again = parse(text, collect_weights(graph))
        verify(again)
        assert print_graph(again, generic=True) == text
        assert str(again) == str(graph)


@pytest.mark.parametrize("short", [str(example()), test_regions.TEXT.rstrip("\n")], ids=["everything", "regions"])
def test_examples_come_back(short: str) -> None:
    assert str(parse(print_graph(parse(short), generic=True))) == short


def test_every_attribute_and_every_operand_type_is_there() -> None:
    graph = example()
    lines = print_graph(graph, generic=True, locations=False).split("\n")[1:]
    for node, line in zip(graph.nodes, lines, strict=False):
        assert f' = "{node.op}"(' in line
        shown = re.findall(r"(\w+)=", line[line.index("{"):])
        assert shown[:1] == ["name"] if node.op == "const" else [name for name in shown if name in node.definition.attrs] == list(node.attrs)
        assert f" : ({', '.join(str(value.type) for value in node.inputs)}) -> {', '.join(str(value.type) for value in node.outputs)}" in line


@pytest.mark.parametrize(("text", "message"), [
    (ADD.format(types="f32[4]"), "expected ',' between the operands' types"),
    (ADD.format(types="f32[4], f32[5]"), r"the operand %x has the type f32\[4\], not f32\[5\]"),
    (ADD.format(types="f32[4], f32[4], f32[4]"), r"expected '\)' after the operands' types, one for each operand"),
    (ADD.format(types="f32[4], f32[4]").replace("->", ":"), "expected '->' before the results' types"),
    (ADD.format(types="f32[4], f32[4]").replace('"add"', '"ad"'), "unknown operator 'ad'; did you mean pad, add?"),
    (ADD.format(types="f32[4], f32[4]").replace('"add"', '""'), "expected an operator's name"),
    (CONST.format(attrs='name="w"'), 'expected \',\' in () {name="weight", digest="hash"} of a constant'),
    (CONST.format(attrs='name=w, digest=none'), "expected the constant's name in double quotes"),
    (CONST.format(attrs='name="w", digest="12"'), "expected a hash of 16 hexadecimal digits"),
    (CONST.format(attrs='name="w", digest=12'), "expected the constant's hash, or none, in double quotes"),
])
def test_errors(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=message if "\\" in message else re.escape(message)) as error:
        parse(text)
    assert str(error.value).endswith("^")
