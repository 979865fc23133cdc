"""Emits a recurrent layer: for each direction the time steps, in each step the panels of units, for each panel the rows of this thread's share."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ngc.codegen.llvm.float_math import sigmoid, tanh
from ngc.codegen.llvm.kernels.dot import fma_dot
from ngc.codegen.llvm.kernels.elements import copy, lanes_below, load, store
from ngc.codegen.llvm.kernels.microkernel import emit_tile
from ngc.codegen.llvm.kernels.recurrent import RecurrentKernel
from ngc.codegen.llvm.kernels.rows import each_tile
from ngc.codegen.llvm.kernels.splits import by_size, split_start
from ngc.codegen.llvm.lanes import Lanes
from ngc.codegen.llvm.text import I32, I64, PTR, Builder, Index, Module, Value, as_value, vector
from ngc.target import CpuTarget

_TILE_PARAMETERS = ((PTR, "state"), (PTR, "next"), (PTR, "cell"), (PTR, "given"), (PTR, "y"), (PTR, "lengths"), (PTR, "w"), (PTR, "bias"), (I64, "unit"),
                    (I64, "time"))
"""Of a tile: the first of its rows in each tensor, its direction's part; its panel of weights, its direction's bias, its first unit."""


@dataclass
class RecurrentEmitter:
    """Emits one kernel into its function."""

    kernel: RecurrentKernel
    module: Module
    b: Builder
    target: CpuTarget
    tiles: dict[tuple[int, int], str] = field(default_factory=dict)

    def emit(self) -> None:
        """Emits the loops over this thread's items."""
        kernel, b = self.kernel, self.b
        args, n, begin, end = (b.argument(i) for i in range(4))
        names = ["given", "weights", *["bias"] * (kernel.mode == "gru"), "state", *["cell"] * kernel.has_cell, *["lengths"] * kernel.lengths,
                 "y", "last", *["last cell"] * kernel.has_cell, "spare"]
        tensors = {name: b.load_pointer(args, position) for position, name in enumerate(names)}
        with b.when(b.icmp("slt", begin, end)):
            stop = b.add(b.div(b.sub(end, 1), n), 1)
            with b.loop(b.div(begin, n), stop, nonempty=True, hint="direction") as loop:
                first = b.mul(loop.index, n)
                self._direction(tensors, n, loop.index, b.smax(b.sub(begin, first), 0), b.smin(b.sub(end, first), n))

    def _direction(self, tensors: dict[str, Value], n: Value, direction: Index, low: Index, high: Index) -> None:
        """Emits all steps of the rows [low, high) of one direction.

        The last state and the spare one take turns, so that the last step writes the last state; an lstm's last cell holds the cell all the time.
        """
        kernel, b = self.kernel, self.b
        rows = b.mul(direction, n)
        at = {name: b.gep(tensors[name], b.mul(rows, kernel.hidden)) for name in ("last", "last cell", "spare") if name in tensors}
        start = at["spare" if kernel.steps % 2 else "last"]
        self._copy(tensors["state"], direction, rows, kernel.one_state, start, low, high)
        if kernel.has_cell:
            self._copy(tensors["cell"], direction, rows, kernel.one_cell, at["last cell"], low, high)
        weights = b.gep(tensors["weights"], b.mul(direction, kernel.direction_size))
        bias = b.gep(tensors["bias"], b.mul(direction, kernel.panels.total * kernel.lanes)) if "bias" in tensors else Value(PTR, "null")
        with b.loop(0, kernel.steps, nonempty=True, hint="step") as loop:
            backward = b.icmp("ne", direction, 0)
            time = self._choose(backward, b.sub(kernel.steps - 1, loop.index), loop.index)
            ends = b.icmp("eq", b.rem(b.sub(kernel.steps - 1, loop.index), 2), 0)
            source, target = b.select(ends, at["spare"], at["last"]), b.select(ends, at["last"], at["spare"])
            row = b.mul(time, n)
            given = b.gep(tensors["given"], b.add(b.mul(row, kernel.directions * kernel.gates * kernel.hidden), b.mul(direction, kernel.gates * kernel.hidden)))
            y = b.gep(tensors["y"], b.add(b.mul(row, kernel.directions * kernel.hidden), b.mul(direction, kernel.hidden)))
            with b.loop(0, kernel.panels.parts, nonempty=True, hint="panel") as panel:
                unit = split_start(b, kernel.panels, panel.index)
                w = b.gep(weights, b.mul(unit, kernel.gates * kernel.hidden * kernel.lanes))
                bases = (source, target, at.get("last cell", source), given, y, tensors.get("lengths", source))

                def run(vectors: int, unit: Index = unit, bases: Sequence[Value] = bases, w: Value = w) -> None:
                    self._rows(vectors, bases, low, high, (w, bias, as_value(b.mul(unit, kernel.lanes)), as_value(time)))

                by_size(b, kernel.panels, panel.index, run)

    def _choose(self, condition: Value, a: Index, c: Index) -> Value:
        return self.b.select(condition, as_value(a), as_value(c))

    def _copy(self, source: Value, direction: Index, rows: Index, shared: bool, target: Value, low: Index, high: Index) -> None:
        """Emits the copy of the rows [low, high) of one direction's first state, or of its only row to all of them."""
        b, hidden = self.b, self.kernel.hidden
        with b.loop(low, high, hint="row") as loop:
            row = direction if shared else b.add(rows, loop.index)
            copy(b, b.gep(source, b.mul(row, hidden)), b.gep(target, b.mul(loop.index, hidden)), hidden, "f32", self.target.vector_bits)

    def _rows(self, vectors: int, bases: Sequence[Value], low: Index, high: Index, rest: Sequence[Value]) -> None:
        """Emits the loops over rows [low, high) of one panel, one for each height of tile."""
        kernel, b = self.kernel, self.b
        wide = kernel.directions * kernel.hidden
        pitches = (kernel.hidden, kernel.hidden, kernel.hidden, kernel.gates * wide, wide, 1)

        def tile(height: int, row: Index) -> None:
            if (height, vectors) not in self.tiles:
                self.tiles[height, vectors] = f"@{self._tile(height, vectors)}"
            b.call(self.tiles[height, vectors], *(b.gep(base, b.mul(row, pitch)) for base, pitch in zip(bases, pitches, strict=True)), *rest)

        each_tile(b, kernel.tile, low, high, tile)

    def _tile(self, height: int, vectors: int) -> str:
        """Emits the function of one size of tile; returns its name."""
        kernel, name = self.kernel, f"tile_{height}x{vectors}"
        b = self.module.function(name, _TILE_PARAMETERS, linkage="internal", attributes=self.module.functions[0].attributes)
        tile = _Tile(kernel, b, self.target, height, vectors)
        tile.emit()
        b.ret()
        return name


