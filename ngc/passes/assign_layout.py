"""Gives every value its memory layout and inserts the reorders between them: the last step before code.

Convolutions, deconvolutions, pools and regions of interest work on channels blocked by the vector width; what is element-wise or resizes planes follows its
first operand; a concat of channels is blocked where a part is and every part but the last fills whole blocks; a transpose that puts channels last reads
blocks; everything else is plain row-major. A blocked value gets the largest halo that a convolution reading it asks for, so that no kernel tests for borders;
of u8 it holds the zero point. The network's few-channel input becomes plain planes with a border (block 1), which wastes no lanes, and of u8 one block of
four channels, which is what one lane of a dot product takes.

Refuses nothing: an operator that is not blocked reads and writes plain tensors, at the price of reorders.
"""

from dataclasses import dataclass
from typing import ClassVar

from ngc.ir import PLAIN, Graph, Layout, Node, Value
from ngc.ir.ops.convolution import pads
from ngc.ir.rewrite import Rewriter
from ngc.passes.base import Pass, PassContext

FEW_CHANNELS = 4
"""Up to so many channels a convolution reads planes instead of blocks: at 16 lanes a block would be three quarters padding."""

BLOCKED_DTYPES = frozenset({"f32", "bf16", "u8"})
"""Element types that the blocked kernels have."""

_FOLLOWING = frozenset({"eltwise", "cast", "upsample", "resize", "adaptive_avg_pool", "grid_sample"})
"""Operators that work on whatever blocks their first operand comes in: each channel by itself."""

_PLACED = frozenset({"grid_sample", "deformable_columns"})
"""Those whose other operands say where to read: plain ones."""

Halo = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class AssignLayout(Pass):
    """Chooses layouts and inserts reorders; the graph is `lowered` afterwards.

    Attributes:
        lanes: channels to a block; 0 takes the target's vector width, 16 where there is no target.
    """

    name: ClassVar[str] = "assign-layout"
    declares: ClassVar[str] = "lowered"
    required: ClassVar[bool] = True

    lanes: int = 0

    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Assigns layouts to all values of the graph."""
        rewriter = Rewriter(graph)
        lanes = self.lanes or (ctx.target.lanes() if ctx.target is not None else 16)
        rewriter.set_stage(self.declares)
        reordered: dict[tuple[Value, int], Value] = {}
        for node in graph.nodes:
            if node.op != "const":
                _assign(node, lanes, rewriter, reordered)
        if graph.nodes:
            _plain_outputs(graph, rewriter, reordered)
        halos = _halos(graph)
        for value in graph.values():
            if not value.type.layout.is_plain:
                rewriter.set_layout(value, Layout(value.type.layout.block, halos[value], _fill(value)))
                graph.events.record(self.name, "layout", "chosen", value.name, str(value.type.layout))
        return rewriter.changed


def is_blocked_kind(node: Node) -> bool:
    """Whether an operator's kernels work on blocked tensors."""
    return node.has_trait("conv") or node.has_trait("deconv") or node.op == "pool" or pools_regions(node)


def puts_channels_last(node: Node) -> bool:
    """Whether a transpose makes (batch, spatial, channels) of (batch, channels, spatial): the lanes of a block stay neighbours."""
    return bool(node.attrs["axes"] == (0, *range(2, node.type.rank), 1))


def pools_regions(node: Node) -> bool:
    """Whether an operator pools regions of blocked maps: all bins from the same channels."""
    return node.op in ("roi_align", "rotated_roi_align", "roi_max_pool") and not node.attrs.get("position_sensitive", False)


def _works_on_blocks(node: Node) -> bool:
    """Whether an operator takes the blocks that its first operand comes in; normalization where each channel has statistics of its own."""
    if node.op == "group_norm":
        return node.attrs["groups"] == node.type.shape[1] and node.type.dtype in BLOCKED_DTYPES and all(value.is_const for value in node.inputs[1:])
    if node.op == "deformable_columns":
        lanes, channels = node.inputs[0].type.layout.block, node.inputs[0].type.shape[1]
        return isinstance(channels, int) and all(channels % (node.attrs[key] * max(lanes, 1)) == 0 for key in ("groups", "offset_groups"))
    return node.op in _FOLLOWING


