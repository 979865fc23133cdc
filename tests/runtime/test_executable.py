"""Executables under load: many threads, forks, spawned pools, exits, arenas full of NaN; and what callers may feed and pass as `out`."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ngc
from ngc.errors import InputError
from ngc.ir import SymDim
from ngc.ir.builder import GraphBuilder
from ngc.runtime import Executable
from tests.checkpoints import CLASSES, SHAPE, make_input, reference, write_checkpoint

ROOT = Path(__file__).parents[2]

# The full load is 10,000 runs; continuous integration takes a tenth unless it says otherwise.
RUNS = int(os.environ.get("NGC_STRESS_RUNS", "1000"))

# float32 through 27 products, 99 pixels and a softmax.
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def executables(prefix: str) -> dict[int, Executable]:
    return {threads: ngc.compile(prefix, shapes={"data": ("N", *SHAPE[1:])}, threads=threads) for threads in (1, 2, 3)}


@pytest.fixture
def executable(executables: dict[int, Executable]) -> Executable:
    return executables[1]


def resident() -> int:
    """Returns the bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def python(script: str, prefix: str, *, path: Path | None = None) -> str:
    """Runs a script in a process of its own and returns what it printed; warnings are errors, and nothing may stand on stderr."""
    preamble = f"import sys, os, threading\nimport numpy as np, ngc\nfrom tests.checkpoints import *\nPREFIX = {prefix!r}\n"
    command = [sys.executable, "-W", "error"]
    if path is None:
        command += ["-c", preamble + script]
    else:
        path.write_text(preamble + script)
        command.append(str(path))
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# -- results -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 2, 3, 8])
def test_results_do_not_depend_on_the_number_of_threads(executables: dict[int, Executable], batch: int) -> None:
    x = make_input(batch)
    results = [executable.run({"data": x})[0] for executable in executables.values()]
    np.testing.assert_allclose(results[0], reference(x), **CLOSE)
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("threads", [1, 2])
def test_an_arena_full_of_nan_changes_nothing(executables: dict[int, Executable], threads: int) -> None:
    x = make_input(3)
    executable = executables[threads]
    np.testing.assert_array_equal(executable.run_poisoned({"data": x})[0], executable.run({"data": x})[0])


def test_a_call_takes_one_array(executable: Executable) -> None:
    x = make_input()
    np.testing.assert_array_equal(executable(x), executable.run({"data": x})[0])


def test_outputs_are_fresh(executable: Executable) -> None:
    first = executable.run({"data": make_input()})[0]
    kept = first.copy()
    second = executable.run({"data": make_input(seed=5)})[0]
    assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, kept)


def test_specs_and_memory(executable: Executable) -> None:
    assert [(spec.name, spec.shape, spec.dtype) for spec in executable.inputs] == [("data", ("N", *SHAPE[1:]), "float32")]
    assert [(spec.name, spec.shape) for spec in executable.outputs] == [("softmax_output", ("N", CLASSES))]
    memory = executable.memory
    assert memory.total == memory.weights + memory.arena + memory.code
    assert min(memory.weights, memory.arena, memory.code) > 0
    assert repr(executable) == "<ngc.Executable small(data['N', 3, 9, 11]) for cpu, 1 threads>"


