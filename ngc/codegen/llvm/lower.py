"""Turns a lowered graph into kernel calls, operator by operator.

Each family's table maps an operator to a function that adds its calls. Operators without a kernel are collected and reported together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ngc.codegen.llvm.calls import Argument, Call, Mark, Packed, Window, geometry, same_bytes, static
from ngc.codegen.llvm.choice import Chooser, CostModel
from ngc.codegen.llvm.kernel import Geometry, StepSpec
from ngc.codegen.llvm.kernels.callback import engine_call, reference_call
from ngc.codegen.llvm.kernels.halo import HaloKernel
from ngc.codegen.llvm.packing import pack_channels
from ngc.codegen.llvm.packing_words import bf16_bits
from ngc.codegen.llvm.slices import find_slices
from ngc.codegen.llvm.views import Views, find_views
from ngc.codegen.llvm.weights import WeightBlob
from ngc.codegen.problems import list_problems
from ngc.errors import CodegenError
from ngc.ir import Graph, Node, Step, TensorType, Value
from ngc.ir.steps import STEPS
from ngc.target import CpuTarget


class Lowering:
    """One graph on its way to calls: the calls so far, the blob of constants, and which values share a buffer.

    Regions of loops and conditionals add to the same calls, between marks; `scope` says which region is being lowered. `windows` are values that are rows of
    others, `stored` values that lie in the blob though they are no constants of their graph.
    """

    def __init__(self, graph: Graph, target: CpuTarget, chooser: Chooser | None = None, *, fallback: bool = False) -> None:
        self.graph, self.target, self.fallback = graph, target, fallback
        self.chooser: Chooser = chooser or CostModel(target)
        self.lanes = target.lanes()
        self.calls: list[Call | Mark] = []
        self.blob = WeightBlob()
        self.constants: dict[Value, Packed] = {}
        self.slices = {value: part for region in graph.with_regions() for value, part in find_slices(region).items()}
        self.views = Views()
        self.windows: dict[Value, Window] = {}
        self.stored: dict[Value, Packed] = {}
        self.scope = ""
        self.problems: dict[str, list[str]] = {}
        self._root: dict[Value, Value] = {}

    @property
    def kernel_calls(self) -> list[Call]:
        """The calls without the marks between them."""
        return [call for call in self.calls if isinstance(call, Call)]

    # -- values and buffers ---------------------------------------------------------------------------------------

    def base(self, value: Value) -> Value:
        """Returns the value with the same bytes that is a buffer, a slice or a row of one."""
        while value in self._root:
            value = self._root[value]
        return value

    def root(self, value: Value) -> Value:
        """Returns the value whose buffer this one lies in, as a whole, as a slice or as a row."""
        value = self.base(value)
        while value in self.slices or value in self.windows:
            value = self.base(self.slices[value].of if value in self.slices else self.windows[value].of)
        return value

    def offset(self, value: Value) -> int:
        """Returns the elements from the beginning of the root's buffer to the value's, in the first step of any loop."""
        offset, value = 0, self.base(value)
        while value in self.slices or value in self.windows:
            offset += self.slices[value].offset if value in self.slices else 0
            value = self.base(self.slices[value].of if value in self.slices else self.windows[value].of)
        return offset

    def rows(self, value: Value) -> list[tuple[Mark, TensorType]]:
        """Returns the loops whose steps move on where a value lies, the innermost first, each with the type of a row."""
        found, value = [], self.base(value)
        while value in self.slices or value in self.windows:
            if value not in self.slices:
                found.append((self.windows[value].loop, value.type))
            value = self.base(self.slices[value].of if value in self.slices else self.windows[value].of)
        return found

    def place(self, value: Value) -> Geometry:
        """Returns where a blocked value's elements lie."""
        own = geometry(value.type)
        return replace(own, image_stride=geometry(self.slices[value].of.type).size) if value in self.slices else own

    def alias(self, value: Value, of: Value) -> None:
        """Lets a value lie in another's buffer: the same bytes under another type. The other may itself be a slice."""
        self._root[value] = self.base(of)

    def constant(self, value: Value) -> Packed:
        """Returns a constant's place in the blob, in the layout of its type."""
        if value not in self.constants:
            array = stored_array(value)
            self.constants[value] = self.blob.add(array if value.type.layout.is_plain else block_array(array, geometry(value.type)))
        return self.constants[value]

    def argument(self, value: Value) -> Argument:
        """Returns a value as a kernel's argument: a constant's packed data or the value itself."""
        return self.constant(value) if value.is_const else value

    # -- calls ----------------------------------------------------------------------------------------------------

    def call(self, *wanted: Call) -> None:
        """Adds calls that may run side by side, before them those that fill the halos of what they write; without those that write no element."""
        calls = [call for call in wanted if not all(0 in value.type.shape for value in call.writes)]
        for value in dict.fromkeys(value for call in calls for value in call.writes):
            layout = value.type.layout
            if not layout.is_plain and any(side for pair in layout.halo for side in pair):
                spec = HaloKernel(self.place(value), layout.fill)
                self.calls.append(Call(spec, [value], [], [value], value.type.shape[0], calls[0].node, joined=True, scope=self.scope))
        for call in calls:
            call.joined, call.scope = call is not calls[-1], self.scope
            self.calls.append(call)

    def steps(self, steps: Sequence[Step], operands: Sequence[Value], result: TensorType, tees: Sequence[Value], block: int) \
            -> tuple[tuple[StepSpec, ...], list[Argument], list[Value], list[Value]]:
        """Returns the kernel's steps, their arguments, and the values among those that are read and written."""
        specs: list[StepSpec] = []
        arguments: list[Argument] = []
        reads: list[Value] = []
        writes: list[Value] = []
        remaining, stores = list(operands), list(tees)
        for step in steps:
            tensor: Geometry | None = None
            if step.kind == "tee":
                store = stores.pop(0)
                arguments.append(store)
                writes.append(store)
                tensor = self.step_place(store)
            for kind in STEPS[step.kind].operands:
                operand = remaining.pop(0)
                if kind == "vector":
                    arguments.append(self.vector(operand, result, block))
                else:
                    tensor = self.step_place(operand, result)
                    argument = self.tensor_constant(operand, tensor) if operand.is_const else operand
                    arguments.append(argument)
                    if not operand.is_const:
                        reads.append(operand)
            specs.append(StepSpec(step.kind, step.params, tensor))
        return tuple(specs), arguments, reads, writes

    def step_place(self, value: Value, result: TensorType | None = None) -> Geometry | None:
        """Returns the geometry of a step's tensor operand, None where the steps work on plain tensors of the result's dtype."""
        type = result_shaped(value.type, result) if value.is_const and result is not None else value.type
        if not type.layout.is_plain:
            return geometry(type) if value.is_const else self.place(value)
        rows = result is not None and result.layout.is_plain and type.dtype != result.dtype
        return Geometry(static(type.shape[-1]), 1, (1, 1, 1), dtype=type.dtype) if rows else None

    def vector(self, value: Value, result: TensorType, block: int) -> Packed:
        """Returns a per-channel constant padded to whole blocks (block 1: as it is)."""
        if not value.is_const:
            raise CodegenError(f"%{value.name}: a per-channel operand of a step must be a constant")
        array = np.asarray(value.array, np.float32)
        channels = result.shape[-1] if result.layout.is_plain else result.shape[1]
        if array.size == 1 and channels != 1:
            array = np.full(int(channels), array.reshape(-1)[0], np.float32)  # type: ignore[arg-type]  # channels have no N
        return self.blob.add(pack_channels(array, max(block, 1)))

    def tensor_constant(self, value: Value, place: Geometry | None) -> Packed:
        """Returns a constant tensor in the layout of a step's operand."""
        array = stored_array(value)
        return self.blob.add(array if place is None or place.block == 1 else block_array(array, place))


