"""Builds LLVM IR as text: values, blocks, counted loops and calls, with integer constants folded on the way.

Text is what LLVM parses fastest and what people read in a dump, and it has none of the gaps of llvmlite's object layer
(atomics on opaque pointers, intrinsics overloaded on vectors). Integer arithmetic takes Python ints and `Value`s alike and folds what is
known, so that addresses with constant parts cost nothing. Pointers are opaque and only ever moved by `getelementptr`.
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple


class Value(NamedTuple):
    """A typed SSA name or constant: `type` and `name` as LLVM spells them."""

    type: str
    name: str

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


Index = int | Value
"""A 64-bit integer: known now or at run time."""

PTR, I64, I32, I8, I1, FLOAT, DOUBLE = "ptr", "i64", "i32", "i8", "i1", "float", "double"


def as_value(index: Index) -> Value:
    """Returns an integer as an operand of instructions."""
    return index if isinstance(index, Value) else Value(I64, str(index))


def vector(lanes: int, element: str = FLOAT) -> str:
    """Returns the LLVM type of `lanes` elements; one lane is the scalar type itself."""
    return element if lanes == 1 else f"<{lanes} x {element}>"


def lanes_of(type_name: str) -> int:
    """Returns the number of lanes of a vector type, 1 for a scalar."""
    return int(type_name[1:].split(" ", 1)[0]) if type_name.startswith("<") else 1


def element_of(type_name: str) -> str:
    """Returns the element type of a vector type, or the scalar type itself."""
    return type_name[:-1].split(" x ", 1)[1] if type_name.startswith("<") else type_name


def overload(type_name: str) -> str:
    """Returns the suffix that LLVM's overloaded intrinsics use for a type: `v16f32`, `f32`, `v8i32`."""
    short = {"float": "f32", "double": "f64", "half": "f16", "bfloat": "bf16"}
    element = element_of(type_name)
    count = lanes_of(type_name)
    return (f"v{count}" if count > 1 else "") + short.get(element, element)


def float_literal(value: float, type_name: str = FLOAT) -> str:
    """Returns the exact hexadecimal spelling of a float or double constant, rounded to single first for `float`."""
    if element_of(type_name) == FLOAT:
        value = struct.unpack("<f", struct.pack("<f", value))[0] if abs(value) <= 3.4028235677973366e38 else value
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


@dataclass
class Module:
    """The text of one LLVM module."""

    name: str
    globals: list[str] = field(default_factory=list)
    declarations: dict[str, str] = field(default_factory=dict)
    functions: list["Builder"] = field(default_factory=list)
    _constants: int = 0

    def declare(self, name: str, result: str, arguments: Sequence[str]) -> str:
        """Declares an external function or intrinsic once; returns its name with the `@`."""
        self.declarations[name] = f"declare {result} @{name}({', '.join(arguments)})"
        return f"@{name}"

    def constant_array(self, element: str, values: Sequence[int | float]) -> Value:
        """Adds a private constant array; returns a pointer to it."""
        name = f"@.const.{self._constants}"
        self._constants += 1
        spell = (lambda v: float_literal(v, element)) if element in (FLOAT, DOUBLE) else str
        body = ", ".join(f"{element} {spell(v)}" for v in values)
        self.globals.append(f"{name} = private unnamed_addr constant [{len(values)} x {element}] [{body}], align 64")
        return Value(PTR, name)

    def function(self, name: str, parameters: Sequence[tuple[str, str]], result: str = "void", *,
                 attributes: str = "nounwind", linkage: str = "") -> "Builder":
        """Opens a function; returns the builder of its body. Parameters are (type with attributes, name)."""
        builder = Builder(self, name, tuple(parameters), result, attributes, linkage)
        self.functions.append(builder)
        return builder

    def __str__(self) -> str:
        bodies = [str(function) for function in self.functions]  # first: bodies add declarations
        head = [f'source_filename = "{self.name}"', *self.globals, *self.declarations.values()]
        return "\n".join([*head, "", *bodies]) + "\n"


