"""Values that need no memory of their own: kernels with strided operands read and write them where other values lie.

    view of x       element (i, j, ...) of a value lies at base + sum of strides in x's buffer; an axis may be made of several parts of x
    transpose       exchanges axes;  reshape joins and splits parts;  slice moves the base;  broadcast_to adds strides of 0

A transpose, reshape, slice or broadcast whose readers all take views is not computed (the heads of an attention are split by strides), and what
follows a product, as far as it only rearranges, says where the product is stored. A node is computed after all where a reshape cuts through a part, where
a reader cannot take the strides, and where anybody else reads it. A part of a concat that is computed in place ends what follows a product: whoever joins
the parts looks for it there.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ngc.codegen.llvm.kernels.expression import Extent, N
from ngc.codegen.llvm.kernels.nest_loops import plus, row_major, times
from ngc.ir import Dim, Graph, Node, SymDim, Value
from ngc.ir.ops.shape import slices

Part = tuple[Extent, Extent]
"""An extent and the stride between its elements."""

Axes = tuple[tuple[Part, ...], ...]
"""The parts of each axis, the outermost first, none of extent 1."""

REARRANGING = frozenset({"transpose", "reshape", "slice", "broadcast_to"})


@dataclass(frozen=True)
class View:
    """Where a value's elements lie: in the buffer of `of`, from element `base` on."""

    of: Value
    axes: Axes
    base: Extent = 0


Accepts = Callable[[Node, int, View], bool]
"""Whether a node's kernel can read its operand of a number, or with number -1 store its result, through a view."""


def extent_of(dim: Dim) -> Extent:
    """Returns a dimension as kernels write it."""
    return N(dim.factor) if isinstance(dim, SymDim) else dim


def whole(value: Value) -> View:
    """Returns a plain value's view of itself."""
    shape = tuple(map(extent_of, value.type.shape))
    return View(value, tuple(_part(extent, stride) for extent, stride in zip(shape, row_major(shape), strict=True)))


def _part(extent: Extent, stride: Extent) -> tuple[Part, ...]:
    return () if extent == 1 else ((extent, stride),)