def stored_array(constant: Value) -> np.ndarray:
    """Returns a constant's data as it lies in memory: bf16, which numpy does not have, as its bits."""
    return bf16_bits(constant.array) if constant.type.dtype == "bf16" else constant.array


def result_shaped(type: TensorType, result: TensorType) -> TensorType:
    """Returns a constant operand's type in the layout of the result, without a halo."""
    return type if result.layout.is_plain else type.with_layout(replace(result.layout, halo=()))


def block_array(array: np.ndarray, place: Geometry) -> np.ndarray:
    """Returns plain (N, C, spatial) data in blocked order, padding lanes and halo zero."""
    n = array.shape[0]
    data = array.reshape(n, place.channels, *place.spatial)
    blocked = np.zeros((n, place.blocks * place.block, *place.padded), array.dtype)
    (d, _), (h, _), (w, _) = place.halo
    blocked[:, :place.channels, d:d + place.spatial[0], h:h + place.spatial[1], w:w + place.spatial[2]] = data
    return blocked.reshape(n, place.blocks, place.block, *place.padded).transpose(0, 1, 3, 4, 5, 2)


Handler = Callable[[Lowering, Node], None]


def handlers() -> Mapping[str, Handler]:
    """Returns the operators that have kernels."""
    from ngc.codegen.llvm import (  # they build on Lowering
        lower_compute,
        lower_control,
        lower_detection,
        lower_elementwise,
        lower_indexing,
        lower_linear_algebra,
        lower_matmul,
        lower_moves,
        lower_ordering,
        lower_recurrent,
        lower_resampling,
        lower_sequences,
    )

    families = (lower_compute, lower_elementwise, lower_moves, lower_indexing, lower_ordering, lower_sequences, lower_detection, lower_resampling, lower_matmul,
                lower_recurrent, lower_linear_algebra, lower_control)
    return {name: handler for family in families for name, handler in family.HANDLERS.items()}


