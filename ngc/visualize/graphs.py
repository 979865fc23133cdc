"""What is drawn of a graph of the IR: nodes without constants, and the regions of engine calls as clusters. A loop or conditional is one box."""

from collections.abc import Iterable

from ngc.ir import Graph, Node, Value
from ngc.ir.printer import format_type
from ngc.visualize.diagram import Box, Cluster, Diagram


def graph_diagram(graph: Graph, title: str = "", *, expand: bool = True, locations: bool = False, elide_larger_than: int = 4) -> Diagram:
    """Returns the picture of a graph.

    Args:
        graph: of any stage.
        title: of the picture; the graph's name unless given.
        expand: draw the regions of engine calls, in a frame for each; otherwise each call is one box.
        locations: show the MXNet nodes of each node in its box, not only when the pointer rests on it.
        elide_larger_than: types with more scales than this show the first ones; channels may have hundreds.
    """
    drawer = _Drawer(expand, locations, elide_larger_than, any(node.op == "engine.call" for node in graph.nodes))
    inputs = zip(graph.inputs, graph.input_names, strict=True)
    keys = {value: drawer.add(Box(f"{name}\n{format_type(value.type, elide_larger_than)}", "input"), ()) for value, name in inputs}
    drawer.nodes(graph, keys, "")
    for value, name in zip(graph.outputs, graph.output_names, strict=True):
        drawer.add(Box(name, "output"), [keys[value]] if value in keys else [])
    return Diagram(title or graph.name, drawer.boxes, tuple(dict.fromkeys(drawer.arrows)), drawer.clusters)


class _Drawer:
    """Collects boxes, arrows and clusters; `keys` maps values to the boxes that they come from. Names may be alike, so the keys of boxes are numbers."""

    def __init__(self, expand: bool, locations: bool, elide_larger_than: int, divided: bool) -> None:
        self.expand, self.locations, self.elide_larger_than, self.divided = expand, locations, elide_larger_than, divided
        self.boxes: dict[int, Box] = {}
        self.arrows: list[tuple[int, int]] = []
        self.clusters: dict[str, Cluster] = {}

    def nodes(self, graph: Graph, keys: dict[Value, int], cluster: str) -> None:
        for node in graph.nodes:
            if node.op == "const":
                continue
            if node.op == "engine.call" and self.expand:
                self.region(node, keys)
                continue
            kind = "engine" if node.op == "engine.call" else "outside" if self.divided and not cluster else "operator"
            sources = [keys[value] for value in node.inputs if value in keys]
            key = self.add(Box(self.label(node), kind, _tip(node), cluster), sources)
            keys.update(dict.fromkeys(node.outputs, key))

    def label(self, node: Node) -> str:
        names = "".join(f"\n{loc.name}" for loc in node.locs) if self.locations else ""
        return f"{node.op}\n{format_type(node.outputs[0].type, self.elide_larger_than)}{names}"

    def region(self, node: Node, keys: dict[Value, int]) -> None:
        region, cluster = node.regions[0], f"cluster {len(self.clusters)}"
        count = sum(part.op != "const" for part in region.nodes)
        self.clusters[cluster] = Cluster(f"{node.attrs['engine']}: {region.name}", f"{region.name}: {count} nodes")
        inside = {value: keys[outer] for value, outer in zip(region.inputs, node.inputs, strict=True) if outer in keys}
        self.nodes(region, inside, cluster)
        keys.update({outer: inside[value] for outer, value in zip(node.outputs, region.outputs, strict=True) if value in inside})

    def add(self, box: Box, sources: Iterable[int]) -> int:
        key = len(self.boxes)
        self.boxes[key] = box
        self.arrows += [(source, key) for source in sources]
        return key


def _tip(node: Node) -> str:
    held = "".join(f"\n{region.name}: {', '.join(f'{op} ({count})' for op, count in region.count().items())}" for region in node.regions)
    return f"%{node.name} = {node.op}" + (f" from {', '.join(loc.name for loc in node.locs)}" if node.locs else "") + held