def _assign(node: Node, lanes: int, rewriter: Rewriter, reordered: dict[tuple[Value, int], Value]) -> None:
    wanted = [0] * len(node.inputs)
    result = 0
    if is_blocked_kind(node) and {node.type.dtype, node.inputs[0].type.dtype} <= BLOCKED_DTYPES:
        result = lanes
        x = node.inputs[0]
        wanted[0] = _few_channels_block(node) or lanes if x.type.layout.is_plain else lanes
        wanted = [wanted[0], *(lanes if value.type.rank == x.type.rank else 0 for value in node.inputs[1:])]
        if node.op != "pool":
            wanted[1] = 0  # weights are packed at compile time
    elif _works_on_blocks(node) and not node.inputs[0].type.layout.is_plain:
        result = node.inputs[0].type.layout.block
        wanted = [result if value.type.rank == node.type.rank else 0 for value in node.inputs]
        if node.op in _PLACED:
            wanted = [result, *[0] * len(node.inputs[1:])]
    elif node.op == "concat" and node.attrs["axis"] == 1 and any(value.type.layout.block == lanes for value in node.inputs) and all(
            isinstance(value.type.shape[1], int) and value.type.shape[1] % lanes == 0 for value in node.inputs[:-1]):
        result = lanes
        wanted = [lanes] * len(node.inputs)
    elif node.op == "transpose" and node.inputs[0].type.layout.block == lanes and puts_channels_last(node):
        wanted = [lanes]
    inputs = [_in_block(value, block, node, rewriter, reordered) for value, block in zip(node.inputs, wanted, strict=True)]
    if any(new is not old for new, old in zip(inputs, node.inputs, strict=True)):
        rewriter.set_inputs(node, inputs)
    if result:
        for value in node.outputs:
            rewriter.set_layout(value, Layout(result))


def _few_channels_block(node: Node) -> int:
    """Returns the block in which a convolution of so few channels reads them that a vector's would be mostly padding, 0 for any other node.

    Of bf16 two taps of a row are read at once, so neighbours there must be.
    """
    if not node.has_trait("conv") or node.op == "separable_conv2d" or node.attrs["prologue"] or node.inputs[0].type.shape[1] not in range(1, FEW_CHANNELS + 1):
        return 0
    match node.inputs[0].type.dtype:
        case "u8":
            return FEW_CHANNELS if node.attrs["groups"] == 1 else 0
        case "bf16":
            return int(node.attrs["dilate"][-1] == 1 and node.inputs[1].type.shape[-1] != 1)
    return 1


def _in_block(value: Value, block: int, node: Node, rewriter: Rewriter, reordered: dict[tuple[Value, int], Value]) -> Value:
    """Returns the value in plain order (block 0) or blocked, through a reorder before `node` where it is not there yet."""
    if value.type.layout.block == block or value.is_const:
        return value
    if block and value.users == (node,) and _writes_blocks(value, block):
        rewriter.set_layout(value, Layout(block))
        return value
    key = (value, block)
    if key not in reordered:
        layout = Layout(block) if block else PLAIN
        locs = value.producer.locs if value.producer is not None else node.locs
        reordered[key] = rewriter.insert("reorder", [value], before=node, locs=locs, name=f"{value.name}.c{block}" if block else f"{value.name}.plain",
                                         types=[value.type.with_layout(layout)]).output
    return reordered[key]


def _writes_blocks(value: Value, block: int) -> bool:
    """Whether a plain value's producer can write it in blocks as well: a cast, or steps with a constant a channel, planes with their border; the quantization
    of a plain tensor any block."""
    producer = value.producer
    if producer is None or not producer.inputs[0].type.layout.is_plain:
        return False
    if producer.op == "cast":
        return block == 1
    if producer.op == "eltwise" and block == 1 and value.type.dtype == "f32":
        return len(producer.outputs) == 1 and all(operand.is_const and operand.type.rank == 1 for operand in producer.inputs[1:])
    return producer.op == "eltwise" and (producer.inputs[0].type.dtype, value.type.dtype, len(producer.inputs), len(producer.outputs)) == ("f32", "u8", 1, 1)


