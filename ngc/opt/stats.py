"""What a graph consists of and costs: operators, constants, operations of layers, and the activations that are alive together."""

import json
from dataclasses import asdict, dataclass

from ngc.codegen.llvm.calls import buffer_size
from ngc.ir import Graph, SymDim, Value
from ngc.ir.flops import layer_flops


@dataclass(frozen=True)
class LayerCost:
    """One layer: its operations, and its share of those of all layers."""

    node: str
    operator: str
    mxnet: tuple[str, ...]
    flops: int
    share: float


@dataclass(frozen=True)
class GraphStats:
    """Numbers of one graph.

    Attributes:
        graph: its name.
        stage: its stage.
        batch: "N = 1" where its batch is N; empty otherwise.
        operators: how often each occurs, in regions too, constants left out.
        constants: how many there are.
        constant_bytes: of their data in memory.
        flops: of all layers; see `ngc.ir.flops`.
        layers: in order.
        peak_bytes: the most that values, inputs and outputs among them, take at one time if each is freed after its last reader.
        peak_node: the node that runs then.
    """

    graph: str
    stage: str
    batch: str
    operators: dict[str, int]
    constants: int
    constant_bytes: int
    flops: int
    layers: tuple[LayerCost, ...]
    peak_bytes: int
    peak_node: str

    def table(self) -> str:
        """Returns the numbers as text, layers in order."""
        lines = [f"{self.graph}, stage {self.stage}: {sum(self.operators.values())} nodes" + (f", for {self.batch}" if self.batch else ""),
                 f"operators    {', '.join(f'{op} {count}' for op, count in self.operators.items()) or 'none'}",
                 f"constants    {self.constants}, {self.constant_bytes / 1e6:.3f} MB",
                 f"activations  {self.peak_bytes / 1e6:.3f} MB at most" + (f", at %{self.peak_node}" if self.peak_node else ""),
                 f"layers       {len(self.layers)}, {self.flops / 1e9:.3f} GFLOP", f"{'MFLOP':>12} {'share':>6}  {'operator':<16} node"]
        lines += [f"{layer.flops / 1e6:12.3f} {layer.share:6.1%}  {layer.operator:<16} %{layer.node}"
                  + (f"  ({', '.join(layer.mxnet)})" if layer.mxnet else "") for layer in self.layers]
        return "\n".join(lines)

    def to_json(self) -> str:
        """Returns the numbers as JSON."""
        return json.dumps(asdict(self), indent=1)


def graph_stats(graph: Graph) -> GraphStats:
    """Returns the numbers of a graph of any stage."""
    nodes = [(node, prefix) for part, prefix in _parts(graph) for node in part.nodes]
    operators: dict[str, int] = {}
    for node, _ in nodes:
        if node.op != "const":
            operators[node.op] = operators.get(node.op, 0) + 1
    constants = [buffer_size(node.type)[0] for node, _ in nodes if node.op == "const"]
    flops = {prefix + node.name: (node, layer_flops(node)) for node, prefix in nodes}
    total = sum(count for _, count in flops.values())
    layers = tuple(LayerCost(name, node.op, tuple(loc.name for loc in node.locs), count, count / total) for name, (node, count) in flops.items() if count)
    peak, where = peak_activations(graph)
    batch = "N = 1" if any(isinstance(dim, SymDim) for value in graph.values() for dim in value.type.shape) else ""
    return GraphStats(graph.name, graph.stage, batch, dict(sorted(operators.items(), key=lambda item: -item[1])), len(constants), sum(constants), total, layers,
                      peak, where)


def _parts(graph: Graph) -> list[tuple[Graph, str]]:
    return [(part, "" if part is graph else f"{part.name}/") for part in graph.with_regions()]


def peak_activations(graph: Graph) -> tuple[int, str]:
    """Returns the bytes of the values that are alive at one node, for N = 1, where they are most, and that node's name.

    A value is alive from the node that makes it to the last one that reads it, outputs to the end; what only gives its operand another shape shares its bytes.
    """
    last = {value: index for index, node in enumerate(graph.nodes) for value in map(_root, node.inputs)}
    last.update({_root(value): len(graph) for value in graph.outputs})
    size = {value: buffer_size(value.type)[0] for value in last if not value.is_const}
    alive = {value: size[value] for value in graph.inputs if value in size}
    peak, where = sum(alive.values()), ""
    for index, node in enumerate(graph.nodes):
        alive.update({value: size.get(value, buffer_size(value.type)[0]) for value in node.outputs if _root(value) is value and node.op != "const"})
        if sum(alive.values()) > peak:
            peak, where = sum(alive.values()), node.name
        alive = {value: count for value, count in alive.items() if last.get(value, index) > index}
    return peak, where


def _root(value: Value) -> Value:
    """Returns the value whose bytes a value has."""
    while value.producer is not None and value.producer.op in ("identity", "reshape", "dropout") and value.type.layout.is_plain:
        value = value.producer.inputs[0]
    return value
