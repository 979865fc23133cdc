"""The weights of layers: packed once, straight into the blob; the graph's own array is dropped where it can be had back from what was packed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ngc.codegen.llvm.calls import Packed
from ngc.codegen.llvm.kernels.conv import ConvKernel
from ngc.codegen.llvm.kernels.dense import DenseKernel
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.kernels.recurrent import RecurrentKernel, recurrent_steps, unpack_recurrent
from ngc.codegen.llvm.kernels.winograd import WinogradKernel
from ngc.codegen.llvm.packing import Steps, conv_size, conv_steps, dense_steps, depthwise_steps, unpack_conv, unpack_dense
from ngc.codegen.llvm.packing_winograd import winograd_steps
from ngc.codegen.llvm.weights import WeightBlob
from ngc.ir import Value
from ngc.ir.weight import Weight

LayerSpec = ConvKernel | DenseKernel | DepthwiseKernel | RecurrentKernel | WinogradKernel


class PackedWeight(Weight):
    """A constant whose data lies in a program's blob, in its kernel's order."""

    __slots__ = ("_packed", "_unpack")

    def __init__(self, original: Weight, packed: np.ndarray, unpack: Callable[[np.ndarray], np.ndarray]) -> None:
        """Keeps what is needed to restore the array.

        Args:
            original: the constant, whose name and, where it is known already, hash are kept.
            packed: the array's elements in another order; never written to again.
            unpack: returns the array, a new one each time, from `packed`.
        """
        self.name, self._digest = original.name, original._digest
        self._packed, self._unpack = packed, unpack

    @property
    def array(self) -> np.ndarray:  # type: ignore[override]  # the data of a weight that is at hand
        """The data, read-only and newly put together: whoever needs it twice keeps it."""
        array = self._unpack(self._packed)
        array.flags.writeable = False
        return array


@dataclass(frozen=True)
class Packing:
    """The order in which a kernel reads its weights.

    Attributes:
        size: words of the packed weights.
        pack: yields the steps that write the packed form of weights to zeros.
        unpack: returns the weights again; None where packing changes numbers or repeats them, or where they are few.
    """

    size: int
    pack: Callable[[np.ndarray, np.ndarray], Steps]
    unpack: Callable[[np.ndarray], np.ndarray] | None = None


def packing_of(spec: LayerSpec, shape: Sequence[int]) -> Packing:
    """Returns the packing of a layer's weights of a shape, (O, I/groups, ...) or (outputs, inputs)."""
    if isinstance(spec, WinogradKernel):
        return Packing(spec.weight_size, partial(winograd_steps, spec))
    if isinstance(spec, DepthwiseKernel):
        return Packing(spec.weight_size, partial(depthwise_steps, spec))
    if isinstance(spec, RecurrentKernel):
        return Packing(spec.weight_size, partial(recurrent_steps, spec), partial(unpack_recurrent, spec))
    if isinstance(spec, DenseKernel):
        return Packing(spec.weight_size, partial(dense_steps, spec), partial(unpack_dense, spec))
    return Packing(conv_size(spec), partial(conv_steps, spec), partial(unpack_conv, spec, shape=shape) if spec.aligned else None)


def reserve_weights(blob: WeightBlob, value: Value, spec: LayerSpec) -> Packed:
    """Returns where a layer's constant weights will lie for its kernel; its node then holds them in that form alone, where that is enough."""
    node, packing = value.producer, packing_of(spec, value.array.shape)
    assert node is not None

    def drop(memory: np.ndarray) -> None:
        assert node.weight is not None
        assert packing.unpack is not None
        node.weight = PackedWeight(node.weight, memory, packing.unpack)

    return blob.reserve(packing.size, lambda memory: packing.pack(value.array, memory), drop if packing.unpack is not None else None)
