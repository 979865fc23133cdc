"""Compiles a lowered graph into a program: kernels from the cache or from LLVM, the entry that calls them, the blob of weights."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ngc.codegen.engine_image import EngineImage
from ngc.codegen.llvm import object_cache
from ngc.codegen.llvm.calls import Call, Mark, buffer_size
from ngc.codegen.llvm.choice import CostModel
from ngc.codegen.llvm.compile_pool import KernelJob, compile_kernels
from ngc.codegen.llvm.entry import EntryCall, EntryMark, emit_entry
from ngc.codegen.llvm.kernels.callback import CallbackKernel
from ngc.codegen.llvm.kernels.copy import CopyKernel
from ngc.codegen.llvm.kernels.halo import HaloKernel
from ngc.codegen.llvm.lower import Lowering, lower
from ngc.codegen.llvm.placement import Placement, place
from ngc.codegen.llvm.tune import Tuner
from ngc.codegen.program import CallInfo, Program
from ngc.codegen.tensor_spec import TensorSpec, graph_specs
from ngc.ir import Graph, SymDim
from ngc.target import CpuTarget

Progress = Callable[[int, int, str], None]
"""Called with how many kernels are done, how many there are, and the symbol of the last."""


def build_program(graph: Graph, target: CpuTarget, *, cache: bool = True, progress: Progress | None = None, dump_dir: Path | None = None,
                  numerics: str = "fast", fallback: bool = False, tune: bool = False, measuring: Progress | None = None,
                  options: Mapping[str, Any] | None = None, engines: Mapping[str, EngineImage] | None = None) -> Program:
    """Returns the program of a lowered graph.

    Args:
        cache: take kernels from the cache folder and keep new ones there.
        progress: hears of each kernel that is compiled.
        dump_dir: a folder for the LLVM IR and assembly of every kernel.
        numerics: "exact" for direct summation only.
        fallback: operators without a kernel call back into the reference evaluator.
        tune: choose the kernels of convolutions by measuring those that no record in the cache folder chooses.
        measuring: hears of each layer that is measured.
        options: what the program says about how it was compiled.
        engines: what the graph's engine calls execute, by the nodes' names.

    Raises:
        CodegenError: operators without kernels, all listed; or LLVM failed.
        InputError: kernels of another machine are to be measured.
    """
    if tune:
        lowering = _lower_tuned(graph, target, Tuner(target, numerics, cache=cache), fallback, progress, measuring)
    else:
        lowering = lower(graph, target, chooser=CostModel(target, numerics), fallback=fallback)
    source = program_source(lowering, target)
    for call in lowering.kernel_calls:
        if call.note:
            graph.events.record("codegen", type(call.spec).__name__, "chosen", call.node.name, f"{call.note}: {call.reason}" if call.reason else call.note,
                                call.node.locs)
    objects = compile_cached(source.texts, target, cache=cache, progress=progress)
    if dump_dir is not None:
        _dump(source.texts, target, dump_dir)
    plan = source.placement.plan
    return Program(target.name, target.identity, source.entry, *graph_specs(graph), source.calls, plan.fixed, plan.per_image,
                   source.placement.scratch, lowering.blob.finish(), objects, dict(options or {}), source.callbacks, dict(engines or {}))


@dataclass(frozen=True)
class ProgramSource:
    """A program before LLVM: functions that return the text of each module by the symbol that it defines, and the calls in order.

    Attributes:
        entry: the symbol that calls all others.
        texts: modules without a target triple; `module_text` adds it.
        calls: what the entry calls.
        callbacks: names of the nodes that Python executes, by the symbols under which they are called.
        placement: where everything lies.
    """

    entry: str
    texts: dict[str, Callable[[], str]]
    calls: tuple[CallInfo, ...]
    callbacks: dict[str, str]
    placement: Placement


def program_source(lowering: Lowering, target: CpuTarget) -> ProgramSource:
    """Returns the modules of a graph's kernel calls, each kernel once, and of the entry that calls them."""
    placement = place(lowering)
    texts: dict[str, Callable[[], str]] = {}
    entry_calls: list[EntryCall | EntryMark] = []
    callbacks: dict[str, str] = {}
    infos: list[CallInfo] = []
    repeats = _repeats(lowering)
    for call in lowering.calls:
        if isinstance(call, Mark):
            entry_calls.append(_entry_mark(call, placement))
            continue
        symbol = call.spec.symbol(target)
        if isinstance(call.spec, CallbackKernel):
            callbacks[symbol] = call.scope + call.node.name
        else:
            texts.setdefault(symbol, lambda spec=call.spec: spec.emit(target))  # type: ignore[misc]  # bound now
        entry_calls.append(EntryCall(symbol, tuple(map(placement.address, call.arguments)), call.spec.work, call.batch, call.joined))
        infos.append(_info(call, symbol, repeats[len(infos)], placement))
    text = emit_entry("ngc_run", entry_calls, arena_fixed=placement.plan.fixed, arena_per_image=placement.plan.per_image, scratch=placement.scratch)
    entry = "ngc_run_" + hashlib.sha256(f"{text}|{target.identity}".encode()).hexdigest()[:20]
    texts[entry] = lambda: text.replace("@ngc_run(", f"@{entry}(")
    return ProgramSource(entry, texts, tuple(infos), callbacks, placement)


