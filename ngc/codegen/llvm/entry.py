"""Emits a program's entry: one native function that every thread runs, calling each kernel with its share and meeting the others at barriers.

Loops and conditionals are branches of this function, which all threads take alike: each reads a predicate behind the barrier of the kernel that made it, and a
further barrier keeps whatever comes next from writing over it before all have read it.

Offsets into `ctx` are those of the frozen context struct (see `ngc.runtime.context`).
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from ngc.codegen.llvm.kernels.elements import SIZES
from ngc.codegen.llvm.text import I1, I32, I64, PTR, Builder, Index, Loop, Module, Value, as_value
from ngc.ir import Dim, SymDim
from ngc.ir.tensor_type import FLOATS

CTX_THREAD, CTX_THREADS, CTX_N, CTX_ARENA, CTX_WEIGHTS, CTX_INPUTS, CTX_OUTPUTS, CTX_STAMPS = 4, 8, 16, 24, 32, 40, 48, 56
"""Byte offsets of the context's fields."""


@dataclass(frozen=True)
class Stride:
    """How far each step of a loop moves an address on: fixed + N * per_image bytes."""

    loop: Hashable
    fixed: int
    per_image: int


@dataclass(frozen=True)
class Address:
    """Where an argument of a kernel lies: `space` is arena, weights, input, output or scratch; offset = fixed + N * per_image bytes.

    `index` says which of the inputs or outputs, `strides` which loops move it on.
    """

    space: str
    fixed: int = 0
    per_image: int = 0
    index: int = 0
    strides: tuple[Stride, ...] = ()


@dataclass(frozen=True)
class EntryCall:
    """One kernel call with addresses; a barrier follows unless `joined` says that the next call may begin at once."""

    symbol: str
    arguments: tuple[Address, ...]
    work: tuple[int, int]
    batch: Dim
    joined: bool = False


@dataclass(frozen=True)
class EntryMark:
    """What stands between calls; see `Mark` of `ngc.codegen.llvm.calls`.

    Attributes:
        kind: loop, test, if, else or end.
        loop: what strides know a loop by.
        steps: of a loop.
        predicate: where the predicate of a test or an if lies.
        dtype: of the predicate.
    """

    kind: str
    loop: Hashable = None
    steps: int = 0
    predicate: Address | None = None
    dtype: str = ""


def emit_entry(name: str, calls: Sequence[EntryCall | EntryMark], *, arena_fixed: int, arena_per_image: int, scratch: int) -> str:
    """Returns the text of the module that defines `void name(ctx*)`."""
    emitter = _Emitter(name, calls)
    if scratch:
        emitter.place_scratch(arena_fixed, arena_per_image, scratch)
    emitter.block(iter(calls))
    emitter.b.ret()
    return str(emitter.module)


