"""What ngc makes of a case: the reference evaluator, and the compiled program where the case asks for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

from bench.differential.case import Array, Case
from ngc.codegen.llvm import build
from ngc.codegen.llvm.compile_pool import compile_kernels
from ngc.driver import compile as compile_graph
from ngc.errors import NgcError
from ngc.importer import import_model
from ngc.ir import Graph, evaluate
from ngc.runtime import Executable

THREADS = 2
"""Of the compiled program: each kernel's work is divided, however little it is."""


@dataclass(frozen=True)
class Result:
    """What one of ngc's ways gave: arrays, or why it refused; `crashed` where an exception was none of ngc's own."""

    arrays: tuple[Array, ...] = ()
    refusal: str = ""
    crashed: bool = False


def import_case(case: Case, arrays: Mapping[str, Array], *, batch: bool) -> Graph:
    """Returns the imported graph.

    Raises:
        NgcError: the importer refuses it.
    """
    params = {item.name: arrays[item.name] for item in case.inputs if item.param}
    data = [item for item in case.inputs if not item.param and not item.label]
    shapes: dict[str, Sequence[int | str]] = {item.name: ("N", *item.shape[1:]) if batch and item.batched else item.shape for item in data}
    return import_model((case.symbol(), params, {}), shapes=shapes, dtypes={item.name: item.dtype for item in data})


def run_ngc(case: Case) -> tuple[Result, Result | None]:
    """Returns what the reference evaluator and, where the case names a target, what the compiled program gives."""
    arrays = case.arrays()
    feeds = {item.name: arrays[item.name] for item in case.inputs if not item.param and not item.label}
    try:
        graph = _import(case, arrays)
    except NgcError as error:
        return Result(refusal=str(error)), None
    except Exception as error:
        return _crash(error), None
    with np.errstate(all="ignore"):
        reference = _guarded(lambda: evaluate(graph, feeds))
        if case.target is None:
            return reference, None
        return reference, _guarded(lambda: compile_here(graph, target=case.target).run_poisoned(feeds))


def compile_here(graph: Graph, **options: Any) -> Executable:
    """Compiles in this process: to start LLVM's workers takes ten times as long as to compile what is drawn."""
    with patch.object(build, "compile_kernels", partial(compile_kernels, in_process=True)):
        return compile_graph(graph, threads=THREADS, **options)


def _import(case: Case, arrays: Mapping[str, Array]) -> Graph:
    """Imports with the batch N where the case says so; what cannot have one is compiled for its own."""
    if case.batch:
        try:
            return import_case(case, arrays, batch=True)
        except NgcError:
            return import_case(case, arrays, batch=False)
    return import_case(case, arrays, batch=False)


def _guarded(run: Callable[[], Sequence[Array]]) -> Result:
    try:
        return Result(tuple(run()))
    except NgcError as error:
        return Result(refusal=str(error))
    except Exception as error:
        return _crash(error)


def _crash(error: Exception) -> Result:
    return Result(refusal=f"{type(error).__name__}: {error}", crashed=True)
