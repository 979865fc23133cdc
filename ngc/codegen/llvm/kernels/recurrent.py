"""A recurrent layer's walk through time: the states of a step times the recurrent weights, and the gates' arithmetic while the sums are in registers.

What the input gives to all steps is one matrix product, a `DenseKernel`'s, that runs before. Here a step reads its weights once for all rows of a thread's
share, so that with one row the speed is that of the memory that holds them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.microkernel import Nest, depths, unrolled
from ngc.codegen.llvm.packing_words import Weights
from ngc.codegen.llvm.tiles import ONE_PIXEL, UNROLL, Split, Tile, most_pixels
from ngc.errors import CodegenError
from ngc.ir.ops.recurrent import GATES
from ngc.target import CpuTarget

_PANEL_VECTORS = 4
"""Accumulators of one row. Where a row is alone their latency hides behind weights that come from the second cache; else there is room for several rows."""


@dataclass(frozen=True)
class RecurrentKernel(KernelSpec):
    """One layer of `directions` over `steps` time steps of n sequences; `RecurrentKernel.plan` chooses the tile.

    Arguments: given, packed weights, [bias], state, [cell], [lengths], y, last, [last cell], spare.
      given     [steps][n][direction][gate][hidden], what the input gives, with all biases that are added before a gate's function
      bias      gru: [direction][hidden padded to whole vectors], what is added to the new gate's recurrent part
      state     [direction][n][hidden], and cell of an lstm; one row for all where `one_state` or `one_cell`
      lengths   [n] of i32: from its length on a sequence's results are zero, and its state stays as it is; the backward direction begins there
      y         [steps][n][direction][hidden]
      last      [direction][n][hidden], the last state; spare is as large. lstm: the last cell
    Work items: a sequence in one direction.

    Attributes:
        mode: one of `GATES`.
        steps: time steps.
        hidden: units.
        lanes: the vector width.
        directions: 1 forward, 2 forward and backward.
        clip: the least and the largest value of an lstm's cell.
        lengths: whether there are lengths.
        one_state: whether all sequences begin with one state.
        one_cell: the same of the cell.
        tile: `pixels` sequences by `vectors` vectors of units.
    """

    mode: str
    steps: int
    hidden: int
    lanes: int
    directions: int = 1
    clip: tuple[float | None, float | None] = (None, None)
    lengths: bool = False
    one_state: bool = False
    one_cell: bool = False
    tile: Tile = ONE_PIXEL

    @classmethod
    def plan(cls, target: CpuTarget, **fields: Any) -> "RecurrentKernel":
        """Returns the kernel of the given fields with the tile that suits the target."""
        draft = cls(lanes=target.lanes(), **fields)
        vectors = draft.units(max(1, _PANEL_VECTORS // draft.gates)).size
        return replace(draft, tile=Tile(most_pixels(target, vectors * draft.gates), 1, vectors, UNROLL))

    def __post_init__(self) -> None:
        if self.mode not in GATES:
            raise CodegenError(f"a recurrent layer is one of {', '.join(GATES)}, not {self.mode}")

    @property
    def gates(self) -> int:
        """Gates of a unit."""
        return GATES[self.mode]

    @property
    def has_cell(self) -> bool:
        """Whether a unit has a cell beside its state."""
        return self.mode == "lstm"

    def units(self, largest: int) -> Split:
        """Returns how the vectors of units are split into panels of so many at most."""
        return Split(-(-self.hidden // self.lanes), largest)

    @property
    def panels(self) -> Split:
        """How the vectors of units are split into panels."""
        return self.units(self.tile.vectors)

    @property
    def direction_size(self) -> int:
        """Elements of one direction's packed weights."""
        return self.gates * self.hidden * self.panels.total * self.lanes

    @property
    def weight_size(self) -> int:
        """Elements of the packed weights."""
        return self.directions * self.direction_size

    @property
    def work(self) -> tuple[int, int]:
        """Work items: a sequence in one direction."""
        return self.directions, 0

    def flops(self) -> int:
        """Returns the floating-point operations of one sequence, an fma counted as two and the gates' functions left out."""
        return 2 * self.steps * self.directions * self.gates * self.hidden**2

    def nests(self) -> list[Nest]:
        """Returns the reduction, in the order of the packed weights."""
        nests, first = [], 0
        for depth in depths(self.hidden, self.tile.unroll):
            nests += unrolled(1, 0, [first], depth, self.tile.unroll)
            first += depth
        return nests

    def emit(self, target: CpuTarget) -> str:
        """Returns the text of the LLVM module that defines `symbol(target)`."""
        from ngc.codegen.llvm.kernels.recurrent_emit import RecurrentEmitter

        if self.lanes != target.lanes():
            raise CodegenError(f"recurrent layer in vectors of {self.lanes}; {target.name} has vectors of {target.lanes()}")
        module, b = self.open(target)
        RecurrentEmitter(self, module, b, target).emit()
        b.ret()
        return str(module)


def pack_bias(kernel: RecurrentKernel, bias: Weights) -> Weights:
    """Returns biases (D, H) with each direction padded to whole vectors."""
    padded = np.zeros((kernel.directions, kernel.panels.total * kernel.lanes), np.float32)
    padded[:, :kernel.hidden] = bias
    return padded


def recurrent_steps(kernel: RecurrentKernel, weights: Weights, out: Weights) -> Iterator[Any]:
    """Yields the steps that write weights (D*G*H, H) to zeros as [direction][panel][state][gate][vector][lane]."""
    for panel, units, part in _panels(kernel, out, weights):
        yield partial(np.copyto, panel, units[:, part].transpose(2, 0, 1))


def unpack_recurrent(kernel: RecurrentKernel, packed: Weights) -> Weights:
    """Returns the weights (D*G*H, H) that `recurrent_steps` packed."""
    weights = np.empty((kernel.directions * kernel.gates * kernel.hidden, kernel.hidden), np.float32)
    for panel, units, part in _panels(kernel, packed, weights):
        units[:, part] = panel.transpose(1, 2, 0)
    return weights


def _panels(kernel: RecurrentKernel, packed: Weights, weights: Weights) -> Iterator[tuple[Weights, Weights, slice]]:
    """Yields each panel as [state][gate][unit], its direction's weights [gate][unit][state], and which of their units the panel has."""
    plain = weights.reshape(kernel.directions, kernel.gates, kernel.hidden, kernel.hidden)
    depth, at = kernel.gates * kernel.hidden, 0
    for units in plain:
        first = 0
        for number in range(kernel.panels.parts):
            size = (kernel.panels.size - (number >= kernel.panels.wide)) * kernel.lanes
            part = slice(first, min(first + size, kernel.hidden))
            panel = packed[at:at + depth * size].reshape(kernel.hidden, kernel.gates, size)
            yield panel[..., :part.stop - part.start], units, part
            first += size
            at += depth * size