def _lower_tuned(graph: Graph, target: CpuTarget, tuner: Tuner, fallback: bool, progress: Progress | None, measuring: Progress | None) -> Lowering:
    """Returns the calls with the fastest kernels; where records lack, a first lowering finds the layers to measure."""
    lowering = lower(graph, target, chooser=tuner, fallback=fallback)
    if not tuner.missing:
        return lowering
    del lowering  # its packed weights
    tuner.measure(partial(compile_cached, target=target, cache=tuner.cache, progress=progress), measuring)
    return lower(graph, target, chooser=tuner, fallback=fallback)


def compile_cached(texts: Mapping[str, Callable[[], str]], target: CpuTarget, *, cache: bool, progress: Progress | None = None) -> dict[str, bytes]:
    """Returns the object code of each kernel, taken from the cache where it is there."""
    objects: dict[str, bytes] = {}
    missing = []
    for symbol in texts:
        found = object_cache.load(object_cache.cache_key(symbol, target.identity)) if cache else None
        if found is not None:
            objects[symbol] = found
        else:
            missing.append(symbol)
    done = 0

    def on_done(symbol: str, seconds: float) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, len(missing), symbol)

    jobs = (KernelJob(symbol, module_text(texts[symbol], target), target.cpu, target.features) for symbol in missing)
    for symbol, image in (compile_kernels(jobs, on_done=on_done) if missing else {}).items():
        objects[symbol] = image
        if cache:
            object_cache.store(object_cache.cache_key(symbol, target.identity), symbol, image)
    return objects


def module_text(text: Callable[[], str], target: CpuTarget) -> str:
    """Returns the module that LLVM is given: a kernel's text under the target's triple."""
    return f'target triple = "{target.triple}"\n{text()}'


def _entry_mark(mark: Mark, placement: Placement) -> EntryMark:
    if mark.predicate is None:
        return EntryMark(mark.kind, mark, mark.steps)
    return EntryMark(mark.kind, mark, predicate=placement.address(mark.predicate), dtype=mark.dtype)


def _repeats(lowering: Lowering) -> list[int]:
    """Returns how often each kernel call runs; loops with a condition are counted as one step, conditionals as if both their regions ran."""
    conditional = {mark.node for mark in lowering.calls if isinstance(mark, Mark) and mark.kind == "test"}
    counts, around = [], [1]
    for call in lowering.calls:
        if isinstance(call, Call):
            counts.append(around[-1])
        elif call.kind in ("loop", "if"):
            around.append(around[-1] * (call.steps if call.kind == "loop" and call.node not in conditional else 1))
        elif call.kind == "end":
            around.pop()
    return counts


def _info(call: Call, symbol: str, repeats: int, placement: Placement) -> CallInfo:
    moved = sum(buffer_size(value.type)[0] for value in (*call.reads, *call.writes))
    op = "halo" if isinstance(call.spec, HaloKernel) else "copy" if isinstance(call.spec, CopyKernel) else call.node.op
    op = f"reference:{op}" if isinstance(call.spec, CallbackKernel) and not call.node.regions else op
    images = call.batch.factor if isinstance(call.batch, SymDim) else call.batch
    results = tuple(TensorSpec(value.name, value.type.shape, value.type.dtype) for value in call.writes)
    kept = sum(buffer_size(value.type)[0] for value in call.writes if placement.address(value).space == "arena")
    return CallInfo(symbol, op, call.scope + call.node.name, tuple(loc.name for loc in call.node.locs), repeats * images * call.spec.flops(), repeats * moved,
                    isinstance(call.batch, SymDim), call.note, results, kept)


def _dump(texts: Mapping[str, Callable[[], str]], target: CpuTarget, folder: Path) -> None:
    from ngc.codegen.llvm import jit  # only dumps need assembly

    folder.mkdir(parents=True, exist_ok=True)
    for symbol, text in texts.items():
        source = module_text(text, target)
        (folder / f"{symbol}.ll").write_text(source)
        (folder / f"{symbol}.s").write_text(jit.compile_assembly(source, target.cpu, target.features))
