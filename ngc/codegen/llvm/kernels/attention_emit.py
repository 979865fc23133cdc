"""Emits attention: packing, the first product into scores, softmax of their rows, the second product."""

import math
from collections.abc import Callable

from ngc.codegen.llvm.float_math import exp
from ngc.codegen.llvm.kernels.arithmetic import Arithmetic
from ngc.codegen.llvm.kernels.attention import AttentionKernel
from ngc.codegen.llvm.kernels.dot import fma_dot
from ngc.codegen.llvm.kernels.elements import SIZES, STORED, lanes_below, load
from ngc.codegen.llvm.kernels.matmul import reduction
from ngc.codegen.llvm.kernels.matrices import Matrices, bound, copy_rows, emit_pack
from ngc.codegen.llvm.kernels.microkernel import emit_tile
from ngc.codegen.llvm.kernels.rows import RowSite, each_tile
from ngc.codegen.llvm.kernels.splits import each_part
from ngc.codegen.llvm.lanes import Lanes, Mask
from ngc.codegen.llvm.text import FLOAT, I64, PTR, Builder, Index, Module, Value, vector
from ngc.codegen.llvm.tiles import Split, Tile
from ngc.target import CpuTarget

_TILE_PARAMETERS = ((PTR, "x"), (PTR, "w"), (PTR, "y"), (I64, "pitch"), (I64, "row"), (I64, "block"), (PTR, "factors"))


