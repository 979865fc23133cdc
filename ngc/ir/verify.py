"""The verifier: whether a graph keeps every invariant of the IR.

Nothing about operators is written here: attributes are checked by the operator's own schema, types by running its inference again.
"""

from dataclasses import dataclass, field, replace

from ngc.errors import VerifyError
from ngc.ir.graph import STAGES, Graph, Node, Value
from ngc.ir.opdef import opdefs
from ngc.ir.printer import print_node, print_return
from ngc.ir.tensor_type import DTYPES, SymDim, TensorType, check_size

MOST_FINDINGS = 20
"""How many findings one error shows."""

_CONTEXT = 4
"""How many lines before and after the first finding's node one error shows."""

_WIDTH = 220
"""How much of a node's line one error shows."""


def verify(graph: Graph, stage: str | None = None) -> None:
    """Returns where the graph is valid for `stage`, by default the one that it says it has reached.

    Raises:
        VerifyError: all that is wrong, the first finding with the lines around it.
    """
    check = _Verifier(graph, graph.stage if stage is None else stage)
    check.run()
    if check.findings:
        raise VerifyError(check.message(), tuple((node.name if node is not None else "", text) for node, text in check.findings))


@dataclass
class _Verifier:
    """The findings about one graph, each with the node that it is about where there is one."""

    graph: Graph
    stage: str
    findings: list[tuple[Node | None, str]] = field(default_factory=list)
    reads: dict[Value, int] = field(default_factory=dict)

    def add(self, node: Node | None, text: str) -> None:
        self.findings.append((node, text))

    def run(self) -> None:
        graph = self.graph
        if self.stage not in STAGES:
            self.add(None, f"unknown stage {self.stage!r}; known: {', '.join(STAGES)}")
        names: dict[str, Value] = {}
        for value in graph.inputs:
            if value.producer is not None:
                self.add(None, f"the input %{value.name} is also the result of {value.producer!r}")
            self.define(value, None, names)
        for node in graph.nodes:
            self.check_node(node, names)
        self.check_outputs()
        for name in graph.ranges:
            if name not in names:
                self.add(None, f"the range of %{name} speaks of no value of this graph")
        for value, count in self.reads.items():
            if len(value._uses) != count:
                self.stale_uses(value, count)

    def define(self, value: Value, node: Node | None, names: dict[str, Value]) -> None:
        """Records a value that now exists: its name is its own, its type sound."""
        if names.setdefault(value.name, value) is not value:
            self.add(node, f"the name %{value.name} stands for two values")
        if value in self.reads:
            self.add(node, f"%{value.name} is defined twice")
        self.reads.setdefault(value, 0)
        if (problem := self.type_problem(value.type)) is not None:
            self.add(node, f"%{value.name}: {problem}")

    def type_problem(self, type: TensorType) -> str | None:
        """Returns what is wrong with a type by itself."""
        if type.dtype not in DTYPES and type.dtype != "bf16":
            return f"unknown element type {type.dtype!r}; known: {', '.join(DTYPES)}, bf16"
        for dim in type.shape:
            if dim.factor < 1 if isinstance(dim, SymDim) else not isinstance(dim, int) or dim < 0:
                return f"{type} has the dimension {dim}; a dimension is a whole number or a positive multiple of N"
        try:
            check_size(type)
        except VerifyError as error:
            return str(error)
        layout = type.layout
        if layout.is_plain:
            return None
        if self.stage != "lowered":
            return f"{type} has a memory layout, which is legal in stage lowered only"
        if layout.block < 1 or type.rank < 2 or (layout.halo and len(layout.halo) != type.rank - 2):
            return f"the layout {layout} does not fit {type.rank} dimensions: it blocks the second, with a halo pair for each one after it"
        return None

    def check_node(self, node: Node, names: dict[str, Value]) -> None:
        graph, reads = self.graph, self.reads
        for position, value in enumerate(node.inputs):
            if value in reads:
                reads[value] += 1
            elif value.producer in graph:
                self.add(node, f"operand {position}, %{value.name}, is read before it is defined: the nodes are not in topological order")
            else:
                self.add(node, f"operand {position}, %{value.name}, is no value of this graph")
            use = value._uses.get((id(node), position))
            if use is None or use.node is not node or use.operand != position:
                self.add(node, f"the use list of %{value.name} lacks operand {position} of this node")
        if not node.outputs:
            self.add(node, "the node has no results")
        for position, value in enumerate(node.outputs):
            if value.producer is not node or value.index != position:
                self.add(node, f"%{value.name} is result {position} of this node but says that it is result {value.index} of {value.producer!r}")
            self.define(value, node, names)
        for region in node.regions:
            try:
                verify(region)
            except VerifyError as error:
                self.add(node, f"in its region, {error}")
        definition = opdefs().get(node.op)
        if definition is not None and "control" in definition.traits:
            for region in node.regions:
                if (region.stage == "lowered") != (graph.stage == "lowered"):
                    self.add(node, f"its region {region.name} is in stage {region.stage}, the graph around it in stage {graph.stage}: they are lowered as one")
        if definition is None:
            self.add(node, f"unknown operator {node.op!r}")
            return
        if self.stage not in definition.stages and self.stage in STAGES:
            self.add(node, f"{node.op} is not legal in stage {self.stage}, only in {', '.join(definition.stages)}")
        try:
            checked = definition.check_attrs(node.attrs)
        except VerifyError as error:
            self.add(node, str(error))
            return
        if len(checked) != len(node.attrs):
            self.add(node, f"the attributes {', '.join(name for name in checked if name not in node.attrs)} are missing: all are recorded, defaults too")
        for name, value in node.attrs.items():
            if checked[name] is not value and (checked[name] != value or repr(checked[name]) != repr(value)):
                self.add(node, f"attribute {name} is {value!r}, its canonical form is {checked[name]!r}")
        if node.op == "const":
            self.check_const(node)
            return
        try:
            inferred = definition.infer_types([value.type for value in node.inputs], checked, node.regions)
        except VerifyError as error:
            self.add(node, str(error))
            return
        if len(inferred) != len(node.outputs):
            self.add(node, f"the node has {len(node.outputs)} results, inference gives {len(inferred)}")
        for value, type in zip(node.outputs, inferred, strict=False):
            if replace(value.type, layout=type.layout) != type:
                self.add(node, f"%{value.name} is recorded as {value.type}, inference gives {type}")

    def check_const(self, node: Node) -> None:
        """A constant has no operands, one result, and data of its type where the data is at hand."""
        weight = node.weight
        if node.inputs or len(node.outputs) != 1:
            self.add(node, f"a constant has no operands and one result, not {len(node.inputs)} and {len(node.outputs)}")
        if weight is None:
            self.add(node, "the constant has no weight")
        elif weight.name != node.attrs["name"]:
            self.add(node, f"the constant's attribute name is {node.attrs['name']!r}, its weight's name {weight.name!r}")
        elif (array := weight.array) is not None and node.outputs:
            type, wanted = node.type, DTYPES.get(node.type.dtype, DTYPES["f32"])
            if array.shape != type.shape or array.dtype != wanted:
                self.add(node, f"the data is {array.dtype}{list(array.shape)}, which does not fit the type {type}")

    def check_outputs(self) -> None:
        graph = self.graph
        if len(graph.inputs) != len(graph.input_names) or len(set(graph.input_names)) != len(graph.input_names):
            names = ", ".join(map(repr, graph.input_names)) or "none"
            self.add(None, f"the graph has {len(graph.inputs)} inputs and the input names {names}; each needs its own")
        if len(graph.outputs) != len(graph.output_names):
            self.add(None, f"the graph has {len(graph.outputs)} outputs and {len(graph.output_names)} output names")
        for value in graph.outputs:
            if value not in self.reads:
                self.add(None, f"the output %{value.name} is no value of this graph")

    def stale_uses(self, value: Value, count: int) -> None:
        """Reports what a use list holds beyond the reads that exist."""
        for use in value.uses:
            if use.node not in self.graph:
                self.add(value.producer, f"the use list of %{value.name} holds {use.node!r}, which is not in the graph")
            elif use.operand >= len(use.node.inputs) or use.node.inputs[use.operand] is not value:
                self.add(value.producer, f"the use list of %{value.name} holds operand {use.operand} of {use.node!r}, which reads something else")

    def message(self) -> str:
        """Returns one text for all findings, bounded whatever the graph's size."""
        count = len(self.findings)
        what = "one thing is wrong" if count == 1 else f"{count} things are wrong"
        lines = [f"{what} in graph {self.graph.name}, stage {self.stage}:"]
        for number, (node, text) in enumerate(self.findings[:MOST_FINDINGS], 1):
            lines.append(f"{number}. {text}")
            if node is None:
                continue
            if number == 1:
                lines += self.surroundings(node)
            else:
                lines.append(f"     {_shorten(print_node(node))}")
            if node.locs:
                places = ", ".join(map(str, node.locs[:3])) + (f" and {len(node.locs) - 3} more" if len(node.locs) > 3 else "")
                lines.append(f"     from MXNet's {places}")
        if count > MOST_FINDINGS:
            lines.append(f"and {count - MOST_FINDINGS} more")
        return "\n".join(lines)

    def surroundings(self, node: Node) -> list[str]:
        """Returns the node's line with those around it, marked."""
        nodes = self.graph.nodes
        if node not in self.graph:
            return [f"   > {_shorten(print_node(node, locations=False))}"]
        at = nodes.index(node)
        first, last = max(at - _CONTEXT, 0), min(at + _CONTEXT + 1, len(nodes))
        lines = ["     ..."] if first else []
        lines += (f"   {'>' if position == at else ' '} {_shorten(print_node(nodes[position], locations=False))}" for position in range(first, last))
        lines.append(f"     {_shorten(print_return(self.graph))}" if last == len(nodes) else "     ...")
        return lines


def _shorten(line: str) -> str:
    return line if len(line) <= _WIDTH else line[:_WIDTH - 4] + " ..."
