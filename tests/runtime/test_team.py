import ctypes
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ngc.codegen.llvm import jit
from ngc.codegen.llvm import team as native
from ngc.errors import CodegenError, InputError
from ngc.runtime import team
from ngc.runtime.context import Context
from tests.runtime.native_programs import DENORMAL, PHASES, Program, run_phases

ROOT = Path(__file__).parents[2]

# What the subprocesses of this file begin with.
PREAMBLE = """
import os, sys, threading
from pathlib import Path
from ngc.runtime import team
from tests.runtime.native_programs import PHASES, Program, run_phases
"""


@pytest.fixture(scope="module")
def phases() -> Program:
    return Program(PHASES, "phases")


def python(text: str, *, path: Path | None = None) -> str:
    """Runs a script in a process of its own and returns what it printed."""
    command = [sys.executable, "-W", "error", *([str(path)] if path else ["-c", PREAMBLE + text])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(("threads", "count"), [(1, 100), (2, 3000), (3, 200), (4, 200)])
def test_barrier_separates_phases(phases: Program, threads: int, count: int) -> None:
    done, mistakes = run_phases(phases, threads, count)
    assert done == [count] * threads
    assert mistakes == [0] * threads


def test_barrier_with_sleeping_threads(phases: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without spinning, every meeting goes through sched_yield and the futex.
    monkeypatch.setattr(team, "_RUN_SPIN_NS", 0)
    monkeypatch.setattr(team, "_PARK_SPIN_NS", 0)
    for _ in range(10):
        assert run_phases(phases, 4, 20) == ([20] * 4, [0] * 4)


def test_smaller_run_on_a_larger_team(phases: Program) -> None:
    for threads in (4, 2, 3, 1, 2, 4):
        assert run_phases(phases, threads, 20) == ([20] * threads, [0] * threads)


def test_caller_context_is_thread_zero(phases: Program) -> None:
    arena = (ctypes.c_int64 * 16)()
    ctx = Context(n=1, arena=ctypes.addressof(arena))
    team.run_program(phases.address, ctx, 2)
    assert (ctx.thread, ctx.threads) == (0, 2)
    team.run_program(phases.address, ctx, 1)
    assert (ctx.thread, ctx.threads, ctx.team) == (0, 1, None)


def test_python_threads_queue_for_the_team(phases: Program) -> None:
    results = []

    def many_runs() -> None:
        results.extend(run_phases(phases, 2, 5) for _ in range(40))

    callers = [threading.Thread(target=many_runs) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert results == [([5, 5], [0, 0])] * 320


def test_single_threaded_runs_go_on_side_by_side() -> None:
    # Two runs on one thread each that wait for each other end only if both are in native code at once.
    text = """
    define void @meet(ptr %ctx) {
    entry:
      %arena.ptr = getelementptr i8, ptr %ctx, i64 24
      %arena = load ptr, ptr %arena.ptr
      %before = atomicrmw add ptr %arena, i64 1 seq_cst
      br label %wait
    wait:
      %here = load atomic i64, ptr %arena seq_cst, align 8
      %both = icmp eq i64 %here, 2
      br i1 %both, label %done, label %wait
    done:
      ret void
    }"""
    program = Program(text, "meet")
    arena = (ctypes.c_int64 * 1)()
    callers = [
        threading.Thread(
            target=lambda: team.run_program(program.address, Context(arena=ctypes.addressof(arena)), 1)
        )
        for _ in range(2)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=30)
    assert not any(caller.is_alive() for caller in callers)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="sets MXCSR")
def test_workers_take_over_the_floating_point_mode() -> None:
    text = """
    declare void @llvm.x86.sse.ldmxcsr(ptr)
    define void @set_mxcsr(ptr %word) {
      call void @llvm.x86.sse.ldmxcsr(ptr %word)
      ret void
    }"""
    library = jit.load_objects({"set_mxcsr": jit.compile_object(text, *jit.host_cpu())})
    set_mxcsr = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_uint32))(library.addresses["set_mxcsr"])
    program = Program(DENORMAL, "denormal")

    def products() -> list[float]:
        arena = (ctypes.c_float * 4)(*[-1.0] * 4)
        team.run_program(program.address, Context(arena=ctypes.addressof(arena)), 4)
        return list(arena)

    kept = products()
    assert all(0 < product < 1.2e-38 for product in kept)
    default, flush_to_zero = ctypes.c_uint32(0x1F80), ctypes.c_uint32(0x9FC0)
    try:
        set_mxcsr(flush_to_zero)
        flushed = products()
    finally:
        set_mxcsr(default)
    assert flushed == [0.0] * 4
    assert products() == kept


