"""What is done with every graph that a reader gives: it is verified, printed, and read back as the same text."""

from ngc.ir import Graph, parse
from ngc.ir.printer import print_graph
from ngc.ir.verify import verify


def use(graph: Graph, turn: int) -> None:
    """Goes through a graph; one in four comes back from its text, in either form, as `turn` counts: that takes longer than all the rest.

    Raises:
        VerifyError: the graph breaks a rule of the IR.
        AssertionError: it does not come back.
    """
    verify(graph)
    generic = turn % 8 == 4
    text = print_graph(graph, generic=generic)
    if turn % 4 == 0:
        assert print_graph(parse(text), generic=generic) == text, "the text does not come back"