def _fill(value: Value) -> float:
    """Returns what a blocked value's border holds: what it or, where it does not say so, a reader of it takes for zero."""
    if value.type.quant is not None:
        return float(value.type.quant.zero_point)
    return float(max((node.attrs.get("x_zero", 0) for node, operand in value.uses if operand == 0), default=0))


def _plain_outputs(graph: Graph, rewriter: Rewriter, reordered: dict[tuple[Value, int], Value]) -> None:
    """The caller gets plain tensors."""
    for value in dict.fromkeys(graph.outputs):
        if value.type.layout.is_plain:
            continue
        plain = reordered.get((value, 0))
        if plain is None:
            last = graph.nodes[-1]
            node = rewriter.insert("reorder", [value], before=last, locs=value.producer.locs if value.producer else (), name=f"{value.name}.plain",
                                   types=[value.type.with_layout(PLAIN)])
            rewriter.move_before(last, node)
            plain = node.output
        rewriter.return_instead(value, plain)
    rewriter.sort()


def _halos(graph: Graph) -> dict[Value, Halo]:
    """Returns each blocked value's halo; parts of a blocked concat and the whole share the largest, so that parts can be computed in place."""
    halos = {value: needed_halo(value) for value in graph.values() if not value.type.layout.is_plain}
    concats = [node for node in graph.nodes if node.op == "concat" and not node.type.layout.is_plain]
    if not concats:
        return halos
    import networkx as nx  # slow to import, and many networks do without

    families: nx.Graph = nx.Graph()
    for node in concats:
        families.add_edges_from((node.output, value) for value in node.inputs if value in halos)
    for family in nx.connected_components(families):
        widest: Halo = ()
        for value in graph.values():
            if value in family:
                widest = _union(widest, halos[value])
        halos.update(dict.fromkeys(family, widest))
    return halos


def _union(a: Halo, b: Halo) -> Halo:
    """Returns the border that covers both; `()` is none."""
    if not a or not b:
        return a or b
    return tuple((max(p, r), max(q, s)) for (p, q), (r, s) in zip(a, b, strict=True))


def needed_halo(value: Value) -> Halo:
    """Returns the border that the value's readers want, (before, after) per spatial dimension."""
    rank = value.type.rank - 2
    halo = [(0, 0)] * rank
    for node, operand in value.uses:
        if operand == 0 and (node.has_trait("conv") or node.has_trait("deconv")):
            wanted = conv_halo(node) if node.has_trait("conv") else deconv_halo(node)
            halo = [(max(a, c), max(b, d)) for (a, b), (c, d) in zip(halo, wanted, strict=True)]
    return tuple(halo) if any(side for pair in halo for side in pair) else ()


def conv_halo(node: Node) -> Halo:
    """Returns what a convolution reads beyond its input."""
    halo = []
    sizes = zip(node.inputs[0].type.shape[2:], node.type.shape[2:], node.inputs[1].type.shape[2:], node.attrs["stride"], node.attrs["dilate"],
                pads(node.attrs), strict=True)
    for size, out, kernel, stride, dilate, (before, _) in sizes:
        last = (int(out) - 1) * stride + (int(kernel) - 1) * dilate - before
        halo.append((before, max(0, last - int(size) + 1)))
    return tuple(halo)


def deconv_halo(node: Node) -> Halo:
    """Returns what a deconvolution reads beyond its input: output o meets input (o + pad - k*dilate)/stride for every tap k that divides."""
    halo = []
    sizes = zip(node.inputs[0].type.shape[2:], node.type.shape[2:], node.inputs[1].type.shape[2:], node.attrs["stride"], node.attrs["dilate"],
                pads(node.attrs), strict=True)
    for size, out, kernel, stride, dilate, (before, _) in sizes:
        reads = [(place + before - tap * dilate) // stride for place in range(int(out)) for tap in range(int(kernel))
                 if (place + before - tap * dilate) % stride == 0]
        halo.append((max(0, -min(reads, default=0)), max(0, max(reads, default=0) - int(size) + 1)))
    return tuple(halo)