class _Tile:
    """One step of `height` rows and `vectors` vectors of units."""

    def __init__(self, kernel: RecurrentKernel, b: Builder, target: CpuTarget, height: int, vectors: int) -> None:
        self.kernel, self.b, self.target, self.height, self.vectors = kernel, b, target, height, vectors
        self.at = {name: b.argument(position) for position, (_, name) in enumerate(_TILE_PARAMETERS)}

    def emit(self) -> None:
        """Emits the product and what follows it for every vector of the tile."""
        kernel, b = self.kernel, self.b
        dot = fma_dot(self.target.has_fma)
        start = [dot.zero(kernel.lanes)] * (kernel.gates * self.vectors)
        if kernel.mode == "gru":
            unit = b.gep(self.at["bias"], self.at["unit"])
            start[2 * self.vectors:] = [b.load(vector(kernel.lanes), b.gep(unit, v * kernel.lanes)) for v in range(self.vectors)]
        sums = emit_tile(b, dot, kernel.lanes, [row * kernel.hidden for row in range(self.height)], kernel.gates * self.vectors, kernel.nests(),
                         self.at["state"], self.at["w"], start=start)
        for v in range(self.vectors):
            mask = self._real_lanes(v)
            for row in range(self.height):
                self._unit(v, row, [self._lanes(sums[gate * self.vectors + v][row]) for gate in range(kernel.gates)], mask)

    def _unit(self, v: int, row: int, sums: Sequence[Lanes], mask: Value | None) -> None:
        """Emits the gates' arithmetic of one row and vector of units, and stores its results."""
        kernel, b, hidden = self.kernel, self.b, self.kernel.hidden
        wide = kernel.directions * hidden
        unit = b.add(self.at["unit"], v * kernel.lanes)
        place = {name: b.gep(self.at[name], b.add(unit, row * pitch)) for name, pitch in (("state", hidden), ("next", hidden), ("cell", hidden), ("y", wide))}
        given = [self._load(b.gep(self.at["given"], b.add(unit, row * kernel.gates * wide + gate * hidden)), mask) for gate in range(kernel.gates)]
        state = self._load(place["state"], mask) if kernel.lengths or kernel.mode == "gru" else sums[0]
        cell = self._load(place["cell"], mask) if kernel.has_cell else state
        following, inside = self._step(given, sums, state, cell)
        shown = following
        if kernel.lengths:
            length = b.load(I32, b.gep(self.at["lengths"], row, I32))
            present = b.icmp("slt", self.at["time"], b.cast("sext", length, I64))
            shown = self._lanes(b.select(present, following.value, following.const(0.0).value))
            following, inside = (self._lanes(b.select(present, new.value, old.value)) for new, old in ((following, state), (inside, cell)))
        store(b, shown.value, place["y"], "f32", mask)
        store(b, following.value, place["next"], "f32", mask)
        if kernel.has_cell:
            store(b, inside.value, place["cell"], "f32", mask)

    def _step(self, given: Sequence[Lanes], sums: Sequence[Lanes], state: Lanes, cell: Lanes) -> tuple[Lanes, Lanes]:
        """Returns the next state and cell; `ngc.ir.ops.recurrent` has the formulas."""
        kernel = self.kernel
        if kernel.mode == "gru":
            reset, keep = sigmoid(given[0] + sums[0]), sigmoid(given[1] + sums[1])
            new = tanh(reset.fma(sums[2], given[2]))
            return keep.fma(state - new, new), cell
        total = [x + h for x, h in zip(given, sums, strict=True)]
        if kernel.mode != "lstm":
            return tanh(total[0]) if kernel.mode == "rnn_tanh" else total[0].at_least(0.0), cell
        enter, forget, candidate, out = sigmoid(total[0]), sigmoid(total[1]), tanh(total[2]), sigmoid(total[3])
        inside = forget.fma(cell, enter * candidate)
        low, high = kernel.clip
        if low is not None:
            inside = inside.at_least(low)
        if high is not None:
            inside = inside.at_most(high)
        return out * tanh(inside), inside

    def _lanes(self, value: Value) -> Lanes:
        return Lanes(self.b, value, self.target)

    def _load(self, pointer: Value, mask: Value | None) -> Lanes:
        return self._lanes(load(self.b, pointer, "f32", self.kernel.lanes, mask))

    def _real_lanes(self, v: int) -> Value | None:
        """Returns the mask of the lanes that are units, or None where all are."""
        lanes = self.kernel.lanes
        if not self.kernel.hidden % lanes or v != self.vectors - 1:
            return None
        left = self.b.sub(self.kernel.hidden, self.b.add(self.at["unit"], v * lanes))
        return lanes_below(self.b, left, lanes)