class AttentionEmitter:
    """Emits one attention kernel."""

    def __init__(self, kernel: AttentionKernel, module: Module, b: Builder, target: CpuTarget) -> None:
        self.kernel, self.module, self.b, self.target = kernel, module, b, target
        self.lanes = kernel.lanes
        self.functions: dict[str, str] = {}

    def emit(self) -> None:
        """Emits the loops over the heads and blocks of queries that this thread has."""
        kernel, b = self.kernel, self.b
        args, n, begin, end = (b.argument(i) for i in range(4))
        masked = kernel.kind != "none"
        q, k, v = (b.load_pointer(args, i) for i in range(3))
        mask = b.load_pointer(args, 3) if masked else None
        y, scratch = (b.load_pointer(args, 3 + masked + i) for i in range(2))
        part = {name: b.gep(scratch, first) for name, (first, _) in kernel.parts.items()}
        blocks = kernel.blocks
        with b.when(b.icmp("slt", begin, end)):
            stop = b.add(b.div(b.sub(end, 1), blocks), 1)
            with b.loop(b.div(begin, blocks), stop, nonempty=True, hint="head") as head:
                first = b.mul(head.index, blocks)
                low, high = b.smax(b.sub(begin, first), 0), b.smin(b.sub(end, first), blocks)
                # Scores are products with the keys' transposes.
                turned = Matrices(kernel.k.column, kernel.k.row, kernel.k.batch, kernel.k.base)
                self._pack("keys", b.gep(k, turned.offset(b, n, head.index)), part["keys"], turned, kernel.size, kernel.keys, kernel.key_panels, n)
                self._pack("values", b.gep(v, kernel.v.offset(b, n, head.index)), part["values"], kernel.v, kernel.keys, kernel.width, kernel.value_panels, n)
                q_at, y_at = b.gep(q, kernel.q.offset(b, n, head.index)), b.gep(y, kernel.y.offset(b, n, head.index))
                with b.loop(low, high, hint="block") as loop:
                    row = b.mul(loop.index, kernel.block)
                    rows = b.smin(b.sub(kernel.queries, row), kernel.block)
                    q_row, q_column = (bound(b, n, stride) for stride in (kernel.q.row, kernel.q.column))
                    copy_rows(b, b.gep(q_at, b.mul(row, q_row)), q_row, q_column, part["queries"], rows, kernel.size, self.lanes, kernel.scale)
                    self._product("scores", part["queries"], part["keys"], part["scores"], kernel.pitch, 0, rows, kernel.size, kernel.pitch,
                                  kernel.key_panels, kernel.scores_tile, part["inverses"])
                    self._softmax(n, head.index, row, rows, part["scores"], part["inverses"], mask)
                    self._product("context", part["scores"], part["values"], y_at, bound(b, n, kernel.y.row), row, rows, kernel.keys, kernel.width,
                                  kernel.value_panels, kernel.values_tile, part["inverses"])
        b.ret()

    def _pack(self, name: str, source: Value, packed: Value, lie: Matrices, depth: int, columns: int, panels: Split, n: Value) -> None:
        """Packs all panels of a head's matrix."""
        b = self.b

        def pack(vectors: int, start: Index) -> None:
            label = f"pack_{name}_{vectors}"
            if label not in self.functions:
                self.functions[label] = emit_pack(self.module, self.target, label, lie, depth, self.lanes, vectors)
            first = b.mul(start, self.lanes)
            row, column = bound(b, n, lie.row), bound(b, n, lie.column)
            b.call(self.functions[label], b.gep(source, b.mul(first, column)), b.gep(packed, b.mul(first, depth)), row, column, b.sub(columns, first))

        each_part(b, panels, pack)

    # -- products ---------------------------------------------------------------------------------------------------

    def _product(self, name: str, x: Value, w: Value, y: Value, pitch: Index, row: Index, rows: Index, depth: int, columns: int, panels: Split, tile: Tile,
                 factors: Value) -> None:
        """Multiplies rows of scratch memory by packed panels; the second product's rows are multiplied by their factors."""
        b = self.b
        x_pitch = self.kernel.size if name == "scores" else self.kernel.pitch

        def panel(vectors: int, block: Index) -> None:
            at = b.gep(w, b.mul(b.mul(block, self.lanes), depth))

            def body(height: int, first: Index) -> None:
                label = f"{name}_{height}x{vectors}"
                if label not in self.functions:
                    self.functions[label] = self._tile(label, name == "context", height, vectors, depth, columns, x_pitch, tile.unroll)
                b.call(self.functions[label], b.gep(x, b.mul(first, x_pitch)), at, y, pitch, b.add(row, first), block, b.gep(factors, first))

            each_tile(b, tile, 0, rows, body)

        each_part(b, panels, panel)

    def _tile(self, label: str, scaled: bool, height: int, vectors: int, depth: int, columns: int, x_pitch: int, unroll: int) -> str:
        """Emits the function of one size of tile of a product; returns its name."""
        b = self.module.function(label, _TILE_PARAMETERS, linkage="internal", attributes=self.module.functions[0].attributes)
        x, w, y, pitch, row, block, factors = (b.argument(i) for i in range(len(_TILE_PARAMETERS)))
        reads = [r * x_pitch for r in range(height)]
        sums = emit_tile(b, fma_dot(self.target.has_fma), self.lanes, reads, vectors, reduction(depth, unroll), x, w)
        site = RowSite(b, self.target, columns, self.lanes, "f32", pitch, row, block, vectors)
        for r in range(height):
            factor = b.splat(b.load(FLOAT, b.gep(factors, r)), self.lanes) if scaled else None
            for v in range(vectors):
                value = sums[v][r] if factor is None else b.fbinary("fmul", sums[v][r], factor)
                site.store(value, y, None, v, r)
        b.ret()
        return f"@{label}"

    # -- softmax ----------------------------------------------------------------------------------------------------

    def _softmax(self, n: Value, head: Index, first: Index, rows: Index, scores: Value, inverses: Value, mask: Value | None) -> None:
        """Turns rows of scores into exponentials, and stores one over the sum of each."""
        kernel, b = self.kernel, self.b
        lie = kernel.mask
        base = None if mask is None or lie is None else b.gep(mask, lie.offset(b, n, head), STORED[kernel.kind] if kernel.kind in SIZES else FLOAT)
        with b.loop(0, rows, hint="r") as loop:
            at = b.gep(scores, b.mul(loop.index, kernel.pitch))
            marks = length = None
            if base is not None and lie is not None:
                moved = b.mul(b.add(first, loop.index), bound(b, n, lie.row))
                if kernel.kind in SIZES:
                    stored = b.load(STORED[kernel.kind], b.gep(base, moved, STORED[kernel.kind]), SIZES[kernel.kind])
                    length = stored if stored.type == I64 else b.cast("sext", stored, I64)
                else:
                    marks = b.gep(base, moved)
            self._row(at, marks, length, b.gep(inverses, loop.index))

    def _row(self, at: Value, marks: Value | None, length: Value | None, inverse: Value) -> None:
        b = self.b

        def masked(position: Index, tail: Value | None) -> Lanes:
            x = self._wrap(b.load(vector(self.lanes), b.gep(at, position)))
            if marks is not None:
                mark = self._mark(marks, position, tail)
                x = x + mark if self.kernel.kind == "add" else x.where(mark.compare("une", 0.0), self.kernel.fill)
                b.store(x.value, b.gep(at, position))
            for present in self._present(position, tail, length):
                x = x.where(present, -math.inf)
            return x

        def largest(position: Index, held: Lanes, tail: Value | None) -> Lanes:
            x = masked(position, tail)
            return x.where(x > held, held)

        top = self._across("max", self._fold(-math.inf, largest))
        wide = self._wrap(b.splat(top.value, self.lanes))

        def powers(position: Index, held: Lanes, tail: Value | None) -> Lanes:
            e = exp(self._wrap(b.load(vector(self.lanes), b.gep(at, position))) - wide)
            for present in self._present(position, tail, length):
                e = e.where(present, 0.0)
            weight = e * self._mark(marks, position, tail) if self.kernel.zero and marks is not None else e
            b.store(weight.value, b.gep(at, position))
            return held + e

        total = self._across("sum", self._fold(0.0, powers))
        # A row of which nothing counts has no weights; the sum of any other is 1 at least, or NaN.
        b.store((1.0 / total).where(total.compare("une", 0.0), 0.0).value, inverse)

    def _present(self, position: Index, tail: Value | None, length: Value | None) -> list[Mask]:
        """Returns what says which lanes count."""
        masks = [] if tail is None else [Mask(self.b, tail)]
        return masks if length is None else [*masks, Mask(self.b, lanes_below(self.b, self.b.sub(length, position), self.lanes))]

    def _mark(self, marks: Value, position: Index, tail: Value | None) -> Lanes:
        """Returns the mask's numbers that meet a vector of scores."""
        b = self.b
        assert self.kernel.mask is not None
        if self.kernel.mask.column == 0:
            return self._wrap(b.splat(b.load(FLOAT, marks), self.lanes))
        return self._wrap(load(b, b.gep(marks, position), "f32", self.lanes, tail))

    def _fold(self, start: float, step: Callable[[Index, Lanes, Value | None], Lanes]) -> Lanes:
        """Runs a step on a row, vector by vector; the last one may be cut off."""
        b, keys = self.b, self.kernel.keys
        whole = keys // self.lanes * self.lanes
        held = Lanes(b, Value(vector(self.lanes), "poison"), self.target).const(start).value
        if whole:
            with b.loop(0, whole, self.lanes, carried=[held], hint="i") as loop:
                loop.carry([step(loop.index, self._wrap(loop.values[0]), None).value])
            held = loop.results[0]
        if whole < keys:
            held = step(whole, self._wrap(held), lanes_below(b, keys - whole, self.lanes)).value
        return self._wrap(held)

    def _across(self, name: str, value: Lanes) -> Lanes:
        return self._wrap(Arithmetic(self.b, self.target).across(name, "f32", value.value))

    def _wrap(self, value: Value) -> Lanes:
        return Lanes(self.b, value, self.target)