def divided(a: Extent, b: Extent) -> Extent | None:
    """Returns a/b where that is a whole number, or a whole number of N."""
    if isinstance(b, N):
        return a.coefficient // b.coefficient if isinstance(a, N) and a.coefficient % b.coefficient == 0 else None
    if isinstance(a, N):
        return N(a.coefficient // b) if a.coefficient % b == 0 else None
    return a // b if a % b == 0 else None


def merged(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Returns parts with those joined that lie behind one another as one."""
    result: list[Part] = []
    for extent, stride in parts:
        if result and isinstance(extent, int) and not isinstance(stride, N) and result[-1][1] == times(stride, extent):
            result[-1] = (times(result[-1][0], extent), stride)
        else:
            result.append((extent, stride))
    return tuple(result)


def reshaped(axes: Axes, shape: Sequence[Dim]) -> Axes | None:
    """Returns the axes under another shape; None where a part would have to be cut in fractions."""
    remaining = list(merged([part for axis in axes for part in axis]))
    result = []
    for dim in shape:
        wanted, own = extent_of(dim), list[Part]()
        while wanted != 1:
            extent, stride = remaining.pop(0)
            if (rest := divided(wanted, extent)) is not None:
                own.append((extent, stride))
                wanted = rest
            elif (inner := divided(extent, wanted)) is not None and not (isinstance(inner, N) and isinstance(stride, N)):
                own.append((wanted, times(stride, inner)))
                remaining.insert(0, (inner, stride))
                wanted = 1
            else:
                return None
        result.append(merged(own))
    return tuple(result)


def _rearranged(view: View, node: Node) -> View | None:
    """Returns the view of a node's result through the view of its operand."""
    match node.op:
        case "transpose":
            return replace(view, axes=tuple(view.axes[axis] for axis in node.attrs["axes"]))
        case "reshape":
            axes = reshaped(view.axes, node.type.shape)
            return None if axes is None else replace(view, axes=axes)
        case "slice":
            return _sliced(view, node)
    missing = node.type.rank - node.inputs[0].type.rank
    shape = (*(1,) * missing, *node.inputs[0].type.shape)
    axes = (*((),) * missing, *view.axes)
    return replace(view, axes=tuple(_part(extent_of(dim), 0) if dim != own else axis
                                    for dim, own, axis in zip(node.type.shape, shape, axes, strict=True)))


def _sliced(view: View, node: Node) -> View | None:
    base, axes = view.base, []
    for dim, out, part, axis in zip(node.inputs[0].type.shape, node.type.shape, slices(node.attrs), view.axes, strict=True):
        if dim == out and part.step in (None, 1):
            axes.append(axis)
            continue
        if len(axis) != 1 or isinstance(dim, SymDim):
            return None
        begin, _, step = part.indices(dim)
        moved = times(axis[0][1], begin)
        if base != 0 and moved != 0 and isinstance(base, N) != isinstance(moved, N):
            return None
        base = plus(base, moved)
        axes.append(_part(extent_of(out), times(axis[0][1], step)))
    return View(view.of, tuple(axes), base)


@dataclass
class Views:
    """What is read and written through views: values without memory, and for results of kernels the value that they are stored in."""

    read: dict[Value, View] = field(default_factory=dict)
    written: dict[Value, View] = field(default_factory=dict)
    absorbed: set[Node] = field(default_factory=set)

    def add(self, other: "Views") -> None:
        """Takes in the views of another graph, such as a region's."""
        self.read |= other.read
        self.written |= other.written
        self.absorbed |= other.absorbed

    def of(self, value: Value) -> View:
        """Returns where a plain value is read."""
        return self.read.get(value) or whole(value)

    def target(self, value: Value) -> View:
        """Returns where a plain value is stored."""
        return self.written.get(value) or whole(value)


def find_views(graph: Graph, readers: Mapping[str, Accepts], parts: Collection[Value] = ()) -> Views:
    """Returns the views of a lowered graph.

    Args:
        graph: one region.
        readers: the operators whose kernels take views.
        parts: values that are computed in place as parts of others (`find_slices`).
    """
    views, computed = Views(), set[Value]()
    while True:
        views.read = _read_views(graph, readers, computed)
        refused = [value for node in graph.nodes if node.op in readers for number, value in enumerate(node.inputs)
                   if value in views.read and not readers[node.op](node, number, views.read[value])]
        refused += [value for value in views.read
                    if not all(use.node.op in readers or use.node.output in views.read for use in value.uses)]
        if not refused:
            break
        for value in refused:
            while value in views.read:
                computed.add(value)
                value = _producer(value).inputs[0]
    views.absorbed = {_producer(value) for value in views.read}
    for node in graph.nodes:
        if node.op in readers:
            _place_result(graph, node, readers[node.op], views, parts)
    return views


def _producer(value: Value) -> Node:
    assert value.producer is not None
    return value.producer


def _read_views(graph: Graph, readers: Mapping[str, Accepts], computed: set[Value]) -> dict[Value, View]:
    wanted: set[Value] = set()
    for node in reversed(graph.nodes):
        if node.op in REARRANGING and _is_plain(node) and node.output not in computed and not graph.is_output(node.output) \
                and all(use.node.op in readers or use.node.output in wanted for use in node.output.uses):
            wanted.add(node.output)
    found: dict[Value, View] = {}
    for node in graph.nodes:
        if node.op in REARRANGING and node.output in wanted:
            source = node.inputs[0]
            view = _rearranged(found.get(source) or whole(source), node)
            if view is not None:
                found[node.output] = view
    return found


def _is_plain(node: Node) -> bool:
    return node.type.layout.is_plain and node.inputs[0].type.layout.is_plain and 0 not in (*node.type.shape, *node.inputs[0].type.shape)


def _place_result(graph: Graph, node: Node, accepts: Accepts, views: Views, parts: Collection[Value]) -> None:
    """Finds the last value that a node's result can be stored as, through transposes and reshapes that nobody else reads."""
    chain: list[Node] = []
    value = node.output
    while value not in parts and not graph.is_output(value) and len(value.uses) == 1:
        user = value.uses[0].node
        if user.op not in ("transpose", "reshape") or user in views.absorbed or not _is_plain(user):
            break
        chain.append(user)
        value = user.output
    while chain:
        view = _stored_in(chain)
        if view is not None and accepts(node, -1, view):
            views.written[node.output] = view
            views.absorbed.update(chain)
            return
        chain.pop()


def _stored_in(chain: Sequence[Node]) -> View | None:
    """Returns where the operand of the first node of a chain lies in the result of the last."""
    view: View | None = whole(chain[-1].output)
    for node in reversed(chain):
        assert view is not None
        if node.op == "transpose":
            axes = node.attrs["axes"]
            view = replace(view, axes=tuple(view.axes[axes.index(axis)] for axis in range(len(axes))))
        else:
            split = reshaped(view.axes, node.inputs[0].type.shape)
            if split is None:
                return None
            view = replace(view, axes=split)
    return view