def lower(graph: Graph, target: CpuTarget, *, chooser: Chooser | None = None, fallback: bool = False) -> Lowering:
    """Returns the kernel calls of a lowered graph; with `fallback`, operators without a kernel become calls of the reference evaluator.

    Args:
        chooser: picks the kernel of each convolution; the cost model with numerics "fast" unless given.

    Raises:
        CodegenError: operators have no kernel for their types; all are listed with their nodes.
    """
    from ngc.codegen.llvm.lower_matmul import ACCEPTS  # it builds on Lowering

    lowering = Lowering(graph, target, chooser, fallback=fallback)
    kernels = handlers()
    readers = {op: accepts for op, accepts in ACCEPTS.items() if op in kernels}
    for region in graph.with_regions():
        lowering.views.add(find_views(region, readers, lowering.slices))
    lower_nodes(lowering, graph)
    if lowering.problems:
        raise CodegenError("no kernels for some operators; fallback=\"reference\" runs them in numpy:\n" + list_problems(lowering.problems))
    return lowering


def lower_nodes(lowering: Lowering, graph: Graph) -> None:
    """Adds the calls of a graph's nodes; operators without a kernel join the lowering's problems."""
    table = handlers()
    for node in graph.nodes:
        if node.op == "const" or node in lowering.views.absorbed:
            continue
        if _is_alias(node) and node.output not in lowering.slices and (_is_plain_view(node) or node.inputs[0] not in lowering.slices):
            lowering.alias(node.output, node.inputs[0])
            continue
        reason = _lower_node(lowering, table, node)
        if reason and lowering.fallback:
            try:
                lowering.call(reference_call(node, reason, lowering.scope))
                continue
            except CodegenError as error:
                reason = str(error)
        if reason:
            lowering.problems.setdefault(reason, []).append(node.name)


def _lower_node(lowering: Lowering, table: Mapping[str, Handler], node: Node) -> str:
    """Adds a node's calls; returns why it has no kernel, an empty text where it has."""
    handler = _lower_engine_call if node.op == "engine.call" else table.get(node.op)
    if handler is None:
        return f"{node.op} has no kernel for {lowering.target.name}"
    calls = len(lowering.calls)
    try:
        handler(lowering, node)
    except CodegenError as error:
        del lowering.calls[calls:]
        return f"{node.op}: {error}"
    return ""


def _lower_engine_call(lowering: Lowering, node: Node) -> None:
    lowering.call(engine_call(node, lowering.scope))


def _is_plain_view(node: Node) -> bool:
    """Whether a node's result and operand are plain, so that it is the operand's bytes wherever those lie."""
    return node.type.layout.is_plain and node.inputs[0].type.layout.is_plain


def _is_alias(node: Node) -> bool:
    """Whether a node's result has the bytes of its operand, which is no constant."""
    if not node.inputs or node.inputs[0].is_const:
        return False
    if node.op == "reshape":
        return node.inputs[0].type.layout.is_plain
    return node.op == "identity" or (node.op == "reorder" and same_bytes(node.inputs[0].type, node.type))
