"""Patterns by which a user names nodes: of the original model, or kinds of operators.

    resnet_conv0_fwd        the node of that name in MXNet's file, wherever it was fused into
    stage1_*                names by the wildcards * ? [...]
    re:stage[12]_conv\\d    names by a regular expression, which must match all of a name
    op:Convolution          operators, by MXNet's name or by the IR's, wildcards too

A pattern that matches nothing is an error: a layer that was meant to be excluded and is not costs accuracy unseen.
"""

import difflib
import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence

from ngc.errors import InputError
from ngc.ir import Graph, Node

_OPERATORS = {
    "Convolution": ("conv1d", "conv2d", "conv3d"),
    "Deconvolution": ("deconv1d", "deconv2d", "deconv3d"),
    "FullyConnected": ("dense",),
    "Pooling": ("pool",),
    "Concat": ("concat",),
    "Flatten": ("reshape",),
    "elemwise_add": ("eltwise", "add"),
    "Activation": ("eltwise",),
}
"""MXNet's operators that quantization meets, and what they have become after fusion; in regions of engines sums are on their own."""


def excluded_nodes(graph: Graph, patterns: Sequence[str], *, strict: bool = True) -> dict[Node, str]:
    """Returns the nodes that patterns name, each with the reason to be told.

    Args:
        graph: in which to look.
        patterns: what to look for.
        strict: whether a pattern that matches nothing is an error; those that come with a model may speak of nodes that passes have removed.

    Raises:
        InputError: patterns match nothing, or are no regular expressions; all of them in one message, with near matches.
    """
    found: dict[Node, str] = {}
    problems = []
    for pattern in patterns:
        try:
            matches = node_matcher(pattern)
        except re.error as error:
            problems.append(f"{pattern!r} is no regular expression: {error}")
            continue
        nodes = [node for node in graph.nodes if node.op != "const" and matches(node)]
        found.update({node: f"excluded by {pattern!r}" for node in nodes if node not in found})
        if not nodes and strict:
            problems.append(f"{pattern!r} matches nothing{_suggestion(pattern, graph)}")
    if problems:
        raise InputError("cannot exclude: " + "; ".join(problems))
    return found


def names_of(node: Node) -> Iterable[str]:
    """Returns the names by which a node can be meant: those of the MXNet nodes that it stands for, and its own."""
    return (*(loc.name for loc in node.locs), node.name)


def node_matcher(pattern: str) -> Callable[[Node], bool]:
    """Returns whether a pattern names a node; re.error where it is no regular expression."""
    if pattern.startswith("re:"):
        expression = re.compile(pattern.removeprefix("re:"))
        return lambda node: any(expression.fullmatch(name) for name in names_of(node))
    if pattern.startswith("op:"):
        wanted = pattern.removeprefix("op:")
        operators = _OPERATORS.get(wanted, (wanted,))
        return lambda node: any(fnmatch.fnmatchcase(node.op, operator) for operator in operators)
    if any(sign in pattern for sign in "*?["):
        return lambda node: any(fnmatch.fnmatchcase(name, pattern) for name in names_of(node))
    return lambda node: pattern in names_of(node)


def _suggestion(pattern: str, graph: Graph) -> str:
    known = {name: None for node in graph.nodes if node.op != "const" for name in names_of(node)}
    if pattern.startswith("op:"):
        known = {f"op:{name}": None for name in (*_OPERATORS, *(node.op for node in graph.nodes))}
    known.pop(pattern, None)
    near = difflib.get_close_matches(pattern, known, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
