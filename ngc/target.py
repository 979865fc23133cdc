"""What the machine that code is generated for can do.

A target text is "cpu" (this machine), or "cpu:" and LLVM's name of a processor or of an x86-64 level. The named ones
stand in a table, so that a compile for another machine needs neither that machine nor LLVM to know its features.
"""

import difflib
import functools
import platform
from dataclasses import dataclass

from ngc.errors import CodegenError, EngineError, InputError

_DTYPE_BITS = {
    "f64": 64,
    "i64": 64,
    "f32": 32,
    "i32": 32,
    "f16": 16,
    "bf16": 16,
    "i8": 8,
    "u8": 8,
    "bool": 8,
}

ENGINES = {"tensorrt": "TensorRT", "tensorrt-rtx": "TensorRT for RTX", "neuron": "AWS Neuron"}
"""Engines by the names that targets begin with; `ngc.engines` reads what comes behind."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Only what a compiler may select is listed: cryptographic and system instructions change no kernel.
_V1 = _names("cmov cx8 fxsr mmx sse sse2")
_V2 = _V1 | _names("crc32 cx16 popcnt sahf sse3 ssse3 sse4.1 sse4.2")
_V3 = _V2 | _names("avx avx2 bmi bmi2 f16c fma lzcnt movbe xsave")
_V4 = _V3 | _names("avx512bw avx512cd avx512dq avx512f avx512vl")
_SKYLAKE = _V4 | _names("adx prfchw")
_CASCADELAKE = _SKYLAKE | _names("avx512vnni")
_ICELAKE = _CASCADELAKE | _names("avx512bitalg avx512ifma avx512vbmi avx512vbmi2 avx512vpopcntdq gfni")
_SAPPHIRERAPIDS = _ICELAKE | _names("amx-bf16 amx-int8 amx-tile avx512bf16 avx512fp16 avxvnni")
_ZEN1 = _V3 | _names("adx prfchw sse4a")
_ZEN4 = _ZEN1 | _ICELAKE | _names("avx512bf16")
_NEON = _names("fp-armv8 neon")
_NEOVERSE = _NEON | _names("crc dotprod fullfp16 lse rdm")

_PROCESSORS: dict[str, tuple[str, frozenset[str]]] = {
    "x86-64": ("x86_64", _V1),
    "x86-64-v2": ("x86_64", _V2),
    "x86-64-v3": ("x86_64", _V3),
    "x86-64-v4": ("x86_64", _V4),
    "nehalem": ("x86_64", _V2),
    "sandybridge": ("x86_64", _V2 | _names("avx xsave")),
    "ivybridge": ("x86_64", _V2 | _names("avx f16c xsave")),
    "haswell": ("x86_64", _V3),
    "broadwell": ("x86_64", _V3 | _names("adx prfchw")),
    "skylake": ("x86_64", _V3 | _names("adx prfchw")),
    "alderlake": ("x86_64", _V3 | _names("adx avxvnni gfni prfchw")),
    "skylake-avx512": ("x86_64", _SKYLAKE),
    "cascadelake": ("x86_64", _CASCADELAKE),
    "cooperlake": ("x86_64", _CASCADELAKE | _names("avx512bf16")),
    "icelake-server": ("x86_64", _ICELAKE),
    "sapphirerapids": ("x86_64", _SAPPHIRERAPIDS),
    "emeraldrapids": ("x86_64", _SAPPHIRERAPIDS),
    "graniterapids": ("x86_64", _SAPPHIRERAPIDS | _names("amx-fp16")),
    "znver1": ("x86_64", _ZEN1),
    "znver2": ("x86_64", _ZEN1),
    "znver3": ("x86_64", _ZEN1),
    "znver4": ("x86_64", _ZEN4),
    "znver5": ("x86_64", _ZEN4 | _names("avx512vp2intersect avxvnni")),
    "aarch64": ("aarch64", _NEON),
    "cortex-a72": ("aarch64", _NEON | _names("crc")),
    "neoverse-n1": ("aarch64", _NEOVERSE),
}

# LLVM has no processor of the architecture's own name.
_LLVM_NAMES = {"aarch64": "generic"}

_ALL_OF_AVX512 = ("avx512f", "avx512bw", "avx512dq", "avx512vl")


@dataclass(frozen=True)
class CpuTarget:
    """A processor that kernels are generated for.

    Attributes:
        name: the target text that stands for it, such as "cpu:znver4".
        arch: "x86_64" or "aarch64".
        cpu: LLVM's processor name.
        features: LLVM's feature string, empty where the processor name says it all.
        provided: names of the instruction-set extensions that code may use, sorted.
    """

    name: str
    arch: str
    cpu: str
    features: str
    provided: tuple[str, ...]

    @property
    def triple(self) -> str:
        """LLVM's target triple."""
        return f"{self.arch}-unknown-linux-gnu"

    @property
    def identity(self) -> str:
        """What generated code depends on: equal identities give equal code, whatever the targets are called."""
        return f"{self.triple} {self.cpu} {self.features}"

    def has(self, *features: str) -> bool:
        """Returns whether the processor has all the named extensions."""
        return all(feature in self.provided for feature in features)

    @functools.cached_property  # asked thousands of times while kernels are chosen
    def vector_bits(self) -> int:
        """Width of the vectors that kernels use."""
        if self.has(*_ALL_OF_AVX512):
            return 512
        return 256 if self.has("avx2", "fma") else 128

    @property
    def registers(self) -> int:
        """Number of vector registers."""
        return 32 if self.arch == "aarch64" or self.has_avx512 else 16

    @property
    def has_fma(self) -> bool:
        """Whether `llvm.fma` is one instruction; elsewhere it is a call to libm, and kernels multiply and add."""
        return self.arch == "aarch64" or self.has("fma")

    @property
    def has_avx2(self) -> bool:
        """Whether 256-bit integer and floating-point vectors and fused multiply-add are there."""
        return self.has("avx2", "fma")

    @functools.cached_property
    def has_avx512(self) -> bool:
        """Whether the AVX-512 of servers (F, BW, DQ, VL) is there."""
        return self.has(*_ALL_OF_AVX512)

    @property
    def has_vnni(self) -> bool:
        """Whether `vpdpbusd` exists at the width of `vector_bits`."""
        return self.has("avx512vnni") if self.has_avx512 else self.has("avxvnni")

    @property
    def has_bf16(self) -> bool:
        """Whether `vdpbf16ps` exists."""
        return self.has_avx512 and self.has("avx512bf16")

    @property
    def has_dotprod(self) -> bool:
        """Whether AArch64's `sdot` and `udot` exist."""
        return self.has("dotprod")

    def lanes(self, dtype: str = "f32") -> int:
        """Returns how many elements of a dtype one vector holds."""
        return self.vector_bits // _DTYPE_BITS[dtype]