class _Emitter:
    """The entry under construction: its context's fields, and the steps of the loops around what is emitted."""

    def __init__(self, name: str, program: Sequence[EntryCall | EntryMark]) -> None:
        calls = [call for call in program if isinstance(call, EntryCall)]
        self.module = Module("entry")
        self.b = b = self.module.function(name, ((PTR, "ctx"),))
        self.barrier = self.module.declare("ngc_barrier", "void", (PTR,))
        self.context = b.argument(0)
        self.field = {name: _field(b, self.context, offset, kind) for name, offset, kind in (
            ("thread", CTX_THREAD, I32), ("threads", CTX_THREADS, I32), ("n", CTX_N, I64), ("arena", CTX_ARENA, PTR), ("weights", CTX_WEIGHTS, PTR),
            ("inputs", CTX_INPUTS, PTR), ("outputs", CTX_OUTPUTS, PTR), ("stamps", CTX_STAMPS, PTR))}
        self.thread, self.threads = b.cast("sext", self.field["thread"], I64), b.cast("sext", self.field["threads"], I64)
        self.stamp_begin, self.stamp_end = _stamp_functions(self.module)
        self.table = b.alloca(PTR, max((len(call.arguments) for call in calls), default=1))
        self.first_stamp = b.mul(self.thread, 2 * len(calls))
        self.steps: dict[Hashable, Value] = {}
        self.number = 0
        places = [argument for call in calls for argument in call.arguments]
        places += (mark.predicate for mark in program if isinstance(mark, EntryMark) and mark.predicate is not None)
        self.bases: dict[tuple[str, int], Value] = {
            (space, index): b.load_pointer(self.field[space + "s"], index)
            for space, index in dict.fromkeys((place.space, place.index) for place in places if place.space in ("input", "output"))}

    def place_scratch(self, arena_fixed: int, arena_per_image: int, scratch: int) -> None:
        """Finds this thread's scratch, behind the arena."""
        b = self.b
        behind = b.add(b.add(arena_fixed, b.mul(self.field["n"], arena_per_image)), b.mul(self.thread, scratch))
        self.bases["scratch", 0] = b.gep(self.field["arena"], behind, "i8")

    def pointer(self, address: Address) -> Value:
        """Returns where an argument lies."""
        b, n = self.b, self.field["n"]
        if address.space == "scratch":
            return self.bases["scratch", 0]
        base = self.field[address.space] if address.space in ("arena", "weights") else self.bases[address.space, address.index]
        offset = b.add(address.fixed, b.mul(n, address.per_image))
        for stride in address.strides:
            offset = b.add(offset, b.mul(self.steps[stride.loop], b.add(stride.fixed, b.mul(n, stride.per_image))))
        return b.gep(base, offset, "i8")

    def block(self, calls: Iterator[EntryCall | EntryMark], loop: Loop | None = None) -> str:
        """Emits calls up to the mark that ends the block, whose kind is returned; `loop` is the loop that they are the body of."""
        for call in calls:
            if isinstance(call, EntryCall):
                self.call(call)
            elif call.kind == "loop":
                with self.b.loop(0, call.steps, hint="step") as inner:
                    self.steps[call.loop] = inner.index
                    self.block(calls, inner)
            elif call.kind == "test":
                assert loop is not None
                self.b.leave_unless(loop, self.holds(call))
            elif call.kind == "if":
                holds = self.holds(call)
                with self.b.when(holds):
                    self.block(calls)
                with self.b.when(self.b.define(I1, f"xor {holds}, true")):
                    self.block(calls)
            else:
                return call.kind
        return "end"

    def holds(self, mark: EntryMark) -> Value:
        """Returns whether a predicate is not zero, when all threads have read it: NaN is not, and the sign of a zero does not matter."""
        assert mark.predicate is not None
        size = SIZES[mark.dtype]
        bits = self.b.load(f"i{8 * size}", self.pointer(mark.predicate), size)
        if mark.dtype in FLOATS:
            bits = self.b.define(bits.type, f"and {bits}, {(1 << 8 * size - 1) - 1}")
        holds = self.b.define(I1, f"icmp ne {bits}, 0")
        self.b.call(self.barrier, self.context)
        return holds

    def call(self, call: EntryCall) -> None:
        """Emits one kernel call with this thread's share of its work."""
        b = self.b
        for position, address in enumerate(call.arguments):
            b.store(self.pointer(address), b.gep(self.table, position, PTR), align=8)
        batch: Index = b.mul(self.field["n"], call.batch.factor) if isinstance(call.batch, SymDim) else call.batch
        total = b.add(b.mul(batch, call.work[0]), call.work[1])
        begin = b.div(b.mul(total, self.thread), self.threads)
        end = b.div(b.mul(total, b.add(self.thread, 1)), self.threads)
        callee = self.module.declare(call.symbol, "void", (PTR, I64, I64, I64))
        stamp = as_value(b.add(self.first_stamp, 2 * self.number))
        b.call(self.stamp_begin, self.field["stamps"], stamp)
        b.call(callee, self.table, as_value(batch), as_value(begin), as_value(end))
        b.call(self.stamp_end, self.field["stamps"], stamp)
        self.number += 1
        if not call.joined:
            b.call(self.barrier, self.context)


def _field(b: Builder, context: Value, offset: int, kind: str) -> Value:
    return b.load(kind, b.gep(context, offset, "i8"), align=4 if kind == I32 else 8)


def _stamp_functions(module: Module) -> tuple[str, str]:
    """Adds `void begin(ptr stamps, i64 index)` and `end`, which store the cycle counter before and after a call where stamps are wanted; returns their names.

    A call in a loop comes by again: its begin is set back by the cycles that it has taken so far, so that between begin and end lie those of all its runs.
    """
    for name in ("begin", "end"):
        b = module.function(f"stamp_{name}", ((PTR, "stamps"), (I64, "index")), linkage="internal", attributes="nounwind noinline")
        wanted = Value(I1, "%wanted")
        b.emit("%wanted = icmp ne ptr %stamps, null")
        with b.when(wanted):
            counter = module.declare("llvm.readcyclecounter", I64, ())
            now = b.define(I64, f"call i64 {counter}()")
            begin, end = (b.gep(b.argument(0), b.add(b.argument(1), part), I64) for part in (0, 1))
            taken = b.sub(b.load(I64, end, 8), b.load(I64, begin, 8)) if name == "begin" else 0
            b.store(as_value(b.sub(now, taken)), begin if name == "begin" else end, align=8)
        b.ret()
    return "@stamp_begin", "@stamp_end"
