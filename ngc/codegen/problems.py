"""How code generators report the nodes that they cannot serve: all of them, by reason."""

from collections.abc import Callable, Mapping, Sequence

from ngc.ir import Graph, Node

_SHOWN = 8
"""Names that stand for a reason; there may be hundreds."""


def list_problems(problems: Mapping[str, Sequence[str]]) -> str:
    """Returns a line for each reason, with the names of the nodes that it keeps out."""
    return "\n".join(f"  {reason}: {len(names)} node{'s' * (len(names) > 1)} ({', '.join('%' + name for name in names[:_SHOWN])}"
                     f"{', ...' * (len(names) > _SHOWN)})" for reason, names in problems.items())


def list_refused(graph: Graph, why_not: Callable[[Node], str | None]) -> str:
    """Returns a line for each reason for which `why_not` refuses nodes of a graph, an empty text where it refuses none."""
    problems: dict[str, list[str]] = {}
    for node in graph.nodes:
        if (reason := why_not(node)) is not None:
            problems.setdefault(reason, []).append(node.name)
    return list_problems(problems)
