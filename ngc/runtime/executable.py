"""The executable: a compiled program that runs, from any number of threads at once, with one native call per inference."""

import ctypes
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ngc.codegen.engine_image import EngineImage
from ngc.codegen.llvm import jit
from ngc.codegen.program import Program
from ngc.errors import InputError
from ngc.ir import Graph
from ngc.runtime.arena import ArenaPool
from ngc.runtime.callbacks import Callbacks
from ngc.runtime.context import Context
from ngc.runtime.profile import Profile, make_profile
from ngc.runtime.team import barrier_address, check_threads, read_cycles, run_program
from ngc.runtime.tensors import TensorSpec, check_feeds, check_out, public_spec
from ngc.target import CpuTarget, check_host, parse_target

if TYPE_CHECKING:
    from ngc.passes.quantize.outcome import LayerQuantization
    from ngc.runtime.explanation import Explanation


@dataclass(frozen=True)
class Memory:
    """Bytes that an executable holds: packed weights, one arena (for a batch of 1 where it grows with N), code, and what was built for engines, whose own
    memory on their devices is not counted."""

    weights: int
    arena: int
    code: int
    engines: int = 0

    @property
    def total(self) -> int:
        """The sum."""
        return self.weights + self.arena + self.code + self.engines


class Executable:
    """A compiled model. `run` may be called from many threads at once and from forked or spawned processes.

    `profile` says where time goes over many runs of the same inputs, `run_traced` where it went in one run whose outputs are wanted.
    """

    def __init__(self, program: Program, graph: Graph | Callable[[], Graph], threads: int | None = None, *, target: CpuTarget | None = None,
                 name: str = "", verify_weights: Callable[[], object] | None = None) -> None:
        """Loads the program's code into this process.

        Args:
            program: what to run.
            graph: the IR that the program was compiled from, or what returns it when somebody asks.
            threads: how many threads share a run; `default_threads()` unless given.
            target: what the code was generated for; what the program names unless given.
            name: the model's name, where `graph` is not at hand yet.
            verify_weights: called before the first run reads the weights; what it raises, that run raises.

        Raises:
            CodegenError: this machine lacks features that the code needs.
            InputError: `threads` is no number of threads.
        """
        self.threads = check_threads(threads)
        self.threads_asked = threads
        self.target = parse_target(program.target) if target is None else target
        check_host(parse_target(program.target))
        self._graph = graph
        self.name = graph.name if isinstance(graph, Graph) else name
        self.verify_weights = verify_weights
        self.program = program
        self._callbacks = Callbacks(self.graph, program.callbacks, program.engines) if program.callbacks else None
        imports = self._callbacks.addresses if self._callbacks is not None else {}
        self._library = jit.load_objects(program.objects, {"ngc_barrier": barrier_address(), **imports})
        self._entry = self._library.addresses[program.entry]
        self._arenas = ArenaPool()
        self.inputs: list[TensorSpec] = [public_spec(spec) for spec in program.inputs]
        self.outputs: list[TensorSpec] = [public_spec(spec) for spec in program.outputs]

    @property
    def graph(self) -> Graph:
        """The IR that was compiled."""
        graph = self._graph
        if not isinstance(graph, Graph):
            # Two threads may both get here and both parse; what the first one stores, both return.
            graph = self.__dict__.setdefault("_parsed", graph())
            self._graph = graph
        return graph

    def run(self, feeds: Mapping[str, Any], *, out: Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
        """Returns the outputs, in the order of the symbol's heads, for arrays by input name.

        Args:
            feeds: C-contiguous arrays of the right dtype are used in place; other strides and exact widenings are converted.
            out: arrays to put the outputs into; fresh ones otherwise.

        Raises:
            InputError: a name, shape or dtype does not fit; nothing has run then.
            EngineError: a part of the model runs on an engine whose library or device is missing; nothing has run then.
        """
        arrays, batch = check_feeds(feeds, self.program.inputs)
        results = check_out(out, self.program.outputs, batch, arrays)
        self._call(arrays, results, batch)
        return results

    def open_engines(self) -> None:
        """Makes the engines ready that execute parts of the model; the first run does so unless it was done before.

        Raises:
            EngineError: a library or a device is missing, or refuses what was built; says what was built for.
        """
        if self._callbacks is not None:
            self._callbacks.open_engines()

    @property
    def engines(self) -> Sequence[EngineImage]:
        """What was built for engines, one image for each region, in the order of the calls; none for a model that runs on the CPU alone."""
        return tuple(self.program.engines.values())

    def __call__(self, x: Any) -> list[np.ndarray] | np.ndarray:
        """Returns the output (or the list of several) for a model of one input."""
        if len(self.inputs) != 1:
            raise InputError(f"a call takes one array; this model has {len(self.inputs)} inputs: use run() with a dictionary of "
                             f"{', '.join(spec.name for spec in self.inputs)}")
        results = self.run({self.inputs[0].name: x})
        return results[0] if len(results) == 1 else results

    def _call(self, arrays: Sequence[np.ndarray], results: Sequence[np.ndarray], batch: int, *, stamps: int | None = None, poison: bool = False) -> None:
        if self.verify_weights is not None:
            self.verify_weights()
            self.verify_weights = None
        self.open_engines()
        inputs = (ctypes.c_void_p * max(1, len(arrays)))(*(array.ctypes.data for array in arrays))
        outputs = (ctypes.c_void_p * max(1, len(results)))(*(array.ctypes.data for array in results))
        with self._arenas.take(self.program.arena_bytes(batch, self.threads), poison=poison) as arena:
            ctx = Context(n=batch, arena=arena, weights=self.program.weights.ctypes.data, inputs=ctypes.addressof(inputs),
                          outputs=ctypes.addressof(outputs), stamps=stamps, scratch_bytes=self.program.scratch)
            run_program(self._entry, ctx, self.threads)
            if self._callbacks is not None:
                size = self.program.arena_bytes(batch, self.threads)
                self._callbacks.raise_error([(arena, size), *((array.ctypes.data, max(array.nbytes, 1)) for array in results)])

    def run_poisoned(self, feeds: Mapping[str, Any]) -> list[np.ndarray]:
        """Returns what `run` returns, with every float of the arena NaN beforehand: for finding reads of what was never written."""
        arrays, batch = check_feeds(feeds, self.program.inputs)
        results = check_out(None, self.program.outputs, batch)
        self._call(arrays, results, batch, poison=True)
        return results

    def profile(self, feeds: Mapping[str, Any], runs: int = 50) -> Profile:
        """Returns the time of each kernel over a number of runs.

        Raises:
            InputError: feeds do not fit, or `runs` is less than 1.
        """
        if runs < 1:
            raise InputError(f"profile takes at least 1 run, not {runs}")
        arrays, batch = check_feeds(feeds, self.program.inputs)
        results = check_out(None, self.program.outputs, batch)
        for _ in range(3):
            self._call(arrays, results, batch)
        return self._stamped(arrays, results, batch, runs)

    def run_traced(self, feeds: Mapping[str, Any]) -> tuple[list[np.ndarray], Profile]:
        """Returns what `run` returns, and the time of each kernel in that one run: for traces of real work, which is not done twice.

        Nothing is run before it to warm up, so times of a first run are those of a first run.

        Raises:
            InputError, EngineError: as `run` does.
        """
        arrays, batch = check_feeds(feeds, self.program.inputs)
        results = check_out(None, self.program.outputs, batch)
        return results, self._stamped(arrays, results, batch, 1)

    def _stamped(self, arrays: Sequence[np.ndarray], results: Sequence[np.ndarray], batch: int, runs: int) -> Profile:
        """Returns the profile of a number of runs into the same results."""
        stamps = np.zeros((runs, self.threads, len(self.program.calls), 2), np.int64)
        walls = np.zeros(runs)
        first_cycle, begin = read_cycles()
        for index in range(runs):
            start = time.perf_counter_ns()
            self._call(arrays, results, batch, stamps=stamps[index].ctypes.data)
            walls[index] = (time.perf_counter_ns() - start) / 1e6
        last_cycle, end = read_cycles()
        return make_profile(self.program, stamps, walls, (end - begin) / 1e6 / max(last_cycle - first_cycle, 1), batch)

    def explain(self, name: str, feeds: Mapping[str, Any] | None = None, runs: int = 50) -> "Explanation":
        """Returns what became of a node of the original model: the nodes that hold it now, what they were fused of and by which decisions, kernels,
        layouts, precision and, with `feeds`, times.

        Args:
            name: of an MXNet node, a value, a constant or an input; or a pattern such as `stage1_*`, `re:...` or `op:Convolution`.
            feeds: inputs to measure with.
            runs: how many runs to measure.

        Raises:
            InputError: nothing has that name, with near matches; or feeds do not fit.
        """
        from ngc.runtime.explain import explain  # running needs none of it

        return explain(self, name, feeds, runs)

    @property
    def quantization(self) -> "tuple[LayerQuantization, ...]":
        """What became of each layer in an int8 executable: int8 or fp32, why, range, scale; empty for others."""
        from ngc.passes.quantize.outcome import LayerQuantization  # running needs no passes

        return tuple(map(LayerQuantization.read, self.program.options.get("quantization", ())))

    @property
    def memory(self) -> Memory:
        """Bytes of weights, arena (for N = 1 where shapes depend on N) and code."""
        code = sum(len(image) for image in {id(image): image for image in self.program.objects.values()}.values())
        return Memory(self.program.weights.nbytes, self.program.arena_bytes(1, self.threads), code, sum(image.size for image in self.engines))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the artifact to a file, whole or not at all.

        Raises:
            ArtifactError: the file cannot be written.
        """
        from ngc.runtime.artifact import save  # reads and writes executables, so it builds on this module

        save(self, path)

    def _repr_html_(self) -> str:
        """Returns what a notebook displays: what goes in and out, for what it was compiled, what it holds."""
        from html import escape  # only notebooks need it

        sizes = ", ".join(f"{what} {size / 1e6:.2f} MB" for what, size in (("weights", self.memory.weights), ("arena", self.memory.arena),
                                                                           ("code", self.memory.code)))
        rows = [("inputs", ", ".join(f"{spec.name}: {spec.dtype}{list(spec.shape)}" for spec in self.inputs)),
                ("outputs", ", ".join(f"{spec.name}: {spec.dtype}{list(spec.shape)}" for spec in self.outputs)),
                ("target", f"{self.program.options.get('engine', self.program.target)}, {self.program.options.get('precision', 'fp32')}"),
                ("threads", str(self.threads)), ("memory", sizes), ("kernel calls", str(len(self.program.calls)))]
        cells = "".join(f'<tr><th style="text-align: left">{name}</th><td style="text-align: left">{escape(text)}</td></tr>' for name, text in rows)
        return f"<table><caption>{escape(self.name)}</caption>{cells}</table>"

    def __repr__(self) -> str:
        inputs = ", ".join(f"{spec.name}{list(spec.shape)}" for spec in self.inputs)
        return f"<ngc.Executable {self.name}({inputs}) for {self.program.options.get('engine', self.program.target)}, {self.threads} threads>"