@functools.lru_cache(maxsize=64)
def parse_target(text: str) -> CpuTarget:
    """Returns the target that a text names.

    Raises:
        InputError: the text names no target that ngc knows.
        EngineError: the text names an engine.
    """
    kind, _, processor = text.partition(":")
    if kind in ENGINES:
        raise EngineError(f'target {text!r} is an engine; what is asked for here is done on the CPU: "cpu" (this machine), or "cpu:x86-64-v3" and the like')
    if kind == "cpu" and (processor or text == "cpu"):
        if not processor:
            return host_target()
        if processor in _PROCESSORS:
            return _named(processor)
        raise InputError(f"unknown processor {processor!r} in target {text!r}; {_suggest(processor, list(_PROCESSORS))}")
    accepted = ["cpu", *(f"cpu:{name}" for name in _PROCESSORS), *ENGINES]
    raise InputError(f"unknown target {text!r}; {_suggest(text, accepted)}")


@functools.cache
def host_target() -> CpuTarget:
    """Returns the target of this machine, with exactly the features that it has.

    Raises:
        CodegenError: ngc does not run on this operating system or architecture.
    """
    machine = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    if platform.system() != "Linux" or machine not in ("x86_64", "aarch64"):
        raise CodegenError(
            f"ngc runs on Linux on x86-64 and AArch64; this is {platform.system()} on {platform.machine()}"
        )
    from ngc.codegen.llvm import jit  # the one place that may ask LLVM; needed for no named target

    cpu, features = jit.host_cpu()
    provided = tuple(sorted(item[1:] for item in features.split(",") if item.startswith("+")))
    return CpuTarget("cpu", machine, cpu, features, provided)


def check_host(target: CpuTarget) -> None:
    """Checks that this machine can run code for a target.

    Raises:
        CodegenError: it cannot; the message names the missing features.
    """
    host = host_target()
    if target.arch != host.arch:
        raise CodegenError(f"target {target.name!r} is {target.arch} code; this machine is {host.arch}")
    missing = [feature for feature in target.provided if not host.has(feature)]
    if missing:
        raise CodegenError(
            f"target {target.name!r} needs processor features that this machine ({host.cpu}) lacks: "
            f'{", ".join(missing)}; compile for "cpu" or for a smaller target'
        )


def _named(processor: str) -> CpuTarget:
    arch, provided = _PROCESSORS[processor]
    return CpuTarget(f"cpu:{processor}", arch, _LLVM_NAMES.get(processor, processor), "", tuple(sorted(provided)))


def _suggest(word: str, accepted: list[str]) -> str:
    """Returns a hint: near matches where there are any, else all that is accepted."""
    near = difflib.get_close_matches(word, accepted, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"accepted are {', '.join(accepted)}"
