import re

import pytest

from ngc.codegen.llvm import jit
from ngc.errors import CodegenError, EngineError, InputError
from ngc.target import _PROCESSORS, CpuTarget, check_host, host_target, parse_target


@pytest.mark.parametrize(
    ("text", "bits", "registers", "fma", "vnni", "bf16"),
    [
        ("cpu:x86-64", 128, 16, False, False, False),
        ("cpu:x86-64-v2", 128, 16, False, False, False),
        ("cpu:ivybridge", 128, 16, False, False, False),
        ("cpu:x86-64-v3", 256, 16, True, False, False),
        ("cpu:haswell", 256, 16, True, False, False),
        ("cpu:znver3", 256, 16, True, False, False),
        ("cpu:alderlake", 256, 16, True, True, False),
        ("cpu:x86-64-v4", 512, 32, True, False, False),
        ("cpu:skylake-avx512", 512, 32, True, False, False),
        ("cpu:icelake-server", 512, 32, True, True, False),
        ("cpu:sapphirerapids", 512, 32, True, True, True),
        ("cpu:znver4", 512, 32, True, True, True),
        ("cpu:znver5", 512, 32, True, True, True),
        ("cpu:aarch64", 128, 32, True, False, False),
    ],
)
def test_named_targets(text: str, bits: int, registers: int, fma: bool, vnni: bool, bf16: bool) -> None:
    target = parse_target(text)
    assert (target.name, target.vector_bits, target.registers) == (text, bits, registers)
    assert (target.has_fma, target.has_vnni, target.has_bf16) == (fma, vnni, bf16)
    assert target.has_avx512 == (bits == 512)


def test_lanes_follow_dtype() -> None:
    target = parse_target("cpu:x86-64-v3")
    assert [target.lanes(dtype) for dtype in ("f32", "f64", "bf16", "u8", "bool")] == [8, 4, 16, 32, 32]


def test_target_is_hashable_data() -> None:
    assert parse_target("cpu:znver4") == parse_target("cpu:znver4")
    assert len({parse_target("cpu:znver4"), parse_target("cpu:znver5"), parse_target("cpu:znver4")}) == 2


def test_host_has_its_own_features() -> None:
    host = parse_target("cpu")
    assert host is host_target()
    assert (host.cpu, host.features) == jit.host_cpu()
    assert host.name == "cpu"
    check_host(host)


@pytest.mark.parametrize("processor", sorted(_PROCESSORS))
def test_llvm_generates_code_for_every_name(processor: str) -> None:
    target = parse_target(f"cpu:{processor}")
    lanes = target.lanes("f32")
    text = f"""
        target triple = "{target.triple}"
        define void @scale(ptr %p) {{
          %x = load <{lanes} x float>, ptr %p, align 64
          %y = fadd <{lanes} x float> %x, %x
          store <{lanes} x float> %y, ptr %p, align 64
          ret void
        }}"""
    assembly = jit.compile_assembly(text, target.cpu, target.features)
    # One load, add and store: the width that the table promises is one that LLVM finds legal.
    assert len(re.findall(r"\bv?addps\b|\bfadd\b", assembly)) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cpu:znver9", "unknown processor 'znver9' in target 'cpu:znver9'; did you mean znver5 or znver4 or znver3?"),
        ("cpu:", "unknown target 'cpu:'; did you mean cpu"),
        ("gpu", "unknown target 'gpu'; did you mean cpu?"),
        ("xyzzy", "unknown target 'xyzzy'; accepted are cpu, cpu:x86-64, "),
        ("", "unknown target ''; accepted are cpu, "),
    ],
)
def test_unknown_target(text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        parse_target(text)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("text", ["tensorrt", "tensorrt-rtx:sm86,sm89", "neuron", "neuron:cpu"])
def test_engines_are_no_processors(text: str) -> None:
    with pytest.raises(EngineError, match=f"target '{text}' is an engine; what is asked for here is done on the CPU: \"cpu\""):
        parse_target(text)


def test_check_host_names_what_is_missing() -> None:
    host = host_target()
    beyond = CpuTarget("cpu:beyond", host.arch, host.cpu, "", (*host.provided, "avx2048", "teleport"))
    with pytest.raises(CodegenError) as error:
        check_host(beyond)
    assert "target 'cpu:beyond' needs processor features that this machine" in str(error.value)
    assert "lacks: avx2048, teleport; compile for" in str(error.value)


def test_check_host_refuses_another_architecture() -> None:
    other = "cpu:aarch64" if host_target().arch == "x86_64" else "cpu:x86-64"
    with pytest.raises(CodegenError, match=f"target '{other}' is .* code; this machine is {host_target().arch}"):
        check_host(parse_target(other))


def test_baseline_runs_here() -> None:
    check_host(parse_target("cpu:x86-64" if host_target().arch == "x86_64" else "cpu:aarch64"))


def test_only_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    with pytest.raises(CodegenError, match="ngc runs on Linux on x86-64 and AArch64; this is Darwin on"):
        host_target.__wrapped__()
