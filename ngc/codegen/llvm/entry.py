"""Emits a program's entry: one native function that every thread runs, calling each kernel with its share and meeting the others at barriers.

Offsets into `ctx` are those of the frozen context struct (see `ngc.runtime.context`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ngc.codegen.llvm.text import I32, I64, PTR, Builder, Index, Module, Value
from ngc.ir import Dim, SymDim

CTX_THREAD, CTX_THREADS, CTX_N, CTX_ARENA, CTX_WEIGHTS, CTX_INPUTS, CTX_OUTPUTS, CTX_STAMPS = 4, 8, 16, 24, 32, 40, 48, 56
"""Byte offsets of the context's fields."""


@dataclass(frozen=True)
class Address:
    """Where an argument of a kernel lies: `space` is arena, weights, input, output or scratch; offset = fixed + N * per_image bytes.

    `index` says which of the inputs or outputs.
    """

    space: str
    fixed: int = 0
    per_image: int = 0
    index: int = 0


@dataclass(frozen=True)
class EntryCall:
    """One kernel call with addresses; a barrier follows unless `joined` says that the next call may begin at once."""

    symbol: str
    arguments: tuple[Address, ...]
    work: tuple[int, int]
    batch: Dim
    joined: bool = False


def emit_entry(name: str, calls: Sequence[EntryCall], *, arena_fixed: int, arena_per_image: int, scratch: int) -> str:
    """Returns the text of the module that defines `void name(ctx*)`."""
    module = Module("entry")
    b = module.function(name, ((PTR, "ctx"),))
    barrier = module.declare("ngc_barrier", "void", (PTR,))
    context = b.argument(0)
    field = {name: _field(b, context, offset, kind) for name, offset, kind in (
        ("thread", CTX_THREAD, I32), ("threads", CTX_THREADS, I32), ("n", CTX_N, I64), ("arena", CTX_ARENA, PTR), ("weights", CTX_WEIGHTS, PTR),
        ("inputs", CTX_INPUTS, PTR), ("outputs", CTX_OUTPUTS, PTR), ("stamps", CTX_STAMPS, PTR))}
    thread, threads = b.cast("sext", field["thread"], I64), b.cast("sext", field["threads"], I64)
    stamp = _stamp_function(module)
    most = max((len(call.arguments) for call in calls), default=1)
    table = b.alloca(PTR, max(most, 1))
    first_stamp = b.mul(thread, 2 * len(calls))
    bases: dict[str, Value] = {}

    def base(address: Address) -> Value:
        if address.space in ("arena", "weights"):
            return field[address.space]
        key = f"{address.space}{address.index}"
        if key not in bases:
            bases[key] = b.load_pointer(field[address.space + "s"], address.index)
        return bases[key]

    def pointer(address: Address) -> Value:
        if address.space == "scratch":
            return bases["scratch"]
        return b.gep(base(address), b.add(address.fixed, b.mul(field["n"], address.per_image)), "i8")

    if scratch:
        behind = b.add(b.add(arena_fixed, b.mul(field["n"], arena_per_image)), b.mul(thread, scratch))
        bases["scratch"] = b.gep(field["arena"], behind, "i8")
    for space, position in dict.fromkeys((a.space, a.index) for call in calls for a in call.arguments if a.space in ("input", "output")):
        base(Address(space, index=position))
    for number, call in enumerate(calls):
        for position, address in enumerate(call.arguments):
            b.store(pointer(address), b.gep(table, position, PTR), align=8)
        batch: Index = b.mul(field["n"], call.batch.factor) if isinstance(call.batch, SymDim) else call.batch
        total = b.add(b.mul(batch, call.work[0]), call.work[1])
        begin = b.div(b.mul(total, thread), threads)
        end = b.div(b.mul(total, b.add(thread, 1)), threads)
        callee = module.declare(call.symbol, "void", (PTR, I64, I64, I64))
        _stamp(b, stamp, field["stamps"], first_stamp, 2 * number)
        b.call(callee, table, _value(batch), _value(begin), _value(end))
        _stamp(b, stamp, field["stamps"], first_stamp, 2 * number + 1)
        if not call.joined:
            b.call(barrier, context)
    b.ret()
    return str(module)


def _value(index: Index) -> Value:
    return Value(I64, str(index)) if isinstance(index, int) else index


def _field(b: Builder, context: Value, offset: int, kind: str) -> Value:
    return b.load(kind, b.gep(context, offset, "i8"), align=4 if kind == I32 else 8)


def _stamp_function(module: Module) -> str:
    """Adds `void stamp(ptr stamps, i64 index)`, which stores the cycle counter where stamps are wanted; returns its name."""
    b = module.function("stamp", ((PTR, "stamps"), (I64, "index")), linkage="internal", attributes="nounwind noinline")
    wanted = Value("i1", "%wanted")
    b.emit("%wanted = icmp ne ptr %stamps, null")
    with b.when(wanted):
        counter = module.declare("llvm.readcyclecounter", I64, ())
        now = b.define(I64, f"call i64 {counter}()")
        b.store(now, b.gep(b.argument(0), b.argument(1), I64), align=8)
    b.ret()
    return "@stamp"


def _stamp(b: Builder, stamp: str, stamps: Value, first: Index, number: int) -> None:
    b.call(stamp, stamps, _value(b.add(first, number)))