@dataclass
class Loop:
    """A counted loop under construction: `index`, the loop-carried `values`, and after its end, the block `done`, their `results`."""

    index: Value
    values: list[Value]
    done: str
    results: list[Value] = field(default_factory=list)
    following: list[Value] | None = None

    def carry(self, values: Sequence[Value]) -> None:
        """Sets what the loop-carried values become in the next iteration."""
        if len(values) != len(self.values):
            raise ValueError(f"a loop carries {len(self.values)} values, {len(values)} were given")
        self.following = list(values)


@dataclass
class Builder:
    """Appends instructions to one function; every method that makes a value returns it."""

    module: Module
    name: str
    parameters: tuple[tuple[str, str], ...]
    result: str
    attributes: str
    linkage: str
    lines: list[str] = field(default_factory=lambda: ["entry:"])
    block: str = "entry"
    _count: int = 0
    _allocas: list[str] = field(default_factory=list)

    # -- structure ------------------------------------------------------------------------------------------------

    def argument(self, position: int) -> Value:
        """Returns a parameter as a value."""
        kind, name = self.parameters[position]
        return Value(kind.split(" ", 1)[0] if not kind.startswith("<") else kind, f"%{name}")

    def fresh(self, hint: str = "v") -> str:
        """Returns a name that the function does not use yet, without `%`."""
        self._count += 1
        return f"{hint}{self._count}"

    def emit(self, line: str) -> None:
        """Appends one instruction line."""
        self.lines.append("  " + line)

    def define(self, type_name: str, text: str, hint: str = "v") -> Value:
        """Appends `%fresh = text` and returns the value of the given type."""
        value = Value(type_name, "%" + self.fresh(hint))
        self.emit(f"{value.name} = {text}")
        return value

    def start_block(self, label: str) -> None:
        """Begins a basic block."""
        self.lines.append(f"{label}:")
        self.block = label

    def branch(self, label: str) -> None:
        """Jumps."""
        self.emit(f"br label %{label}")

    def branch_if(self, condition: Value, then: str, otherwise: str) -> None:
        """Jumps on an i1."""
        self.emit(f"br {condition}, label %{then}, label %{otherwise}")

    def ret(self, value: Value | None = None) -> None:
        """Returns from the function."""
        self.emit("ret void" if value is None else f"ret {value}")

    def alloca(self, type_name: str, count: int = 1, align: int = 64) -> Value:
        """Reserves stack space in the entry block; returns its address."""
        name = "%" + self.fresh("stack")
        self._allocas.append(f"  {name} = alloca [{count} x {type_name}], align {align}")
        return Value(PTR, name)

    @contextmanager
    def loop(self, start: Index, stop: Index, step: int = 1, carried: Sequence[Value] = (), *,
             nonempty: bool = False, hint: str = "i") -> Iterator[Loop]:
        """A loop over range(start, stop, step), step > 0, carrying values from iteration to iteration.

        With `nonempty` the caller promises at least one iteration and the loop is tested at its end, which is what kernels want.
        Set the next values with `Loop.carry`; after the `with` they are in `Loop.results`.
        """
        nonempty = nonempty or (isinstance(start, int) and isinstance(stop, int) and start < stop)
        tag = self.fresh("loop")
        before, head, body, latch, done = self.block, f"{tag}.head", f"{tag}.body", f"{tag}.latch", f"{tag}.done"
        first = body if nonempty else head
        index = Value(I64, f"%{self.fresh(hint)}")
        following = Value(I64, f"{index.name}.next")
        phis = [Value(value.type, f"%{self.fresh('c')}") for value in carried]
        self.branch(first)
        self.start_block(first)
        self.emit(f"{index.name} = phi i64 [ {spell(start)}, %{before} ], [ {following.name}, %{latch} ]")
        slots = []
        for _ in phis:
            slots.append(len(self.lines))
            self.lines.append("")
        if not nonempty:
            self.branch_if(self.define(I1, f"icmp slt i64 {index.name}, {spell(stop)}"), body, done)
            self.start_block(body)
        loop = Loop(index, phis, done)
        yield loop
        ending = loop.following if loop.following is not None else phis
        if loop.following is None and phis:
            raise ValueError("a loop with carried values must call carry()")
        self.branch(latch)
        self.start_block(latch)
        self.emit(f"{following.name} = add nuw nsw i64 {index.name}, {step}")
        if nonempty:
            self.branch_if(self.define(I1, f"icmp slt i64 {following.name}, {spell(stop)}"), body, done)
        else:
            self.branch(head)
        for slot, phi, initial, final in zip(slots, phis, carried, ending, strict=True):
            self.lines[slot] = f"  {phi.name} = phi {phi.type} [ {initial.name}, %{before} ], [ {final.name}, %{latch} ]"
        self.start_block(done)
        loop.results = list(ending) if nonempty else phis

    def leave_unless(self, loop: Loop, condition: Value) -> None:
        """Leaves a loop that carries no values where an i1 is false."""
        if loop.values:
            raise ValueError("a loop that carries values ends with its counter only")
        label = self.fresh("stay")
        self.branch_if(condition, label, loop.done)
        self.start_block(label)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Runs the body only where an i1 is true; the body defines no values that live on."""
        tag = self.fresh("if")
        self.branch_if(condition, f"{tag}.then", f"{tag}.end")
        self.start_block(f"{tag}.then")
        yield
        self.branch(f"{tag}.end")
        self.start_block(f"{tag}.end")

    # -- integers -------------------------------------------------------------------------------------------------

    def add(self, a: Index, b: Index) -> Index:
        """a + b."""
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if a == 0 or b == 0:
            return b if a == 0 else a
        return self.define(I64, f"add nsw i64 {spell(a)}, {spell(b)}")

    def sub(self, a: Index, b: Index) -> Index:
        """a - b."""
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        return a if b == 0 else self.define(I64, f"sub nsw i64 {spell(a)}, {spell(b)}")

    def mul(self, a: Index, b: Index) -> Index:
        """a * b."""
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        if a == 0 or b == 0:
            return 0
        if a == 1 or b == 1:
            return b if a == 1 else a
        return self.define(I64, f"mul nsw i64 {spell(a)}, {spell(b)}")

    def div(self, a: Index, b: Index) -> Index:
        """a // b for a >= 0 and b > 0."""
        if isinstance(a, int) and isinstance(b, int):
            return a // b
        return a if b == 1 else self.define(I64, f"udiv i64 {spell(a)}, {spell(b)}")

    def rem(self, a: Index, b: Index) -> Index:
        """a % b for a >= 0 and b > 0."""
        if isinstance(a, int) and isinstance(b, int):
            return a % b
        return 0 if b == 1 else self.define(I64, f"urem i64 {spell(a)}, {spell(b)}")

    def smin(self, a: Index, b: Index) -> Index:
        """The smaller of two signed integers."""
        return self._extreme("smin", a, b)

    def smax(self, a: Index, b: Index) -> Index:
        """The larger of two signed integers."""
        return self._extreme("smax", a, b)

    def _extreme(self, name: str, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return min(a, b) if name == "smin" else max(a, b)
        callee = self.module.declare(f"llvm.{name}.i64", I64, (I64, I64))
        return self.define(I64, f"call i64 {callee}(i64 {spell(a)}, i64 {spell(b)})")

    def icmp(self, predicate: str, a: Index, b: Index) -> Value:
        """Compares two 64-bit integers; `predicate` is LLVM's (eq, ne, slt, sle, sgt, sge)."""
        return self.define(I1, f"icmp {predicate} i64 {spell(a)}, {spell(b)}")

    # -- memory ---------------------------------------------------------------------------------------------------

    def gep(self, base: Value, offset: Index, element: str = FLOAT) -> Value:
        """Returns base + offset elements."""
        if offset == 0:
            return base
        return self.define(PTR, f"getelementptr inbounds {element}, ptr {base.name}, i64 {spell(offset)}", "p")

    def load(self, type_name: str, pointer: Value, align: int = 4) -> Value:
        """Loads a scalar or vector."""
        return self.define(type_name, f"load {type_name}, ptr {pointer.name}, align {align}")

    def store(self, value: Value, pointer: Value, align: int = 4) -> None:
        """Stores a scalar or vector."""
        self.emit(f"store {value}, ptr {pointer.name}, align {align}")

    def prefetch(self, pointer: Value, locality: int = 3) -> None:
        """Asks for a cache line: locality 3 is every level, 2 the second and beyond."""
        callee = self.module.declare("llvm.prefetch.p0", "void", (PTR, "i32 immarg", "i32 immarg", "i32 immarg"))
        self.emit(f"call void {callee}(ptr {pointer.name}, i32 0, i32 {locality}, i32 1)")

    def load_pointer(self, table: Value, position: Index) -> Value:
        """Loads entry `position` of an array of pointers: an operand of a kernel's `args`."""
        return self.define(PTR, f"load ptr, ptr {self.gep(table, position, PTR).name}, align 8", "arg")

    # -- floating point -------------------------------------------------------------------------------------------

    def constant(self, type_name: str, value: float) -> Value:
        """Returns a float constant, splat over the lanes of a vector type."""
        literal, count = float_literal(value, type_name), lanes_of(type_name)
        if count == 1:
            return Value(type_name, literal)
        element = element_of(type_name)
        return Value(type_name, f"splat ({element} {literal})")

    def integer(self, type_name: str, value: int) -> Value:
        """Returns an integer constant, splat over the lanes of a vector type."""
        if lanes_of(type_name) == 1:
            return Value(type_name, str(value))
        return Value(type_name, f"splat ({element_of(type_name)} {value})")

    def splat(self, value: Value, lanes: int) -> Value:
        """Copies a scalar into all lanes of a vector."""
        if lanes == 1:
            return value
        kind = vector(lanes, value.type)
        first = self.define(kind, f"insertelement {kind} poison, {value}, i64 0")
        return self.define(kind, f"shufflevector {first}, {kind} poison, <{lanes} x i32> zeroinitializer")

    def fbinary(self, operation: str, a: Value, b: Value) -> Value:
        """fadd, fsub, fmul, fdiv or frem; no fast-math flags, so results are those of IEEE arithmetic."""
        return self.define(a.type, f"{operation} {a}, {b.name}")

    def fma(self, a: Value, b: Value, c: Value, fused: bool = True) -> Value:
        """a * b + c; fused in one rounding where the instruction set has it, else multiply and add."""
        if not fused:
            return self.fbinary("fadd", self.fbinary("fmul", a, b), c)
        callee = self.module.declare(f"llvm.fma.{overload(a.type)}", a.type, (a.type,) * 3)
        return self.define(a.type, f"call {a.type} {callee}({a}, {b}, {c})")

    def fcmp(self, predicate: str, a: Value, b: Value) -> Value:
        """Compares floats lane by lane; `predicate` is LLVM's (ogt, olt, oeq, uno, ...)."""
        return self.define(vector(lanes_of(a.type), I1), f"fcmp {predicate} {a}, {b.name}")

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        """condition ? a : b, lane by lane."""
        return self.define(a.type, f"select {condition}, {a}, {b}")

    def intrinsic(self, name: str, result: str, *arguments: Value) -> Value:
        """Calls an LLVM intrinsic by its full name."""
        callee = self.module.declare(name, result, [a.type for a in arguments])
        return self.define(result, f"call {result} {callee}({', '.join(map(str, arguments))})")

    def call(self, callee: str, *arguments: Value | int) -> None:
        """Calls a function that returns nothing; `callee` as `Module.declare` returned it, ints as 64-bit integers."""
        values = (argument if isinstance(argument, Value) else Value(I64, str(argument)) for argument in arguments)
        self.emit(f"call void {callee}({', '.join(map(str, values))})")

    def cast(self, operation: str, value: Value, to: str) -> Value:
        """A conversion instruction (sitofp, fptosi, bitcast, zext, ...)."""
        return self.define(to, f"{operation} {value} to {to}")

    def __str__(self) -> str:
        parameters = ", ".join(f"{kind} %{name}" for kind, name in self.parameters)
        head = f"define {self.linkage + ' ' if self.linkage else ''}{self.result} @{self.name}({parameters}) {self.attributes} {{"
        return "\n".join([head, self.lines[0], *self._allocas, *self.lines[1:], "}"])


def spell(index: Index) -> str:
    """Returns an integer operand as LLVM spells it."""
    return str(index) if isinstance(index, int) else index.name
