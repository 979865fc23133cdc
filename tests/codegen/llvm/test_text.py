"""The IR text builder: folding, loops, constants; LLVM takes what it writes."""

import ctypes

import pytest

from ngc.codegen.llvm import jit
from ngc.codegen.llvm.text import FLOAT, I64, PTR, Builder, Module, Value, float_literal, lanes_of, overload, vector

PARAMETERS = ((PTR, "out"), (I64, "n"))


def run(emit: object, n: int, size: int = 8) -> list[float]:
    """Builds `void f(out, n)` by `emit(builder)`, runs it, returns `out`."""
    module = Module("test")
    b = module.function("f", PARAMETERS)
    emit(b)  # type: ignore[operator]
    b.ret()
    cpu, features = jit.host_cpu()
    library = jit.load_objects({"f": jit.compile_object(str(module), cpu, features)})
    out = (ctypes.c_float * size)()
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(library.addresses["f"])(ctypes.addressof(out), n)
    return list(out)


def test_known_integers_cost_no_instruction() -> None:
    b = Module("m").function("f", PARAMETERS)
    x = b.argument(1)
    before = len(b.lines)
    assert b.add(2, b.mul(3, 4)) == 14
    assert b.add(x, 0) is x
    assert b.mul(x, 1) is x
    assert b.mul(x, 0) == 0
    assert b.sub(x, 0) is x
    assert b.div(x, 1) is x
    assert b.rem(x, 1) == 0
    assert b.smin(3, 2) == 2
    assert b.smax(3, 2) == 3
    assert b.gep(b.argument(0), 0) == b.argument(0)
    assert len(b.lines) == before


@pytest.mark.parametrize(("start", "stop", "step", "expected"), [(0, 5, 1, 10.0), (1, 8, 3, 12.0), (4, 4, 1, 0.0), (5, 2, 1, 0.0)])
def test_loops_carry_values(start: int, stop: int, step: int, expected: float) -> None:
    def emit(b: Builder) -> None:
        with b.loop(start, stop, step, [b.constant(FLOAT, 0.0)]) as loop:
            loop.carry([b.fbinary("fadd", loop.values[0], b.cast("sitofp", loop.index, FLOAT))])
        b.store(loop.results[0], b.argument(0))

    assert run(emit, 0)[0] == expected


@pytest.mark.parametrize("n", [0, 1, 6])
def test_a_loop_over_a_run_time_count(n: int) -> None:
    def emit(b: Builder) -> None:
        with b.loop(0, b.argument(1)) as loop:
            b.store(b.cast("sitofp", loop.index, FLOAT), b.gep(b.argument(0), loop.index))

    assert run(emit, n) == [float(i) if i < n else 0.0 for i in range(8)]


def test_a_loop_that_carries_must_say_what() -> None:
    b = Module("m").function("f", PARAMETERS)
    with pytest.raises(ValueError, match=r"must call carry\(\)"), b.loop(0, 3, carried=[b.constant(FLOAT, 0.0)]):
        pass
    with pytest.raises(ValueError, match="a loop carries 1 values, 2 were given"), b.loop(0, 3, carried=[b.constant(FLOAT, 0.0)]) as loop:
        loop.carry([b.constant(FLOAT, 0.0)] * 2)


def test_vectors_splats_and_fma() -> None:
    def emit(b: Builder) -> None:
        x = b.splat(b.constant(FLOAT, 3.0), 4)
        y = b.fma(x, b.constant(vector(4), 2.0), b.constant(vector(4), 0.5))
        z = b.fma(x, b.constant(vector(4), 2.0), b.constant(vector(4), 0.5), fused=False)
        b.store(y, b.argument(0))
        b.store(z, b.gep(b.argument(0), 4))

    assert run(emit, 0) == [6.5] * 8


def test_conditions() -> None:
    def emit(b: Builder) -> None:
        with b.when(b.icmp("sgt", b.argument(1), 2)):
            b.store(b.constant(FLOAT, 1.0), b.argument(0))

    assert run(emit, 3)[0] == 1.0
    assert run(emit, 2)[0] == 0.0


def test_a_loop_may_be_left() -> None:
    def emit(b: Builder) -> None:
        with b.loop(0, 10) as loop:
            b.leave_unless(loop, b.icmp("slt", loop.index, b.argument(1)))
            b.store(b.cast("sitofp", loop.index, FLOAT), b.argument(0))

    assert run(emit, 4)[0] == 3.0
    assert run(emit, 50)[0] == 9.0


def test_a_loop_with_carried_values_may_not() -> None:
    b = Module("m").function("f", ())
    with pytest.raises(ValueError, match="a loop that carries values ends with its counter only"), b.loop(0, 2, carried=[b.constant(FLOAT, 1.0)]) as loop:
        b.leave_unless(loop, b.icmp("eq", loop.index, 0))


def test_literals_are_exact() -> None:
    assert float_literal(1.0) == "0x3FF0000000000000"
    assert float_literal(0.1) == "0x3FB99999A0000000"  # rounded to single
    assert float_literal(0.1, "double") == "0x3FB999999999999A"
    assert float_literal(float("inf")) == "0x7FF0000000000000"


def test_type_helpers() -> None:
    assert vector(1) == "float"
    assert vector(16) == "<16 x float>"
    assert lanes_of("<8 x i32>") == 8
    assert overload("<16 x float>") == "v16f32"
    assert overload("i64") == "i64"
    assert str(Value(I64, "%x")) == "i64 %x"


def test_constant_arrays() -> None:
    def emit(b: Builder) -> None:
        table = b.module.constant_array(FLOAT, [1.5, 2.5])
        b.store(b.load(FLOAT, b.gep(table, 1)), b.argument(0))

    assert run(emit, 0)[0] == 2.5
