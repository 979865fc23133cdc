"""Runs compiled programs on one thread or on the process's team of native threads.

There is one team per process, as large as the largest run so far. Its workers are native threads that know nothing of
Python: they are parked between runs, take no signals, and end with the process. Runs on one thread need no team and go
on side by side; runs on several threads queue for it.
"""

import ctypes
import errno
import functools
import os
import signal
import threading
import time
from collections.abc import Callable

from ngc.codegen.llvm import jit, object_cache, team
from ngc.cpus import available_cpus, physical_cores
from ngc.errors import InputError
from ngc.runtime.context import Context

# How long to spin before giving the processor away: within a run long enough for the imbalance of one kernel, between
# runs long enough for a caller that prepares the next input.
_RUN_SPIN_NS = 100_000
_PARK_SPIN_NS = 1_000_000

_PROGRAM = ctypes.CFUNCTYPE(None, ctypes.POINTER(Context))

# A worker keeps the signals that its own fault raises; all others are left to Python's threads.
_OWN_SIGNALS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGTRAP}


def run_program(address: int, ctx: Context, threads: int) -> None:
    """Runs a compiled program on a number of threads and returns when all of them are done.

    Args:
        address: of a native `void program(ctx*)`; its library must stay open meanwhile.
        ctx: the call's context; `thread`, `threads` and `team` are set here.
        threads: how many threads share the work, the calling one among them.

    Raises:
        InputError: the number of threads is out of range, or the system refuses to start them.
    """
    ctx.thread = 0
    ctx.threads = threads
    if threads == 1:
        ctx.team = None
        _PROGRAM(address)(ctx)
        return
    check_threads(threads)
    if _team.pid != os.getpid():
        _forget_team()
    _team.run(address, ctx, threads)


def check_threads(threads: int | None) -> int:
    """Returns how many threads a run is to use: what was asked for, or `default_threads()`.

    Raises:
        InputError: it is no number from 1 to the largest team.
    """
    if threads is None:
        return default_threads()
    if not isinstance(threads, int) or isinstance(threads, bool) or not 1 <= threads <= team.MAX_THREADS:
        raise InputError(f"threads={threads!r}: accepted are 1 to {team.MAX_THREADS}")
    return threads


def default_threads() -> int:
    """Returns the physical cores that affinity and the container's CPU quota leave."""
    return physical_cores()


def barrier_address() -> int:
    """Returns the address of `void ngc_barrier(ctx*)`, which programs import."""
    return _native().addresses["ngc_barrier"]


def read_cycles() -> tuple[int, int]:
    """Returns the cycle counter that programs stamp their kernels with, and `time.perf_counter_ns()` of the same moment, to some hundred nanoseconds."""
    native = _native()
    readings = []
    for _ in range(3):  # the quickest was not interrupted
        begin = time.perf_counter_ns()
        cycles = native.cycles()
        end = time.perf_counter_ns()
        readings.append((end - begin, cycles, (begin + end) // 2))
    _, cycles, moment = min(readings)
    return cycles, moment


def shutdown_team() -> None:
    """Ends the parked workers; the next run on several threads starts them again."""
    _team.stop()


class _Native:
    """The team's native functions; mapped to the end of the process, since parked workers stand in them."""

    def __init__(self) -> None:
        cpu, features = jit.host_cpu()
        key = object_cache.cache_key(f"thread team {jit.host_triple()}", f"{cpu} {features}")
        image = object_cache.load(key)
        if image is None:
            image = jit.compile_object(team.emit_team(jit.host_triple()), cpu, features)
            object_cache.store(key, "thread team", image)
        libc = ctypes.CDLL(None)
        imports = {name: ctypes.cast(libc[name], ctypes.c_void_p).value or 0 for name in team.IMPORTS}
        library = jit.load_objects(dict.fromkeys(team.SYMBOLS, image), imports)
        self.addresses = dict(library.addresses)
        library.make_permanent()

        def function(symbol: str, result: type | None, *arguments: type) -> Callable[..., int]:
            return ctypes.CFUNCTYPE(result, *arguments)(self.addresses[symbol])

        pointer, i32, i64 = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64
        self.run = function("ngc_team_run", None, pointer, pointer, ctypes.POINTER(Context), i32, i32)
        self.grow = function("ngc_team_grow", i32, pointer, i32, i32)
        self.stop = function("ngc_team_stop", None, pointer, i32)
        self.pause = function("ngc_pause", None, i64)
        self.cycles = function("ngc_cycles", i64)

        # A pause takes 3 to 50 ns, depending on the processor.
        best = min(self._time_pauses(256) for _ in range(4))
        self.pauses_per_ns = 256 / max(best, 1)

    def _time_pauses(self, count: int) -> int:
        start = time.perf_counter_ns()
        self.pause(count)
        return time.perf_counter_ns() - start


_native_lock = threading.Lock()


@functools.cache
def _load_native() -> _Native:
    return _Native()


def _native() -> _Native:
    """Returns the native functions, compiled and loaded once per process."""
    with _native_lock:
        return _load_native()


class _Team:
    """The state of this process's workers."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._lock = threading.Lock()
        self._state = 0
        self._threads = 1
        self._cpus = 0

    def run(self, address: int, ctx: Context, threads: int) -> None:
        """Runs a program on the caller and threads-1 workers, after the runs that came before."""
        native = _native()
        with self._lock:
            if threads > self._threads:
                self._grow(native, threads)
            # With fewer processors than threads, whoever spins keeps the one that it waits for from running.
            crowded = threads > self._cpus
            spins = 0 if crowded else int(_RUN_SPIN_NS * native.pauses_per_ns)
            park_spins = 0 if crowded else int(_PARK_SPIN_NS * native.pauses_per_ns)
            ctx.team = self._state
            native.run(self._state, address, ctx, spins, park_spins)

    def stop(self) -> None:
        """Ends all workers of this process."""
        with self._lock:
            if self.pid == os.getpid() and self._threads > 1:
                _native().stop(self._state, self._threads)
                self._threads = 1

    def _grow(self, native: _Native, threads: int) -> None:
        self._cpus = available_cpus()
        if not self._state:
            self._state = _allocate(team.STATE_BYTES, team.STATE_ALIGNMENT)
        # The workers inherit the mask that their creator has at this moment.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - _OWN_SIGNALS)
        try:
            error = native.grow(self._state, self._threads, threads)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        alive = ctypes.c_int32.from_address(self._state + team.ALIVE).value
        self._threads = alive + 1
        if error:
            raise InputError(
                f"threads={threads}: the system started {self._threads} and refused the next "
                f"({errno.errorcode.get(error, error)}: {os.strerror(error)}); ask for fewer or raise its limit"
            )


def _allocate(size: int, alignment: int) -> int:
    """Returns the address of zeroed memory that is never freed: parked workers look at it to the very end."""
    calloc = ctypes.CDLL(None).calloc
    calloc.restype, calloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t, ctypes.c_size_t)
    address: int | None = calloc(1, size + alignment)
    if not address:
        raise MemoryError(f"no memory for the state of the thread team ({size} bytes)")
    return (address + alignment - 1) // alignment * alignment


def _forget_team() -> None:
    """Starts over in a forked child, where no worker exists and the lock may be held by a thread that is gone."""
    global _team, _native_lock
    _native_lock = threading.Lock()
    _team = _Team()


_team = _Team()
os.register_at_fork(after_in_child=_forget_team)
