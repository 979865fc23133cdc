"""The text of Graphviz: that it is in the language, and says what the picture says."""

import re

from ngc.ir import parse
from ngc.visualize import Box, Diagram, dot_text, graph_diagram
from tests.visualize.test_pictures import DIVIDED

TOKEN = re.compile(r'\s+|"(?:[^"\\]|\\.)*"|->|[{}\[\];,=]|[A-Za-z_][A-Za-z0-9_]*|[0-9.]+')


def tokens(text: str) -> list[str]:
    """Returns the tokens of the language; AssertionError where something is none."""
    found, position = [], 0
    while position < len(text):
        token = TOKEN.match(text, position)
        assert token is not None, text[position:position + 40]
        position = token.end()
        if not token[0].isspace():
            found.append(token[0])
    return found


def test_nodes_arrows_and_clusters() -> None:
    found = tokens(dot_text(graph_diagram(parse(DIVIDED))))
    assert found[:3] == ["digraph", '"g"', "{"]
    assert found[-1] == "}"
    assert found.count("{") == found.count("}") == 2
    assert found.count("[") == found.count("]") == 2 + 5
    assert found.count("->") == 4
    assert found[found.index("subgraph"):][:7] == ["subgraph", "cluster_0", "{", "label", "=", '"neuron: part"', ";"]


def test_texts_are_escaped() -> None:
    text = dot_text(Diagram('a "b"\\', {"x\ny": Box('1\n"2"', "input"), "é": Box("b\\c")}, (("x\ny", "é"),)))
    assert r'"x\ny" -> "é";' in text
    assert r'label="1\n\"2\""' in text
    assert tokens(text)[1] == '"a \\"b\\"\\\\"'



def test_scales_of_channels_are_cut() -> None:
    scales = ",".join(f"{number}.0" for number in range(1, 9))
    text = f"graph @g(%x: u8[1,8]<q scale=[{scales}] zero_point=0 axis=1>) {{\n  %y = identity(%x) : u8[1,8]\n  return %y\n}}"
    assert "scale=[1.0,2.0,3.0,4.0,... 4 more]" in dot_text(graph_diagram(parse(text)))
    assert "scale=[1.0,... 7 more]" in dot_text(graph_diagram(parse(text), elide_larger_than=1))
