"""What of a model would go to an engine, before anything is compiled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ngc.engines import EngineOptions, parse_engine_target
from ngc.errors import InputError
from ngc.importer import import_model
from ngc.ir import Graph, Node, clone
from ngc.passes import PIPELINES, PassContext, PassManager
from ngc.passes.partition import PartitionOptions, check_names, plan_partition, sources_of


@dataclass(frozen=True)
class Staying:
    """An operator that stays on the CPU: the MXNet node's name, what it is in the IR, and why it stays."""

    node: str
    op: str
    reason: str


@dataclass(frozen=True)
class Coverage:
    """How a model divides between an engine and the CPU, counted in operators of the MXNet model.

    Attributes:
        target: the engine's target text.
        operators: in the model.
        on_engine: those of them whose work the engine does.
        gone: those that nothing has to do, since passes fold them away before the model is divided: dropout, what only reshapes twice, and so on.
        subgraphs: regions that the engine executes, each a call.
        sizes: operators in each of them.
        staying: the others, in the model's order.
    """

    target: str
    operators: int
    on_engine: int
    gone: int
    sizes: tuple[int, ...]
    staying: tuple[Staying, ...]

    @property
    def subgraphs(self) -> int:
        """How many regions the engine executes."""
        return len(self.sizes)

    @property
    def left(self) -> int:
        """How many operators stay on the CPU."""
        return len(self.staying)

    @property
    def nodes(self) -> int:
        """How many nodes the divided model has: what stays, and a call for each region."""
        return self.left + self.subgraphs

    def table(self) -> str:
        """Returns what stays and why as text, equal reasons together, most frequent first."""
        from io import StringIO

        from rich.console import Console
        from rich.table import Table

        groups: dict[tuple[str, str], list[str]] = {}
        for item in self.staying:
            groups.setdefault((item.op, item.reason), []).append(item.node)
        table = Table("operator", "number", "reason", "nodes", box=None)
        for (op, reason), nodes in sorted(groups.items(), key=lambda group: -len(group[1])):
            table.add_row(op, str(len(nodes)), reason, ", ".join(nodes[:4]) + (f" and {len(nodes) - 4} more" if len(nodes) > 4 else ""))
        console = Console(file=StringIO(), width=160)
        console.print(table)
        return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())  # type: ignore[attr-defined]  # it is a StringIO

    def __str__(self) -> str:
        places = "1 subgraph" if self.subgraphs == 1 else f"{self.subgraphs} subgraphs"
        gone = f", {self.gone} folded away" if self.gone else ""
        text = f"{self.target}: {self.on_engine} of {self.operators} operators in {places}{gone}, {self.left} left"
        return f"{text}\n{self.table()}" if self.staying else text


def coverage(model: Any, target: str, params: Any = None, *, shapes: Mapping[str, Sequence[int | str]] | None = None,
             dtypes: Mapping[str, str] | None = None, outputs: Sequence[str] | None = None, engine: EngineOptions | None = None) -> Coverage:
    """Returns what of a model an engine would execute; compiles nothing and needs neither the engine nor its device.

    Args:
        model: what `ngc.compile` takes.
        target: an engine, such as "tensorrt" or "neuron".
        params: a .params path or a dictionary of arrays; found beside the symbol when a path or prefix is given.
        shapes: input shapes by name.
        dtypes: input dtypes by name, float32 unless given.
        outputs: names of inner values to return instead of the symbol's heads.
        engine: what goes to the engine, as `ngc.compile` takes it.

    Raises:
        ImportFailure: the model's files are missing, damaged or inconsistent.
        UnsupportedOperator: operators that ngc does not know, all of them listed.
        InputError: the target is no engine, or a name in the options is none of the model's.
    """
    device = parse_engine_target(target)
    if device is None:
        raise InputError(f"coverage is of engines, such as \"tensorrt\" or \"neuron\"; {target!r} is none")
    graph = clone(model) if isinstance(model, Graph) else import_model(model, params, shapes=shapes, dtypes=dtypes, outputs=outputs)
    options = engine or EngineOptions()
    if any(node.op == "engine.call" for node in graph.nodes):
        raise InputError("the graph is divided already: its nodes engine.call are what an engine executes; ask about the model that it came from")
    chosen = PartitionOptions(options.min_subgraph_size, options.excl_node_names, options.force_incl_node_names, strict=False)
    check_names(graph, chosen)
    variables = set(graph.input_names)
    every = [name for name in _sources(graph.nodes) if name not in variables]
    PassManager(PIPELINES["canonical"], verify_each=False).run(graph, PassContext())
    plan = plan_partition(graph, device.engine, chosen)
    staying: dict[str, Staying] = {}
    for node, reason in plan.left.items():
        for name in sources_of(node):
            staying.setdefault(name, Staying(name, node.op, reason))
    on_engine: set[str] = set()
    sizes = []
    for region in plan.regions:
        # An operator of several nodes may be in two regions; it counts in the first.
        inside = set(_sources(region)) - staying.keys() - on_engine
        on_engine |= inside
        sizes.append(len(inside))
    gone = [name for name in every if name not in on_engine and name not in staying]
    return Coverage(target, len(every), len(on_engine), len(gone), tuple(sizes), tuple(staying[name] for name in every if name in staying))


def _sources(nodes: Sequence[Node]) -> list[str]:
    """Returns the operators of the MXNet model that nodes come from, each once."""
    return list(dict.fromkeys(name for node in nodes if node.op != "const" for name in sources_of(node)))