def test_workers_leave_signals_to_python(phases: Program) -> None:
    run_phases(phases, 4, 1)
    python_threads = {thread.native_id for thread in threading.enumerate()}
    blocked = []
    for task in Path("/proc/self/task").iterdir():
        status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines() if ":" in line)
        if int(task.name) not in python_threads:
            blocked.append(int(status["SigBlk"], 16))
    # Bit n-1 stands for signal n: 2 is SIGINT, 15 SIGTERM, 11 SIGSEGV.
    workers = [mask for mask in blocked if mask & 1 << 1 and mask & 1 << 14 and not mask & 1 << 10]
    assert len(workers) >= 3


def test_team_restarts_after_shutdown(phases: Program) -> None:
    def tasks() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    team.shutdown_team()
    for _ in range(8):
        assert run_phases(phases, 3, 5) == ([5] * 3, [0] * 3)
        running = tasks()
        team.shutdown_team()
        assert running >= 3
    team.shutdown_team()


@pytest.mark.parametrize("threads", [0, -1, native.MAX_THREADS + 1])
def test_number_of_threads_out_of_range(phases: Program, threads: int) -> None:
    with pytest.raises(InputError, match=f"^threads={threads}: accepted are 1 to {native.MAX_THREADS}$"):
        team.run_program(phases.address, Context(), threads)


def test_system_that_refuses_threads() -> None:
    out = python(
        """
import resource
program = Program(PHASES, "phases")
import ngc.errors
# No stack fits any more, so pthread_create fails; the limit lies above what is mapped already.
mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
hard = resource.getrlimit(resource.RLIMIT_AS)[1]
resource.setrlimit(resource.RLIMIT_AS, (mapped + (30 << 20), hard))
try:
    run_phases(program, 64, 1)
except ngc.errors.InputError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
print(run_phases(program, 2, 3))
"""
    )
    message, after = out.splitlines()
    assert message.startswith("threads=64: the system started ")
    assert "refused the next (EAGAIN: " in message
    assert after == "([3, 3], [0, 0])"


def test_fork_in_the_middle() -> None:
    out = python(
        """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12 and later, about fork beside threads
program = Program(PHASES, "phases")
assert run_phases(program, 2, 10) == ([10] * 2, [0] * 2)
stop = threading.Event()
def others():
    while not stop.is_set():
        run_phases(program, 2, 10)
busy = [threading.Thread(target=others) for _ in range(2)]
for thread in busy: thread.start()
for _ in range(5):
    child = os.fork()
    if not child:
        ok = run_phases(program, 1, 10)[1] == [0] and run_phases(program, 3, 10) == ([10] * 3, [0] * 3)
        sys.stdout.flush()
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
stop.set()
for thread in busy: thread.join()
print(run_phases(program, 2, 10))
"""
    )
    assert out == "([10, 10], [0, 0])\n"


def test_spawn_pool(tmp_path: Path) -> None:
    script = tmp_path / "spawned.py"
    script.write_text(
        PREAMBLE
        + """
import multiprocessing
def one(phases):
    return run_phases(Program(PHASES, "phases"), 2, phases)
if __name__ == "__main__":
    run_phases(Program(PHASES, "phases"), 2, 5)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(one, [3, 4]))
"""
    )
    assert python("", path=script) == "[([3, 3], [0, 0]), ([4, 4], [0, 0])]\n"


def test_interpreter_exit_with_parked_workers() -> None:
    assert python('print(run_phases(Program(PHASES, "phases"), 4, 3)[1])') == "[0, 0, 0, 0]\n"


def test_interpreter_exit_in_the_middle_of_a_run() -> None:
    out = python(
        """
program = Program(PHASES, "phases")
started = threading.Event()
def forever():
    while True:
        run_phases(program, 2, 100)
        started.set()
threading.Thread(target=forever, daemon=True).start()
started.wait()
print("leaving")
"""
    )
    assert out == "leaving\n"


def test_default_threads() -> None:
    assert 1 <= team.default_threads() <= len(os.sched_getaffinity(0))


def test_context_layout() -> None:
    offsets = {name: getattr(Context, name).offset for name, *_ in Context._fields_}
    assert offsets == {
        "abi": 0, "thread": 4, "threads": 8, "flags": 12, "n": 16, "arena": 24, "weights": 32, "inputs": 40,
        "outputs": 48, "stamps": 56, "team": 64, "scratch_bytes": 72, "reserved": 80,
    }  # fmt: skip
    assert ctypes.sizeof(Context) == 128


def test_team_exists_for_aarch64_too() -> None:
    assembly = jit.compile_assembly(native.emit_team("aarch64-unknown-linux-gnu"), "generic", "")
    assert "ngc_team_run:" in assembly
    assert "yield" in assembly
    assert "FPCR" in assembly


def test_no_team_for_other_architectures() -> None:
    with pytest.raises(CodegenError, match="no thread team for riscv64-unknown-linux-gnu; supported are x86_64 and"):
        native.emit_team("riscv64-unknown-linux-gnu")