# -- load --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
def test_eight_threads_at_once(executables: dict[int, Executable], threads: int) -> None:
    executable = executables[threads]
    inputs = [make_input(1 + number % 3, seed=number) for number in range(8)]
    wanted = [executable.run({"data": x})[0] for x in inputs]
    for x, result in zip(inputs, wanted, strict=True):
        np.testing.assert_allclose(result, reference(x), **CLOSE)
    start = threading.Barrier(8)

    def work(number: int, runs: int) -> bool:
        start.wait()
        return all(np.array_equal(executable.run({"data": inputs[number]})[0], wanted[number]) for _ in range(runs))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8), [max(RUNS // 40, 5)] * 8))  # what threads and arenas need once, they have now
        before = resident()
        assert all(pool.map(work, range(8), [RUNS // 8] * 8))
        after = resident()
    # An output array leaked in every run would be 28 bytes and its object, 100 and more: 1 MB in 10,000 runs. An arena leaked even once is more.
    assert after - before < 1 << 20
    assert executable._arenas.idle_bytes <= 8 * executable.program.arena_bytes(8, threads)  # no test feeds more images


def test_arenas_of_dropped_executables_are_freed(prefix: str) -> None:
    import gc
    import weakref

    executable = ngc.compile(prefix, shapes={"data": SHAPE}, threads=1)
    executable.run({"data": make_input()})
    pool = weakref.ref(executable._arenas)
    del executable
    gc.collect()
    assert pool() is None


def test_runs_before_and_after_a_fork(prefix: str) -> None:
    script = """
for threads in (1, 2):
    exe = ngc.compile(PREFIX, shapes={"data": SHAPE}, threads=threads)
    x = make_input()
    wanted = exe.run({"data": x})[0]
    child = os.fork()
    if child == 0:
        same = all(np.array_equal(exe.run({"data": x})[0], wanted) for _ in range(20))
        grandchild = os.fork()
        if grandchild == 0:
            os._exit(0 if np.array_equal(exe.run({"data": x})[0], wanted) else 1)
        os._exit(0 if same and os.waitpid(grandchild, 0)[1] == 0 else 1)
    assert all(np.array_equal(exe.run({"data": x})[0], wanted) for _ in range(20))
    assert os.waitpid(child, 0)[1] == 0
print("done")
"""
    assert python(script, prefix) == "done\n"


def test_forks_while_other_threads_run(prefix: str) -> None:
    script = """
exe = ngc.compile(PREFIX, shapes={"data": SHAPE}, threads=2)
x = make_input()
wanted = exe.run({"data": x})[0]
stop = threading.Event()
def work():
    while not stop.is_set():
        exe.run({"data": x})
workers = [threading.Thread(target=work) for _ in range(3)]
for worker in workers: worker.start()
for _ in range(10):
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(exe.run({"data": x})[0], wanted) else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for worker in workers: worker.join()
print("done")
"""
    assert python(script, prefix) == "done\n"


def test_a_spawn_pool(prefix: str, tmp_path: Path) -> None:
    script = """
import multiprocessing
def work(seed):
    exe = ngc.compile(PREFIX, shapes={"data": SHAPE}, threads=2)
    x = make_input(seed=seed)
    return float(np.abs(exe.run({"data": x})[0] - reference(x)).max())
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(max(pool.map(work, range(3))) < 1e-5)
"""
    assert python(script, prefix, path=tmp_path / "pool.py") == "True\n"


@pytest.mark.parametrize("leave", ["", "sys.exit(0)", "raise SystemExit", "os._exit(0)"])
def test_exit_with_workers_alive(prefix: str, leave: str) -> None:
    script = f"""
exe = ngc.compile(PREFIX, shapes={{"data": SHAPE}}, threads=3)
exe.run({{"data": make_input()}})
threading.Thread(target=lambda: [exe.run({{"data": make_input()}}) for _ in range(50)]).start()
print("done", flush=True)
{leave}
"""
    assert python(script, prefix) == "done\n"


# -- feeds -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("convert", [
    np.asfortranarray, lambda x: np.repeat(x, 2, axis=3)[:, :, :, ::2], lambda x: x[:, ::-1].copy()[:, ::-1], lambda x: x.astype(np.float16).astype(np.float32),
    lambda x: x.astype(">f4"), lambda x: x.tolist(), memoryview, lambda x: np.lib.stride_tricks.as_strided(x, x.shape, x.strides),
], ids=["fortran", "strided", "reversed", "rounded", "big-endian", "list", "memoryview", "as_strided"])
def test_what_is_taken(executable: Executable, convert: Any) -> None:
    x = make_input().astype(np.float16).astype(np.float32)
    if convert(x) is x or isinstance(convert(x), list):  # a list of Python floats is float64, which would lose digits
        with pytest.raises(InputError, match="has dtype float64, which does not convert to float32 without loss"):
            executable.run({"data": convert(x)})
        return
    np.testing.assert_array_equal(executable.run({"data": convert(x)})[0], executable.run({"data": x})[0])


def test_exact_widenings_are_converted(executable: Executable) -> None:
    x = np.random.default_rng(0).integers(0, 255, SHAPE)
    wanted = executable.run({"data": x.astype(np.float32)})[0]
    for dtype in (np.uint8, np.int16, np.uint16):
        np.testing.assert_array_equal(executable.run({"data": x.astype(dtype)})[0], wanted)
    np.testing.assert_array_equal(executable.run({"data": x.astype(np.float16)})[0], wanted)


def test_dlpack_is_taken(executable: Executable) -> None:
    x = make_input()

    class Tensor:
        """Offers DLPack and nothing else."""

        def __dlpack__(self, **options: Any) -> Any:
            return x.__dlpack__(**options)

        def __dlpack_device__(self) -> Any:
            return x.__dlpack_device__()

    np.testing.assert_array_equal(executable.run({"data": Tensor()})[0], executable.run({"data": x})[0])


@pytest.mark.parametrize("offset", [1, 4, 12, 60])
@pytest.mark.parametrize("threads", [1, 2])
def test_memory_at_any_address(executables: dict[int, Executable], offset: int, threads: int) -> None:
    x = make_input()
    data = np.zeros(x.nbytes + 128, np.uint8)
    at = -data.ctypes.data % 64 + offset
    moved = data[at:at + x.nbytes].view(np.float32).reshape(x.shape)
    moved[:] = x
    executable, wanted = executables[threads], executables[1].run({"data": x})[0]
    np.testing.assert_array_equal(executable.run({"data": moved})[0], wanted)
    room = np.zeros(wanted.nbytes + 128, np.uint8)
    at = -room.ctypes.data % 64 + offset // 4 * 4  # the caller's array must be aligned to its elements
    out = room[at:at + wanted.nbytes].view(np.float32).reshape(wanted.shape)
    executable.run({"data": x}, out=[out])
    np.testing.assert_array_equal(out, wanted)


def test_inputs_are_read_in_place(executable: Executable) -> None:
    x = make_input()
    x.flags.writeable = False
    np.testing.assert_allclose(executable.run({"data": x})[0], reference(x), **CLOSE)


LOSSY = "which does not convert to float32 without loss; convert it yourself if that is meant"
ACCEPTED = "inputs: 'data' (N, 3, 9, 11) float32"


@pytest.mark.parametrize(("feeds", "message"), [
    ({"dat": make_input()}, f"unknown input 'dat'; {ACCEPTED}"),
    ({"data": make_input(), "b": 1, "a": 2}, f"unknown input 'a', 'b'; {ACCEPTED}"),
    ({}, f"missing input 'data'; {ACCEPTED}"),
    ({"data": make_input()[:, :2]}, "input 'data' has shape (2, 2, 9, 11); accepted is (N, 3, 9, 11) with N >= 1"),
    ({"data": make_input()[:0]}, "input 'data' has shape (0, 3, 9, 11); accepted is (N, 3, 9, 11) with N >= 1"),
    ({"data": make_input()[0]}, "input 'data' has shape (3, 9, 11); accepted is (N, 3, 9, 11) with N >= 1"),
    ({"data": 1.0}, f"input 'data' has dtype float64, {LOSSY}"),
    ({"data": make_input().astype(np.complex64)}, f"input 'data' has dtype complex64, {LOSSY}"),
    ({"data": make_input().astype(np.int64)}, f"input 'data' has dtype int64, {LOSSY}"),
    ({"data": [[1], [1, 2]]}, "input 'data' is no array: "),
    ({"data": None}, f"input 'data' has dtype object, {LOSSY}"),
    ({"data": "images"}, f"input 'data' has dtype <U6, {LOSSY}"),
    (make_input(), f"run() takes a dictionary of arrays by input name, not ndarray; {ACCEPTED}"),
    (None, f"run() takes a dictionary of arrays by input name, not NoneType; {ACCEPTED}"),
])
def test_wrong_feeds(executable: Executable, feeds: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        executable.run(feeds)
    assert str(error.value).startswith(message)
    assert str(error.value) == message or message.endswith(": ")


def test_inputs_that_disagree_on_the_batch() -> None:
    builder = GraphBuilder("sum")
    a, b = builder.input("a", (SymDim(), 4)), builder.input("b", (SymDim(), 4))
    executable = ngc.compile(builder.finish([builder.op("add", a, b)], ["c"]), threads=1)
    np.testing.assert_array_equal(executable.run({"a": np.ones((3, 4), np.float32), "b": np.ones((3, 4), np.float32)})[0], np.full((3, 4), 2))
    with pytest.raises(InputError) as error:
        executable.run({"a": np.ones((3, 4), np.float32), "b": np.ones((2, 4), np.float32)})
    assert str(error.value) == "input 'b' has shape (2, 4); accepted is (N, 4) with N = 3 as in 'a'"
    with pytest.raises(InputError) as error:
        executable(np.ones((3, 4), np.float32))
    assert str(error.value) == "a call takes one array; this model has 2 inputs: use run() with a dictionary of a, b"


# -- out ---------------------------------------------------------------------------------------------------------------


def test_out_is_filled_and_returned(executable: Executable) -> None:
    x = make_input()
    out = np.full((2, CLASSES), np.nan, np.float32)
    result = executable.run({"data": x}, out=[out])
    assert result[0] is out
    np.testing.assert_array_equal(out, executable.run({"data": x})[0])


@pytest.mark.parametrize("out", [
    np.zeros((2, CLASSES + 1), np.float32), np.zeros((2, CLASSES)), np.zeros((2, 2 * CLASSES), np.float32)[:, ::2], np.zeros((CLASSES, 2), np.float32).T,
    np.frombuffer(bytes(8 * CLASSES), np.float32).reshape(2, CLASSES), [[0.0] * CLASSES] * 2,
], ids=["shape", "dtype", "strided", "transposed", "read-only", "list"])
def test_wrong_out(executable: Executable, out: Any) -> None:
    with pytest.raises(InputError) as error:
        executable.run({"data": make_input()}, out=[out])
    assert str(error.value) == "out= for 'softmax_output' takes a writable C-contiguous array of shape (2, 7) and dtype float32"


def test_out_that_overlaps(executable: Executable) -> None:
    x = make_input()
    with pytest.raises(InputError) as error:
        executable.run({"data": x}, out=[x.reshape(-1)[:2 * CLASSES].reshape(2, CLASSES)])
    assert str(error.value) == "out= for 'softmax_output' shares memory with an input or another output; every output needs memory of its own"


def test_out_of_the_wrong_length(executable: Executable) -> None:
    with pytest.raises(InputError, match=r"^out= takes 1 arrays, not 2$"):
        executable.run({"data": make_input()}, out=[np.zeros((2, CLASSES), np.float32)] * 2)


# -- the rest ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [0, -1, 1025, True, 1.5, "2"])
def test_wrong_threads(prefix: str, threads: Any) -> None:
    with pytest.raises(InputError) as error:
        ngc.compile(prefix, shapes={"data": SHAPE}, threads=threads)
    assert str(error.value) == f"threads={threads!r}: accepted are 1 to 1024"


def test_a_profile_counts_the_operations_of_all_images_of_a_fixed_batch(prefix: str) -> None:
    one, two = (ngc.compile(prefix, shapes={"data": (batch, *SHAPE[1:])}).program.calls for batch in (1, 2))
    assert [2 * call.flops for call in one] == [call.flops for call in two]


@pytest.mark.parametrize("threads", [1, 2])
def test_profile(executables: dict[int, Executable], threads: int) -> None:
    executable = executables[threads]
    profile = executable.profile({"data": make_input()}, runs=4)
    assert (profile.runs, profile.threads, profile.batch) == (4, threads, 2)
    assert [kernel.symbol for kernel in profile.kernels] == [call.symbol for call in executable.program.calls]
    assert sum(kernel.share for kernel in profile.kernels) == pytest.approx(1)  # shares of the total
    assert "conv2d" in profile.table()
    with pytest.raises(InputError, match=r"^profile takes at least 1 run, not 0$"):
        executable.profile({"data": make_input()}, runs=0)
