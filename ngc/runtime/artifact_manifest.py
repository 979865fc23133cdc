"""The manifest of an artifact: everything about a program that is not code or weights, as JSON and back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

import ngc
from ngc.codegen.engine_image import EngineImage
from ngc.codegen.llvm import jit
from ngc.codegen.program import CallInfo, Program
from ngc.codegen.tensor_spec import TensorSpec
from ngc.errors import InputError
from ngc.ir import Dim, Graph, SymDim
from ngc.runtime.context import ABI
from ngc.runtime.team import check_threads
from ngc.target import CpuTarget

# What LLVM never selects by itself, so that code for "cpu" runs on a machine without it: cryptography, system and cache control, transactions.
_NEVER_SELECTED = frozenset({
    "64bit", "aes", "amx-bf16", "amx-complex", "amx-fp16", "amx-fp8", "amx-int8", "amx-movrs", "amx-tf32", "amx-tile", "amx-transpose", "cldemote",
    "clflushopt", "clwb", "clzero", "enqcmd", "fsgsbase", "fxsr", "hreset", "invpcid", "kl", "lwp", "mwaitx", "pclmul", "pconfig", "pku", "prefetchi",
    "prfchw", "ptwrite", "raoint", "rdpid", "rdpru", "rdrnd", "rdseed", "rtm", "serialize", "sgx", "sha", "sha512", "shstk", "sm3", "sm4", "tsxldtrk",
    "uintr", "usermsr", "vaes", "vpclmulqdq", "waitpkg", "wbnoinvd", "widekl", "xsave", "xsavec", "xsaveopt", "xsaves",
})

_SYMBOLIC = re.compile(r"(?:([0-9]{1,15})\*)?N")


def make_manifest(program: Program, graph: Graph, target: CpuTarget, threads: int | None) -> dict[str, Any]:
    """Returns the manifest of a program, without what the sections add to it."""
    return {
        "ngc": ngc.__version__, "abi": ABI, "llvm": jit.llvm_version(), "name": graph.name, "threads": threads,
        "target": {**asdict(target), "required": required_features(target)},
        "inputs": [spec_out(spec) for spec in program.inputs], "outputs": [spec_out(spec) for spec in program.outputs],
        "operators": graph.count(), "entry": program.entry, "calls": list(map(_call_out, program.calls)),
        "arena": {"fixed": program.arena_fixed, "per_image": program.arena_per_image, "scratch": program.scratch}, "options": dict(program.options),
        "callbacks": dict(program.callbacks),
    }


def required_features(target: CpuTarget) -> list[str]:
    """Returns the processor features without which a target's code may not run."""
    return [feature for feature in target.provided if feature not in _NEVER_SELECTED]


def read_program(manifest: Mapping[str, Any], weights: np.ndarray, objects: Mapping[str, bytes], engines: Mapping[str, EngineImage]) -> Program:
    """Returns the program that a manifest describes.

    Raises:
        KeyError, TypeError, ValueError: the manifest is none of ngc's.
    """
    target, arena = manifest["target"], manifest["arena"]
    program = Program(
        str(target["name"]), read_target(manifest).identity, str(manifest["entry"]), tuple(map(spec_in, manifest["inputs"])),
        tuple(map(spec_in, manifest["outputs"])), tuple(map(_call_in, manifest["calls"])), _size(arena["fixed"]), _size(arena["per_image"]),
        _size(arena["scratch"]), weights, dict(objects), dict(manifest["options"]), _texts(manifest["callbacks"]), engines)
    if program.entry not in program.objects:
        raise ValueError(f"no object defines the entry {program.entry!r}")
    return program


def read_target(manifest: Mapping[str, Any]) -> CpuTarget:
    """Returns the target that the code was generated for; KeyError and TypeError where the manifest is none of ngc's."""
    target = manifest["target"]
    return CpuTarget(target["name"], target["arch"], target["cpu"], target["features"], tuple(target["provided"]))


def read_threads(manifest: Mapping[str, Any]) -> int | None:
    """Returns how many threads were asked for at compilation, if any; KeyError or ValueError where the manifest is none of ngc's."""
    threads = manifest["threads"]
    try:
        return None if threads is None else check_threads(threads)
    except InputError as error:
        raise ValueError(str(error)) from error


def spec_out(spec: TensorSpec) -> dict[str, Any]:
    """Returns an input or output as JSON."""
    return {"name": spec.name, "shape": [str(dim) if isinstance(dim, SymDim) else dim for dim in spec.shape], "dtype": spec.dtype}


def spec_in(entry: Mapping[str, Any]) -> TensorSpec:
    """Returns the input or output that JSON describes; KeyError, TypeError or ValueError where it describes none."""
    return TensorSpec(str(entry["name"]), tuple(map(_dim, _list(entry["shape"]))), str(entry["dtype"]))


def _dim(dim: Any) -> Dim:
    if isinstance(dim, str):
        found = _SYMBOLIC.fullmatch(dim)
        if found is None:
            raise ValueError(f"{dim!r} is no dimension")
        return SymDim(int(found[1] or 1))
    return _size(dim)


def _call_out(call: CallInfo) -> dict[str, Any]:
    return {**asdict(call), "results": list(map(spec_out, call.results))}


def _call_in(entry: Mapping[str, Any]) -> CallInfo:
    return CallInfo(**{**entry, "sources": tuple(entry["sources"]), "results": tuple(map(spec_in, entry.get("results", ())))})


def _size(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 48:
        raise ValueError(f"{value!r} is no size")
    return value


def _texts(value: Any) -> dict[str, str]:
    return {str(key): str(text) for key, text in dict(value).items()}


def _list(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value
