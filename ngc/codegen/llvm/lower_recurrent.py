"""Lowers recurrent layers: one matrix product of all steps' inputs, then the walk through time. Data of 16 bits is computed with in f32."""

import numpy as np

from ngc.codegen.llvm.calls import Argument, Call, Packed, static
from ngc.codegen.llvm.choice import describe
from ngc.codegen.llvm.kernel import StepSpec
from ngc.codegen.llvm.kernels import nests
from ngc.codegen.llvm.kernels.dense import DenseKernel
from ngc.codegen.llvm.kernels.expression import Cast
from ngc.codegen.llvm.kernels.recurrent import RecurrentKernel, pack_bias
from ngc.codegen.llvm.layer_weights import LayerSpec, packing_of, reserve_weights
from ngc.codegen.llvm.lower import Handler, Lowering
from ngc.codegen.llvm.lower_moves import batch_of, extents
from ngc.codegen.llvm.packing import pack_channels
from ngc.errors import CodegenError
from ngc.ir import Node, TensorType, Value
from ngc.ir.ops.recurrent import GATES, cell_count
from ngc.ir.tensor_type import product

_COMPUTED = frozenset({"f32", "f16", "bf16"})


def _recurrent(lowering: Lowering, node: Node) -> None:
    attrs, count = node.attrs, 1 + cell_count(node.attrs["mode"])
    x, w, r, b = node.inputs[:4]
    if x.type.dtype not in _COMPUTED:
        raise CodegenError(f"recurrent layers take f32, f16 or bf16 data, not {x.type.dtype}")
    for value in (w, r, b):
        if not value.is_const:
            raise CodegenError(f"recurrent layers take constant weights, not %{value.name}")
    states, lengths = node.inputs[4:4 + count], node.inputs[4 + count:]
    spec = RecurrentKernel.plan(lowering.target, mode=attrs["mode"], steps=static(x.type.shape[0]), hidden=static(r.type.shape[1]),
                                directions=2 if attrs["bidirectional"] else 1, clip=(attrs["clip_min"], attrs["clip_max"]), lengths=bool(lengths),
                                one_state=states[0].type.shape[1] == 1, one_cell=states[-1].type.shape[1] == 1)
    before, inner = _biases(spec, b.array.astype(np.float32))
    given = _project(lowering, node, spec, before)
    begins = [_single(lowering, node, value) for value in states]
    results = [value if value.type.dtype == "f32" else Value(f"{value.name}.f32", _floats(value.type)) for value in node.outputs]
    spare = Value(f"{node.name}.spare", _floats(node.outputs[1].type))
    arguments = [given, _weights(lowering, r, spec), *([lowering.blob.add(inner)] if inner is not None else []), *map(lowering.argument, begins),
                 *map(lowering.argument, lengths), *results, spare]
    reads = [given, *(value for value in (*begins, *lengths) if not value.is_const)]
    lowering.call(Call(spec, arguments, reads, [*results, spare], x.type.shape[1], node, note=f"steps in tiles of {spec.tile.pixels}x{spec.tile.vectors}"))
    for result, value in zip(results, node.outputs, strict=True):
        if result is not value:
            _cast(lowering, node, result, value)


def _project(lowering: Lowering, node: Node, spec: RecurrentKernel, bias: np.ndarray) -> Value:
    """Adds the product of the inputs of all steps; returns its result."""
    x, w = node.inputs[:2]
    data = _single(lowering, node, x)
    product_spec = DenseKernel.plan(lowering.target, inputs=static(x.type.shape[2]), outputs=bias.size, steps=(StepSpec("bias"),))
    given = Value(f"{node.name}.given", TensorType((*x.type.shape[:2], bias.size)))
    arguments: list[Argument] = [lowering.argument(data), _weights(lowering, w, product_spec), given, lowering.blob.add(pack_channels(bias, lowering.lanes))]
    lowering.call(Call(product_spec, arguments, [] if data.is_const else [data], [given], product(x.type.shape[:2]), node, note=describe(product_spec)))
    return given


def _biases(spec: RecurrentKernel, b: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns what is added to the inputs' product, and what a GRU adds to its new gate's recurrent part, which the reset gate multiplies."""
    if spec.mode != "gru":
        return b[0] + b[1], None
    given, recurrent = b.reshape(2, spec.directions, GATES["gru"], spec.hidden)
    inner = recurrent[:, 2].copy()
    total = given + recurrent
    total[:, 2] = given[:, 2]
    return total.reshape(-1), pack_bias(spec, inner)


def _weights(lowering: Lowering, value: Value, spec: LayerSpec) -> Packed:
    """Returns where constant weights will lie; the graph keeps those of f16, which are packed as f32."""
    if value.array.dtype == np.float32:
        return reserve_weights(lowering.blob, value, spec)
    packing = packing_of(spec, value.array.shape)
    return lowering.blob.reserve(packing.size, lambda memory: packing.pack(value.array.astype(np.float32), memory))


def _floats(type: TensorType) -> TensorType:
    return TensorType(type.shape)


def _single(lowering: Lowering, node: Node, value: Value) -> Value:
    """Returns a value in f32, through a cast where it is of another type."""
    if value.type.dtype == "f32":
        return value
    single = Value(f"{value.name}.{node.name}.f32", _floats(value.type))
    _cast(lowering, node, value, single)
    return single


def _cast(lowering: Lowering, node: Node, value: Value, to: Value) -> None:
    """Adds the cast of one value to the type of another."""
    shape = extents(value.type.shape)
    spec = nests.elementwise(shape, [(shape, value.type.dtype)], to.type.dtype, lambda load: Cast(load, to.type.dtype))
    lowering.call(Call(spec, [lowering.argument(value), to], [] if value.is_const else [value], [to], batch_of(value), node))


HANDLERS: dict[str, Handler] = {"recurrent": _recurrent}
