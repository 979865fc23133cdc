import ctypes
import gc
import os
from pathlib import Path

import pytest

from ngc.codegen.llvm import jit
from ngc.errors import CodegenError

CPU, FEATURES = jit.host_cpu()

ADD_ONE = """
define i64 @add_one(i64 %x) {
  %y = add i64 %x, 1
  ret i64 %y
}"""

CALLS_OUT = """
declare i64 @add_one(i64)
declare i32 @abs(i32)
define i64 @abs_plus_one(i64 %x) {
  %narrow = trunc i64 %x to i32
  %positive = call i32 @abs(i32 %narrow)
  %wide = sext i32 %positive to i64
  %y = call i64 @add_one(i64 %wide)
  ret i64 %y
}"""


def compiled(text: str) -> bytes:
    return jit.compile_object(text, CPU, FEATURES)


def libc(name: str) -> int:
    return ctypes.cast(ctypes.CDLL(None)[name], ctypes.c_void_p).value or 0


def call(address: int, x: int) -> int:
    result: int = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)(x)
    return result


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_objects_call_each_other_and_imports() -> None:
    library = jit.load_objects({"add_one": compiled(ADD_ONE), "abs_plus_one": compiled(CALLS_OUT)}, {"abs": libc("abs")})
    assert call(library.addresses["abs_plus_one"], -41) == 42


def test_one_image_under_several_symbols() -> None:
    text = "define i64 @two() {\n  ret i64 2\n}\ndefine i64 @three() {\n  ret i64 3\n}"
    library = jit.load_objects(dict.fromkeys(["two", "three"], compiled(text)))
    assert [call(library.addresses[symbol], 0) for symbol in ("two", "three")] == [2, 3]


def test_libraries_do_not_share_symbols() -> None:
    texts = [f"define i64 @f(i64 %x) {{\n  ret i64 {i}\n}}" for i in range(20)]
    libraries = [jit.load_objects({"f": compiled(text)}) for text in texts]
    assert [call(library.addresses["f"], 0) for library in libraries] == list(range(20))


def test_code_survives_while_the_library_does() -> None:
    library = jit.load_objects({"add_one": compiled(ADD_ONE)})
    others = [jit.load_objects({"add_one": compiled(ADD_ONE)}) for _ in range(10)]
    for other in others:
        other.close()
    del others, other
    gc.collect()
    assert call(library.addresses["add_one"], 1) == 2


def test_closed_library_has_no_addresses() -> None:
    library = jit.load_objects({"add_one": compiled(ADD_ONE)})
    library.close()
    library.close()
    assert library.addresses == {}


def test_permanent_library_outlives_its_object() -> None:
    library = jit.load_objects({"add_one": compiled(ADD_ONE)})
    address = library.addresses["add_one"]
    library.make_permanent()
    del library
    gc.collect()
    assert call(address, 1) == 2


def test_freed_libraries_give_their_memory_back() -> None:
    # A library with a mebibyte of constants.
    table = compiled('@table = constant [1048576 x i8] c"' + "x" * (1 << 20) + '"\ndefine ptr @get(i64 %x) {\n  ret ptr @table\n}')

    def load_and_free() -> None:
        jit.load_objects({"get": table}).close()

    for _ in range(5):
        load_and_free()
    before = resident_bytes()
    for _ in range(60):
        load_and_free()
    assert resident_bytes() - before < 20 << 20


def test_empty_library() -> None:
    assert jit.load_objects({}).addresses == {}


def test_parse_error_shows_the_line() -> None:
    with pytest.raises(CodegenError) as error:
        compiled("define i64 @f(i64 %x) {\n  %y = addx i64 %x, 1\n  ret i64 %y\n}")
    assert str(error.value) == (
        "LLVM cannot parse the generated module f, line 2: expected instruction opcode\n    %y = addx i64 %x, 1\n         ^"
    )


def test_verifier_error_shows_the_instruction() -> None:
    with pytest.raises(CodegenError) as error:
        compiled("define i64 @f(i64 %x) {\n  br label %a\na:\n  %y = add i64 %z, 1\n  br label %b\nb:\n  %z = add i64 %y, 1\n  ret i64 %y\n}")
    assert str(error.value).startswith("LLVM rejects the generated module f: Instruction does not dominate all uses!")
    assert "%z = add i64 %y, 1" in str(error.value)


def test_unknown_architecture() -> None:
    with pytest.raises(CodegenError, match="this LLVM cannot generate code for foo-bar: No available targets"):
        compiled('target triple = "foo-bar"\n' + ADD_ONE)


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ({"add_one": compiled(ADD_ONE), "other": compiled(CALLS_OUT)}, "LLVM cannot link add_one, other: "),
        ({"abs_plus_one": compiled(CALLS_OUT)}, "LLVM cannot link abs_plus_one: "),
        ({"add_one": compiled(ADD_ONE)[:100]}, "LLVM cannot link add_one: "),
        ({f"f{i}": b"" for i in range(6)}, "LLVM cannot link f0, f1, f2, f3 and 2 more: "),
    ],
)
def test_link_errors(objects: dict[str, bytes], message: str) -> None:
    with pytest.raises(CodegenError) as error:
        jit.load_objects(objects)
    assert str(error.value).startswith(message)


def test_clean_up_passes_promote_memory() -> None:
    text = """
    define i64 @f(i64 %x) {
      %slot = alloca i64
      store i64 %x, ptr %slot
      %y = load i64, ptr %slot
      ret i64 %y
    }"""
    plain = jit.compile_assembly(text, "x86-64", "") if jit.host_triple().startswith("x86_64") else ""
    cleaned = jit.compile_assembly(text, CPU, FEATURES, passes=True)
    assert "rsp" not in cleaned
    assert not plain or "rsp" in plain


def test_another_architecture() -> None:
    assembly = jit.compile_assembly('target triple = "aarch64-unknown-linux-gnu"\n' + ADD_ONE, "generic", "")
    assert "add\tx0, x0, #1" in assembly


def test_same_text_gives_the_same_object() -> None:
    assert compiled(CALLS_OUT) == compiled(CALLS_OUT)


def test_versions() -> None:
    assert jit.llvm_version().startswith("llvmlite ")
    assert " LLVM " in jit.llvm_version()


def test_only_this_file_imports_the_binding() -> None:
    package = Path(jit.__file__).parents[2]
    importers = [path.name for path in package.rglob("*.py") if "import llvmlite.binding" in path.read_text()]
    assert importers == ["jit.py"]
